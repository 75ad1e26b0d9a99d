//! `sniff list`.

mod follow;

use super::common::Common;
use super::output::{Output, unless_closed};
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::{FindingArgs, SelectorArgs};
use crate::report::table::Table;
use crate::report::zone::Zone;
use crate::report::{Format, connections, csv, json, jsonl, list, markdown, sessions, table};
use crate::store::{Order, Reader, Selector, Sort};
use crate::summary::Summary;
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

/// List recorded exchanges
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff list --session last
  sniff list --host api.openai.com --since 1h
  sniff list --status 5xx --grep 'rate limit'
  sniff list --sort ttft --limit 10
  sniff list --connections --session last
  sniff list --sessions
  sniff list --follow --limit 0 --status 5xx
  sniff list --streaming --format jsonl | jq 'select(.timing.ttft_ms > 1000) | .id'
Formats: table, json, jsonl, csv, markdown")]
pub(super) struct ListArgs {
    /// List TCP connections, with TLS names and why they could not be read
    #[arg(long)]
    connections: bool,
    /// List sessions, and which of them were killed
    #[arg(long, conflicts_with = "connections")]
    sessions: bool,
    /// Go on: print each exchange once it is finished, until Ctrl-C
    ///
    /// Begins with those that are there; with --limit N with the last N, with 0 with none. Waits for a database that
    /// does not exist yet. Formats: table, jsonl.
    #[arg(long, conflicts_with_all = ["connections", "sessions", "sort", "reverse"])]
    follow: bool,
    /// Order; of figures the largest first
    #[arg(long, value_name = "WHAT", default_value = "time", value_parser = sorts(), hide_possible_values = true)]
    sort: Sort,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// At most this many exchanges
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// All exchanges in the table, not the last 1000 only
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
    #[command(flatten)]
    findings: FindingArgs,
}

impl ListArgs {
    fn selector(&self) -> Selector {
        self.findings.of(self.selectors.selector())
    }
}

/// Rows of a table, unless more are asked for.
const SHOWN: u64 = 1000;

/// The orders by name, for the command line.
fn sorts() -> impl TypedValueParser<Value = Sort> {
    PossibleValuesParser::new(Sort::ALL.iter().map(|(name, _)| *name))
        .try_map(|name| Sort::ALL.iter().find(|(n, _)| *n == name).map(|(_, sort)| *sort).ok_or("unknown order"))
}

pub(super) fn run(args: &ListArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    if args.follow {
        return follow::run(args, format, common);
    }
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let selector = args.selector();
    if args.sessions {
        if !selector.is_of_connections() || selector.host.is_some() {
            bail!("sessions have only numbers, names and times; the other selectors belong to exchanges");
        }
        let all = reader.sessions(&selector)?;
        let mut out = Output::open(common)?;
        unless_closed(
            write_rows(&all, &sessions::table(&all, common.zone(format)), format, &mut out).and_then(|()| out.finish()),
        )?;
        return Ok(0);
    }
    if args.connections {
        if !selector.is_of_connections() {
            bail!("connections have only session, times and host; the other selectors belong to exchanges");
        }
        let mut out = Output::open(common)?;
        let all = reader.connections(&selector)?;
        unless_closed(
            write_rows(&all, &connections::table(&all, common.zone(format)), format, &mut out)
                .and_then(|()| out.finish()),
        )?;
    } else {
        let mut out = Output::open(common)?;
        unless_closed(write(&reader, args, common, format, &mut out).and_then(|()| out.finish()))?;
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

fn write(reader: &Reader, args: &ListArgs, common: &Common, format: Format, out: &mut Output) -> Result<()> {
    let selector = args.selector();
    let order = Order { sort: args.sort, reverse: args.reverse, limit: args.limit };
    match format {
        Format::Json => {
            let mut all = json::List::default();
            each(reader, &selector, &order, &mut |s| all.push(s, out.writer()))?;
            all.end(out.writer())
        }
        Format::Jsonl => each(reader, &selector, &order, &mut |s| jsonl::line(s, out.writer())),
        Format::Csv => {
            let rows = csv::Writer::new(&Summary::template(), out.writer())?;
            each(reader, &selector, &order, &mut |s| rows.row(s, out.writer()))
        }
        Format::Markdown => out.text(&markdown::render(&rows(reader, &selector, &order, Zone::Utc)?.table())),
        Format::Table => {
            // Without a wish the newest are shown, in the order of all.
            let newest = order == Order::default() && !args.all;
            let last = Order { reverse: true, limit: Some(SHOWN + 1), ..order };
            let mut rows = rows(reader, &selector, if newest { &last } else { &order }, common.zone(format))?;
            let more = newest && rows.len() as u64 > SHOWN;
            if newest {
                rows.reverse(SHOWN as usize);
            }
            if rows.is_empty() {
                if !common.quiet {
                    super::common::say("no exchange matches");
                }
                return Ok(());
            }
            out.text(&table::render(&rows.table(), &out.terminal))?;
            if more && !common.quiet {
                super::common::say(&format!(
                    "the last {SHOWN} exchanges are shown; older ones match too (--all, --limit N, or selectors)"
                ));
            }
            Ok(())
        }
    }
}

fn rows(reader: &Reader, selector: &Selector, order: &Order, zone: Zone) -> Result<list::Rows> {
    let mut rows = list::Rows::new(zone);
    reader.each_alone(selector, order, &mut |mut s| {
        reader.hide(&mut s)?;
        rows.push(&s);
        Ok(())
    })?;
    Ok(rows)
}

/// Passes each exchange to `sink`, without secrets.
fn each(
    reader: &Reader,
    selector: &Selector,
    order: &Order,
    sink: &mut dyn FnMut(&Summary) -> Result<()>,
) -> Result<()> {
    reader.each_in(selector, order, &mut |mut s| {
        reader.hide(&mut s)?;
        sink(&s)
    })
}
