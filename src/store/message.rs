//! The messages to the writer, and its result.

use super::Gone;
use crate::analyzer::{Analyzed, BodyPart, Output};
use crate::time::Timestamp;

/// One entry of the writer's queue.
#[derive(Debug)]
pub(super) enum Message {
    /// An output of the analyzer.
    Output(Output),
    /// A delivery that crossed the client's side of a proxy.
    Hop(Hop),
}

/// Time at which a delivery crossed the client's side of the proxy. The time of the delivery itself is that of the
/// upstream side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Number of the delivery: [`crate::exchange::PieceInfo::frame`] of its pieces.
    pub frame: u64,
    /// Responses: when it was passed to the client. Requests: when it came from the client.
    pub client_at: Timestamp,
}

/// The result of a recording, for its last lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Number of the session.
    pub session: i64,
    /// Id of its first exchange.
    pub first: Option<i64>,
    /// Exchanges that were stored.
    pub exchanges: u64,
    /// Why nothing more was stored before the end.
    pub stopped: Option<Stop>,
    /// What went because of [`super::Bounds::max_db`].
    pub gone: Gone,
}

/// A limit at which storing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The database grew by [`super::Bounds::session`] bytes.
    Session(u64),
    /// The disk has less than [`super::Bounds::reserve`] bytes free.
    Reserve {
        /// Bytes that are free.
        free: u64,
        /// Bytes that should stay free.
        reserve: u64,
    },
}

impl std::fmt::Display for Stop {
    /// What the session's row says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Session(limit) => write!(f, "the database has grown by {limit} bytes, the limit of the session"),
            Stop::Reserve { free, reserve } => write!(f, "the disk has {free} bytes free, less than {reserve}"),
        }
    }
}

impl Message {
    /// Estimates of the bytes in memory and of the rows to write.
    pub(super) fn cost(&self) -> (usize, usize) {
        let part = |b: &BodyPart| b.bytes.capacity() + 64 * b.pieces.len();
        match self {
            Message::Output(Output::Begun(_)) => (64, 1),
            Message::Output(Output::Part(p)) => {
                let rows = p.request.pieces.len() + p.response.pieces.len() + p.records.len();
                (256 + part(&p.request) + part(&p.response) + 96 * p.records.len(), rows)
            }
            Message::Output(Output::Exchange(analyzed)) => of_exchange(analyzed),
            Message::Output(Output::Connection(_)) => (512, 1),
            Message::Hop(_) => (48, 1),
        }
    }
}

/// Bytes of memory of the texts of an answer: while they are written there are copies of them, which count where they
/// are long.
fn text(len: usize) -> usize {
    len + 2 * len.saturating_sub(1 << 20)
}

fn of_exchange(analyzed: &Analyzed) -> (usize, usize) {
    let x = &analyzed.exchange;
    let bodies = [x.request.as_ref().map(|r| &r.body), x.response.as_ref().map(|r| &r.body)];
    let pieces: usize = bodies.iter().flatten().map(|b| b.pieces.len()).sum();
    let bytes: usize = bodies.iter().flatten().map(|b| b.bytes.capacity()).sum();
    let records = x.response.as_ref().map_or(0, |r| r.records.len());
    let answer = x
        .response
        .as_ref()
        .map_or(0, |r| text(r.answer.kept_bytes) + 64 * r.deltas.len() + 512 * r.informational.len());
    (4096 + bytes + 64 * pieces + 96 * records + answer, 32 + pieces + records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{ExchangeId, PieceInfo};

    fn part(bytes: usize, pieces: usize) -> Message {
        let piece = PieceInfo { at: Timestamp(0), frame: 0, unit: 0, offset: 0, len: 0, gap: false };
        let body = |bytes: usize, pieces: usize| BodyPart {
            bytes: Vec::with_capacity(bytes),
            pieces: vec![piece; pieces],
            ..BodyPart::default()
        };
        let (request, response) = (body(bytes, pieces), body(2 * bytes, 3 * pieces));
        let (heads, records) = (crate::exchange::redact::Heads::default(), Vec::new());
        let part =
            crate::pipeline::Part { id: ExchangeId(0), codings: [None, None], heads, request, response, records };
        Message::Output(Output::Part(Box::new(part)))
    }

    /// The queue is bounded by what its messages cost, so every byte of a body has to count, and every row.
    #[test]
    fn a_message_costs_its_bytes_and_its_rows() {
        let (empty, full) = (part(0, 0).cost(), part(1000, 5).cost());
        assert_eq!((full.0 - empty.0, full.1 - empty.1), (3000 + 20 * 64, 20));
        assert_eq!(Message::Hop(Hop { frame: 0, client_at: Timestamp(0) }).cost(), (48, 1));
    }
}
