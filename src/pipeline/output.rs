//! The results of the pipeline.

use crate::conn::{ConnFacts, ConnId, Endpoints};
use crate::exchange::redact::Heads;
use crate::exchange::{Exchange, ExchangeId, PieceInfo, RecordInfo, TlsInfo};
use crate::time::Timestamp;

/// A result. `X` is a finished exchange: the exchange alone, or with its judgement.
#[derive(Debug)]
pub enum Output<X = Exchange> {
    /// An exchange has begun (first byte of its request, or of its response if the request was not seen).
    Begun(ExchangeId),
    /// Part of a long exchange, emitted early so that memory stays bounded. Its pieces and records are not in
    /// `Exchange` again.
    Part(Box<Part>),
    /// A finished exchange.
    Exchange(Box<X>),
    /// A connection is over.
    Connection(Box<Connection>),
}

impl<X> Output<X> {
    /// The same result with its finished exchange mapped.
    pub fn map<Y>(self, make: impl FnOnce(Box<X>) -> Box<Y>) -> Output<Y> {
        match self {
            Output::Begun(id) => Output::Begun(id),
            Output::Part(part) => Output::Part(part),
            Output::Exchange(exchange) => Output::Exchange(make(exchange)),
            Output::Connection(connection) => Output::Connection(connection),
        }
    }
}

/// Part of a long exchange.
#[derive(Debug)]
pub struct Part {
    /// Its identifier.
    pub id: ExchangeId,
    /// Content codings of both bodies, as their heads list them: request, response.
    pub codings: [Option<String>; 2],
    /// Both heads, as far as they have come: what is secret in the bodies depends on them.
    pub heads: Heads,
    /// Request body deliveries since the last part.
    pub request: BodyPart,
    /// Response body deliveries since the last part.
    pub response: BodyPart,
    /// Response records since the last part.
    pub records: Vec<RecordInfo>,
}

/// Deliveries and their bytes.
#[derive(Debug, Default)]
pub struct BodyPart {
    /// Deliveries.
    pub pieces: Vec<PieceInfo>,
    /// Their bytes, concatenated.
    pub bytes: Vec<u8>,
    /// Size lines that are not plain hex: (unit, line).
    pub unit_lines: Vec<(u64, Vec<u8>)>,
}

/// A connection that is over.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its identifier.
    pub id: ConnId,
    /// Both ends, as finally known.
    pub endpoints: Endpoints,
    /// Time of the first event.
    pub opened_at: Timestamp,
    /// Time of the last event.
    pub closed_at: Timestamp,
    /// What it spoke: `http/1`, `http/2`, `tls`, `other`, `unknown`; `quic/1`,
    /// `quic/2`.
    pub speaks: &'static str,
    /// TLS facts.
    pub tls: Option<TlsInfo>,
    /// Protocols that the client offered in its hello (ALPN).
    pub offered: Vec<String>,
    /// What TCP counted.
    pub facts: ConnFacts,
    /// Exchanges read from it.
    pub exchanges: u64,
}
