//! What a table of connections holds in memory.

use super::{Connection, Key, Table};
use crate::conn::{ByteEvent, ConnId, End};
use crate::time::Timestamp;
use std::cmp::Reverse;

/// Bytes of memory of one connection: itself, its allocation, the checksums of its first deliveries, and its entry in
/// the lists of those that may give way.
const CONNECTION: usize = size_of::<Connection>() + 16 + 192 + 128;
/// Bytes of an entry of an index: a table has eight for seven that it has room for, and a byte more for each.
const INDEXED: usize = (size_of::<(Key, usize)>() + 1) * 8 / 7;
/// Tables that have room for more than this many times what is in them give it back when memory is short.
const SPARE: usize = 4;

impl Table {
    /// Bytes of memory in use, about.
    pub fn held(&self) -> usize {
        self.held.all() + self.len() * CONNECTION + self.tables
    }

    /// Count the indexes, the slots and the timers by what they have room for.
    pub(super) fn count_tables(&mut self) {
        let indexed = (self.index.capacity() + self.halves.capacity()) * INDEXED;
        let slots = (self.slots.capacity() + self.free.capacity()) * size_of::<usize>();
        self.tables = indexed + slots + self.timers.capacity() * size_of::<Reverse<(Timestamp, usize, ConnId)>>();
    }

    /// The memory of all is short: give back what the tables do not need.
    pub fn trim(&mut self) {
        let len = self.len();
        if self.index.capacity() > SPARE * len {
            self.index.shrink_to(2 * len);
            self.halves.shrink_to(2 * len);
            self.timers.shrink_to(2 * len);
        }
        self.count_tables();
    }

    /// What each connection holds, by number: with its slot, and bytes of memory.
    pub fn holders(&self) -> Vec<(ConnId, usize, usize)> {
        let each = self.slots.iter().enumerate().filter_map(|(slot, conn)| conn.as_ref().map(|conn| (slot, conn)));
        let mut all: Vec<_> = each.map(|(slot, c)| (c.id, slot, CONNECTION + c.counted.all())).collect();
        all.sort_unstable();
        all
    }

    /// The memory of all is short: the connection in this slot ends here, and what waits is dropped.
    pub fn give_way(&mut self, slot: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        if let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            conn.forget_waiting();
            self.close(slot, End::Capture, sink);
        }
    }
}
