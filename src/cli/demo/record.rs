//! Records what passes a proxy of its own, on a thread of its own that is restricted as that of `sniff proxy`.

use crate::cli::common::Common;
use crate::cli::proxy::args::{Plan, ProxyArgs};
use crate::cli::proxy::{Listening, ProxyRecording};
use crate::cli::record::status_line::StatusLine;
use crate::cli::sandbox::Sandbox;
use crate::cli::watch::Environment;
use anyhow::{Context, Result, anyhow};
use clap::Parser;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(20);
/// How long a connection may stay open after its client has ended.
const GRACE: Duration = Duration::from_secs(2);

/// The proxy's options, as `sniff proxy` reads them.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    proxy: ProxyArgs,
}

/// Opens a proxy before this server, lets `ask` use it, and returns the number of the recorded session.
///
/// # Errors
/// The recording fails, or `ask` does.
pub(super) fn through_proxy(
    server: SocketAddr,
    common: &Common,
    ask: impl FnOnce(SocketAddr) -> Result<()>,
) -> Result<i64> {
    // An empty configuration: a `sniff.toml` here must not change what the demo finds.
    let mut args = Line::try_parse_from(["sniff", "--config", "/dev/null", "--buffer", "1M"])?.proxy;
    args.door.auth = None;
    let url = format!("http://{server}");
    // No client trusts this authority, and none needs to.
    let folder = tempfile::tempdir().context("cannot make a folder for the proxy's authority")?;
    let plan = Plan {
        name: "demo".into(),
        upstream: Some(&url),
        door: &args.door,
        policy: &args.policy,
        thresholds: &args.thresholds,
        environment: Environment::NeedsOption,
        authority: Some(folder.path().to_path_buf()),
    };
    let listening = Listening::on((Ipv4Addr::LOCALHOST, 0).into(), &plan)?;
    let (address, stop) = (listening.address, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (opened, is_open) = mpsc::channel();
        let (plan, args, stop) = (&plan, &args, &stop);
        let recorder = scope.spawn(move || -> Result<i64> {
            let mut recording = ProxyRecording::open(listening, plan, common, StatusLine::new(common, false))?;
            recording.restrict(&args.door, &[], common)?;
            let _ = opened.send(());
            while !stop.load(Ordering::Relaxed) {
                recording.listen(TICK);
            }
            let end = Instant::now() + GRACE;
            while recording.is_busy() && Instant::now() < end {
                recording.listen(TICK);
            }
            Ok(recording.close()?.session)
        });
        // If it could not be opened, its result says why.
        let asked = is_open.recv().map_or(Ok(()), |()| ask(address));
        stop.store(true, Ordering::Relaxed);
        let session = recorder.join().map_err(|_| anyhow!("the recording ended early"))?;
        asked.context("the demo's client")?;
        session
    })
}

/// Runs this on a thread that may read and write the recording and nothing else.
///
/// # Errors
/// Those of `read`, or the system refuses the restriction.
pub(super) fn apart<T: Send>(sandbox: Sandbox, read: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let restricted = move || {
        sandbox.enter()?;
        read()
    };
    let done = std::thread::scope(|scope| scope.spawn(restricted).join());
    done.map_err(|_| anyhow!("the reading of the recording ended early"))?
}
