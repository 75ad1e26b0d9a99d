//! The report on latency for a terminal: in one line what happened, then a table of the groups, then each group.

use super::over_time::{Change, Interval};
use super::{DEFINITIONS, FIGURES, Group, METRICS, Report};
use crate::metrics::stats::Stats;
use crate::report::Terminal;
use crate::report::groups::By;
use crate::report::spark;
use crate::report::table::{COMFORT, Cell, Column, Table, render};
use crate::report::text::{Style, clean, count, wrap};
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// Groups in the table of groups.
const IN_TABLE: usize = 20;
/// Groups that are shown in full.
const IN_FULL: usize = 6;

pub(super) fn text(report: &Report, terminal: &Terminal) -> String {
    let mut out = String::new();
    if report.overall.exchanges == 0 {
        return "no exchanges\n".into();
    }
    let paint = |style: Style, text: &str| style.paint(text, terminal.color);
    for (n, line) in summary(report).into_iter().enumerate() {
        for line in wrap(&line, terminal.width) {
            out += &format!("{}\n", if n == 0 { paint(Style::Bold, &line) } else { line });
        }
    }
    for group in report.groups.iter().chain((report.groups.len() != 1).then_some(&report.overall)) {
        if let Some(change) = &group.change {
            let line = format!("{} {}", title(report, group), said(change));
            wrap(&line, terminal.width).iter().for_each(|line| out += &format!("{}\n", paint(Style::Yellow, line)));
        }
    }
    if report.groups.len() > 1 {
        out += &format!("\n{}", render(&groups(report), terminal));
    }
    // All blocks have the same column widths, so that figures align across blocks.
    let shown: Vec<&Group> = match report.groups.len() {
        1 => report.groups.iter().collect(),
        _ => report.groups.iter().take(IN_FULL).chain([&report.overall]).collect(),
    };
    let mut all = Table { columns: columns(), rows: Vec::new() };
    shown.iter().for_each(|g| all.rows.extend(rows(g)));
    // The blocks are indented.
    let inner = Terminal { width: terminal.width - 2, ..*terminal };
    let rendered = render(&all, &inner);
    let mut lines = rendered.lines();
    let head = lines.next().unwrap_or_default();
    for group in shown {
        out += &format!("\n{}  {}\n", paint(Style::Bold, &title(report, group)), facts(group));
        for line in counts(group).iter().flat_map(|line| wrap(line, inner.width)) {
            out += &format!("  {}\n", paint(Style::Dim, &line));
        }
        let n = rows(group).len();
        if n > 0 {
            out += &format!("  {head}\n");
        }
        lines.by_ref().take(n).for_each(|line| out += &format!("  {line}\n"));
        if let Some(intervals) = group.intervals.as_ref().filter(|all| !all.is_empty()) {
            let over = render(&over_time(intervals), &inner);
            over.lines().for_each(|line| out += &format!("  {line}\n"));
        }
    }
    let more = report.groups.len();
    if more > IN_FULL {
        let text = format!("{IN_FULL} of {more} groups are shown in full; --format json has all");
        out += &format!("\n{}\n", paint(Style::Dim, &text));
    }
    out.push('\n');
    for line in wrap(DEFINITIONS, terminal.width) {
        out += &format!("{}\n", paint(Style::Dim, &line));
    }
    out
}

/// A value with its unit.
pub(super) fn value(v: Option<f64>, is_span: bool) -> String {
    match v {
        Some(v) if is_span => Span((v * 1e6).round() as i64).to_string(),
        Some(v) => format!("{v:.1}"),
        None => String::new(),
    }
}

fn title(report: &Report, group: &Group) -> String {
    match group.streamed {
        None => "All exchanges".into(),
        Some(streamed) => {
            format!("{} · {}", clean(&group.key.name(&report.keys)), if streamed { "streamed" } else { "plain" })
        }
    }
}

/// The first lines: how much, how fast, how much of it was good.
fn summary(report: &Report) -> Vec<String> {
    let (all, t) = (&report.overall, &report.overall.throughput);
    let mut first = count(all.exchanges, "exchange", "exchanges");
    first += &format!(", {} streamed", report.streamed.exchanges);
    if let Some(wall) = t.wall_s {
        first += &format!(" in {}", how_long(wall));
    }
    if all.exchanges > 0 {
        first += &format!(", {} failed ({})", all.failed, percent(all.failed, all.exchanges));
    }
    let mut lines = vec![first];
    if let (Some(good), Some(slo)) = (t.good, &report.slo) {
        let rate = t.goodput_per_s.map_or(String::new(), |rate| format!("goodput {rate:.2}/s: "));
        lines.push(format!("{rate}{good} of {} ({}) meet {slo}", all.exchanges, percent(good, all.exchanges)));
    }
    lines
}

fn said(change: &Change) -> String {
    let (what, of) = (if change.after > change.before { "slower" } else { "faster" }, &change.metric);
    let of = METRICS.iter().find(|(_, name, _)| name == of).map_or("", |(title, ..)| title);
    let [before, after] = [change.before, change.after].map(|v| value(Some(v), true));
    format!("is {what} since {} UTC: {of} p50 {before} before, {after} from then on", clock(change.at_ns))
}

fn percent(part: u64, of: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / of.max(1) as f64)
}

/// A wall time.
fn how_long(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..120 => Span((seconds * 1e9) as i64).to_string(),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// The instant, to the second unless it has a part of one.
pub(super) fn instant(ns: i64) -> String {
    let date = Timestamp(ns).to_string();
    format!("{}T{}Z", date.get(..10).unwrap_or_default(), clock(ns))
}

/// The time of day.
fn clock(ns: i64) -> String {
    let text = Timestamp(ns).to_string();
    let whole = ns.rem_euclid(1_000_000_000) == 0;
    text.get(11..if whole { 19 } else { 23 }).unwrap_or_default().to_owned()
}

/// Figures of the group as a whole.
fn facts(group: &Group) -> String {
    let t = &group.throughput;
    let mut parts = vec![count(group.exchanges, "exchange", "exchanges")];
    parts.extend(t.requests_per_s.filter(|_| group.exchanges > 1).map(|rate| format!("{rate:.2}/s")));
    parts.extend(t.output_tokens_per_s.map(|rate| format!("{rate:.1} tokens/s")));
    parts.extend(t.good.map(|good| format!("{} good", percent(good, group.exchanges))));
    parts.join(", ")
}

/// Counts by status, verdict and finish reason.
fn counts(group: &Group) -> Vec<String> {
    let line = |title: &str, of: &BTreeMap<String, u64>| {
        let mut of: Vec<(&String, &u64)> = of.iter().collect();
        of.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let parts: Vec<String> = of.into_iter().map(|(name, n)| format!("{} ×{n}", clean(name))).collect();
        format!("{title} {}", parts.join(", "))
    };
    let parts = [
        line("status", &group.statuses),
        line("verdict", &group.verdicts),
        line("finish reason", &group.finish_reasons),
    ];
    vec![parts.join(" · ")]
}

/// One row per group.
fn groups(report: &Report) -> Table {
    let figures = [
        ("ttft_ms", "TTFT p50", "TTFT p99", 4),
        ("itl_ms", "ITL p50", "ITL p99", 6),
        ("duration_ms", "Duration", "p99", 5),
    ];
    let key = |by: &By| by.column().min(8).middle();
    let mut columns: Vec<Column> = report.keys.iter().map(key).collect();
    columns.extend([Column::left("").spare(1), Column::right("n"), Column::right("Failed").spare(3)]);
    columns.extend([Column::right("Per s").spare(8), Column::right("Tokens/s").spare(7)]);
    if report.slo.is_some() {
        columns.push(Column::right("Good").spare(1));
    }
    for (_, p50, p99, spare) in figures {
        columns.extend([Column::right(p50).spare(if spare == 4 { 1 } else { spare }), Column::right(p99).spare(spare)]);
    }
    // The same intervals for all groups, so that pictures can be compared.
    let over: Vec<i64> = report.overall.intervals.iter().flatten().map(|i| i.from_ns).collect();
    if (2..=60).contains(&over.len()) {
        columns.push(Column::left("TTFT p50 over time").spare(2));
    }
    let trend = |g: &Group| {
        let of = |from: &i64| {
            let interval = g.intervals.iter().flatten().find(|i| i.from_ns == *from)?;
            interval.metrics.get("ttft_ms").and_then(|s| s.p50)
        };
        spark::line(&over.iter().map(of).collect::<Vec<_>>()).trim_end().to_owned()
    };
    let row = |g: &Group| {
        let t = &g.throughput;
        let number = |v: Option<f64>, digits: usize| Cell::new(v.map(|v| format!("{v:.digits$}")).unwrap_or_default());
        let mut row: Vec<Cell> = match g.streamed {
            None => (0..report.keys.len()).map(|n| Cell::new(if n == 0 { "All" } else { "" })).collect(),
            Some(_) => g.key.cells(&report.keys).iter().map(Cell::new).collect(),
        };
        row.push(Cell::new(match g.streamed {
            Some(true) => "streamed",
            Some(false) => "plain",
            None => "",
        }));
        let failed = Cell::new(if g.failed == 0 { String::new() } else { g.failed.to_string() }).style(Style::Red);
        row.extend([Cell::new(g.exchanges.to_string()), failed]);
        row.extend([number(t.requests_per_s.filter(|_| g.exchanges > 1), 2), number(t.output_tokens_per_s, 1)]);
        if report.slo.is_some() {
            row.push(Cell::new(t.good.map(|good| percent(good, g.exchanges)).unwrap_or_default()));
        }
        for (name, ..) in figures {
            let stats = g.metrics.get(name).copied().unwrap_or_default();
            row.extend([stats.p50, stats.p99].map(|v| Cell::new(value(v, true))));
        }
        row.push(Cell::new(trend(g)).style(Style::Blue));
        row
    };
    Table { columns, rows: report.groups.iter().take(IN_TABLE).chain([&report.overall]).map(row).collect() }
}

/// Title, n, the order statistics from the smallest to the largest, and the picture.
fn columns() -> Vec<Column> {
    let mut columns = vec![Column::left(""), Column::right("n")];
    for title in ORDER {
        let spare = match title {
            "p99.9" => COMFORT + 4,
            "sd" => COMFORT + 3,
            "p95" => COMFORT + 2,
            "min" => COMFORT + 1,
            "mean" => COMFORT,
            _ => 0,
        };
        columns.push(Column::right(title).spare(spare));
    }
    columns.push(Column::left("Spread, min to max").spare(1));
    columns
}

const ORDER: [&str; 9] = ["min", "mean", "sd", "p50", "p90", "p95", "p99", "p99.9", "max"];

/// One row per metric that has values.
fn rows(group: &Group) -> Vec<Vec<Cell>> {
    let of = |title: &str, stats: &Stats| FIGURES.iter().find(|(t, _)| *t == title).and_then(|(_, f)| f(stats));
    let with_values = METRICS.iter().filter_map(|m| group.metrics.get(m.1).filter(|s| s.n > 0).map(|s| (m, s)));
    with_values
        .map(|((title, name, is_span), stats)| {
            let figures = ORDER.map(|figure| Cell::new(value(of(figure, stats), *is_span)));
            let picture = group.spread.get(name).map(String::as_str).unwrap_or_default();
            let picture = Cell::new(picture).style(Style::Blue);
            let first = [Cell::new(*title), Cell::new(stats.n.to_string())];
            first.into_iter().chain(figures).chain([picture]).collect()
        })
        .collect()
}

/// One row per interval: of TTFT, or of the duration where nothing was streamed.
fn over_time(intervals: &[Interval]) -> Table {
    let has = |name: &str| intervals.iter().any(|i| i.metrics.get(name).is_some_and(|s| s.n > 0));
    let (metric, title) = if has("ttft_ms") { ("ttft_ms", "TTFT p50") } else { ("duration_ms", "Duration p50") };
    let of = |i: &Interval| i.metrics.get(metric).copied().unwrap_or_default();
    let medians: Vec<Option<f64>> = intervals.iter().map(|i| of(i).p50).collect();
    let columns = vec![
        Column::left("From (UTC)"),
        Column::right("n"),
        Column::right("Failed").spare(2),
        Column::right("Per s").spare(4),
        Column::right("Tokens/s").spare(3),
        Column::right(title),
        Column::right("p90").spare(2),
        Column::right("p99"),
        Column::left("p50").spare(1),
    ];
    let top = medians.iter().flatten().copied().fold(0.0_f64, f64::max);
    let row = |i: &Interval| {
        let stats = of(i);
        let failed = Cell::new(if i.failed == 0 { String::new() } else { i.failed.to_string() }).style(Style::Red);
        let tokens = Some(i.output_tokens_per_s).filter(|rate| *rate > 0.0);
        let tokens = tokens.map(|rate| format!("{rate:.1}")).unwrap_or_default();
        vec![
            Cell::new(clock(i.from_ns)),
            Cell::new(i.exchanges.to_string()),
            failed,
            Cell::new(format!("{:.2}", i.requests_per_s)),
            Cell::new(tokens),
            Cell::new(value(stats.p50, true)),
            Cell::new(value(stats.p90, true)),
            Cell::new(value(stats.p99, true)),
            Cell::new(spark::bar_of(stats.p50, top, 16)).style(Style::Blue),
        ]
    };
    Table { columns, rows: intervals.iter().map(row).collect() }
}
