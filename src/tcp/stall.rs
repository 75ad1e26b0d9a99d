//! What made a sender wait, as far as packets show it: a closed window, bytes that had to be sent again, an
//! acknowledgement that came late. It is reported with the bytes that ended the wait, so that a pause of the
//! connection can be distinguished from a pause of the program that sends.

use super::flow::Flow;
use super::out::Out;
use super::{DELAYED_ACK, RETRANSMISSION_STALL, ZERO_WINDOW};
use crate::conn::Stamp;
use crate::conn::What;
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
///
/// ```text
/// Free ──window 0──▶ Shut ──window──▶ Opened ──bytes──▶ Free
///                     ▲──────window 0────┘
/// ```
#[derive(Debug, Clone, Copy, Default)]
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

impl Flow {
    /// The receiver's window, in any segment but SYN and RST.
    pub(super) fn window(&mut self, size: u16, at: Timestamp) {
        let stall = &mut self.stall;
        stall.window = match (stall.window, size) {
            (Window::Free, 0) => Window::Shut(at),
            (Window::Opened { since, .. }, 0) => Window::Shut(since),
            (Window::Shut(since), 1..) => Window::Opened { since, at },
            (same, _) => same,
        };
    }

    /// A segment of the sender without new bytes, before the end of what it has sent. If the window is
    /// closed, it is a zero-window probe (RFC 9293 section 3.8.6.1).
    pub(super) fn asks(&mut self) {
        self.stall.probed |= matches!(self.stall.window, Window::Shut(_));
    }

    /// The receiver acknowledged everything in a segment without payload.
    pub(super) fn released(&mut self, at: Timestamp) {
        let span = self.stall.sent.map(|sent| at.since(sent)).filter(|span| DELAYED.contains(span));
        self.stall.released = span.map(|span| (at, span));
    }

    /// New bytes came, in order or not: report what they had waited for.
    pub(super) fn sends(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        let stall = &mut self.stall;
        stall.sent = Some(stamp.at);
        match stall.window {
            Window::Free => {}
            // Sent before the sender knew, or into the closed window to see whether it opens.
            Window::Shut(_) => stall.probed = true,
            Window::Opened { since, at } => {
                let waited = std::mem::take(&mut stall.probed) || stamp.at.since(at) <= PROMPT;
                stall.window = Window::Free;
                if waited && stamp.at.since(since) >= SHUT {
                    self.report_stall(
                        ZERO_WINDOW,
                        stamp.at.since(since),
                        "the receiver's window was closed",
                        stamp,
                        out,
                    );
                }
            }
        }
        if let Some((at, span)) = self.stall.released.take()
            && stamp.at.since(at) <= AT_ONCE
        {
            self.report_stall(
                DELAYED_ACK,
                span,
                "sent at once after an acknowledgement that had been delayed",
                stamp,
                out,
            );
        }
    }

    /// The direction ends before the window opened again.
    pub(super) fn ends_shut(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        if let (Window::Shut(since), true) = (self.stall.window, self.stall.probed) {
            self.report_stall(
                ZERO_WINDOW,
                stamp.at.since(since),
                "the receiver's window was closed until the end",
                stamp,
                out,
            );
        }
    }

    /// A hole was filled; the bytes after it had come earlier. If the receiver had acknowledged the missing
    /// bytes already, only the capture had waited for them.
    pub(super) fn filled(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        let hole = self.hole.filter(|hole| hole.acked_at.is_none());
        if let Some(span) = hole.map(|hole| stamp.at.since(hole.since)).filter(|span| *span >= LATE) {
            self.report_stall(
                RETRANSMISSION_STALL,
                span,
                "bytes came after those that follow them: lost and sent again, or overtaken",
                stamp,
                out,
            );
        }
    }

    /// Bytes that the receiver has not acknowledged were sent again, without new bytes in between.
    pub(super) fn sent_again(&mut self, stamp: Stamp, out: &mut Out<'_>) {
        if let Some(span) = self.stall.sent.map(|sent| stamp.at.since(sent)).filter(|span| *span >= LATE) {
            self.report_stall(
                RETRANSMISSION_STALL,
                span,
                "bytes without an acknowledgement were sent again",
                stamp,
                out,
            );
        }
    }

    fn report_stall(&self, kind: Kind, span: Span, found: &'static str, stamp: Stamp, out: &mut Out<'_>) {
        let oddity = Oddity::new(kind, stamp.at, found).offset(self.next - self.first).span(span);
        out.emit(stamp, What::Oddity(oddity));
    }
}
