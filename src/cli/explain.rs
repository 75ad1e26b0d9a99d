//! `sniff explain [NAME]`: a rule, a client model, or the catalogue of rules.

use super::common::Common;
use super::output::{Output, unless_closed};
use crate::clients::{self, Client};
use crate::conformance::{RULES, Rule, by_code};
use crate::report::explain::{self, RuleText};
use crate::report::table::{Cell, Column, Table};
use crate::report::{Format, csv, json, jsonl, markdown};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

/// Explain a rule or a client model
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff explain
  sniff explain SSE-001
  sniff explain missing-done
  sniff explain 'openai-node 6.49'
  sniff explain --format json | jq -r '.[].code'
Formats: table, json, jsonl, csv (catalogue), markdown")]
pub(super) struct ExplainArgs {
    /// Code or name of a rule, or name of a client [default: all rules]
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn run(args: &ExplainArgs, common: &Common) -> Result<u8> {
    let format = common.format.as_deref().map_or(Ok(Format::Table), |f| Format::parse(f, Format::ALL))?;
    let subject = args.name.as_deref().map(find).transpose()?;
    let mut out = Output::open(common)?;
    let written = match subject {
        Some(Subject::Rule(rule)) => one(rule, format, &mut out),
        Some(Subject::Clients(models)) => client(&models, format, &mut out),
        None => catalogue(format, &mut out),
    };
    unless_closed(written.and_then(|()| out.finish()))?;
    Ok(0)
}

fn one(rule: &'static Rule, format: Format, out: &mut Output) -> Result<()> {
    match format {
        Format::Table => out.text(&explain::text(rule, &out.terminal)),
        Format::Json => json::document(&RuleText::from(rule), out.writer()),
        Format::Jsonl => jsonl::line(&RuleText::from(rule), out.writer()),
        Format::Csv => csv::table(&explain::table(&[rule]), out.writer()),
        Format::Markdown => out.text(&explain::markdown(rule)),
    }
}

fn catalogue(format: Format, out: &mut Output) -> Result<()> {
    let texts = || RULES.iter().map(|r| RuleText::from(*r));
    match format {
        Format::Table => out.text(&explain::catalogue(RULES, &out.terminal)),
        Format::Json => json::document(&texts().collect::<Vec<_>>(), out.writer()),
        Format::Jsonl => texts().try_for_each(|t| jsonl::line(&t, out.writer())),
        Format::Csv => csv::table(&explain::table(RULES), out.writer()),
        Format::Markdown => out.text(&markdown::render(&explain::table(RULES))),
    }
}

/// What a name refers to.
enum Subject {
    Rule(&'static Rule),
    /// A client's models, one per dialect that it speaks.
    Clients(Vec<&'static Client>),
}

fn find(wanted: &str) -> Result<Subject> {
    if let Some(rule) = by_code(wanted) {
        return Ok(Subject::Rule(rule));
    }
    let is = |c: &&Client| c.name.eq_ignore_ascii_case(wanted) || c.title.eq_ignore_ascii_case(wanted);
    let models: Vec<_> = clients::catalogue().filter(is).collect();
    if !models.is_empty() {
        return Ok(Subject::Clients(models));
    }
    let lower = wanted.to_lowercase();
    let rules =
        RULES.iter().filter(|r| r.code.to_lowercase().starts_with(&lower) || r.name.contains(&lower)).map(|r| r.code);
    let near = |c: &&Client| c.name.to_lowercase().contains(&lower) || c.title.to_lowercase().contains(&lower);
    let mut near: Vec<&str> = rules.chain(clients::catalogue().filter(near).map(|c| c.title)).collect();
    near.dedup();
    match near[..] {
        [] => {
            bail!("no rule or client is named {wanted:?}; sniff explain lists the rules, docs/clients.md the clients")
        }
        _ => bail!("no rule or client is named {wanted:?}; perhaps {}", near.join(", ")),
    }
}

fn client(models: &[&Client], format: Format, out: &mut Output) -> Result<()> {
    let documents: Vec<Value> = models.iter().map(|c| document(c)).collect();
    match format {
        Format::Table => out.text(&models.iter().map(|c| text(c)).collect::<Vec<_>>().join("\n")),
        Format::Json => json::document(&documents, out.writer()),
        Format::Jsonl => documents.iter().try_for_each(|d| jsonl::line(d, out.writer())),
        Format::Csv => csv::table(&client_table(models), out.writer()),
        Format::Markdown => out.text(&markdown::render(&client_table(models))),
    }
}

fn text(c: &Client) -> String {
    format!(
        "{}\n  {}\n\n  dialect   {}\n  evidence  {}\n  in JSON   {}\n",
        c.title,
        c.about,
        c.dialect.name,
        c.evidence.text(),
        c.name
    )
}

fn document(c: &Client) -> Value {
    json!({ "client": c.name, "name": c.title, "about": c.about, "dialect": c.dialect.name, "evidence": c.evidence.text() })
}

fn client_table(models: &[&Client]) -> Table {
    let columns = ["Client", "Dialect", "About", "Evidence", "In JSON"].map(Column::left).to_vec();
    let row = |c: &&Client| [c.title, c.dialect.name, c.about, &c.evidence.text(), c.name].map(Cell::new).to_vec();
    Table { columns, rows: models.iter().map(row).collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn near(wanted: &str) -> Vec<String> {
        let e = find(wanted).err().unwrap().to_string();
        let (_, all) = e.split_once("; perhaps ").unwrap_or_default();
        all.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn what_is_near_a_name_is_suggested_once() {
        // The beginning of a code, a part of a rule's name in any case, a part of a client's name.
        assert_eq!(near("SSE-00")[..2], ["SSE-001", "SSE-002"]);
        assert_eq!(near("missing-don")[0], "OAI-CHAT-001");
        assert_eq!(near("Missing-Don"), near("missing-don"));
        for wanted in ["openai", "node", "python", "s"] {
            let mut all = near(wanted);
            let n = all.len();
            assert!(n > 1, "{wanted}");
            all.dedup();
            assert_eq!(all.len(), n, "{wanted}");
        }
        let none = find("no such thing").err().unwrap().to_string();
        assert!(none.ends_with("sniff explain lists the rules, docs/clients.md the clients"), "{none}");
    }
}
