//! Output of a direction: adds connection and direction to its events.

use crate::conn::{ByteEvent, ConnId, Direction, Stamp, What};

/// The sink for the events of one direction.
pub(super) struct Out<'s> {
    /// The connection of the events.
    pub(super) conn: ConnId,
    /// The direction of the events.
    pub(super) dir: Direction,
    /// The closure that takes the events.
    pub(super) sink: &'s mut dyn FnMut(ByteEvent<'_>),
}

impl Out<'_> {
    /// Pass one event to the sink.
    pub(super) fn emit(&mut self, stamp: Stamp, what: What<'_>) {
        (self.sink)(ByteEvent { at: stamp.at, frame: stamp.frame, conn: self.conn, dir: self.dir, what });
    }
}
