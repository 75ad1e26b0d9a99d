//! Where something of a TLS connection happened.

use crate::conn::Direction;
use crate::time::Timestamp;

/// When, in which packet and which way.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) at: Timestamp,
    pub(super) frame: u64,
    pub(super) dir: Direction,
}
