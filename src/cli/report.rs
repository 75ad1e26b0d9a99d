//! `sniff report latency|compliance|delivery|clients`.

use super::check::FailOn;
use super::output::{Output, unless_closed};
use super::policy::PolicyArgs;
use super::selectors::SelectorArgs;
use super::{Common, clients};
use crate::report::clients::Case;
use crate::report::compliance::{self, Compliance};
use crate::report::delivery::{self, Delivered};
use crate::report::hops;
use crate::report::latency::{self, Latency};
use crate::report::{Format, check, csv, json, jsonl, markdown};
use crate::store::Reader;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

/// Latency, compliance or delivery of recorded exchanges, or what real clients would make of them.
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
    #[arg(value_enum)]
    report: Which,
    /// Exit with 1 on findings at or over this level (compliance)
    #[arg(long, value_enum, default_value = "never", value_name = "LEVEL")]
    fail_on: FailOn,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Time to first byte and token, gaps, rates: by dialect, model and host
    Latency,
    /// What breaks which promise, worst first
    Compliance,
    /// Which real clients break on each answer, how, and why
    Clients,
    /// How each stream came: buffering, pauses and their causes, in words
    Delivery,
}

pub(super) fn run(args: &ReportArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let reader = Reader::open(&common.db)?;
    let mut out = Output::open(common)?;
    match args.report {
        Which::Latency => {
            let report = collect_latency(&reader, args)?;
            unless_closed(write_latency(&report, format, &mut out).and_then(|()| out.finish()))?;
            Ok(0)
        }
        Which::Delivery => {
            let judge = args.policy.judge()?;
            let (mut all, mut legs) = (Vec::new(), Vec::new());
            reader.each(&args.selectors.selector(), &mut |mut s| {
                judge.again(&mut s);
                legs.extend(hops::leg(&s));
                all.extend(Delivered::new(&s));
                Ok(())
            })?;
            for (id, sentence) in hops::sentences(&legs) {
                all.iter_mut().filter(|d| d.exchange == id).for_each(|d| d.delivery.push(sentence.clone()));
            }
            unless_closed(write_delivery(&all, format, &mut out).and_then(|()| out.finish()))?;
            Ok(0)
        }
        Which::Compliance => {
            let mut all = Compliance::default();
            let judge = args.policy.judge()?;
            reader.each(&args.selectors.selector(), &mut |mut s| {
                judge.again(&mut s);
                all.add(None, &s);
                Ok(())
            })?;
            all.sort();
            unless_closed(write_compliance(&all, format, &mut out).and_then(|()| out.finish()))?;
            Ok(u8::from(args.fail_on.level().is_some_and(|l| all.reaches(l))))
        }
        Which::Clients => {
            let cases = collect_clients(&reader, args)?;
            unless_closed(clients::write(&cases, format, &mut out).and_then(|()| out.finish()))?;
            Ok(0)
        }
    }
}

/// Exchanges are loaded one by one: what is held is one of them and the verdicts.
fn collect_clients(reader: &Reader, args: &ReportArgs) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    reader.each(&args.selectors.selector(), &mut |s| {
        cases.extend(clients::stored(None, reader, &s, None)?);
        Ok(())
    })?;
    Ok(cases)
}

fn collect_latency(reader: &Reader, args: &ReportArgs) -> Result<latency::Report> {
    let mut all = Latency::default();
    reader.each(&args.selectors.selector(), &mut |s| {
        all.add(&s, &reader.intervals(s.id)?);
        Ok(())
    })?;
    Ok(all.report())
}

fn write_latency(report: &latency::Report, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Table => out.text(&latency::text(report, &out.look)),
        Format::Json => json::document(report, out.writer()),
        Format::Jsonl => report.groups.iter().chain([&report.overall]).try_for_each(|g| jsonl::line(g, out.writer())),
        Format::Csv => csv::table(&latency::table(report), out.writer()),
        Format::Markdown => {
            out.text(&markdown::render(&latency::table(report)))?;
            out.text(&format!("\n{}\n", latency::DEFINITIONS))
        }
    }
}

fn write_delivery(all: &[Delivered], format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Table => out.text(&delivery::text(all, &out.look)),
        Format::Json => json::document(&all, out.writer()),
        Format::Jsonl => all.iter().try_for_each(|d| jsonl::line(d, out.writer())),
        Format::Csv => bail!("there is no CSV of sentences; report latency has the figures"),
        Format::Markdown => out.text(&delivery::markdown_text(all)),
    }
}

fn write_compliance(all: &Compliance, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Table => out.text(&compliance::text(all, &out.look)),
        Format::Json => json::document(all, out.writer()),
        Format::Jsonl => all.cases.iter().flat_map(check::lines).try_for_each(|l| jsonl::line(&l, out.writer())),
        Format::Csv => csv::table(&compliance::findings_table(all), out.writer()),
        Format::Markdown => out.text(&compliance::markdown_text(all)),
    }
}
