//! Encodes a script as HTTP/1.1: what was recorded as HTTP/1 is sent unchanged; what was recorded as HTTP/2 gets a
//! head and chunks.

use super::script::{Ending, Part, Script, Step, What};
use crate::http::event::{ResponseHead, Transfer, Version};
use crate::time::Span;
use std::io::Write;

/// One write to the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Recorded time since the request's end.
    pub at: Span,
    /// The bytes of the write.
    pub bytes: Vec<u8>,
}

/// What happens to the connection after everything was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The connection is kept for the next request.
    Next,
    /// The server closes.
    Close,
    /// The server resets.
    Reset,
    /// The server sends nothing more and waits until the client closes.
    Wait,
}

/// Every write of a response, and what follows the last one.
pub fn encode(script: &Script) -> (Vec<Sent>, After) {
    let chunked = script.has_units();
    let mut writes = Vec::new();
    for group in script.groups() {
        let mut bytes = Vec::new();
        for step in group {
            encode_step(script, *step, chunked, &mut bytes);
        }
        writes.push(Sent { at: group.first().map_or(Span(0), |s| s.at), bytes });
    }
    let after = match script.ending {
        Ending::Clean if closes(script) => After::Close,
        Ending::Clean => After::Next,
        Ending::Cut => After::Close,
        Ending::Reset(_) => After::Reset,
        Ending::Open => After::Wait,
    };
    (writes, after)
}

fn encode_step(script: &Script, step: Step, chunked: bool, out: &mut Vec<u8>) {
    match step.what {
        What::Interim(i) => script.interim.get(i).into_iter().for_each(|h| head(h, out)),
        What::Head => head(&script.head, out),
        What::Part(i) => script.parts.get(i).into_iter().for_each(|p| part(script, p, chunked, out)),
        What::End if chunked && script.ending == Ending::Clean => {
            out.extend_from_slice(b"0\r\n");
            match script.trailers.is_empty() {
                true => out.extend_from_slice(b"\r\n"),
                false => out.extend_from_slice(script.trailers.raw()),
            }
        }
        What::End => {}
    }
}

fn part(script: &Script, part: &Part, chunked: bool, out: &mut Vec<u8>) {
    // A chunk without bytes would end the body; only HTTP/2 can send an empty unit.
    let says_nothing = part.opens.as_ref().is_some_and(|u| u.len == 0 && u.line.is_none());
    if !chunked || says_nothing {
        return out.extend_from_slice(script.bytes(part));
    }
    if let Some(unit) = &part.opens {
        match &unit.line {
            Some(line) => out.extend_from_slice(line),
            None => write_into(out, format_args!("{:x}", unit.len)),
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(script.bytes(part));
    if part.closes {
        out.extend_from_slice(b"\r\n");
    }
}

fn head(head: &ResponseHead, out: &mut Vec<u8>) {
    if head.version != Version::H2 {
        return out.extend_from_slice(head.fields.raw());
    }
    write_into(out, format_args!("HTTP/1.1 {:03} {}\r\n", head.status, reason(head.status)));
    let chunked = head.transfer == Transfer::H2;
    for (name, value) in head.fields.iter() {
        // Chunks keep the boundaries; a Content-Length beside them would contradict (RFC 9112 section 6.2).
        if !(chunked && name.eq_ignore_ascii_case(b"content-length")) {
            for bytes in [name, b": ", value, b"\r\n"] {
                out.extend_from_slice(bytes);
            }
        }
    }
    let bodiless = head.status < 200 || matches!(head.status, 204 | 304);
    if chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if !bodiless && head.fields.all("content-length").next().is_none() {
        out.extend_from_slice(b"content-length: 0\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn write_into(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    let _ = out.write_fmt(text);
}

/// Whether the server closes afterwards: its side of persistence (RFC 9112 section 9.3).
fn closes(script: &Script) -> bool {
    let head = &script.head;
    let says = |word: &[u8]| {
        head.fields
            .all("connection")
            .any(|v| v.split(|b| *b == b',').any(|w| w.trim_ascii().eq_ignore_ascii_case(word)))
    };
    head.transfer == Transfer::Close || says(b"close") || (head.version == Version::H10 && !says(b"keep-alive"))
}

/// The usual reason phrases of status codes.
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
