//! One exchange as plain data: heads, chunks, records, meanings, how it ended. `pipeline` fills it; the
//! store, the rules and the reports read it.

pub mod arrival;
pub mod clock;
mod decoded;
pub mod ending;
pub mod redact;

use crate::conn::{ConnId, Endpoints};
use crate::dialect::rpc::Rpc;
pub use crate::dialect::{Answer, Meaning};
pub use crate::framing::Framing;
pub use crate::http::event::{Fields, MessageEnd, RequestHead, ResponseHead, Transfer, Version};
pub use crate::oddity::{Excerpt, Oddities, Oddity};
use crate::time::Timestamp;
use arrival::Arrival;
pub use decoded::Decoded;
use ending::Ending;

/// Number of an exchange within a session, from 0 in order of first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// One request and its response, as far as the capture has them.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Number within the session.
    pub id: ExchangeId,
    /// The connection that carried it.
    pub conn: ConnId,
    /// Both ends, with the final knowledge which is the client.
    pub endpoints: Endpoints,
    /// TLS facts, if the connection used TLS.
    pub tls: Option<TlsInfo>,
    /// The request; `None` if the capture joined later.
    pub request: Option<Request>,
    /// The response; `None` if no part of it was seen.
    pub response: Option<Response>,
    /// How it ended.
    pub ending: Ending,
    /// The connection (or the HTTP/2 stream) became a WebSocket: the bodies are what both ends sent after the
    /// heads, the records are the server's messages.
    pub websocket: Option<Box<WebSocket>>,
    /// The oddities of all layers, the first of each kind.
    pub oddities: Oddities,
    /// Bytes of this exchange are missing from the capture: verdicts about it are uncertain.
    pub gap: bool,
}

/// Additional facts of an exchange that opened a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebSocket {
    /// Time at which the response head was complete: the following bytes are not HTTP.
    pub opened_at: Timestamp,
    /// Number of messages of the client.
    pub client_messages: u64,
    /// Completion times of the messages that ask for an answer according to the dialect; the first
    /// [`WebSocket::MAX_ASKS`].
    pub asks: Vec<Timestamp>,
    /// Code of the client's Close frame (RFC 6455 section 7.1.5: 1005 for one without a code).
    pub client_close: Option<u16>,
    /// Code of the server's Close frame.
    pub server_close: Option<u16>,
    /// The first Close frame, in full.
    pub close: Option<Close>,
}

/// The Close frame that began to close a WebSocket (RFC 6455 section 7.1.2): the other end only answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Its sender.
    pub by: ending::Party,
    /// Its code; 1005 if it has none.
    pub code: u16,
    /// Its reason, at most 123 bytes.
    pub reason: String,
}

impl WebSocket {
    /// Most times in `asks`.
    pub const MAX_ASKS: usize = 64 << 10;
}

/// TLS facts of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsInfo {
    /// Server name that the client asked for.
    pub sni: Option<String>,
    /// Whether its ClientHello has encrypted_client_hello (RFC 9849): then `sni` may be the outer name, which several
    /// servers share. A client that greases has the same extension. `None` if no hello was seen.
    pub ech: Option<bool>,
    /// Protocol agreed on.
    pub alpn: Option<String>,
    /// Version agreed on, for example `1.3`.
    pub version: Option<String>,
    /// Cipher suite number.
    pub suite: Option<u16>,
    /// Why the content could not be decrypted, and what helps; `None` if it was.
    pub unread: Option<&'static str>,
}

impl From<&crate::tls::Info> for TlsInfo {
    fn from(info: &crate::tls::Info) -> Self {
        use crate::tls::Reading;
        TlsInfo {
            sni: info.sni.clone(),
            ech: info.ech,
            alpn: info.alpn.clone(),
            version: info.version.map(|v| match v {
                0x0301..=0x0304 => format!("1.{}", v - 0x0301),
                other => format!("0x{other:04x}"),
            }),
            suite: info.suite,
            unread: match info.reading {
                Reading::Open | Reading::Handshake => None,
                Reading::NoKeys => Some(
                    "no secrets: set SSLKEYLOGFILE in the client's or server's environment and give that file with \
                        --keylog",
                ),
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
    /// The other parameters of a JSON body; `None` if the body is not a JSON object or could not be read.
    pub asked: Option<Asked>,
    /// What it says in JSON-RPC; `None` if it is none.
    pub rpc: Option<Box<Rpc>>,
    /// How it ended.
    pub end: MessageEnd,
}

/// The parameters of a JSON request that matter for judging the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// `stream`, if it is a boolean.
    pub stream: Option<bool>,
    /// `stream_options.include_usage`, if it is a boolean.
    pub usage: Option<bool>,
    /// `n`: number of choices asked for, if it is a number.
    pub choices: Option<u64>,
    /// Whether `logprobs` is present, and neither null nor false.
    pub logprobs: bool,
    /// Whether `tool_choice` is an object, which names the tool to call.
    pub forced_tool: bool,
    /// Whether `tools` is a list that has something in it.
    pub tools: bool,
    /// The body is a notification of MCP: JSON-RPC without an id, to which no response is due.
    pub notifies: bool,
}

/// The response message.
#[derive(Debug, Clone)]
pub struct Response {
    /// Final head; `None` if the capture joined inside the body.
    pub head: Option<ResponseHead>,
    /// Time of the final head's last byte; of the first byte seen if the head is missing.
    pub head_at: Timestamp,
    /// Time of its first byte seen (final status line, or the first body byte if the head is missing).
    pub first_at: Timestamp,
    /// Time of its last byte.
    pub last_at: Timestamp,
    /// Interim heads (1xx), in order.
    pub informational: Vec<ResponseHead>,
    /// Body.
    pub body: Body,
    /// Trailer section.
    pub trailers: Fields,
    /// How the records are marked in the body.
    pub framing: Framing,
    /// Dialect: its name, `none` for records that no dialect claims, `None` without records.
    pub dialect: Option<&'static str>,
    /// Why that dialect: one line for people.
    pub dialect_why: String,
    /// Number of records, including those already emitted in parts.
    pub record_count: u64,
    /// Time of the first record's last byte.
    pub first_record_at: Option<Timestamp>,
    /// Time of the last record's last byte.
    pub last_record_at: Option<Timestamp>,
    /// Number of comments (SSE) and their last time.
    pub comments: u64,
    /// Every delta, in order. Kept whole: all latency figures come from here.
    pub deltas: Vec<Delta>,
    /// The answer that the records add up to.
    pub answer: Answer,
    /// Records not yet emitted to the store.
    pub records: Vec<RecordInfo>,
    /// How it ended.
    pub end: MessageEnd,
}

/// One message body.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Time of the first body byte.
    pub first_at: Option<Timestamp>,
    /// Number of bytes after transfer decoding.
    pub wire_bytes: u64,
    /// SHA-256 of these bytes; `None` if bytes are missing.
    pub wire_sha256: Option<[u8; 32]>,
    /// Number of bytes after transfer and content decoding.
    pub decoded_bytes: u64,
    /// SHA-256 of these bytes; `None` if bytes are missing.
    pub decoded_sha256: Option<[u8; 32]>,
    /// Number of transfer units (chunks without the last one, DATA frames); `None` for bodies without units.
    pub units: Option<u64>,
    /// Deliveries not yet emitted to the store, in order.
    pub pieces: Vec<PieceInfo>,
    /// Their bytes, concatenated (after transfer decoding, before content decoding).
    pub bytes: Vec<u8>,
    /// How the bytes arrived.
    pub arrival: Arrival,
    /// The last line of the decoded body, with a mark after it: the place of a missing terminator. Responses
    /// only.
    pub tail: Option<Box<Excerpt>>,
    /// Size lines of units that are not plain lower-case hex of the length that came, including a unit that
    /// was cut: (unit, line). HTTP/2 has only the declared length of a frame that was cut.
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
    /// These `len` bytes were not captured and are not in `Body::bytes`.
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
    /// SSE event type, or the type that another framing carries.
    pub event: Option<Box<str>>,
    /// What it carries.
    pub meaning: Meaning,
}
