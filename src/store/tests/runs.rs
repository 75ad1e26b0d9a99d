//! Pieces and records are stored in runs: the views, the reader and the input agree, over several runs and after a
//! revision.

use super::{record, sample, temp};
use crate::analyzer::Output;
use crate::exchange::{ExchangeId, PieceInfo, RecordInfo};
use crate::store::Reader;
use rusqlite::Connection;
use std::path::Path;

/// Many pieces and records whose numbers become long or negative: gaps, times that decrease, offsets over 4 GiB,
/// packets out of order.
fn many() -> (Vec<PieceInfo>, Vec<RecordInfo>) {
    let pieces = (0..700).map(|n| PieceInfo {
        frame: if n % 7 == 0 { 0 } else { n },
        unit: n / 2,
        gap: n % 50 == 49,
        ..sample::piece(
            1_764_000_000_000_000_000 + if n % 3 == 0 { -5_000_000_000 } else { n as i64 },
            n / 2,
            (5 << 32) + 3 * n,
            3,
        )
    });
    let records = (0..600).map(|n| {
        let mut r = sample::record(n, 1_764_000_000_000_000_000 + n as i64 * 20_000_000, n % 2 == 0, n == 599);
        r.first_at = crate::time::Timestamp(r.at.0 - 1_000_000);
        r.event = [None, Some("mess\"age ✓".into())][n as usize % 2].clone();
        r.meaning.reasoning = n % 3 == 0;
        r.meaning.tool = n % 5 == 0;
        r.meaning.error = n % 11 == 0;
        r
    });
    (pieces.collect(), records.collect())
}

/// The pieces and records that a SQLite shell shows.
fn shell(path: &Path) -> (Vec<PieceInfo>, Vec<RecordInfo>) {
    let db = Connection::open(path).unwrap();
    let mut pieces = db
        .prepare("SELECT t_ns, frame, unit, off, len, gap FROM piece WHERE exchange_id = 1 AND side = 1 ORDER BY seq")
        .unwrap();
    let piece = |r: &rusqlite::Row<'_>| {
        let u = |i| r.get::<_, i64>(i).map(|n| n as u64);
        Ok(PieceInfo { frame: u(1)?, gap: r.get(5)?, ..sample::piece(r.get(0)?, u(2)?, u(3)?, r.get(4)?) })
    };
    let pieces = pieces.query_map([], piece).unwrap().map(Result::unwrap).collect();
    let sql = "SELECT n, t_ns, t_first_ns, frame, start, stop, event, content, reasoning, tool, terminator, error \
        FROM record ORDER BY n";
    let mut records = db.prepare(sql).unwrap();
    let record = |r: &rusqlite::Row<'_>| {
        let u = |i| r.get::<_, i64>(i).map(|n| n as u64);
        Ok(RecordInfo {
            n: u(0)?,
            at: crate::time::Timestamp(r.get(1)?),
            first_at: crate::time::Timestamp(r.get(2)?),
            frame: u(3)?,
            start: u(4)?,
            end: u(5)?,
            event: r.get::<_, Option<String>>(6)?.map(Into::into),
            meaning: crate::dialect::Meaning {
                content: r.get(7)?,
                reasoning: r.get(8)?,
                tool: r.get(9)?,
                terminator: r.get(10)?,
                error: r.get(11)?,
                turn: 0,
            },
        })
    };
    let records = records.query_map([], record).unwrap().map(Result::unwrap).collect();
    (pieces, records)
}

#[test]
fn the_views_and_the_reader_give_back_what_was_written() {
    let (_dir, path) = temp();
    let (pieces, records) = many();
    let mut finished = sample::finished(0, 100);
    let response = finished.exchange.response.as_mut().unwrap();
    response.body.pieces = pieces.clone();
    response.body.bytes = vec![b'x'; pieces.iter().filter(|p| !p.gap).count() * 3];
    response.records = records.clone();
    record(&path, vec![Output::Exchange(Box::new(finished))]);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.body(1, 1).unwrap().pieces, pieces);
    assert_eq!(reader.records(1).unwrap(), records);
    assert_eq!(shell(&path), (pieces, records));
}

#[test]
fn records_that_come_again_replace_the_ones_before() {
    let (_dir, path) = temp();
    let (_, records) = many();
    let mut part = sample::part(0, vec![], b"");
    part.records = records; // 600 of one framing …
    let finished = sample::finished(0, 100); // … and then 3, numbered from 0 again
    let wanted = finished.exchange.response.as_ref().unwrap().records.clone();
    record(
        &path,
        vec![Output::Begun(ExchangeId(0)), Output::Part(Box::new(part)), Output::Exchange(Box::new(finished))],
    );
    assert_eq!(Reader::open(&path).unwrap().records(1).unwrap(), wanted);
}
