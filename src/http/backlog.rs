//! Bytes of one direction, kept until a decision that needs more of them. Each delivery keeps its time; gaps
//! are kept too.

use crate::conn::{End, Stamp, UNKNOWN_GAP};
use std::collections::VecDeque;

/// Bytes that one direction of an undecided connection may keep.
pub(super) const LIMIT: usize = 64 * 1024;

/// Offsets that a gap of unknown length takes: more than any search looks at, and far from an overflow.
const UNKNOWN_WIDTH: u64 = 64 * 1024;

/// One thing that happened to a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// This many bytes are missing; [`UNKNOWN_GAP`] if their number is unknown.
    Gap(u64),
    /// No more bytes.
    End(End),
}

/// What follows a run of visible bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// More bytes than were asked for.
    More,
    /// A gap that ends at this offset.
    Gap(u64),
    /// The end of what has arrived.
    Frontier,
}

/// A log of deliveries. Offsets count from its first byte and include gaps; eviction does not change them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Window,
    segments: VecDeque<Segment>,
    end: u64,
    evicted: bool,
    skip: u64,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    order: u64,
    stamp: Stamp,
    start: u64,
    /// Index of its first byte, counted over all bytes ever held.
    pos: u64,
    what: Kept,
}

#[derive(Debug, Clone, Copy)]
enum Kept {
    Data(usize),
    Gap(u64),
    End(End),
}

impl Kept {
    fn len(self) -> u64 {
        match self {
            Kept::Data(n) => n as u64,
            Kept::Gap(UNKNOWN_GAP) => UNKNOWN_WIDTH,
            Kept::Gap(n) => n,
            Kept::End(_) => 0,
        }
    }
}

/// Contiguous bytes of which the oldest can be dropped.
#[derive(Debug, Default)]
struct Window {
    buf: Vec<u8>,
    base: u64,
}

impl Window {
    fn end(&self) -> u64 {
        self.base + self.buf.len() as u64
    }

    fn slice(&self, pos: u64, len: usize) -> &[u8] {
        let from = pos.saturating_sub(self.base) as usize;
        self.buf.get(from..).map_or(&[], |rest| &rest[..len.min(rest.len())])
    }

    fn drop_before(&mut self, pos: u64) {
        let n = (pos.saturating_sub(self.base) as usize).min(self.buf.len());
        self.buf.drain(..n);
        self.base += n as u64;
    }
}

impl Backlog {
    /// Keeps one more item. `order` sorts it among the items of both directions.
    pub(super) fn push(&mut self, order: u64, stamp: Stamp, item: Item<'_>) {
        let pos = self.bytes.end();
        let what = match item {
            Item::Data(bytes) => {
                self.bytes.buf.extend_from_slice(bytes);
                Kept::Data(bytes.len())
            }
            Item::Gap(n) => Kept::Gap(n),
            Item::End(end) => Kept::End(end),
        };
        self.segments.push_back(Segment { order, stamp, start: self.end, pos, what });
        self.end = self.end.saturating_add(what.len());
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        self.bytes.buf.capacity() + self.segments.capacity() * size_of::<Segment>()
    }

    /// Number of bytes kept.
    pub(super) fn held(&self) -> usize {
        self.bytes.buf.len()
    }

    /// Offset of the oldest byte kept.
    pub(super) fn start(&self) -> u64 {
        self.segments.front().map_or(self.end, |s| s.start)
    }

    /// Offset after the newest byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Old bytes were dropped because the limit was reached.
    pub(super) fn evicted(&self) -> bool {
        self.evicted
    }

    /// Drops the older half if more than [`LIMIT`] bytes or too many deliveries are kept.
    pub(super) fn trim(&mut self) {
        if self.held() <= LIMIT && self.segments.len() <= LIMIT / 8 {
            return;
        }
        self.evicted = true;
        let target = self.bytes.end().saturating_sub((LIMIT / 2) as u64);
        let mut cut = self.bytes.base;
        while let Some(first) = self.segments.front() {
            if cut >= target && self.segments.len() <= LIMIT / 16 {
                break;
            }
            if let Kept::Data(n) = first.what {
                cut = first.pos + n as u64;
            }
            self.segments.pop_front();
        }
        self.bytes.drop_before(cut);
    }

    /// At most `max` bytes from `offset` up to the next gap, and what follows them.
    pub(super) fn visible(&self, offset: u64, max: usize) -> (&[u8], Edge) {
        let after = self.segments.partition_point(|s| s.start <= offset);
        let Some(first) = after.checked_sub(1) else { return (&[], Edge::Frontier) };
        let mut run = 0usize;
        let mut pos = None;
        for segment in self.segments.iter().skip(first) {
            let skipped = offset.saturating_sub(segment.start);
            match segment.what {
                Kept::Data(n) if skipped < n as u64 => {
                    pos.get_or_insert(segment.pos + skipped);
                    run += n - skipped as usize;
                    if run > max {
                        return (self.bytes.slice(pos.unwrap_or_default(), max), Edge::More);
                    }
                }
                gap @ Kept::Gap(_) if skipped < gap.len() => {
                    return (
                        pos.map_or(&[], |p| self.bytes.slice(p, run)),
                        Edge::Gap(segment.start.saturating_add(gap.len())),
                    );
                }
                _ => {}
            }
        }
        (pos.map_or(&[], |p| self.bytes.slice(p, run)), Edge::Frontier)
    }

    /// [`Self::from`] skips what is before `offset`.
    pub(super) fn skip_to(&mut self, offset: u64) {
        self.skip = offset;
    }

    /// Everything kept from `offset` on, oldest first: order, stamp, item.
    pub(super) fn from(&self, offset: u64) -> impl Iterator<Item = (u64, Stamp, Item<'_>)> {
        let offset = offset.max(self.skip);
        self.segments.iter().filter_map(move |s| {
            let skipped = offset.saturating_sub(s.start).min(s.what.len());
            let item = match s.what {
                Kept::Data(n) if skipped == n as u64 => return None,
                gap @ Kept::Gap(_) if skipped == gap.len() => return None,
                Kept::Data(n) => Item::Data(self.bytes.slice(s.pos + skipped, n - skipped as usize)),
                Kept::Gap(UNKNOWN_GAP) => Item::Gap(UNKNOWN_GAP),
                Kept::Gap(n) => Item::Gap(n - skipped),
                Kept::End(end) => Item::End(end),
            };
            Some((s.order, s.stamp, item))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn stamp(n: i64) -> Stamp {
        Stamp { at: Timestamp(n), frame: n as u64 }
    }

    #[test]
    fn bytes_around_a_hole() {
        let mut backlog = Backlog::default();
        backlog.push(0, stamp(1), Item::Data(b"abc"));
        backlog.push(1, stamp(2), Item::Data(b"de"));
        backlog.push(2, stamp(3), Item::Gap(4));
        backlog.push(3, stamp(4), Item::Data(b"xyz"));
        assert_eq!(backlog.visible(1, 9), (&b"bcde"[..], Edge::Gap(9)));
        assert_eq!(backlog.visible(1, 2), (&b"bc"[..], Edge::More));
        assert_eq!(backlog.visible(6, 9), (&b""[..], Edge::Gap(9)));
        assert_eq!(backlog.visible(10, 9), (&b"yz"[..], Edge::Frontier));
        assert_eq!(backlog.visible(12, 9), (&b""[..], Edge::Frontier));
        let rest: Vec<_> = backlog.from(4).collect();
        assert_eq!(
            rest,
            [(1, stamp(2), Item::Data(b"e")), (2, stamp(3), Item::Gap(4)), (3, stamp(4), Item::Data(b"xyz"))]
        );
    }

    #[test]
    fn holes_of_unknown_length_stay_unknown() {
        let mut backlog = Backlog::default();
        for n in 0..3 {
            backlog.push(n, stamp(1), Item::Gap(UNKNOWN_GAP));
            backlog.push(n, stamp(1), Item::Data(b"ab"));
        }
        assert_eq!(backlog.end(), 3 * (UNKNOWN_WIDTH + 2), "later offsets continue");
        assert_eq!(backlog.visible(UNKNOWN_WIDTH, 9), (&b"ab"[..], Edge::Gap(2 * UNKNOWN_WIDTH + 2)));
        assert_eq!(
            backlog.from(7).next(),
            Some((0, stamp(1), Item::Gap(UNKNOWN_GAP))),
            "part of it is as unknown as the whole"
        );
        assert_eq!(backlog.from(UNKNOWN_WIDTH).next(), Some((0, stamp(1), Item::Data(b"ab"))));
    }

    #[test]
    fn old_bytes_make_room() {
        let mut backlog = Backlog::default();
        for n in 0..100 {
            backlog.push(n, stamp(n as i64), Item::Data(&[n as u8; 1000]));
            backlog.trim();
            assert!(backlog.held() <= LIMIT);
        }
        assert!(backlog.evicted() && backlog.end() == 100_000 && backlog.start() > 0);
        let (bytes, _) = backlog.visible(99_000, 1000);
        assert_eq!(bytes, [99u8; 1000]);
        for n in 0..100_000 {
            backlog.push(n, stamp(0), Item::Gap(1));
            backlog.trim();
        }
        assert!(backlog.from(0).count() <= LIMIT);
    }
}
