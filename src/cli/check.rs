//! `sniff check FILE…`: judge captures, leave nothing behind.

use super::engine::{Engine, LimitArgs};
use super::keylog::Follow;
use super::output::{Output, unless_closed};
use super::{Common, report_text, say, signals, tally};
use crate::capture::{Item, file};
use crate::conformance::Level;
use crate::report::compliance::{self, Compliance};
use crate::report::{Format, check, json, jsonl};
use crate::store::write::Message;
use crate::summary::Summary;
use crate::tls::Keys;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Read captures and judge them, leaving no database behind.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff check capture.pcap
  sniff check --fail-on warning --format markdown tests/*.pcap >> summary.md
  tcpdump -r big.pcap -w - port 8000 | sniff check -
Exit code: 0 nothing at or over --fail-on, 1 findings, 2 a file could not be read
Formats: table, json, jsonl, markdown")]
pub(super) struct CheckArgs {
    /// Capture files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Exit with 1 on findings at or over this level
    #[arg(long, value_enum, default_value = "error", value_name = "LEVEL")]
    fail_on: FailOn,
    /// Only TCP to or from these ports
    #[arg(long, short, value_name = "N,N", value_delimiter = ',')]
    port: Vec<u16>,
    /// TLS key log (NSS format)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    keylog: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// From which level on findings count as failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOn {
    pub(super) fn level(self) -> Option<Level> {
        match self {
            FailOn::Error => Some(Level::Error),
            FailOn::Warning => Some(Level::Warning),
            FailOn::Info => Some(Level::Info),
            FailOn::Never => None,
        }
    }
}

pub(super) fn run(args: &CheckArgs, common: &Common) -> Result<u8> {
    const VALID: &[Format] = &[Format::Table, Format::Json, Format::Jsonl, Format::Markdown];
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, VALID))?;
    let mut out = Output::open(common)?;
    let mut all = Compliance::default();
    let mut unreadable = false;
    for path in &args.files {
        if let Err(e) = one(path, args, common, &mut all) {
            say(&format!("sniff: error: {}", report_text(&e)));
            unreadable = true;
        }
    }
    if !(unreadable && all.exchanges == 0) {
        unless_closed(write(&mut all, format, &mut out).and_then(|()| out.finish()))?;
    }
    let failed = args.fail_on.level().is_some_and(|l| all.reaches(l));
    Ok(if unreadable { 2 } else { u8::from(failed) })
}

fn one(path: &str, args: &CheckArgs, common: &Common, all: &mut Compliance) -> Result<()> {
    let name = if path == "-" { "standard input" } else { path };
    let stop = signals::stop_flag();
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut engine = Engine::new(&args.limits, &args.port, &keys, false);
    let mut found: Vec<Summary> = Vec::new();
    let mut tally = tally::Tally::default();
    let mut sink = |message: Message| {
        match message {
            Message::Finished(f) => found.push(Summary::new(0, f.exchange.id.0 as i64, &f.exchange, &f.metrics, &f.findings, None)),
            Message::Connection(c) => tally.connection(&c),
            Message::Begun(_) | Message::Part(_) | Message::Hop(_) => {}
        }
        Ok(())
    };
    while !stop.load(Ordering::Relaxed) {
        match reader.next()? {
            None => break,
            Some(Item::Packet(packet)) => engine.packet(&packet, &mut sink)?,
            Some(Item::Secrets(lines)) => keys.push(lines),
            Some(Item::Notice(text)) if common.quiet => drop(text),
            Some(Item::Notice(text)) => say(&format!("sniff: warning: {}", crate::report::text::clean(&text))),
        }
    }
    let net = engine.finish(&mut sink)?;
    if !common.quiet {
        tally.unread(super::output::stderr_look(common).color).iter().for_each(|line| say(line));
    }
    tally::readable(name, &reader.counts(), &net)?;
    found.sort_by_key(|s| s.id);
    found.iter().for_each(|s| all.add(Some(name), s));
    Ok(())
}

fn write(all: &mut Compliance, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Json => json::document(all, out.writer()),
        Format::Jsonl => all.cases.iter().flat_map(check::lines).try_for_each(|l| jsonl::line(&l, out.writer())),
        Format::Markdown => {
            all.sort();
            out.text(&compliance::markdown_text(all))
        }
        _ => out.text(&check::text(all, &out.look)),
    }
}
