//! How an exchange ended, as `show` tells it: [`Ending`] in the words of the contract.

use crate::exchange::ending::{Closing, Ending};
use crate::http::event::Told;
use crate::time::{Span, Timestamp};
use serde::Serialize;

/// See [`Ending`]; times in ns since 1970 UTC, spans in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EndingSummary {
    /// What told the end. Of whole messages: `no-body`, `zero-chunk`, `length`, `end-stream`, `close`; of cut ones: `fin`, `reset`, `close-notify`,
    /// `rst-stream`, `goaway`, `idle`, `capture-end`, `not-captured`, `switched`.
    pub kind: String,
    /// `client`, `server`, `capture`.
    pub by: String,
    /// When.
    pub t_ns: i64,
    /// Packet of that; 0 without packets.
    pub frame: u64,
    /// Error code of RST_STREAM or GOAWAY.
    pub code: Option<u32>,
    /// Last stream that GOAWAY names.
    pub last_stream: Option<u32>,
    /// Last byte of the answer's body.
    pub last_byte_ns: Option<i64>,
    /// Silence between that byte and the end, as far as the capture watched.
    pub silence_ms: Option<f64>,
    /// First terminator of the records.
    pub terminator_ns: Option<i64>,
    /// For how long the body stayed open behind it.
    pub open_after_terminator_ms: Option<f64>,
    /// First finish reason.
    pub finish_ns: Option<i64>,
    /// What the client had done to the connection by then.
    pub client: ClosingSummary,
    /// What the server had.
    pub server: ClosingSummary,
    /// Newest packet of any connection by then.
    pub seen_until_ns: i64,
}

/// How one end let go of the connection; see [`Closing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // times of what they are named after
pub struct ClosingSummary {
    pub fin_ns: Option<i64>,
    pub rst_ns: Option<i64>,
    pub close_notify_ns: Option<i64>,
}

/// First FIN and RST of each end over the whole life of the connection; see [`crate::conn::ClosedAt`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // times of what they are named after
pub struct ClosedSummary {
    pub client_fin_ns: Option<i64>,
    pub server_fin_ns: Option<i64>,
    pub client_rst_ns: Option<i64>,
    pub server_rst_ns: Option<i64>,
}

impl EndingSummary {
    /// Of an exchange.
    pub fn new(e: &Ending) -> Self {
        let ns = |t: Option<Timestamp>| t.map(Timestamp::nanos);
        let ms = |s: Option<Span>| s.map(Span::as_millis_f64);
        let (code, last_stream) = codes(e.told);
        EndingSummary {
            kind: e.told.map_or("", Told::as_str).into(),
            by: e.by.as_str().into(),
            t_ns: e.at.nanos(),
            frame: e.frame,
            code,
            last_stream,
            last_byte_ns: ns(e.last_byte_at),
            silence_ms: ms(e.silence()),
            terminator_ns: ns(e.terminator_at),
            open_after_terminator_ms: ms(e.open_after_terminator()),
            finish_ns: ns(e.finish_at),
            client: ClosingSummary::new(&e.client),
            server: ClosingSummary::new(&e.server),
            seen_until_ns: e.seen_until.nanos(),
        }
    }
}

/// Error code and last stream, where the end has them.
pub fn codes(told: Option<Told>) -> (Option<u32>, Option<u32>) {
    match told {
        Some(Told::RstStream(code)) => (Some(code), None),
        Some(Told::GoAway { last, code }) => (Some(code), Some(last)),
        _ => (None, None),
    }
}

impl ClosingSummary {
    fn new(c: &Closing) -> Self {
        let [fin_ns, rst_ns, close_notify_ns] = [c.fin, c.rst, c.close_notify].map(|t| t.map(Timestamp::nanos));
        ClosingSummary { fin_ns, rst_ns, close_notify_ns }
    }
}
