//! Writes archives. What the format does not define is in fields that begin with `_`; their names and shapes are
//! those that Chrome writes.

use crate::encoding::to_base64;
use crate::exchange::{Decoded, Exchange, Request, Response};
use crate::framing::Framing;
use crate::framing::websocket::Sender;
use crate::http::event::Version;
use crate::interchange::{pairs, url};
use crate::pipeline::messages::{self, Message};
use crate::time::{Span, Timestamp};
use serde_json::{Value, json};

/// The archive of these exchanges.
pub fn archive(exchanges: &[Exchange]) -> Value {
    let entries: Vec<Value> = exchanges.iter().map(entry).collect();
    json!({"log": {
        "version": "1.2",
        "creator": {"name": "sniff", "version": env!("CARGO_PKG_VERSION")},
        "pages": [],
        "entries": entries,
    }})
}

fn entry(exchange: &Exchange) -> Value {
    let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
    let begin = request.map(|r| r.head.first_at).or(response.map(|r| r.first_at)).unwrap_or_default();
    let asked = request.map_or(begin, |r| r.last_at);
    let (first, last) = response.map_or((asked, asked), |r| (r.first_at, r.last_at));
    let ms = |span: Span| (span.0.max(0) as f64) / 1e6;
    let (send, wait, receive) = (ms(asked.since(begin)), ms(first.since(asked)), ms(last.since(first)));
    let kind = match exchange.websocket {
        Some(_) => "websocket",
        None if response.is_some_and(|r| r.framing == Framing::Sse) => "eventsource",
        None => "fetch",
    };
    let mut entry = json!({
        "startedDateTime": begin.to_string(),
        "time": send + wait + receive,
        "request": request.map_or_else(no_request, |r| asked_for(r, exchange)),
        "response": response.map_or_else(no_response, |r| answered(r, exchange)),
        "cache": {},
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": send, "wait": wait, "receive": receive},
        "serverIPAddress": exchange.endpoints.server.ip().to_string(),
        "connection": exchange.conn.0.to_string(),
        "_resourceType": kind,
    });
    if exchange.websocket.is_some() {
        entry["_webSocketMessages"] = messages::of(exchange).iter().map(socket_message).collect();
        return entry;
    }
    if let Some(response) = response {
        entry["_chunks"] = chunks(response, asked);
        if response.framing == Framing::Sse {
            entry["_eventSourceMessages"] = events(response);
        }
    }
    entry
}

/// A message of a WebSocket; binary messages are base64.
fn socket_message(m: &Message) -> Value {
    let (opcode, data) = match std::str::from_utf8(&m.data) {
        Ok(text) if !m.binary => (1, text.to_owned()),
        _ => (if m.binary { 2 } else { 1 }, to_base64(&m.data)),
    };
    let kind = if m.from == Sender::Client { "send" } else { "receive" };
    json!({"type": kind, "time": m.at.nanos() as f64 / 1e9, "opcode": opcode, "data": data})
}

/// Every delivery: milliseconds since the request's end, bytes before content decoding, transfer unit.
fn chunks(response: &Response, asked: Timestamp) -> Value {
    let pieces = response.body.pieces.iter().filter(|p| !p.gap);
    pieces.map(|p| json!({"ms": p.at.since(asked).as_millis_f64(), "bytes": p.len, "unit": p.unit})).collect()
}

/// The SSE events, as developer tools list them.
fn events(response: &Response) -> Value {
    let body = response.decoded();
    let message = |r: &crate::exchange::RecordInfo| {
        let text = String::from_utf8_lossy(body.at(r.start, r.end));
        let data: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("data:")).map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
        let seconds = r.at.nanos() as f64 / 1e9;
        json!({"time": seconds, "eventName": r.event.as_deref().unwrap_or("message"), "eventId": "", "data": data.join("\n")})
    };
    response.records.iter().map(message).collect()
}

fn asked_for(r: &Request, exchange: &Exchange) -> Value {
    let socket = exchange.websocket.is_some();
    // What a WebSocket sends after the heads is in its messages.
    let body = if socket { Vec::new() } else { r.decoded().bytes };
    let mut url = url(exchange);
    if let Some(rest) = url.strip_prefix("http").filter(|_| socket) {
        url = format!("ws{rest}");
    }
    let query = url.split_once('?').map_or("", |(_, q)| q);
    let pair = |p: &str| {
        let (name, value) = p.split_once('=').unwrap_or((p, ""));
        json!({"name": name, "value": value})
    };
    let query: Vec<Value> = query.split('&').filter(|p| !p.is_empty()).map(pair).collect();
    let mut request = json!({
        "method": r.head.method,
        "url": url,
        "httpVersion": version(r.head.version),
        "cookies": [],
        "headers": headers(pairs(&r.head.fields)),
        "queryString": query,
        "headersSize": r.head.fields.raw().len(),
        "bodySize": if socket { 0 } else { r.body.wire_bytes },
    });
    if !body.is_empty() {
        let kind = r.head.fields.text("content-type").unwrap_or_default();
        request["postData"] = match std::str::from_utf8(&body) {
            Ok(text) => json!({"mimeType": kind, "text": text}),
            Err(_) => json!({"mimeType": kind, "text": to_base64(&body), "_encoding": "base64"}),
        };
    }
    request
}

fn answered(r: &Response, exchange: &Exchange) -> Value {
    let socket = exchange.websocket.is_some();
    let decoded = if socket { Decoded::default() } else { r.decoded() };
    let body = decoded.bytes;
    let size = if socket { 0 } else { r.body.wire_bytes };
    let head = r.head.as_ref();
    let field = |name: &str| head.and_then(|h| h.fields.text(name)).unwrap_or_default();
    let mut content = json!({"size": body.len(), "mimeType": field("content-type")});
    match std::str::from_utf8(&body) {
        Ok(text) => content["text"] = json!(text),
        Err(_) => {
            content["text"] = json!(to_base64(&body));
            content["encoding"] = json!("base64");
        }
    }
    if let Some(why) = &decoded.stopped {
        let place = why.offset.map_or(String::new(), |at| format!(" at byte {at}"));
        content["comment"] = json!(format!("not decoded whole: {}{place}: {}", why.kind.0, why.found));
    }
    let codings = head.and_then(|h| h.fields.content_codings()).filter(|_| !socket).unwrap_or_default();
    if codings.split(',').any(|c| !matches!(c.trim().to_ascii_lowercase().as_str(), "" | "identity")) {
        content["compression"] = json!(body.len() as i64 - size as i64);
    }
    json!({
        "status": head.map_or(0, |h| h.status),
        "statusText": head.map_or(String::new(), |h| String::from_utf8_lossy(&h.reason).into_owned()),
        "httpVersion": head.map_or("HTTP/1.1", |h| version(h.version)),
        "cookies": [],
        "headers": head.map_or_else(Vec::new, |h| headers(pairs(&h.fields))),
        "content": content,
        "redirectURL": field("location"),
        "headersSize": head.map_or(-1, |h| h.fields.raw().len() as i64),
        "bodySize": size,
        "_transferSize": head.map_or(0, |h| h.fields.raw().len() as u64) + size,
        "_complete": r.end == crate::http::event::MessageEnd::Complete,
    })
}

fn headers(pairs: impl Iterator<Item = (String, String)>) -> Vec<Value> {
    pairs.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn version(v: Version) -> &'static str {
    match v {
        Version::H10 => "HTTP/1.0",
        Version::H11 => "HTTP/1.1",
        Version::H2 => "HTTP/2.0",
    }
}

fn no_request() -> Value {
    json!({"method": "", "url": "about:unknown", "httpVersion": "", "cookies": [], "headers": [], "queryString": [], "headersSize": -1, "bodySize": -1})
}

fn no_response() -> Value {
    json!({"status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [], "content": {"size": 0, "mimeType": ""},
        "redirectURL": "", "headersSize": -1, "bodySize": -1})
}
