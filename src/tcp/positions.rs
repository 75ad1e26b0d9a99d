//! The positions of a direction: where it begins (known from its SYN, from the peer's acknowledgement, or from
//! the first segment seen), what was delivered, and what the peer has acknowledged.

use super::seq::{WINDOW, anchor, extend};
use std::ops::Range;

/// Largest distance in bytes before the presumed start at which a segment still counts as the start.
const REACH: u64 = 1 << 20;

/// What is known of the position of the first byte.
///
/// ```text
/// Unknown ──peer's ACK──► Heard ──own segment without payload──► Guessed
///    │                      │                                       │
///    └──────────────────────┴─────── SYN, SYN-ACK, payload ─────────┴──► Fixed
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Start {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The peer acknowledged up to here; bytes in flight are after this position.
    Heard,
    /// The sender's own position, without payload (so that a keep-alive may have put it one byte too low).
    Guessed,
    /// From a handshake, or bytes were delivered from there.
    Fixed,
}

/// Whether a SYN belongs to what was seen so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Syn {
    /// The SYN belongs to this connection.
    Ours,
    /// The SYN belongs to this connection, and the capture has it after the first bytes that were delivered.
    /// Any bytes in this range, before the first ones, come too late now.
    Late(Range<u64>),
    /// The SYN opens another connection.
    Stranger,
}

/// The positions of one direction. `first` and `next` differ only when `start` is [`Start::Fixed`].
#[derive(Debug, Default)]
pub(super) struct Positions {
    start: Start,
    /// The SYN's sequence number.
    isn: Option<u32>,
    /// Position of the first byte: offset 0.
    first: u64,
    /// Position of the next byte to deliver.
    next: u64,
    /// The peer has acknowledged everything before this position; 0 while unknown.
    acked: u64,
    /// Everything before this position counts as seen by those who wait for it: it did not come in time.
    excused: u64,
}

impl Positions {
    /// Position of the next byte to deliver.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The peer has acknowledged everything before this position; 0 while unknown.
    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    /// No segment of this direction and no acknowledgement of it was seen.
    pub(super) fn is_unknown(&self) -> bool {
        self.start == Start::Unknown
    }

    /// The SYN was seen.
    pub(super) fn has_syn(&self) -> bool {
        self.isn.is_some()
    }

    /// Bytes or gaps were delivered.
    pub(super) fn delivered(&self) -> bool {
        self.next != self.first
    }

    /// Whether `position` is before the first byte.
    pub(super) fn is_before_first(&self, position: u64) -> bool {
        position < self.first
    }

    /// The offset of `position` in the stream; 0 before the first byte.
    pub(super) fn offset(&self, position: u64) -> u64 {
        position.saturating_sub(self.first)
    }

    /// The next `len` bytes were delivered, or will never come.
    pub(super) fn advance(&mut self, len: u64) {
        self.start = Start::Fixed;
        self.next += len;
    }

    /// SYN with this initial sequence number. `waiting` is the position of the first byte that waits.
    pub(super) fn syn(&mut self, isn: u32, waiting: Option<u64>) -> Syn {
        if let Some(known) = self.isn {
            return if known == isn { Syn::Ours } else { Syn::Stranger };
        }
        let seq = isn.wrapping_add(1);
        let at = if self.is_unknown() { anchor(seq) } else { extend(seq, self.next) };
        let before = |edge: u64| at <= edge && edge - at <= REACH;
        let fits = match self.start {
            Start::Unknown => true,
            Start::Fixed => at == self.first || self.delivered() && before(self.first),
            Start::Heard | Start::Guessed => waiting.is_none_or(before),
        };
        if !fits {
            return Syn::Stranger;
        }
        self.isn = Some(isn);
        if !self.delivered() {
            self.begin(at);
        } else if at < self.first {
            return Syn::Late(at..self.first);
        }
        Syn::Ours
    }

    /// A SYN-ACK's acknowledgement: where this direction begins, unless something better is known.
    pub(super) fn begun_at(&mut self, ack: u32) {
        if !self.has_syn() && self.start != Start::Fixed {
            self.begin(anchor(ack));
        }
    }

    /// Before the first payload: learn the position of this direction from one of its segments, with `len`
    /// bytes. `waits`: bytes of it wait already.
    pub(super) fn locate(&mut self, seq: u32, len: u64, waits: bool) {
        let at = match self.start {
            Start::Fixed => return,
            Start::Unknown => anchor(seq),
            Start::Heard | Start::Guessed => extend(seq, self.next),
        };
        // The first segment was a keep-alive: it is one byte before its sender's position (RFC 9293 section
        // 3.8.4).
        let keep_alive = at == self.next + 1 && !waits;
        let earlier = len > 1 && at < self.next && self.next - at <= REACH;
        if self.start != Start::Guessed || keep_alive || earlier {
            self.put(at, Start::Guessed);
        }
    }

    /// The peer has everything before `ack`. `end` is the position after the last byte that waits. Returns
    /// whether that is news.
    pub(super) fn acknowledge(&mut self, ack: u32, end: Option<u64>) -> bool {
        if self.is_unknown() {
            self.put(anchor(ack), Start::Heard);
            self.acked = self.next;
            return true;
        }
        let at = extend(ack, self.next.max(self.acked));
        let news = at > self.acked && at <= self.furthest(end) + WINDOW;
        if news {
            self.acked = at;
        }
        news
    }

    /// Position after everything that is known to exist. `end` is the position after the last byte that waits.
    pub(super) fn furthest(&self, end: Option<u64>) -> u64 {
        end.unwrap_or(self.next).max(self.acked)
    }

    /// Whether the sender of this direction, which has seen nothing of its peer yet, would accept a RST with
    /// this acknowledgement: it must acknowledge the SYN (RFC 9293 section 3.10.7.3).
    pub(super) fn believes_refusal(&self, ack: Option<u32>) -> bool {
        !self.has_syn() || ack.is_some_and(|ack| (self.first..=self.next).contains(&extend(ack, self.next)))
    }

    /// Whether `ack` acknowledges bytes of this direction that were seen, a FIN included. `end` is the
    /// position after the last byte that waits.
    pub(super) fn expects(&self, ack: u32, end: Option<u64>) -> bool {
        let furthest = end.unwrap_or(self.next) + 1;
        !self.is_unknown() && (self.first..=furthest).contains(&extend(ack, self.next))
    }

    /// Bytes after the last one seen that the peer has acknowledged. A single one is taken for a FIN that the
    /// capture lacks.
    pub(super) fn unseen(&self) -> u64 {
        let unseen = self.acked.saturating_sub(self.next);
        if self.is_unknown() || unseen <= 1 { 0 } else { unseen }
    }

    /// Whether a segment that needs everything before `position` should wait for it. `end` is the position after the
    /// last byte that waits. From before the start of the capture nothing will come, and after a time-out nothing is
    /// awaited until newer bytes come.
    pub(super) fn lacks(&self, position: u64, end: Option<u64>) -> bool {
        // The sender's first segment may have been a keep-alive, one byte before its position.
        let guess = u64::from(self.start == Start::Guessed);
        if self.is_unknown() || position <= self.next + guess || position - self.next > WINDOW {
            return false;
        }
        self.excused <= self.next || end.is_some_and(|end| end > self.excused && position > end)
    }

    /// Everything before `position` counts as seen.
    pub(super) fn excuse(&mut self, position: u64) {
        self.excused = self.excused.max(position);
    }

    /// A handshake gave the position: an acknowledgement that does not fit it belonged to something else.
    fn begin(&mut self, at: u64) {
        self.put(at, Start::Fixed);
        if self.acked < at || self.acked - at > WINDOW {
            self.acked = at;
        }
    }

    fn put(&mut self, at: u64, start: Start) {
        self.first = at;
        self.next = at;
        self.start = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a SYN with number 99, so that the first byte has number 100.
    fn shaken() -> Positions {
        let mut p = Positions::default();
        assert_eq!(p.syn(99, None), Syn::Ours);
        p
    }

    #[test]
    fn the_syn_fixes_the_start() {
        let mut p = shaken();
        p.locate(500, 10, false);
        assert_eq!((p.next(), p.acked(), p.delivered()), (anchor(100), anchor(100), false));
        assert_eq!((p.syn(99, None), p.syn(98, None)), (Syn::Ours, Syn::Stranger));
    }

    #[test]
    fn a_syn_after_the_first_bytes_tells_what_came_too_late() {
        let mut p = Positions::default();
        p.locate(150, 10, false);
        p.advance(10);
        assert_eq!(p.syn(2_000_000, None), Syn::Stranger);
        assert_eq!(p.syn(99, None), Syn::Late(anchor(100)..anchor(150)));
        assert_eq!((p.next(), p.offset(anchor(155))), (anchor(160), 5), "the offsets stay");
    }

    #[test]
    fn own_segments_correct_what_the_peer_acknowledged() {
        let mut p = Positions::default();
        assert!(p.acknowledge(100, None));
        p.locate(104, 0, false);
        assert_eq!(p.next(), anchor(104), "bytes were in flight");
        p.locate(105, 0, false);
        assert_eq!(p.next(), anchor(105), "the first was a keep-alive");
        p.locate(106, 0, true);
        p.locate(104, 1, true);
        assert_eq!(p.next(), anchor(105), "a keep-alive, or bytes after a hole");
        p.locate(90, 2, true);
        assert_eq!(p.next(), anchor(90));
        p.begun_at(80);
        assert_eq!(p.next(), anchor(80));
        p.begun_at(70);
        assert_eq!(p.next(), anchor(80), "it is fixed");
    }

    #[test]
    fn acknowledgements_beyond_any_window_are_nothing() {
        let mut p = shaken();
        assert!(!p.acknowledge(100, None), "the handshake said so");
        assert!(!p.acknowledge(101 + WINDOW as u32, None));
        assert!(p.acknowledge(110, Some(anchor(120))));
        assert_eq!((p.unseen(), p.furthest(None), p.furthest(Some(anchor(120)))), (10, anchor(110), anchor(120)));
        p.advance(9);
        assert_eq!(p.unseen(), 0, "a FIN");
    }

    #[test]
    fn what_the_receiver_of_a_syn_may_acknowledge() {
        let p = shaken();
        assert_eq!(
            [None, Some(99), Some(100), Some(101)].map(|ack| p.believes_refusal(ack)),
            [false, false, true, false]
        );
        assert_eq!([99, 100, 101, 102].map(|ack| p.expects(ack, None)), [false, true, true, false]);
        assert!(p.expects(121, Some(anchor(120))));
        assert!(!Positions::default().expects(0, None) && Positions::default().believes_refusal(None));
    }
}
