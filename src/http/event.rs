//! The ONE vocabulary of HTTP messages, for HTTP/1 and HTTP/2.
//!
//! Order per exchange and side: `Head` (responses: any number of interim heads first), then `Unit`s with
//! their `Data`, then `Trailers`, then one `End`.

use crate::conn::End;
use crate::conn::Stamp;
use crate::oddity::Oddity;
use crate::time::Timestamp;
use std::ops::Range;

/// Which message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The request.
    Request,
    /// The response.
    Response,
}

impl From<crate::conn::Direction> for Side {
    fn from(dir: crate::conn::Direction) -> Side {
        match dir {
            crate::conn::Direction::ToServer => Side::Request,
            crate::conn::Direction::ToClient => Side::Response,
        }
    }
}

/// One step of one message.
#[derive(Debug)]
pub struct HttpEvent<'a> {
    /// Time of the last byte that caused the event.
    pub at: Timestamp,
    /// Packet that caused the event; 0 without packets.
    pub frame: u64,
    /// Exchange within the connection, numbered from 0 in order of appearance; HTTP/2 maps its streams to
    /// these.
    pub exchange: u64,
    /// Which message.
    pub side: Side,
    /// What happened.
    pub what: HttpWhat<'a>,
}

impl From<&HttpEvent<'_>> for Stamp {
    fn from(event: &HttpEvent<'_>) -> Self {
        Stamp { at: event.at, frame: event.frame }
    }
}

/// What an event reports.
#[derive(Debug)]
pub enum HttpWhat<'a> {
    /// A complete request head.
    Request(Box<RequestHead>),
    /// A complete response head, interim (1xx except 101) or final. After a 101 that switched to HTTP/2, a
    /// second one replaces it.
    Response(Box<ResponseHead>),
    /// A transfer unit begins: an HTTP/1 chunk or an HTTP/2 DATA frame. Bodies without units never have this
    /// event.
    UnitStart {
        /// Declared length in bytes.
        len: u64,
        /// The size line as sent, without its CRLF, if it is not plain lower-case hex (extensions, upper
        /// case, leading zeros); else empty.
        line: &'a [u8],
    },
    /// Body bytes after transfer decoding, before content decoding. Never empty.
    Data(&'a [u8]),
    /// The transfer unit is complete.
    UnitEnd,
    /// Number of body bytes that were not captured. `None` if it is unknown (the transfer framing was lost
    /// with them).
    Gap(Option<u64>),
    /// The trailer section.
    Trailers(Fields),
    /// The message is over: complete, or who cut it; and the signal that ended it.
    End(MessageEnd, EndSignal),
    /// Something odd about this message.
    Oddity(Oddity),
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageEnd {
    /// As its framing promises: zero chunk, full length, END_STREAM, or close if only close ends the body.
    Complete,
    /// The client closed, reset or cancelled first.
    CutByClient,
    /// The server closed, reset or cancelled first.
    CutByServer,
    /// The capture ended, lost the connection, or lacks the bytes that show the end.
    CutByCapture,
}

/// The signal that ended a message. The first five end complete messages, the others cut them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndSignal {
    /// The end of the head: there is no body (HEAD, 204, 304, CONNECT, `Content-Length: 0`).
    NoBody,
    /// The chunk of length zero and the empty line after it (RFC 9112 section 7.1).
    ZeroChunk,
    /// As many bytes as Content-Length announced.
    Length,
    /// A frame with END_STREAM (RFC 9113 section 8.1).
    EndStream,
    /// The close of the connection, if nothing else ends the body (RFC 9112 section 6.3).
    Close,
    /// The Close frame of a WebSocket (RFC 6455 section 5.5.1): the server's ends what the server sends, the
    /// client's cuts it.
    CloseFrame,
    /// FIN before the message was whole.
    Fin,
    /// RST before the message was whole.
    Reset,
    /// TLS close_notify before the message was whole.
    CloseNotify,
    /// RST_STREAM with this error code.
    RstStream(u32),
    /// GOAWAY that abandoned this stream, and the close after it.
    GoAway {
        /// Highest stream that was or may be processed.
        last: u32,
        /// Error code.
        code: u32,
    },
    /// Silence longer than the idle limit.
    Idle,
    /// The capture ended first.
    CaptureEnd,
    /// The bytes that show the end were not captured.
    NotCaptured,
    /// The response came before the request was complete and switched to another protocol.
    Switched,
}

impl EndSignal {
    /// The signal of a direction's end.
    pub fn of(end: End) -> EndSignal {
        match end {
            End::Fin => EndSignal::Fin,
            End::Reset => EndSignal::Reset,
            End::CloseNotify => EndSignal::CloseNotify,
            End::Idle => EndSignal::Idle,
            End::Capture => EndSignal::CaptureEnd,
        }
    }

    /// For the store and machines: `zero-chunk`, `rst-stream`, …
    pub fn as_str(self) -> &'static str {
        match self {
            EndSignal::NoBody => "no-body",
            EndSignal::ZeroChunk => "zero-chunk",
            EndSignal::Length => "length",
            EndSignal::EndStream => "end-stream",
            EndSignal::Close => "close",
            EndSignal::CloseFrame => "close-frame",
            EndSignal::Fin => "fin",
            EndSignal::Reset => "reset",
            EndSignal::CloseNotify => "close-notify",
            EndSignal::RstStream(_) => "rst-stream",
            EndSignal::GoAway { .. } => "goaway",
            EndSignal::Idle => "idle",
            EndSignal::CaptureEnd => "capture-end",
            EndSignal::NotCaptured => "not-captured",
            EndSignal::Switched => "switched",
        }
    }
}

/// HTTP version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    H10,
    /// HTTP/1.1
    H11,
    /// HTTP/2
    H2,
}

impl Version {
    /// As JSON spells it: `1.0`, `1.1`, `2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::H10 => "1.0",
            Version::H11 => "1.1",
            Version::H2 => "2",
        }
    }
}

/// What delimits a body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// `Content-Length`.
    Length(u64),
    /// Until the connection closes.
    Close,
    /// HTTP/2 DATA frames.
    H2,
    /// No body: HEAD, 1xx, 204, 304, CONNECT, requests without one.
    None,
}

impl Transfer {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Transfer::Chunked => "chunked",
            Transfer::Length(_) => "length",
            Transfer::Close => "close",
            Transfer::H2 => "h2",
            Transfer::None => "none",
        }
    }
}

/// Header or trailer fields exactly as sent: order, case and duplicates kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    raw: Vec<u8>,
    list: Vec<(Range<u32>, Range<u32>)>,
}

/// What is known of a field of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// Its first value.
    Sent(&'a [u8]),
    /// Every field was read, and this one was not sent.
    Absent,
    /// It may have been sent: its value, or the names of some fields, could not be read.
    Unread,
}

impl Fields {
    /// Replaces a name or a value that could not be read: HTTP/2 refers to table entries from before the capture.
    pub const UNREAD: &'static [u8] = b"?";

    /// Takes the bytes of a head (or trailer section) and the ranges of (name, value) in them. Drops ranges
    /// outside `raw`.
    pub fn new(raw: Vec<u8>, list: Vec<(Range<u32>, Range<u32>)>) -> Self {
        let len = raw.len() as u32;
        let fits = |r: &Range<u32>| r.start <= r.end && r.end <= len;
        let list = list.into_iter().filter(|(n, v)| fits(n) && fits(v)).collect();
        Fields { raw, list }
    }

    /// The whole head as sent: start line, fields, empty line (HTTP/2: `name: value` lines made from the block).
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What of the head is not in the list: its start line where every other line is a field, else all of it (folded
    /// lines, lines without a colon).
    pub(crate) fn other_lines(&self) -> &[u8] {
        let first = self.list.first().map_or(self.raw.len(), |(name, _)| name.start as usize);
        let (start, rest) = self.raw.split_at(first);
        let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        if lines(rest) == self.list.len() { start } else { &self.raw }
    }

    /// (name, value) as sent, value without the whitespace around it.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let at = |r: &Range<u32>| &self.raw[r.start as usize..r.end as usize];
        self.list.iter().map(move |(n, v)| (at(n), at(v)))
    }

    /// Bytes of memory in use.
    pub(crate) fn held(&self) -> usize {
        self.raw.capacity() + self.list.capacity() * size_of::<(Range<u32>, Range<u32>)>()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if there are no fields.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All values of a field; the name is compared without case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// First value of a field as text (bytes outside UTF-8 replaced).
    pub fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|v| String::from_utf8_lossy(v).into_owned())
    }

    /// What is known of a field, by its first value. A head without any line was not captured as a head, so that
    /// nothing is known of its fields.
    pub fn known<'s>(&'s self, name: &'s str) -> Known<'s> {
        match self.all(name).next() {
            Some(Self::UNREAD) => Known::Unread,
            Some(value) => Known::Sent(value),
            None if self.has_unread() || self.raw.trim_ascii().is_empty() => Known::Unread,
            None => Known::Absent,
        }
    }

    /// The names of some fields could not be read.
    pub fn has_unread(&self) -> bool {
        self.iter().any(|(name, _)| name == Self::UNREAD)
    }

    /// The codings applied to a body, in order, as one list (RFC 9110 section 8.4).
    pub fn content_codings(&self) -> Option<String> {
        let read = self.all("content-encoding").filter(|value| *value != Self::UNREAD);
        let all: Vec<_> = read.map(String::from_utf8_lossy).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// The content of a request with this method says what is asked for: POST (RFC 9110 section 9.3.3), QUERY (RFC 10008).
pub fn asks_with_body(method: &str) -> bool {
    matches!(method, "POST" | "QUERY")
}

/// A request head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// Method as sent.
    pub method: String,
    /// Request target as sent (HTTP/2: `:path`).
    pub target: String,
    /// Version.
    pub version: Version,
    /// `:scheme` of HTTP/2, else none.
    pub scheme: Option<String>,
    /// `:authority` of HTTP/2, else the Host field.
    pub authority: Option<String>,
    /// How the body is delimited.
    pub transfer: Transfer,
    /// HTTP/2 stream identifier.
    pub h2_stream: Option<u32>,
    /// Header fields.
    pub fields: Fields,
}

impl RequestHead {
    /// Bytes of memory in use.
    pub(crate) fn held(&self) -> usize {
        size_of::<RequestHead>() + self.target.len() + self.method.len() + self.fields.held()
    }

    /// The method has a body that asks for an answer: POST, or QUERY (RFC 10008).
    pub fn asks_with_body(&self) -> bool {
        asks_with_body(&self.method)
    }

    /// A pseudo-header field of HTTP/2, named without its colon.
    fn pseudo(&self, name: &str) -> Option<&[u8]> {
        let lines = self.fields.raw().split(|b| *b == b'\n');
        lines
            .filter_map(|line| line.strip_prefix(b":")?.strip_prefix(name.as_bytes())?.strip_prefix(b": "))
            .next()
            .map(<[u8]>::trim_ascii_end)
    }
}

/// A response head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// Status code; unknown numbers stay numbers.
    pub status: u16,
    /// Reason phrase as sent (HTTP/2: empty).
    pub reason: Vec<u8>,
    /// Version.
    pub version: Version,
    /// How the body is delimited.
    pub transfer: Transfer,
    /// HTTP/2 stream identifier.
    pub h2_stream: Option<u32>,
    /// Header fields.
    pub fields: Fields,
}

impl ResponseHead {
    /// Bytes of memory in use.
    pub(crate) fn held(&self) -> usize {
        size_of::<ResponseHead>() + self.reason.len() + self.fields.held()
    }

    /// The connection or stream carries a WebSocket from here on: RFC 6455 section 4.2.2; over HTTP/2, RFC
    /// 8441 section 5.
    pub fn opens_websocket(&self, request: Option<&RequestHead>) -> bool {
        let upgraded = || self.fields.all("upgrade").any(|v| v.eq_ignore_ascii_case(b"websocket"));
        match self.version {
            Version::H10 | Version::H11 => self.status == 101 && upgraded(),
            Version::H2 => {
                (200..300).contains(&self.status) && request.is_some_and(|r| r.pseudo("protocol") == Some(b"websocket"))
            }
        }
    }

    /// 1xx other than 101: another head follows.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}
