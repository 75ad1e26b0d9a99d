//! `sniff report latency`: how long answers take. Streams and plain answers apart, grouped by what `--by` names, in
//! total, and over time.

mod figures;
mod over_time;
mod text;

use super::groups::{By, Key, is_streamed};
use super::reports::{self, Collect, Options, Source};
use super::table::{Cell, Column, Table};
use super::{Format, Terminal, markdown};
use crate::metrics::clocks::Arrivals;
use crate::metrics::stats::Stats;
use crate::summary::Summary;
use anyhow::Result;
use figures::Figures;
pub(super) use figures::objective;
use over_time::{Change, Interval};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// What the figures mean, printed at the end of the report.
pub const DEFINITIONS: &str = "TTFB, TTFT and duration: from the request's last byte to the response's first byte, \
    first delta (content, reasoning or tool) and last byte. ITL: between successive deltas. Chunk gap: between \
    successive chunks. TPOT: (last delta − first delta) ÷ (output tokens − 1) by the stream's own usage figure; \
    tokens/s: 1 ÷ TPOT. Tail: from the last delta to the last byte. Percentiles: nearest rank on exact values.";

/// By what exchanges are grouped unless `--by` says so.
const BY: [By; 3] = [By::Dialect, By::Model, By::Host];

/// Collects the values of exchanges.
#[derive(Debug)]
pub struct Latency {
    by: Vec<By>,
    options: Options,
    /// By key and whether they were streamed.
    groups: BTreeMap<(Key, bool), Figures>,
    overall: Figures,
    /// Plain answers, and streams.
    apart: [Figures; 2],
}

/// Title, JSON name, and whether the metric is a span in ms.
const METRICS: [(&str, &str, bool); 9] = [
    ("TTFB", "ttfb_ms", true),
    ("TTFT", "ttft_ms", true),
    ("TTFT of text", "ttft_content_ms", true),
    ("ITL", "itl_ms", true),
    ("Chunk gap", "chunk_gap_ms", true),
    ("TPOT", "tpot_ms", true),
    ("Tokens/s", "tokens_per_s", false),
    ("Tail", "tail_ms", true),
    ("Duration", "duration_ms", true),
];

/// The report as data.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Groups; the one with the most exchanges first.
    pub groups: Vec<Group>,
    /// All exchanges as one group.
    pub overall: Group,
    /// All streams.
    pub streamed: Group,
    /// All answers that were not streamed.
    pub plain: Group,
    /// What the exchanges are grouped by.
    pub by: Vec<&'static str>,
    /// The objectives of `--slo`.
    pub slo: Option<String>,
    /// What the figures mean, in words.
    pub definitions: &'static str,
    #[serde(skip)]
    keys: Vec<By>,
}

/// The figures of one group.
#[derive(Debug, Serialize)]
pub struct Group {
    /// What its exchanges have in common.
    #[serde(flatten)]
    pub key: Key,
    /// Exchanges in the group.
    pub exchanges: u64,
    /// Whether its answers were streamed; null for both.
    pub streamed: Option<bool>,
    /// Order statistics by JSON name: spans in ms, `tokens_per_s` of each stream.
    #[serde(flatten)]
    pub metrics: BTreeMap<&'static str, Stats>,
    /// Exchanges with an error status or an end that is not complete.
    pub failed: u64,
    /// Exchanges by status; `none`: no response.
    pub statuses: BTreeMap<String, u64>,
    /// Exchanges by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Exchanges by finish reason; `none`: the answer has none.
    pub finish_reasons: BTreeMap<String, u64>,
    /// Figures of the group as a whole.
    pub throughput: Throughput,
    /// The same exchanges over time, with `--every`; null without it.
    pub intervals: Option<Vec<Interval>>,
    /// When its answers became slower or faster, with `--every`; null if they did not.
    pub change: Option<Change>,
    /// How the values of each metric are spread, for people.
    #[serde(skip)]
    spread: BTreeMap<&'static str, String>,
}

/// What a group of exchanges did per second of wall time; null where a figure has no meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Throughput {
    /// From the first byte of its first request to the last byte of its last response, seconds.
    pub wall_s: Option<f64>,
    /// Exchanges ÷ wall time.
    pub requests_per_s: Option<f64>,
    /// Output tokens by the usage figures of the answers that have one.
    pub output_tokens: u64,
    /// Answers that have one.
    pub with_usage: u64,
    /// Output tokens ÷ wall time.
    pub output_tokens_per_s: Option<f64>,
    /// Whole answers that meet every objective; null without `--slo`.
    pub good: Option<u64>,
    /// These ÷ exchanges.
    pub good_share: Option<f64>,
    /// These ÷ wall time: the goodput.
    pub goodput_per_s: Option<f64>,
}

impl Latency {
    /// An empty report.
    pub fn new(options: &Options) -> Latency {
        Latency {
            by: if options.by.is_empty() { BY.to_vec() } else { options.by.clone() },
            options: options.clone(),
            groups: BTreeMap::new(),
            overall: Figures::default(),
            apart: Default::default(),
        }
    }

    /// What exchanges are grouped by.
    pub fn by(&self) -> &[By] {
        &self.by
    }

    /// Adds one exchange with the times of its deltas and chunks.
    pub fn count(&mut self, s: &Summary, arrivals: &Arrivals) {
        let streamed = is_streamed(s);
        let key = (Key::of(s, &self.by), streamed);
        let apart = &mut self.apart[usize::from(streamed)];
        for f in [self.groups.entry(key).or_default(), &mut self.overall, apart] {
            f.add(s, streamed, arrivals, &self.options);
        }
    }

    /// Computes the figures.
    ///
    /// # Errors
    /// `--every` would cut the time into too many intervals.
    pub fn report(self) -> Result<Report> {
        let every = self.options.every;
        let by = self.by;
        let with_slo = self.options.slo.is_some();
        let group = |(key, streamed), f: Figures| f.group(key, streamed, every, with_slo);
        let groups = self.groups.into_iter().map(|((key, streamed), f)| group((key, Some(streamed)), f));
        let mut groups: Vec<Group> = groups.collect::<Result<_>>()?;
        groups.sort_by_key(|g| std::cmp::Reverse(g.exchanges));
        let [plain, streamed] = self.apart;
        Ok(Report {
            groups,
            overall: group((Key::default(), None), self.overall)?,
            streamed: group((Key::default(), Some(true)), streamed)?,
            plain: group((Key::default(), Some(false)), plain)?,
            by: by.iter().map(|by| by.as_str()).collect(),
            slo: self.options.slo.map(|slo| slo.text().to_owned()),
            definitions: DEFINITIONS,
            keys: by,
        })
    }
}

impl Collect for Latency {
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()> {
        self.count(s, &source.arrivals(s.id)?);
        Ok(())
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        reports::write(&self.report()?, format, terminal, out)
    }
}

impl reports::Report for Report {
    fn text(&self, terminal: &Terminal) -> String {
        text::text(self, terminal)
    }

    /// One row per group and metric, its values as numbers: ms, and tokens per second for `tokens_per_s`.
    fn table(&self) -> Result<Table> {
        let number = |v: Option<f64>, _: bool| v.map(|v| v.to_string()).unwrap_or_default();
        Ok(self.rows(|(_, name, _)| name, number))
    }

    fn markdown(&self) -> Result<String> {
        Ok(format!("{}\n{DEFINITIONS}\n", markdown::render(&self.rows(|(title, ..)| title, text::value))))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(self.groups.iter().chain([&self.overall]), out)
    }
}

/// One figure of the order statistics.
type OfStats = fn(&Stats) -> Option<f64>;

/// The order statistics: title, and the figure.
const FIGURES: [(&str, OfStats); 9] = [
    ("p50", |s| s.p50),
    ("p90", |s| s.p90),
    ("p99", |s| s.p99),
    ("max", |s| s.max),
    ("min", |s| s.min),
    ("mean", |s| s.mean),
    ("sd", |s| s.sd),
    ("p95", |s| s.p95),
    ("p99.9", |s| s.p999),
];

impl Report {
    /// One row per group and metric that has values.
    fn rows(
        &self,
        name: impl Fn((&'static str, &'static str, bool)) -> &'static str,
        value: impl Fn(Option<f64>, bool) -> String,
    ) -> Table {
        let figures = FIGURES.iter().map(|(title, _)| Column::right(title));
        // With intervals each has its rows; those without a time are of the whole group.
        let over_time = self.overall.intervals.is_some();
        let mut columns: Vec<Column> = self.keys.iter().map(|by| by.column()).collect();
        columns.extend(over_time.then_some(Column::left("From")));
        columns.extend([Column::left("Metric"), Column::right("n")].into_iter().chain(figures));
        columns.push(Column::left("Streamed"));
        let mut table = Table { columns, rows: Vec::new() };
        for g in self.groups.iter().chain([&self.overall]) {
            let all = g.streamed.is_none();
            let parts = if all { vec!["(all)".to_owned(); self.keys.len()] } else { g.key.cells(&self.keys) };
            let intervals = g.intervals.iter().flatten().map(|i| (text::instant(i.from_ns), &i.metrics));
            for (from, metrics) in std::iter::once((String::new(), &g.metrics)).chain(intervals) {
                for metric in METRICS {
                    let Some(stats) = metrics.get(metric.1).filter(|s| s.n > 0) else { continue };
                    let mut row: Vec<Cell> = parts.iter().map(Cell::new).collect();
                    row.extend(over_time.then(|| Cell::new(&from)));
                    row.extend([Cell::new(name(metric)), Cell::new(stats.n.to_string())]);
                    row.extend(FIGURES.iter().map(|(_, figure)| Cell::new(value(figure(stats), metric.2))));
                    row.push(Cell::new(g.streamed.map(|streamed| streamed.to_string()).unwrap_or_default()));
                    table.rows.push(row);
                }
            }
        }
        table
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::metrics::slo::Slo;
    use crate::time::{Span, Timestamp};

    /// Deltas at these milliseconds.
    fn deltas(ms: &[i64]) -> Arrivals {
        Arrivals { deltas: ms.iter().map(|ms| Timestamp(ms * 1_000_000)).collect(), ..Arrivals::default() }
    }

    fn report(l: Latency) -> Report {
        l.report().unwrap()
    }

    #[test]
    fn servers_on_one_address_are_groups_of_their_own() {
        let mut l = Latency::new(&Options::default());
        for port in [18_501, 18_502, 18_502] {
            let mut s = Summary::template();
            (s.server_ip, s.server_port) = (std::net::Ipv4Addr::LOCALHOST.into(), port);
            l.count(&s, &Arrivals::default());
        }
        let hosts: Vec<_> =
            report(l).groups.into_iter().map(|g| (g.key.host.unwrap_or_default(), g.exchanges)).collect();
        assert_eq!(hosts, [("127.0.0.1:18502".to_owned(), 2), ("127.0.0.1:18501".to_owned(), 1)]);
    }

    #[test]
    fn groups_and_overall() {
        let mut l = Latency::new(&Options::default());
        let mut s = Summary::template();
        s.timing.ttfb = Some(Span::from_millis(10));
        l.count(&s, &deltas(&[0, 1, 4]));
        l.count(&s, &deltas(&[0, 2]));
        let r = report(l);
        assert_eq!((r.groups.len(), r.overall.exchanges), (1, 2));
        let itl = r.overall.metrics["itl_ms"];
        assert_eq!((itl.n, itl.p50, itl.max), (3, Some(2.0), Some(3.0)));
    }

    /// One exchange of a second each, of which one is plain, one fails and one is too slow.
    #[test]
    fn what_a_group_did_per_second() {
        let span = |_: &str| Ok(Span::from_millis(500));
        let slo = Some(Slo::parse("ttft<500ms", span).unwrap());
        let mut l = Latency::new(&Options { slo, by: vec![By::Status], ..Options::default() });
        for (n, (framing, status, ttft)) in
            [("sse", 200, 499), ("sse", 200, 501), ("json", 200, 100), ("sse", 429, 1)].into_iter().enumerate()
        {
            let mut s = Summary::template();
            let r = s.response.as_mut().unwrap();
            (r.framing, r.status) = (framing.into(), Some(status));
            s.verdict = Some("complete".into());
            s.timing.ttft = Some(Span::from_millis(ttft));
            s.timing.t_request_start_ns = Some(n as i64 * 1_000_000_000);
            s.timing.t_response_end_ns = Some((n as i64 + 1) * 1_000_000_000);
            l.count(&s, &Arrivals { output_tokens: Some(10), ..Arrivals::default() });
        }
        let r = report(l);
        let of = |g: &Group| {
            let t = g.throughput;
            (g.exchanges, g.failed, t.wall_s, t.requests_per_s, t.output_tokens, t.good, t.goodput_per_s)
        };
        assert_eq!(of(&r.overall), (4, 1, Some(4.0), Some(1.0), 40, Some(2), Some(0.5)));
        assert_eq!(of(&r.streamed), (3, 1, Some(4.0), Some(0.75), 30, Some(1), Some(0.25)));
        assert_eq!(of(&r.plain), (1, 0, Some(1.0), Some(1.0), 10, Some(1), Some(1.0)));
        let groups: Vec<_> = r.groups.iter().map(|g| (g.key.status, g.streamed, g.exchanges)).collect();
        assert_eq!(groups, [(Some(200), Some(true), 2), (Some(200), Some(false), 1), (Some(429), Some(true), 1)]);
        assert_eq!(r.overall.metrics["ttft_ms"].n, 3, "the plain one is not among them");
    }

    #[test]
    fn intervals_are_those_of_the_clock_and_none_is_left_out() {
        let mut l = Latency::new(&Options { every: Some(Span::from_secs(10)), ..Options::default() });
        // Thirty fast answers from 12 s on, thirty slow ones from 61 s on.
        for n in 0..60_i64 {
            let mut s = Summary::template();
            s.response.as_mut().unwrap().framing = "sse".into();
            let (from, ttft) = if n < 30 { (12_000, 100) } else { (61_000 - 30 * 200, 300) };
            s.timing.t_request_start_ns = Some((from + n * 200) * 1_000_000);
            s.timing.ttft = Some(Span::from_millis(ttft + n % 7));
            l.count(&s, &Arrivals::default());
        }
        let g = report(l).overall;
        let intervals = g.intervals.unwrap();
        let seen: Vec<(i64, u64)> = intervals.iter().map(|i| (i.from_ns / 1_000_000_000, i.exchanges)).collect();
        assert_eq!(seen, [(10, 30), (20, 0), (30, 0), (40, 0), (50, 0), (60, 30)]);
        let change = g.change.unwrap();
        assert_eq!((change.metric, change.at_ns), ("ttft_ms", 60_000_000_000));
        assert_eq!((change.before, change.after), (103.0, 303.0));
        let mut l = Latency::new(&Options { every: Some(Span(1)), ..Options::default() });
        for at in [0, 1_000_000_000] {
            let mut s = Summary::template();
            s.timing.t_request_start_ns = Some(at);
            l.count(&s, &Arrivals::default());
        }
        assert!(l.report().is_err_and(|e| e.to_string().contains("--every")));
    }
}
