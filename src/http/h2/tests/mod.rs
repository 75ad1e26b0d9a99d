//! Connections made of frames by hand: each test reads like what happened on the wire and what should be
//! reported about it.
#![allow(clippy::unwrap_used)]

mod ends;
mod holes;
mod messages;
mod property;
mod steering;
mod values;

pub(super) use super::frame::{PREFACE, flag, kind};
pub(super) use crate::http::Conn;
pub(super) use crate::http::h1::tests::On::{CEnd, CGap, Closed, SEnd, SGap};
pub(super) use crate::http::h1::tests::{On, c, feed, s, trace as spoken, trace_of};

/// Any frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    f.extend([kind, flags]);
    f.extend(stream.to_be_bytes());
    f.extend(payload);
    f
}

/// A field block of literals without indexing, new names, no Huffman coding (RFC 7541 section 6.2.2).
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(text.len() as u8);
            out.extend(text.as_bytes());
        }
    }
    out
}

pub(super) const END: u8 = flag::END_HEADERS | flag::END_STREAM;
pub(super) const MORE: u8 = flag::END_HEADERS;

pub(super) fn headers(flags: u8, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(kind::HEADERS, flags, stream, block(fields))
}

pub(super) fn data(flags: u8, stream: u32, bytes: &str) -> Vec<u8> {
    frame(kind::DATA, flags, stream, bytes)
}

pub(super) fn get(stream: u32) -> Vec<u8> {
    let path = format!("/{stream}");
    headers(END, stream, &[(":method", "GET"), (":scheme", "https"), (":path", &path)])
}

pub(super) fn ok(stream: u32) -> Vec<u8> {
    headers(MORE, stream, &[(":status", "200")])
}

pub(super) fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        entries.iter().flat_map(|(id, v)| [&id.to_be_bytes()[..], &v.to_be_bytes()[..]].concat()).collect();
    frame(kind::SETTINGS, 0, 0, payload)
}

/// The beginning of every client's bytes, then these frames.
pub(super) fn hello(frames: &[Vec<u8>]) -> On {
    c([&PREFACE[..], &settings(&[]), &frames.concat()].concat())
}

/// The lines about responses.
pub(super) fn responses(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).filter(|l| l.contains(" < ")).collect()
}

/// The texts of the oddities of a kind.
pub(super) fn said(happens: &[On], kind: crate::oddity::Kind) -> Vec<String> {
    let mut out = Vec::new();
    feed(&mut Conn::new(false), happens, &mut |event| {
        if let crate::http::event::HttpWhat::Oddity(oddity) = &event.what
            && oddity.kind == kind
        {
            out.push(oddity.found.to_string());
        }
    });
    out
}
