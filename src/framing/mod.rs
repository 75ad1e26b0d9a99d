//! Cuts a body into records. The framing is found from the bytes; the declared type is a second, separate
//! fact.
//!
//! To add a framing: one file with a `Framer`, one variant of [`Framing`], one arm in `Framing::framer` and
//! the bytes that identify it in `classify`.

use crate::body::Piece;
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;

pub mod aws;
pub mod coded_lines;
pub mod concat;
pub mod grpc;
pub mod json;
pub mod json_array;
pub mod json_seq;
pub mod multipart;
pub mod ndjson;
pub mod sse;
pub mod websocket;

mod carry;
mod classify;
mod lines;
mod plain;
mod split;
mod stream;
mod value;
mod watch;

#[cfg(test)]
mod tests;

pub use stream::Stream;

/// Bytes are missing, and with them the rest of a record or the beginning of the next: unattributable bytes
/// were dropped.
pub const LOST_SYNC: Kind = Kind("framing.lost-sync");
/// A record is longer than 64 MiB; it was dropped.
pub const TOO_LONG: Kind = Kind("framing.record-too-long");

/// The framing of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON value per line.
    Ndjson,
    /// One JSON array streamed element by element. By definition here: an array whose first element is an
    /// object; its bytes do not show whether it was streamed, and classification must not depend on
    /// deliveries.
    JsonArray,
    /// JSON values one after another without a line end between them.
    ConcatJson,
    /// RFC 7464: RS, JSON, LF.
    JsonSeq,
    /// `application/vnd.amazon.eventstream`.
    AwsEventStream,
    /// Lines of one character, a colon and a JSON value: the AI SDK's data stream of version 4.
    CodedLines,
    /// Parts between delimiter lines (RFC 2046 section 5.1), each a record.
    Multipart,
    /// Length-prefixed messages of gRPC, gRPC-Web and Connect.
    Grpc,
    /// Messages of RFC 6455 after a 101, or on an HTTP/2 stream (RFC 8441). Never found from bytes: the heads
    /// announce it.
    WebSocket,
    /// One JSON document.
    Json,
    /// Text without records.
    Text,
    /// Anything else.
    Binary,
    /// No bytes.
    Empty,
}

impl Framing {
    /// Every framing.
    pub const ALL: &[Framing] = &[
        Framing::Sse,
        Framing::Ndjson,
        Framing::JsonArray,
        Framing::ConcatJson,
        Framing::JsonSeq,
        Framing::AwsEventStream,
        Framing::CodedLines,
        Framing::Multipart,
        Framing::Grpc,
        Framing::WebSocket,
        Framing::Json,
        Framing::Text,
        Framing::Binary,
        Framing::Empty,
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Framing::Sse => "sse",
            Framing::Ndjson => "ndjson",
            Framing::JsonArray => "json-array",
            Framing::ConcatJson => "concat-json",
            Framing::JsonSeq => "json-seq",
            Framing::AwsEventStream => "aws-eventstream",
            Framing::CodedLines => "coded-lines",
            Framing::Multipart => "multipart",
            Framing::Grpc => "grpc",
            Framing::WebSocket => "websocket",
            Framing::Json => "json",
            Framing::Text => "text",
            Framing::Binary => "binary",
            Framing::Empty => "empty",
        }
    }

    /// Several records are expected: the body is a stream.
    pub fn is_stream(self) -> bool {
        !matches!(self, Framing::Json | Framing::Text | Framing::Binary | Framing::Empty)
    }

    /// A new framer for a body of this kind.
    fn framer(self) -> Box<dyn Framer> {
        match self {
            Framing::Sse => Box::<sse::Sse>::default(),
            Framing::Ndjson => Box::<ndjson::Ndjson>::default(),
            Framing::JsonArray => Box::<json_array::JsonArray>::default(),
            Framing::ConcatJson => Box::<concat::Concat>::default(),
            Framing::JsonSeq => Box::<json_seq::JsonSeq>::default(),
            Framing::AwsEventStream => Box::<aws::Aws>::default(),
            Framing::CodedLines => Box::<coded_lines::CodedLines>::default(),
            Framing::Multipart => Box::<multipart::Multipart>::default(),
            Framing::Grpc => Box::<grpc::Grpc>::default(),
            Framing::WebSocket => Box::new(websocket::Frames::new(websocket::Sender::Server, None)),
            Framing::Json => Box::<json::Json>::default(),
            Framing::Text => Box::new(plain::Text),
            Framing::Binary | Framing::Empty => Box::new(plain::Opaque),
        }
    }
}

/// One unit of a framing: an SSE event, a line, an element, a message, a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record<'a> {
    /// Number within the body, from 0.
    pub n: u64,
    /// Time of its last byte (SSE: of the line end that dispatched it).
    pub at: Timestamp,
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// Packet of its last byte; 0 without packets.
    pub frame: u64,
    /// Offset of its first byte in the decoded body (SSE: of the block's first line, comments within the block
    /// included; JSON document:
    /// of the body, blank space before the value included).
    pub start: u64,
    /// Offset after its last byte (SSE, NDJSON, JSON-seq, multipart: its line end included).
    ///
    /// SSE: if a delivery ends between CR and LF of the dispatching line end, the LF is counted if the blank
    /// lines before (before the first: the line before) ended in CRLF. This is the one figure that depends on
    /// cuts, and only with mixed line ends.
    pub end: u64,
    /// The payload: SSE data lines joined with LF; a line without its end; a JSON value; a message's payload.
    pub data: &'a [u8],
    /// SSE event type (`""` if none was sent); the code of a coded line; AWS `:event-type`, `:exception-type`
    /// or `:error-code`; WebSocket `binary`; else `""`.
    pub event: &'a str,
    /// SSE: the last event id at dispatch (kept from block to block). Others: `""`.
    pub id: &'a str,
    /// AWS: `:message-type` was `exception` or `error`. Others: false.
    pub exception: bool,
}

/// What a framer reports.
#[derive(Debug)]
pub enum Framed<'a> {
    /// A record.
    Record(Record<'a>),
    /// An SSE comment line, a WebSocket's ping or pong; not a record.
    Comment {
        /// Time of its last byte.
        at: Timestamp,
        /// Offset of its first byte.
        start: u64,
        /// Text after the colon, including a space before it; or the payload.
        text: &'a [u8],
    },
    /// A JSON document between the records of an event stream, on lines that are no fields: clients drop them.
    Stray {
        /// Time of its last byte.
        at: Timestamp,
        /// Its lines, joined with LF; of a long one the first 64 KiB.
        text: &'a [u8],
    },
    /// Decoded text of a body without records ([`Framing::Text`]).
    Text {
        /// Time of its last byte.
        at: Timestamp,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The framing's own terminator: the `]` of a [`Framing::JsonArray`], the frame that ends a [`Framing::Grpc`]
    /// stream, the closing
    /// delimiter of a [`Framing::Multipart`], a WebSocket's Close.
    Closed {
        /// Time of its last byte.
        at: Timestamp,
        /// Offset of its first byte.
        offset: u64,
        /// What it carries: gRPC-Web's trailer section, Connect's JSON, the Close frame's payload. Others: nothing.
        said: &'a [u8],
    },
    /// Something odd.
    Oddity(Oddity),
    /// The classification changed: all records, comments, text, closings and oddities reported so far are
    /// void and come again.
    Revised(Framing),
}

/// Sink of a framer's reports.
pub(crate) type Sink<'s> = dyn FnMut(Framed<'_>) + 's;

/// A piece and its place in the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    /// Time of the delivery.
    pub(crate) at: Timestamp,
    /// Packet of the delivery.
    pub(crate) frame: u64,
    /// Offset of the first byte in the decoded body.
    pub(crate) offset: u64,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Placed<'a> {
    fn new(piece: Piece<'a>, offset: u64) -> Self {
        Placed { at: piece.at, frame: piece.frame, offset, bytes: piece.bytes }
    }

    /// Offset in the body of the piece's byte `i`.
    fn pos(&self, i: usize) -> u64 {
        self.offset.saturating_add(i as u64)
    }
}

/// Cuts one body of one known framing. The caller supplies offsets, so gaps of known length count.
pub(crate) trait Framer: std::fmt::Debug + Send {
    /// The next bytes.
    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>);

    /// `len` bytes are missing from `offset` on.
    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>);

    /// No more bytes; `offset` is the body's length.
    fn finish(&mut self, at: Timestamp, offset: u64, complete: bool, sink: &mut Sink<'_>);

    /// Bytes of memory that the body makes it hold, beyond its own size.
    fn held(&self) -> usize;

    /// What follows may make it hold this many bytes more. One that decodes stops there.
    fn allow(&mut self, _bytes: usize) {}

    /// It stopped there: what came was not read.
    fn is_short(&self) -> bool {
        false
    }

    /// SSE: the last valid `retry`, in milliseconds.
    fn retry(&self) -> Option<u64> {
        None
    }
}

/// The oddity of a gap that took the rest of a record with it.
fn lost(at: Timestamp, offset: u64, len: Option<u64>, dropped: usize) -> Oddity {
    let missing = len.map_or("an unknown number of".to_owned(), |n| n.to_string());
    Oddity::new(LOST_SYNC, at, format!("{missing} bytes missing, {dropped} bytes of an unfinished record dropped"))
        .offset(offset)
}
