//! Monitoring of a recording: `--metrics`, `--alert`, and metrics to a collector. The address is taken before root is
//! given up, and the threads with sockets start before the sandbox: they see figures and names, never captured bytes.

#[cfg(feature = "otlp")]
mod otlp;
mod serve;

use super::common::{Common, say};
use super::{selectors, values};
use crate::time::Span;
use crate::watch::alert::Readers;
use crate::watch::{Alert, MOST_SERIES, Watch};
use anyhow::{Context, Result};
use clap::Args;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fewest series: those of families that have one, and room to tell a few servers apart.
const FEWEST: usize = 200;

/// Options of commands that record.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Monitoring")]
pub(in crate::cli) struct WatchArgs {
    /// Serve metrics for Prometheus, as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS:PORT", hide_short_help = true)]
    metrics: Option<SocketAddr>,
    /// Most series of metrics; what has no room counts as other
    #[arg(long, value_name = "N", value_parser = series, default_value_t = MOST_SERIES, hide_short_help = true)]
    metrics_series: usize,
    /// Tell when this begins and ends, as 'p99(ttft)>2s over 1m'
    ///
    /// Repeatable. FUNCTION(FIGURE) with p50, p99, min, mean or max of ttft, itl, tpot, duration and the other figures
    /// of --slo; count(WHAT) and rate(WHAT) of errors, exchanges, verdict=, status=, rule=, level=, model= or host=.
    /// Limits: 2s, 500ms; 3; 0.5/s, 30/m, 5%.
    #[arg(long, value_name = "CONDITION", value_parser = alert, hide_short_help = true)]
    alert: Vec<Alert>,
    /// Send metrics to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names
    ///
    /// A live recording and `sniff proxy` do so without this option where that variable is set. `sniff run` and
    /// --read need the option: the variables may be meant for the command, and a file is no present traffic.
    #[arg(long, hide_short_help = true)]
    otlp: bool,
}

impl Default for WatchArgs {
    fn default() -> Self {
        WatchArgs { metrics: None, metrics_series: MOST_SERIES, alert: Vec::new(), otlp: false }
    }
}

fn series(text: &str) -> Result<usize, String> {
    let most = text.parse().ok().filter(|most| *most >= FEWEST);
    most.ok_or_else(|| format!("expected a number from {FEWEST} on"))
}

fn alert(text: &str) -> Result<Alert, String> {
    Alert::parse(text, &Readers { span: values::span, status: selectors::status, rule: selectors::rule })
}

/// Whether the environment alone makes a recording send metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Environment {
    /// A service that runs for itself: yes.
    #[cfg_attr(not(any(feature = "live", feature = "proxy")), allow(dead_code))]
    Counts,
    /// It may be meant for another program, or the traffic is not of now: only with `--otlp`.
    NeedsOption,
}

/// What monitoring needs, taken before root is given up.
#[derive(Debug, Default)]
pub(in crate::cli) struct Opened {
    args: WatchArgs,
    listener: Option<TcpListener>,
}

/// Monitoring that has begun; nothing if no option asked for it.
#[derive(Default)]
pub(in crate::cli) struct Watching {
    watch: Option<Arc<Watch>>,
    #[cfg(feature = "otlp")]
    sender: Option<otlp::Sender>,
}

impl WatchArgs {
    /// Takes the address of `--metrics`.
    pub(in crate::cli) fn open(&self) -> Result<Opened> {
        let bind = |address: &SocketAddr| {
            TcpListener::bind(address).with_context(|| format!("cannot serve metrics on {address}"))
        };
        Ok(Opened { args: self.clone(), listener: self.metrics.as_ref().map(bind).transpose()? })
    }
}

impl Opened {
    /// Starts the threads that serve and send. Call it before the sandbox, whose threads have no sockets. `stall`: the
    /// threshold of that name.
    pub(in crate::cli) fn start(self, stall: Span, environment: Environment, common: &Common) -> Result<Watching> {
        let Opened { args, listener } = self;
        let sends = self::sends(&args, environment)?;
        let keeps = (listener.is_some() || sends).then_some(args.metrics_series);
        if keeps.is_none() && args.alert.is_empty() {
            return Ok(Watching::default());
        }
        let watch = Arc::new(Watch::new(args.alert, stall, keeps));
        let database = Database(common.db.clone());
        if let Some(listener) = listener {
            let address = listener.local_addr().context("cannot read the local address")?;
            let (watch, database) = (watch.clone(), database.clone());
            serve::start(listener, move || watch.text(database.bytes()))?;
            if !common.quiet {
                say(&format!("sniff: metrics on http://{address}/metrics"));
                if !address.ip().is_loopback() {
                    say("sniff: other machines can read there which hosts and models are used");
                }
            }
        }
        #[cfg(feature = "otlp")]
        let sender = if sends { Some(otlp::start(&watch, database, common)?) } else { None };
        Ok(Watching {
            watch: Some(watch),
            #[cfg(feature = "otlp")]
            sender,
        })
    }
}

#[cfg(feature = "otlp")]
fn sends(args: &WatchArgs, environment: Environment) -> Result<bool> {
    otlp::is_wanted(args.otlp, environment)
}

#[cfg(not(feature = "otlp"))]
fn sends(args: &WatchArgs, _: Environment) -> Result<bool> {
    if args.otlp {
        anyhow::bail!("this sniff was built without the feature `otlp`; --metrics serves the same figures");
    }
    Ok(false)
}

impl Watching {
    /// What the recording tells; nothing if no option asked for it.
    pub(in crate::cli) fn watch(&self) -> Option<Arc<Watch>> {
        self.watch.clone()
    }

    /// Sends the last values, within a few seconds.
    pub(in crate::cli) fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(sender) = self.sender {
            sender.finish();
        }
    }
}

/// The path of a database, whose size is a metric.
#[derive(Debug, Clone)]
struct Database(PathBuf);

impl Database {
    /// Bytes of the file and its log; none if there is no file yet.
    fn bytes(&self) -> Option<u64> {
        let size = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.len());
        let mut log = self.0.as_os_str().to_owned();
        log.push("-wal");
        size(&self.0).map(|bytes| bytes + size(Path::new(&log)).unwrap_or_default())
    }
}
