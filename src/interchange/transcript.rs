//! Writes an exchange as a `.wire` transcript: one HTTP/1.1 connection with this request and response, at their
//! recorded times.

use crate::conn::{Direction, End};
use crate::exchange::{Body, Exchange, Request};
use crate::http::event::{EndSignal, MessageEnd, Transfer, Version};
use crate::replay::Script;
use crate::replay::h1::{self, After};
use crate::replay::script::{self, Ending};
use crate::time::{Span, Timestamp};
use crate::wire::{Event, Transcript, What};

/// What both sides sent. HTTP/2 is written as HTTP/1.1: the same fields and bytes, DATA frames as chunks.
pub fn of(exchange: &Exchange, script: &Script) -> Transcript {
    let (writes, after) = h1::encode(script);
    let response_at = exchange.response.as_ref().map_or(Timestamp::default(), |r| r.first_at);
    let from = exchange.request.as_ref().map_or(response_at, |r| r.last_at);
    let mut events = Vec::new();
    let mut add = |at: Timestamp, dir: Direction, what: What| events.push(Event { at, dir, what });
    let begin = exchange.request.as_ref().map_or(from, |r| r.head.first_at);
    add(begin, Direction::ToServer, What::Open { joined: exchange.request.is_none() });
    for (at, what) in exchange.request.as_ref().map(request).unwrap_or_default() {
        add(at, Direction::ToServer, what);
    }
    let mut last = from;
    let holes = exchange.response.as_ref().map(|r| &r.body).filter(|body| body.pieces.iter().any(|p| p.gap));
    match holes.filter(|_| !script.has_units()) {
        None => {
            for write in writes.into_iter().filter(|w| !w.bytes.is_empty()) {
                last = from.plus(write.at);
                add(last, Direction::ToClient, What::Data(write.bytes));
            }
        }
        Some(body) => {
            let mut heads = script.clone();
            heads.steps.retain(|step| !matches!(step.what, script::What::Part(_)));
            for write in h1::encode(&heads).0.into_iter().filter(|w| !w.bytes.is_empty()) {
                add(from.plus(write.at), Direction::ToClient, What::Data(write.bytes));
            }
            for (at, what) in deliveries(body) {
                last = at;
                add(at, Direction::ToClient, what);
            }
        }
    }
    let end = script.steps.last().map_or(last, |s| from.plus(s.at)).max(last);
    match (after, script.ending) {
        (After::Reset, _) => add(end, Direction::ToClient, What::End(End::Reset)),
        // The capture has no end.
        _ if unseen_end(exchange) => {}
        (After::Wait, Ending::Open) => add(end, Direction::ToServer, What::End(End::Fin)),
        _ => {
            add(end, Direction::ToClient, What::End(End::Fin));
            add(end.plus(Span(1)), Direction::ToServer, What::End(End::Fin));
        }
    }
    // What told the client to send its body; a replay does that by itself.
    for head in exchange.response.iter().flat_map(|r| &r.informational).filter(|_| script.asked_to_continue) {
        if head.status == 100 {
            add(head.first_at, Direction::ToClient, What::Data(head.fields.raw().to_vec()));
        }
    }
    events.sort_by_key(|event| event.at);
    Transcript { events }
}

/// Whether the capture ended before the response, so that it has no end to write.
fn unseen_end(exchange: &Exchange) -> bool {
    let unseen = matches!(exchange.ending.told, None | Some(EndSignal::CaptureEnd | EndSignal::Idle));
    unseen && exchange.response.as_ref().is_some_and(|r| r.end == MessageEnd::CutByCapture)
}

/// A request whose response was not captured, and the end of its connection.
pub fn asked(exchange: &Exchange) -> Transcript {
    let mut events = Vec::new();
    if let Some(r) = &exchange.request {
        let mut add = |at: Timestamp, what: What| events.push(Event { at, dir: Direction::ToServer, what });
        add(r.head.first_at, What::Open { joined: false });
        request(r).into_iter().for_each(|(at, what)| add(at, what));
    }
    Transcript { events }
}

/// A connection that was switched to WebSocket: both heads, and what either side sent after them.
pub fn socket(exchange: &Exchange) -> Transcript {
    let mut events = Vec::new();
    let mut add = |at: Timestamp, dir: Direction, what: What| events.push(Event { at, dir, what });
    if let Some(r) = &exchange.request {
        add(r.head.first_at, Direction::ToServer, What::Open { joined: false });
        add(r.head.first_at, Direction::ToServer, What::Data(head(r, false)));
        deliveries(&r.body).for_each(|(at, what)| add(at, Direction::ToServer, what));
    }
    if let Some(r) = &exchange.response {
        let raw = r.head.as_ref().map(|head| head.fields.raw().to_vec()).unwrap_or_default();
        add(r.first_at, Direction::ToClient, What::Data(raw));
        deliveries(&r.body).for_each(|(at, what)| add(at, Direction::ToClient, what));
    }
    events.sort_by_key(|event| event.at);
    if !unseen_end(exchange) {
        for (dir, later) in [(Direction::ToClient, 0), (Direction::ToServer, 1)] {
            events.push(Event { at: exchange.ending.at.plus(Span(later)), dir, what: What::End(End::Fin) });
        }
    }
    Transcript { events }
}

/// The deliveries of a body that has no transfer units. Bytes that were not captured are a gap.
fn deliveries(body: &Body) -> impl Iterator<Item = (Timestamp, What)> {
    let mut at = 0;
    body.pieces.iter().filter(|p| p.len > 0).map(move |piece| {
        if piece.gap {
            return (piece.at, What::Gap(piece.len.into()));
        }
        let from = at;
        at += piece.len as usize;
        (piece.at, What::Data(body.bytes.get(from..at).unwrap_or_default().to_vec()))
    })
}

/// A request in HTTP/1.1 syntax, each delivery with its time. What completes it comes at the time of its last byte.
fn request(r: &Request) -> Vec<(Timestamp, What)> {
    // In HTTP/2 the end of the stream may come after the last byte, as the last chunk does.
    let last = r.body.pieces.iter().rfind(|p| p.len > 0);
    let late = r.head.version == Version::H2 && last.is_some_and(|p| p.at < r.last_at);
    let mut head = head(r, late);
    let mut out = Vec::new();
    if last.is_none() {
        // Its last line came later, or in HTTP/2 the end of the stream.
        let end = head.split_off(head.len().saturating_sub(2));
        push(&mut out, r.head.first_at, What::Data(head));
        push(&mut out, r.last_at, What::Data(end));
        return out;
    }
    push(&mut out, r.head.first_at, What::Data(head));
    let chunked = late || matches!(r.head.transfer, Transfer::Chunked);
    for (at, what) in deliveries(&r.body) {
        let what = match what {
            What::Data(bytes) if chunked => {
                What::Data([format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat())
            }
            // A chunk is as long as what was captured of it.
            What::Gap(_) if chunked => continue,
            what => what,
        };
        push(&mut out, at, what);
    }
    if chunked {
        out.push((r.last_at, What::Data(b"0\r\n\r\n".to_vec())));
    }
    out
}

/// Adds what came; bytes of one time are one delivery.
fn push(out: &mut Vec<(Timestamp, What)>, at: Timestamp, what: What) {
    match (out.last_mut(), what) {
        (Some((last, What::Data(before))), What::Data(bytes)) if *last == at => before.extend_from_slice(&bytes),
        (_, what) => out.push((at, what)),
    }
}

/// The head as sent; an HTTP/2 head is written as HTTP/1.1.
fn head(r: &Request, chunked: bool) -> Vec<u8> {
    if r.head.version != Version::H2 {
        return r.head.fields.raw().to_vec();
    }
    let mut out = format!("{} {} HTTP/1.1\r\n", r.head.method, r.head.target).into_bytes();
    if let Some(authority) = r.head.authority.as_ref().filter(|_| r.head.fields.all("host").next().is_none()) {
        out.extend_from_slice(format!("host: {authority}\r\n").as_bytes());
    }
    for (name, value) in r.head.fields.iter().filter(|(n, _)| !(chunked && n.eq_ignore_ascii_case(b"content-length"))) {
        out.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    if chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if !r.body.bytes.is_empty() && r.head.fields.all("content-length").next().is_none() {
        out.extend_from_slice(format!("content-length: {}\r\n", r.body.bytes.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}
