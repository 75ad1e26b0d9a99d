//! The compliance report for people: on a terminal and as Markdown.

use super::{Broken, Case, Compliance};
use crate::report::finding::{self, RenderOptions};
use crate::report::reports::more;
use crate::report::table::{Cell, Column, Table, render};
use crate::report::text::{Style, clean, clip_middle, level, wrap};
use crate::report::{Terminal, markdown};

/// The report for a terminal, with at most `most` exchanges.
pub fn text(c: &Compliance, most: usize, terminal: &Terminal) -> String {
    let (verdict, style) = c.verdict();
    let mut out = format!("{}\n", style.paint(&verdict, terminal.color));
    if !c.rules.is_empty() {
        out += &format!("\n{}\n", render(&rules_table(c), terminal));
        c.cases.iter().take(most).for_each(|case| out += &case_text(case, terminal));
        out += &more(
            c.cases.len() + c.left_out[0] as usize,
            most,
            "exchange has findings",
            "exchanges have findings",
            terminal,
        );
    }
    out.trim_end().to_owned() + "\n"
}

/// One exchange and its findings, for a terminal.
pub fn case_text(case: &Case, terminal: &Terminal) -> String {
    let file = case.file.as_ref().map(|f| format!("{} ", clean(f))).unwrap_or_default();
    let status = case.status.map_or("-".into(), |s| s.to_string());
    let request = clip_middle(&clean(&case.request), terminal.width.saturating_sub(30).max(30));
    let title = format!("{file}#{}  {request}  {status}", case.exchange);
    let about = clean([case.host.as_str(), &case.dialect].map(str::trim).join("  ").trim());
    let mut out =
        format!("{}  {}\n", Style::Bold.paint(&title, terminal.color), Style::Dim.paint(&about, terminal.color));
    let code_width = case.findings.iter().map(|f| f.rule.len()).max().unwrap_or(0);
    for (i, f) in case.findings.iter().enumerate() {
        // Several findings of one rule have the same fix; only the last of them prints it.
        let last = case.findings.iter().skip(i + 1).all(|later| later.rule != f.rule);
        out += &finding::text(f, RenderOptions { code_width, zero_ns: case.zero_ns, fix: last }, terminal);
    }
    for line in &case.across {
        let indent = "\n     ";
        let lines = wrap(&clean(line), terminal.width.saturating_sub(6).max(30)).join(indent);
        out += &format!("   {} {lines}\n", Style::Dim.paint("·", terminal.color));
    }
    out.push('\n');
    out
}

/// The report as Markdown for documents and pull requests: a table of the rules, then each exchange with its
/// findings and their places.
pub fn markdown_text(c: &Compliance) -> String {
    let mut out = format!("**{}**\n", markdown::escape(&c.verdict().0));
    if !c.rules.is_empty() {
        out += &format!("\n{}", markdown::render(&rules_table(c)));
        c.cases.iter().for_each(|case| out += &case_markdown(case));
        c.not_listed().iter().for_each(|line| out += &format!("\n{}\n", markdown::escape(line)));
    }
    out
}

fn case_markdown(case: &Case) -> String {
    let text = |t: &str| markdown::escape(&clean(t));
    let file = case.file.as_ref().map(|f| format!("{} ", text(f))).unwrap_or_default();
    let status = case.status.map_or("no status".into(), |s| s.to_string());
    let mut out =
        format!("\n#### {file}#{} {} → {status} ({})\n\n", case.exchange, text(&case.request), text(&case.dialect));
    for f in &case.findings {
        let times = finding::times(f).map(|n| format!(", {n} times")).unwrap_or_default();
        let place = finding::place(f, case.zero_ns);
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        out +=
            &format!("- **{}** {}{times}: {}{}\n", f.rule, level(f.level), text(&f.message), markdown::escape(&place));
        if let Some(lines) = finding::excerpt_lines(f, 100) {
            out += "  ```text\n";
            lines.iter().for_each(|l| out += &format!("  | {l}\n"));
            out += "  ```\n";
        }
        f.fix.iter().for_each(|fix| out += &format!("  Fix: {}\n", markdown::escape(fix)));
    }
    out
}

/// The broken rules as a table, one row per rule.
pub fn rules_table(c: &Compliance) -> Table {
    let columns = vec![
        Column::left("Rule"),
        Column::left("Level"),
        Column::right("Exchanges"),
        Column::right("Places").spare(2),
        Column::left("First").spare(1),
        Column::left("What").min(36).wraps(),
        Column::left("Breaks").min(16).spare(3),
    ];
    let row = |b: &Broken| {
        vec![
            Cell::new(&b.rule).style(Style::of(b.level)),
            Cell::new(level(b.level)).style(Style::of(b.level)),
            Cell::new(format!("{}/{}", b.exchanges, c.exchanges)),
            Cell::new(b.places.to_string()),
            Cell::new(format!("#{}", b.first.exchange)),
            Cell::new(&b.first.message),
            Cell::new(b.breaks.join(", ")),
        ]
    };
    Table { columns, rows: c.rules.iter().map(row).collect() }
}

/// The findings as a table, one row per finding.
pub fn findings_table(c: &Compliance) -> Table {
    let file = c.cases.iter().any(|c| c.file.is_some());
    let columns = ["File", "Exchange", "Request", "Dialect", "Rule", "Level", "Record", "Offset", "Count", "Message"]
        .map(Column::left);
    let mut rows = Vec::new();
    for case in &c.cases {
        for f in &case.findings {
            let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            let cells = [
                case.file.clone().unwrap_or_default(),
                case.exchange.to_string(),
                case.request.clone(),
                case.dialect.clone(),
                f.rule.clone(),
                level(f.level).into(),
                number(f.record),
                number(f.offset),
                f.count.to_string(),
                f.message.clone(),
            ];
            rows.push(cells.iter().skip(usize::from(!file)).map(Cell::new).collect());
        }
    }
    Table { columns: columns.into_iter().skip(usize::from(!file)).collect(), rows }
}
