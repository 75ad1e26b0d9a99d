//! Where a direction begins: from its SYN, from the peer's acknowledgement, or from the first segment seen.

use super::flow::{Flow, WINDOW};
use super::seq::{anchor, extend};
use crate::conn::Stamp;
use crate::time::Timestamp;

/// Largest distance in bytes before the presumed start at which a segment still counts as the start.
const REACH: u64 = 1 << 20;

/// What is known of the position of the first byte.
///
/// ```text
/// Unknown ──peer's ACK──► Heard ──own segment without payload──► Guessed
///    │                      │                                       │
///    └──────────────────────┴─────── SYN, SYN-ACK, payload ─────────┴──► Fixed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing is known.
    Unknown,
    /// The peer acknowledged up to here; bytes in flight are after this position.
    Heard,
    /// The sender's own position, without payload (so that a keep-alive may have put it one byte too low).
    Guessed,
    /// From a handshake, or bytes were delivered from there.
    Fixed,
}

/// Whether a SYN belongs to what was seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syn {
    /// The SYN belongs to this connection.
    Ours,
    /// The SYN opens another connection.
    Stranger,
}

impl Flow {
    /// SYN with this initial sequence number.
    pub(super) fn syn(&mut self, isn: u32) -> Syn {
        if let Some(known) = self.isn {
            return if known == isn { Syn::Ours } else { Syn::Stranger };
        }
        if self.over() {
            return Syn::Stranger;
        }
        let seq = isn.wrapping_add(1);
        if self.start == Start::Unknown {
            self.begin(anchor(seq));
        } else {
            let at = extend(seq, self.next);
            let before = |edge: u64| at <= edge && edge - at <= REACH;
            let fits = match self.start {
                Start::Fixed => at == self.first || self.delivered() && before(self.first),
                _ => self.waiting.first().is_none_or(|(edge, _)| before(edge)),
            };
            if !fits {
                return Syn::Stranger;
            }
            if !self.delivered() {
                self.begin(at);
            } else if at < self.first {
                // The capture has the SYN after the first bytes; any bytes before these come too late now.
                self.lose(at..self.first);
            }
        }
        self.isn = Some(isn);
        Syn::Ours
    }

    /// A SYN-ACK's acknowledgement: where the other side begins.
    pub(super) fn begun_at(&mut self, ack: u32) {
        if self.isn.is_none() && !self.delivered() && self.waiting.is_empty() && self.start != Start::Fixed {
            self.begin(anchor(ack));
        }
    }

    /// Before the first payload: learn the position of this direction from the segment.
    pub(super) fn locate(&mut self, seq: u32, len: u64) {
        if self.start == Start::Fixed {
            return;
        }
        if self.start == Start::Unknown {
            self.put(anchor(seq), Start::Guessed);
            return;
        }
        let at = extend(seq, self.next);
        match self.start {
            Start::Heard => self.put(at, Start::Guessed),
            // The first segment was a keep-alive: it is one byte before its sender's position (RFC 9293
            // section 3.8.4).
            _ if at == self.next + 1 && self.waiting.is_empty() => self.put(at, Start::Guessed),
            _ if len > 1 && at < self.next && self.next - at <= REACH => self.put(at, Start::Guessed),
            _ => {}
        }
    }

    /// The peer has everything before `ack`.
    pub(super) fn acknowledged(&mut self, ack: u32, now: Timestamp) {
        if self.start == Start::Unknown {
            self.put(anchor(ack), Start::Heard);
            self.acked = self.next;
            return;
        }
        let at = extend(ack, self.next.max(self.acked));
        let furthest = self.waiting.end().unwrap_or(self.next).max(self.acked);
        if at > self.acked && at <= furthest + WINDOW {
            self.acked = at;
            if self.hole.is_some() {
                self.watch(now);
            }
        }
    }

    /// Whether the sender of this direction, which has seen nothing of its peer yet, would accept a RST with
    /// this acknowledgement: it must acknowledge the SYN (RFC 9293 section 3.10.7.3).
    pub(super) fn believes_refusal(&self, ack: Option<u32>) -> bool {
        self.isn.is_none() || ack.is_some_and(|ack| (self.first..=self.next).contains(&extend(ack, self.next)))
    }

    /// Whether `ack` acknowledges bytes of this direction that were seen, a FIN included.
    pub(super) fn expects(&self, ack: u32) -> bool {
        let furthest = self.waiting.end().unwrap_or(self.next) + 1;
        self.start != Start::Unknown && (self.first..=furthest).contains(&extend(ack, self.next))
    }

    /// When nothing more will come, acknowledged bytes after the last one seen become a gap. A single one is
    /// taken for a FIN that the capture lacks.
    pub(super) fn trail(&mut self, stamp: Stamp) {
        let unseen = self.acked.saturating_sub(self.next);
        if self.start != Start::Unknown && unseen > 1 {
            self.skip(unseen, stamp);
        }
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
