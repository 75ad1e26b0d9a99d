//! Records from devices.

use super::args::RecordArgs;
use super::recording::Recording;
use super::status_line::StatusLine;
use crate::capture::live::{Live, LiveItem, Options, port_filter};
use crate::cli::common::{Common, say};
use crate::cli::keylog::Follow;
use crate::cli::run_summary::Door;
use crate::cli::sandbox::Sandbox;
use crate::cli::signals;
use crate::cli::watch::Environment;
use crate::tls::Keys;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the analyzer is given the time, for idle connections.
const TICK: Duration = Duration::from_millis(100);

pub(super) fn run(args: &RecordArgs, common: &Common) -> Result<u8> {
    let stop = signals::stop_flag();
    let filter = port_filter(&args.port, args.filter.as_deref());
    let options = Options {
        filter: Some(filter).filter(|f| !f.is_empty()),
        snaplen: u32::try_from(args.snaplen).context("--snaplen is too large")?,
        buffer: u32::try_from(args.buffer).context("--buffer is too large")?,
        promiscuous: args.promiscuous,
        immediate: args.immediate,
    };
    let mut live = Live::open(&args.iface, &options)?;
    let opened = args.watch.open()?;
    // Before the database is opened (it belongs to the user who called sudo) and before the writer thread starts.
    args.privileges.drop_root(&[], common)?;
    let watching = opened.start(args.stall()?, Environment::Counts, common)?;
    if watching.watch().is_some() {
        live.tell_counts();
    }
    let sandbox = args.policy.file().into_iter().fold(args.privileges.sandbox(common), Sandbox::reads);
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    let source = args.iface.join(",");
    let keys = Keys::default();
    let mut keylog = Follow::wait(args.keylog.as_deref(), &keys)?;
    let status = StatusLine::new(common, false);
    let mut recording = Recording::start(&source, Door::Packets, args, common, status, &keys, watching.watch())?;
    if !common.quiet {
        say(&format!("sniff: recording on {source}; Ctrl-C ends it"));
        if let Some(path) = args.keylog.as_ref().filter(|_| keylog.is_waiting()) {
            say(&format!("sniff: the key log {} does not exist yet; it is read as soon as it does", path.display()));
        }
    }
    if let Some(duration) = args.duration {
        stop_after(Duration::from_nanos(duration.0.max(0) as u64), stop.clone())?;
    }
    let mut failed = None;
    live.run(&stop, TICK, &mut |item| {
        let result = match item {
            LiveItem::Packet(packet) => {
                let step = recording.step(|analyzer, sink| analyzer.packet(&packet, sink));
                // The client writes its secrets before it uses them, so they are in the file by now, and a short
                // connection may end before the next tick.
                // not last until the next tick.
                step.and_then(|()| if keys.take_wanted() { keylog.poll() } else { Ok(()) })
            }
            LiveItem::Counts(counts) => {
                recording.watch().into_iter().for_each(|watch| watch.counted(&counts));
                Ok(())
            }
            LiveItem::Tick(now) => {
                recording.tick(|| now);
                keylog.poll().and_then(|()| recording.step(|analyzer, sink| analyzer.advance(now, sink)))
            }
            LiveItem::Notice(text) => {
                recording.notice(&text);
                Ok(())
            }
        };
        if let Err(e) = result {
            failed.get_or_insert(e);
            stop.store(true, Ordering::SeqCst);
        }
    })?;
    if let Some(e) = failed {
        return Err(e);
    }
    keylog.finish()?;
    let net = recording.net_finish()?;
    let code = recording.finish(live.counts(), &net)?.code();
    watching.finish();
    Ok(code)
}

fn stop_after(duration: Duration, stop: Arc<AtomicBool>) -> Result<()> {
    let sleep = move || {
        std::thread::sleep(duration);
        stop.store(true, Ordering::SeqCst);
    };
    std::thread::Builder::new().name("duration".into()).spawn(sleep).map(drop).context("cannot start a thread")
}
