//! `sniff explain`: a rule's text, laid out as compilers do, and the catalogue.

use super::Look;
use super::table::{Cell, Column, Table};
use super::text::{Style, level, wrap};
use crate::conformance::Rule;
use serde::Serialize;

/// A rule as data.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // those of conformance::Rule
pub struct RuleText {
    pub code: &'static str,
    pub name: &'static str,
    pub level: crate::conformance::Level,
    pub summary: &'static str,
    pub why: &'static str,
    pub source: &'static str,
    pub breaks: &'static [&'static str],
    pub fix: &'static str,
    pub bad: &'static [&'static str],
    pub good: &'static [&'static str],
}

impl From<&'static Rule> for RuleText {
    fn from(r: &'static Rule) -> Self {
        let Rule { code, name, level, summary, why, source, breaks, fix, bad, good, .. } = *r;
        RuleText { code, name, level, summary, why, source, breaks, fix, bad, good }
    }
}

/// One rule for a terminal.
pub fn text(rule: &Rule, look: &Look) -> String {
    let head = format!("{}[{}]", level(rule.level), rule.code);
    let mut out = format!("{}: {}\n", Style::of(rule.level).paint(&head, look.color), Style::Bold.paint(rule.name, look.color));
    for line in wrap(rule.summary, look.width - 2) {
        out += &format!("  {line}\n");
    }
    let breaks = rule.breaks.join(", ");
    for (title, body) in [("why", rule.why), ("source", rule.source), ("breaks", &breaks), ("fix", rule.fix)] {
        paragraph(&mut out, title, body, look);
    }
    for (title, sample) in [("bad", rule.bad.first()), ("good", rule.good.first())] {
        if let Some(sample) = sample {
            out += &format!("\n{}\n", Style::Dim.paint(title, look.color));
            for line in sample.lines() {
                let bar = Style::Dim.paint("  | ", look.color);
                out += format!("{bar}{}", super::text::clip(&super::text::clean(line), look.width - 4)).trim_end();
                out.push('\n');
            }
        }
    }
    out
}

/// The same for documents.
pub fn markdown(rule: &Rule) -> String {
    let e = super::markdown::escape;
    let mut out = format!("## {} {} ({})\n\n{}\n\n{}\n", rule.code, rule.name, level(rule.level), e(rule.summary), e(rule.why));
    for (title, body) in [("Source", rule.source.to_owned()), ("Breaks", rule.breaks.join(", ")), ("Fix", rule.fix.to_owned())] {
        if !body.is_empty() {
            out += &format!("\n**{title}:** {}\n", e(&body));
        }
    }
    for (title, sample) in [("Bad", rule.bad.first()), ("Good", rule.good.first())] {
        if let Some(sample) = sample {
            out += &format!("\n{title}:\n\n````\n{}\n````\n", sample.trim_end());
        }
    }
    out
}

/// The catalogue.
pub fn catalogue(rules: &[&'static Rule]) -> Table {
    let columns = vec![Column::left("Rule"), Column::left("Level"), Column::left("Name"), Column::left("Demands").min(24).spare(1)];
    let row =
        |r: &&Rule| vec![Cell::new(r.code), Cell::new(level(r.level)).style(Style::of(r.level)), Cell::new(r.name), Cell::new(r.summary)];
    Table { columns, rows: rules.iter().map(row).collect() }
}

fn paragraph(out: &mut String, title: &str, body: &str, look: &Look) {
    if body.is_empty() {
        return;
    }
    let label = format!("  {title:<7}");
    for (i, line) in wrap(body, look.width.saturating_sub(10).min(100)).into_iter().enumerate() {
        let before = if i == 0 { Style::Dim.paint(&label, look.color) } else { " ".repeat(label.len()) };
        out.push_str(if i == 0 { "\n" } else { "" });
        *out += &format!("{before} {line}\n");
    }
}
