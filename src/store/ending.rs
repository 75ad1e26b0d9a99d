//! How an exchange ended: writes and reads its row in `ending`.

use crate::conn::ClosedAt;
use crate::exchange::ending::{Closing, Ending, Party};
use crate::http::event::EndSignal;
use crate::summary::ending::codes;
use crate::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction, params, params_from_iter};

const INSERT: &str = "INSERT OR REPLACE INTO ending VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const SELECT: &str = "SELECT * FROM ending WHERE exchange_id = ?1";
const CLOSED: &str = "SELECT c.client_fin_ns, c.server_fin_ns, c.client_rst_ns, c.server_rst_ns
    FROM connection c JOIN exchange e ON c.session_id = e.session AND c.stream = e.stream WHERE e.id = ?1";

pub(super) fn write(tx: &Transaction<'_>, id: i64, e: &Ending) -> Result<()> {
    let time = |t: Option<Timestamp>| t.map_or(Value::Null, |t| t.nanos().into());
    let number = |n: Option<u32>| n.map_or(Value::Null, Value::from);
    let (code, last) = codes(e.told);
    let mut values: Vec<Value> =
        vec![id.into(), e.told.map_or("", EndSignal::as_str).to_owned().into(), e.by.as_str().to_owned().into()];
    values.extend([e.at.nanos().into(), (e.frame as i64).into(), number(code), number(last)]);
    values.extend([e.last_byte_at, e.terminator_at, e.finish_at].map(time));
    values.extend([&e.client, &e.server].into_iter().flat_map(|c| [c.fin, c.rst, c.close_notify].map(time)));
    values.push(e.seen_until.nanos().into());
    tx.prepare_cached(INSERT)?.execute(params_from_iter(values))?;
    Ok(())
}

/// The ending; none if the exchange was recorded by a version without this table.
pub(super) fn read(db: &Connection, id: i64) -> Result<Option<Ending>> {
    db.prepare_cached(SELECT)?.query_row([id], ending).optional()
}

/// The first FIN and RST of each side of the connection; none while it is open.
pub(super) fn closed(db: &Connection, id: i64) -> Result<Option<ClosedAt>> {
    let read = |r: &Row<'_>| {
        let time = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(Timestamp));
        Ok(ClosedAt { client_fin: time(0)?, server_fin: time(1)?, client_rst: time(2)?, server_rst: time(3)? })
    };
    db.query_row(CLOSED, params![id], read).optional()
}

fn ending(row: &Row<'_>) -> Result<Ending> {
    let time = |i: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(i)?.map(Timestamp));
    let closing =
        |i: usize| Ok::<_, rusqlite::Error>(Closing { fin: time(i)?, rst: time(i + 1)?, close_notify: time(i + 2)? });
    let (kind, by): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(Ending {
        told: told(&kind, row.get(5)?, row.get(6)?),
        by: Party::parse(&by),
        at: Timestamp(row.get(3)?),
        frame: row.get::<_, i64>(4)? as u64,
        last_byte_at: time(7)?,
        terminator_at: time(8)?,
        finish_at: time(9)?,
        client: closing(10)?,
        server: closing(13)?,
        seen_until: Timestamp(row.get(16)?),
    })
}

fn told(kind: &str, code: Option<u32>, last: Option<u32>) -> Option<EndSignal> {
    let (code, last) = (code.unwrap_or_default(), last.unwrap_or_default());
    let all = [
        EndSignal::NoBody,
        EndSignal::ZeroChunk,
        EndSignal::Length,
        EndSignal::EndStream,
        EndSignal::Close,
        EndSignal::CloseFrame,
        EndSignal::Fin,
        EndSignal::Reset,
        EndSignal::CloseNotify,
        EndSignal::RstStream(code),
        EndSignal::GoAway { last, code },
        EndSignal::Idle,
        EndSignal::CaptureEnd,
        EndSignal::NotCaptured,
        EndSignal::Switched,
    ];
    all.into_iter().find(|told| told.as_str() == kind)
}
