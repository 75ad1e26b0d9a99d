//! Records and deliveries in few bytes: whole numbers as differences in seven bits a byte, compressed (RFC 1951).
//!
//! Per exchange: the time of each record since the one before (the first since the exchange's begin), then one byte
//! for each record with what it carries; then the number of bytes that follow, which a reader may skip: time of each
//! delivery since the one before, start of each record since the end of the one before, length of each, length of each
//! delivery with its lowest bit for missing bytes, transfer unit of each since the one before. Numbers that may be
//! negative are folded (0, -1, 1, -2, 2 …). Their counts are in the columns `records` and `deliveries`. Equal
//! differences stand close to each other, where the compression finds them.

use super::Facts;
use crate::dialect::Meaning;
use crate::time::Timestamp;
use anyhow::Result;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use std::io::Write;

/// The records of all exchanges, compressed as they come.
#[derive(Debug)]
pub(super) struct Packed {
    out: DeflateEncoder<Vec<u8>>,
    bytes: u64,
}

impl Default for Packed {
    fn default() -> Self {
        Packed { out: DeflateEncoder::new(Vec::new(), Compression::default()), bytes: 0 }
    }
}

impl Packed {
    pub(super) fn add(&mut self, begin: Timestamp, facts: &Facts) -> Result<()> {
        let (records, pieces) = (&facts.records, &facts.pieces);
        let mut all = Vec::new();
        times(&mut all, begin, records.iter().map(|r| r.at));
        all.extend(records.iter().map(|r| carries(r.meaning)));
        let mut rest = Vec::new();
        times(&mut rest, begin, pieces.iter().map(|p| p.at));
        let mut end = 0;
        for r in records {
            put(&mut rest, folded((r.start as i64).wrapping_sub(end)));
            end = r.end as i64;
        }
        records.iter().for_each(|r| put(&mut rest, r.end.saturating_sub(r.start)));
        pieces.iter().for_each(|p| put(&mut rest, u64::from(p.len) << 1 | u64::from(p.gap)));
        let mut unit = 0;
        for p in pieces {
            put(&mut rest, folded((p.unit as i64).wrapping_sub(unit)));
            unit = p.unit as i64;
        }
        put(&mut all, rest.len() as u64);
        all.extend(rest);
        self.bytes += all.len() as u64;
        Ok(self.out.write_all(&all)?)
    }

    /// Bytes so far, before compression.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.out.finish()?)
    }
}

/// A value as compressed JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut out, value)?;
    Ok(out.finish()?)
}

fn times(out: &mut Vec<u8>, begin: Timestamp, all: impl Iterator<Item = Timestamp>) {
    let mut before = begin;
    for at in all {
        put(out, folded(at.0.wrapping_sub(before.0)));
        before = at;
    }
}

/// One bit each for content, reasoning, a part of a tool call, terminator and error.
fn carries(m: Meaning) -> u8 {
    [m.content, m.reasoning, m.tool, m.terminator, m.error].iter().rev().fold(0, |bits, is| bits << 1 | u8::from(*is))
}

/// Small numbers of either sign as small numbers.
fn folded(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
