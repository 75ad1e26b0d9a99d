//! Encodes frames and field blocks (RFC 9113 section 4, RFC 7541) without compression, since each is read only
//! once.

use super::{DEFAULT_FRAME, DEFAULT_WINDOW};
use crate::http::event::{ResponseHead, Transfer, Version};
use crate::http::h2::frame::{self, flag, kind};

/// Header fields of an HTTP/1 connection (RFC 9113 section 8.2.2).
const OF_A_CONNECTION: [&[u8]; 5] =
    [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// Name and value of a field.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The fields of a head: the pseudo-header field first, names in lower case, without the fields of an HTTP/1
/// connection.
pub(super) fn head(head: &ResponseHead) -> Vec<Pair> {
    let status = (b":status".to_vec(), format!("{:03}", head.status).into_bytes());
    let fields = head.fields.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.to_vec()));
    // A Content-Length beside chunks was never valid (RFC 9112 section 6.3).
    let void = |name: &[u8]| name == b"content-length" && head.transfer == Transfer::Chunked;
    let foreign = |name: &[u8]| head.version != Version::H2 && (OF_A_CONNECTION.contains(&name) || void(name));
    std::iter::once(status).chain(fields.filter(|(n, _)| !foreign(n))).collect()
}

/// The client's side of a connection with this one request, beginning with the preface. Frame limit and windows are
/// large, so that units arrive uncut.
pub fn request(request: &crate::exchange::Request) -> Vec<u8> {
    let head = &request.head;
    let fields = head.fields.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.to_vec()));
    let fields: Vec<Pair> =
        fields.filter(|(n, _)| n != b"host" && n != b"expect" && !OF_A_CONNECTION.contains(&n.as_slice())).collect();
    let pseudo = [
        (":method", head.method.as_str()),
        (":scheme", "http"),
        (":authority", head.authority.as_deref().unwrap_or("replay")),
        (":path", &head.target),
    ];
    let pseudo = pseudo.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
    let fields: Vec<Pair> = pseudo.into_iter().chain(fields).collect();
    let body = &request.body.bytes;
    let mut out = frame::PREFACE.to_vec();
    let settings = [&[0, 4][..], &i32::MAX.to_be_bytes(), &[0, 5], &((1u32 << 24) - 1).to_be_bytes()].concat();
    frame(&mut out, kind::SETTINGS, 0, 0, &settings);
    frame(&mut out, kind::WINDOW_UPDATE, 0, 0, &(i32::MAX - DEFAULT_WINDOW as i32).to_be_bytes());
    headers(1, &fields, body.is_empty(), DEFAULT_FRAME, &mut out);
    let mut rest = body.chunks(DEFAULT_FRAME).peekable();
    while let Some(part) = rest.next() {
        frame(&mut out, kind::DATA, if rest.peek().is_none() { flag::END_STREAM } else { 0 }, 1, part);
    }
    out
}

/// A HEADERS frame, and CONTINUATION frames if one frame cannot hold the block.
pub(super) fn headers(id: u32, fields: &[Pair], end: bool, max_frame: usize, out: &mut Vec<u8>) {
    let mut block = Vec::new();
    fields.iter().for_each(|(name, value)| literal(&mut block, name, value));
    let mut parts = block.chunks(max_frame).peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { flag::END_HEADERS } else { 0 };
        let ends = if end && first { flag::END_STREAM } else { 0 };
        frame(out, if first { kind::HEADERS } else { kind::CONTINUATION }, last | ends, id, part);
        first = false;
    }
}

/// Literal field without indexing, new name, no Huffman coding (RFC 7541 section 6.2.2).
fn literal(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(0);
    for text in [name, value] {
        integer(out, text.len());
        out.extend_from_slice(text);
    }
}

/// An integer with a prefix of 7 bits (RFC 7541 section 5.1).
fn integer(out: &mut Vec<u8>, n: usize) {
    if n < 127 {
        return out.push(n as u8);
    }
    out.push(127);
    let mut rest = n - 127;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

pub(super) fn frame_head(out: &mut Vec<u8>, len: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&(len as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

pub(super) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    frame_head(out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
}
