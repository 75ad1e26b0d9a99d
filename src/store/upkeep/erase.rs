//! Deletes exchanges and sessions with all that belongs to them, in steps. What belongs to them is read from the
//! schema: a table that is added later is not forgotten.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

/// Rows of bodies have up to a mebibyte, others a few kilobytes: one of them counts as this many.
const BODY: usize = 64;

/// The tables whose rows belong to an exchange or a session, each with the statement that deletes some of them: ?1 is
/// the owner, ?2 how many rows at most.
#[derive(Debug)]
pub(in crate::store) struct Owned {
    exchange: Vec<Rows>,
    session: Vec<Rows>,
}

#[derive(Debug)]
struct Rows {
    delete: String,
    /// How many a row counts as.
    weight: usize,
}

impl Owned {
    /// Reads the schema.
    pub(in crate::store) fn of(db: &Connection) -> Result<Owned> {
        // `(rowid)`, or the primary key where there is none.
        let sql = "SELECT m.name, k.\"from\", coalesce((SELECT group_concat('\"' || c.name || '\"', ', ')
                FROM pragma_table_list(m.name) l JOIN pragma_table_info(m.name) c WHERE l.wr AND c.pk > 0), 'rowid')
            FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
            WHERE m.type = 'table' AND k.\"table\" = ?1 AND m.name <> 'exchange' ORDER BY m.name";
        let mut statement = db.prepare(sql)?;
        let mut of = |owner: &str| -> Result<Vec<Rows>> {
            let rows = statement.query_map([owner], |r| {
                let [table, owner, key]: [String; 3] = [r.get(0)?, r.get(1)?, r.get(2)?];
                let weight = if table == "segment" { BODY } else { 1 };
                let some = format!("SELECT {key} FROM {table} WHERE {owner} = ?1 LIMIT ?2");
                Ok(Rows { delete: format!("DELETE FROM {table} WHERE ({key}) IN ({some})"), weight })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        Ok(Owned { exchange: of("exchange")?, session: of("session")? })
    }

    /// Deletes up to `rows` rows of an exchange; the last of them is its own. Returns how many it was, and whether all
    /// is gone. From the first step on the exchange counts as unfinished, so that no reader takes a part for the whole.
    pub(in crate::store) fn exchange(&self, db: &Connection, id: i64, rows: usize) -> Result<(usize, bool)> {
        let deleted = some(db, &self.exchange, id, rows)?;
        if deleted >= rows {
            db.prepare_cached("UPDATE exchange SET done = 0 WHERE id = ?1")?.execute([id])?;
            return Ok((deleted, false));
        }
        db.prepare_cached("DELETE FROM exchange WHERE id = ?1")?.execute([id])?;
        Ok((deleted + 1, true))
    }

    /// Deletes up to `rows` rows of a session, its exchanges first. Returns whether all is gone.
    pub(in crate::store) fn session(&self, db: &Connection, session: i64, rows: usize) -> Result<bool> {
        let mut left = rows;
        while left > 0 {
            let sql = "SELECT id FROM exchange WHERE session = ?1 LIMIT 1";
            let next: Option<i64> = db.prepare_cached(sql)?.query_row([session], |r| r.get(0)).optional()?;
            let Some(id) = next else { break };
            left = left.saturating_sub(self.exchange(db, id, left)?.0);
        }
        left = left.saturating_sub(some(db, &self.session, session, left)?);
        if left > 0 {
            db.execute("DELETE FROM session WHERE id = ?1", [session])?;
        }
        Ok(left > 0)
    }
}

/// Deletes until `rows` rows are gone; returns how many are.
fn some(db: &Connection, of: &[Rows], owner: i64, rows: usize) -> Result<usize> {
    let mut deleted = 0;
    for Rows { delete, weight } in of {
        if deleted < rows {
            let most = (rows - deleted).div_ceil(*weight);
            deleted +=
                weight * db.prepare_cached(delete)?.execute(params![owner, i64::try_from(most).unwrap_or(i64::MAX)])?;
        }
    }
    Ok(deleted)
}
