//! `sniff run -- CMD`: runs a command behind its own recording proxy, which the command finds through its
//! environment. Signals and the exit status are passed on.

mod around;
mod child;
mod environment;
mod java;
mod judge;
mod node;
#[cfg(all(feature = "live", target_os = "linux"))]
mod passive;

use super::common::Common;
use super::limits::ThresholdArgs;
use super::policy::PolicyArgs;
use super::proxy::args::{DoorArgs, Plan};
use super::proxy::{Listening, ProxyRecording};
use super::record::status_line::StatusLine;
use super::watch::Environment;
use crate::capture::privileges::is_root;
use anyhow::{Context, Result};
use around::Around;
use child::Running;
use clap::Args;
use judge::JudgeArgs;
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How long connections may stay open after the command has ended.
const GRACE: Duration = Duration::from_secs(2);
/// Message after a command that made no connection through the proxy: what was seen instead, then what helps.
const PAST: &str = "\
\x20 It ignores HTTP_PROXY and HTTPS_PROXY, or sets NO_PROXY by itself: clients with their own transport do, and \
programs that clear their environment.
  Record it in reverse mode, with its base URL, or without a proxy:
    sniff proxy --upstream https://api.example.com     and in the program http://127.0.0.1:8080 in place of that URL
    sniff run --passive -- COMMAND                     from packets, with the right to capture";
const TICK: Duration = Duration::from_millis(50);

/// Run a command behind a recording proxy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff run -- python app.py
  sniff run -- npm test
  sniff run --passthrough login.example.com -- ./agent --verbose
  sniff run --fail-on error --junit sniff.xml --sarif sniff.sarif -- pytest
The command finds the proxy and the certificates in its environment (HTTPS_PROXY, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, …); the system's trust
store is not touched. Exit status: the command's; 128 + N where signal N ended it.
With --fail-on, if the command's is 0: 1 with findings, 2 if nothing was recorded.")]
pub(super) struct RunArgs {
    /// Command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
    /// Record packets, with TLS secrets from the command: no proxy
    ///
    /// Nothing is in the path. It needs the right to capture, and programs that write their TLS secrets
    /// (SSLKEYLOGFILE, Node.js). What gave no keys is named.
    #[arg(long)]
    passive: bool,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    door: DoorArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

pub(super) fn run(args: &RunArgs, common: &Common) -> Result<u8> {
    super::proxy::arguments::hide("--auth");
    if common.format.is_some() && common.output.is_none() {
        anyhow::bail!("standard output belongs to the command; write the lines to a file with -o FILE");
    }
    args.door.storage.look_around();
    if args.passive {
        return run_passive(args, common);
    }
    // Signals are passed to the command from here on.
    child::forward_signals();
    let name = args.command.join(OsStr::new(" ")).to_string_lossy().into_owned();
    let plan = Plan {
        name,
        upstream: None,
        door: &args.door,
        policy: &args.policy,
        thresholds: &args.thresholds,
        environment: Environment::NeedsOption,
        authority: None,
    };
    let listening = Listening::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &plan)?;
    let folder =
        tempfile::Builder::new().prefix("sniff-").tempdir().context("cannot make a folder for the certificates")?;
    let given = environment::of(listening.address, &args.door, &listening.certificate, folder.path())?;
    // Root starts the command before it becomes another user: the command keeps the caller's rights. Otherwise the
    // recording is opened first, so that no command starts without one.
    let start = || Running::start(&args.command, &given);
    let early = is_root().then(start).transpose()?;
    if early.is_some() {
        args.door.privileges.drop_root(&[], common)?;
    }
    let proxy = listening.address;
    let mut recording = ProxyRecording::open(listening, &plan, common, StatusLine::held(common))?;
    let mut running = early.map_or_else(start, Ok)?;
    // Before this thread loses the right to look at other processes.
    let around = Around::watch(running.id(), proxy);
    recording.restrict(&args.door, &args.judge.files(), common)?;
    let status = loop {
        recording.listen(TICK);
        if recording.is_busy() {
            around.enough();
        }
        if let Some(status) = running.ended()? {
            break status;
        }
    };
    let end = Instant::now() + GRACE;
    while recording.is_busy() && Instant::now() < end {
        recording.listen(TICK);
    }
    // The command's exit status counts, even if the recording failed.
    let judged = recording.close().and_then(|summary| {
        if summary.connections == 0 && !common.quiet {
            around.said().iter().for_each(|line| super::common::say(line));
            super::common::say(PAST);
        }
        args.judge.code(summary.session, common)
    });
    let found = judged.unwrap_or_else(|e| {
        super::common::say(&format!("sniff: error: {}", super::common::report_text(&e)));
        // Without --fail-on the recording is a side effect of the command.
        if args.judge.is_wanted() { 2 } else { 0 }
    });
    Ok(if status == 0 { found } else { status })
}

#[cfg(all(feature = "live", target_os = "linux"))]
fn run_passive(args: &RunArgs, common: &Common) -> Result<u8> {
    child::forward_signals();
    passive::run(args, common)
}

#[cfg(not(all(feature = "live", target_os = "linux")))]
fn run_passive(_: &RunArgs, _: &Common) -> Result<u8> {
    anyhow::bail!("--passive needs Linux, and a build with live capture")
}
