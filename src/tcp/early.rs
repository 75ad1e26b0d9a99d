//! Segments that stand in the capture before what they answer: two taps whose clocks differ, or two queues of one
//! device, swap the directions by some milliseconds. An acknowledgement shows it: a sender can only acknowledge what
//! it has received (RFC 9293 section 3.4). Such a segment waits until the bytes, or the FIN, were seen, and is taken
//! after them, with their time if its own is earlier.
//!
//! The wait is bounded, because the capture may lack those bytes: [`Limits::early`](super::Limits) of capture time,
//! [`SEGMENTS`], [`BYTES`], and [`ALL_BYTES`] for the table. Then everything that waits on the connection is taken, in
//! order of arrival and with its own times, and the missing bytes count as seen: a capture that lost a direction
//! makes a connection wait once, and again only when that direction is back.
//!
//! Where the capture has no handshake at the start of a connection, nothing tells yet what was seen: all of it waits
//! that long, or until the SYN comes, and is then taken in the order that the acknowledgements show.
//!
//! A RST waits also for the bytes of its own sender before it, and behind what waits of its sender: it acknowledges
//! nothing in many stacks, and would end the connection before them.

use super::kept::Kept;
use crate::net::Segment;
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// Segments that may wait, per connection.
const SEGMENTS: usize = 512;
/// Bytes of memory of what waits, per connection.
const BYTES: usize = 1 << 20;
/// The same, all connections together.
pub(super) const ALL_BYTES: usize = 8 << 20;
/// Bytes of memory that the copy of a payload costs in addition to its own.
const OVERHEAD: usize = 32;

/// What must have been seen before a segment is taken: a position of its own sender, and one of the other side. 0 if
/// nothing is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Of its sender.
    pub(super) own: u64,
    /// Of the side that it answers.
    pub(super) other: u64,
}

/// A segment that waits.
#[derive(Debug)]
struct Entry {
    /// Position of the other side that it needs.
    other: u64,
    /// Position of its own side that it needs.
    own: u64,
    arrival: u64,
    kept: Kept,
}

/// The segments of one connection that wait.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// By sender: the segments by the position of the other side that they need, then by arrival. Acknowledgements
    /// only grow, so the first one is always the next one.
    sides: [VecDeque<Entry>; 2],
    arrivals: u64,
    /// Bytes of payloads, with what each costs.
    payloads: usize,
    /// Position after the last byte that waits, by sender; 0 without.
    reach: [u64; 2],
}

impl Early {
    /// `segment` of `side` waits.
    pub(super) fn push(&mut self, side: usize, needs: Needs, segment: &Segment<'_>) {
        let kept = Kept::of(segment);
        self.payloads += kept.payload_bytes() + OVERHEAD;
        let queue = &mut self.sides[side];
        // A RST without an acknowledgement stays behind what its sender sent before it.
        let behind = queue.back().filter(|_| needs.own > 0);
        let other = behind.map_or(needs.other, |last| needs.other.max(last.other));
        if queue.len() == queue.capacity() {
            // Most wait alone.
            queue.reserve_exact(queue.len().max(1));
        }
        let place = queue.partition_point(|entry| entry.other <= other);
        queue.insert(place, Entry { other, own: needs.own, arrival: self.arrivals, kept });
        self.arrivals += 1;
    }

    /// The next segment of which `seen`, asked with a side and what the segment needs of it, says that all was seen.
    pub(super) fn pop(&mut self, seen: impl Fn(usize, u64) -> bool) -> Option<(usize, Kept)> {
        let ready = |side: &usize| {
            let Entry { other, own, .. } = self.sides[*side].front()?;
            (seen(1 - side, *other) && seen(*side, *own)).then_some(())
        };
        let first = [0, 1].into_iter().filter(|side| ready(side).is_some()).min_by_key(|side| self.arrival(*side))?;
        self.take(first)
    }

    /// The next segment in order of arrival.
    pub(super) fn pop_any(&mut self) -> Option<(usize, Kept)> {
        let first = [0, 1].into_iter().filter(|side| !self.is_empty(*side)).min_by_key(|side| self.arrival(*side))?;
        self.take(first)
    }

    /// The furthest position of each side that something waits for.
    pub(super) fn furthest(&self) -> [u64; 2] {
        let mut furthest = [0; 2];
        for (side, queue) in self.sides.iter().enumerate() {
            let last = queue.back().map_or(0, |entry| entry.other);
            furthest[1 - side] = furthest[1 - side].max(last);
        }
        furthest
    }

    /// Note that bytes of `side` before this position wait.
    pub(super) fn reaches(&mut self, side: usize, position: u64) {
        self.reach[side] = self.reach[side].max(position);
    }

    /// Position after the last byte of `side` that was noted.
    pub(super) fn reach(&self, side: usize) -> u64 {
        self.reach[side]
    }

    /// Nothing of `side` waits.
    pub(super) fn is_empty(&self, side: usize) -> bool {
        self.sides[side].is_empty()
    }

    /// More waits than may.
    pub(super) fn is_full(&self) -> bool {
        self.sides.iter().map(VecDeque::len).sum::<usize>() > SEGMENTS || self.held_bytes() > BYTES
    }

    /// Time at which no more is waited, `patience` after the oldest of what waits.
    pub(super) fn deadline(&self, patience: Span) -> Option<Timestamp> {
        let firsts = self.sides.iter().filter_map(VecDeque::front);
        firsts.map(|entry| entry.kept.segment().at.plus(patience)).min()
    }

    /// Memory in use, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let room: usize = self.sides.iter().map(VecDeque::capacity).sum();
        size_of::<Early>() + room * size_of::<Entry>() + self.payloads
    }

    fn arrival(&self, side: usize) -> Option<u64> {
        self.sides[side].front().map(|entry| entry.arrival)
    }

    fn take(&mut self, side: usize) -> Option<(usize, Kept)> {
        let kept = self.sides[side].pop_front()?.kept;
        self.payloads -= kept.payload_bytes() + OVERHEAD;
        Some((side, kept))
    }
}
