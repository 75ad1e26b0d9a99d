//! `sniff replay`: serves recorded exchanges.

use super::common::{Common, say};
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use super::{signals, values};
use crate::exchange::Exchange;
use crate::replay::fault::{self, Fault};
use crate::replay::matching::{Asked, Repeat, VOLATILE};
use crate::replay::serve::{self, NewSeal, Report, Served, Service, Tell};
use crate::replay::{Book, MatchBy, Pace, Script, normalize};
use crate::report::text::{clean, count};
use crate::store::Reader;
use crate::time::Span;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(feature = "proxy")]
use {
    crate::proxy::ca::{self, Authority},
    crate::proxy::provider,
    std::path::PathBuf,
    std::sync::{Arc, OnceLock},
};

const EXAMPLES: &str = "\
Examples:
  sniff replay last                                the newest exchange, on a free port
  sniff replay --session 3 --listen 127.0.0.1:8000
  sniff replay 12 --speed max --match path         as fast as possible, for any body
  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 python my_test.py
  sniff replay 12 --fault no-space --fault drop-terminator
  sniff replay last --verify                       replay to a built-in client, report fidelity
HTTP/1.1 and HTTP/2 are spoken on the same port, bare and in TLS (clients trust `sniff ca path`). A request that no recording answers gets 404 and a JSON body that says what was nearest.";

/// Serve recorded exchanges again
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", faults()))]
pub(super) struct ReplayArgs {
    /// Numbers of exchanges, or last [default: all that match the selectors]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Certificate chain for TLS (PEM) [default: signed by sniff's authority]
    #[cfg(feature = "proxy")]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[cfg(feature = "proxy")]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What a request must have in common with a recording
    #[arg(long = "match", value_enum, default_value = "body", value_name = "HOW")]
    by: By,
    /// JSON members that are not compared (with --match body)
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', default_values = VOLATILE, hide_default_value = true)]
    ignore: Vec<String>,
    /// Start again after all recordings of a request have answered
    #[arg(long = "loop")]
    again: bool,
    /// Answer 404 after all recordings of a request have answered
    #[arg(long, conflicts_with = "again")]
    once: bool,
    /// Play incomplete exchanges too
    #[arg(long)]
    allow_gaps: bool,
    /// Put a fault into the recordings (repeatable; --help lists them)
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// Serve recordings as conforming streams of this family
    #[arg(long, value_enum, value_name = "FAMILY", conflicts_with = "faults")]
    normalize: Option<Family>,
    /// Replay to a built-in client and report fidelity
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Options for times.
#[derive(Debug, Args)]
#[command(next_help_heading = "Times")]
pub(super) struct PaceArgs {
    /// Factor of the recorded pace; max: everything at once
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    speed: f64,
    /// Time from the request's end to the answer's first byte
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    first_delay: Option<Span>,
    /// Move each write by up to this, earlier or later
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    jitter: Option<Span>,
    /// Seed of the jitter's random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl PaceArgs {
    pub(super) fn pace(&self) -> Pace {
        Pace {
            speed: self.speed,
            first_delay: self.first_delay,
            jitter: self.jitter.unwrap_or(Span(0)),
            seed: self.seed,
        }
    }
}

/// Families of streams to which recordings can be normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Family {
    /// Chat and completion streams of OpenAI's API
    Openai,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Method, target and body; JSON bodies compared without volatile members
    Body,
    /// Method and path
    Path,
    /// Nothing: the recordings answer in order
    Sequence,
    /// Method, target and body, byte by byte
    Exact,
}

pub(super) fn run(args: &ReplayArgs, common: &Common) -> Result<u8> {
    // Taken before the sandbox, which allows no new socket. Whether it could be is reported after mistakes in the
    // selection.
    let listener = (!args.verify).then(|| listen(&args.listen));
    let reader = Reader::open(&common.db)?;
    if listener.is_some() {
        args.sandbox(common).enter()?;
    }
    let exchanges = load(&reader, &selected(&reader, &args.ids, &args.selectors)?)?;
    let recordings = recordings(args, exchanges, common)?;
    let pace = args.pace.pace();
    let Some(listener) = listener.transpose()? else { return super::verify::run(recordings, pace, common) };
    let book = book(args, recordings);
    let stop = signals::stop_flag();
    let verbose = common.verbose;
    let tell = move |served: &Served<'_>| tell(served, verbose);
    let recordings = book.len();
    let tell: Tell = if common.quiet { Box::new(|_| ()) } else { Box::new(tell) };
    let service = Service::start(book, pace, seal(args, listener.local_addr()?)?, tell)?;
    let plural = if recordings == 1 { "exchange" } else { "exchanges" };
    // The readiness line: scripts wait for it, so it is printed even with --quiet.
    say(&format!("sniff: replaying {recordings} {plural} on http://{} (Ctrl-C ends)", listener.local_addr()?));
    let address = listener.local_addr()?;
    if !is_loopback(address.ip()) {
        say(&format!(
            "sniff: warning: other machines can reach {address}, and whatever asks there gets the recorded answers: \
                replay asks for no credentials"
        ));
    }
    service.listen(&listener, &stop)?;
    let report = service.finish();
    if !common.quiet {
        say(&summary(&report, &pace));
    }
    Ok(0)
}

impl ReplayArgs {
    /// The threads that read the database and the clients' requests serve what is open.
    fn sandbox(&self, common: &Common) -> Sandbox {
        self.certificates(Sandbox::new(&self.sandbox, common).writes_beside(&common.db).serves())
    }

    /// They read the certificate that was given, or that of the authority, which is made here if it is missing.
    #[cfg(feature = "proxy")]
    fn certificates(&self, sandbox: Sandbox) -> Sandbox {
        if let Some((cert, key)) = self.tls_cert.as_ref().zip(self.tls_key.as_ref()) {
            return sandbox.reads(cert.clone()).reads(key.clone());
        }
        // Without an authority the first client that uses TLS learns why.
        let folder = ca::folder(|name| std::env::var_os(name)).ok().filter(|folder| ca::create(folder).is_ok());
        // To open an authority takes its lock, which is a file too.
        folder.into_iter().fold(sandbox, |sandbox, folder| sandbox.writes_beside(&folder.join("lock")))
    }

    #[cfg(not(feature = "proxy"))]
    fn certificates(&self, sandbox: Sandbox) -> Sandbox {
        sandbox
    }
}

/// Ids of the selected exchanges: those that are named, else those that match the selectors.
pub(super) fn selected(reader: &Reader, ids: &[String], selectors: &SelectorArgs) -> Result<Vec<i64>> {
    match ids.is_empty() {
        true => Ok(reader.list(&selectors.selector())?.iter().map(|s| s.id).collect()),
        false => ids.iter().map(|id| reader.id(id)).collect(),
    }
}

/// Loads the exchanges with these ids.
pub(super) fn load(reader: &Reader, ids: &[i64]) -> Result<Vec<Exchange>> {
    ids.iter().map(|&id| reader.exchange(id)).collect()
}

/// The selected exchanges that can be played.
fn recordings(args: &ReplayArgs, exchanges: Vec<Exchange>, common: &Common) -> Result<Vec<(Exchange, Script)>> {
    let mut all = Vec::new();
    let mut unfit = Vec::new();
    for exchange in exchanges {
        match script(args, &exchange) {
            Ok(Played::AsAsked(script)) => all.push((exchange, script)),
            Ok(Played::Unchanged(script, why)) => {
                unfit.push(why);
                all.push((exchange, script));
            }
            // A named exchange must be playable; of a selection the others are played.
            Err(why) if !args.ids.is_empty() => bail!("exchange {} cannot be played: {why}", exchange.id.0),
            Err(why) if !common.quiet => say(&format!("sniff: left out exchange {}: {why}", exchange.id.0)),
            Err(_) => {}
        }
    }
    if all.is_empty() {
        bail!("nothing to replay: no exchange that can be played is selected (sniff list shows what is recorded)");
    }
    // Requests for the others are answered too, so that a test fails because of the fault and not because of a 404.
    // But at least one recording must have the fault.
    if unfit.len() == all.len() {
        bail!("the fault fits no recording: {}", unfit.first().map_or("", String::as_str));
    }
    if !common.quiet {
        unfit.iter().for_each(|why| say(&format!("sniff: {why}; it is played unchanged")));
    }
    Ok(all)
}

/// A recording that can be played.
enum Played {
    AsAsked(Script),
    /// A fault does not fit, for this reason.
    Unchanged(Script, String),
}

fn script(args: &ReplayArgs, exchange: &Exchange) -> Result<Played, String> {
    let script = Script::new(exchange, args.allow_gaps).map_err(|e| e.to_string())?;
    match args.normalize {
        Some(Family::Openai) => normalize::openai(script, exchange).map(Played::AsAsked),
        None => Ok(match fault::apply(script.clone(), exchange, &args.faults) {
            Ok(faulty) => Played::AsAsked(faulty),
            Err(why) => Played::Unchanged(script, why.to_string()),
        }),
    }
}

fn book(args: &ReplayArgs, recordings: Vec<(Exchange, Script)>) -> Book {
    let by = match args.by {
        By::Body => MatchBy::Body,
        By::Path => MatchBy::Path,
        By::Sequence => MatchBy::Sequence,
        By::Exact => MatchBy::Exact,
    };
    let repeat = match (args.again, args.once) {
        (true, _) => Repeat::Loop,
        (_, true) => Repeat::Once,
        _ => Repeat::Last,
    };
    let ignore = args.ignore.iter().filter(|name| !name.is_empty()).cloned().collect();
    let mut book = Book::new(by, repeat, ignore);
    for (exchange, script) in recordings {
        book.add(asked(&exchange), script);
    }
    book
}

/// The recorded request.
fn asked(exchange: &Exchange) -> Asked {
    let Some(request) = &exchange.request else { return Asked::default() };
    Asked { method: request.head.method.clone(), target: request.head.target.clone(), body: request.body.bytes.clone() }
}

/// TLS on the port that serves everything: with the given certificate, else with one of the proxy's authority. The
/// authority is opened (and created if missing) when the first client uses TLS.
#[cfg(feature = "proxy")]
fn seal(args: &ReplayArgs, local: SocketAddr) -> Result<Option<NewSeal>> {
    use crate::replay::serve::tls;
    if let Some((cert, key)) = args.tls_cert.as_ref().zip(args.tls_key.as_ref()) {
        return tls::with_files(cert, key).map(Some);
    }
    let by_authority = move || {
        let authority = Authority::open(&ca::folder(|name| std::env::var_os(name))?, provider())?;
        let mut unnamed: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(Into::into).into();
        unnamed.extend(Some(local.ip().to_string()).filter(|ip| !unnamed.contains(ip)));
        anyhow::Ok(tls::with(authority.any_name(&unnamed, &[b"h2", b"http/1.1"])?))
    };
    let made: OnceLock<Result<NewSeal, String>> = OnceLock::new();
    Ok(Some(Arc::new(move || match made.get_or_init(|| by_authority().map_err(|e| format!("{e:#}"))) {
        Ok(new) => new(),
        Err(why) => tls::refused(why.clone()),
    })))
}

#[cfg(not(feature = "proxy"))]
fn seal(_: &ReplayArgs, _: SocketAddr) -> Result<Option<NewSeal>> {
    Ok(None)
}

fn listen(address: &str) -> Result<TcpListener> {
    let addresses: Vec<_> = address
        .to_socket_addrs()
        .with_context(|| format!("{address} is not an address; expected HOST:PORT"))?
        .collect();
    serve::bind(&addresses).with_context(|| format!("cannot listen on {address}"))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn tell(served: &Served<'_>, verbose: bool) {
    match served {
        Served::Answered { asked, id, h2 } if verbose => {
            let version = if *h2 { "HTTP/2" } else { "HTTP/1" };
            say(&format!("sniff: {} {} ({version}): exchange {id}", clean(&asked.method), clean(&asked.target)));
        }
        Served::Answered { .. } => {}
        Served::Unmatched { why, .. } => say(&format!("sniff: 404: {}", clean(&message(why)))),
        Served::Failed(why) => say(&format!("sniff: not served: {}", clean(why))),
    }
}

/// The message in the 404 response's JSON.
fn message(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let text = parsed.as_ref().and_then(|v| v.pointer("/error/message")).and_then(|m| m.as_str());
    text.unwrap_or(body).trim_start_matches("sniff replay: ").to_owned()
}

fn summary(report: &Report, pace: &Pace) -> String {
    let l = &report.lateness;
    let mut line = format!("sniff: {}", count(l.writes, "write", "writes"));
    // With --speed max every write is due at once, so lateness has no meaning.
    if l.writes > 0 && pace.speed.is_finite() {
        let at = |p| Span(l.percentile(p));
        line.push_str(&format!(
            ", late by {} (p50), {} (p99), {} (worst); {} by more than 1 ms",
            at(50.0),
            at(99.0),
            Span(l.worst),
            l.late
        ));
    }
    if report.unmatched > 0 {
        line.push_str(&format!("; {} without a recording", count(report.unmatched, "request", "requests")));
    }
    if report.cut > 0 {
        line.push_str(&format!("; {} cut by the client's limits", count(report.cut, "DATA frame", "DATA frames")));
    }
    line
}

/// The list of faults, one per line, each with the rule that finds it.
fn faults() -> String {
    let mut out = String::from("Faults, each with the rule that finds it (sniff explain RULE):\n");
    for n in fault::ALL {
        let name = if n.value.is_empty() { n.name.to_owned() } else { format!("{}={}", n.name, n.value) };
        out.push_str(&format!("  {name:<24} {:<13} {}\n", n.rule, n.what));
    }
    out
}

fn speed(text: &str) -> Result<f64, String> {
    match text {
        "max" => Ok(f64::INFINITY),
        n => {
            n.parse().ok().filter(|x: &f64| *x > 0.0).ok_or_else(|| "expected a number greater than 0, or `max`".into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        replay: ReplayArgs,
    }

    fn args(options: &str) -> ReplayArgs {
        Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace())).unwrap().replay
    }

    #[test]
    fn each_time_has_its_option() {
        let of = |options: &str| {
            let p = args(options).pace.pace();
            (p.speed, p.first_delay, p.jitter, p.seed)
        };
        let ms = Span::from_millis;
        assert_eq!(of(""), (1.0, None, Span(0), 0));
        assert_eq!(of("--speed 2.5 --first-delay 3ms --jitter 4ms --seed 5"), (2.5, Some(ms(3)), ms(4), 5));
        assert_eq!(of("--speed max --first-delay 3ms"), (f64::INFINITY, Some(ms(3)), Span(0), 0));
    }

    #[test]
    fn a_speed_is_greater_than_nothing() {
        assert_eq!((speed("max"), speed("0.5")), (Ok(f64::INFINITY), Ok(0.5)));
        for wrong in ["0", "-1", "nan", "", "fast", "0.0"] {
            assert!(speed(wrong).is_err_and(|e| e.contains("greater than 0")), "{wrong}");
        }
    }

    #[test]
    fn the_last_line_says_what_was_counted() {
        let said = |report: &Report, speed: f64| summary(report, &Pace { speed, ..args("").pace.pace() });
        let mut report = Report::default();
        assert_eq!(said(&report, 1.0), "sniff: 0 writes");
        (report.lateness.writes, report.lateness.late, report.lateness.worst) = (3, 1, 2_000_000);
        let late = ", late by 2.00 ms (p50), 2.00 ms (p99), 2.00 ms (worst); 1 by more than 1 ms";
        assert_eq!(said(&report, 1.0), format!("sniff: 3 writes{late}"));
        assert_eq!(said(&report, f64::INFINITY), "sniff: 3 writes", "all are due at once");
        (report.unmatched, report.cut) = (1, 2);
        let more = "; 1 request without a recording; 2 DATA frames cut by the client's limits";
        assert_eq!(said(&report, f64::INFINITY), format!("sniff: 3 writes{more}"));
    }

    #[test]
    fn the_reason_of_a_404_is_its_message() {
        assert_eq!(message(r#"{"error":{"message":"sniff replay: no such path"}}"#), "no such path");
        assert_eq!(message("not JSON"), "not JSON");
        assert_eq!(message(r#"{"error":"x"}"#), r#"{"error":"x"}"#);
    }
}
