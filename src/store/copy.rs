//! Copies what belongs to a session and to no exchange into another database: connections and the hops of a proxy.

use super::{Reader, fault, write};
use anyhow::{Context, Result};
use rusqlite::{OptionalExtension, params};
use std::path::Path;

impl Reader {
    /// The options that a session's row stores; an empty object if there is no such session.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn options(&self, session: i64) -> Result<serde_json::Value> {
        let sql = "SELECT options FROM session WHERE id = ?1";
        let text: Option<String> = self.db.query_row(sql, [session], |r| r.get(0)).optional()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| serde_json::json!({})))
    }
}

/// Copies the connections and hops of `session` in the database `from` to `new` in the database `to`.
///
/// # Errors
/// One of the databases cannot be read or written.
pub fn connections(from: &Path, to: &Path, session: i64, new: i64) -> Result<()> {
    copy(from, to, session, new).map_err(|e| fault::writing(e, to))
}

fn copy(from: &Path, to: &Path, session: i64, new: i64) -> Result<()> {
    let db = write::open(to)?;
    let name = from.to_str().context("the path of the database is not UTF-8")?;
    db.execute("ATTACH ?1 AS source", [name])?;
    for table in ["connection", "hop"] {
        let mut columns = db.prepare("SELECT name FROM pragma_table_info(?1, 'source') WHERE name <> 'session_id'")?;
        let columns: Vec<String> = columns.query_map([table], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT OR REPLACE INTO main.{table} (session_id, {columns}) SELECT ?2, {columns} FROM \
                source.{table} WHERE session_id = ?1"
        );
        db.execute(&sql, params![session, new])?;
    }
    db.execute_batch("DETACH source; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}
