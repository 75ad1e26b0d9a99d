//! `sniff demo`: a stream with a fault, recorded, judged, replayed and mended in ten seconds. Server, proxy and client
//! are on loopback; it needs no rights and no network.

#[cfg(feature = "proxy")]
mod client;
#[cfg(feature = "proxy")]
mod record;
#[cfg(feature = "proxy")]
mod replayed;
#[cfg(feature = "proxy")]
mod screen;
#[cfg(feature = "proxy")]
mod server;
#[cfg(feature = "proxy")]
mod steps;

use super::common::Common;
use anyhow::{Result, bail};
use clap::Args;

/// Record, judge and replay a built-in stream in ten seconds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff demo
  sniff demo -o demo.db          keep the recording there
A server on this machine streams as LitServe 0.2.4 did: perfect server-sent events, labelled application/x-ndjson. The \
demo shows what was asked, what came when, what is wrong, which clients break, the replay, and the fix.")]
pub(super) struct DemoArgs {
    /// Stream with short pauses, and wait nowhere else
    #[arg(long)]
    #[cfg_attr(not(feature = "proxy"), allow(dead_code))]
    fast: bool,
}

#[cfg(feature = "proxy")]
pub(super) fn run(args: &DemoArgs, common: &Common) -> Result<u8> {
    use anyhow::Context;
    if common.format.is_some() {
        bail!("demo prints text for people only; for data: sniff demo -o demo.db, then sniff list --db demo.db");
    }
    let db = match &common.output {
        Some(path) if path.exists() => bail!("{} exists; name a new file for the recording", path.display()),
        Some(path) => path.clone(),
        // It is named at the end, and stays.
        None => {
            let folder = tempfile::Builder::new().prefix("sniff-demo-").tempdir();
            folder.context("cannot make a folder for the recording; name a file with -o FILE")?.keep().join("demo.db")
        }
    };
    let db = super::values::database(db.as_os_str()).map_err(anyhow::Error::msg)?;
    let common = Common { db, output: None, quiet: true, ..common.clone() };
    super::output::unless_closed(steps::all(args.fast, &common))?;
    Ok(0)
}

#[cfg(not(feature = "proxy"))]
pub(super) fn run(_: &DemoArgs, _: &Common) -> Result<u8> {
    bail!("demo records through the proxy, which this build of sniff lacks; build it with --features proxy")
}
