//! `sniff explain [RULE]`.

use super::Common;
use super::output::{Output, unless_closed};
use crate::conformance::{RULES, Rule, by_code};
use crate::report::explain::{self, RuleText};
use crate::report::{Format, csv, json, jsonl, markdown};
use anyhow::{Result, anyhow};
use clap::Args;

/// A rule's text, or the whole catalogue.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff explain
  sniff explain SSE-001
  sniff explain --format json | jq -r '.[].code'
Formats: table, json, jsonl, csv (catalogue), markdown")]
pub(super) struct ExplainArgs {
    /// Code or name of a rule; without it the catalogue
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

pub(super) fn run(args: &ExplainArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let rule = args.rule.as_deref().map(find).transpose()?;
    let mut out = Output::open(common)?;
    let written = match rule {
        Some(rule) => one(rule, format, &mut out),
        None => catalogue(format, &mut out),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

fn one(rule: &'static Rule, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Table => out.text(&explain::text(rule, &out.look)),
        Format::Json => json::document(&RuleText::from(rule), out.writer()),
        Format::Jsonl => jsonl::line(&RuleText::from(rule), out.writer()),
        Format::Csv => csv::table(&explain::table(&[rule]), out.writer()),
        Format::Markdown => out.text(&explain::markdown(rule)),
    }
}

fn catalogue(format: Format, out: &mut Output) -> Result<()> {
    let texts = || RULES.iter().map(|r| RuleText::from(*r));
    match format {
        Format::Table => out.text(&explain::catalogue(RULES, &out.look)),
        Format::Json => json::document(&texts().collect::<Vec<_>>(), out.writer()),
        Format::Jsonl => texts().try_for_each(|t| jsonl::line(&t, out.writer())),
        Format::Csv => csv::table(&explain::table(RULES), out.writer()),
        Format::Markdown => out.text(&markdown::render(&explain::table(RULES))),
    }
}

fn find(wanted: &str) -> Result<&'static Rule> {
    by_code(wanted).ok_or_else(|| {
        let lower = wanted.to_lowercase();
        let near: Vec<&str> =
            RULES.iter().filter(|r| r.code.to_lowercase().starts_with(&lower) || r.name.contains(&lower)).map(|r| r.code).collect();
        match near[..] {
            [] => anyhow!("there is no rule {wanted:?}; sniff explain lists them all"),
            _ => anyhow!("there is no rule {wanted:?}; perhaps {}", near.join(", ")),
        }
    })
}
