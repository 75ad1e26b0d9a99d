//! The command line: one file per subcommand. Exit code 0: success, 1: findings at or over the limit, 2: the
//! command failed.
//!
//! To add a subcommand: one file with its arguments and a `run`, one variant of [`Command`], one arm in [`run`].

mod allocator;
#[cfg(feature = "proxy")]
mod ca;
mod check;
mod common;
mod db;
mod demo;
mod diff;
mod explain;
mod export;
mod help;
mod import;
mod input;
mod keylog;
mod late_secrets;
mod limits;
mod list;
mod output;
mod policy;
mod progress;
mod privileges;
#[cfg(feature = "proxy")]
mod probe;
#[cfg(feature = "proxy")]
mod proxy;
mod record;
mod redact;
mod replay;
mod report;
#[cfg(feature = "proxy")]
mod run;
mod selectors;
mod session;
mod show;
mod signals;
mod run_summary;
mod sandbox;
mod values;
mod verify;
mod watch;

use clap::{ArgAction, Parser, Subcommand};
use common::{Common, report_text, say};
use std::io::Write;
use std::process::ExitCode;

/// Inspect and record streamed HTTP answers
///
/// Without a command it records, as `sniff record` does: live with --iface, or from capture files with --read.
#[derive(Debug, Parser)]
#[command(name = "sniff", version, after_help = EXAMPLES, disable_help_flag = true, disable_version_flag = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    record: record::RecordArgs,
    #[command(flatten)]
    common: Common,
    /// Print the version
    #[arg(long, short = 'V', action = ArgAction::Version, help_heading = "Global options", hide_short_help = true)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  sniff demo                             see what it does, in ten seconds
  sniff --iface lo --port 8000           record port 8000 until Ctrl-C
  sniff --read capture.pcapng            record from a file (pcap, pcapng; gzip, zstd)
  ssh host tcpdump -U -w - | sniff -r -  record from a pipe
  sniff run -- python app.py             record a program's HTTP and HTTPS
  sniff list                             list what was recorded
  sniff show 3                           show one exchange, chunk by chunk
  sniff report latency --by server       time to first token, gaps, rates, goodput
  sniff report compare 1 2               what changed between two sessions
  sniff check *.pcap                     judge captures; exit code 1 on errors
  sniff explain SSE-001                  what a rule requires, and why
  sniff replay last                      serve an exchange again, with its bytes and times";

#[derive(Debug, Subcommand)]
enum Command {
    /// Record from devices or capture files
    Record(record::RecordArgs),
    /// Run a command behind a recording proxy
    #[cfg(feature = "proxy")]
    Run(run::RunArgs),
    /// Record through a TLS-intercepting proxy
    #[cfg(feature = "proxy")]
    Proxy(proxy::args::ProxyArgs),
    /// Test an endpoint by the requests that clients send
    #[cfg(feature = "proxy")]
    Probe(probe::ProbeArgs),
    /// List recorded exchanges
    List(list::ListArgs),
    /// Show one exchange, chunk by chunk
    Show(show::ShowArgs),
    /// Report latency, errors, findings, clients; compare runs
    Report(report::ReportArgs),
    /// Compare two taps of the same streams
    Diff(diff::DiffArgs),
    /// List, name and delete sessions
    Session(session::SessionArgs),
    /// Database upkeep: size, check, vacuum, prune
    Db(db::DbArgs),
    /// Judge captures or databases, for CI
    Check(check::CheckArgs),
    /// Explain a rule or a client model
    Explain(explain::ExplainArgs),
    /// Serve recorded exchanges again
    Replay(replay::ReplayArgs),
    /// Export exchanges (HAR, pcapng, curl and more)
    Export(export::ExportArgs),
    /// Import recordings of other tools
    Import(import::ImportArgs),
    /// Copy a database without secrets, to attach to a bug report
    Redact(redact::RedactArgs),
    /// Manage the proxy's certificate authority
    #[cfg(feature = "proxy")]
    Ca(ca::CaArgs),
    /// Record, judge and replay a built-in stream in ten seconds
    Demo(demo::DemoArgs),
    /// Print a completion script for a shell
    Completions(help::CompletionsArgs),
    /// Write manual pages to a folder
    Man(help::ManArgs),
}

/// The whole command line as a clap command, for tests of the catalogue.
pub fn command() -> clap::Command {
    help::command()
}

/// Parses the arguments, runs the command and reports its error.
pub fn run() -> ExitCode {
    allocator::give_back_at_once();
    let cli = match help::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are data, everything else is an error. A closed pipe is not an error.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    match dispatch(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(e) if output::is_closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            say(&format!("sniff: error: {}", report_text(&e)));
            advice(&e).iter().for_each(|line| say(line));
            ExitCode::from(2)
        }
    }
}

/// Whether the program accepts this command line (program name first). Nothing runs; the error is the first line of
/// clap's message.
pub fn parses(words: &[String]) -> Result<(), String> {
    match help::parse(words.iter().map(Into::into).collect()) {
        Ok(_) => Ok(()),
        // Help and version end the parsing early and are not errors.
        Err(e) if !e.use_stderr() => Ok(()),
        Err(e) => Err(e.to_string().lines().next().unwrap_or_default().to_string()),
    }
}

/// Whether the text of a `sniff.toml` can be read.
///
/// # Errors
/// Line, column, and what is wrong there.
pub fn config(text: &str) -> Result<(), String> {
    policy::parse(text).map(drop)
}

fn dispatch(cli: &Cli) -> anyhow::Result<u8> {
    let common = &cli.common;
    if cli.command.is_some() && cli.record.has_source() {
        anyhow::bail!("--iface and --read belong to `sniff record`, or to sniff without a command");
    }
    match &cli.command {
        #[cfg(feature = "proxy")]
        Some(Command::Proxy(args)) => proxy::run(args, common),
        #[cfg(feature = "proxy")]
        Some(Command::Probe(args)) => probe::run(args, common),
        #[cfg(feature = "proxy")]
        Some(Command::Run(args)) => run::run(args, common),
        #[cfg(feature = "proxy")]
        Some(Command::Ca(args)) => ca::run(args, common),
        Some(Command::Record(args)) if !args.has_source() => {
            anyhow::bail!("nothing to record from; give --iface DEVICE or --read FILE")
        }
        Some(Command::Record(args)) => record::run(args, common),
        Some(Command::Demo(args)) => demo::run(args, common),
        Some(Command::Completions(args)) => help::completions(args, common),
        Some(Command::Man(args)) => help::man(args, common),
        Some(Command::List(args)) => list::run(args, common),
        Some(Command::Show(args)) => show::run(args, common),
        Some(Command::Report(args)) => report::run(args, common),
        Some(Command::Diff(args)) => diff::run(args, common),
        Some(Command::Session(args)) => session::run(args, common),
        Some(Command::Db(args)) => db::run(args, common),
        Some(Command::Replay(args)) => replay::run(args, common),
        Some(Command::Export(args)) => export::run(args, common),
        Some(Command::Import(args)) => import::run(args, common),
        Some(Command::Redact(args)) => redact::run(args, common),
        Some(Command::Check(args)) => check::run(args, common),
        Some(Command::Explain(args)) => explain::run(args, common),
        None if cli.record.has_source() => record::run(&cli.record, common),
        None => {
            let _ = write!(std::io::stderr(), "{}", help::command().render_help());
            Ok(2)
        }
    }
}

/// Commands that the user may type after an error, one line each.
#[cfg(feature = "live")]
fn advice(e: &anyhow::Error) -> Vec<String> {
    let Some(denied) = e.downcast_ref::<crate::capture::live::NotPermitted>() else { return Vec::new() };
    // `sniff` may not be in the PATH, and almost never is in that of sudo.
    let program = std::env::current_exe().map_or_else(|_| "sniff".into(), |path| path.display().to_string());
    let program = crate::report::text::clean(&program);
    vec![
        "  grant it once    sudo setcap cap_net_raw+ep ".to_owned() + &program,
        format!("  or run as root   sudo {program} --iface {}", crate::report::text::clean(&denied.device)),
    ]
}

#[cfg(not(feature = "live"))]
fn advice(_: &anyhow::Error) -> Vec<String> {
    Vec::new()
}
