//! `sniff list --follow`: the exchanges that are there, then each one once it is in the database.

use super::{ListArgs, SHOWN};
use crate::cli::common::{Common, say};
use crate::cli::output::stdout_terminal;
use crate::cli::sandbox::Sandbox;
use crate::cli::signals;
use crate::report::{Format, Terminal, jsonl, live};
use crate::store::{Follow, Reader};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// How often it looks, in ms. As long as nothing was written, to look costs one question to the database.
const TICK: i32 = 100;
/// Bytes that a pipe takes at once when it takes any (PIPE_BUF of Linux).
const SLICE: usize = 4096;

pub(super) fn run(args: &ListArgs, format: Format, common: &Common) -> Result<u8> {
    if !matches!(format, Format::Table | Format::Jsonl) {
        bail!("--follow prints table or jsonl; the other formats have an end");
    }
    if common.output.is_some() {
        bail!("--follow writes to standard output only: sniff list --follow > FILE");
    }
    let folder = common.db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("there is no folder {}, in which a database could begin", folder.display());
    }
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let mut out = Out::open(format, common)?;
    let mut most = if format == Format::Table && !args.all { args.limit.or(Some(SHOWN)) } else { args.limit };
    let mut waits = false;
    while !out.is_over() {
        let file = identity(&common.db);
        let Some(reader) = Reader::open_recorded(&common.db)? else {
            if !waits && !common.quiet {
                say(&format!("sniff: waiting for a recording in {}; Ctrl-C ends it", common.db.display()));
            }
            // What comes now is new, all of it.
            (waits, most) = (true, None);
            out.rest();
            continue;
        };
        let (mut follow, ids) = Follow::begin(reader, args.selector(), most)?;
        out.exchanges(&follow, &ids)?;
        let mut stays = true;
        while stays && !out.is_over() {
            // Before the last look: what was finished in a file that goes is printed too.
            stays = identity(&common.db) == file;
            let ids = follow.look()?;
            out.exchanges(&follow, &ids)?;
            out.rest();
        }
        if !stays && !common.quiet {
            say(&format!("sniff: {} is gone or was replaced; the next one is followed", common.db.display()));
        }
        (waits, most) = (true, None);
    }
    Ok(0)
}

/// Which file it is. None: there is none.
fn identity(path: &Path) -> Option<(u64, u64, Option<SystemTime>)> {
    // The number of a file that was deleted may be that of the next one.
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino(), meta.created().ok()))
}

/// Standard output, which may be slow or go away.
struct Out {
    to: File,
    terminal: Terminal,
    format: Format,
    /// The line of titles was printed.
    head: bool,
    stop: Arc<AtomicBool>,
}

impl Out {
    fn open(format: Format, common: &Common) -> Result<Out> {
        let to = io::stdout().as_fd().try_clone_to_owned().context("cannot use standard output")?.into();
        Ok(Out { to, terminal: stdout_terminal(common), format, head: false, stop: signals::stop_flag() })
    }

    /// Whether a signal came, or the reader went.
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits for the next look. A reader that goes meanwhile is noticed at once.
    fn rest(&self) {
        if poll(0, TICK) & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0 {
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    fn exchanges(&mut self, follow: &Follow, ids: &[i64]) -> Result<()> {
        for id in ids {
            if self.is_over() {
                break;
            }
            let Some(exchange) = follow.exchange(*id)? else { continue };
            let mut bytes = Vec::new();
            if self.format == Format::Jsonl {
                jsonl::line(&exchange, &mut bytes)?;
            } else {
                if !std::mem::replace(&mut self.head, true) {
                    writeln!(bytes, "{}", live::head(&self.terminal))?;
                }
                writeln!(bytes, "{}", live::line(&exchange, &self.terminal))?;
            }
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Writes as much at once as a pipe with room takes, so that a signal ends the command while its reader sleeps.
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() && !self.is_over() {
            if poll(libc::POLLOUT, TICK) == 0 {
                continue;
            }
            match self.to.write(&bytes[..bytes.len().min(SLICE)]) {
                Ok(written) => bytes = &bytes[written..],
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(e) if e.kind() == ErrorKind::BrokenPipe => self.stop.store(true, Ordering::SeqCst),
                Err(e) => return Err(e).context("cannot write the lines"),
            }
        }
        Ok(())
    }
}

/// What standard output is ready for; 0 after this many ms, or when a signal came.
fn poll(events: i16, ms: i32) -> i16 {
    let mut one = libc::pollfd { fd: libc::STDOUT_FILENO, events, revents: 0 };
    // SAFETY: `one` is a valid array of one pollfd for the length of the call.
    let ready = unsafe { libc::poll(&raw mut one, 1, ms) };
    if ready > 0 { one.revents } else { 0 }
}
