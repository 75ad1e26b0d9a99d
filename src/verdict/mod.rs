//! Who ended the answer, and is it whole? One verdict per exchange from all evidence: FIN, RST, END_STREAM,
//! RST_STREAM, GOAWAY, close_notify, zero chunk, Content-Length, terminator, finish reason, silence. A pure
//! function that gives its reasons.

mod reasons;
mod timeout;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use timeout::{Limit, near};

use crate::exchange::ending::Party;
use crate::exchange::{Exchange, Response};
use crate::http::event::{EndSignal, MessageEnd};
use crate::time::Span;

/// How the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is whole. (An answer whose terminator or last finish reason came is whole, whatever the transport
    /// did after it.)
    Complete,
    /// The client left before the answer was whole.
    ClientCancelled,
    /// The server, or a gateway in its place, ended it before it was whole.
    ServerTruncated,
    /// An intermediary gave up: 504, or a cut after a silence as long as a known limit.
    GatewayTimeout,
    /// A success status with an error in the body.
    ErrorInside200,
    /// The capture lacks the evidence.
    CaptureIncomplete,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: &'static [Verdict] = &[
        Verdict::Complete,
        Verdict::CaptureIncomplete,
        Verdict::ClientCancelled,
        Verdict::ErrorInside200,
        Verdict::GatewayTimeout,
        Verdict::ServerTruncated,
    ];

    /// For the store and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::ClientCancelled => "client-cancelled",
            Verdict::ServerTruncated => "server-truncated",
            Verdict::GatewayTimeout => "gateway-timeout",
            Verdict::ErrorInside200 => "error-in-200",
            Verdict::CaptureIncomplete => "capture-incomplete",
        }
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The limit that was reached, if silence showed a gateway time-out.
    pub limit: Option<Limit>,
    /// Its reasons, one line each, the most important first.
    pub why: Vec<String>,
}

/// The verdict on an exchange.
pub fn of(x: &Exchange) -> Judgement {
    let (verdict, limit) = match &x.response {
        Some(r) => answered(x, r),
        None => unanswered(x),
    };
    Judgement { verdict, limit, why: reasons::of(x, verdict, limit) }
}

/// The verdict if an answer, or its beginning, came.
fn answered(x: &Exchange, r: &Response) -> (Verdict, Option<Limit>) {
    let status = r.head.as_ref().map(|h| h.status);
    let complete = r.end == MessageEnd::Complete;
    if matches!(status, Some(504 | 524)) {
        return (Verdict::GatewayTimeout, None);
    }
    if r.answer.error.is_some() && status.is_none_or(|s| (200..300).contains(&s)) {
        return (Verdict::ErrorInside200, None);
    }
    // A WebSocket that either end closed with a Close frame ended regularly.
    if said_its_end(x, r) || x.ending.told == Some(EndSignal::CloseFrame) {
        return (Verdict::Complete, None);
    }
    if x.gap || x.ending.by == Party::Capture {
        return (Verdict::CaptureIncomplete, None);
    }
    if complete {
        // The body ended regularly, in the middle of an answer.
        let early = promises_an_end(r) && !r.deltas.is_empty();
        return (if early { Verdict::ServerTruncated } else { Verdict::Complete }, None);
    }
    cut(x)
}

/// The verdict if no byte of an answer came.
fn unanswered(x: &Exchange) -> (Verdict, Option<Limit>) {
    match x.ending.by {
        Party::Capture => (Verdict::CaptureIncomplete, None),
        _ => cut(x),
    }
}

/// The verdict if a party closed too early.
fn cut(x: &Exchange) -> (Verdict, Option<Limit>) {
    let deliberate = matches!(x.ending.told, Some(EndSignal::RstStream(code)) if code == CANCEL);
    let limit = silence(x).and_then(near).filter(|_| !deliberate);
    match (limit, guilty(x)) {
        (Some(_), _) => (Verdict::GatewayTimeout, limit),
        (None, Party::Client) => (Verdict::ClientCancelled, None),
        (None, _) => (Verdict::ServerTruncated, None),
    }
}

/// CANCEL (RFC 9113 section 7): the stream is not needed any longer.
const CANCEL: u32 = 8;

/// A client that closed its own side and continued to read has not left. If the server continues for a while
/// and then cuts the answer, the server ended it.
fn guilty(x: &Exchange) -> Party {
    let e = &x.ending;
    let read_on = match (e.client.fin, e.last_byte_at) {
        (Some(fin), Some(last)) => e.client.rst.is_none() && last.since(fin) > HALF_CLOSED,
        _ => false,
    };
    if e.by == Party::Client && e.told == Some(EndSignal::Fin) && read_on { Party::Server } else { e.by }
}

/// Bytes in flight when the client closed come within this time.
const HALF_CLOSED: Span = Span::from_secs(1);

/// Silence before the end: since the last byte of the answer, or since the request without an answer.
fn silence(x: &Exchange) -> Option<Span> {
    let asked = || x.request.as_ref().map(|r| x.ending.at.since(r.last_at));
    x.ending.silence().or_else(|| match &x.response {
        Some(r) => Some(x.ending.at.since(r.last_at)),
        None => asked(),
    })
}

/// Whether the records show that the answer is over: a terminator, or a finish reason that no delta follows.
pub fn said_its_end(x: &Exchange, r: &Response) -> bool {
    let last_delta = r.deltas.last().map(|d| d.at);
    let finished = x.ending.finish_at.is_some_and(|at| last_delta.is_none_or(|last| at >= last));
    r.answer.terminator.seen || finished
}

/// Whether streams of this dialect mark their end in their records.
fn promises_an_end(r: &Response) -> bool {
    r.framing.is_stream() && r.answer.end.is_promised()
}
