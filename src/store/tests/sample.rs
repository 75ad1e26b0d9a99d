//! An exchange made by hand, with a value in every field that the store keeps.

use crate::analyzer::Analyzed;
use crate::conformance::{Finding, Level};
use crate::conn::{ConnFacts, ConnId, Endpoints};
use crate::dialect::{Answer, Meaning, Terminator};
use crate::exchange::ending::{Closing, Ending, Party};
use crate::exchange::redact::Heads;
use crate::exchange::{Body, Exchange, ExchangeId, PieceInfo, RecordInfo, Request, Response, TlsInfo};
use crate::framing::Framing;
use crate::http::event::{EndSignal, Fields, MessageEnd, RequestHead, ResponseHead, Transfer, Version};
use crate::metrics::Metrics;
use crate::oddity::{Kind, Oddities, Oddity};
use crate::pipeline::{BodyPart, Connection, Part};
use crate::summary::Summary;
use crate::time::{Span, Timestamp};

pub(super) fn endpoints() -> Endpoints {
    Endpoints { client: ([10, 0, 0, 1], 5000).into(), server: ([10, 0, 0, 2], 80).into() }
}

/// Bytes that cannot be compressed.
pub(in crate::store) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

pub(super) fn piece(at: i64, unit: u64, offset: u64, len: u32) -> PieceInfo {
    PieceInfo { at: Timestamp(at), frame: 3, unit, offset, len, gap: false }
}

pub(super) fn part(n: u64, pieces: Vec<PieceInfo>, bytes: &[u8]) -> Part {
    let response = BodyPart { pieces, bytes: bytes.to_vec(), unit_lines: vec![] };
    Part {
        id: ExchangeId(n),
        codings: [None, None],
        heads: Heads::default(),
        request: BodyPart::default(),
        response,
        records: vec![],
    }
}

pub(super) fn connection(n: u32) -> Connection {
    let facts = ConnFacts {
        handshake_seen: true,
        retransmitted_segments: 2,
        server_fin: true,
        packets: 12,
        ..ConnFacts::default()
    };
    let (opened_at, closed_at) = (Timestamp(90), Timestamp(190));
    let (endpoints, offered) = (endpoints(), Vec::new());
    Connection {
        id: ConnId(n),
        endpoints,
        opened_at,
        closed_at,
        speaks: "http/1",
        tls: None,
        offered,
        facts,
        exchanges: 1,
    }
}

/// A TLS connection without keys.
pub(super) fn unread(n: u32) -> Connection {
    let (sni, version, suite) = (Some("sni".into()), Some("1.3".into()), Some(0x1301));
    let tls = Some(TlsInfo { sni, ech: Some(true), alpn: None, version, suite, unread: Some("no secrets") });
    Connection { speaks: "tls", tls, offered: vec!["h2".into(), "http/1.1".into()], exchanges: 0, ..connection(n) }
}

/// Exchange number `n`, whose request begins at `at` ns.
pub(super) fn finished(n: u64, at: i64) -> Analyzed {
    let exchange = Exchange {
        id: ExchangeId(n),
        conn: ConnId(0),
        endpoints: endpoints(),
        tls: Some(TlsInfo {
            sni: Some("sni".into()),
            alpn: Some("http/1.1".into()),
            ech: Some(true),
            ..TlsInfo::default()
        }),
        request: Some(request(at)),
        response: Some(response(at)),
        ending: ending(at),
        oddities: oddities(),
        websocket: None,
        gap: false,
    };
    let t = |d| Some(Timestamp(at + d));
    let metrics = Metrics {
        request_start: t(0),
        request_end: t(5),
        response_start: t(10),
        first_body_byte: t(20),
        first_record: t(30),
        first_delta: t(30),
        last_delta: t(40),
        response_end: t(41),
        ttfb: Some(Span(5)),
        ttft: Some(Span(25)),
        ttft_content: Some(Span(25)),
        itl: vec![Span(10)],
        tpot: Some(Span(10)),
        duration: Some(Span(36)),
        reasoning_sign: t(30),
        ttfr: Some(Span(25)),
        load: Some(Span(2)),
        prefill: Some(Span(3)),
        first_token: Some(Span(4)),
        ..Metrics::default()
    };
    let finding = Finding {
        rule: "HTTP-001",
        level: Some(Level::Error),
        record: Some(1),
        count: 3,
        fix: Some("own advice"),
        ..Finding::new("wrong")
    };
    Analyzed { exchange: Box::new(exchange), metrics, findings: vec![finding] }
}

/// The flat names of `list`'s fields, which are those of the CSV header.
pub(super) fn flat_names(out: &mut Vec<String>) {
    fn walk(path: &str, value: &serde_json::Value, sink: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) if !map.is_empty() => {
                for (k, v) in map {
                    walk(&if path.is_empty() || path == "timing" { k.clone() } else { format!("{path}_{k}") }, v, sink);
                }
            }
            _ => sink.push(path.to_owned()),
        }
    }
    walk("", &serde_json::to_value(Summary::template()).unwrap_or_default(), out);
}

fn ending(at: i64) -> Ending {
    let closing =
        |t: i64| Closing { fin: Some(Timestamp(at + t)), rst: None, close_notify: Some(Timestamp(at + t - 1)) };
    Ending {
        told: Some(EndSignal::GoAway { last: 7, code: 2 }),
        by: Party::Server,
        at: Timestamp(at + 50),
        frame: 9,
        last_byte_at: Some(Timestamp(at + 41)),
        terminator_at: Some(Timestamp(at + 40)),
        finish_at: Some(Timestamp(at + 39)),
        client: closing(52),
        server: closing(51),
        seen_until: Timestamp(at + 60),
    }
}

fn request(at: i64) -> Request {
    let raw = b"POST /v1/chat/completions HTTP/1.1\r\nHOST: h:80\r\nx: caf\xe9\r\n\r\n".to_vec();
    Request {
        head: RequestHead {
            first_at: Timestamp(at),
            method: "POST".into(),
            target: "/v1/chat/completions".into(),
            version: Version::H11,
            scheme: None,
            authority: Some("h:80".into()),
            transfer: Transfer::Length(2),
            h2_stream: None,
            fields: Fields::new(raw, vec![(36..40, 42..46), (48..49, 51..55)]),
        },
        head_at: Timestamp(at + 4),
        last_at: Timestamp(at + 5),
        body: Body {
            wire_bytes: 2,
            wire_sha256: Some([7; 32]),
            pieces: vec![piece(at, 0, 0, 2)],
            bytes: b"{}".to_vec(),
            ..Body::default()
        },
        model: Some("m-1".into()),
        stream: Some(true),
        asked: None,
        rpc: None,
        end: MessageEnd::Complete,
    }
}

fn response(at: i64) -> Response {
    let raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
    let head = ResponseHead {
        first_at: Timestamp(at + 10),
        status: 200,
        reason: b"OK".to_vec(),
        version: Version::H11,
        transfer: Transfer::Chunked,
        h2_stream: None,
        fields: Fields::new(raw, vec![(17..29, 31..48)]),
    };
    let body = Body {
        first_at: Some(Timestamp(at + 20)),
        wire_bytes: 10,
        wire_sha256: Some([1; 32]),
        decoded_bytes: 10,
        decoded_sha256: Some([0xab; 32]),
        units: Some(2),
        pieces: vec![piece(at + 20, 0, 0, 3), piece(at + 30, 0, 3, 3), piece(at + 40, 1, 6, 4)],
        bytes: b"0123456789".to_vec(),
        unit_lines: vec![(1, b"04;x".to_vec())],
        ..Body::default()
    };
    Response {
        head: Some(head),
        first_at: Timestamp(at + 10),
        last_at: Timestamp(at + 41),
        informational: vec![interim(at)],
        body,
        trailers: Fields::new(b"a: b\r\na: c\r\n\r\n".to_vec(), vec![(0..1, 3..4), (6..7, 9..10)]),
        framing: Framing::Sse,
        dialect: Some("openai.chat"),
        dialect_why: "path".into(),
        head_at: Timestamp(0),
        record_count: 3,
        first_record_at: Some(Timestamp(at + 30)),
        last_record_at: Some(Timestamp(at + 40)),
        comments: 1,
        deltas: vec![],
        answer: answer(),
        records: vec![
            record(0, at + 30, true, false),
            record(1, at + 40, true, false),
            record(2, at + 40, false, true),
        ],
        end: MessageEnd::CutByServer,
    }
}

fn interim(at: i64) -> ResponseHead {
    ResponseHead {
        first_at: Timestamp(at + 8),
        status: 103,
        reason: b"Early Hints".to_vec(),
        version: Version::H11,
        transfer: Transfer::None,
        h2_stream: None,
        fields: Fields::new(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n".to_vec(), vec![(26..30, 32..33)]),
    }
}

fn answer() -> Answer {
    let two = |a: &str, b: &str| [(0, a.to_owned()), (1, b.to_owned())].into();
    Answer {
        texts: two("left", "right ✓"),
        reasoning_text: "hm".into(),
        tool_arguments: [("0".to_owned(), "{\"a\":1}".to_owned())].into(),
        finish_reasons: two("stop", "length"),
        usage: Some(serde_json::json!({"completion_tokens": 2})),
        output_tokens: Some(2),
        error: Some("boom".into()),
        terminator: Terminator {
            expected: Some("[DONE]"),
            seen: true,
            which: Some("[DONE]".into()),
            own: true,
            is_last_record: Some(true),
        },
        content_deltas: 2,
        reasoning_deltas: 1,
        tool_deltas: 1,
        variant: Some("litserve"),
        ..Answer::default()
    }
}

pub(super) fn record(n: u64, at: i64, content: bool, terminator: bool) -> RecordInfo {
    let meaning = Meaning { content, terminator, ..Meaning::default() };
    RecordInfo {
        n,
        at: Timestamp(at),
        first_at: Timestamp(at),
        frame: 4,
        start: n * 3,
        end: n * 3 + 3,
        event: Some("e".into()),
        meaning,
    }
}

fn oddities() -> Oddities {
    let mut all = Oddities::default();
    all.push(Oddity::new(Kind("test.odd"), Timestamp(1), "x").offset(2).record(1));
    all.push(Oddity::new(Kind("test.odd"), Timestamp(2), "y"));
    all
}
