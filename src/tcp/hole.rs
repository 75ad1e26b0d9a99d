//! Holes: what is missing before the bytes that wait, how long it is waited for, and giving it up.

use super::Limits;
use super::flow::{Flow, Tail};
use super::out::Out;
use crate::conn::End;
use crate::conn::Stamp;
use crate::time::Timestamp;
use std::ops::Range;

/// Holes that are remembered after they were given up.
const REMEMBERED: usize = 8;

/// The hole before the first thing that waits.
///
/// ```text
/// (none) ──something waits──► open ──the peer acknowledges past it──► acknowledged
///    ▲                          │                                          │
///    └──────── filled, or given up after its time (see Limits) ────────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// Its first missing byte: another one is another hole.
    from: u64,
    /// When it was noticed.
    pub(super) since: Timestamp,
    /// When the peer was seen to have the missing bytes.
    pub(super) acked_at: Option<Timestamp>,
}

impl Flow {
    /// Position of the first thing that cannot be delivered yet, and its packet.
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

    /// When the hole is given up.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let hole = self.hole?;
        let reset = matches!(self.tail, Tail::Closing { how: End::Reset, .. });
        let unacked = if reset { limits.hole_acked } else { limits.hole };
        let late = hole.since.plus(unacked);
        Some(hole.acked_at.map_or(late, |at| at.plus(limits.hole_acked).min(late)))
    }

    /// Give up the holes whose time has come.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits, out: &mut Out<'_>) {
        while self.deadline(limits).is_some_and(|at| at <= now) {
            self.give_up(out);
        }
    }

    /// The first hole becomes a gap. What waited behind it goes up with its own times: the receiver had it then, only the capture
    /// lacks the bytes before.
    pub(super) fn give_up(&mut self, out: &mut Out<'_>) {
        let Some((edge, stamp)) = self.edge() else {
            self.hole = None;
            return;
        };
        self.lose(self.next..edge);
        self.skip(edge - self.next, stamp);
        while self.take(None, out) {}
        // What ends or opens next did so when its own packet came.
        let stamp = match (self.edge(), self.tail) {
            (Some((_, own)), _) | (None, Tail::Closing { stamp: own, .. }) => own,
            _ => stamp,
        };
        self.settle(stamp, out);
    }

    /// Nothing more will come: everything that waits goes up with its gaps, then `how` ends the direction unless its own end did.
    pub(super) fn close(&mut self, how: End, stamp: Stamp, out: &mut Out<'_>) {
        while self.edge().is_some() {
            self.give_up(out);
        }
        if !self.over() {
            self.trail(stamp);
            self.end(how, stamp, out);
        }
    }

    /// Remember bytes that were given up.
    pub(super) fn lose(&mut self, range: Range<u64>) {
        if self.lost.len() == REMEMBERED {
            self.lost.remove(0);
        }
        self.lost.push(range);
    }
}
