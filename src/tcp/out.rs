//! The way out: stamps events with connection and direction.

use crate::conn::{ByteEvent, ConnId, Direction, Stamp, What};

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
