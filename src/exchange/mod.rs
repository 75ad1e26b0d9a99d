//! One exchange as plain data: heads, chunks, records, meanings, how it ended. Filled by `pipeline`, read by everything above, owned by nobody else.

pub mod arrival;
pub mod ending;
pub mod redact;

use crate::conn::{ConnId, Endpoints};
pub use crate::dialect::{Answer, Meaning};
pub use crate::framing::Framing;
pub use crate::http::event::{Fields, MessageEnd, RequestHead, ResponseHead, Transfer, Version};
pub use crate::oddity::{Excerpt, Oddities, Oddity};
use crate::time::Timestamp;
use arrival::Arrival;
use ending::Ending;

/// Number of an exchange within a session, from 0 in order of first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// One request and its response, as far as both were seen.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Number within the session.
    pub id: ExchangeId,
    /// The connection that carried it.
    pub conn: ConnId,
    /// Its ends, client and server as finally known.
    pub endpoints: Endpoints,
    /// TLS facts, where the connection was TLS.
    pub tls: Option<TlsInfo>,
    /// The request, or none where the capture joined later.
    pub request: Option<Request>,
    /// The response, or none where nothing of it was seen.
    pub response: Option<Response>,
    /// How it ended.
    pub ending: Ending,
    /// The connection (or the HTTP/2 stream) became a WebSocket: the bodies are what both ends sent behind the heads, the records are the server's messages.
    pub websocket: Option<Box<WebSocket>>,
    /// What the layers noticed, first of each kind.
    pub oddities: Oddities,
    /// Bytes of this exchange are missing from the capture: verdicts about it are unsure.
    pub gap: bool,
}

/// What a WebSocket adds to the exchange that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebSocket {
    /// When the response head was complete: what follows is no HTTP any more.
    pub opened_at: Timestamp,
    /// Messages of the client.
    pub client_messages: u64,
    /// When those of them were complete that ask for an answer, as the dialect understands them; the first [`WebSocket::MAX_ASKS`].
    pub asks: Vec<Timestamp>,
    /// Code of the client's Close frame (RFC 6455 section 7.1.5: 1005 for one without a code).
    pub client_close: Option<u16>,
    /// Code of the server's.
    pub server_close: Option<u16>,
}

impl WebSocket {
    /// More times of questions are not kept.
    pub const MAX_ASKS: usize = 64 << 10;
}

/// What is known of the TLS around an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsInfo {
    /// Server name asked for.
    pub sni: Option<String>,
    /// Protocol agreed on.
    pub alpn: Option<String>,
    /// Version agreed on, as `1.3`.
    pub version: Option<String>,
    /// Cipher suite number.
    pub suite: Option<u16>,
    /// Why the content could not be read, where it could not, and what helps.
    pub unread: Option<&'static str>,
}

impl From<&crate::tls::Info> for TlsInfo {
    fn from(info: &crate::tls::Info) -> Self {
        use crate::tls::Reading;
        TlsInfo {
            sni: info.sni.clone(),
            alpn: info.alpn.clone(),
            version: info.version.map(|v| match v {
                0x0301..=0x0304 => format!("1.{}", v - 0x0301),
                other => format!("0x{other:04x}"),
            }),
            suite: info.suite,
            unread: match info.reading {
                Reading::Open | Reading::Handshake => None,
                Reading::NoKeys => {
                    Some("no secrets: set SSLKEYLOGFILE in the client's or server's environment and give that file with --keylog")
                }
                Reading::Joined => Some("the handshake was not captured: start capturing before the connection opens"),
                Reading::Unsupported => Some("this cipher suite or TLS version is not read"),
            },
        }
    }
}

/// The request message.
#[derive(Debug, Clone)]
pub struct Request {
    /// Head.
    pub head: RequestHead,
    /// Time of the head's last byte.
    pub head_at: Timestamp,
    /// Time of its last byte so far.
    pub last_at: Timestamp,
    /// Body.
    pub body: Body,
    /// `model` of a JSON body.
    pub model: Option<String>,
    /// `stream` of a JSON body.
    pub stream: Option<bool>,
    /// What else a JSON body asks for; none where the body is no JSON object or could not be read.
    pub asked: Option<Asked>,
    /// How it ended.
    pub end: MessageEnd,
}

/// What the JSON body of a request asks for, as far as an answer is judged by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// `stream`, where it is a boolean.
    pub stream: Option<bool>,
    /// `stream_options.include_usage`, where it is a boolean.
    pub usage: Option<bool>,
    /// `n`: choices wanted, where it is a number.
    pub choices: Option<u64>,
    /// `logprobs` is there, and neither null nor false.
    pub logprobs: bool,
    /// `tool_choice` is an object: it names the tool to call.
    pub forced_tool: bool,
}

/// The response message.
#[derive(Debug, Clone)]
pub struct Response {
    /// Final head; none where the capture joined inside the body.
    pub head: Option<ResponseHead>,
    /// Time of the final head's last byte; of the first byte seen where the head is missing.
    pub head_at: Timestamp,
    /// Time of its first byte seen (final status line, or the first body byte where the head is missing).
    pub first_at: Timestamp,
    /// Time of its last byte.
    pub last_at: Timestamp,
    /// Interim heads (1xx), in order.
    pub informational: Vec<ResponseHead>,
    /// Body.
    pub body: Body,
    /// Trailer section.
    pub trailers: Fields,
    /// What the bytes are.
    pub framing: Framing,
    /// Dialect: its name, `none` for records that no dialect claims, null without records.
    pub dialect: Option<&'static str>,
    /// Why that dialect: one line for people.
    pub dialect_why: String,
    /// Number of records, those already handed on included.
    pub record_count: u64,
    /// Time of the first record's last byte.
    pub first_record_at: Option<Timestamp>,
    /// Time of the last record's last byte.
    pub last_record_at: Option<Timestamp>,
    /// Number of comments (SSE) and their last time.
    pub comments: u64,
    /// Every delta, in order. Kept whole: all latency figures come from here.
    pub deltas: Vec<Delta>,
    /// What the records add up to.
    pub answer: Answer,
    /// Records not yet handed on to the store.
    pub records: Vec<RecordInfo>,
    /// How it ended.
    pub end: MessageEnd,
}

/// One message body.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Time of the first body byte.
    pub first_at: Option<Timestamp>,
    /// Bytes after transfer decoding.
    pub wire_bytes: u64,
    /// SHA-256 of them; none where bytes are missing.
    pub wire_sha256: Option<[u8; 32]>,
    /// Bytes after content decoding too.
    pub decoded_bytes: u64,
    /// SHA-256 of them; none where bytes are missing.
    pub decoded_sha256: Option<[u8; 32]>,
    /// Transfer units (chunks without the last one, DATA frames); none for bodies without units.
    pub units: Option<u64>,
    /// Deliveries not yet handed on to the store, in order.
    pub pieces: Vec<PieceInfo>,
    /// Their bytes, concatenated (after transfer decoding, before content decoding).
    pub bytes: Vec<u8>,
    /// How the bytes came in.
    pub arrival: Arrival,
    /// The last line of the decoded body, the place behind it marked: where a terminator is missing. Responses only.
    pub tail: Option<Box<Excerpt>>,
    /// Size lines of units that are not plain lower-case hex of the length that came, a unit that was cut included: (unit, line).
    /// HTTP/2 has none but for the declared length of a frame that was cut.
    pub unit_lines: Vec<(u64, Vec<u8>)>,
}

/// One delivery of body bytes: the finest grain that is stored, so that bytes, boundaries and times can be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceInfo {
    /// Time.
    pub at: Timestamp,
    /// Packet; 0 without packets.
    pub frame: u64,
    /// Number of the transfer unit that it belongs to, from 0; in bodies without units every delivery counts as one.
    pub unit: u64,
    /// Offset in the wire body (gaps count).
    pub offset: u64,
    /// Length in bytes.
    pub len: u32,
    /// These bytes were not captured: `len` of them are missing here and nothing of them is in `Body::bytes`.
    pub gap: bool,
}

/// One delta, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// Time of the record's last byte.
    pub at: Timestamp,
    /// Record number.
    pub record: u64,
    /// What it carries.
    pub meaning: Meaning,
}

/// One record without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordInfo {
    /// Number.
    pub n: u64,
    /// Time of its last byte.
    pub at: Timestamp,
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// Packet of its last byte.
    pub frame: u64,
    /// Range in the decoded body.
    pub start: u64,
    /// Range in the decoded body.
    pub end: u64,
    /// SSE event type and the like.
    pub event: Option<Box<str>>,
    /// What it carries.
    pub meaning: Meaning,
}
