//! `sniff check FILE…`: judges captures or the exchanges of a database, for people and CI; stores nothing.

use super::common::{Common, report_text, say};
use super::input::{self, Input};
use super::keylog::Follow;
use super::late_secrets::LateSecrets;
use super::limits::{ReassemblyArgs, ThresholdArgs};
use super::output::{Output, unless_closed};
use super::policy::{Judge, PolicyArgs};
use super::sandbox::{Sandbox, SandboxArgs};
use super::{run_summary, selectors, signals};
use crate::analyzer::{self, Analyzer};
use crate::capture::{Item, file};
use crate::clients::{MAX_BODY, MAX_PIECES};
use crate::conformance::Level;
use crate::report::check::{self, Form};
use crate::report::clients::{self, Case, Cases};
use crate::report::compliance::{self, Compliance};
use crate::report::reports::{self, Collect};
use crate::report::{Format, github, json, jsonl, junit, sarif};
use crate::store::select::SessionIs;
use crate::store::{Reader, Selector};
use crate::summary::Summary;
use crate::tls::Keys;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
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
    /// Only this session of a database (number, or last)
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
    let judge = args.policy.judge()?;
    let mut out = Output::open(common)?;
    let (databases, captures): (Vec<&String>, Vec<&String>) = args.files.iter().partition(|f| is_database(f));
    let sandbox = captures.into_iter().map(PathBuf::from).fold(Sandbox::new(&args.sandbox, common), Sandbox::reads);
    // SQLite makes files beside a database to read it.
    let sandbox = databases.into_iter().fold(sandbox, |sandbox, path| sandbox.writes_beside(Path::new(path)));
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    let mut all = Compliance::default();
    let mut cases = Vec::new();
    let mut unreadable = false;
    for path in &args.files {
        let done = if is_database(path) {
            database(path, args, &judge, &mut all, &mut cases)
        } else {
            capture(path, args, &judge, common, &mut all, &mut cases)
        };
        if let Err(e) = done {
            say(&format!("sniff: error: {}", report_text(&e)));
            unreadable = true;
        }
    }
    if !(unreadable && all.exchanges == 0) {
        let limit = args.fail_on.level();
        let terminal = out.terminal;
        let written = if args.clients {
            reports::write(&Cases(cases), plain, &terminal, out.writer())
        } else {
            write(&mut all, form, limit, &mut out)
        };
        unless_closed(written.and_then(|()| out.finish()))?;
    }
    let failed = args.fail_on.level().is_some_and(|l| all.reaches(l));
    Ok(if unreadable { 2 } else { u8::from(failed) })
}

/// Whether the file begins as SQLite's files do.
fn is_database(path: &str) -> bool {
    let mut magic = [0; 16];
    path != "-"
        && std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok()
        && magic == *b"SQLite format 3\0"
}

/// Adds the findings that a database stores, with the present policy applied.
fn database(path: &str, args: &CheckArgs, judge: &Judge, all: &mut Compliance, cases: &mut Vec<Case>) -> Result<()> {
    let reader = Reader::open(Path::new(path))?;
    let before = all.exchanges;
    reader.each(&Selector { session: args.session, ..Selector::default() }, &mut |mut s| {
        judge.relevel(&mut s);
        all.judged(Some(path), &s);
        if args.clients {
            cases.extend(clients::stored(Some(path), &reader, &s, args.answer.as_deref())?);
        }
        Ok(())
    })?;
    // As for a capture without packets: an empty result must not look like a clean one.
    match (all.exchanges > before, args.session) {
        (true, _) => Ok(()),
        (false, None) => bail!("{path} has no exchanges"),
        (false, Some(SessionIs::Last)) => bail!("the last session of {path} has no exchanges"),
        (false, Some(SessionIs::Number(n))) => bail!("{path} has no exchanges of session {n}"),
    }
}

/// Bodies are kept only if client models read them, and then completely.
fn options(args: &CheckArgs, judge: &Judge, keys: &Keys) -> analyzer::Options {
    let usual = analyzer::Options {
        reassembly: args.reassembly.limits(),
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

fn capture(
    path: &str,
    args: &CheckArgs,
    judge: &Judge,
    common: &Common,
    all: &mut Compliance,
    cases: &mut Vec<Case>,
) -> Result<()> {
    let name = if path == "-" { "standard input" } else { path };
    let stop = signals::stop_flag();
    let mut reader = file::Reader::open(path)?;
    reader.stop_when(stop.clone());
    let keys = Keys::default();
    Follow::start(args.keylog.as_deref(), &keys)?.finish()?;
    let mut analyzer = Analyzer::new(options(args, judge, &keys));
    let mut found: Vec<(Summary, Option<Case>)> = Vec::new();
    let mut totals = run_summary::RunSummary::default();
    let mut sink = |output| match output {
        analyzer::Output::Exchange(f) => {
            let summary = Summary::new(0, f.exchange.id.0 as i64, &f.exchange, &f.metrics, &f.findings, None);
            let case = if args.clients {
                clients::case(Some(name), &summary, &f.exchange, args.answer.as_deref())
            } else {
                None
            };
            found.push((summary, case));
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
    if !common.quiet {
        totals.unread(super::output::stderr_terminal(common).color).iter().for_each(|line| say(line));
    }
    if let Some(counts) = packets {
        run_summary::readable(name, &counts, &net)?;
    }
    found.sort_by_key(|(s, _)| s.id);
    for (summary, case) in found {
        all.judged(Some(name), &summary);
        cases.extend(case);
    }
    Ok(())
}

fn write(all: &mut Compliance, form: Form, limit: Option<Level>, out: &mut Output) -> Result<()> {
    match form {
        Form::Table => out.text(&check::text(all, &out.terminal)),
        Form::Json => json::document(all, out.writer()),
        Form::Jsonl => all.cases.iter().flat_map(check::lines).try_for_each(|l| jsonl::line(&l, out.writer())),
        Form::Markdown => {
            all.sort();
            out.text(&compliance::markdown_text(all))
        }
        Form::Junit => out.text(&junit::text(all, limit)),
        Form::Sarif => json::document(&sarif::document(all), out.writer()),
        Form::Github => out.text(&github::text(all)),
    }
}
