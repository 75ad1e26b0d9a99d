//! `sniff list`.

use super::common::Common;
use super::output::{Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use crate::report::table::Table;
use crate::report::{Format, connections, csv, json, jsonl, list, markdown, sessions, table};
use crate::store::{Reader, Selector};
use crate::summary::Summary;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

/// List recorded exchanges
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff list --session last
  sniff list --host api.openai.com --since 1h
  sniff list --connections --session last
  sniff list --sessions
  sniff list --streaming --format jsonl | jq 'select(.timing.ttft_ms > 1000) | .id'
Formats: table, json, jsonl, csv, markdown")]
pub(super) struct ListArgs {
    /// List TCP connections, with TLS names and why they could not be read
    #[arg(long)]
    connections: bool,
    /// List sessions, and which of them were killed
    #[arg(long, conflicts_with = "connections")]
    sessions: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

pub(super) fn run(args: &ListArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let selector = args.selectors.selector();
    if args.sessions {
        if !selector.is_of_connections() || selector.host.is_some() {
            bail!("sessions have only numbers, names and times; the other selectors belong to exchanges");
        }
        let all = reader.sessions(&selector)?;
        let mut out = Output::open(common)?;
        unless_closed(write_rows(&all, &sessions::table(&all), format, &mut out).and_then(|()| out.finish()))?;
        return Ok(0);
    }
    if args.connections {
        if !selector.is_of_connections() {
            bail!(
                "connections have only session, times and host; --path, --model, --rpc-method, --rpc-name, \
                    --dialect, --framing and --streaming belong to exchanges"
            );
        }
        let mut out = Output::open(common)?;
        let all = reader.connections(&selector)?;
        unless_closed(write_rows(&all, &connections::table(&all), format, &mut out).and_then(|()| out.finish()))?;
    } else {
        let mut out = Output::open(common)?;
        unless_closed(write(&reader, args, common.quiet, format, &mut out).and_then(|()| out.finish()))?;
    }
    // An exchange that is missing in the table may be in a connection that could not be decrypted.
    if format == Format::Table && !common.quiet && selector.is_of_connections() {
        let all = reader.connections(&selector)?;
        let color = super::output::stderr_terminal(common).color;
        let lines = connections::Unread::of(&all).lines(color);
        lines.iter().chain(&connections::outer_names(&all, color)).for_each(|line| super::common::say(line));
    }
    if format == Format::Table {
        say_without_end(&reader, &selector, common)?;
    }
    Ok(0)
}

/// Says which of the sessions have no end, unless the command is quiet: what is listed may not be all.
pub(super) fn say_without_end(reader: &Reader, selector: &Selector, common: &Common) -> Result<()> {
    if !common.quiet {
        let all = reader.sessions_without_end(selector)?;
        let color = super::output::stderr_terminal(common).color;
        sessions::without_end(&all, color).iter().for_each(|line| super::common::say(line));
    }
    Ok(())
}

/// Writes what has a table of its own: connections, sessions.
pub(super) fn write_rows(all: &[impl Serialize], shown: &Table, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Json => {
            let mut list = json::List::default();
            all.iter().try_for_each(|c| list.push(c, out.writer()))?;
            list.end(out.writer())
        }
        Format::Jsonl => all.iter().try_for_each(|c| jsonl::line(c, out.writer())),
        Format::Csv => csv::table(shown, out.writer()),
        Format::Markdown => out.text(&markdown::render(shown)),
        Format::Table => out.text(&table::render(shown, &out.terminal)),
    }
}

fn write(reader: &Reader, args: &ListArgs, quiet: bool, format: Format, out: &mut Output) -> Result<()> {
    let selector = args.selectors.selector();
    match format {
        Format::Json => {
            let mut all = json::List::default();
            each(reader, &selector, &mut |s| all.push(s, out.writer()))?;
            all.end(out.writer())
        }
        Format::Jsonl => each(reader, &selector, &mut |s| jsonl::line(s, out.writer())),
        Format::Csv => {
            let rows = csv::Writer::new(&Summary::template(), out.writer())?;
            each(reader, &selector, &mut |s| rows.row(s, out.writer()))
        }
        Format::Table | Format::Markdown => {
            let mut all = reader.list(&selector)?;
            all.iter_mut().try_for_each(|s| reader.hide(s))?;
            let t = list::table(&all);
            match format {
                Format::Markdown => out.text(&markdown::render(&t)),
                _ if all.is_empty() => {
                    if !quiet {
                        super::common::say("no exchange matches");
                    }
                    Ok(())
                }
                _ => out.text(&table::render(&t, &out.terminal)),
            }
        }
    }
}

/// Passes each exchange to `sink`, without secrets.
fn each(reader: &Reader, selector: &Selector, sink: &mut dyn FnMut(&Summary) -> Result<()>) -> Result<()> {
    reader.each(selector, &mut |mut s| {
        reader.hide(&mut s)?;
        sink(&s)
    })
}
