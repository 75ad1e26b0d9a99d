//! Holes: which bytes are missing before those that wait, how long the table waits for them, and when it
//! gives up.

use super::Limits;
use super::flow::{Flow, Tail};
use super::out::Out;
use crate::conn::End;
use crate::conn::Stamp;
use crate::time::Timestamp;
use std::ops::Range;

/// Number of holes per direction that are remembered after they were given up.
const REMEMBERED: usize = 8;

/// The hole before the first bytes, or the FIN, that wait.
///
/// ```text
/// (none) ──something waits──► open ──the peer acknowledges past it──► acknowledged
///    ▲                          │                                          │
///    └──────── filled, or given up after its time (see Limits) ────────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// Position of its first missing byte; a hole with another position is another hole.
    from: u64,
    /// Time at which it was noticed.
    pub(super) since: Timestamp,
    /// Time at which the peer acknowledged the missing bytes.
    pub(super) acked_at: Option<Timestamp>,
}

impl Flow {
    /// Position of the first bytes, or of the FIN, that cannot be delivered yet, and their packet.
    fn edge(&self) -> Option<(u64, Stamp)> {
        self.waiting.first().or(match self.tail {
            Tail::Closing { at, stamp, .. } if at > self.next => Some((at, stamp)),
            _ => None,
        })
    }

    /// Bring `hole` up to date.
    pub(super) fn watch(&mut self, now: Timestamp) {
        let Some((edge, _)) = self.edge() else {
            self.hole = None;
            return;
        };
        let fresh = Hole { from: self.next, since: now, acked_at: None };
        let hole = self.hole.filter(|h| h.from == self.next).unwrap_or(fresh);
        let acked_at = hole.acked_at.or((self.acked >= edge).then_some(now));
        self.hole = Some(Hole { acked_at, ..hole });
    }

    /// Time at which the hole is given up.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let hole = self.hole?;
        let reset = matches!(self.tail, Tail::Closing { how: End::Reset, .. });
        let unacked = if reset { limits.hole_acked } else { limits.hole };
        let late = hole.since.plus(unacked);
        Some(hole.acked_at.map_or(late, |at| at.plus(limits.hole_acked).min(late)))
    }

    /// Give up the holes whose time limit has passed.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits, out: &mut Out<'_>) {
        while self.deadline(limits).is_some_and(|at| at <= now) {
            self.give_up(out);
        }
    }

    /// The first hole becomes a gap. The bytes that waited after it are delivered with their own times: the
    /// receiver had them then, and only the capture lacks the bytes before.
    pub(super) fn give_up(&mut self, out: &mut Out<'_>) {
        let Some((edge, stamp)) = self.edge() else {
            self.hole = None;
            return;
        };
        self.lose(self.next..edge);
        self.skip(edge - self.next, stamp);
        while self.take(None, out) {}
        // The next hole or end gets the stamp of its own packet.
        let stamp = match (self.edge(), self.tail) {
            (Some((_, own)), _) | (None, Tail::Closing { stamp: own, .. }) => own,
            _ => stamp,
        };
        self.settle(stamp, out);
    }

    /// Nothing more will come: deliver everything that waits with its gaps, then end the direction with `how`
    /// unless it ended already.
    pub(super) fn close(&mut self, how: End, stamp: Stamp, out: &mut Out<'_>) {
        while self.edge().is_some() {
            self.give_up(out);
        }
        if !self.over() {
            self.trail(stamp);
            self.end(how, stamp, out);
        }
    }

    /// Remember a range of bytes that was given up.
    pub(super) fn lose(&mut self, range: Range<u64>) {
        if self.lost.len() == REMEMBERED {
            self.lost.remove(0);
        }
        self.lost.push(range);
    }
}
