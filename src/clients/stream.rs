//! What a client sees of an exchange: the head's facts, the decoded body with its transfer boundaries, how the body
//! ended.

use super::coding::Coding;
use crate::dialect::{DIALECTS, Evidence, StreamsBy, by_name};
use crate::exchange::{Body, Decoded, Exchange, Response};
use crate::framing::Record;
use crate::http::event::{MessageEnd, Transfer, Version};
use crate::time::Span;
use std::ops::Range;

/// A body over this many bytes is not modelled, because every client model reads it whole. (Answers of language
/// models are far shorter.)
pub const MAX_BODY: u64 = 8 << 20;

/// A body that came in more deliveries than this is not modelled either.
pub const MAX_PIECES: usize = 1 << 18;

/// A client that has its answer closes sooner than this, and a server that ends its bodies does not leave one open
/// that long.
const AT_ONCE: Span = Span::from_secs(1);

/// One answer as plain data.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Dialect, by its name in docs/contract.md.
    pub dialect: &'static str,
    /// Status code.
    pub status: u16,
    /// `Content-Type` as sent, several joined as `fetch` joins them; none if absent.
    pub content_type: Option<String>,
    /// Body without transfer and content codings.
    pub body: Vec<u8>,
    /// Whether the content codings are as declared.
    pub coding: Coding,
    /// Ranges of `body` that came as one transfer unit (chunk, DATA frame), or as one delivery where there are no
    /// units.
    pub units: Vec<Range<usize>>,
    /// `Content-Length` or the close ends the body, so that some clients read it in blocks.
    pub blocks: bool,
    /// The connection was to close after the body, whose length was not declared (`Connection: close`, HTTP/1.0).
    pub closes: bool,
    /// How it ended.
    pub end: BodyEnd,
}

/// How a body ended for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It ended as its transfer framing promises.
    Complete,
    /// The connection closed, but the framing promised more.
    Cut,
    /// It stayed open: nothing more came, and no end.
    Open,
}

/// Why an exchange can't be modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// No final response head was captured.
    NoHead,
    /// The capture lacks bytes.
    Gap,
    /// The body has this many bytes, more than [`MAX_BODY`].
    TooLarge(u64),
    /// The body's bytes were not kept.
    NotKept,
    /// The request did not ask for a stream.
    NotStreamed,
    /// No client model speaks the dialect.
    Foreign,
    /// Fields of the response's head could not be read, because the capture began after the connection did.
    HeadUnread,
    /// The answer came over a WebSocket, which no modelled client uses.
    WebSocket,
}

impl Unfit {
    /// The reason as a phrase for people.
    pub fn text(&self) -> String {
        match self {
            Unfit::NoHead => "the response's head was not captured".into(),
            Unfit::Gap => "the capture lacks bytes of it".into(),
            Unfit::TooLarge(n) => format!("its body of {n} bytes is over the {} MiB that are modelled", MAX_BODY >> 20),
            Unfit::NotKept => {
                format!("its body is over the {} MiB or {MAX_PIECES} deliveries that are kept", MAX_BODY >> 20)
            }
            Unfit::NotStreamed => "the request did not ask for a stream".into(),
            Unfit::Foreign => "no client model speaks its dialect".into(),
            Unfit::HeadUnread => "fields of the response's head could not be read".into(),
            Unfit::WebSocket => "it came over a WebSocket, and the client models speak HTTP".into(),
        }
    }
}

impl Stream {
    /// The stream of an exchange whose contents were kept whole; the error says why it can't be modelled.
    pub fn of(exchange: &Exchange) -> Result<Stream, Unfit> {
        let response = exchange.response.as_ref().ok_or(Unfit::NoHead)?;
        let head = response.head.as_ref().ok_or(Unfit::NoHead)?;
        let body = &response.body;
        let dialect = asked(exchange).or(response.dialect).ok_or(Unfit::Foreign)?;
        if !streamed(exchange, response, dialect) {
            return Err(Unfit::NotStreamed);
        }
        if exchange.websocket.is_some() {
            return Err(Unfit::WebSocket);
        }
        // `?` is what the HTTP/2 reader writes for a name or a value that it could not know.
        if head.fields.iter().any(|(name, value)| name == b"?" || (value == b"?" && name.starts_with(b"content-"))) {
            return Err(Unfit::HeadUnread);
        }
        if exchange.gap || body.pieces.iter().any(|p| p.gap) {
            return Err(Unfit::Gap);
        }
        if body.wire_bytes.max(body.decoded_bytes) > MAX_BODY {
            return Err(Unfit::TooLarge(body.wire_bytes.max(body.decoded_bytes)));
        }
        if body.bytes.len() as u64 != body.wire_bytes {
            return Err(Unfit::NotKept);
        }
        let all = |name: &str| {
            let values: Vec<_> = head.fields.all(name).map(String::from_utf8_lossy).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let said_close = || all("connection").is_some_and(|c| c.to_ascii_lowercase().contains("close"));
        let closes = head.version == Version::H10 || head.transfer == Transfer::Close || said_close();
        let decoded = response.decoded();
        Ok(Stream {
            dialect,
            status: head.status,
            content_type: all("content-type"),
            units: units(body, &decoded),
            coding: Coding::of(body, &decoded, head.fields.content_codings().as_deref()),
            body: decoded.bytes,
            blocks: matches!(head.transfer, Transfer::Length(_) | Transfer::Close),
            closes: closes && !matches!(head.transfer, Transfer::Length(_)),
            end: end(exchange, response),
        })
    }
}

/// The transfer units of the body, as ranges of the decoded bytes.
fn units(body: &Body, decoded: &Decoded) -> Vec<Range<usize>> {
    let mut coded = 0;
    let runs = body.pieces.chunk_by(|a, b| a.unit == b.unit);
    runs.map(|run| {
        let start = coded;
        coded += run.iter().map(|p| p.len as usize).sum::<usize>();
        decoded.delivered(&(start..coded))
    })
    .collect()
}

/// The dialect of the request: a client reads the answer as one of its own API, whatever the server sent.
fn asked(exchange: &Exchange) -> Option<&'static str> {
    let (request, response) = (exchange.request.as_ref()?, exchange.response.as_ref()?);
    let evidence = Evidence {
        method: Some(&request.head.method),
        target: Some(&request.head.target),
        authority: request.head.authority.as_deref(),
        request: Some(&request.head),
        request_body: &[],
        response: response.head.as_ref(),
        framing: response.framing,
        record: &Record::default(),
    };
    let path = evidence.path()?;
    DIALECTS.iter().find(|d| (d.paths)(&evidence, path)).map(|d| d.name)
}

/// The request asked for a stream (by its body, its path or the dialect's default), or at least a stream came.
fn streamed(exchange: &Exchange, response: &Response, dialect: &str) -> bool {
    let request = exchange.request.as_ref();
    let by_path = request.is_some_and(|r| r.head.target.contains(":stream"));
    let unless_false = by_name(dialect).is_some_and(|d| d.streams_by == StreamsBy::FlagUnlessFalse);
    request.and_then(|r| r.stream).unwrap_or(by_path || unless_false || response.framing.is_stream())
}

/// How the body ended for its reader. If the client closed right after the terminator, how the server would have
/// ended is unknown: the end counts as proper. If the client waited before it closed, or closed before the
/// terminator, the body counts as open, and so does one that was open when the recording ended.
fn end(exchange: &Exchange, response: &Response) -> BodyEnd {
    match response.end {
        MessageEnd::Complete => BodyEnd::Complete,
        MessageEnd::CutByServer => BodyEnd::Cut,
        MessageEnd::CutByClient if exchange.ending.open_after_terminator().is_some_and(|open| open < AT_ONCE) => {
            BodyEnd::Complete
        }
        MessageEnd::CutByClient | MessageEnd::CutByCapture => BodyEnd::Open,
    }
}
