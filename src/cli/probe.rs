//! `sniff probe URL`: asks an endpoint what clients ask, through our own recording proxy, and judges its answers.

mod asking;
mod client;
mod results;
mod target;

use super::check::FailOn;
use super::common::{Common, say};
use super::limits::ThresholdArgs;
use super::output::{Output, unless_closed};
use super::policy::PolicyArgs;
use super::proxy::args::{DoorArgs, Plan};
use super::proxy::{Listening, ProxyRecording};
use super::record::status_line::StatusLine;
use super::watch::Environment;
use super::{signals, values};
use crate::dialect::asking::{Api, Ask, Words};
use crate::report::check::{Findings, Form};
use crate::report::compliance::Case;
use crate::report::table::{Cell, Column, Table, render};
use crate::report::{Format, json};
use crate::time::Span;
use anyhow::{Context, Result, anyhow, bail};
use asking::{Asking, Done};
use clap::Args;
use client::Way;
use results::About;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use target::Target;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

const TICK: Duration = Duration::from_millis(20);
/// How long connections may stay open after the last request.
const GRACE: Duration = Duration::from_secs(2);
/// Bytes that may wait for the recording.
const BUFFER: usize = 16 << 20;

/// Test an endpoint by the requests that clients send
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff probe http://127.0.0.1:8000 --api openai.chat --model my-model
  sniff probe https://api.example.com/v1 --api openai.responses --key-env EXAMPLE_KEY
  sniff probe http://127.0.0.1:11434 --api ollama --only stream,cancel,after-cancel
  sniff probe http://127.0.0.1:8000 --api openai.chat --list
  sniff probe http://127.0.0.1:8000 --api openai.chat --junit sniff.xml --sarif sniff.sarif
About 14 small requests are sent, which can cost money; --list prints them.
The key is read from OPENAI_API_KEY, ANTHROPIC_API_KEY or --key-env, and is neither stored nor shown.
Exit code: 0 nothing at or over --fail-on, 1 findings, 2 the endpoint could not be tested
Formats: table, json")]
pub(super) struct ProbeArgs {
    /// Base URL of the endpoint, as clients get it
    #[arg(value_name = "URL")]
    url: String,
    /// API of the endpoint: openai.chat, openai.responses, anthropic, ollama
    #[arg(long, value_name = "API", value_parser = Api::parse)]
    api: &'static Api,
    /// Model to ask for [default: the endpoint's, if it lists one]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Environment variable with the key
    #[arg(long, value_name = "VARIABLE")]
    key_env: Option<String>,
    /// Send these requests only (names as --list has them)
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = ask)]
    only: Vec<Ask>,
    /// Print the requests; send nothing
    #[arg(long)]
    list: bool,
    /// How long to wait for an answer, and for each further part of it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::span)]
    timeout: Span,
    /// Exit with 1 on findings at or over this level
    #[arg(long, value_enum, default_value = "error", value_name = "LEVEL")]
    fail_on: FailOn,
    /// Write the findings as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Keep the recording in this new database
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Trust the authorities of this PEM file (repeatable)
    #[arg(long, value_name = "FILE")]
    upstream_ca: Vec<PathBuf>,
    /// Accept any certificate of the endpoint
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

/// The request with this name.
fn ask(name: &str) -> Result<Ask, String> {
    let names = || Ask::ALL.iter().map(|a| a.text().0).collect::<Vec<_>>().join(", ");
    let found = Ask::ALL.iter().copied().find(|a| a.text().0 == name);
    found.ok_or_else(|| format!("unknown request {name:?}; expected some of {}", names()))
}

pub(super) fn run(args: &ProbeArgs, common: &Common) -> Result<u8> {
    const VALID: &[Format] = &[Format::Table, Format::Json];
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, VALID))?;
    let target = Target::parse(&args.url).with_context(|| format!("{:?} is no endpoint", args.url))?;
    let asks = args.asks()?;
    if args.list {
        return list(args, &target, &asks, common);
    }
    let key = target::key(args.api, args.key_env.as_deref())?;
    let url = target.url(&args.api.path(&target.base));
    let folder =
        tempfile::Builder::new().prefix("sniff-").tempdir().context("cannot make a folder for the recording")?;
    let db = match &args.keep {
        Some(path) if path.exists() => bail!("{} exists; --keep makes a new database", path.display()),
        Some(path) => path.clone(),
        None => folder.path().join("probe.db"),
    };
    // The recording is our own: its lines are not those of a command that records.
    let inner = Common { db: db.clone(), format: None, output: None, ..common.clone() };
    let door = DoorArgs {
        upstream_ca: args.upstream_ca.clone(),
        insecure: if args.insecure { vec![target.host.clone()] } else { Vec::new() },
        buffer: BUFFER,
        ..DoorArgs::default()
    };
    let name = format!("probe of {url}");
    let plan = Plan {
        name,
        upstream: None,
        door: &door,
        policy: &args.policy,
        thresholds: &args.thresholds,
        environment: Environment::NeedsOption,
        authority: None,
    };
    let listening = Listening::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &plan)?;
    let way = Way::new(target.clone(), listening.address, roots(&listening.certificate)?, patience(args.timeout))?;
    let before = if common.quiet || !std::io::IsTerminal::is_terminal(&std::io::stderr()) { |_| () } else { tell };
    let asking = Asking { api: args.api, way, model: args.model.clone(), key, asks, before };
    let mut recording = ProxyRecording::open(listening, &plan, &inner, StatusLine::notices(&inner))?;
    let stop = signals::stop_flag();
    let worker = std::thread::Builder::new()
        .name("sniff-probe".into())
        .spawn(move || send(asking))
        .context("cannot start a thread")?;
    let files: Vec<&Path> = args.junit.iter().chain(&args.sarif).chain(&common.output).map(PathBuf::as_path).collect();
    recording.restrict(&door, &files, &inner)?;
    while !worker.is_finished() {
        recording.listen(TICK);
        if stop.load(Ordering::Relaxed) {
            bail!("stopped by a signal before all requests were sent");
        }
    }
    let end = Instant::now() + GRACE;
    while recording.is_busy() && Instant::now() < end {
        recording.listen(TICK);
    }
    let session = recording.close()?.session;
    let done = worker.join().map_err(|_| anyhow!("the client of the probe failed"))??;
    let judge = args.policy.judge()?;
    let patience = patience(args.timeout).as_secs();
    let about = About { db: &db, session, api: args.api, url, patience, kept: args.keep.is_some(), judge: &judge };
    report(args, format, results::found(&about, done)?, common)
}

impl ProbeArgs {
    /// The requests to send, in their order.
    fn asks(&self) -> Result<Vec<Ask>> {
        if let Some(ask) = self.only.iter().find(|ask| !self.api.has(**ask)) {
            bail!("--only {}: {} has no such request", ask.text().0, self.api.name);
        }
        let chosen = |ask: &Ask| self.only.is_empty() || self.only.contains(ask);
        Ok(Ask::ALL.iter().copied().filter(|ask| chosen(ask) && self.api.has(*ask)).collect())
    }
}

fn patience(timeout: Span) -> Duration {
    Duration::from_nanos(timeout.0.max(1) as u64)
}

/// Our proxy's authority, and no other.
fn roots(certificate: &Path) -> Result<RootCertStore> {
    let own = CertificateDer::from_pem_file(certificate).map_err(|e| anyhow!("{}: {e}", certificate.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add(own).context("the certificate of the own authority")?;
    Ok(roots)
}

fn tell(ask: Ask) {
    say(&format!("sniff: {}: {}", ask.text().0, ask.text().1));
}

/// The thread of the client, with its own sockets.
fn send(asking: Asking) -> Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the client")?.block_on(asking.run())
}

/// Prints what would be sent.
fn list(args: &ProbeArgs, target: &Target, asks: &[Ask], common: &Common) -> Result<u8> {
    let words = Words { model: args.model.as_deref().unwrap_or("MODEL"), newer_limit: false };
    let columns = vec![Column::left("Request"), Column::left("Asks for").min(20), Column::left("Body").min(40).wraps()];
    let row = |ask: &Ask| {
        let body = args.api.body(*ask, &words).unwrap_or_default();
        vec![Cell::new(ask.text().0), Cell::new(ask.text().1), Cell::new(String::from_utf8_lossy(&body))]
    };
    let table = Table { columns, rows: asks.iter().map(row).collect() };
    let mut out = Output::open(common)?;
    let (url, terminal) = (target.url(&args.api.path(&target.base)), out.terminal);
    let written = out.text(&format!("POST {url}\n\n{}", render(&table, &terminal)));
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

/// Writes the report and the files, and returns the exit code.
fn report(args: &ProbeArgs, format: Format, found: results::Found, common: &Common) -> Result<u8> {
    let level = args.fail_on.level();
    // Where nothing is kept, an exchange is known by the URL and the request's name.
    let (_, name) = found.probe.url.split_once("://").unwrap_or_default();
    for (form, path) in [(Form::Junit, &args.junit), (Form::Sarif, &args.sarif)] {
        let Some(path) = path else { continue };
        let mut out = Output::open(&Common { output: Some(path.clone()), ..common.clone() })?;
        let mut findings = Findings::new(form, level);
        for (n, (ask, s)) in found.exchanges.iter().enumerate() {
            let mut case = Case::of(Some(name), s);
            case.exchange = n as i64 + 1;
            case.request = format!("{ask} {}", case.request);
            findings.add(case, out.writer())?;
        }
        let terminal = out.terminal;
        let written = findings.finish(&terminal, out.writer()).and_then(|()| out.finish());
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = Output::open(common)?;
    let terminal = out.terminal;
    let written = match format {
        Format::Json => json::document(&found.probe, out.writer()),
        _ => out.text(&found.probe.text(&terminal)),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    if !found.answered {
        say("sniff: error: no request was answered with success, so the endpoint could not be tested");
        return Ok(2);
    }
    Ok(u8::from(level.is_some_and(|level| found.probe.reaches(level))))
}
