//! What the models of clients make of exchanges, kept where it was computed: the next report reads it.
//!
//! A report keeps them beside a recording and beside other readers. What cannot be written is computed again next time.

use super::Reader;
use super::fault;
use anyhow::Result;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// Verdicts that one transaction writes.
const STEP: usize = 256;
/// How long a recording that holds the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Verdicts that wait for their transaction.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    waiting: Vec<Verdict>,
    /// The connection that writes; none before the first, or if the database cannot be written.
    db: Option<Connection>,
    /// Nothing can be written.
    given_up: bool,
}

#[derive(Debug)]
struct Verdict {
    exchange: i64,
    models: String,
    verdicts: Option<String>,
}

impl Reader {
    /// What [`Reader::keep_client_verdicts`] has kept of an exchange under this version of the models; the outer option
    /// is none if that is nothing.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn client_verdicts(&self, exchange: i64, models: &str) -> Result<Option<Option<String>>> {
        let sql = "SELECT verdicts FROM client_verdict WHERE exchange_id = ?1 AND models = ?2";
        Ok(self.db.prepare_cached(sql)?.query_row(params![exchange, models], |r| r.get(0)).optional()?)
    }

    /// Keeps what models of this version make of an exchange, as JSON without secrets; none: they do not judge it. It
    /// is written later, with others, and at the end at the latest.
    pub fn keep_client_verdicts(&self, exchange: i64, models: &str, verdicts: Option<String>) {
        let mut kept = self.verdicts.borrow_mut();
        if !kept.given_up {
            kept.waiting.push(Verdict { exchange, models: models.to_owned(), verdicts });
        }
        if kept.waiting.len() >= STEP {
            kept.write(self.db.path().map(Path::new));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.verdicts.borrow_mut().write(self.db.path().map(Path::new));
    }
}

impl Verdicts {
    fn write(&mut self, path: Option<&Path>) {
        let Some(path) = path.filter(|_| !self.waiting.is_empty()) else { return };
        match self.transaction(path) {
            Ok(()) => self.waiting.clear(),
            // They wait on, unless they become many.
            Err(e) if fault::is_busy(&e) && self.waiting.len() < STEP * 16 => {}
            Err(_) => {
                self.given_up = true;
                self.waiting.clear();
            }
        }
    }

    fn transaction(&mut self, path: &Path) -> rusqlite::Result<()> {
        let db = match &mut self.db {
            Some(db) => db,
            none => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let db = Connection::open_with_flags(path, flags)?;
                db.busy_timeout(PATIENCE)?;
                none.insert(db)
            }
        };
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            // The exchange may have been deleted meanwhile.
            let sql = "INSERT OR REPLACE INTO client_verdict (exchange_id, models, verdicts)
                SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM exchange WHERE id = ?1 AND done)";
            let mut insert = tx.prepare_cached(sql)?;
            for Verdict { exchange, models, verdicts } in &self.waiting {
                insert.execute(params![exchange, models, verdicts])?;
            }
        }
        tx.commit()
    }
}
