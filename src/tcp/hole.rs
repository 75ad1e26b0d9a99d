//! Holes: which bytes are missing before those that wait, since when, and which were given up.

use crate::time::{Span, Timestamp};
use std::fmt;
use std::ops::Range;

/// Number of holes per direction that are remembered after they were given up.
const REMEMBERED: usize = 8;

/// The hole before the first bytes, or the FIN, that wait. `from` is the position of its first missing byte: a
/// hole with another position is another hole.
///
/// ```text
/// None ──something waits──► Open ──the peer acknowledges past it──► Acknowledged
///   ▲                         │                                          │
///   └─────────── filled, or given up after its time (see Limits) ────────┘
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Hole {
    #[default]
    None,
    /// It was noticed at `since`.
    Open { from: u64, since: Timestamp },
    /// The peer acknowledged the missing bytes at `at`: the capture lost them.
    Acknowledged { from: u64, since: Timestamp, at: Timestamp },
}

/// The holes of one direction.
#[derive(Debug, Default)]
pub(super) struct Holes {
    hole: Hole,
    /// The last ones that were given up: bytes that come for them are late, not retransmitted.
    lost: Vec<Range<u64>>,
}

impl Holes {
    /// A hole is open.
    pub(super) fn is_open(&self) -> bool {
        self.hole != Hole::None
    }

    /// Since when there has been a hole that the peer has not acknowledged.
    pub(super) fn unacknowledged_since(&self) -> Option<Timestamp> {
        match self.hole {
            Hole::Open { since, .. } => Some(since),
            Hole::None | Hole::Acknowledged { .. } => None,
        }
    }

    /// The bytes that are missing now, if any, and the position before which the peer has everything.
    pub(super) fn watch(&mut self, missing: Option<Range<u64>>, acked: u64, now: Timestamp) {
        let Some(missing) = missing else { return self.close() };
        let hole = match self.hole {
            Hole::Open { from, .. } | Hole::Acknowledged { from, .. } if from == missing.start => self.hole,
            _ => Hole::Open { from: missing.start, since: now },
        };
        self.hole = match hole {
            Hole::Open { from, since } if acked >= missing.end => Hole::Acknowledged { from, since, at: now },
            same => same,
        };
    }

    /// Nothing is missing.
    pub(super) fn close(&mut self) {
        self.hole = Hole::None;
    }

    /// Time at which the hole is given up: after `patience`, or `acknowledged` after the peer acknowledged it.
    pub(super) fn deadline(&self, patience: Span, acknowledged: Span) -> Option<Timestamp> {
        match self.hole {
            Hole::None => None,
            Hole::Open { since, .. } => Some(since.plus(patience)),
            Hole::Acknowledged { since, at, .. } => Some(at.plus(acknowledged).min(since.plus(patience))),
        }
    }

    /// Remember a range of bytes that was given up.
    pub(super) fn lose(&mut self, range: Range<u64>) {
        if self.lost.len() == REMEMBERED {
            self.lost.remove(0);
        }
        self.lost.push(range);
    }

    /// Position of the first byte of `range` in a hole that was given up.
    pub(super) fn late(&self, range: &Range<u64>) -> Option<u64> {
        let lost = self.lost.iter().find(|l| l.start < range.end && range.start < l.end);
        lost.map(|l| l.start.max(range.start))
    }
}

/// `10 since 5 ns, acknowledged 7 ns; lost 1..3 6..8`
impl fmt::Display for Holes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hole {
            Hole::None => write!(f, "no hole")?,
            Hole::Open { from, since } => write!(f, "{from} since {} ns", since.0)?,
            Hole::Acknowledged { from, since, at } => {
                write!(f, "{from} since {} ns, acknowledged {} ns", since.0, at.0)?;
            }
        }
        for (i, Range { start, end }) in self.lost.iter().enumerate() {
            write!(f, "{} {start}..{end}", if i == 0 { "; lost" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(holes: &Holes) -> Option<i64> {
        holes.deadline(Span(60), Span(10)).map(|at| at.0)
    }

    #[test]
    fn a_hole_opens_once_and_is_acknowledged_once() {
        let mut holes = Holes::default();
        assert_eq!((holes.is_open(), due(&holes)), (false, None));
        holes.watch(Some(10..20), 0, Timestamp(1));
        holes.watch(Some(10..15), 14, Timestamp(2));
        assert_eq!((holes.to_string().as_str(), due(&holes)), ("10 since 1 ns", Some(61)));
        assert_eq!(holes.unacknowledged_since(), Some(Timestamp(1)));
        holes.watch(Some(10..15), 15, Timestamp(3));
        holes.watch(Some(10..15), 99, Timestamp(4));
        assert_eq!((holes.to_string().as_str(), due(&holes)), ("10 since 1 ns, acknowledged 3 ns", Some(13)));
        assert_eq!(holes.unacknowledged_since(), None);
        holes.watch(Some(15..18), 16, Timestamp(5));
        assert_eq!(holes.to_string(), "15 since 5 ns", "another hole");
        holes.watch(None, 99, Timestamp(6));
        assert_eq!(holes.to_string(), "no hole");
    }

    #[test]
    fn an_acknowledgement_never_lengthens_the_wait() {
        let mut holes = Holes::default();
        holes.watch(Some(10..20), 0, Timestamp(0));
        holes.watch(Some(10..20), 20, Timestamp(55));
        assert_eq!(due(&holes), Some(60));
    }

    #[test]
    fn only_the_last_lost_ranges_are_remembered() {
        let mut holes = Holes::default();
        (0..=REMEMBERED as u64).for_each(|i| holes.lose(10 * i..10 * i + 2));
        assert_eq!(holes.to_string(), "no hole; lost 10..12 20..22 30..32 40..42 50..52 60..62 70..72 80..82");
        assert_eq!([0..2, 12..20, 11..30, 9..11].map(|r| holes.late(&r)), [None, None, Some(11), Some(10)]);
    }
}
