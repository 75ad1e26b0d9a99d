//! `sniff record`: from devices, or from capture files.

mod args;
mod file;
mod lines;
#[cfg(feature = "live")]
mod live;
mod printer;
mod recording;
pub(super) mod status_line;
pub(super) mod storage;

pub(super) use args::RecordArgs;
#[cfg(feature = "proxy")]
pub(super) use lines::Full;
#[cfg(feature = "proxy")]
pub(super) use printer::AtEnd;
pub(super) use recording::next;
#[cfg(feature = "proxy")]
pub(super) use recording::{Recording, Source};

use super::common::{Common, report_text, say};
use super::sandbox::Sandbox;
use super::signals;
use super::watch::{Environment, Watching};
use anyhow::Result;
use clap::{Args, FromArgMatches};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

pub(super) fn run(args: &RecordArgs, common: &Common) -> Result<u8> {
    lines::wanted(common, args.store_secrets)?;
    // While this thread may still read what it needs for that.
    args.storage.look_around();
    if args.read.is_empty() {
        return from_devices(args, common);
    }
    let opened = args.watch.open()?;
    let inputs: Vec<PathBuf> = args.read.iter().filter(|path| *path != "-").map(PathBuf::from).collect();
    args.privileges.drop_root(&inputs, common)?;
    let watching = opened.start(args.stall()?, Environment::NeedsOption, common)?;
    let sandbox = args.privileges.sandbox(common);
    let sandbox = inputs.into_iter().chain(args.policy.file()).fold(sandbox, Sandbox::reads);
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    // One session per file. A file that cannot be read does not stop the others.
    let stop = signals::stop_flag();
    let mut code = 0;
    for path in &args.read {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match file::run(path, args, common, &stop, &watching) {
            Err(e) if args.read.len() > 1 => {
                say(&format!("sniff: error: {}", report_text(&e)));
                code = 2;
            }
            done => code = code.max(done?),
        }
    }
    watching.finish();
    Ok(code)
}

/// Records one file into the database of `common` with the usual options, and returns the exit code.
pub(super) fn one_file(path: &Path, keylog: Option<&Path>, common: &Common) -> Result<u8> {
    let usual = RecordArgs::augment_args(clap::Command::new("record")).get_matches_from(["record"]);
    let args = RecordArgs { keylog: keylog.map(Path::to_path_buf), ..RecordArgs::from_arg_matches(&usual)? };
    file::run(&path.to_string_lossy(), &args, common, &signals::stop_flag(), &Watching::default())
}

#[cfg(feature = "live")]
fn from_devices(args: &RecordArgs, common: &Common) -> Result<u8> {
    live::run(args, common)
}

#[cfg(not(feature = "live"))]
fn from_devices(_: &RecordArgs, _: &Common) -> Result<u8> {
    anyhow::bail!("this sniff was built without live capture (feature `live`); it reads files with --read")
}
