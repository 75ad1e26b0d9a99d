//! Deletes exchanges so that none of their bytes are left in the files.
//!
//! SQLite only marks what it deletes as free. `secure_delete` overwrites it, but not the copies that moving rows
//! between pages has left before, nor the pages in the log. So the file is written anew, and the log is cut to nothing.

use super::{Owned, Upkeep};
use anyhow::{Result, bail};
use rusqlite::{OptionalExtension, Transaction, params};

impl Upkeep {
    /// Deletes these exchanges. Then neither the database's file nor its log has bytes of them, and nor has any row of
    /// a connection or of a hop that belonged to them alone.
    ///
    /// # Errors
    /// There is no such exchange; the disk has no room for a copy; another process reads or writes. Nothing is deleted
    /// then, unless the error says so.
    pub fn forget(&mut self, ids: &[i64]) -> Result<()> {
        self.room_for_a_copy()?;
        if !self.empty_log()? {
            bail!(
                "nothing was deleted: another process reads {0}, and its log {0}-wal could not be emptied",
                self.path.display()
            );
        }
        self.reader.db.pragma_update(None, "secure_delete", true)?;
        let owned = Owned::of(&self.reader.db)?;
        self.change(|tx| ids.iter().try_for_each(|id| forget(tx, &owned, *id)))?;
        self.vacuum().map(drop).map_err(|e| e.context("deleted, but bytes are left in the files: sniff db vacuum"))
    }
}

fn forget(tx: &Transaction<'_>, owned: &Owned, id: i64) -> Result<()> {
    let sql = "SELECT session, stream FROM exchange WHERE id = ?1";
    let found: Option<(i64, Option<i64>)> = tx.query_row(sql, [id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let Some((session, stream)) = found else { bail!("there is no exchange {id}; sniff list shows those that exist") };
    // A delivery may have had bytes of other exchanges too.
    let hops = "DELETE FROM hop WHERE session_id = ?1 AND frame IN (SELECT frame FROM piece WHERE exchange_id = ?2)
        AND frame NOT IN (SELECT p.frame FROM piece p JOIN exchange e ON e.id = p.exchange_id
            WHERE e.session = ?1 AND e.id <> ?2)";
    tx.execute(hops, params![session, id])?;
    owned.exchange(tx, id, usize::MAX)?;
    let connection = "DELETE FROM connection WHERE session_id = ?1 AND stream = ?2
        AND NOT EXISTS (SELECT 1 FROM exchange WHERE session = ?1 AND stream = ?2)";
    tx.execute(connection, params![session, stream])?;
    Ok(())
}
