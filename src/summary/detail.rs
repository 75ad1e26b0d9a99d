//! What `show` says beyond the summary: chunks, records, what the layers noticed; and a body as it was stored.

use super::Summary;
use crate::conn::ClosedAt;
use crate::exchange::PieceInfo;
use crate::exchange::ending::Ending;
use serde::Serialize;

/// Everything about one exchange but its body bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// With headers.
    #[serde(flatten)]
    pub summary: Summary,
    /// How the dialect was recognised.
    pub dialect_why: Option<String>,
    /// Response chunks.
    pub chunks: Vec<Chunk>,
    /// Response records.
    pub records: Vec<Record>,
    /// How it ended; null where an older version recorded it.
    pub ending: Option<Ending>,
    /// When each end closed or reset the connection; null while it is open.
    pub closed: Option<ClosedAt>,
    /// What the layers noticed.
    pub oddities: Vec<Noticed>,
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
    /// Bytes.
    pub len: u64,
    /// Some of it was not captured.
    pub gap: bool,
    /// From a proxy: when it had been handed to the client, ns since 1970 UTC. `t_ns` is when it came from upstream.
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
    /// Offset behind its last byte.
    pub end: u64,
    /// `delta`, `terminator`, `error`, `other`.
    pub kind: String,
    /// SSE event type and the like.
    pub event: Option<String>,
    /// `content`, `reasoning`, `tool`.
    pub delta: Option<String>,
}

/// What a layer noticed, the first of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Noticed {
    /// `layer.what`.
    pub kind: String,
    /// How many of the kind.
    pub count: u64,
    /// Offset in its layer's terms.
    pub offset: Option<u64>,
    /// Record.
    pub record: Option<u64>,
    /// What was found.
    pub found: String,
}

/// A message body as stored: what replay needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredBody {
    /// Deliveries in order.
    pub pieces: Vec<PieceInfo>,
    /// Captured bytes of all of them, one after the other.
    pub bytes: Vec<u8>,
    /// Size lines of units that are not plain: (unit, line).
    pub unit_lines: Vec<(u64, Vec<u8>)>,
}
