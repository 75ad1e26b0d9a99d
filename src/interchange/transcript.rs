//! Writes an exchange as a `.wire` transcript: one HTTP/1.1 connection with this request and response, at their
//! recorded times.

use crate::conn::{Direction, End};
use crate::exchange::{Exchange, Request};
use crate::http::event::{Transfer, Version};
use crate::replay::Script;
use crate::replay::h1::{self, After};
use crate::replay::script::Ending;
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
    for (at, bytes) in exchange.request.as_ref().map(request).unwrap_or_default() {
        add(at, Direction::ToServer, What::Data(bytes));
    }
    let mut last = from;
    for write in writes.into_iter().filter(|w| !w.bytes.is_empty()) {
        last = from.plus(write.at);
        add(last, Direction::ToClient, What::Data(write.bytes));
    }
    let end = script.steps.last().map_or(last, |s| from.plus(s.at)).max(last);
    match (after, script.ending) {
        (After::Reset, _) => add(end, Direction::ToClient, What::End(End::Reset)),
        (After::Wait, Ending::Open) => add(end, Direction::ToServer, What::End(End::Fin)),
        _ => {
            add(end, Direction::ToClient, What::End(End::Fin));
            add(end.plus(Span(1)), Direction::ToServer, What::End(End::Fin));
        }
    }
    Transcript { events }
}

/// A request in HTTP/1.1 syntax, each delivery with its time.
fn request(r: &Request) -> Vec<(Timestamp, Vec<u8>)> {
    let mut out = vec![(r.head.first_at, head(r))];
    let mut at = 0;
    let chunked = matches!(r.head.transfer, Transfer::Chunked);
    for piece in r.body.pieces.iter().filter(|p| !p.gap && p.len > 0) {
        let end = at + piece.len as usize;
        let bytes = r.body.bytes.get(at..end).unwrap_or_default();
        at = end;
        let bytes = match chunked {
            true => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
            false => bytes.to_vec(),
        };
        match out.last_mut() {
            Some((last, before)) if *last == piece.at => before.extend_from_slice(&bytes),
            _ => out.push((piece.at, bytes)),
        }
    }
    if chunked {
        out.push((r.last_at, b"0\r\n\r\n".to_vec()));
    }
    out
}

/// The head as sent; an HTTP/2 head is written as HTTP/1.1.
fn head(r: &Request) -> Vec<u8> {
    if r.head.version != Version::H2 {
        return r.head.fields.raw().to_vec();
    }
    let mut out = format!("{} {} HTTP/1.1\r\n", r.head.method, r.head.target).into_bytes();
    if let Some(authority) = r.head.authority.as_ref().filter(|_| r.head.fields.all("host").next().is_none()) {
        out.extend_from_slice(format!("host: {authority}\r\n").as_bytes());
    }
    for (name, value) in r.head.fields.iter() {
        out.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    if !r.body.bytes.is_empty() && r.head.fields.all("content-length").next().is_none() {
        out.extend_from_slice(format!("content-length: {}\r\n", r.body.bytes.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}
