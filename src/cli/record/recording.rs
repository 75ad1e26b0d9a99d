//! One recording: the analyzer, the store, one line per stored exchange on standard error, and the counts at the end.

use super::args::RecordArgs;
use super::lines::{self, Full, Lines};
use super::printer::{self, AtEnd, Printer, Status};
use super::status_line::StatusLine;
use crate::analyzer::{self, Analyzer, Output};
use crate::capture::Counts;
use crate::cli::common::Common;
use crate::cli::run_summary::{Door, RunSummary};
use crate::cli::{limits, output, signals, values};
use crate::net::NetStats;
use crate::report::text::count;
use crate::store::{Bounds, Content, Process, Secrets, Session, Stop, Writer};
use crate::time::{Span, Timestamp};
use crate::tls::Keys;
use crate::watch::Watch;
use anyhow::Result;
use std::sync::Arc;

/// Bytes that may wait for the disk while a file is read.
const FILE_CAPACITY: usize = 8 << 20;
/// Bytes that may wait for the disk during a live capture: enough for a slow disk, before packets wait in the
/// kernel.
const LIVE_CAPACITY: usize = 64 << 20;

/// How often a watch gets the time.
const TICK: Span = Span::from_millis(250);

/// The source of a recording, for its session's row.
pub(in crate::cli) struct Source {
    pub(in crate::cli) name: String,
    /// The options of the recording.
    pub(in crate::cli) options: serde_json::Value,
    /// Bytes that may wait for the disk.
    pub(in crate::cli) capacity: usize,
    pub(in crate::cli) store_secrets: bool,
    pub(in crate::cli) door: Door,
    pub(in crate::cli) bounds: Bounds,
    /// What happens when storing ends early.
    pub(in crate::cli) at_end: AtEnd,
    /// What happens when the reader of `--format jsonl` is slow.
    pub(in crate::cli) full: Full,
    /// Who watches the recording.
    pub(in crate::cli) watch: Option<Arc<Watch>>,
}

/// A recording in progress.
pub(in crate::cli) struct Recording<'a> {
    common: &'a Common,
    analyzer: Analyzer,
    writer: Writer,
    summary: RunSummary,
    status: Status,
    watch: Option<Arc<Watch>>,
    /// When the watch was last told the time.
    told: Timestamp,
}

impl<'a> Recording<'a> {
    pub(in crate::cli) fn start(
        source: &str,
        door: Door,
        args: &RecordArgs,
        common: &'a Common,
        status: StatusLine,
        keys: &Keys,
        watch: Option<Arc<Watch>>,
    ) -> Result<Recording<'a>> {
        // Reading a file can wait for the disk, a live capture cannot.
        let capacity = if args.read.is_empty() { LIVE_CAPACITY } else { FILE_CAPACITY };
        let source = Source {
            name: source.into(),
            options: args.options(source),
            capacity: args.memory.queue(capacity),
            store_secrets: args.store_secrets,
            door,
            bounds: args.storage.bounds(),
            at_end: AtEnd::Stop(signals::stop_flag()),
            full: if args.read.is_empty() { Full::LeaveOut } else { Full::Wait },
            watch,
        };
        args.privileges.make(&common.db)?;
        Recording::begin(source, args.analyzer(keys)?, common, status)
    }

    /// Begins a recording of any source.
    pub(in crate::cli) fn begin(
        source: Source,
        mut options: analyzer::Options,
        common: &'a Common,
        status: StatusLine,
    ) -> Result<Recording<'a>> {
        // What is not stored is not kept either.
        options.contents &= source.bounds.content != Content::None;
        let mut shaped_by = source.options;
        shaped_by["limits"] = limits::recorded(&options, source.door == Door::Packets);
        shaped_by["store_secrets"] = source.store_secrets.into();
        shaped_by["max_db"] = source.bounds.max_db.into();
        shaped_by["content"] = source.bounds.content.as_str().into();
        let (started, process) = (values::now(), Process::current());
        let session = Session { source: source.name, started, options: shaped_by, process };
        let secrets = if source.store_secrets { Secrets::Keep } else { Secrets::Hide };
        let status = Status::new(status);
        let lines = lines::wanted(common, source.store_secrets)?.then(|| match &source.at_end {
            AtEnd::Stop(stop) => Lines::open(common, source.full, Some(stop.clone())),
            AtEnd::GoOn => Lines::open(common, source.full, None),
        });
        let watch = source.watch;
        let printer = Printer {
            status: status.clone(),
            at_end: source.at_end,
            lines: lines.transpose()?,
            watch: watch.clone(),
            observed: Vec::new(),
        };
        let writer = Writer::start_with(&common.db, session, secrets, source.bounds, Box::new(printer))?;
        writer.set_capacity(source.capacity, options.budget.clone());
        let summary = RunSummary::new(source.door);
        let told = Timestamp(i64::MIN);
        Ok(Recording { common, analyzer: Analyzer::new(options), writer, summary, status, watch, told })
    }

    /// Feeds one packet, one tick, or the end to the analyzer, and stores what results.
    pub(in crate::cli) fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Analyzer, &mut dyn FnMut(Output)) -> T,
    ) -> Result<T> {
        let Recording { analyzer, writer, summary, watch, .. } = self;
        let mut stored = Ok(());
        let done = step(analyzer, &mut |output| {
            if stored.is_err() {
                return;
            }
            match (&output, watch.as_deref()) {
                (Output::Exchange(f), watch) => {
                    summary.exchange(f);
                    watch.into_iter().for_each(Watch::ended);
                }
                (Output::Connection(c), _) => summary.connection(c),
                (Output::Begun(_), Some(watch)) => watch.begun(),
                (Output::Begun(_) | Output::Part(_), _) => {}
            }
            stored = writer.send(output);
        });
        stored.map(|()| done)
    }

    /// The error of the writer, if it has one, without waiting for it.
    #[cfg(feature = "proxy")]
    pub(in crate::cli) fn check(&mut self) -> Result<()> {
        self.writer.check()
    }

    /// A delivery crossed the client's side of a proxy.
    #[cfg(feature = "proxy")]
    pub(in crate::cli) fn hop(&mut self, hop: crate::store::Hop) -> Result<()> {
        self.writer.hop(hop)
    }

    /// Calls this function once on the writer's thread.
    #[cfg(feature = "proxy")]
    pub(in crate::cli) fn on_the_writer(&self, run: impl FnOnce() + Send + 'static) {
        self.writer.on_thread_start(Box::new(run));
    }

    /// Who watches the recording.
    #[cfg_attr(not(any(feature = "live", feature = "proxy")), allow(dead_code))]
    pub(in crate::cli) fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// It is `now` where the bytes come from: what alerts look at may be over.
    #[cfg_attr(not(any(feature = "live", feature = "proxy")), allow(dead_code))]
    pub(in crate::cli) fn tick(&mut self, now: impl FnOnce() -> Timestamp) {
        let Some(watch) = &self.watch else { return };
        let now = now();
        if now.nanos() >= self.told.nanos().saturating_add(TICK.0) {
            self.told = now;
            self.status.lock().alerts(&watch.tick(now));
        }
    }

    /// Reports how many bytes of a file were read, for the progress bar.
    pub(super) fn position(&mut self, bytes: u64) {
        self.status.lock().position(bytes);
    }

    pub(in crate::cli) fn notice(&mut self, text: &str) {
        self.status.lock().notice(text);
    }

    pub(in crate::cli) fn net_finish(&mut self) -> Result<NetStats> {
        self.step(|analyzer, sink| analyzer.finish(sink))
    }

    /// Writes everything to the database and prints the last lines.
    pub(in crate::cli) fn finish(mut self, counts: Counts, net: &NetStats) -> Result<RunSummary> {
        let written = self.writer.finish(values::now(), counts)?;
        let mut status = self.status.lock();
        if let Some(watch) = &self.watch {
            watch.counted(&counts);
            status.alerts(&watch.end());
        }
        status.end();
        let color = output::stderr_terminal(self.common).color;
        for line in self.summary.lines(&counts, net, color) {
            status.last(&line);
        }
        if let Some(limit) = written.stopped {
            let stored = count(written.exchanges, "exchange is", "exchanges are");
            status.last(&format!("{stored} in the database: {}", printer::stopped(limit)));
            // The user chose the size of a session; a disk without room is a fault.
            self.summary.disk_full = matches!(limit, Stop::Reserve { .. });
        }
        for line in printer::gone(written.gone) {
            status.last(&line);
        }
        self.summary.session = written.session;
        let next = if written.exchanges > 0 {
            format!("; next: {}", next(self.common, written.session))
        } else {
            String::new()
        };
        status.last(&format!("session {} in {}{next}", written.session, self.common.db.display()));
        drop(status);
        Ok(self.summary)
    }
}

/// The command that shows a session.
pub(in crate::cli) fn next(common: &Common, session: i64) -> String {
    let named =
        if common.db.as_os_str() == "sniff.db" { String::new() } else { format!(" --db {}", common.db.display()) };
    format!("sniff list{named} --session {session}")
}
