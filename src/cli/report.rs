//! `sniff report latency|compliance|delivery|clients`.

use super::check::FailOn;
use super::common::Common;
use super::output::{Output, unless_closed};
use super::policy::PolicyArgs;
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use super::values;
use crate::exchange::Exchange;
use crate::metrics::clocks::Clocks;
use crate::metrics::slo::Slo;
use crate::report::Format;
use crate::report::groups::By;
use crate::report::reports::{Entry, Options, REPORTS, Source};
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
  sniff report latency --by server,model --every 30s --slo 'ttft<500ms,itl_p99<80ms'
  sniff report times --session last --format csv -o times.csv
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
    /// Group by these, as server,model (latency, errors)
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = keys())]
    by: Vec<By>,
    /// Also over time, in intervals of this length (latency)
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    every: Option<Span>,
    /// Count what meets these, as ttft<500ms,itl_p99<80ms (latency)
    ///
    /// Figures: ttfb, ttft, ttft_content, itl_p50, itl_p99, itl_max, tpot, duration, tokens_per_s. A figure that an
    /// answer does not have is not met.
    #[arg(long, value_name = "OBJECTIVES", value_parser = slo)]
    slo: Option<Slo>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

impl ReportArgs {
    fn options(&self) -> Options {
        Options { by: self.by.clone(), every: self.every, slo: self.slo.clone() }
    }
}

fn keys() -> impl TypedValueParser<Value = By> {
    PossibleValuesParser::new(By::ALL.map(By::as_str))
        .try_map(|name| By::ALL.into_iter().find(|by| by.as_str() == name).ok_or("unknown"))
}

fn interval(text: &str) -> Result<Span, String> {
    let span = values::span(text)?;
    if span.0 <= 0 { Err("an interval takes some time".into()) } else { Ok(span) }
}

fn slo(text: &str) -> Result<Slo, String> {
    Slo::parse(text, values::span)
}

/// The reports by name, for the command line.
fn names() -> impl TypedValueParser<Value = Entry> {
    let all = REPORTS.iter().map(|r| PossibleValue::new(r.name).help(r.about));
    PossibleValuesParser::new(all)
        .try_map(|name| REPORTS.iter().copied().find(|r| r.name == name).ok_or("unknown report"))
}

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let mut report = (args.report.start)(&args.options());
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

    fn clocks(&self, id: i64) -> Result<Clocks> {
        Reader::clocks(self, id)
    }

    fn exchange(&self, id: i64) -> Result<Exchange> {
        Reader::exchange(self, id)
    }

    fn has_content(&self, id: i64) -> Result<bool> {
        Ok(self.content(id)? == Content::Full)
    }
}
