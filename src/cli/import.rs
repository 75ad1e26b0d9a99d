//! `sniff import har`: imports recordings of other tools into the database.

use super::common::{Common, say};
use super::sandbox::{Sandbox, SandboxArgs};
use super::values;
use crate::analyzer::{Analyzed, Output};
use crate::capture::Counts;
use crate::conformance::Limits;
use crate::interchange::har;
use crate::report::text::count;
use crate::store::{Process, Secrets, Session, Writer};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Import recordings of other tools
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff import har devtools.har && sniff list --session last
An archive has decoded bodies and, unless sniff wrote it, no times of chunks: such a body comes in one piece at its end.")]
pub(super) struct ImportArgs {
    /// Kind of the file
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// File to import
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// HTTP Archive 1.2
    Har,
}

pub(super) fn run(args: &ImportArgs, common: &Common) -> Result<u8> {
    let Kind::Har = args.kind;
    let shown = args.file.display();
    let text = std::fs::read(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let process = Process::current();
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let har::Imported { exchanges, left_out } =
        har::exchanges(&text).with_context(|| format!("{shown} is not an HTTP archive"))?;
    for (n, why) in &left_out {
        say(&format!("sniff: left out entry {n}: {why}"));
    }
    if exchanges.is_empty() {
        bail!("{shown} has no exchanges that can be imported");
    }
    let n = exchanges.len();
    let session = Session {
        source: shown.to_string(),
        started: values::now(),
        options: serde_json::json!({"import": "har"}),
        process,
    };
    let mut writer = Writer::start(&common.db, session, Secrets::Hide)?;
    let limits = Limits::default();
    exchanges.into_iter().try_for_each(|x| writer.send(Output::Exchange(Box::new(Analyzed::new(x, &limits)))))?;
    let written = writer.finish(values::now(), Counts::default())?;
    if !common.quiet {
        let exchanges = count(n as u64, "exchange", "exchanges");
        let (session, db) = (written.session, common.db.display());
        say(&format!("{exchanges}; session {session} in {db}; next: {}", super::record::next(common, session)));
    }
    Ok(0)
}
