//! `sniff report NAME`: the reports of [`REPORTS`], and the comparison of two runs.

pub(super) mod compare;
mod page;

use super::check::FailOn;
use super::common::Common;
use super::output::{Output, unless_closed};
use super::policy::PolicyArgs;
use super::progress::Progress;
use super::sandbox::{Sandbox, SandboxArgs};
use super::selectors::SelectorArgs;
use super::values;
use crate::exchange::Exchange;
use crate::metrics::clocks::{Arrivals, Clocks};
use crate::metrics::like::Tool;
use crate::metrics::slo::Slo;
use crate::report::Format;
use crate::report::compare::Limit;
use crate::report::groups::By;
use crate::report::page::View;
use crate::report::reports::{Entry, Options, REPORTS, Source};
use crate::store::{Content, Reader};
use crate::time::{Span, Timestamp};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;

/// Report latency, errors, findings, clients; compare runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff report latency --since 1h --model 'gpt-*'
  sniff report latency --by server,model --every 30s --slo 'ttft<500ms,itl_p99<80ms'
  sniff report times --session last --format csv -o times.csv
  sniff report latency --like vllm
  sniff report errors --by server,model
  sniff report compare session=1 session=2 --fail-on-regression 'ttft.p99>10%'
  sniff report compliance --session last --fail-on error
  sniff report clients --session last --dialect openai.chat
  sniff report delivery --host 'api.*'
  sniff report html --session last -o report.html
Formats: table, json, jsonl, csv, markdown; html (latency, compliance)")]
pub(super) struct ReportArgs {
    /// Which report
    #[arg(value_parser = names())]
    report: Which,
    /// Two runs, as session=1 or 'host=a.example model=gpt-*' (compare)
    #[arg(value_name = "RUN", num_args = 0..=2)]
    runs: Vec<String>,
    /// Database of the second run; a second --db means the same (compare)
    #[arg(long, value_name = "PATH", hide_short_help = true,
        value_parser = clap::builder::OsStringValueParser::new().try_map(|name| values::database(&name)))]
    with_db: Option<PathBuf>,
    /// Exit with 1 if the second run is worse, as ttft.p99>10%,failed>1% (compare)
    ///
    /// A metric (ttfb, ttft, ttft_content, itl_p50, itl_p99, itl_max, tpot, duration, duration_plain), a figure (mean,
    /// p50, p90, p95, p99), and by how much it may grow, in percent or as a duration; or the share of failed exchanges
    /// in percentage points. What chance may give is no regression.
    #[arg(long, value_name = "LIMIT", hide_short_help = true, value_delimiter = ',', value_parser = compare::limit)]
    fail_on_regression: Vec<Limit>,
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
    /// The figures of another tool from the same streams (latency, reconcile)
    #[arg(long, value_name = "TOOL", value_parser = tools(), hide_short_help = true)]
    like: Option<Tool>,
    /// Bytes of each body in the page, with the heads (html)
    ///
    /// The page is made to be shared: without this option it holds times, lengths, kinds, names and findings, and
    /// neither heads nor bodies nor text. Secrets are hidden in it as everywhere.
    #[arg(long, value_name = "BYTES", default_value = "0", hide_short_help = true, hide_default_value = true)]
    with_text: u64,
    /// All exchanges in tables, not the ten worst only
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

impl ReportArgs {
    fn options(&self) -> Options {
        Options { by: self.by.clone(), every: self.every, slo: self.slo.clone(), like: self.like }
    }
}

fn keys() -> impl TypedValueParser<Value = By> {
    PossibleValuesParser::new(By::ALL.map(By::as_str))
        .try_map(|name| By::ALL.into_iter().find(|by| by.as_str() == name).ok_or("unknown"))
}

fn tools() -> impl TypedValueParser<Value = Tool> {
    PossibleValuesParser::new(Tool::ALL.map(Tool::as_str))
        .try_map(|name| Tool::ALL.into_iter().find(|tool| tool.as_str() == name).ok_or("unknown"))
}

fn interval(text: &str) -> Result<Span, String> {
    let span = values::span(text)?;
    if span.0 <= 0 { Err("an interval takes some time".into()) } else { Ok(span) }
}

fn slo(text: &str) -> Result<Slo, String> {
    Slo::parse(text, values::span)
}

/// What the first word names.
#[derive(Debug, Clone, Copy)]
enum Which {
    Of(Entry),
    Compare,
    Page,
}

/// The reports by name, for the command line.
fn names() -> impl TypedValueParser<Value = Which> {
    let own = [(compare::NAME, compare::ABOUT), (page::NAME, page::ABOUT)];
    let own = own.into_iter().map(|(name, about)| PossibleValue::new(name).help(about));
    let all = REPORTS.iter().map(|r| PossibleValue::new(r.name).help(r.about)).chain(own);
    PossibleValuesParser::new(all).try_map(|name| match REPORTS.iter().find(|r| r.name == name) {
        Some(entry) => Ok(Which::Of(*entry)),
        None if name == compare::NAME => Ok(Which::Compare),
        None if name == page::NAME => Ok(Which::Page),
        None => Err("unknown report"),
    })
}

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8> {
    let html = common.format.as_deref().is_some_and(|format| format.eq_ignore_ascii_case(page::NAME));
    let entry = match args.report {
        Which::Compare => return compare::run(args, common),
        Which::Page if html || common.format.is_none() => return page::run(args, common, View::Overview),
        Which::Page => bail!("report html is a page and has no other format; report latency has its figures as json"),
        Which::Of(entry) => entry,
    };
    if let Some(view) = page::view(entry.name).filter(|_| html) {
        return page::run(args, common, view);
    }
    if args.with_text > 0 {
        bail!("--with-text belongs to `sniff report html`");
    }
    if !args.runs.is_empty() || args.with_db.is_some() || !args.fail_on_regression.is_empty() {
        bail!("two runs, --with-db and --fail-on-regression belong to `sniff report compare`");
    }
    if entry.name == "reconcile" && args.like.is_none() {
        bail!("say which tool, as in `sniff report reconcile --like aiperf`");
    }
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let mut report = (entry.start)(&args.options());
    let judge = report.shows_findings().then(|| args.policy.judge()).transpose()?;
    Sandbox::of_database(&args.sandbox, common).enter()?;
    let reader = Reader::open(&common.db)?;
    let mut out = Output::open(common)?;
    if args.all || format != Format::Table {
        report.show_all();
    }
    let mut progress = Progress::new(common);
    reader.each(&args.selectors.selector(), &mut |mut s| {
        progress.step();
        judge.iter().for_each(|judge| judge.relevel(&mut s));
        reader.hide(&mut s)?;
        report.add(&s, &reader)
    })?;
    drop(progress);
    let reached = args.fail_on.level().is_some_and(|l| report.reaches(l));
    let terminal = out.terminal;
    unless_closed(report.write(format, &terminal, out.writer()).and_then(|()| out.finish()))?;
    if format == Format::Table {
        super::list::say_without_end(&reader, &args.selectors.selector(), common)?;
    }
    Ok(u8::from(reached))
}

impl Source for Reader {
    fn arrivals(&self, id: i64) -> Result<Arrivals> {
        Reader::arrivals(self, id)
    }

    fn clocks(&self, id: i64) -> Result<Clocks> {
        Reader::clocks(self, id)
    }

    fn exchange(&self, id: i64) -> Result<Exchange> {
        Reader::exchange(self, id)
    }

    fn told(&self, id: i64) -> Result<Vec<(Timestamp, u64)>> {
        Ok(self.contributions(id)?.told)
    }

    fn has_content(&self, id: i64) -> Result<bool> {
        Ok(self.content(id)? == Content::Full)
    }

    fn kept_verdicts(&self, id: i64, models: &str) -> Result<Option<Option<String>>> {
        self.client_verdicts(id, models)
    }

    fn keep_verdicts(&self, id: i64, models: &str, verdicts: Option<String>) {
        self.keep_client_verdicts(id, models, verdicts);
    }
}
