//! `sniff redact IN OUT`: writes a copy of a database or capture that can be attached to a bug report: without secrets,
//! and if asked for without prompts and answers.

mod capture;

use super::common::{Common, say};
use super::sandbox::{Sandbox, SandboxArgs};
use crate::analyzer::{Analyzed, Output};
use crate::capture::Counts;
use crate::conformance::{self, Finding, Limits};
use crate::exchange::redact::{Filler, Masks, Redactor, share};
use crate::metrics;
use crate::report::text::count;
use crate::store::select::SessionIs;
use crate::store::{self, Reader, Secrets, Selector, Session, Writer};
use crate::summary::{FindingSummary, Summary};
use crate::time::Timestamp;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};

/// Copy a database or capture without secrets, to attach to a bug report
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff redact sniff.db report.db                 without keys, tokens and cookies
  sniff redact --text sniff.db report.db          without prompts and answers too
  sniff redact --text capture.pcap report.pcapng  as packets, for tools that read captures
  sniff redact --text capture.pcap report.db      as a database, with WebSockets and what TCP did
Times, sizes, offsets and findings stay; bodies with a content coding are written decoded, and what was encrypted in the
clear. In a capture each exchange is a connection of its own, in HTTP/1.1.")]
pub(super) struct RedactArgs {
    /// Database, capture or .wire transcript to copy
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// File to write (a capture: .pcapng, .pcap, .cap); it must not exist
    ///
    /// Any other name is that of a database.
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// TLS key log (NSS format), for a capture
    #[arg(long, value_name = "FILE", env = "SSLKEYLOGFILE")]
    keylog: Option<PathBuf>,
    /// Replace every prompt and answer by filler of the same length
    ///
    /// Names of members, types, finish reasons and other words of a protocol stay, so that the findings stay.
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// What was written, for the last line.
#[derive(Debug, Default)]
struct Done {
    exchanges: u64,
    decoded: u64,
    decrypted: u64,
    /// Exchanges with bytes that were not captured, and whose copy has no hole there.
    closed_up: u64,
    /// One line for each exchange that the copy cannot hold.
    left_out: Vec<String>,
}

impl Done {
    fn add(&mut self, s: &Summary, decoded: bool) {
        self.exchanges += 1;
        self.decoded += u64::from(decoded);
        self.decrypted += u64::from(s.tls);
    }
}

pub(super) fn run(args: &RedactArgs, common: &Common) -> Result<u8> {
    let (from, to) = (&args.from, &args.to);
    let recorded = super::check::is_database(&from.to_string_lossy());
    if !from.exists() {
        bail!("cannot open {}: there is no such file", from.display());
    }
    if recorded && capture::is_named(to) && capture::is_named(from) {
        bail!("{} is a database of sniff, although its name is a capture's", from.display());
    }
    create(to)?;
    let sandbox = Sandbox::of_database(&args.sandbox, common).writes_beside(from).writes_beside(to);
    args.keylog.iter().fold(sandbox, |sandbox, path| sandbox.reads_beside(path)).enter()?;
    // A capture goes through a recording, which is deleted with this value.
    let copied =
        if recorded { copy(from, args) } else { capture::record(args, common).and_then(|r| copy(r.path(), args)) };
    if copied.is_err() {
        // Half a copy would look like a whole one.
        let _ = std::fs::remove_file(to);
    }
    let done = copied?;
    if !common.quiet {
        done.left_out.iter().for_each(|line| say(line));
        say(&last_line(&done, args));
    }
    Ok(0)
}

/// Copies a database into a file of the kind that its name says.
fn copy(from: &Path, args: &RedactArgs) -> Result<Done> {
    let mut done = Done::default();
    match capture::is_named(&args.to) {
        true => capture::write(from, args, &mut done)?,
        false => database(from, args, &mut done)?,
    }
    Ok(done)
}

/// Copies all sessions of a database into another one.
fn database(from: &Path, args: &RedactArgs, done: &mut Done) -> Result<()> {
    let (to, reader) = (&args.to, Reader::open(from)?);
    let filler = args.text.then(Filler::new);
    for session in reader.sessions(&Selector::default())? {
        let mut options = reader.options(session.id)?;
        options["store_secrets"] = false.into();
        options["redacted"] = if args.text { "text" } else { "secrets" }.into();
        let about = Session {
            source: file_name(&session.source),
            started: Timestamp(session.started_ns),
            options,
            process: None,
        };
        let mut writer = Writer::start(to, about, Secrets::Hide)?;
        let selector = Selector { session: Some(SessionIs::Number(session.id)), ..Selector::default() };
        let mut all = reader.list(&selector)?;
        all.sort_by_key(|s| s.id);
        for s in &all {
            let (analyzed, decoded) = redacted(&reader, s, filler.as_ref())?;
            done.add(s, decoded);
            writer.send(Output::Exchange(Box::new(analyzed)))?;
        }
        let counts =
            Counts { packets: session.packets.unwrap_or(0), bytes: session.bytes.unwrap_or(0), ..Counts::default() };
        let written = writer.finish(Timestamp(session.ended_ns.unwrap_or(session.started_ns)), counts)?;
        store::copy::connections(from, to, session.id, written.session)?;
    }
    Ok(())
}

/// One exchange for the copy, and whether a content coding was undone.
fn redacted(reader: &Reader, s: &Summary, filler: Option<&Filler>) -> Result<(Analyzed, bool)> {
    let whole = reader.exchange(s.id)?;
    let (mut masks, mut hidden) = (Masks::default(), s.clone());
    masks.exchange(&mut whole.clone(), &Redactor::default());
    hidden.hide(&masks, &Redactor::default());
    let (exchange, decoded) = share(&whole, filler);
    let metrics = metrics::of(&exchange);
    let again = conformance::judge(&exchange, &metrics, &Limits::default());
    let findings = hidden.findings.into_iter().map(|f| finding(f, &again, filler)).collect::<Result<_>>()?;
    Ok((Analyzed { exchange: Box::new(exchange), metrics, findings }, decoded))
}

/// A stored finding at its place. With a filler its words are those that the same rule says of the copy.
fn finding(f: FindingSummary, again: &[Finding], filler: Option<&Filler>) -> Result<Finding> {
    let rule = conformance::by_code(&f.rule).with_context(|| format!("this version has no rule {}", f.rule))?;
    let same = again.iter().find(|a| a.rule == rule.code && a.offset == f.offset && a.record == f.record);
    let (message, excerpt) = match (filler, same) {
        (None, _) => (f.message, f.excerpt),
        (Some(_), Some(same)) => (same.message.clone(), same.excerpt.clone()),
        (Some(_), None) => (rule.summary.to_owned(), None),
    };
    Ok(Finding {
        rule: rule.code,
        level: Some(f.level),
        at: f.t_ns.map(Timestamp),
        record: f.record,
        offset: f.offset,
        frame: f.packet,
        chunk: f.chunk,
        count: f.count,
        message,
        excerpt,
        fix: same.and_then(|same| same.fix),
    })
}

/// Makes the file, for this user alone.
fn create(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(())
}

/// The source without its folders, which name users and projects.
fn file_name(source: &str) -> String {
    source.rsplit('/').next().unwrap_or_default().to_owned()
}

fn last_line(done: &Done, args: &RedactArgs) -> String {
    let what = if args.text { "secrets, prompts and answers are replaced" } else { "secrets are replaced" };
    let mut line = format!("{} in {}: {what}", count(done.exchanges, "exchange", "exchanges"), args.to.display());
    if done.decoded > 0 {
        line += &format!("; of {} the content coding is undone", done.decoded);
    }
    if done.decrypted > 0 {
        line += &format!("; {} were encrypted and are written in the clear", done.decrypted);
    }
    if done.closed_up > 0 {
        line += &format!("; of {} the bytes that were not captured are left out without a hole", done.closed_up);
    }
    line
}
