//! Size and contents of a database, and how fast it grows.

use crate::store::place::Place;
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector, open};
use crate::summary::database::{DatabaseInfo, Group, Growth};
use crate::summary::session::State;
use crate::time::Timestamp;
use anyhow::Result;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;

/// Kinds of content and their tables. Any other table is in the last group.
const GROUPS: &[(&str, &[&str])] = &[
    ("bodies", &["segment"]),
    ("deliveries", &["piece_run", "piece_row", "unit_line", "hop"]),
    ("records", &["record_run", "record_row"]),
    ("heads", &["head", "field"]),
    ("exchanges", &["exchange", "ending"]),
    ("findings", &["finding", "oddity", "client_verdict"]),
    ("connections", &["connection"]),
    ("other", &[]),
];

impl Reader {
    /// Size and contents of the database at this path, which is the open one. `now`: the machine's clock, for a session
    /// that still runs. Reads the whole file.
    ///
    /// # Errors
    /// The database or its files cannot be read.
    pub fn info(&self, path: &Path, now: Timestamp) -> Result<DatabaseInfo> {
        let db = &self.db;
        let number = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).map(|n| n as u64);
        let page = number("PRAGMA page_size")?;
        let tables = bytes_of_tables(db)?;
        let group = |name: &'static str| Group { name, bytes: 0 };
        let mut groups: Vec<Group> = GROUPS.iter().map(|(name, _)| group(name)).collect();
        for (table, bytes) in &tables {
            let at = GROUPS.iter().position(|(_, of)| of.contains(&table.as_str())).unwrap_or(GROUPS.len() - 1);
            groups[at].bytes += bytes;
        }
        let growth = self.growth(&tables, now)?;
        let free = Place::of(path)?.free()?;
        let full_in = growth.as_ref().filter(|g| g.bytes_per_second > 0.0).map(|g| free as f64 / g.bytes_per_second);
        Ok(DatabaseInfo {
            path: path.display().to_string(),
            file_bytes: std::fs::metadata(path)?.len(),
            wal_bytes: std::fs::metadata(open::beside(path, "-wal")).map_or(0, |meta| meta.len()),
            free_bytes: number("PRAGMA freelist_count")? * page,
            schema_version: number("PRAGMA user_version")?,
            sessions: number("SELECT count(*) FROM session")?,
            exchanges: number("SELECT count(*) FROM exchange WHERE done")?,
            groups,
            growth,
            disk_free_bytes: free,
            full_in_seconds: full_in,
        })
    }

    /// The growth of the last session; none without one, or if it took less than a second.
    fn growth(&self, tables: &BTreeMap<String, u64>, now: Timestamp) -> Result<Option<Growth>> {
        let last = Selector { session: Some(SessionIs::Last), ..Selector::default() };
        let Some(session) = self.sessions(&last)?.pop() else { return Ok(None) };
        let sql = "SELECT min(t_request_start_ns), max(coalesce(t_response_end_ns, t_request_end_ns)) FROM exchange
            WHERE session = ?1";
        let (first, newest): (Option<i64>, Option<i64>) =
            self.db.query_row(sql, [session.id], |r| Ok((r.get(0)?, r.get(1)?)))?;
        // A file is read faster than it was recorded.
        let recorded = newest.unwrap_or(0).saturating_sub(first.unwrap_or(0));
        let end = match session.state {
            State::Running => now.nanos(),
            _ => session.ended_ns.unwrap_or_else(|| newest.unwrap_or(session.started_ns)),
        };
        let ns = recorded.max(end.saturating_sub(session.started_ns));
        if ns < 1_000_000_000 {
            return Ok(None);
        }
        let mut bytes = 0.0;
        for (table, size) in tables {
            bytes += *size as f64 * self.share(table, session.id)?;
        }
        let seconds = ns as f64 / 1e9;
        Ok(Some(Growth { session: session.id, bytes: bytes as u64, seconds, bytes_per_second: bytes / seconds }))
    }

    /// The session's share of a table: of its contents where rows differ much, else of its rows.
    fn share(&self, table: &str, session: i64) -> Result<f64> {
        // Rows of a run are counted by their run.
        let (table, what) = match table {
            "segment" => (table, "sum(length(data))"),
            "piece_run" | "piece_row" => ("piece_run", "sum(rows)"),
            "record_run" | "record_row" => ("record_run", "sum(rows)"),
            _ => (table, "count(*)"),
        };
        let owner = match table {
            "exchange" => "session",
            "connection" | "hop" => "session_id",
            _ => "(SELECT session FROM exchange e WHERE e.id = exchange_id)",
        };
        if GROUPS.iter().all(|(_, tables)| !tables.contains(&table)) {
            return Ok(0.0);
        }
        let sql = format!(
            "SELECT coalesce((SELECT {what} FROM {table} WHERE {owner} = ?1) * 1.0 / (SELECT {what} FROM {table}), 0)"
        );
        Ok(self.db.query_row(&sql, [session], |r| r.get(0))?)
    }
}

/// Bytes of each table with its indexes.
fn bytes_of_tables(db: &Connection) -> Result<BTreeMap<String, u64>> {
    let sql = "SELECT coalesce(m.tbl_name, d.name), sum(d.pgsize) FROM dbstat d
        LEFT JOIN sqlite_master m ON m.name = d.name WHERE d.aggregate = TRUE GROUP BY 1";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
