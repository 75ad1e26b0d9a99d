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
    #[serde(default)]
    body_size: Option<i64>,
}

impl Answered {
    /// The archive leaves the body out: it has no text, and nothing says that there was none. Browsers write no text
    /// for event streams, and a size of 0.
    fn lacks_body(&self, method: &str) -> bool {
        let none = method == "HEAD" || matches!(self.status, 100..200 | 204 | 205 | 304);
        let empty = self.headers.iter().any(|h| h.name.eq_ignore_ascii_case("content-length") && h.value.trim() == "0");
        let sized = self.content.size.is_some_and(|n| n > 0);
        let text = self.content.text.as_deref().is_none_or(|text| text.is_empty() && sized);
        text && !none && !empty && (sized || self.body_size != Some(0))
    }
}

#[derive(Debug, Default, Deserialize)]
struct Content {
    text: Option<String>,
    #[serde(default)]
    size: Option<i64>,
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
    if matches!(e.response.status, 100..200) && e.response.status != 101 {
        return Err("its response is an interim one");
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
    if [&e.request.method, &e.request.url].into_iter().any(|text| has_line_end(text)) {
        return Err("its request is not HTTP");
    }
    let start = format!("{} {path} HTTP/1.1\r\nhost: {authority}", e.request.method);
    let request = message(&start, &e.request.headers, &sent, None, asked).ok_or("its request is not HTTP")?;
    let wanted: u64 = e.chunks.iter().map(|c| u64::from(c.bytes)).sum();
    let chunks = (wanted == body.len() as u64 && wanted > 0).then_some(e.chunks.as_slice());
    if has_line_end(&e.response.status_text) {
        return Err("its response is not HTTP");
    }
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
    let lacks = e.response.lacks_body(&e.request.method);
    let end = match e.response.complete {
        _ if lacks => MessageEnd::CutByCapture,
        Some(false) => MessageEnd::CutByServer,
        _ => MessageEnd::Complete,
    };
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
        gap: lacks,
    };
    Ok(kept.read())
}

/// A part of a line that would end it: what follows would be another line.
fn has_line_end(text: &str) -> bool {
    text.contains(['\r', '\n'])
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
        // A name that begins with a space would continue the field before it (RFC 9112 section 5.2).
        if [name, value].into_iter().any(|text| has_line_end(text)) || name.starts_with([' ', '\t']) {
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
mod tests;
