//! Reads archives that other tools recorded. They have no packets; if an archive has no times of chunks (`_chunks`,
//! which our own export writes), a body arrives in one piece at its end.

use crate::conn::{ConnId, Endpoints};
use crate::encoding::from_base64;
use crate::exchange::{Exchange, ExchangeId, PieceInfo};
use crate::http::event::{Fields, MessageEnd};
use crate::http::stored::{self, Kept as KeptHead};
use crate::oddity::Oddities;
use crate::pipeline::{BodyPart, StoredExchange, StoredMessage};
use crate::time::{Span, Timestamp};
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The members of an archive that are read.
#[derive(Debug, Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Debug, Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    #[serde(default)]
    time: f64,
    request: Asked,
    response: Answered,
    #[serde(default)]
    timings: Timings,
    #[serde(default, rename = "serverIPAddress")]
    server: String,
    #[serde(default, rename = "_chunks")]
    chunks: Vec<Chunk>,
    #[serde(default, rename = "_resourceType")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
struct Timings {
    #[serde(default)]
    send: f64,
    #[serde(default)]
    wait: f64,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    ms: f64,
    bytes: u32,
    unit: u64,
}

#[derive(Debug, Deserialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    method: String,
    url: String,
    headers: Vec<Pair>,
    post_data: Option<Posted>,
}

#[derive(Debug, Deserialize)]
struct Posted {
    #[serde(default)]
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    status: u16,
    #[serde(default)]
    status_text: String,
    headers: Vec<Pair>,
    #[serde(default)]
    content: Content,
    #[serde(default, rename = "_complete")]
    complete: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

/// Fields that describe how a body was sent; here it is framed anew.
const OF_THE_TRANSFER: [&str; 5] = ["content-length", "transfer-encoding", "content-encoding", "connection", "host"];

/// The content of an archive.
#[derive(Debug, Default)]
pub struct Imported {
    /// Exchanges in the order of the archive.
    pub exchanges: Vec<Exchange>,
    /// Entries that could not be used, by index, and why.
    pub left_out: Vec<(usize, &'static str)>,
}

/// Reads the exchanges of an archive.
///
/// # Errors
/// The text is not a HAR file.
pub fn exchanges(text: &[u8]) -> Result<Imported, serde_json::Error> {
    let archive: Archive = serde_json::from_slice(text)?;
    let mut all = Imported::default();
    for (i, entry) in archive.log.entries.into_iter().enumerate() {
        match exchange(i as u64, &entry) {
            Ok(exchange) => all.exchanges.push(exchange),
            Err(why) => all.left_out.push((i, why)),
        }
    }
    Ok(all)
}

fn exchange(n: u64, e: &Entry) -> Result<Exchange, &'static str> {
    let begin = chrono::DateTime::parse_from_rfc3339(&e.started_date_time).ok().and_then(|t| t.timestamp_nanos_opt());
    let begin = Timestamp(begin.ok_or("startedDateTime is not a time")?);
    let ms = |ms: f64| Span((ms.clamp(0.0, 1e12) * 1e6) as i64);
    let asked = begin.plus(ms(e.timings.send));
    let first = asked.plus(ms(e.timings.wait));
    let last = begin.plus(ms(e.time)).max(first);
    if e.response.status == 0 {
        return Err("it has no response");
    }
    if e.kind == "websocket" {
        return Err("it is a WebSocket: an archive has its messages, not its bytes");
    }
    let body = match (&e.response.content.text, e.response.content.encoding.as_deref()) {
        (None, _) => Vec::new(),
        (Some(text), Some("base64")) => from_base64(text).ok_or("its content is not base64")?,
        (Some(text), _) => text.clone().into_bytes(),
    };
    let (scheme, rest) = e.request.url.split_once("://").ok_or("its url is not absolute")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let sent = e.request.post_data.as_ref().map(|p| p.text.clone().into_bytes()).unwrap_or_default();
    let start = format!("{} {path} HTTP/1.1\r\nhost: {authority}", e.request.method);
    let request = message(&start, &e.request.headers, &sent, None, asked).ok_or("its request is not HTTP")?;
    let wanted: u64 = e.chunks.iter().map(|c| u64::from(c.bytes)).sum();
    let chunks = (wanted == body.len() as u64 && wanted > 0).then_some(e.chunks.as_slice());
    let start = format!("HTTP/1.1 {:03} {}", e.response.status, e.response.status_text);
    let response = message(&start, &e.response.headers, &body, chunks.map(|c| (asked, c)), last)
        .ok_or("its response is not HTTP")?;
    let (raw, transfer, mut part, units) = request;
    part.pieces.iter_mut().for_each(|p| p.at = asked);
    let head = |raw: &[u8], at: Timestamp, transfer: &'static str| {
        (raw.to_vec(), KeptHead { first_at: at, h2_stream: None, transfer })
    };
    let (raw, kept) = head(&raw, begin, transfer);
    let request = StoredMessage {
        head: stored::request(&raw, kept),
        head_at: begin,
        body: part,
        units,
        trailers: Fields::default(),
        last_at: asked,
        end: MessageEnd::Complete,
    };
    let (raw, transfer, part, units) = response;
    let (raw, kept) = head(&raw, first, transfer);
    let end = if e.response.complete == Some(false) { MessageEnd::CutByServer } else { MessageEnd::Complete };
    let response = StoredMessage {
        head: stored::response(&raw, kept),
        head_at: first,
        body: part,
        units,
        trailers: Fields::default(),
        last_at: last,
        end,
    };
    let port = authority.rsplit_once(':').and_then(|(_, p)| p.parse().ok()).unwrap_or(if scheme == "https" {
        443
    } else {
        80
    });
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let endpoints = Endpoints {
        client: SocketAddr::new(nowhere, 0),
        server: SocketAddr::new(e.server.trim_matches(['[', ']']).parse().unwrap_or(nowhere), port),
    };
    let kept = StoredExchange {
        id: ExchangeId(n),
        conn: ConnId(n as u32),
        endpoints,
        tls: (scheme == "https").then(Default::default),
        request: Some(request),
        response: Some(response),
        informational: Vec::new(),
        ending: None,
        oddities: Oddities::default(),
        gap: false,
    };
    Ok(kept.read())
}

type Message = (Vec<u8>, &'static str, BodyPart, Option<u64>);

/// Makes a message: head, framing of the body, body, transfer units. `chunks`: the recorded chunks, and the time
/// from which theirs count.
fn message(
    start: &str,
    headers: &[Pair],
    body: &[u8],
    chunks: Option<(Timestamp, &[Chunk])>,
    last: Timestamp,
) -> Option<Message> {
    let mut raw = format!("{start}\r\n");
    for Pair { name, value } in headers {
        let kept = !name.starts_with(':') && !OF_THE_TRANSFER.contains(&name.to_ascii_lowercase().as_str());
        if [name, value].into_iter().any(|t| t.contains(['\r', '\n'])) {
            return None;
        }
        if kept {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let mut pieces = Vec::new();
    let mut offset = 0;
    for chunk in chunks.map_or(&[][..], |(_, c)| c) {
        let at = chunks.map_or(last, |(from, _)| from.plus(Span((chunk.ms * 1e6) as i64)));
        pieces.push(PieceInfo { at, frame: 0, unit: chunk.unit, offset, len: chunk.bytes, gap: false });
        offset += u64::from(chunk.bytes);
    }
    let units = pieces.last().map(|p| p.unit + 1);
    if pieces.is_empty() && !body.is_empty() {
        pieces.push(PieceInfo {
            at: last,
            frame: 0,
            unit: 0,
            offset: 0,
            len: u32::try_from(body.len()).ok()?,
            gap: false,
        });
    }
    let transfer = match (units, body.is_empty()) {
        (Some(_), _) => "chunked",
        (None, true) => "none",
        (None, false) => "length",
    };
    raw.push_str(&match transfer {
        "chunked" => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        _ => format!("content-length: {}\r\n\r\n", body.len()),
    });
    Some((raw.into_bytes(), transfer, BodyPart { pieces, bytes: body.to_vec(), unit_lines: Vec::new() }, units))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    use serde_json::{Value, json};

    const BEGIN: i64 = 1_795_390_276_000_000_000;

    /// An entry with a different value in every member that is read.
    fn entry() -> Value {
        json!({
            "startedDateTime": "2026-11-22T23:31:16Z",
            "time": 100.5,
            "timings": {"send": 3.0, "wait": 7.0, "receive": 90.5},
            "serverIPAddress": "192.0.2.9",
            "request": {
                "method": "PUT", "url": "https://api.example:8443/v1/x?a=1",
                "headers": [
                    {"name": ":authority", "value": "other.example"}, {"name": "Host", "value": "other.example"},
                    {"name": "Content-Length", "value": "77"}, {"name": "X-One", "value": "1"}
                ],
                "postData": {"text": "asked"},
            },
            "response": {
                "status": 201, "statusText": "Made",
                "headers": [
                    {"name": ":status", "value": "999"}, {"name": "Content-Encoding", "value": "gzip"},
                    {"name": "transfer-encoding", "value": "chunked"}, {"name": "Connection", "value": "close"},
                    {"name": "X-Two", "value": "2"}
                ],
                "content": {"text": "answered"},
            },
        })
    }

    fn with(path: &str, value: Value) -> Value {
        let mut entry = entry();
        *entry.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        entry
    }

    fn read(entry: Value) -> Result<Exchange, &'static str> {
        let all = exchanges(json!({"log": {"entries": [entry]}}).to_string().as_bytes()).unwrap();
        let why = all.left_out.first().map(|(_, why)| *why);
        all.exchanges.into_iter().next().ok_or_else(|| why.unwrap())
    }

    #[test]
    fn every_member_has_its_place() {
        let x = read(entry()).unwrap();
        let (request, response) = (x.request.unwrap(), x.response.unwrap());
        let head = "PUT /v1/x?a=1 HTTP/1.1\r\nhost: api.example:8443\r\nX-One: 1\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(request.head.fields.raw()), head);
        assert_eq!(request.body.bytes, b"asked");
        let raw = response.head.as_ref().unwrap().fields.raw();
        assert_eq!(String::from_utf8_lossy(raw), "HTTP/1.1 201 Made\r\nX-Two: 2\r\ncontent-length: 8\r\n\r\n");
        assert_eq!((response.body.bytes.as_slice(), response.end), (&b"answered"[..], MessageEnd::Complete));
        let pieces: Vec<_> = response.body.pieces.iter().map(|p| (p.at.0, p.unit, p.offset, p.len)).collect();
        assert_eq!(pieces, [(BEGIN + 100_500_000, 0, 0, 8)], "without times the body comes at its end");
        let times = [request.head.first_at, request.last_at, response.first_at, response.last_at].map(|t| t.0 - BEGIN);
        assert_eq!(times, [0, 3_000_000, 10_000_000, 100_500_000]);
        assert_eq!((x.endpoints.server, x.tls), ("192.0.2.9:8443".parse().unwrap(), Some(Default::default())));
    }

    #[test]
    fn times_that_are_unknown_or_too_short_leave_the_order() {
        for (send, wait, time, want) in [
            (-1.0, -1.0, 8.0, [0, 0, 0, 8]),
            (3.0, -1.0, 8.0, [0, 3, 3, 8]),
            (-1.0, 7.0, 8.0, [0, 0, 7, 8]),
            (3.0, 7.0, 4.0, [0, 3, 10, 10]),
            (3.0, 7.0, -1.0, [0, 3, 10, 10]),
        ] {
            let mut told = with("/timings", json!({"send": send, "wait": wait}));
            told["time"] = json!(time);
            let x = read(told).unwrap();
            let (request, response) = (x.request.unwrap(), x.response.unwrap());
            let times = [request.head.first_at, request.last_at, response.first_at, response.last_at];
            assert_eq!(times.map(|t| (t.0 - BEGIN) / 1_000_000), want, "{send} {wait} {time}");
        }
    }

    #[test]
    fn chunks_are_believed_if_they_add_up_to_the_body() {
        let chunk = |ms: f64, bytes: u32, unit: u64| json!({"ms": ms, "bytes": bytes, "unit": unit});
        let mut told = entry();
        told["_chunks"] = json!([chunk(20.5, 3, 0), chunk(30.0, 1, 1), chunk(40.0, 4, 1)]);
        let response = read(told.clone()).unwrap().response.unwrap();
        let pieces: Vec<_> = response.body.pieces.iter().map(|p| (p.at.0 - BEGIN, p.unit, p.offset, p.len)).collect();
        // Their times count from the request's end.
        assert_eq!(pieces, [(23_500_000, 0, 0, 3), (33_000_000, 1, 3, 1), (43_000_000, 1, 4, 4)]);
        assert_eq!(response.body.units, Some(2));
        let raw = response.head.unwrap().fields.raw().to_vec();
        assert!(raw.ends_with(b"X-Two: 2\r\ntransfer-encoding: chunked\r\n\r\n"), "{}", String::from_utf8_lossy(&raw));
        for short in [json!([chunk(20.5, 7, 0)]), json!([chunk(20.5, 9, 0)]), json!([])] {
            told["_chunks"] = short;
            let response = read(told.clone()).unwrap().response.unwrap();
            assert_eq!((response.body.pieces.len(), response.body.units), (1, None));
        }
    }

    #[test]
    fn an_answer_that_the_archive_calls_incomplete_was_cut() {
        for (said, end) in [
            (json!(false), MessageEnd::CutByServer),
            (json!(true), MessageEnd::Complete),
            (Value::Null, MessageEnd::Complete),
        ] {
            let mut told = entry();
            told["response"]["_complete"] = said;
            assert_eq!(read(told).unwrap().response.unwrap().end, end);
        }
    }

    #[test]
    fn a_server_is_named_by_its_url_and_its_address() {
        for (url, address, server, tls) in [
            ("https://h/x", "192.0.2.9", "192.0.2.9:443", true),
            ("http://h/x", "192.0.2.9", "192.0.2.9:80", false),
            ("http://h:81", "192.0.2.9", "192.0.2.9:81", false),
            ("https://h:81/x", "", "0.0.0.0:81", true),
            ("http://h/x", "[2001:db8::1]", "[2001:db8::1]:80", false),
            ("http://h/x", "2001:db8::1", "[2001:db8::1]:80", false),
        ] {
            let mut told = with("/request/url", json!(url));
            told["serverIPAddress"] = json!(address);
            let x = read(told).unwrap();
            assert_eq!((x.endpoints.server.to_string(), x.tls.is_some()), (server.to_owned(), tls), "{url} {address}");
        }
        assert_eq!(read(with("/request/url", json!("http://h"))).unwrap().request.unwrap().head.target, "/");
    }

    #[test]
    fn entries_that_cannot_be_used_are_left_out_with_the_reason() {
        let mut socket = entry();
        socket["_resourceType"] = json!("websocket");
        for (told, why) in [
            (with("/startedDateTime", json!("yesterday")), "startedDateTime is not a time"),
            (with("/response/status", json!(0)), "it has no response"),
            (socket, "it is a WebSocket: an archive has its messages, not its bytes"),
            (with("/response/content", json!({"text": "*", "encoding": "base64"})), "its content is not base64"),
            (with("/request/url", json!("/v1/x")), "its url is not absolute"),
            (with("/request/headers/3/value", json!("a\r\nb")), "its request is not HTTP"),
            (with("/response/headers/4/name", json!("a\nb")), "its response is not HTTP"),
        ] {
            assert_eq!(read(told).map(|_| ()), Err(why));
        }
        let content = with("/response/content", json!({"text": "AP8=", "encoding": "base64"}));
        assert_eq!(read(content).unwrap().response.unwrap().body.bytes, [0, 255]);
    }
}
