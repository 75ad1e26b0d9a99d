//! Recording: a source of packets, the analyzer, the store. One quiet line per finished exchange on standard error, the counts at the end.

pub(super) mod screen;

use super::keylog::Follow;
use super::limits::{self, ReassemblyArgs, ThresholdArgs};
use super::policy::PolicyArgs;
use super::tally::{self, Tally};
use super::{Common, output, report_text, say, signals, values};
use crate::analyzer::{self, Analyzer, Output};
use crate::capture::{Counts, Item, file};
use crate::net::NetStats;
use crate::store::{Secrets, Session, Writer};
use crate::summary::Summary;
use crate::time::Span;
use crate::tls::Keys;
use anyhow::{Context, Result, bail};
use clap::Args;
use screen::Screen;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that may wait for the disk while a file is read.
const FILE_ROOM: usize = 8 << 20;
/// The same of a live capture: so long it outlasts a slow disk before packets wait in the kernel.
const LIVE_ROOM: usize = 64 << 20;

/// Record from devices or capture files
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Recording",
    after_help = "\
Examples:
  sniff record --iface lo --port 8000
  sniff record --iface eth0 --keylog keys.txt --duration 10m
  sniff record --read monday.pcap tuesday.pcapng.zst
Each file becomes its own session, in the order given. `sniff --iface …` and `sniff --read …` do the same without the word record."
)]
pub(super) struct RecordArgs {
    /// Capture from this device (repeatable; any: all of them)
    #[arg(long, short, value_name = "DEVICE", conflicts_with = "read")]
    pub(super) iface: Vec<String>,
    /// Read these capture files (pcap, pcapng; gzip, zstd); - is standard input
    #[arg(long, short, value_name = "FILE", num_args = 1..)]
    pub(super) read: Vec<String>,
    /// Only TCP to or from these ports
    #[arg(long, short, value_name = "N,N", value_delimiter = ',')]
    pub(super) port: Vec<u16>,
    /// Only packets that match this BPF expression (live)
    #[arg(long, value_name = "BPF", requires = "iface")]
    pub(super) filter: Option<String>,
    /// Stop after this long (live)
    #[arg(long, value_name = "TIME", value_parser = values::span, requires = "iface")]
    pub(super) duration: Option<Span>,
    /// Also packets that are not for this host (live)
    #[arg(long, requires = "iface")]
    pub(super) promiscuous: bool,
    /// Bytes kept of each packet; too few make holes (live)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256k")]
    pub(super) snaplen: usize,
    /// Kernel buffer per device (live)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64M")]
    pub(super) buffer: usize,
    /// Hand over each packet at once; loses packets under load (live)
    #[arg(long, requires = "iface")]
    pub(super) immediate: bool,
    /// TLS key log (NSS format)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    pub(super) keylog: Option<PathBuf>,
    /// Store keys, tokens and cookies as they are instead of salted hashes
    #[arg(long)]
    pub(super) store_secrets: bool,
    #[command(flatten)]
    pub(super) policy: PolicyArgs,
    #[command(flatten)]
    pub(super) reassembly: ReassemblyArgs,
    #[command(flatten)]
    pub(super) thresholds: ThresholdArgs,
}

impl RecordArgs {
    pub(super) fn has_source(&self) -> bool {
        !self.read.is_empty() || !self.iface.is_empty()
    }

    /// What reads and judges. An error is a mistake in the configuration file.
    fn analyzer(&self, keys: &Keys) -> Result<analyzer::Options> {
        let judge = self.policy.judge()?;
        Ok(analyzer::Options {
            reassembly: self.reassembly.limits(),
            verify_checksums: self.reassembly.verify_checksums,
            ports: self.port.clone(),
            keys: keys.clone(),
            thresholds: self.thresholds.limits(&judge.limits),
            policy: judge.policy,
            ..analyzer::Options::default()
        })
    }

    /// What the session's row keeps of the options.
    fn options(&self, source: &str) -> serde_json::Value {
        let file = self.read.iter().find(|path| *path == source).map_or("-", String::as_str);
        let read = if self.read.is_empty() { None } else { Some(file) };
        json!({
            "iface": self.iface, "read": read, "port": self.port, "filter": self.filter,
            "duration_ms": self.duration.map(Span::as_millis_f64), "promiscuous": self.promiscuous, "snaplen": self.snaplen,
            "buffer": self.buffer, "immediate": self.immediate, "keylog": self.keylog,
        })
    }
}

pub(super) fn run(args: &RecordArgs, common: &Common) -> Result<u8> {
    if common.format.is_some() || common.output.is_some() {
        bail!("recording prints no data; --format and --output belong to a command, as in: sniff list --format json");
    }
    if args.read.is_empty() {
        return from_devices(args, common);
    }
    // One session for each file. One that cannot be read does not keep the others from being read.
    let stop = signals::stop_flag();
    let mut code = 0;
    for path in &args.read {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match from_file(path, args, common, &stop) {
            Err(e) if args.read.len() > 1 => {
                say(&format!("sniff: error: {}", report_text(&e)));
                code = 2;
            }
            done => done?,
        }
    }
    Ok(code)
}

/// Where a recording comes from, for its session's row.
pub(super) struct Source {
    pub(super) name: String,
    /// The options that shape it.
    pub(super) options: serde_json::Value,
    /// Bytes that may wait for the disk.
    pub(super) room: usize,
    pub(super) store_secrets: bool,
    /// A proxy's, which has no packets.
    pub(super) relayed: bool,
}

/// One recording under way.
pub(super) struct Recording<'a> {
    common: &'a Common,
    analyzer: Analyzer,
    writer: Writer,
    tally: Tally,
    screen: Screen,
}

impl<'a> Recording<'a> {
    pub(super) fn start(source: &str, args: &RecordArgs, common: &'a Common, screen: Screen, keys: &Keys) -> Result<Recording<'a>> {
        // A file can wait for the disk, what is live cannot.
        let room = if args.read.is_empty() { LIVE_ROOM } else { FILE_ROOM };
        let source = Source { name: source.into(), options: args.options(source), room, store_secrets: args.store_secrets, relayed: false };
        Recording::begin(source, args.analyzer(keys)?, common, screen)
    }

    /// The same of any source.
    pub(super) fn begin(source: Source, options: analyzer::Options, common: &'a Common, screen: Screen) -> Result<Recording<'a>> {
        let mut shaped_by = source.options;
        shaped_by["limits"] = limits::recorded(&options, !source.relayed);
        let session = Session { source: source.name, started: values::now(), options: shaped_by };
        let secrets = if source.store_secrets { Secrets::Keep } else { Secrets::Hide };
        let writer = Writer::start(&common.db, session, secrets)?;
        writer.room(source.room);
        let tally = Tally::new(source.relayed);
        Ok(Recording { common, analyzer: Analyzer::new(options), writer, tally, screen })
    }

    /// One packet, one tick, or the end of all.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Analyzer, &mut dyn FnMut(Output)) -> T) -> Result<T> {
        let Recording { analyzer, writer, tally, screen, .. } = self;
        let mut stored = Ok(());
        let done = step(analyzer, &mut |output| {
            if stored.is_err() {
                return;
            }
            match &output {
                Output::Exchange(f) => {
                    tally.exchange(f);
                    screen.exchange(|| Summary::new(0, f.exchange.id.0 as i64, &f.exchange, &f.metrics, &f.findings, None));
                }
                Output::Connection(c) => tally.connection(c),
                Output::Begun(_) | Output::Part(_) => {}
            }
            stored = writer.send(output);
        });
        stored.map(|()| done)
    }

    /// A delivery crossed the client's side of a proxy.
    #[cfg(feature = "proxy")]
    pub(super) fn hop(&mut self, hop: crate::store::Hop) -> Result<()> {
        self.writer.hop(hop)
    }

    /// Do this once on the thread that writes.
    #[cfg(feature = "proxy")]
    pub(super) fn on_the_writer(&self, errand: fn()) {
        self.writer.on_its_thread(errand);
    }

    pub(super) fn notice(&mut self, text: &str) {
        self.screen.notice(text);
    }

    pub(super) fn net_finish(&mut self) -> Result<NetStats> {
        self.step(|analyzer, sink| analyzer.finish(sink))
    }

    /// Everything is in the database, and the last lines say so.
    pub(super) fn finish(mut self, counts: Counts, net: &NetStats) -> Result<Tally> {
        let written = self.writer.finish(values::now(), counts)?;
        self.screen.end();
        let color = output::stderr_look(self.common).color;
        for line in self.tally.lines(&counts, net, color) {
            self.screen.last(&line);
        }
        let next = if self.tally.exchanges > 0 { format!("; next: {}", next(self.common, written.session)) } else { String::new() };
        self.screen.last(&format!("session {} in {}{next}", written.session, self.common.db.display()));
        Ok(self.tally)
    }
}

/// The command that shows a session.
pub(super) fn next(common: &Common, session: i64) -> String {
    let named = if common.db.as_os_str() == "sniff.db" { String::new() } else { format!(" --db {}", common.db.display()) };
    format!("sniff list{named} --session {session}")
}

fn from_file(path: &str, args: &RecordArgs, common: &Common, stop: &Arc<AtomicBool>) -> Result<()> {
    let name = if path == "-" { "standard input" } else { path };
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let mut screen = Screen::new(common, true);
    screen.bar(reader.progress().1);
    // The database is opened with the first packet, so that a file that gives none leaves no trace.
    let mut recording = None;
    let mut screen = Some(screen);
    let mut packets = 0u64;
    while !stop.load(Ordering::Relaxed) {
        match reader.next().with_context(|| if packets > 0 { "reading stopped" } else { "nothing was read" })? {
            None => break,
            Some(Item::Packet(packet)) => {
                packets += 1;
                let recording = match &mut recording {
                    Some(r) => r,
                    slot => {
                        let screen = screen.take().unwrap_or_else(|| Screen::new(common, true));
                        slot.insert(Recording::start(name, args, common, screen, &keys)?)
                    }
                };
                recording.step(|analyzer, sink| analyzer.packet(&packet, sink))?;
            }
            Some(Item::Secrets(lines)) => keys.push(lines),
            Some(Item::Notice(text)) => match (&mut recording, &mut screen) {
                (Some(r), _) => r.notice(&text),
                (None, Some(s)) => s.notice(&text),
                (None, None) => {}
            },
        }
        if packets.is_multiple_of(4096)
            && let Some(r) = &mut recording
        {
            r.screen.position(reader.progress().0);
        }
    }
    let counts = reader.counts();
    let Some(mut recording) = recording else {
        // Stopped by a signal before anything came is a normal end; a file without packets is not.
        return if stop.load(Ordering::Relaxed) { Ok(()) } else { tally::readable(name, &counts, &NetStats::default()) };
    };
    let net = recording.net_finish()?;
    tally::readable(name, &counts, &net)?;
    recording.finish(counts, &net)?;
    Ok(())
}

#[cfg(feature = "live")]
fn from_devices(args: &RecordArgs, common: &Common) -> Result<u8> {
    super::live::run(args, common)
}

#[cfg(not(feature = "live"))]
fn from_devices(_: &RecordArgs, _: &Common) -> Result<u8> {
    bail!("this sniff was built without live capture (feature `live`); it reads files with --read")
}
