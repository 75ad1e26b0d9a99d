//! Changes what is in a database, and not by recording: names, notes, and what is deleted.

mod check;
mod erase;
mod forget;
mod info;
mod vacuum;

pub(super) use erase::Owned;

use super::select::SessionIs;
use super::{Reader, fault, open, write};
use crate::summary::session::{SessionSummary, State};
use crate::time::Timestamp;
use anyhow::{Result, anyhow, bail};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};

/// Rows that one transaction deletes. A recording into the same database waits for its lock, so each is short.
const STEP: usize = 1024;

/// A database that is open for its upkeep. Its reader sees what it changes.
#[derive(Debug)]
pub struct Upkeep {
    reader: Reader,
    path: PathBuf,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Sessions.
    pub sessions: u64,
    /// Exchanges that were whole.
    pub exchanges: u64,
}

impl Upkeep {
    /// Opens a database that exists, and brings it up to date.
    ///
    /// # Errors
    /// It does not exist, is not a database of this program, or cannot be written.
    pub fn open(path: &Path) -> Result<Upkeep> {
        // Its errors say what is wrong with a database that cannot be read.
        drop(Reader::open(path)?);
        let db = write::open(path).map_err(|e| fault::writing(e, path))?;
        open::sort_beside(&db, path);
        Ok(Upkeep { reader: Reader::on(db), path: path.to_path_buf() })
    }

    /// The same database, to read from.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Gives a session a name, or takes it away (none). The name is one that [`is_name`] accepts.
    ///
    /// # Errors
    /// Another session has that name; the database cannot be written.
    pub fn name(&mut self, session: i64, name: Option<&str>) -> Result<()> {
        self.change(|tx| {
            let sql = "SELECT id FROM session WHERE name = ?1 AND id <> ?2";
            let other: Option<i64> = tx.query_row(sql, params![name, session], |r| r.get(0)).optional()?;
            if let Some(other) = other {
                bail!("session {other} has that name already; sniff session name {other} '' takes it away");
            }
            tx.execute("UPDATE session SET name = ?2 WHERE id = ?1", params![session, name])?;
            Ok(())
        })
    }

    /// Notes something about a session, or takes the note away (none).
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note(&mut self, session: i64, note: Option<&str>) -> Result<()> {
        self.change(|tx| {
            tx.execute("UPDATE session SET note = ?2 WHERE id = ?1", params![session, note])?;
            Ok(())
        })
    }

    /// Deletes a session with all that belongs to it, in several transactions.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn delete_session(&mut self, session: i64) -> Result<Deleted> {
        let owned = Owned::of(&self.reader.db)?;
        let whole = "SELECT count(*) FROM exchange WHERE session = ?1 AND done";
        let exchanges: i64 = self.reader.db.query_row(whole, [session], |r| r.get(0))?;
        while !self.change(|tx| owned.session(tx, session, STEP))? {}
        Ok(Deleted { sessions: 1, exchanges: exchanges as u64 })
    }

    /// One transaction.
    fn change<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let db = &mut self.reader.db;
        let done = (|| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        })();
        done.map_err(|e| fault::writing(e, &self.path))
    }
}

/// Whether a text can name a session: no number, not `last`, and nothing that a terminal would not show.
pub fn is_name(text: &str) -> bool {
    let is_free = !text.eq_ignore_ascii_case("last") && text.parse::<i64>().is_err();
    is_free && text.trim() == text && (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Why a session must stay as it is: it is still being recorded, or may be. With `force` only what is known counts.
pub fn held(session: &SessionSummary, force: bool) -> Option<String> {
    let id = session.id;
    match session.state {
        State::Running => {
            let process = session.pid.map(|pid| format!(" by process {pid}")).unwrap_or_default();
            Some(format!("session {id} is still being recorded{process}; stop that first"))
        }
        State::Unknown if !force => Some(format!(
            "session {id} has no end, and its process cannot be seen from here: it may still be recorded; --force if \
                you know that it is not"
        )),
        _ => None,
    }
}

impl Reader {
    /// The sessions that were over before this time, and those without an end that did nothing since.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn sessions_before(&self, time: Timestamp) -> Result<Vec<SessionSummary>> {
        let mut all = self.sessions(&super::Selector::default())?;
        let sql = "SELECT max(coalesce(t_response_end_ns, t_request_end_ns, t_request_start_ns)) FROM exchange
            WHERE session = ?1";
        let mut newest = self.db.prepare(sql)?;
        let mut over = |s: &SessionSummary| -> Result<i64> {
            let Some(ended) = s.ended_ns else {
                let newest: Option<i64> = newest.query_row([s.id], |r| r.get(0))?;
                return Ok(newest.unwrap_or(0).max(s.started_ns));
            };
            Ok(ended)
        };
        let over: Vec<i64> = all.iter().map(&mut over).collect::<Result<_>>()?;
        let mut over = over.into_iter();
        all.retain(|_| over.next().is_some_and(|ns| ns < time.nanos()));
        Ok(all)
    }

    /// The session that is meant.
    ///
    /// # Errors
    /// There is none; the database cannot be read.
    pub fn session(&self, which: &SessionIs) -> Result<SessionSummary> {
        let selector = super::Selector { session: Some(which.clone()), ..super::Selector::default() };
        self.sessions(&selector)?.pop().ok_or_else(|| match which {
            SessionIs::Last => anyhow!("the database has no session"),
            SessionIs::Number(n) => anyhow!("there is no session {n}; sniff session list shows those that exist"),
            SessionIs::Named(name) => no_such_name(name),
        })
    }
}

/// The error for a name that no session has.
pub(super) fn no_such_name(name: &str) -> anyhow::Error {
    anyhow!("no session has the name {name:?}; expected a session's number, its name (sniff session list), or `last`")
}
