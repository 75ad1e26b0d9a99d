//! Pieces and records in the form of the database: one row each, in numbers relative to the first one of their run.
//!
//! The views `piece` and `record` (`migrations/`) compute the same in SQL. Short numbers take few bytes, several rows
//! go into one statement, and rows that are only appended need no search.

use crate::dialect::Meaning;
use crate::exchange::{PieceInfo, RecordInfo};
use crate::time::Timestamp;
use rusqlite::{Connection, Result, Row, Statement};
use std::sync::LazyLock;

/// Most items of one run. Times within it mostly fit four bytes: two seconds.
pub(super) const RUN: usize = 128;
/// Rows that one statement inserts.
const AT_ONCE: usize = 16;

/// What the numbers of one run are relative to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// Transfer unit; records have none.
    pub(super) unit: i64,
    /// Time, ns since 1970 UTC.
    pub(super) t_ns: i64,
    /// Number of the packet.
    pub(super) frame: i64,
    /// Offset in the body.
    pub(super) offset: i64,
}

/// Statements that insert rows of one table.
struct Insert {
    one: String,
    many: String,
    columns: usize,
}

static PIECES: LazyLock<Insert> =
    LazyLock::new(|| Insert::of("piece_row", &["unit", "t_ns", "frame", "off", "len", "gap"]));
static RECORDS: LazyLock<Insert> =
    LazyLock::new(|| Insert::of("record_row", &["t_ns", "first_ns", "frame", "start", "len", "carries", "event"]));

impl Insert {
    fn of(table: &str, columns: &[&str]) -> Insert {
        let row = format!("({}?)", "?, ".repeat(columns.len() - 1));
        let [one, many] = [1, AT_ONCE].map(|n| {
            let rows = vec![row.as_str(); n].join(", ");
            format!("INSERT INTO {table} ({}) VALUES {rows}", columns.join(", "))
        });
        Insert { one, many, columns: columns.len() }
    }

    /// Inserts these items; `bind` sets the values of one from this parameter on. The id of the first row.
    fn rows<T>(
        &self,
        db: &Connection,
        items: &[T],
        bind: impl Fn(&mut Statement<'_>, usize, &T) -> Result<()>,
    ) -> Result<i64> {
        let insert = |sql: &str, items: &[T]| {
            let mut statement = db.prepare_cached(sql)?;
            for (i, item) in items.iter().enumerate() {
                bind(&mut statement, 1 + i * self.columns, item)?;
            }
            statement.raw_execute()
        };
        let (many, rest) = items.split_at(items.len() - items.len() % AT_ONCE);
        for items in many.chunks(AT_ONCE) {
            insert(&self.many, items)?;
        }
        for item in rest.chunks(1) {
            insert(&self.one, item)?;
        }
        Ok(db.last_insert_rowid() + 1 - items.len() as i64)
    }
}

/// Writes the rows of one run of pieces, which is not empty: what they are relative to, and the id of the first row.
pub(super) fn write_pieces(db: &Connection, pieces: &[PieceInfo]) -> Result<(Base, i64)> {
    let base = pieces.first().map_or(Base::default(), |p| Base {
        unit: p.unit as i64,
        t_ns: p.at.nanos(),
        frame: p.frame as i64,
        offset: p.offset as i64,
    });
    let first = PIECES.rows(db, pieces, |statement, at, p| {
        let [t_ns, frame, offset] = relative(base, p.at, p.frame, p.offset);
        let unit = (p.unit as i64).wrapping_sub(base.unit);
        let values = [unit, t_ns, frame, offset, p.len.into(), p.gap.into()];
        values.iter().zip(at..).try_for_each(|(value, at)| statement.raw_bind_parameter(at, value))
    })?;
    Ok((base, first))
}

/// The piece of a row: the base, then the columns of `piece_row`, all from the first column on.
pub(super) fn piece(row: &Row<'_>) -> Result<PieceInfo> {
    let base = Base { unit: row.get(0)?, t_ns: row.get(1)?, frame: row.get(2)?, offset: row.get(3)? };
    let of = |i: usize| row.get::<_, i64>(4 + i);
    Ok(PieceInfo {
        unit: base.unit.wrapping_add(of(0)?) as u64,
        at: Timestamp(base.t_ns.wrapping_add(of(1)?)),
        frame: base.frame.wrapping_add(of(2)?) as u64,
        offset: base.offset.wrapping_add(of(3)?) as u64,
        len: row.get(8)?,
        gap: of(5)? != 0,
    })
}

/// Writes the rows of one run of records, which is not empty.
pub(super) fn write_records(db: &Connection, records: &[RecordInfo]) -> Result<(Base, i64)> {
    let base = records.first().map_or(Base::default(), |r| Base {
        unit: 0,
        t_ns: r.at.nanos(),
        frame: r.frame as i64,
        offset: r.start as i64,
    });
    let first = RECORDS.rows(db, records, |statement, at, r| {
        let [t_ns, frame, start] = relative(base, r.at, r.frame, r.start);
        let first_ns = r.at.nanos().wrapping_sub(r.first_at.nanos());
        let len = r.end.wrapping_sub(r.start) as i64;
        let values = [t_ns, first_ns, frame, start, len, carries(r.meaning).into()];
        values.iter().zip(at..).try_for_each(|(value, at)| statement.raw_bind_parameter(at, value))?;
        statement.raw_bind_parameter(at + 6, r.event.as_deref())
    })?;
    Ok((base, first))
}

/// The record of a row: time, packet and start of the base, the record's number, then the columns of `record_row`.
pub(super) fn record(row: &Row<'_>) -> Result<RecordInfo> {
    let of = |i: usize| row.get::<_, i64>(i);
    let at = of(0)?.wrapping_add(of(4)?);
    let start = of(2)?.wrapping_add(of(7)?);
    Ok(RecordInfo {
        n: of(3)? as u64,
        at: Timestamp(at),
        first_at: Timestamp(at.wrapping_sub(of(5)?)),
        frame: of(1)?.wrapping_add(of(6)?) as u64,
        start: start as u64,
        end: start.wrapping_add(of(8)?) as u64,
        event: row.get_ref(10)?.as_str_or_null()?.map(Into::into),
        meaning: meaning(row.get(9)?),
    })
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
