//! The session that is being written: one transaction for each batch of messages, its limits, its end. The write lock
//! is held only while rows are written, and what is committed is consistent.

use super::batch::{Running, Step};
use super::hide::Hide;
use super::message::{Message, Stop};
use super::place::Place;
use super::progress::Progress;
use super::ring::Ring;
use super::segment::Packer;
use super::{Bounds, Session, Written, fault};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::exchange::ExchangeId;
use crate::time::Timestamp;
use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

/// How long the writer waits for the lock of another process before it says so; it waits [`PATIENCE`] times as long
/// before it gives up.
pub(super) const WAIT: Duration = Duration::from_secs(1);
const PATIENCE: u32 = 10;

/// The writer's state: the open database, the session and its running exchanges.
#[derive(Debug)]
pub(super) struct Open {
    db: Connection,
    place: Place,
    bounds: Bounds,
    /// Bytes of the database when the session began.
    size: u64,
    stopped: Option<Stop>,
    exchanges: u64,
    about: Session,
    /// Id of the session's row; none until it is written.
    session: Option<i64>,
    first: Option<i64>,
    running: HashMap<ExchangeId, Running>,
    /// Replaces secrets; none: secrets are stored.
    hide: Option<Hide>,
    packer: Packer,
    /// Keeps the database under its limit, if it has one.
    ring: Option<Ring>,
}

impl Open {
    pub(super) fn new(db: Connection, about: Session, hide: Option<Hide>, bounds: Bounds) -> Result<Self> {
        db.set_prepared_statement_cache_capacity(32);
        // Within one transaction rows come after the exchange that they belong to. If SQLite looked it up for each
        // row, writing would take a fifth longer.
        db.pragma_update(None, "foreign_keys", false)?;
        if bounds.durable {
            db.pragma_update(None, "synchronous", "FULL")?;
            // Only macOS knows the difference between a write that left the cache and one that reached the disk.
            db.pragma_update(None, "fullfsync", true)?;
        }
        db.busy_timeout(WAIT)?;
        let place = Place::of(Path::new(db.path().unwrap_or_default()))?;
        let ring = bounds.max_db.map(|limit| Ring::new(&db, place.path(), limit)).transpose()?;
        let size = size(&db)?;
        let (session, first, running) = (None, None, HashMap::new());
        let packer = Packer::new()?;
        let (stopped, exchanges) = (None, 0);
        Ok(Open { db, place, bounds, size, stopped, exchanges, about, session, first, running, hide, packer, ring })
    }

    /// Writes all messages or none, unless a limit is reached: then those before it. `progress` learns what is
    /// durable.
    pub(super) fn write(&mut self, messages: Vec<Message>, progress: &mut dyn Progress) -> Result<()> {
        self.look()?;
        if self.stopped.is_some() {
            return Ok(());
        }
        let Some(mut ring) = self.ring.take() else { return self.transaction(messages, None, progress) };
        let done = self.write_within(&mut ring, messages, progress);
        self.ring = Some(ring);
        done
    }

    /// The same for a database with a limit, in several transactions: each has room before it begins.
    fn write_within(&mut self, ring: &mut Ring, messages: Vec<Message>, progress: &mut dyn Progress) -> Result<()> {
        let mut waiting = VecDeque::from(messages);
        while !waiting.is_empty() && self.stopped.is_none() {
            let (some, bytes) = ring.next(&mut waiting);
            let (has_room, notice) = ring.log_has_room(&self.db, bytes)?;
            notice.iter().for_each(|text| progress.notice(text));
            if has_room {
                self.transaction(some, Some((ring, bytes)), progress)?;
            } else {
                ring.skip(some, &mut |exchange| self.running.remove(&exchange).map(|running| running.id));
            }
        }
        Ok(())
    }

    /// One transaction. `ring`: the limit, and the bytes that these messages may take.
    fn transaction(
        &mut self,
        mut messages: Vec<Message>,
        ring: Option<(&mut Ring, u64)>,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        let Open { db, about, session, first, running, hide, bounds, size: before, stopped, exchanges, packer, .. } =
            self;
        let tx = begin(db, progress)?;
        let session = match session {
            Some(id) => *id,
            None => *session.insert(begin_session(&tx, about)?),
        };
        if let Some((ring, bytes)) = ring {
            let mut oldest = || {
                let (exchange, id) = running.iter().map(|(exchange, r)| (*exchange, r.id)).min_by_key(|(_, id)| *id)?;
                running.remove(&exchange);
                Some((exchange, id))
            };
            if ring.make_room(&tx, session, bytes, &mut oldest)? {
                messages.retain(|message| !ring.passes_over(message));
            } else {
                ring.skip(std::mem::take(&mut messages), &mut |exchange| Some(running.remove(&exchange)?.id));
            }
        }
        let next = tx
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'exchange'", [], |r| r.get(0))
            .optional()?
            .unwrap_or(0);
        let mut step = Step {
            tx: &tx,
            session,
            last: next,
            first,
            running,
            bare: BTreeSet::new(),
            hide: hide.as_ref(),
            content: bounds.content,
            packer,
            exchanges,
            progress: &mut *progress,
        };
        for message in messages {
            if let Some(limit) = bounds.session
                && size(&tx)?.saturating_sub(*before) >= limit
            {
                *stopped = Some(Stop::Session(limit));
                break;
            }
            match message {
                Message::Output(Output::Begun(id)) => step.begun(id),
                Message::Output(Output::Part(part)) => step.part(*part)?,
                Message::Output(Output::Exchange(analyzed)) => step.finished(analyzed)?,
                Message::Output(Output::Connection(connection)) => step.connection(&connection)?,
                Message::Hop(hop) => step.hop(hop)?,
            }
        }
        step.keep_ids()?;
        tx.commit()?;
        // What is in a file without a name is lost, and is not announced.
        self.place.look()?;
        progress.committed();
        Ok(())
    }

    /// Fails if the database is gone; notes if the disk has no room left. Call it now and then while nothing is
    /// written, too.
    pub(super) fn look(&mut self) -> Result<()> {
        self.place.look()?;
        let reserve = self.bounds.reserve;
        if reserve > 0 && self.stopped.is_none() {
            let free = self.place.free()?;
            self.stopped = (free < reserve).then_some(Stop::Reserve { free, reserve });
        }
        Ok(())
    }

    /// Why nothing more is stored.
    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// Notes in the session's row why it was given up, if the database takes that much.
    pub(super) fn give_up(&mut self, why: &str) {
        let Some(session) = self.session.filter(|_| self.place.look().is_ok()) else { return };
        let _ = self.db.execute("UPDATE session SET stopped = ?2 WHERE id = ?1", params![session, why]);
    }

    /// The path of the database.
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes the end of the session and folds the write-ahead log into the database file. Another process that
    /// reads may prevent the latter, which does no harm.
    pub(super) fn finish(mut self, ended: Timestamp, c: Counts, progress: &mut dyn Progress) -> Result<Written> {
        self.place.look()?;
        let tx = begin(&self.db, progress)?;
        let session = match self.session {
            Some(id) => id,
            None => begin_session(&tx, &self.about)?,
        };
        let sql = "UPDATE session SET ended_ns = ?2, packets = ?3, bytes = ?4, dropped_kernel = ?5, dropped_device = \
            ?6, stopped = ?7 WHERE id = ?1";
        let drops = [c.dropped_kernel, c.dropped_device].map(|n| n.map(|n| n as i64));
        let stopped = self.stopped.map(|s| s.to_string());
        tx.execute(
            sql,
            params![session, ended.nanos(), c.packets as i64, c.bytes as i64, drops[0], drops[1], stopped],
        )?;
        tx.commit()?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.place.look()?;
        let gone = self.ring.as_ref().map(Ring::gone).unwrap_or_default();
        Ok(Written { session, first: self.first, exchanges: self.exchanges, stopped: self.stopped, gone })
    }
}

/// Begins to write. While another process has the lock it waits, and says so.
fn begin<'d>(db: &'d Connection, progress: &mut dyn Progress) -> Result<Transaction<'d>> {
    let mut waited = 0;
    loop {
        let begun = Transaction::new_unchecked(db, TransactionBehavior::Immediate);
        waited += 1;
        match begun {
            Err(e) if fault::is_busy(&e) && waited < PATIENCE => {
                if waited == 1 {
                    progress.notice("another process has locked the database; the recording waits for it");
                }
            }
            done => return done.context("cannot begin a transaction"),
        }
    }
}

/// Bytes of the database that hold data, with those of the transaction in progress.
fn size(db: &Connection) -> Result<u64> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free, page) = (number("page_count")?, number("freelist_count")?, number("page_size")?);
    Ok((pages.saturating_sub(free).max(0) as u64).saturating_mul(page.max(0) as u64))
}

fn begin_session(tx: &Transaction<'_>, s: &Session) -> Result<i64> {
    let sql = "INSERT INTO session (source, started_ns, version, options, pid, pid_start, boot_id, pid_space) VALUES \
        (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (version, options, p) = (env!("CARGO_PKG_VERSION"), s.options.to_string(), s.process.as_ref());
    let (pid, start) = (p.map(|p| p.pid), p.map(|p| p.start));
    let (boot, space) = (p.map(|p| &p.boot), p.map(|p| &p.space));
    tx.execute(sql, params![s.source, s.started.nanos(), version, options, pid, start, boot, space])?;
    Ok(tx.last_insert_rowid())
}
