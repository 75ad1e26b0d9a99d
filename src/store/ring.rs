//! Keeps a database and its log under a size while a session is written: the oldest exchanges go.
//!
//! ```text
//! limit  = file + log + slack
//! file   ≤ 5/8   what is deleted leaves free pages, and the next rows fill them: the file grows no more
//! log    ≤ 2/8   moved into the file at 1/16; each transaction is at most 1/64
//! ```
//! Only a reader that stays keeps the log from being used again. Then nothing is stored while there is no room, because
//! the recording goes on, and so does the reader.

use super::message::Message;
use super::upkeep::Owned;
use super::{open, session};
use crate::analyzer::Output;
use crate::exchange::ExchangeId;
use crate::summary::session::State;
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The smallest limit: the tables alone take a megabyte.
pub const LEAST: u64 = 16 << 20;

/// Rows that are deleted between two looks at the room.
const STEP: usize = 256;
/// Hops, and connections, that are deleted at a time.
const SMALL: i64 = 4096;

/// How long one reader is waited for, once. What comes meanwhile waits in the queue.
const WAIT_FOR_READERS: Duration = Duration::from_secs(5);

/// What a limit of the database cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Older exchanges that were deleted.
    pub deleted: u64,
    /// Exchanges that were not stored, or not to their end: larger than the limit, or a reader held the log.
    pub missed: u64,
}

/// The limit of a database, and what goes because of it.
#[derive(Debug)]
pub(super) struct Ring {
    limit: u64,
    page: u64,
    path: PathBuf,
    owned: Owned,
    gone: Gone,
    /// Exchanges whose rows are deleted first: parts of what is not stored any more.
    doomed: VecDeque<i64>,
    /// Running exchanges of which nothing more is stored.
    passed_over: HashSet<ExchangeId>,
    /// Sessions without an end that no process records any more.
    dead: String,
    /// The reader that stays was reported.
    said: bool,
}

impl Ring {
    /// Makes the database smaller than the limit, if it is not. `db` is the writer's connection.
    pub(super) fn new(db: &Connection, path: &Path, limit: u64) -> Result<Ring> {
        let number = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0)).map(|n| n.max(0) as u64);
        let page = number("page_size")?.max(512);
        let dead: Vec<i64> = super::sessions::without_end(db, &super::Selector::default())?
            .into_iter()
            .filter(|s| matches!(s.state, State::Killed | State::Failed))
            .map(|s| s.id)
            .collect();
        let mut ring = Ring {
            limit,
            page,
            path: path.to_path_buf(),
            owned: Owned::of(db)?,
            gone: Gone::default(),
            doomed: VecDeque::new(),
            passed_over: HashSet::new(),
            dead: serde_json::to_string(&dead)?,
            said: false,
        };
        db.pragma_update(None, "wal_autocheckpoint", (limit / 16 / page).clamp(16, 4096) as i64)?;
        db.pragma_update(None, "journal_size_limit", (limit / 8) as i64)?;
        if number("page_count")? > ring.pages() {
            ring.fit(db)?;
        }
        Ok(ring)
    }

    /// Most pages of the file.
    fn pages(&self) -> u64 {
        self.limit / 8 * 5 / self.page
    }

    /// Makes a file that is too large smaller, before the recording begins.
    fn fit(&mut self, db: &Connection) -> Result<()> {
        let number = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0)).map(|n| n.max(0) as u64);
        let used = || Ok::<_, rusqlite::Error>(number("page_count")?.saturating_sub(number("freelist_count")?));
        while used()? > self.pages() / 4 * 3 && self.delete(db, 0)? {}
        // What the log holds counts too.
        open::sort_beside(db, &self.path);
        db.execute_batch(
            "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY; PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .with_context(|| format!("cannot make {} smaller than --max-db", self.path.display()))?;
        if number("page_count")? > self.pages() {
            bail!("{} cannot be made smaller than --max-db: other sessions are recorded into it", self.path.display());
        }
        Ok(())
    }

    /// What went until now, with what is still to be told of running exchanges.
    pub(super) fn gone(&self) -> Gone {
        Gone { missed: self.gone.missed + self.passed_over.len() as u64, ..self.gone }
    }

    /// The first messages that fit into one transaction, and the bytes of the file that they may take.
    pub(super) fn next(&self, messages: &mut VecDeque<Message>) -> (Vec<Message>, u64) {
        let most = (self.limit / 64).min(8 << 20);
        let (mut some, mut bytes) = (Vec::new(), 0);
        while let Some(message) = messages.pop_front() {
            let cost = message.cost().0 as u64;
            if !some.is_empty() && bytes + cost > most {
                messages.push_front(message);
                break;
            }
            bytes += cost;
            some.push(message);
        }
        // Texts stand in a body and in the exchange's row, and pages are not full.
        (some, 2 * bytes + 32 * self.page)
    }

    /// Whether a transaction of this many bytes can be written now: it may be too large for the log at any time, and
    /// for what a reader leaves of it. Returns what to say of the reader, once.
    pub(super) fn log_has_room(&mut self, db: &Connection, bytes: u64) -> Result<(bool, Option<&'static str>)> {
        let log = || std::fs::metadata(open::beside(&self.path, "-wal")).map_or(0, |meta| meta.len());
        // Deleting writes pages too.
        let has_room = |log: u64| log + bytes + self.limit / 32 <= self.limit / 8 * 3;
        if !has_room(0) {
            return Ok((false, None));
        }
        if !has_room(log()) {
            // Readers come and go, and the next ones need no log that is in the file. One that stays would stop the
            // recording, so it is waited for once.
            db.busy_timeout(if self.said { Duration::ZERO } else { WAIT_FOR_READERS })?;
            let done = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            db.busy_timeout(session::WAIT)?;
            done.or_else(|e| if super::fault::is_busy(&e) { Ok(()) } else { Err(e) })?;
        }
        let (has_room, is_free) = (has_room(log()), log() <= self.limit / 8);
        let text = "another process reads the database all the time: until it ends, what comes is not stored, because \
            the log cannot be used again (--max-db)";
        let first = !has_room && !self.said;
        self.said = !has_room || self.said && !is_free;
        Ok((has_room, first.then_some(text)))
    }

    /// Deletes the oldest exchanges until the file has room for this many bytes. Returns whether it has.
    pub(super) fn make_room(
        &mut self,
        db: &Connection,
        session: i64,
        bytes: u64,
        running: &mut dyn FnMut() -> Option<(ExchangeId, i64)>,
    ) -> Result<bool> {
        let number = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0)).map(|n| n.max(0) as u64);
        loop {
            let room = number("freelist_count")? + self.pages().saturating_sub(number("page_count")?);
            if room * self.page >= bytes {
                return Ok(true);
            }
            if bytes > self.pages() * self.page / 2 {
                return Ok(false);
            }
            if self.delete(db, session)? {
                continue;
            }
            // Only what is still running is left: the one that began first.
            let Some((exchange, id)) = running() else { return Ok(false) };
            self.passed_over.insert(exchange);
            self.doomed.push_back(id);
        }
    }

    /// Deletes some of the oldest rows; false if there are none that may go. `session` is the one that is written, 0
    /// before it begins.
    fn delete(&mut self, db: &Connection, session: i64) -> Result<bool> {
        let (id, is_whole) = match self.doomed.front() {
            Some(id) => (*id, false),
            None => match self.oldest(db)? {
                Some(id) => {
                    self.doomed.push_back(id);
                    (id, true)
                }
                None => return self.delete_small(db, session),
            },
        };
        self.gone.deleted += u64::from(is_whole);
        let of = "SELECT session FROM exchange WHERE id = ?1";
        let owner: Option<i64> = db.prepare_cached(of)?.query_row([id], |r| r.get(0)).optional()?;
        let (_, all) = self.owned.exchange(db, id, STEP)?;
        if all {
            self.doomed.pop_front();
            owner.map_or(Ok(()), |owner| self.trim(db, owner, id, owner == session))?;
        }
        Ok(true)
    }

    /// The oldest exchange that may go: it is whole, or its session is over.
    fn oldest(&self, db: &Connection) -> Result<Option<i64>> {
        let sql = "SELECT id FROM exchange WHERE done OR session IN (SELECT value FROM json_each(?1))
                OR session NOT IN (SELECT id FROM session WHERE ended_ns IS NULL) ORDER BY id LIMIT 1";
        Ok(db.prepare_cached(sql)?.query_row([&self.dead], |r| r.get(0)).optional()?)
    }

    /// Deletes what belonged to the exchanges before `id` in its session and to no later one: hops, connections, and
    /// the session itself if it is over and has no exchange any more.
    fn trim(&self, db: &Connection, session: i64, id: i64, is_own: bool) -> Result<()> {
        // In order of numbers, from here on: the next one is near.
        let sql = "SELECT id, coalesce(t_request_start_ns, t_response_start_ns, t_first_body_byte_ns) FROM exchange
            WHERE id > ?2 AND +session = ?1 ORDER BY id LIMIT 1";
        let next: Option<(i64, Option<i64>)> =
            db.prepare_cached(sql)?.query_row([session, id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let Some((next, begun)) = next else {
            let over = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?1 AND (ended_ns IS NOT NULL OR id IN
                (SELECT value FROM json_each(?2)))) AND NOT EXISTS (SELECT 1 FROM exchange WHERE session = ?1)";
            if !is_own && db.prepare_cached(over)?.query_row(params![session, self.dead], |r| r.get(0))? {
                while !self.owned.session(db, session, STEP)? {}
            }
            return Ok(());
        };
        let frame = "SELECT min(frame) FROM piece_run WHERE exchange_id = ?1";
        let frame: Option<i64> = db.prepare_cached(frame)?.query_row([next], |r| r.get(0))?;
        if let Some(frame) = frame {
            db.prepare_cached("DELETE FROM hop WHERE session_id = ?1 AND frame < ?2")?.execute([session, frame])?;
        }
        if let Some(begun) = begun {
            let sql = "DELETE FROM connection WHERE session_id = ?1 AND closed_ns < ?2
                AND stream < (SELECT stream FROM exchange WHERE id = ?3)";
            db.prepare_cached(sql)?.execute([session, begun, next])?;
        }
        Ok(())
    }

    /// Deletes the oldest hops and connections of the session that is written, where no exchange may go.
    fn delete_small(&self, db: &Connection, session: i64) -> Result<bool> {
        let mut deleted = 0;
        for (table, key) in [("hop", "frame"), ("connection", "stream")] {
            let sql = format!(
                "DELETE FROM {table} WHERE session_id = ?1 AND {key} IN
                    (SELECT {key} FROM {table} WHERE session_id = ?1 ORDER BY {key} LIMIT ?2)"
            );
            deleted += db.prepare_cached(&sql)?.execute([session, SMALL])?;
        }
        Ok(deleted > 0)
    }

    /// Whether this message is of an exchange that is not stored any more.
    pub(super) fn passes_over(&mut self, message: &Message) -> bool {
        match message {
            Message::Output(Output::Part(part)) => self.passed_over.contains(&part.id),
            Message::Output(Output::Exchange(f)) => {
                let passed_over = self.passed_over.remove(&f.exchange.id);
                self.gone.missed += u64::from(passed_over);
                passed_over
            }
            _ => false,
        }
    }

    /// Stores nothing of these messages. `known` takes a running exchange out of the list: its rows go when there is
    /// room again.
    pub(super) fn skip(&mut self, messages: Vec<Message>, known: &mut dyn FnMut(ExchangeId) -> Option<i64>) {
        for message in messages {
            if self.passes_over(&message) {
                continue;
            }
            let id = match &message {
                Message::Output(Output::Part(part)) => part.id,
                Message::Output(Output::Exchange(f)) => f.exchange.id,
                Message::Output(Output::Begun(id)) => *id,
                _ => continue,
            };
            self.doomed.extend(known(id));
            match message {
                Message::Output(Output::Exchange(_)) => self.gone.missed += 1,
                _ => drop(self.passed_over.insert(id)),
            }
        }
    }
}
