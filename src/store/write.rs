//! Writes a session: the caller sends messages, one thread turns them into transactions. The caller learns of an
//! error there with its next message or at the end.

use super::batch::Batch;
use super::hide::Hide;
use super::message::Message;
use super::queue::Queue;
use super::{Hop, Secrets, Session, Written, migrate};
use crate::analyzer::Output;
use crate::capture::Counts;
use crate::time::Timestamp;
use anyhow::{Context, Result, anyhow};
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A session that is being recorded.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<Result<Batch>>>,
}

impl Writer {
    /// Opens or creates the database, brings it up to date and begins a session. The session's row is written with
    /// the first message.
    pub fn start(path: &Path, session: Session, secrets: Secrets) -> Result<Writer> {
        Writer::start_on(open(path)?, session, secrets)
    }

    /// The same on a database that is open.
    pub(super) fn start_on(db: Connection, session: Session, secrets: Secrets) -> Result<Writer> {
        let hide = match secrets {
            Secrets::Keep => None,
            Secrets::Hide => Some(Hide::new(&db)?),
        };
        let queue = Arc::new(Queue::default());
        let theirs = queue.clone();
        let work = move || {
            let result = run(&theirs, Batch::new(db, session, hide));
            theirs.die();
            result
        };
        let thread =
            std::thread::Builder::new().name("store".into()).spawn(work).context("cannot start the writer thread")?;
        Ok(Writer { queue, thread: Some(thread) })
    }

    /// Sets the most bytes that may wait for the disk; the same amount again may be being written.
    pub fn set_capacity(&self, bytes: usize) {
        self.queue.set_capacity(bytes);
    }

    /// Has the writer's thread call this function once, before it takes the next message: for settings that only a
    /// thread can apply to itself.
    pub fn on_thread_start(&self, run: Box<dyn FnOnce() + Send>) {
        self.queue.on_thread_start(run);
    }

    /// Sends an output. Blocks while the queue is full. An error is the writer's, and final.
    pub fn send(&mut self, output: Output) -> Result<()> {
        self.put(Message::Output(output))
    }

    /// Sends a delivery that crossed the client's side of a proxy, as [`Writer::send`] does.
    pub fn hop(&mut self, hop: Hop) -> Result<()> {
        self.put(Message::Hop(hop))
    }

    fn put(&mut self, message: Message) -> Result<()> {
        if self.queue.push(message) {
            return Ok(());
        }
        self.join().and_then(|_| Err(anyhow!("the writer thread has ended")))
    }

    /// Writes everything that was sent, ends the session and folds the log into the database file.
    pub fn finish(mut self, ended: Timestamp, counts: Counts) -> Result<Written> {
        self.join()?.finish(ended, counts)
    }

    fn join(&mut self) -> Result<Batch> {
        self.queue.close();
        let thread = self.thread.take().ok_or_else(|| anyhow!("the writer failed earlier"))?;
        thread.join().map_err(|_| anyhow!("the writer thread has panicked"))?.context("cannot write to the database")
    }
}

impl Drop for Writer {
    /// Without `finish` everything that was sent is still written, but the session has no end.
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.join();
        }
    }
}

/// Opens a database for writing and brings it up to date. The settings are those that were measured best for many
/// small appends.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let mut db = Connection::open(path).with_context(|| format!("cannot open the database {}", path.display()))?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    // A newer database, or one of another program, is refused before anything is written to it.
    migrate::check(&db, path)?;
    // The page size applies to new databases only. Long bodies and runs of rows need fewer large pages, each of
    // which is checksummed and written twice.
    let settings = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4096;
        PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;";
    // If two programs open a new database at once, the switch to WAL fails instead of waiting for the other
    // program.
    let busy = |e: &rusqlite::Error| {
        matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    };
    let mut result = db.execute_batch(settings);
    for _ in 0..200 {
        if !result.as_ref().is_err_and(busy) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        result = db.execute_batch(settings);
    }
    result.with_context(|| format!("cannot write to the database {}", path.display()))?;
    migrate::up(&mut db, path)?;
    Ok(db)
}

fn run(queue: &Queue, mut batch: Batch) -> Result<Batch> {
    while let Some(messages) = queue.take() {
        batch.write(messages)?;
    }
    Ok(batch)
}
