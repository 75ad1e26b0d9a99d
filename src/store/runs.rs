//! Pieces and records in the form of the database: up to [`RUN`] in one row, as JSON arrays of numbers relative to
//! the first one.
//!
//! The views `piece` and `record` (migrations/0002) compute the same in SQL. This is for speed: one row per piece
//! would cost more than reading the packets.

use crate::dialect::Meaning;
use crate::exchange::{PieceInfo, RecordInfo};
use crate::time::Timestamp;
use anyhow::{Context, Result};

/// Most items of one run.
pub(super) const RUN: usize = 256;

/// What the numbers of one run are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Base {
    /// Time, ns since 1970 UTC.
    pub(super) t_ns: i64,
    /// Number of the packet.
    pub(super) frame: i64,
    /// Offset in the body.
    pub(super) offset: i64,
}

/// Unit, time, packet, offset, length, gap.
type Piece = (u64, i64, i64, i64, u32, u8);

/// Time, time since its first byte, packet, start, length, carries, event.
type Record<E> = (i64, i64, i64, i64, i64, u8, Option<E>);

/// The row of a run of pieces; an empty run is an empty array.
pub(super) fn of_pieces(pieces: &[PieceInfo]) -> Result<(Base, String)> {
    let first = pieces.first();
    let base = Base {
        t_ns: first.map_or(0, |p| p.at.nanos()),
        frame: first.map_or(0, |p| p.frame as i64),
        offset: first.map_or(0, |p| p.offset as i64),
    };
    let run = pieces.iter().map(|p| -> Piece {
        let [at, frame, offset] = relative(base, p.at, p.frame, p.offset);
        (p.unit, at, frame, offset, p.len, p.gap.into())
    });
    Ok((base, array(run)?))
}

/// The pieces of one run.
pub(super) fn to_pieces(base: Base, data: &str) -> Result<impl Iterator<Item = PieceInfo>> {
    let run: Vec<Piece> = serde_json::from_str(data).context("a damaged run of pieces")?;
    Ok(run.into_iter().map(move |(unit, at, frame, offset, len, gap)| PieceInfo {
        at: Timestamp(base.t_ns.wrapping_add(at)),
        frame: base.frame.wrapping_add(frame) as u64,
        unit,
        offset: base.offset.wrapping_add(offset) as u64,
        len,
        gap: gap != 0,
    }))
}

/// The row of a run of records.
pub(super) fn of_records(records: &[RecordInfo]) -> Result<(Base, String)> {
    let first = records.first();
    let base = Base {
        t_ns: first.map_or(0, |r| r.at.nanos()),
        frame: first.map_or(0, |r| r.frame as i64),
        offset: first.map_or(0, |r| r.start as i64),
    };
    let run = records.iter().map(|r| -> Record<&str> {
        let [at, frame, start] = relative(base, r.at, r.frame, r.start);
        let len = r.end.wrapping_sub(r.start) as i64;
        (at, r.at.nanos().wrapping_sub(r.first_at.nanos()), frame, start, len, carries(r.meaning), r.event.as_deref())
    });
    Ok((base, array(run)?))
}

/// The records of one run; the first one has number `n`.
pub(super) fn to_records(base: Base, n: u64, data: &str) -> Result<impl Iterator<Item = RecordInfo>> {
    let run: Vec<Record<Box<str>>> = serde_json::from_str(data).context("a damaged run of records")?;
    Ok(run.into_iter().zip(n..).map(move |((at, since_first, frame, start, len, carries, event), n)| {
        let at = base.t_ns.wrapping_add(at);
        let start = base.offset.wrapping_add(start);
        RecordInfo {
            n,
            at: Timestamp(at),
            first_at: Timestamp(at.wrapping_sub(since_first)),
            frame: base.frame.wrapping_add(frame) as u64,
            start: start as u64,
            end: start.wrapping_add(len) as u64,
            event,
            meaning: meaning(carries),
        }
    }))
}

fn relative(base: Base, at: Timestamp, frame: u64, offset: u64) -> [i64; 3] {
    [
        at.nanos().wrapping_sub(base.t_ns),
        (frame as i64).wrapping_sub(base.frame),
        (offset as i64).wrapping_sub(base.offset),
    ]
}

fn carries(m: Meaning) -> u8 {
    u8::from(m.content)
        | u8::from(m.reasoning) << 1
        | u8::from(m.tool) << 2
        | u8::from(m.terminator) << 3
        | u8::from(m.error) << 4
}

fn meaning(carries: u8) -> Meaning {
    let bit = |n: u8| carries >> n & 1 == 1;
    Meaning { content: bit(0), reasoning: bit(1), tool: bit(2), terminator: bit(3), error: bit(4), turn: 0 }
}

/// The items as a JSON array, without an intermediate list.
fn array<T: serde::Serialize>(items: impl ExactSizeIterator<Item = T>) -> Result<String> {
    let mut out = Vec::with_capacity(items.len() * 32 + 2);
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut out, &item)?;
    }
    out.push(b']');
    Ok(String::from_utf8(out)?)
}
