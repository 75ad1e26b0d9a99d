//! What `show` prints beyond the summary: chunks, records and oddities.

use super::Summary;
use super::prompt::{Said, prompt};
use crate::conn::ClosedAt;
use crate::encoding;
use crate::exchange::ending::Ending;
use serde::Serialize;

/// Everything about one exchange except the bytes of the response's body.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// The summary, with header fields.
    #[serde(flatten)]
    pub summary: Summary,
    /// The facts by which the dialect was recognised.
    pub dialect_why: Option<String>,
    /// Chunks of the response.
    pub chunks: Vec<Chunk>,
    /// Records of the response.
    pub records: Vec<Record>,
    /// How it ended; null if an older version recorded it.
    pub ending: Option<Ending>,
    /// When each side closed or reset the connection; null while it is open.
    pub closed: Option<ClosedAt>,
    /// Oddities that the layers noticed.
    pub oddities: Vec<Noticed>,
    /// The request's body, decoded, if it is text and was stored.
    pub request_body: Option<String>,
    /// The same in base64 if it is no text.
    pub request_body_base64: Option<String>,
    /// What the request asks a model; null if it asks none.
    pub prompt: Option<Vec<Said>>,
}

impl Detail {
    /// Takes the request's body, decoded and without secrets.
    pub fn set_request_body(&mut self, body: Vec<u8>) {
        match String::from_utf8(body) {
            Ok(text) => {
                let asked = serde_json::from_str(&text).map(|body| prompt(&body)).unwrap_or_default();
                self.prompt = Some(asked).filter(|p| !p.is_empty());
                self.request_body = Some(text);
            }
            Err(e) => self.request_body_base64 = Some(encoding::to_base64(e.as_bytes())),
        }
    }
}

/// A chunk of the response: one transfer unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// Number, from 0.
    pub n: u64,
    /// Time of its last byte, ns since 1970 UTC.
    pub t_ns: i64,
    /// Offset of its first byte in the wire body.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Whether a part of it was not captured.
    pub gap: bool,
    /// Only from a proxy: when it was passed to the client, ns since 1970 UTC. `t_ns` is when it came from
    /// upstream.
    pub t_client_ns: Option<i64>,
}

/// A record of the response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Number, from 0.
    pub n: u64,
    /// Time of its last byte, ns since 1970 UTC.
    pub t_ns: i64,
    /// Offset of its first byte in the decoded body.
    pub start: u64,
    /// Offset after its last byte.
    pub end: u64,
    /// `delta`, `terminator`, `error` or `other`.
    pub kind: String,
    /// The type of the SSE event, or its equivalent in other framings.
    pub event: Option<String>,
    /// `content`, `reasoning` or `tool`; null if it is not a delta.
    pub delta: Option<String>,
}

/// Oddities of one kind; the place is that of the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Noticed {
    /// Kind, as `layer.what`.
    pub kind: String,
    /// Number of oddities of this kind.
    pub count: u64,
    /// Offset; the layer defines in what.
    pub offset: Option<u64>,
    /// Number of the record, from 0.
    pub record: Option<u64>,
    /// What the layer found.
    pub found: String,
}
