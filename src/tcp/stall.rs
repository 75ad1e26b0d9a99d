//! What made a sender wait, as far as packets show it: a closed window, bytes that had to be sent again, an
//! acknowledgement that came late. It is reported with the bytes that ended the wait, so that a pause of the
//! connection can be distinguished from a pause of the program that sends.

use super::{DELAYED_ACK, RETRANSMISSION_STALL, ZERO_WINDOW};
use crate::oddity::{Kind, Oddity};
use crate::time::{Span, Timestamp};

/// A window that was closed for less is not reported.
const SHUT: Span = Span::from_millis(1);
/// A sender that had waited for the window sends within this of its opening.
const PROMPT: Span = Span::from_millis(100);
/// Bytes that are late by less were only overtaken, as happens in every network.
const LATE: Span = Span::from_millis(10);
/// How long receivers delay an acknowledgement: Linux at least 40 ms, and at most 500 ms are allowed (RFC
/// 9293 section 3.8.6.3).
const DELAYED: std::ops::RangeInclusive<Span> = Span::from_millis(20)..=Span::from_millis(500);
/// Bytes that Nagle's algorithm (RFC 896) delayed are sent within this time of the acknowledgement.
const AT_ONCE: Span = Span::from_millis(2);

/// What is known about the sender of one direction.
#[derive(Debug, Default)]
pub(super) struct SenderStall {
    window: Window,
    /// The sender probed the closed window, so it has something to send.
    probed: bool,
    /// Time of its last new bytes.
    sent: Option<Timestamp>,
    /// When a segment without payload acknowledged everything, and how long after the bytes it came.
    released: Option<(Timestamp, Span)>,
}

/// The receiver's window.
///
/// ```text
/// Free ──window 0──▶ Shut ──window──▶ Opened ──bytes──▶ Free
///                     ▲──────window 0────┘
/// ```
#[derive(Debug, Clone, Copy, Default)]
enum Window {
    #[default]
    Free,
    Shut(Timestamp),
    Opened {
        since: Timestamp,
        at: Timestamp,
    },
}

/// One wait that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stall {
    kind: Kind,
    span: Span,
    found: &'static str,
}

impl Stall {
    /// Its oddity, at the bytes that ended it.
    pub(super) fn oddity(self, at: Timestamp, offset: u64) -> Oddity {
        Oddity::new(self.kind, at, self.found).offset(offset).span(self.span)
    }

    /// A hole that the receiver had not acknowledged was filled; the bytes after it had come earlier.
    pub(super) fn filled(since: Timestamp, at: Timestamp) -> Option<Stall> {
        Stall::late(since, at, "bytes came after those that follow them: lost and sent again, or overtaken")
    }

    fn late(since: Timestamp, at: Timestamp, found: &'static str) -> Option<Stall> {
        let span = at.since(since);
        (span >= LATE).then_some(Stall { kind: RETRANSMISSION_STALL, span, found })
    }
}

impl SenderStall {
    /// The receiver's window, in any segment but SYN and RST.
    pub(super) fn window(&mut self, size: u16, at: Timestamp) {
        self.window = match (self.window, size) {
            (Window::Free, 0) => Window::Shut(at),
            (Window::Opened { since, .. }, 0) => Window::Shut(since),
            (Window::Shut(since), 1..) => Window::Opened { since, at },
            (same, _) => same,
        };
    }

    /// A segment of the sender without new bytes, before the end of what it has sent. If the window is
    /// closed, it is a zero-window probe (RFC 9293 section 3.8.6.1).
    pub(super) fn asks(&mut self) {
        self.probed |= matches!(self.window, Window::Shut(_));
    }

    /// The receiver acknowledged everything in a segment without payload.
    pub(super) fn released(&mut self, at: Timestamp) {
        let span = self.sent.map(|sent| at.since(sent)).filter(|span| DELAYED.contains(span));
        self.released = span.map(|span| (at, span));
    }

    /// New bytes came, in order or not: report what they had waited for.
    pub(super) fn sends(&mut self, now: Timestamp, mut report: impl FnMut(Stall)) {
        self.sent = Some(now);
        match self.window {
            Window::Free => {}
            // Sent before the sender knew, or into the closed window to see whether it opens.
            Window::Shut(_) => self.probed = true,
            Window::Opened { since, at } => {
                let waited = std::mem::take(&mut self.probed) || now.since(at) <= PROMPT;
                self.window = Window::Free;
                let span = now.since(since);
                if waited && span >= SHUT {
                    report(Stall { kind: ZERO_WINDOW, span, found: "the receiver's window was closed" });
                }
            }
        }
        if let Some((at, span)) = self.released.take()
            && now.since(at) <= AT_ONCE
        {
            let found = "sent at once after an acknowledgement that had been delayed";
            report(Stall { kind: DELAYED_ACK, span, found });
        }
    }

    /// The direction ends: the wait if the window did not open again.
    pub(super) fn at_end(&self, now: Timestamp) -> Option<Stall> {
        let Window::Shut(since) = self.window else { return None };
        let found = "the receiver's window was closed until the end";
        self.probed.then_some(Stall { kind: ZERO_WINDOW, span: now.since(since), found })
    }

    /// Bytes that the receiver has not acknowledged were sent again, without new bytes in between.
    pub(super) fn sent_again(&self, now: Timestamp) -> Option<Stall> {
        Stall::late(self.sent?, now, "bytes without an acknowledgement were sent again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(0).plus(Span::from_millis(ms))
    }

    /// The kinds and lengths in ms of what the bytes sent at `ms` had waited for.
    fn sends(stall: &mut SenderStall, ms: i64) -> Vec<(Kind, i64)> {
        let mut all = Vec::new();
        stall.sends(at(ms), |s| all.push((s.kind, s.span.0 / 1_000_000)));
        all
    }

    #[test]
    fn a_window_that_opens_and_closes_again_is_one_wait() {
        let mut stall = SenderStall::default();
        for (size, ms) in [(0, 0), (5, 100), (0, 110), (0, 120), (9, 200)] {
            stall.window(size, at(ms));
        }
        assert_eq!(sends(&mut stall, 300), [(ZERO_WINDOW, 300)]);
        assert_eq!(sends(&mut stall, 301), []);
    }

    #[test]
    fn bytes_long_after_the_opening_had_not_waited() {
        let mut stall = SenderStall::default();
        for (asks, expected) in [(false, &[][..]), (true, &[(ZERO_WINDOW, 201)][..])] {
            stall.window(0, at(0));
            if asks {
                stall.asks();
            }
            stall.window(1, at(100));
            assert_eq!(sends(&mut stall, 201), expected);
        }
    }

    #[test]
    fn the_bounds_of_each_kind() {
        let (mut stall, ms) = (SenderStall::default(), Span::from_millis);
        assert_eq!(stall.sent_again(at(9)), None, "nothing was sent");
        sends(&mut stall, 0);
        assert_eq!([9, 10].map(|n| stall.sent_again(at(n)).map(|s| s.span)), [None, Some(ms(10))]);
        assert_eq!([9, 10].map(|n| Stall::filled(at(0), at(n)).map(|s| s.span)), [None, Some(ms(10))]);
        for (ack, bytes, expected) in [(19, 19, None), (20, 22, Some(20)), (500, 500, Some(500)), (501, 501, None)] {
            let mut stall = SenderStall::default();
            sends(&mut stall, 0);
            stall.released(at(ack));
            assert_eq!(sends(&mut stall, bytes).first().map(|s| s.1), expected, "{ack} ms");
        }
        sends(&mut stall, 0);
        stall.released(at(20));
        assert_eq!(sends(&mut stall, 23), [], "it had nothing to send");
    }

    #[test]
    fn a_window_closed_at_the_end_counts_only_for_a_sender_that_probed() {
        let mut stall = SenderStall::default();
        stall.asks();
        stall.window(0, at(1));
        assert_eq!(stall.at_end(at(9)), None);
        stall.asks();
        assert_eq!(stall.at_end(at(9)).map(|s| s.span), Some(Span::from_millis(8)));
    }
}
