//! Place of an event of a TLS connection.

use crate::conn::Direction;
use crate::time::Timestamp;

/// Time, packet number and direction.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) at: Timestamp,
    pub(super) frame: u64,
    pub(super) dir: Direction,
}
