//! Writes a session: the caller sends messages, one thread turns them into transactions. The caller learns what is
//! durable, and of an error, through its [`Progress`]; an error also comes with the next message or at the end.

use super::hide::Hide;
use super::message::Message;
use super::open::PATIENCE;
use super::progress::{Ended, Progress, Silent};
use super::queue::{Queue, Taken};
use super::session::Open;
use super::{Bounds, Hop, Secrets, Session, Written, fault, migrate};
use crate::analyzer::{Budget, Output};
use crate::capture::Counts;
use crate::time::Timestamp;
use anyhow::{Context, Result, anyhow};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// The writer's thread: its state, and where it reports.
type Thread = JoinHandle<(Result<Open>, Box<dyn Progress>)>;

/// A session that is being recorded.
pub struct Writer {
    queue: Arc<Queue>,
    path: PathBuf,
    thread: Option<Thread>,
    /// What the thread left: it has reached a limit.
    stopped: Option<(Open, Box<dyn Progress>)>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens or creates the database, brings it up to date and begins a session. The session's row is written with
    /// the first message.
    pub fn start(path: &Path, session: Session, secrets: Secrets) -> Result<Writer> {
        Writer::start_with(path, session, secrets, Bounds::default(), Box::new(Silent))
    }

    /// The same with bounds, and with reports of what is durable.
    pub fn start_with(
        path: &Path,
        session: Session,
        secrets: Secrets,
        bounds: Bounds,
        progress: Box<dyn Progress>,
    ) -> Result<Writer> {
        let opened = open(path).map_err(|e| fault::writing(e, path))?;
        Writer::start_on(opened, session, secrets, bounds, progress)
    }

    /// The same on a database that is open.
    pub(super) fn start_on(
        db: Connection,
        session: Session,
        secrets: Secrets,
        bounds: Bounds,
        mut progress: Box<dyn Progress>,
    ) -> Result<Writer> {
        let hide = match secrets {
            Secrets::Keep => None,
            Secrets::Hide => Some(Hide::new(&db)?),
        };
        let mut open = Open::new(db, session, hide, bounds)?;
        let path = open.path().to_path_buf();
        let queue = Arc::new(Queue::default());
        let theirs = queue.clone();
        let work = move || {
            let result = run(&theirs, &mut open, &mut *progress).map_err(|e| fault::writing(e, open.path()));
            theirs.die();
            match &result {
                Err(e) => {
                    open.give_up(&fault::text(e));
                    progress.ended(&Ended::Failed(e));
                }
                Ok(()) => open.stopped().into_iter().for_each(|stop| progress.ended(&Ended::Stopped(stop))),
            }
            (result.map(|()| open), progress)
        };
        let thread =
            std::thread::Builder::new().name("store".into()).spawn(work).context("cannot start the writer thread")?;
        Ok(Writer { queue, path, thread: Some(thread), stopped: None })
    }

    /// Sets the most bytes that may wait for the disk; the same amount again may be being written. All of them count in
    /// the budget.
    pub fn set_capacity(&self, bytes: usize, budget: Budget) {
        self.queue.set_capacity(bytes, budget);
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

    /// The writer's error, if it has ended with one. Does not wait.
    pub fn check(&mut self) -> Result<()> {
        if self.thread.is_some() && self.queue.is_dead() { self.ended() } else { Ok(()) }
    }

    fn put(&mut self, message: Message) -> Result<()> {
        if self.queue.push(message) { Ok(()) } else { self.ended() }
    }

    /// The thread has ended by itself: an error, or nothing if it has reached a limit, which its progress has said.
    fn ended(&mut self) -> Result<()> {
        if self.stopped.is_none() {
            self.stopped = Some(self.join()?);
        }
        Ok(())
    }

    /// Writes everything that was sent, ends the session and folds the log into the database file.
    pub fn finish(mut self, ended: Timestamp, counts: Counts) -> Result<Written> {
        let (open, mut progress) = match self.stopped.take() {
            Some(stopped) => stopped,
            None => self.join()?,
        };
        open.finish(ended, counts, &mut *progress).map_err(|e| fault::writing(e, &self.path))
    }

    fn join(&mut self) -> Result<(Open, Box<dyn Progress>)> {
        self.queue.close();
        let thread = self.thread.take().ok_or_else(|| anyhow!("the writer failed earlier"))?;
        let (result, progress) = thread.join().map_err(|_| anyhow!("the writer thread has panicked"))?;
        Ok((result?, progress))
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
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)
        .with_context(|| format!("cannot open the database {}", path.display()))?;
    db.busy_timeout(PATIENCE)?;
    // A newer database, or one of another program, is refused before anything is written to it.
    migrate::check(&db, path)?;
    // The page size applies to new databases only. Long bodies and runs of rows need fewer large pages, each of
    // which is checksummed and written twice.
    let settings = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4096;
        PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;";
    // If two programs open a new database at once, the switch to WAL fails instead of waiting for the other
    // program.
    db.busy_timeout(std::time::Duration::from_millis(50))?;
    let mut result = db.execute_batch(settings);
    for _ in 0..100 {
        if !result.as_ref().is_err_and(fault::is_busy) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        result = db.execute_batch(settings);
    }
    result.with_context(|| format!("cannot write to the database {}", path.display()))?;
    db.busy_timeout(PATIENCE)?;
    migrate::up(&mut db, path)?;
    Ok(db)
}

fn run(queue: &Queue, open: &mut Open, progress: &mut dyn Progress) -> Result<()> {
    while open.stopped().is_none() {
        match queue.take() {
            Taken::Messages(messages) => open.write(messages, progress)?,
            Taken::Nothing => open.look()?,
            Taken::Closed => break,
        }
    }
    Ok(())
}
