//! The comparison for a terminal: in one line what differs, then each metric, then the findings.

use super::{Compared, FIGURES, Report};
use crate::report::Terminal;
use crate::report::markdown;
use crate::report::table::{COMFORT, Cell, Column, Table, render};
use crate::report::text::{Style, clean, count, wrap};
use crate::time::Span;

pub(super) fn text(report: &Report, terminal: &Terminal) -> String {
    let paint = |style: Style, text: &str| style.paint(text, terminal.color);
    let mut out = String::new();
    for (n, (style, line)) in summary(report).into_iter().enumerate() {
        let style = if n == 0 { Style::Bold } else { style };
        wrap(&line, terminal.width).iter().for_each(|line| out += &format!("{}\n", paint(style, line)));
    }
    if !report.metrics.is_empty() {
        out += &format!("\n{}", render(&metrics(report), terminal));
    }
    if !report.findings.is_empty() {
        out += &format!("\n{}\n{}", paint(Style::Bold, "Findings that changed"), render(&findings(report), terminal));
    }
    out.push('\n');
    for line in wrap(&method(report), terminal.width) {
        out += &format!("{}\n", paint(Style::Dim, &line));
    }
    out
}

pub(super) fn markdown(report: &Report) -> String {
    let lines: Vec<String> = summary(report).iter().map(|(_, line)| markdown::escape(line)).collect();
    let mut out =
        format!("**{}**\n\n{}", lines.first().cloned().unwrap_or_default(), markdown::render(&metrics(report)));
    lines.iter().skip(1).for_each(|line| out += &format!("\n{line}\n"));
    if !report.findings.is_empty() {
        out += &format!("\n{}", markdown::render(&findings(report)));
    }
    out + &format!("\n{}\n", markdown::escape(&method(report)))
}

fn method(report: &Report) -> String {
    format!("Compared: {}.", report.method)
}

/// What differs, then who was compared and each limit.
fn summary(report: &Report) -> Vec<(Style, String)> {
    let of = |verdict: &str| -> Vec<String> {
        let of = report.metrics.iter().filter(|m| m.verdict == verdict);
        of.map(|m| format!("{}{}", m.title, grown(m))).collect()
    };
    let mut parts = Vec::new();
    for (verdict, title) in [("slower", "Slower"), ("faster", "Faster")] {
        let of = of(verdict);
        if !of.is_empty() {
            parts.push(format!("{title}: {}", of.join(", ")));
        }
    }
    let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share));
    let (failed_a, failed_b) = (percent(report.failed.a), percent(report.failed.b));
    if report.failed.verdict != "same" {
        parts.push(format!("{} failures: {failed_a} became {failed_b}", capital(report.failed.verdict)));
    }
    let few = report.metrics.iter().all(|m| m.verdict == "too-few");
    let first = match (parts.is_empty(), few) {
        (false, _) => parts.join(". "),
        (true, false) => "No difference is shown".into(),
        (true, true) => "Too few exchanges to compare".into(),
    };
    let side = |name: &str, side: &super::Side, failed: &str| {
        let all = count(side.exchanges, "exchange", "exchanges");
        format!("{name}: {}, {all}, {failed} failed", clean(&side.selector))
    };
    let (a, b) = (side("A", &report.a, &failed_a), side("B", &report.b, &failed_b));
    let mut lines = vec![(Style::Bold, first), (Style::Plain, a), (Style::Plain, b)];
    for limit in &report.limits {
        let unit = if limit.limit.ends_with('%') { "%" } else { "ms" };
        let by = limit.grown_by.map_or("cannot be told".into(), |by| format!("{by:+.1} {unit}"));
        let (style, what) = match (limit.broken, limit.over) {
            (true, _) => (Style::Red, "regression"),
            (false, true) => (Style::Yellow, "over the limit, but within what chance gives"),
            (false, false) => (Style::Green, "kept"),
        };
        lines.push((style, format!("{}: {by}, {what}", clean(&limit.limit))));
    }
    lines
}

fn grown(m: &Compared) -> String {
    let percent = m.differences.get("p50").and_then(|d| d.percent);
    percent.map_or(String::new(), |percent| format!(" (p50 {percent:+.1} %)"))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn ms(value: f64) -> String {
    Span((value * 1e6).round() as i64).to_string()
}

fn signed(value: f64) -> String {
    let text = ms(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// The figures in the table; JSON and CSV have p95 too.
const SHOWN: [&str; 4] = ["p50", "p90", "p99", "mean"];

/// One row per metric and figure.
fn metrics(report: &Report) -> Table {
    let columns = vec![
        Column::left("Metric"),
        Column::left(""),
        Column::right("A"),
        Column::right("B"),
        Column::right("Difference").spare(2),
        Column::right(""),
        Column::left("95 % interval").spare(1),
        Column::right("n").spare(COMFORT + 1),
        Column::right("p").spare(COMFORT),
        Column::left("Verdict"),
    ];
    let mut rows = Vec::new();
    for m in &report.metrics {
        let shown: &[&str] = if m.verdict == "too-few" { &["p50"] } else { &SHOWN };
        for (n, name) in shown.iter().enumerate() {
            let first = n == 0;
            let difference = m.differences.get(name);
            let cell = |v: Option<f64>| Cell::new(v.map(ms).unwrap_or_default());
            let interval = difference.and_then(|d| d.low_ms.zip(d.high_ms));
            let interval = interval.map(|(low, high)| format!("{} to {}", signed(low), signed(high)));
            let percent = difference.and_then(|d| d.percent).map(|percent| format!("{percent:+.1} %"));
            let style = match m.verdict {
                "slower" => Style::Red,
                "faster" => Style::Green,
                _ => Style::Plain,
            };
            let said = |text: String| Cell::new(if first { text } else { String::new() });
            rows.push(vec![
                said(m.title.into()),
                Cell::new(*name).style(Style::Dim),
                cell(m.a.figure(name)),
                cell(m.b.figure(name)),
                Cell::new(difference.map(|d| signed(d.ms)).unwrap_or_default()),
                Cell::new(percent.unwrap_or_default()),
                Cell::new(interval.unwrap_or_default()),
                said(format!("{}, {}", m.a.n, m.b.n)),
                said(m.p_corrected.map(chance).unwrap_or_default()),
                said(m.verdict.replace('-', " ")).style(style),
            ]);
        }
    }
    Table { columns, rows }
}

fn chance(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

/// One row per metric and figure, as numbers.
pub(super) fn numbers(report: &Report) -> Table {
    let titles = [
        "metric",
        "figure",
        "n_a",
        "n_b",
        "a_ms",
        "b_ms",
        "difference_ms",
        "percent",
        "low_ms",
        "high_ms",
        "p",
        "p_corrected",
        "verdict",
    ];
    let number = |v: Option<f64>| Cell::new(v.map(|v| v.to_string()).unwrap_or_default());
    let row = |m: &Compared, name: &str| {
        let d = m.differences.get(name);
        vec![
            Cell::new(m.metric),
            Cell::new(name),
            Cell::new(m.a.n.to_string()),
            Cell::new(m.b.n.to_string()),
            number(m.a.figure(name)),
            number(m.b.figure(name)),
            number(d.map(|d| d.ms)),
            number(d.and_then(|d| d.percent)),
            number(d.and_then(|d| d.low_ms)),
            number(d.and_then(|d| d.high_ms)),
            number(m.p),
            number(m.p_corrected),
            Cell::new(m.verdict),
        ]
    };
    let rows = report.metrics.iter().flat_map(|m| FIGURES.iter().map(move |(name, _)| row(m, name))).collect();
    Table { columns: titles.map(Column::left).to_vec(), rows }
}

/// One row per rule that another number of exchanges break.
fn findings(report: &Report) -> Table {
    let columns = vec![
        Column::left("Rule"),
        Column::left("Level"),
        Column::right("A"),
        Column::right("B"),
        Column::left("Change"),
        Column::left("What").min(20).spare(1),
    ];
    let row = |c: &super::Changed| {
        let style = if c.change == "new" || c.change == "more" { Style::of(c.level) } else { Style::Green };
        let what = crate::conformance::by_code(&c.rule).map_or("", |rule| rule.summary);
        vec![
            Cell::new(&c.rule),
            Cell::new(c.level.as_str()),
            Cell::new(format!("{}/{}", c.a, report.a.exchanges)),
            Cell::new(format!("{}/{}", c.b, report.b.exchanges)),
            Cell::new(c.change).style(style),
            Cell::new(what),
        ]
    };
    Table { columns, rows: report.findings.iter().map(row).collect() }
}
