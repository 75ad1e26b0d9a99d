//! Exchanges built by hand: one whole chat stream, which tests change.

use crate::conn::{ConnId, Endpoints};
use crate::dialect::{Answer, Meaning, Terminator, by_name};
use crate::exchange::ending::Ending;
use crate::exchange::{Body, Delta, Exchange, ExchangeId, Response};
use crate::framing::Framing;
use crate::http::event::{Fields, MessageEnd, ResponseHead, Transfer, Version};
use crate::oddity::{Kind, Oddities, Oddity};
use crate::time::{Span, Timestamp};
use std::net::{Ipv4Addr, SocketAddr};

/// A whole, conforming chat stream: two deltas, a finish reason, `[DONE]`.
pub(super) fn chat() -> Exchange {
    let mut exchange = stream(Framing::Sse, Some("openai.chat"), "text/event-stream; charset=utf-8");
    let response = response(&mut exchange);
    response.answer = Answer {
        end: response.answer.end,
        texts: [(0, "word word ".to_owned())].into(),
        finish_reasons: [(0, "stop".to_owned())].into(),
        terminator: Terminator {
            expected: Some("[DONE]"),
            seen: true,
            which: Some("[DONE]".into()),
            own: true,
            is_last_record: Some(true),
        },
        ..Answer::default()
    };
    exchange
}

/// A chat stream that ends in the middle: no finish reason, no `[DONE]`.
pub(super) fn half_chat(end: MessageEnd) -> Exchange {
    let mut exchange = chat();
    let response = response(&mut exchange);
    response.answer.finish_reasons.clear();
    response.answer.terminator =
        Terminator { expected: Some("[DONE]"), is_last_record: Some(false), ..Terminator::default() };
    response.end = end;
    exchange
}

/// A stream with two deltas; nothing else is known about its answer.
pub(super) fn stream(framing: Framing, dialect: Option<&'static str>, content_type: &str) -> Exchange {
    let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    let response = Response {
        head: Some(head(200, Some(content_type), Transfer::Chunked)),
        first_at: Timestamp(0),
        last_at: at(60),
        informational: Vec::new(),
        body: Body { wire_bytes: 300, ..Body::default() },
        trailers: Fields::default(),
        framing,
        dialect,
        dialect_why: String::new(),
        head_at: Timestamp(0),
        record_count: 5,
        first_record_at: Some(at(10)),
        last_record_at: Some(at(50)),
        comments: 0,
        deltas: deltas(&[20, 40]),
        answer: Answer { end: dialect.and_then(by_name).map(|d| d.end).unwrap_or_default(), ..Answer::default() },
        records: Vec::new(),
        end: MessageEnd::Complete,
    };
    Exchange {
        id: ExchangeId(0),
        conn: ConnId(0),
        endpoints: Endpoints { client, server },
        tls: None,
        request: None,
        response: Some(response),
        ending: Ending::default(),
        oddities: Oddities::default(),
        websocket: None,
        gap: false,
    }
}

/// The same exchange with this oddity.
pub(super) fn with(mut exchange: Exchange, kind: Kind) -> Exchange {
    exchange.oddities.push(Oddity::new(kind, at(30), "seen").record(2).offset(77));
    exchange
}

/// The response, which every exchange built here has.
pub(super) fn response(exchange: &mut Exchange) -> &mut Response {
    exchange.response.as_mut().expect("built with a response")
}

/// A response head with this content type, or without one.
pub(super) fn head(status: u16, content_type: Option<&str>, transfer: Transfer) -> ResponseHead {
    let mut raw = b"Cache-Control: no-cache\r\n".to_vec();
    let mut list = vec![(0..13, 15..23)];
    if let Some(value) = content_type {
        let start = raw.len() as u32;
        raw.extend_from_slice(format!("Content-Type: {value}").as_bytes());
        list.push((start..start + 12, start + 14..raw.len() as u32));
    }
    ResponseHead {
        first_at: Timestamp(0),
        status,
        reason: Vec::new(),
        version: Version::H11,
        transfer,
        h2_stream: None,
        fields: Fields::new(raw, list),
    }
}

/// Content deltas at these milliseconds.
pub(super) fn deltas(times: &[i64]) -> Vec<Delta> {
    let meaning = Meaning { content: true, ..Meaning::default() };
    times.iter().zip(1..).map(|(ms, record)| Delta { at: at(*ms), record, meaning }).collect()
}

/// This many milliseconds after the start.
pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp(0).plus(Span::from_millis(ms))
}
