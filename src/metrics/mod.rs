//! Figures of an exchange: pure functions, exact, null where the capture does not hold what they need.

use crate::exchange::Exchange;
use crate::time::{Span, Timestamp};

/// Times and spans of one exchange, as CONTRACT.md (Times) defines them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// First byte of the request.
    pub request_start: Option<Timestamp>,
    /// Last byte of the request.
    pub request_end: Option<Timestamp>,
    /// First byte of the final status line.
    pub response_start: Option<Timestamp>,
    /// First body byte.
    pub first_body_byte: Option<Timestamp>,
    /// First record complete.
    pub first_record: Option<Timestamp>,
    /// First delta.
    pub first_delta: Option<Timestamp>,
    /// Last delta.
    pub last_delta: Option<Timestamp>,
    /// Last byte of the response.
    pub response_end: Option<Timestamp>,
    /// Response's first byte − request's last byte.
    pub ttfb: Option<Span>,
    /// First delta of any kind − request's last byte.
    pub ttft: Option<Span>,
    /// First `content` delta − request's last byte.
    pub ttft_content: Option<Span>,
    /// Spans between successive deltas.
    pub itl: Vec<Span>,
    /// (last delta − first delta) ÷ (output tokens − 1), by the stream's own figure, in nanoseconds.
    pub tpot: Option<Span>,
    /// Response's last byte − request's last byte.
    pub duration: Option<Span>,
}

/// The figures of one exchange.
pub fn of(exchange: &Exchange) -> Metrics {
    let _ = exchange;
    Metrics::default()
}
