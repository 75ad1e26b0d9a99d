//! `sniff report latency`: how long answers take, by dialect, model and host, and in total.

use super::reports::{self, Collect, Source};
use super::table::{Cell, Column, Table, render};
use super::text::{Style, count};
use super::{Format, Terminal, markdown};
use crate::metrics::percentile;
use crate::summary::Summary;
use crate::time::Span;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// What the figures mean, printed at the end of the report.
pub const DEFINITIONS: &str = "TTFB: response's first byte − request's last byte. TTFT: first delta (content, \
    reasoning or tool) − request's last byte. \
    ITL: between successive deltas. TPOT: (last delta − first delta) ÷ (output tokens − 1) by the stream's own usage \
    figure. \
    Tokens/s: 1 ÷ TPOT. Duration: response's last byte − request's last byte. Percentiles: nearest rank on exact \
    values.";

/// Collects the values of exchanges.
#[derive(Debug, Default)]
pub struct Latency {
    groups: BTreeMap<(String, String, String), Figures>,
    overall: Figures,
}

/// Values of one group, unsorted.
#[derive(Debug, Default)]
struct Figures {
    exchanges: u64,
    /// One list of values per metric, in the order of [`METRICS`].
    values: [Vec<f64>; 6],
}

/// Title, JSON name, and whether the metric is a span in ms.
const METRICS: [(&str, &str, bool); 6] = [
    ("TTFB", "ttfb_ms", true),
    ("TTFT", "ttft_ms", true),
    ("ITL", "itl_ms", true),
    ("TPOT", "tpot_ms", true),
    ("Duration", "duration_ms", true),
    ("Tokens/s", "tokens_per_s", false),
];

/// The report as data.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Groups by dialect, model and host; the group with the most exchanges first.
    pub groups: Vec<Group>,
    /// All exchanges as one group.
    pub overall: Group,
    /// What the figures mean, in words.
    pub definitions: &'static str,
}

/// The figures of one group.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Dialect; null for answers without records, and for the total.
    pub dialect: Option<String>,
    /// Model that the request names.
    pub model: Option<String>,
    /// Host that the request names.
    pub host: Option<String>,
    /// Exchanges in the group.
    pub exchanges: u64,
    /// Percentiles by JSON name: `ttfb_ms`, `ttft_ms`, `itl_ms`, `tpot_ms`, `duration_ms` (ms), `tokens_per_s`.
    #[serde(flatten)]
    pub metrics: BTreeMap<&'static str, Stats>,
}

/// Percentiles of one metric; null if there are no values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Stats {
    pub n: usize,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Latency {
    /// Adds one exchange with the spans between its deltas.
    pub fn count(&mut self, s: &Summary, intervals: &[Span]) {
        let dialect = s.response.as_ref().and_then(|r| r.dialect.clone()).unwrap_or_default();
        let model = s.request.as_ref().and_then(|r| r.model.clone()).unwrap_or_default();
        // What was not streamed has a TTFT, which is not comparable with those of streams.
        let plain = ["json", "text", "binary", "empty"];
        let streamed = s.response.as_ref().is_some_and(|r| !plain.contains(&r.framing.as_str()));
        for f in [self.groups.entry((dialect, model, s.authority())).or_default(), &mut self.overall] {
            let t = &s.timing;
            f.exchanges += 1;
            f.values[0].extend(t.ttfb.map(Span::as_millis_f64));
            f.values[1].extend(t.ttft.filter(|_| streamed).map(Span::as_millis_f64));
            f.values[2].extend(intervals.iter().map(|s| s.as_millis_f64()));
            f.values[3].extend(t.tpot.map(Span::as_millis_f64));
            f.values[4].extend(t.duration.map(Span::as_millis_f64));
            f.values[5].extend(t.tpot.filter(|t| t.0 > 0).map(|t| 1e9 / t.0 as f64));
        }
    }

    /// Computes the figures.
    pub fn report(self) -> Report {
        let some = |s: String| Some(s).filter(|s| !s.is_empty());
        let group = |(dialect, model, host), figures: Figures| figures.group(some(dialect), some(model), some(host));
        let mut groups: Vec<Group> = self.groups.into_iter().map(|(key, f)| group(key, f)).collect();
        groups.sort_by_key(|g| std::cmp::Reverse(g.exchanges));
        Report { groups, overall: self.overall.group(None, None, None), definitions: DEFINITIONS }
    }
}

impl Figures {
    fn group(self, dialect: Option<String>, model: Option<String>, host: Option<String>) -> Group {
        let metrics =
            METRICS.iter().zip(self.values).map(|((_, name, _), values)| (*name, Stats::of(values))).collect();
        Group { dialect, model, host, exchanges: self.exchanges, metrics }
    }
}

impl Stats {
    fn of(mut values: Vec<f64>) -> Stats {
        values.sort_by(f64::total_cmp);
        let p = |p| percentile(&values, p);
        Stats { n: values.len(), p50: p(50.0), p90: p(90.0), p99: p(99.0), max: values.last().copied() }
    }
}

impl Group {
    fn name(&self) -> String {
        let parts = [&self.dialect, &self.model, &self.host].map(|p| p.as_deref());
        match parts {
            [None, None, None] => "All exchanges".into(),
            [d, m, h] => [d.unwrap_or("(no dialect)"), m.unwrap_or("(no model)"), h.unwrap_or("(no host)")].join(" · "),
        }
    }

    /// One row per metric that has values.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let with_values = METRICS.iter().filter_map(|m| self.metrics.get(m.1).filter(|s| s.n > 0).map(|s| (m, s)));
        let value = |v: Option<f64>, is_span: bool| match v {
            Some(v) if is_span => Span((v * 1e6).round() as i64).to_string(),
            Some(v) => format!("{v:.1}"),
            None => String::new(),
        };
        with_values
            .map(|((title, _, is_span), s)| {
                let figures = [s.p50, s.p90, s.p99, s.max].map(|v| Cell::new(value(v, *is_span)));
                [Cell::new(*title), Cell::new(s.n.to_string())].into_iter().chain(figures).collect()
            })
            .collect()
    }
}

const FIGURES: [Column; 5] =
    [Column::right("n"), Column::right("p50"), Column::right("p90"), Column::right("p99"), Column::right("max")];

impl Collect for Latency {
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()> {
        self.count(s, &source.intervals(s.id)?);
        Ok(())
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        reports::write(&self.report(), format, terminal, out)
    }
}

impl reports::Report for Report {
    fn text(&self, terminal: &Terminal) -> String {
        text(self, terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(table(self))
    }

    fn markdown(&self) -> Result<String> {
        Ok(format!("{}\n{DEFINITIONS}\n", markdown::render(&table(self))))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(self.groups.iter().chain([&self.overall]), out)
    }
}

/// The report for a terminal: one block per group.
fn text(report: &Report, terminal: &Terminal) -> String {
    let mut out = String::new();
    let only_one = report.groups.len() == 1;
    // All blocks have the same column widths, so that figures align across blocks.
    let mut all = Table { columns: std::iter::once(Column::left("")).chain(FIGURES).collect(), rows: Vec::new() };
    let blocks: Vec<&Group> = report.groups.iter().chain((!only_one).then_some(&report.overall)).collect();
    blocks.iter().for_each(|g| all.rows.extend(g.rows()));
    let rendered = render(&all, terminal);
    let mut lines = rendered.lines();
    let head = lines.next().unwrap_or_default();
    for group in blocks {
        let name = super::text::clean(&group.name());
        out += &format!(
            "{}  {}\n",
            Style::Bold.paint(&name, terminal.color),
            count(group.exchanges, "exchange", "exchanges")
        );
        let n = group.rows().len();
        if n > 0 {
            out += &format!("  {head}\n");
        }
        for line in lines.by_ref().take(n) {
            out += &format!("  {line}\n");
        }
        out.push('\n');
    }
    for line in super::text::wrap(DEFINITIONS, terminal.width) {
        out += &format!("{}\n", Style::Dim.paint(&line, terminal.color));
    }
    out
}

/// The report as a table: one row per group and metric.
fn table(report: &Report) -> Table {
    let names = ["Dialect", "Model", "Host", "Metric"].map(Column::left);
    let mut t = Table { columns: names.into_iter().chain(FIGURES).collect(), rows: Vec::new() };
    for g in report.groups.iter().chain([&report.overall]) {
        for row in g.rows() {
            let all = if g.host.is_none() { "(all)" } else { "" };
            let names = [&g.dialect, &g.model, &g.host].map(|n| Cell::new(n.as_deref().unwrap_or(all)));
            t.rows.push(names.into_iter().chain(row).collect());
        }
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        // Nearest rank by its definition: the ceil(p/100·n)-th smallest value.
        let s = Stats::of((1..=10).rev().map(f64::from).collect());
        assert_eq!((s.p50, s.p90, s.p99, s.max), (Some(5.0), Some(9.0), Some(10.0), Some(10.0)));
        assert_eq!(Stats::of(vec![]), Stats { n: 0, p50: None, p90: None, p99: None, max: None });
    }

    #[test]
    fn servers_on_one_address_are_groups_of_their_own() {
        let mut l = Latency::default();
        for port in [18_501, 18_502, 18_502] {
            let mut s = Summary::template();
            (s.server_ip, s.server_port) = (std::net::Ipv4Addr::LOCALHOST.into(), port);
            l.count(&s, &[]);
        }
        let hosts: Vec<_> = l.report().groups.into_iter().map(|g| (g.host.unwrap_or_default(), g.exchanges)).collect();
        assert_eq!(hosts, [("127.0.0.1:18502".to_owned(), 2), ("127.0.0.1:18501".to_owned(), 1)]);
    }

    #[test]
    fn groups_and_overall() {
        let mut l = Latency::default();
        let mut s = Summary::template();
        s.timing.ttfb = Some(Span::from_millis(10));
        l.count(&s, &[Span::from_millis(1), Span::from_millis(3)]);
        l.count(&s, &[Span::from_millis(2)]);
        let r = l.report();
        assert_eq!((r.groups.len(), r.overall.exchanges), (1, 2));
        let itl = r.overall.metrics["itl_ms"];
        assert_eq!((itl.n, itl.p50, itl.max), (3, Some(2.0), Some(3.0)));
    }
}
