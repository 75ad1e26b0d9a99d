//! Writes records one by one as JSON objects, for jq and data frames.

use crate::exchange::Exchange;
use crate::framing::websocket::Sender;
use crate::pipeline::messages;
use serde::Serialize;
use std::collections::BTreeMap;

/// One record.
#[derive(Debug, Serialize)]
pub struct Line<'x> {
    exchange: u64,
    n: u64,
    /// Time of its last byte, ns since 1970 UTC.
    t_ns: i64,
    /// Milliseconds since the request's last byte.
    ms: Option<f64>,
    event: Option<&'x str>,
    delta: Option<&'static str>,
    terminator: bool,
    /// Its bytes in the decoded body; of a WebSocket the server's message. U+FFFD replaces bytes that are not
    /// UTF-8.
    raw: String,
}

/// Every record of the response, in order.
pub fn lines(exchange: &Exchange) -> Vec<Line<'_>> {
    let Some(response) = &exchange.response else { return Vec::new() };
    let body = response.decoded();
    let asked = exchange.request.as_ref().map(|r| r.last_at);
    let messages = messages::of(exchange);
    let of_socket: BTreeMap<u64, &[u8]> =
        messages.iter().filter(|m| m.from == Sender::Server).map(|m| (m.n, m.data.as_slice())).collect();
    let line = |r: &'_ crate::exchange::RecordInfo| {
        let raw = match exchange.websocket {
            Some(_) => of_socket.get(&r.n).copied().unwrap_or_default(),
            None => body.at(r.start, r.end),
        };
        (String::from_utf8_lossy(raw).into_owned(), asked.map(|a| r.at.since(a).as_millis_f64()))
    };
    let records = response.records.iter();
    records
        .map(|r| {
            let (raw, ms) = line(r);
            let (event, delta, terminator) = (r.event.as_deref(), r.meaning.delta(), r.meaning.terminator);
            Line { exchange: exchange.id.0, n: r.n, t_ns: r.at.nanos(), ms, event, delta, terminator, raw }
        })
        .collect()
}
