//! Many connections: finding the connection of a segment, timers, and the shared limits.

mod memory;

use super::Limits;
use super::connection::{Connection, Held, Rival, Verdict};
use super::early::ALL_BYTES;
use super::ignored_reset::IgnoredReset;
use super::key::{Fold, Key};
use crate::conn::{ByteEvent, ConnId, End};
use crate::net::Segment;
use crate::time::{Span, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// Number of connections to look at in search of one that has been idle for long.
const SAMPLE: usize = 64;

/// Bytes of memory for segments after resets, all connections together. The segments that come first are
/// kept.
const AFTER_RESET: usize = 8 << 20;

/// All connections.
///
/// Holds no clock and no global state, so that several tables can share the work by connection.
#[derive(Debug, Default)]
pub struct Table {
    limits: Limits,
    index: HashMap<Key, usize, Fold>,
    /// Connections of which one direction was seen so far, by their ends in any realm: tags may differ by direction.
    halves: HashMap<Key, usize, Fold>,
    slots: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    /// When to look at a connection again. Per connection, the entry that equals its `due` is valid; all
    /// others are stale.
    timers: BinaryHeap<Reverse<(Timestamp, usize, ConnId)>>,
    /// Directions with waiting bytes, in the order in which their present hole opened.
    holes: BTreeMap<u64, (usize, usize)>,
    last_hole: u64,
    /// What all connections hold.
    held: Held,
    /// Bytes of memory of the indexes, the slots and the timers.
    tables: usize,
    next_id: u32,
    /// Time of the previous packet.
    previous: Option<Timestamp>,
    /// Slot at which the search for an idle connection continues.
    hand: usize,
}

impl Table {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Table { limits, ..Table::default() }
    }

    /// Process one segment. Ends idle connections as packet time passes.
    pub fn push(&mut self, segment: &Segment<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        // The earlier of two times: one packet with a wrong clock must not end every connection.
        let now = self.previous.map_or(segment.at, |p| p.min(segment.at));
        self.previous = Some(segment.at);
        self.run_timers(now, sink);

        let (key, side) = Key::of(segment);
        let slot = match self.index.get(&key) {
            Some(&slot) => slot,
            None => match self.other_half(key, side, segment) {
                Some(slot) => slot,
                None => self.open(key, side, segment, None, sink),
            },
        };
        self.turn(slot, key, side, segment, sink);
        self.relieve(sink);
    }

    /// A segment is taken, with what waited for it, or waits. Returns the slot of its connection, which may be
    /// another one after it.
    #[inline]
    fn turn(
        &mut self,
        mut slot: usize,
        key: Key,
        side: usize,
        segment: &Segment<'_>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        let Some(mut conn) = self.slots.get(slot).and_then(Option::as_ref) else { return slot };
        if conn.has_early() && conn.patience(&self.limits).is_some_and(|at| at <= segment.at) {
            slot = self.no_longer(slot, sink);
            let Some(now) = self.slots.get(slot).and_then(Option::as_ref) else { return slot };
            conn = now;
        }
        if conn.is_early(side, segment) && self.limits.early > Span(0) {
            return self.wait(slot, key, side, segment, sink);
        }
        let slot = self.take(slot, key, side, segment, sink);
        self.account(slot);
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(conn) if conn.is_young() => self.grow(slot, sink),
            Some(conn) if conn.has_early() => self.take_early(slot, Some((side, segment.at)), sink),
            _ => slot,
        }
    }

    /// The connection reads a segment.
    #[inline]
    fn take(
        &mut self,
        mut slot: usize,
        key: Key,
        side: usize,
        segment: &Segment<'_>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return slot };
        let half = !conn.whole();
        let verdict = conn.segment(side, segment, &self.limits, sink);
        if half && conn.whole() && self.halves.get(&key.ends()) == Some(&slot) {
            self.halves.remove(&key.ends());
        }
        if let Verdict::Revival(ignored) = verdict {
            slot = self.revive(slot, key, side, segment, &ignored, sink);
        } else if let Verdict::Successor(rival) = verdict {
            self.close(slot, End::Capture, sink);
            slot = self.open(key, side, segment, rival, sink);
            if let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) {
                conn.segment(side, segment, &self.limits, sink);
            }
        }
        slot
    }

    /// A segment came before what it acknowledges.
    #[cold]
    fn wait(
        &mut self,
        slot: usize,
        key: Key,
        side: usize,
        segment: &Segment<'_>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return slot };
        let full = conn.wait(side, segment);
        if conn.whole() && self.halves.get(&key.ends()) == Some(&slot) {
            self.halves.remove(&key.ends());
        }
        self.account(slot);
        if full || self.held.early > ALL_BYTES { self.no_longer(slot, sink) } else { slot }
    }

    /// The segments of this connection have waited long enough.
    #[cold]
    fn no_longer(&mut self, slot: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) -> usize {
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(conn) if conn.is_young() => self.grow(slot, sink),
            _ => self.take_early(slot, None, sink),
        }
    }

    /// The connection began, with a handshake or without one: take what waited for that.
    #[cold]
    fn grow(&mut self, mut slot: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) -> usize {
        let waited = self.slots.get_mut(slot).and_then(Option::as_mut).map(|conn| conn.grow_up());
        self.account(slot);
        for (side, kept) in waited.into_iter().flatten() {
            let segment = kept.segment();
            slot = self.turn(slot, Key::of(&segment).0, side, &segment, sink);
        }
        slot
    }

    /// Take what waited for `seen`, which this side sent at that time, and what waited for that in turn: nothing is
    /// older than what it answers. Without `seen` the wait is over for all of it.
    #[cold]
    fn take_early(
        &mut self,
        mut slot: usize,
        seen: Option<(usize, Timestamp)>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        let mut floors = [Timestamp(i64::MIN); 2];
        if let Some((side, at)) = seen {
            floors[1 - side] = at;
        }
        while let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            if seen.is_none() {
                conn.excuse();
            }
            let ready: Vec<_> = std::iter::from_fn(|| conn.next_early(seen.is_none())).collect();
            if ready.is_empty() {
                break;
            }
            let before = floors;
            for (side, kept) in ready {
                let segment = kept.segment();
                let at = segment.at.max(before[side]);
                if seen.is_some() {
                    floors[1 - side] = floors[1 - side].max(at);
                }
                let last = self.slots.get(slot).and_then(Option::as_ref).map(|conn| conn.last);
                slot = self.take(slot, Key::of(&segment).0, side, &Segment { at, ..segment }, sink);
                if let (Some(conn), Some(last)) = (self.slots.get_mut(slot).and_then(Option::as_mut), last)
                    && conn.last.at < last.at
                {
                    conn.last = last;
                }
                self.account(slot);
            }
        }
        slot
    }

    /// Time passes without packets (live).
    pub fn advance(&mut self, now: Timestamp, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.run_timers(now, sink);
    }

    /// The capture is over: everything that waits is delivered with its gaps, every connection is closed.
    pub fn finish(&mut self, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let mut left: Vec<(ConnId, usize)> =
            self.slots.iter().enumerate().filter_map(|(slot, conn)| conn.as_ref().map(|c| (c.id, slot))).collect();
        left.sort_unstable();
        for (_, slot) in left {
            self.close(slot, End::Capture, sink);
        }
        self.timers.clear();
    }

    /// Connections that are open or linger.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn open(
        &mut self,
        key: Key,
        side: usize,
        seg: &Segment<'_>,
        rival: Option<Rival>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        while self.len() >= self.limits.connections.max(1) {
            let Some(slot) = self.idlest() else { break };
            self.close(slot, End::Capture, sink);
        }
        let id = ConnId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let conn = Box::new(Connection::open(id, key, side, seg, rival, sink));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(conn);
                slot
            }
            None => {
                self.slots.push(Some(conn));
                self.slots.len() - 1
            }
        };
        self.index.insert(key, slot);
        self.halves.insert(key.ends(), slot);
        self.count_tables();
        slot
    }

    /// The reset that ended the connection in `slot` was ignored: another connection begins after it.
    #[cold]
    fn revive(
        &mut self,
        slot: usize,
        key: Key,
        side: usize,
        segment: &Segment<'_>,
        ignored: &IgnoredReset,
        sink: &mut dyn FnMut(ByteEvent<'_>),
    ) -> usize {
        let client = self.slots.get(slot).and_then(Option::as_ref).map_or(side, |c| c.client());
        self.close(slot, End::Capture, sink);
        let Some(first) = ignored.each().next() else { return slot };
        let slot = self.open(key, ignored.side(), &first, None, sink);
        if let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            conn.led_by(client, sink);
            for kept in ignored.each() {
                conn.segment(ignored.side(), &kept, &self.limits, sink);
            }
            conn.report_ignored_reset(ignored.side(), sink);
            conn.segment(side, segment, &self.limits, sink);
        }
        slot
    }

    /// The connection whose other direction, in another realm, this segment belongs to: a mirror port or a
    /// device that strips tags shows a VLAN for one direction only. The handshake must fit, because equal
    /// addresses occur in different VLANs.
    #[cold]
    fn other_half(&mut self, key: Key, side: usize, segment: &Segment<'_>) -> Option<usize> {
        let slot = *self.halves.get(&key.ends())?;
        let conn = self.slots.get_mut(slot)?.as_mut().filter(|conn| conn.is_answered_by(side, segment))?;
        conn.alias = Some(key);
        self.index.insert(key, slot);
        Some(slot)
    }

    fn close(&mut self, slot: usize, how: End, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        if self.slots.get(slot).and_then(Option::as_ref).is_some_and(|conn| conn.is_young() && conn.has_early()) {
            self.grow(slot, sink);
        }
        let Some(conn) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.index.remove(&conn.key);
        if let Some(alias) = conn.alias {
            self.index.remove(&alias);
        }
        if self.halves.get(&conn.key.ends()) == Some(&slot) {
            self.halves.remove(&conn.key.ends());
        }
        self.free.push(slot);
        self.held.replace(conn.counted, Held::default());
        for no in conn.hole_no {
            self.holes.remove(&no);
        }
        conn.close(how, &self.limits, sink);
    }

    /// After a segment or a timer: count what waits, and set the time of the next look.
    fn account(&mut self, slot: usize) {
        let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        let held = conn.held();
        if held != Held::default() || conn.counted != Held::default() {
            for (side, no) in conn.hole_no.iter_mut().enumerate() {
                let waits = conn.flows[side].waits();
                if waits && *no == 0 {
                    self.last_hole += 1;
                    *no = self.last_hole;
                    self.holes.insert(*no, (slot, side));
                } else if !waits && *no != 0 {
                    self.holes.remove(&std::mem::take(no));
                }
            }
            self.held.replace(conn.counted, held);
            conn.counted = held;
            if self.held.after_reset > AFTER_RESET {
                conn.forget_after_reset();
                self.held.replace(held, conn.held());
                conn.counted = conn.held();
            }
        }
        let deadline = conn.deadline(&self.limits);
        if deadline < conn.due {
            conn.due = deadline;
            self.timers.push(Reverse((deadline, slot, conn.id)));
        }
    }

    /// Give up the oldest holes while too many bytes wait.
    fn relieve(&mut self, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        while self.held.waiting > self.limits.memory {
            let Some((_, (slot, side))) = self.holes.pop_first() else { break };
            let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) else { continue };
            conn.hole_no[side] = 0;
            conn.give_up(side, sink);
            self.account(slot);
        }
    }

    fn run_timers(&mut self, now: Timestamp, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        while let Some(&Reverse((at, slot, id))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut) else { continue };
            if conn.id != id || conn.due != at {
                continue;
            }
            conn.due = Timestamp(i64::MAX);
            if conn.patience(&self.limits).is_some_and(|at| at <= now) {
                self.no_longer(slot, sink);
            }
            let Some(conn) = self.slots.get_mut(slot).and_then(Option::as_mut).filter(|conn| conn.id == id) else {
                continue;
            };
            conn.expire(now, &self.limits, sink);
            if conn.closing(&self.limits) <= now {
                self.close(slot, End::Idle, sink);
                continue;
            }
            conn.due = Timestamp(i64::MAX);
            self.account(slot);
        }
    }

    /// Approximately the longest idle connection: the longest idle one of a sample, which moves with each
    /// call.
    fn idlest(&mut self) -> Option<usize> {
        let total = self.slots.len();
        let mut best: Option<(bool, Timestamp, usize)> = None;
        let mut seen = 0;
        for step in 0..total {
            let slot = (self.hand + step) % total;
            if let Some(conn) = &self.slots[slot] {
                let candidate = (!conn.over(), conn.last.at, slot);
                best = Some(best.map_or(candidate, |b| b.min(candidate)));
                seen += 1;
                if seen == SAMPLE {
                    self.hand = (slot + 1) % total;
                    break;
                }
            }
        }
        best.map(|(_, _, slot)| slot)
    }
}
