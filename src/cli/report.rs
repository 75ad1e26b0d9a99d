//! `sniff report latency|compliance|delivery|clients`.

use super::check::FailOn;
use super::common::Common;
use super::output::{Output, unless_closed};
use super::policy::PolicyArgs;
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use crate::exchange::Exchange;
use crate::report::Format;
use crate::report::reports::{Entry, REPORTS, Source};
use crate::store::{Content, Reader};
use crate::time::Span;
use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Report latency, findings, delivery or failing clients
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff report latency --since 1h --model 'gpt-*'
  sniff report compliance --session last --fail-on error
  sniff report clients --session last --dialect openai.chat
  sniff report delivery --host 'api.*'
Formats: table, json, jsonl, csv, markdown")]
pub(super) struct ReportArgs {
    /// Which report
    #[arg(value_parser = names())]
    report: Entry,
    /// Exit with 1 on findings at or over this level (compliance)
    #[arg(long, value_enum, default_value = "never", value_name = "LEVEL")]
    fail_on: FailOn,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// The reports by name, for the command line.
fn names() -> impl TypedValueParser<Value = Entry> {
    let all = REPORTS.iter().map(|r| PossibleValue::new(r.name).help(r.about));
    PossibleValuesParser::new(all)
        .try_map(|name| REPORTS.iter().copied().find(|r| r.name == name).ok_or("unknown report"))
}

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let mut report = (args.report.start)();
    let judge = report.shows_findings().then(|| args.policy.judge()).transpose()?;
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let mut out = Output::open(common)?;
    reader.each(&args.selectors.selector(), &mut |mut s| {
        judge.iter().for_each(|judge| judge.relevel(&mut s));
        reader.hide(&mut s)?;
        report.add(&s, &reader)
    })?;
    let reached = args.fail_on.level().is_some_and(|l| report.reaches(l));
    let terminal = out.terminal;
    unless_closed(report.write(format, &terminal, out.writer()).and_then(|()| out.finish()))?;
    if format == Format::Table {
        super::list::say_without_end(&reader, &args.selectors.selector(), common)?;
    }
    Ok(u8::from(reached))
}

impl Source for Reader {
    fn intervals(&self, id: i64) -> Result<Vec<Span>> {
        Reader::intervals(self, id)
    }

    fn exchange(&self, id: i64) -> Result<Exchange> {
        Reader::exchange(self, id)
    }

    fn has_content(&self, id: i64) -> Result<bool> {
        Ok(self.content(id)? == Content::Full)
    }
}
