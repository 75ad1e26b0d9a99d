//! The report on errors for a terminal: in one line what failed, then a table of the groups, then the latest failures.

use super::{Failure, Report};
use crate::report::Terminal;
use crate::report::table::{COMFORT, Cell, Column, Table, render};
use crate::report::text::{Style, clean, count, wrap};
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// Groups in the table.
const GROUPS: usize = 20;
/// Failures that are shown.
const FAILURES: usize = 10;

pub(super) fn text(report: &Report, terminal: &Terminal) -> String {
    if report.overall.exchanges == 0 {
        return "no exchanges\n".into();
    }
    let mut out = String::new();
    for (n, line) in summary(report).into_iter().enumerate() {
        for line in wrap(&line, terminal.width) {
            let style = if n == 0 { Style::Bold } else { Style::Plain };
            out += &format!("{}\n", style.paint(&line, terminal.color));
        }
    }
    out += &format!("\n{}", render(&groups(report), terminal));
    if report.failures.is_empty() {
        return out;
    }
    let all = report.failures.len();
    let head = if all > FAILURES { format!("The last {FAILURES} of {all} failures") } else { "The failures".into() };
    out += &format!("\n{}\n", Style::Bold.paint(&head, terminal.color));
    out += &render(&failures(report.failures.iter().skip(all.saturating_sub(FAILURES))), terminal);
    if all > FAILURES {
        let more = "All of them: --format csv, json or jsonl; one of them: sniff show ID";
        out += &format!("{}\n", Style::Dim.paint(more, terminal.color));
    }
    out
}

/// What failed, and what became of it.
pub(super) fn summary(report: &Report) -> Vec<String> {
    let all = &report.overall;
    let share = 100.0 * all.failed as f64 / all.exchanges.max(1) as f64;
    let mut first =
        format!("{} of {} failed ({share:.1} %)", all.failed, count(all.exchanges, "exchange", "exchanges"));
    let by_status = named(&all.statuses, |status| status.parse::<u16>().is_ok_and(|status| status >= 400));
    let by_verdict = named(&all.verdicts, |verdict| verdict != "complete");
    let causes: Vec<String> = by_status.into_iter().chain(by_verdict).collect();
    if !causes.is_empty() {
        first += &format!(": {}", causes.join(", "));
    }
    let mut lines = vec![first];
    if all.sent_again > 0 {
        let after = all
            .sent_again_after_p50_ms
            .map_or(String::new(), |ms| format!(", after {} in the median", Span((ms * 1e6).round() as i64)));
        lines.push(format!(
            "sent again: {} of {}{after}; came through at last: {}",
            all.sent_again,
            count(all.failed, "failure", "failures"),
            all.recovered
        ));
    }
    if all.wrong_shapes > 0 {
        let errors = count(all.wrong_shapes, "error has", "errors have");
        lines.push(format!("{errors} not the form of the API that was asked"));
    }
    lines
}

fn named(of: &BTreeMap<String, u64>, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut of: Vec<(&String, &u64)> = of.iter().filter(|(name, _)| wanted(name)).collect();
    of.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    of.into_iter().map(|(name, n)| format!("{} ×{n}", clean(name))).collect()
}

/// One row per group.
pub(super) fn groups(report: &Report) -> Table {
    let mut columns: Vec<Column> = report.keys.iter().map(|by| by.column().min(10).middle()).collect();
    columns.extend([
        Column::right("n"),
        Column::right("Failed"),
        Column::right("Share"),
        Column::right("429"),
        Column::right("Other 4xx").spare(COMFORT + 2),
        Column::right("5xx"),
        Column::right("Error in 200").spare(COMFORT),
        Column::right("Cut by client"),
        Column::right("By server"),
        Column::right("Wrong form").spare(COMFORT + 3),
        Column::right("Sent again").spare(COMFORT + 1),
        Column::right("Recovered").spare(2),
    ]);
    let row = |group: &super::Group, first: Option<&str>| {
        let number = |n: u64| Cell::new(if n == 0 { String::new() } else { n.to_string() });
        let limited = group.statuses.get("429").copied().unwrap_or(0);
        let cut = |by: &str| group.cuts.get(by).copied().unwrap_or(0);
        let mut row: Vec<Cell> = match first {
            Some(all) => (0..report.keys.len()).map(|n| Cell::new(if n == 0 { all } else { "" })).collect(),
            None => group.key.cells(&report.keys).iter().map(Cell::new).collect(),
        };
        let share = 100.0 * group.failed as f64 / group.exchanges.max(1) as f64;
        row.extend([
            Cell::new(group.exchanges.to_string()),
            number(group.failed).style(Style::Red),
            Cell::new(if group.failed == 0 { String::new() } else { format!("{share:.1} %") }),
            number(limited),
            number(group.of_statuses(400, 500) - limited),
            number(group.of_statuses(500, 600)),
            number(group.verdicts.get("error-in-200").copied().unwrap_or(0)),
            number(cut("client")),
            number(cut("server")),
            number(group.wrong_shapes),
            number(group.sent_again),
            number(group.recovered),
        ]);
        row
    };
    let mut rows: Vec<Vec<Cell>> = report.groups.iter().take(GROUPS).map(|group| row(group, None)).collect();
    if report.groups.len() > 1 {
        rows.push(row(&report.overall, Some("All")));
    }
    Table { columns, rows }
}

/// One row per failure.
pub(super) fn failures<'a>(of: impl Iterator<Item = &'a Failure>) -> Table {
    let columns = vec![
        Column::right("ID"),
        Column::left("Time (UTC)"),
        Column::left("Client").min(9).middle().spare(COMFORT + 1),
        Column::left("Server").min(14).middle(),
        Column::left("Model").min(6).middle().spare(COMFORT),
        Column::right("Status"),
        Column::left("End"),
        Column::right("Try"),
        Column::left("Sent again"),
        Column::left("Why").min(20).spare(2),
    ];
    let row = |f: &Failure| {
        let time = f.t_ns.map(|ns| Timestamp(ns).to_string()).unwrap_or_default();
        let after = f.sent_again_after_ms.map(|ms| Span((ms * 1e6).round() as i64).to_string());
        let again = f
            .sent_again_as
            .zip(after)
            .map(|(id, after)| format!("#{id} after {after}{}", if f.recovered == Some(true) { ", ok" } else { "" }));
        let end = Cell::new(f.verdict.as_deref().unwrap_or("-"));
        let why = f.wrong_shape.as_ref().or(f.error_in_stream.as_ref()).or(f.why.as_ref());
        vec![
            Cell::new(f.exchange.to_string()),
            Cell::new(time.get(11..23).unwrap_or_default()),
            Cell::new(&f.client),
            Cell::new(&f.server),
            Cell::new(f.model.as_deref().unwrap_or_default()),
            Cell::new(f.status.map(|status| status.to_string()).unwrap_or_default()),
            if f.verdict.as_deref() == Some("complete") { end } else { end.style(Style::Red) },
            Cell::new(f.attempt.to_string()),
            Cell::new(again.unwrap_or_default()),
            Cell::new(why.map(String::as_str).unwrap_or_default()),
        ]
    };
    Table { columns, rows: of.map(row).collect() }
}
