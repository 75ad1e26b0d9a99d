//! HTTP/1.x (RFC 9112) from two byte streams: requests and responses are paired, bodies freed from their
//! framing, nothing is refused.
//!
//! `conn` and `pairing` join both directions, `reader` reads one (`recover` and `lost` when bytes are
//! missing), `head` and `length` understand heads, `chunked` the chunked coding, `resync` finds chunk
//! boundaries in bytes without a beginning.

mod chunked;
mod conn;
mod head;
mod length;
mod lost;
mod pairing;
mod reader;
mod recover;
pub(super) mod resync;
mod start_line;

#[cfg(test)]
pub(in crate::http) mod tests;

pub(super) use conn::{Conn, Switched};
pub(super) use pairing::Upgrade;

use crate::http::event::{Fields, RequestHead, ResponseHead, Transfer};
use crate::oddity::Kind;
use crate::time::Timestamp;

/// A start line that breaks the grammar of RFC 9112 sections 3 and 4 and was understood nevertheless.
pub const START_LINE: Kind = Kind("h1.start-line");
/// An HTTP version other than 1.0 and 1.1 in a start line; the message is read as 1.1.
pub const VERSION: Kind = Kind("h1.version");
/// A field line without colon, without a name, with a name that is not a token, or with control characters
/// (RFC 9112 section 5).
pub const FIELD_LINE: Kind = Kind("h1.field-line");
/// Whitespace between field name and colon (RFC 9112 section 5.1).
pub const SPACE_BEFORE_COLON: Kind = Kind("h1.space-before-colon");
/// A field value folded over several lines (RFC 9112 section 5.2).
pub const OBS_FOLD: Kind = Kind("h1.obs-fold");
/// A line that ends with LF alone (RFC 9112 section 2.2).
pub const BARE_LF: Kind = Kind("h1.bare-lf");
/// A CR that is not followed by LF (RFC 9112 section 2.2).
pub const BARE_CR: Kind = Kind("h1.bare-cr");
/// Empty lines before a start line (RFC 9112 section 2.2 allows one before a request).
pub const BLANK_LINES: Kind = Kind("h1.blank-lines");
/// A trailer field that must not be one (RFC 9110 section 6.5.1).
pub const TRAILER_FIELD: Kind = Kind("h1.trailer-field");
/// A head or trailer section over the limit; the message is abandoned.
pub const HEAD_TOO_LONG: Kind = Kind("h1.head-too-long");
/// Bytes of a head were not captured; the message is abandoned.
pub const HEAD_GAP: Kind = Kind("h1.head-gap");
/// The direction ended inside a head.
pub const HEAD_CUT: Kind = Kind("h1.head-cut");
/// Bytes at the place of a message that do not start one.
pub const NOT_HTTP: Kind = Kind("h1.not-http");
/// Bytes that do not start a message, after the end of a response's body: the body is longer than its head says.
pub const SURPLUS: Kind = Kind("h1.bytes-after-body");
/// Both Transfer-Encoding and Content-Length: Transfer-Encoding wins (RFC 9112 section 6.3).
pub const TE_AND_CL: Kind = Kind("h1.te-and-cl");
/// A Content-Length that is not a number.
pub const CONTENT_LENGTH: Kind = Kind("h1.content-length");
/// Several Content-Length values that differ: the first is used.
pub const CONTENT_LENGTHS: Kind = Kind("h1.content-lengths");
/// A Transfer-Encoding other than `chunked` alone; codings before `chunked` stay in the body.
pub const TRANSFER_ENCODING: Kind = Kind("h1.transfer-encoding");
/// A chunk-size line without a size, or with one over 64 bits: the rest of the direction can't be read.
pub const CHUNK_SIZE: Kind = Kind("h1.chunk-size");
/// A chunk-size line that breaks the grammar of RFC 9112 section 7.1 and was understood nevertheless.
pub const CHUNK_LINE: Kind = Kind("h1.chunk-line");
/// Chunk data without a CRLF after it.
pub const CHUNK_END: Kind = Kind("h1.chunk-end");
/// A response without a request.
pub const UNASKED: Kind = Kind("h1.unasked-response");
/// Too many unanswered requests to remember: the oldest will not be paired.
pub const UNANSWERED: Kind = Kind("h1.unanswered");

/// Longest head or trailer section that is kept, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// A request head from its bytes; the length of its body is not decided.
pub(super) fn request_head(raw: &[u8], first_at: Timestamp) -> Option<RequestHead> {
    head::HeadBuf::of(raw, first_at).into_request(&mut |_, _| {})
}

/// A response head from its bytes; the length of its body is not decided.
pub(super) fn response_head(raw: &[u8], first_at: Timestamp) -> Option<ResponseHead> {
    head::HeadBuf::of(raw, first_at).into_response(&mut |_, _| {})
}

/// A trailer section from its bytes.
pub(super) fn trailers(raw: &[u8]) -> Fields {
    head::HeadBuf::of(raw, Timestamp::default()).into_trailers(&mut |_, _| {}).unwrap_or_default()
}

/// How the body after a request head is delimited.
pub(super) fn request_length(head: &RequestHead) -> Transfer {
    length::request(&head.fields, head.version, &mut |_, _| {})
}

/// How the body after a response head is delimited, by the head alone.
pub(super) fn response_length(head: &ResponseHead) -> Transfer {
    length::response(&head.fields, head.version, head.status, length::Asked::Other, &mut |_, _| {})
}
