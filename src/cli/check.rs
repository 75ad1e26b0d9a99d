//! `sniff check FILE…`: judges captures or the exchanges of a database, for people and CI; stores nothing.

use super::common::{Common, report_text, say};
use super::input::{self, Input};
use super::keylog::Follow;
use super::late_secrets::LateSecrets;
use super::limits::{MemoryArgs, ReassemblyArgs, ThresholdArgs};
use super::output::{Output, unless_closed};
use super::policy::{Judge, PolicyArgs};
use super::sandbox::{Sandbox, SandboxArgs};
use super::{run_summary, selectors, signals};
use crate::analyzer::{self, Analyzer};
use crate::capture::{Item, file};
use crate::clients::{MAX_BODY, MAX_PIECES};
use crate::conformance::Level;
use crate::delivery::across::{self, MOST};
use crate::exchange::redact::{Masks, Redactor};
use crate::report::Format;
use crate::report::check::{Findings, Form};
use crate::report::clients::{self, Cases};
use crate::report::compliance::Case;
use crate::report::reports::{self, Collect};
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use crate::summary::{self, Summary};
use crate::tls::Keys;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Judge captures or databases, for CI
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff check capture.pcap
  sniff check --clients capture.pcap
  sniff check --fail-on warning --format markdown tests/*.pcap >> \"$GITHUB_STEP_SUMMARY\"
  sniff check --format junit -o sniff.xml tests/*.pcap
  sniff check --profile strict-openai --allow SSE-002 --rule missing-done=error capture.pcap
  sniff check sniff.db
  tcpdump -r big.pcap -w - port 8000 | sniff check -
Exit code: 0 nothing at or over --fail-on, 1 findings, 2 a file could not be read
Formats: table, json, jsonl, markdown, junit, sarif, github (annotations)")]
pub(super) struct CheckArgs {
    /// Captures, .wire transcripts or databases of sniff; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Exit with 1 on findings at or over this level
    #[arg(long, value_enum, default_value = "error", value_name = "LEVEL")]
    fail_on: FailOn,
    /// Only this session of a database (number, name, or last)
    #[arg(long, value_name = "N", value_parser = selectors::session)]
    session: Option<SessionIs>,
    /// Only TCP to or from these ports
    #[arg(long, short, value_name = "N,N", value_delimiter = ',')]
    port: Vec<u16>,
    /// TLS key log (NSS format)
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    keylog: Option<PathBuf>,
    /// Report which real clients break on each answer, and why
    ///
    /// Replaces the list of findings. Answers of up to 8 MiB are modelled.
    #[arg(long)]
    clients: bool,
    /// Text that every answer should have, if it is known
    ///
    /// Without it clients are compared with the text that the server sent.
    #[arg(long, value_name = "TEXT", requires = "clients")]
    answer: Option<String>,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    reassembly: ReassemblyArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

/// The level from which findings count as failure.
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
    let named = common.format.as_deref();
    // Outcomes of clients are not findings, so the formats for findings do not apply.
    let (form, plain) = match args.clients {
        true => (Form::Table, named.map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?),
        false => (named.map_or(Ok(Form::Table), Form::parse)?, Format::Table),
    };
    if args.session.is_some() && !args.files.iter().any(|f| is_database(f)) {
        bail!("--session selects from a database, but none of the files is a database");
    }
    let mut judge = args.policy.judge()?;
    judge.policy.keep = form.lists_suppressed();
    let out = Output::open(common)?;
    let (databases, captures): (Vec<&String>, Vec<&String>) = args.files.iter().partition(|f| is_database(f));
    let sandbox = captures.into_iter().map(PathBuf::from).fold(Sandbox::new(&args.sandbox, common), Sandbox::reads);
    // SQLite makes files beside a database to read it.
    let sandbox = databases.into_iter().fold(sandbox, |sandbox, path| sandbox.writes_beside(Path::new(path)));
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    let mut sink = Sink { findings: Findings::new(form, args.fail_on.level()), clients: Vec::new(), out, failed: None };
    let mut unreadable = false;
    for path in &args.files {
        let done = match is_database(path) {
            true => database(path, args, &judge, &mut sink),
            false => capture(path, args, &judge, common, &mut sink),
        };
        if sink.failed.is_some() {
            break;
        }
        if let Err(e) = done {
            say(&format!("sniff: error: {}", report_text(&e)));
            unreadable = true;
        }
    }
    let reached = args.fail_on.level().is_some_and(|l| sink.findings.all.reaches(l));
    if let Some(e) = sink.failed {
        unless_closed(Err(e))?;
    } else if !(unreadable && sink.findings.all.exchanges == 0) {
        let Sink { findings, clients, mut out, .. } = sink;
        let terminal = out.terminal;
        let written = match args.clients {
            true => reports::write(&Cases { cases: clients, all: true }, plain, &terminal, out.writer()),
            false => findings.finish(&terminal, out.writer()),
        };
        unless_closed(written.and_then(|()| out.finish()))?;
    }
    Ok(if unreadable { 2 } else { u8::from(reached) })
}

/// Where the exchanges go that were judged.
struct Sink {
    findings: Findings,
    clients: Vec<clients::Case>,
    out: Output,
    /// Why the output failed.
    failed: Option<anyhow::Error>,
}

impl Sink {
    /// One exchange, and what became of its clients. False: the output failed.
    fn add(&mut self, case: Case, clients: Option<clients::Case>) -> bool {
        self.clients.extend(clients);
        if self.failed.is_none() {
            self.failed = self.findings.add(case, self.out.writer()).err();
        }
        self.failed.is_none()
    }
}

/// Exchanges of one capture that have ended and come after one that has not. They are passed on in the order in which
/// they began, unless too many wait.
#[derive(Default)]
struct InOrder {
    next: i64,
    waiting: BTreeMap<i64, (Case, Option<clients::Case>)>,
}

impl InOrder {
    /// Most exchanges that wait.
    const MOST: usize = 8192;

    /// One more has ended; `sink` gets those whose turn it is, and all that wait if it is the `last`.
    fn push(
        &mut self,
        ended: Option<(Case, Option<clients::Case>)>,
        sink: &mut dyn FnMut(Case, Option<clients::Case>),
    ) {
        let last = ended.is_none();
        self.waiting.extend(ended.map(|ended| (ended.0.exchange, ended)));
        while let Some(first) = self.waiting.first_entry() {
            if !last && *first.key() > self.next {
                break;
            }
            self.next = self.next.max(*first.key() + 1);
            let (case, clients) = first.remove();
            sink(case, clients);
        }
        if self.waiting.len() > Self::MOST {
            self.next = self.waiting.first_key_value().map_or(self.next, |(id, _)| *id);
        }
    }
}

/// Whether the file begins as SQLite's files do.
pub(super) fn is_database(path: &str) -> bool {
    let mut magic = [0; 16];
    path != "-"
        && std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok()
        && magic == *b"SQLite format 3\0"
}

/// Adds the findings that a database stores, with the present policy applied.
fn database(path: &str, args: &CheckArgs, judge: &Judge, sink: &mut Sink) -> Result<()> {
    let reader = Reader::open(Path::new(path))?;
    let before = sink.findings.all.exchanges;
    reader.each(&Selector { session: args.session.clone(), ..Selector::default() }, &mut |mut s| {
        judge.relevel(&mut s);
        reader.hide(&mut s)?;
        let clients = match args.clients {
            true => clients::stored(Some(path), &reader, &s, args.answer.as_deref())?,
            false => None,
        };
        if sink.add(Case::of(Some(path), &s), clients) { Ok(()) } else { bail!("the output failed") }
    })?;
    // As for a capture without packets: an empty result must not look like a clean one.
    match (sink.findings.all.exchanges > before, &args.session) {
        (true, _) => Ok(()),
        (false, None) => bail!("{path} has no exchanges"),
        (false, Some(SessionIs::Last)) => bail!("the last session of {path} has no exchanges"),
        (false, Some(SessionIs::Number(n))) => bail!("{path} has no exchanges of session {n}"),
        (false, Some(SessionIs::Named(name))) => bail!("{path} has no exchanges of session {name}"),
    }
}

/// Bodies are kept only if client models read them, and then completely.
fn options(args: &CheckArgs, judge: &Judge, keys: &Keys) -> analyzer::Options {
    let usual = analyzer::Options {
        budget: args.memory.budget(),
        reassembly: args.reassembly.limits(&args.memory),
        verify_checksums: args.reassembly.verify_checksums,
        ports: args.port.clone(),
        keys: keys.clone(),
        thresholds: args.thresholds.limits(&judge.limits),
        policy: judge.policy.clone(),
        contents: args.clients,
        ..analyzer::Options::default()
    };
    match args.clients {
        true => analyzer::Options { part_bytes: MAX_BODY as usize, part_items: MAX_PIECES, ..usual },
        false => usual,
    }
}

fn capture(path: &str, args: &CheckArgs, judge: &Judge, common: &Common, found: &mut Sink) -> Result<()> {
    let name = if path == "-" { "standard input" } else { path };
    let stop = signals::stop_flag();
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut analyzer = Analyzer::new(options(args, judge, &keys));
    let mut in_order = InOrder::default();
    let mut compared = Vec::new();
    let ended = stop.clone();
    // Without an output there is no reason to read on.
    let mut pass_on = |case, clients| {
        if !found.add(case, clients) {
            ended.store(true, Ordering::Relaxed)
        }
    };
    let mut totals = run_summary::RunSummary::default();
    let redactor = Redactor::default();
    let mut sink = |output| match output {
        analyzer::Output::Exchange(mut f) => {
            let id = f.exchange.id.0 as i64;
            // The clients read what came, not what is shown of it.
            let mut case = if args.clients {
                let summary = Summary::new(0, id, &f.exchange, &f.metrics, &f.findings, None);
                clients::case(Some(name), &summary, &f.exchange, args.answer.as_deref())
            } else {
                None
            };
            let mut masks = Masks::default();
            masks.exchange(&mut f.exchange, &redactor);
            let mut summary = Summary::new(0, id, &f.exchange, &f.metrics, &f.findings, None);
            summary.hide(&masks, &redactor);
            case.iter_mut().for_each(|case| case.hide(masks.known(), &summary));
            if compared.len() < MOST {
                compared.push(summary::across::seen(&summary, f.exchange.ending.at));
            }
            in_order.push(Some((Case::of(Some(name), &summary), case)), &mut pass_on);
        }
        analyzer::Output::Connection(c) => totals.connection(&c),
        analyzer::Output::Begun(_) | analyzer::Output::Part(_) => {}
    };
    let packets = match Input::of(reader, path)? {
        Input::Transcript(transcript) => {
            keys.finish();
            input::replay(&transcript, &mut analyzer, &mut sink);
            None
        }
        Input::Capture(mut reader) => {
            let mut secrets = LateSecrets::new(path, &keys, &stop);
            while !stop.load(Ordering::Relaxed) {
                match reader.next()? {
                    None => break,
                    Some(Item::Packet(packet)) => {
                        analyzer.packet(&packet, &mut sink);
                        secrets.after_packet(&reader);
                    }
                    Some(Item::Secrets(lines)) => keys.push_block(lines),
                    Some(Item::Notice(text)) if common.quiet => drop(text),
                    Some(Item::Notice(text)) => say(&format!("sniff: warning: {}", crate::report::text::clean(&text))),
                }
            }
            Some(reader.counts())
        }
    };
    let net = analyzer.finish(&mut sink);
    in_order.push(None, &mut pass_on);
    if !common.quiet {
        totals.unread(super::output::stderr_terminal(common).color).iter().for_each(|line| say(line));
    }
    if let Some(counts) = packets {
        run_summary::readable(name, &counts, &net)?;
    }
    found.findings.all.across(name, across::lines(&compared));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_of_failure_is_its_own() {
        let of = [FailOn::Error, FailOn::Warning, FailOn::Info, FailOn::Never].map(FailOn::level);
        assert_eq!(of, [Some(Level::Error), Some(Level::Warning), Some(Level::Info), None]);
    }
}
