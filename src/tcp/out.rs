//! The way out: stamps events with connection and direction.

use crate::conn::{ByteEvent, ConnId, Direction, What};
use crate::time::Timestamp;

/// A packet: when, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    /// Capture time.
    pub(super) at: Timestamp,
    /// Number from 1.
    pub(super) frame: u64,
}

/// Where the events of one direction go.
pub(super) struct Out<'s> {
    /// Which connection.
    pub(super) conn: ConnId,
    /// Which way.
    pub(super) dir: Direction,
    /// The reader.
    pub(super) sink: &'s mut dyn FnMut(ByteEvent<'_>),
}

impl Out<'_> {
    /// Hand one event on.
    pub(super) fn emit(&mut self, stamp: Stamp, what: What<'_>) {
        (self.sink)(ByteEvent { at: stamp.at, frame: stamp.frame, conn: self.conn, dir: self.dir, what });
    }
}
