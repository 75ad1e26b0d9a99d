//! How a body is cut into records. Classified from the bytes; what the header declares is a second, separate fact.
//!
//! To add one more: one file with a `Framer`, one variant of [`Framing`], one arm in `classify`.

use crate::oddity::Oddity;
use crate::time::Timestamp;

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// One JSON array streamed element by element.
    JsonArray,
    /// JSON values one after another without a line end between.
    ConcatJson,
    /// RFC 7464: RS, JSON, LF.
    JsonSeq,
    /// `application/vnd.amazon.eventstream`.
    AwsEventStream,
    /// Length-prefixed gRPC messages.
    Grpc,
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
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Framing::Sse => "sse",
            Framing::Ndjson => "ndjson",
            Framing::JsonArray => "json-array",
            Framing::ConcatJson => "concat-json",
            Framing::JsonSeq => "json-seq",
            Framing::AwsEventStream => "aws-eventstream",
            Framing::Grpc => "grpc",
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
}

/// One unit of a framing: an SSE event, a line, an element, a message, a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Number within the body, from 0.
    pub n: u64,
    /// Time of its last byte (SSE: of the line end that dispatched it).
    pub at: Timestamp,
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// Packet of its last byte; 0 without packets.
    pub frame: u64,
    /// Offset of its first byte in the decoded body (SSE: of the block's first line, comments before it included).
    pub start: u64,
    /// Offset behind its last byte.
    pub end: u64,
    /// The payload: SSE data lines joined with LF; a line without its end; a JSON value; a message's payload.
    pub data: &'a [u8],
    /// SSE event type (`""` where none was sent); AWS `:event-type` or `:exception-type`; else `""`.
    pub event: &'a str,
    /// AWS: `:message-type` was `exception` or `error`. Others: false.
    pub exception: bool,
}

/// What a framer says.
#[derive(Debug)]
pub enum Framed<'a> {
    /// A record.
    Record(Record<'a>),
    /// An SSE comment line or blank keep-alive line; not a record.
    Comment {
        /// Time of its line end.
        at: Timestamp,
        /// Offset of its first byte.
        start: u64,
        /// Text behind the colon.
        text: &'a [u8],
    },
    /// Decoded text of a body without records ([`Framing::Text`]).
    Text {
        /// Time of its last byte.
        at: Timestamp,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Something odd.
    Oddity(Oddity),
    /// The classification changed: records, comments, text and oddities said so far are void and come again.
    Revised(Framing),
}

/// One message body from its first byte to its last: classifies, cuts into records, revises while fewer than 64 KiB have been seen.
#[derive(Debug, Default)]
pub struct Stream;

impl Stream {
    /// A body whose header declares this content type. The declaration only breaks ties that the bytes leave open.
    pub fn new(declared: Option<&str>) -> Self {
        let _ = declared;
        Stream
    }

    /// The next decoded bytes.
    pub fn push(&mut self, piece: crate::body::Piece<'_>, sink: &mut dyn FnMut(Framed<'_>)) {
        let _ = (piece, sink);
    }

    /// `len` bytes are missing here (unknown number: none). The record that they belong to is lost; reading goes on at the next boundary.
    pub fn gap(&mut self, at: Timestamp, len: Option<u64>, sink: &mut dyn FnMut(Framed<'_>)) {
        let _ = (at, len, sink);
    }

    /// No more bytes. `complete`: the message ended properly, so what is pending may count as whole.
    pub fn finish(&mut self, at: Timestamp, complete: bool, sink: &mut dyn FnMut(Framed<'_>)) {
        let _ = (at, complete, sink);
    }

    /// The classification so far; final after `finish`.
    pub fn framing(&self) -> Framing {
        Framing::Empty
    }
}
