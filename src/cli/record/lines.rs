//! The exchanges of a recording as JSON lines, each once it is durable: on standard output, or in the file of `-o`.

use crate::cli::common::{Common, say};
use crate::report::jsonl;
use crate::report::text::count;
use crate::summary::Summary;
use anyhow::{Context, Result, bail};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes of lines that may wait for a slow reader.
const WAITING: usize = 16 << 20;

/// What happens to a line that has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Full {
    /// It is left out: the source does not wait.
    LeaveOut,
    /// The recording waits.
    Wait,
}

/// Whether the command prints lines.
///
/// # Errors
/// Another format, or a file without a format.
pub(in crate::cli) fn wanted(common: &Common, store_secrets: bool) -> Result<bool> {
    match common.format.as_deref() {
        None if common.output.is_some() => bail!("a recording writes to --output with --format jsonl only"),
        None => Ok(false),
        Some("jsonl") if store_secrets => bail!(
            "--format jsonl would print what --store-secrets keeps; leave one of them out, or list the database later"
        ),
        Some("jsonl") => Ok(true),
        Some(other) => bail!("a recording prints jsonl, not {other}; afterwards: sniff list --format {other}"),
    }
}

/// The lines, and the thread that writes them: a reader that is slow does not delay the database.
pub(super) struct Lines {
    /// Lines of exchanges that are not durable yet.
    pending: Vec<Vec<u8>>,
    to: Option<Sender<Vec<u8>>>,
    room: Arc<Room>,
    full: Full,
    left_out: u64,
    writer: Option<JoinHandle<()>>,
}

/// The bytes that wait, and a signal when they become fewer.
#[derive(Default)]
struct Room {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    fewer: Condvar,
    /// The reader has gone.
    closed: AtomicBool,
}

impl Lines {
    /// Opens the destination. When its reader goes, `stop` is set.
    pub(super) fn open(common: &Common, full: Full, stop: Option<Arc<AtomicBool>>) -> Result<Lines> {
        let out: Box<dyn Write + Send> = match &common.output {
            None => Box::new(io::stdout()),
            Some(path) => {
                // Answers are in it: it is for its owner.
                let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
                Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
            }
        };
        let (to, from) = channel();
        let room = Arc::new(Room::default());
        let shared = room.clone();
        let writer = std::thread::Builder::new()
            .name("sniff-lines".into())
            .spawn(move || write(out, &from, &shared, stop.as_deref()))
            .context("cannot start a thread")?;
        Ok(Lines { pending: Vec::new(), to: Some(to), room, full, left_out: 0, writer: Some(writer) })
    }

    /// An exchange was written; its line waits until it is durable.
    pub(super) fn written(&mut self, exchange: &Summary) {
        let mut line = Vec::new();
        // Writing to memory cannot fail.
        if jsonl::line(exchange, &mut line).is_ok() {
            self.pending.push(line);
        }
    }

    /// What was written is durable.
    pub(super) fn committed(&mut self) {
        for line in std::mem::take(&mut self.pending) {
            if !self.room.take(line.len(), self.full) {
                self.left_out += 1;
            } else if let Some(to) = &self.to {
                // The thread ends only after this value.
                let _ = to.send(line);
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        if self.left_out > 0 && !self.room.closed.load(Ordering::Relaxed) {
            let lines = count(self.left_out, "exchange was", "exchanges were");
            say(&format!("sniff: warning: {lines} not printed, because the reader is slow; sniff list has them"));
        }
    }
}

impl Room {
    /// Takes room for a line; false if there is none.
    fn take(&self, len: usize, full: Full) -> bool {
        let fits = || {
            let waiting = self.waiting.load(Ordering::Acquire);
            waiting == 0 || waiting + len <= WAITING || self.closed.load(Ordering::Relaxed)
        };
        if !fits() {
            if full == Full::LeaveOut {
                return false;
            }
            let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.fewer.wait_while(guard, |()| !fits()));
        }
        self.waiting.fetch_add(len, Ordering::AcqRel);
        true
    }

    fn give(&self, len: usize) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(len, Ordering::AcqRel);
        drop(guard);
        self.fewer.notify_all();
    }
}

/// Writes the lines until there are no more. Without a reader they are dropped.
fn write(mut out: Box<dyn Write + Send>, from: &Receiver<Vec<u8>>, room: &Room, stop: Option<&AtomicBool>) {
    for line in from {
        if !room.closed.load(Ordering::Relaxed)
            && let Err(e) = out.write_all(&line).and_then(|()| out.flush())
        {
            room.closed.store(true, Ordering::SeqCst);
            if e.kind() != io::ErrorKind::BrokenPipe {
                say(&format!("sniff: error: cannot write the lines: {e}"));
            }
            // As with other programs in a pipe: nothing is left to do for the one that reads.
            if let Some(stop) = stop {
                stop.store(true, Ordering::SeqCst);
            }
        }
        room.give(line.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_room_is_left_out_or_waits() {
        let room = Arc::new(Room::default());
        assert!(room.take(WAITING + 1, Full::LeaveOut), "the first always fits");
        assert!(!room.take(1, Full::LeaveOut));
        let other = room.clone();
        let waits = std::thread::spawn(move || other.take(1, Full::Wait));
        room.give(WAITING + 1);
        assert!(waits.join().is_ok_and(|taken| taken));
        assert_eq!(room.waiting.load(Ordering::Relaxed), 1);
    }
}
