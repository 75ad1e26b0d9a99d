//! An exchange to be shared: without secrets, without content codings, and if asked for without words.

use super::{Filler, exchange as hidden};
use crate::exchange::{Body, Exchange};
use crate::framing::Framing;
use crate::framing::websocket::FrameHead;
use crate::http::event::{Fields, RequestHead, ResponseHead};
use crate::http::stored;

/// The field that names the codings that were undone.
const DECODED: &str = "X-Sniff-Decoded";

/// An exchange without the secrets of its heads, bodies and texts, and with a filler for every prompt and answer.
/// Bodies have no content coding any more; each delivery keeps its time and unit. Returns whether a coding was
/// undone.
pub fn share(x: &Exchange, filler: Option<&Filler>) -> (Exchange, bool) {
    let mut x = x.clone();
    let mut undone = false;
    if let Some(r) = &mut x.request
        && let Some(codings) = r.head.fields.content_codings()
        && decode(&mut r.body, &codings)
    {
        undone = true;
        let kept =
            stored::Kept { first_at: r.head.first_at, h2_stream: r.head.h2_stream, transfer: r.head.transfer.as_str() };
        let raw = without_coding(r.head.fields.raw(), &codings, r.body.wire_bytes);
        r.head =
            stored::request(&raw, kept).unwrap_or_else(|| RequestHead { fields: Fields::default(), ..r.head.clone() });
    }
    if let Some(r) = &mut x.response
        && let Some(head) = &mut r.head
        && let Some(codings) = head.fields.content_codings()
        && decode(&mut r.body, &codings)
    {
        undone = true;
        let kept =
            stored::Kept { first_at: head.first_at, h2_stream: head.h2_stream, transfer: head.transfer.as_str() };
        let raw = without_coding(head.fields.raw(), &codings, r.body.wire_bytes);
        *head =
            stored::response(&raw, kept).unwrap_or_else(|| ResponseHead { fields: Fields::default(), ..head.clone() });
    }
    let mut x = hidden(&x);
    if let Some(filler) = filler {
        fill(&mut x, filler);
    }
    (x, undone)
}

/// Undoes the codings of a body; false if nothing of it can be decoded. What follows damage is lost.
fn decode(body: &mut Body, codings: &str) -> bool {
    let decoded = body.decoded(Some(codings));
    if decoded.not_coded.is_some() || decoded.bytes.is_empty() || decoded.bytes == body.bytes {
        return false;
    }
    let (mut at, mut offset) = (0, 0);
    for piece in &mut body.pieces {
        let len = if piece.gap { 0 } else { piece.len as usize };
        let range = decoded.delivered(&(at..at + len));
        at += len;
        piece.offset = offset;
        piece.len = range.len() as u32;
        offset += range.len() as u64;
    }
    body.bytes = decoded.bytes;
    body.bytes.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
    body.unit_lines.clear();
    body.wire_bytes = offset;
    body.wire_sha256 = body.decoded_sha256;
    true
}

/// A head without its content codings, which another field names, and with this length.
fn without_coding(raw: &[u8], codings: &str, len: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut said = false;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-encoding") {
            if !said {
                out.extend(format!("{DECODED}: {codings}\r\n").as_bytes());
            }
            said = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            out.extend(format!("Content-Length: {len}\r\n").as_bytes());
        } else {
            out.extend_from_slice(line);
        }
    }
    out
}

fn fill(x: &mut Exchange, filler: &Filler) {
    let socket = x.websocket.is_some();
    x.oddities.each_found(|found| *found = filler.text(found));
    x.oddities.each_excerpt(|excerpt| {
        let parts = [&mut excerpt.before, &mut excerpt.marked, &mut excerpt.after];
        parts.into_iter().for_each(|part| *part = filler.text(part));
    });
    if let Some(close) = x.websocket.as_mut().and_then(|w| w.close.as_mut()) {
        close.reason = filler.text(&close.reason);
    }
    if let Some(r) = &mut x.request {
        let kept =
            stored::Kept { first_at: r.head.first_at, h2_stream: r.head.h2_stream, transfer: r.head.transfer.as_str() };
        let target = filler.target(&r.head.target);
        let raw = replaced(r.head.fields.raw(), r.head.target.as_bytes(), target.as_bytes());
        let kind = r.head.fields.text("content-type").unwrap_or_default();
        r.head =
            stored::request(&raw, kept).unwrap_or_else(|| RequestHead { target: target.clone(), ..r.head.clone() });
        r.model = r.model.as_deref().map(|model| filler.name(model));
        if let Some(name) = r.rpc.as_mut().and_then(|rpc| rpc.name.as_mut()) {
            // The address of a resource may say what it holds.
            *name = if name.contains(':') { filler.text(name) } else { filler.name(name) };
        }
        match (socket, kind.starts_with("application/grpc")) {
            (true, _) => frames(&mut r.body.bytes, filler),
            (_, true) => filler.binary(&mut r.body.bytes),
            _ => filler.body(&mut r.body.bytes),
        }
    }
    let Some(r) = &mut x.response else { return };
    match r.framing {
        _ if socket => frames(&mut r.body.bytes, filler),
        Framing::AwsEventStream => messages(&mut r.body.bytes, filler),
        Framing::Grpc | Framing::Binary => filler.binary(&mut r.body.bytes),
        _ => filler.body(&mut r.body.bytes),
    }
    r.dialect_why.clear();
    for event in r.records.iter_mut().filter_map(|r| r.event.as_mut()) {
        *event = filler.name(event).into();
    }
    r.body.tail = None;
    let a = &mut r.answer;
    let texts = a.texts.values_mut().chain(a.tool_arguments.values_mut()).chain(&mut a.error);
    texts.chain([&mut a.reasoning_text]).for_each(|text| *text = filler.text(text));
}

/// A head with its target replaced; other lines stay.
fn replaced(raw: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match memchr::memmem::find(raw, from).filter(|_| !from.is_empty()) {
        Some(at) => [&raw[..at], to, &raw[at + from.len()..]].concat(),
        None => raw.to_vec(),
    }
}

/// The messages of a WebSocket. What is compressed cannot keep its length: it is blanked.
fn frames(bytes: &mut [u8], filler: &Filler) {
    let mut at = 0;
    while let Some((head, len)) = bytes.get(at..).and_then(FrameHead::read) {
        let from = at + len;
        let to = usize::try_from(head.len).map_or(bytes.len(), |n| from.saturating_add(n)).min(bytes.len());
        let Some(payload) = bytes.get_mut(from..to) else { return };
        let mask = head.mask.unwrap_or_default();
        let turn = |payload: &mut [u8]| payload.iter_mut().enumerate().for_each(|(i, b)| *b ^= mask[i % 4]);
        turn(payload);
        match (head.control, head.rsv1) {
            (true, _) => filler.binary(payload),
            (_, true) => payload.fill(b'*'),
            _ => filler.body(payload),
        }
        turn(payload);
        at = to.max(at + 1);
    }
}

/// The payloads of AWS event-stream messages, with their checksums made anew.
fn messages(bytes: &mut [u8], filler: &Filler) {
    let number = |b: &[u8]| b.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b) as usize);
    let mut rest = bytes;
    while rest.len() >= 16 {
        let (total, headers) = (number(rest), number(&rest[4..]));
        if total < 16 || total > rest.len() || headers > total - 16 {
            return filler.binary(rest);
        }
        let (message, after) = std::mem::take(&mut rest).split_at_mut(total);
        filler.body(&mut message[12 + headers..total - 4]);
        let sum = crc32fast::hash(&message[..total - 4]);
        message[total - 4..].copy_from_slice(&sum.to_be_bytes());
        rest = after;
    }
}
