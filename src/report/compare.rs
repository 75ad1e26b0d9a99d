//! `sniff report compare A B`: what differs between two runs, and whether it is more than chance.

mod limit;
mod text;

pub use limit::Limit;

use super::groups::{has_failed, is_streamed};
use super::latency::objective;
use super::reports;
use super::table::Table;
use crate::conformance::Level;
use crate::metrics::rank::{self, fisher, holm, mann_whitney};
use crate::metrics::resample::{self, Figure, RESAMPLES};
use crate::metrics::stats::Stats;
use crate::summary::Summary;
use anyhow::Result;
use limit::Judged;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// The chance of one false alarm among all that a comparison looks at.
pub const CHANCE: f64 = 0.02;
/// The share of draws within an interval.
const LEVEL: f64 = 0.95;
/// The seed of every comparison.
const SEED: u64 = 1;

/// What is compared: one value of each exchange, so that the values do not depend on each other. Name in JSON and in
/// `--fail-on-regression`, title, and whether it is of streams.
const METRICS: [(&str, &str, bool); 9] = [
    ("ttfb", "TTFB", true),
    ("ttft", "TTFT", true),
    ("ttft_content", "TTFT of text", true),
    ("itl_p50", "ITL p50", true),
    ("itl_p99", "ITL p99", true),
    ("itl_max", "ITL max", true),
    ("tpot", "TPOT", true),
    ("duration", "Duration", true),
    ("duration_plain", "Duration, plain", false),
];

/// The figures whose differences have an interval.
const FIGURES: [(&str, Figure); 5] = [
    ("mean", Figure::Mean),
    ("p50", Figure::Percentile(50.0)),
    ("p90", Figure::Percentile(90.0)),
    ("p95", Figure::Percentile(95.0)),
    ("p99", Figure::Percentile(99.0)),
];

/// The exchanges of one run.
#[derive(Debug, Default)]
pub struct Run {
    /// What selected them.
    pub name: String,
    exchanges: u64,
    failed: u64,
    values: [Vec<f64>; METRICS.len()],
    /// Exchanges that break a rule, by its level and code.
    rules: BTreeMap<(Level, String), u64>,
}

/// The report as data.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The first run.
    pub a: Side,
    /// The second run.
    pub b: Side,
    /// Each metric that one of them has.
    pub metrics: Vec<Compared>,
    /// The shares of failed exchanges.
    pub failed: Shares,
    /// Rules that a different number of exchanges break; those of the worst level first.
    pub findings: Vec<Changed>,
    /// The limits of `--fail-on-regression`.
    pub limits: Vec<Judged>,
    /// How it was compared.
    pub method: String,
}

/// How many exchanges a run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// What selected them.
    pub selector: String,
    /// Exchanges.
    pub exchanges: u64,
    /// Those that failed.
    pub failed: u64,
}

/// One metric of both runs, in ms.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Its name.
    pub metric: &'static str,
    /// Order statistics of the first run.
    pub a: Stats,
    /// Order statistics of the second run.
    pub b: Stats,
    /// `slower`, `faster`, `same` (no difference is shown), or `too-few` values.
    pub verdict: &'static str,
    /// Probability that a difference of the ranks as large as this comes by chance; null with too few values.
    pub p: Option<f64>,
    /// The same, corrected for all tests of the comparison (Holm).
    pub p_corrected: Option<f64>,
    /// Share of the pairs in which the second run is the slower one.
    pub slower_share: Option<f64>,
    /// Differences by figure: `mean`, `p50`, `p90`, `p95`, `p99`.
    pub differences: BTreeMap<&'static str, Difference>,
    #[serde(skip)]
    title: &'static str,
    #[serde(skip)]
    drawn: BTreeMap<&'static str, Vec<f64>>,
}

/// The difference of one figure, second run − first, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The difference.
    pub ms: f64,
    /// In percent of the first run; null if that is 0.
    pub percent: Option<f64>,
    /// Lower end of the interval (95 %).
    pub low_ms: Option<f64>,
    /// Upper end.
    pub high_ms: Option<f64>,
}

/// The shares of failed exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Of the first run; null without exchanges.
    pub a: Option<f64>,
    /// Of the second run.
    pub b: Option<f64>,
    /// Probability that they differ as much by chance (Fisher's exact test).
    pub p: f64,
    /// The same, corrected for all tests of the comparison.
    pub p_corrected: f64,
    /// `more`, `fewer` or `same`.
    pub verdict: &'static str,
}

/// A rule that another number of exchanges break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its code.
    pub rule: String,
    /// Level of the findings.
    pub level: Level,
    /// Exchanges of the first run that break it.
    pub a: u64,
    /// Exchanges of the second run.
    pub b: u64,
    /// `new`, `gone`, `more` or `fewer` (of the share).
    pub change: &'static str,
}

impl Run {
    /// An empty run of this name.
    pub fn new(name: &str) -> Run {
        Run { name: name.into(), ..Run::default() }
    }

    /// Adds one exchange.
    pub fn add(&mut self, s: &Summary) {
        self.exchanges += 1;
        self.failed += u64::from(has_failed(s));
        let streamed = is_streamed(s);
        for ((name, _, of_streams), values) in METRICS.iter().zip(&mut self.values) {
            let name = name.strip_suffix("_plain").unwrap_or(name);
            values.extend(objective(&s.timing, name).filter(|_| *of_streams == streamed));
        }
        let mut broken: Vec<_> = s.findings.iter().map(|f| (f.level, f.rule.clone())).collect();
        broken.sort_unstable();
        broken.dedup();
        broken.into_iter().for_each(|rule| *self.rules.entry(rule).or_default() += 1);
    }

    fn side(&self) -> Side {
        Side { selector: self.name.clone(), exchanges: self.exchanges, failed: self.failed }
    }
}

/// Compares two runs.
pub fn compare(a: Run, b: Run, limits: &[Limit]) -> Report {
    compare_by(a, b, limits, RESAMPLES)
}

fn compare_by(mut a: Run, mut b: Run, limits: &[Limit], resamples: usize) -> Report {
    let mut metrics: Vec<Compared> = Vec::new();
    for (n, (metric, title, _)) in METRICS.into_iter().enumerate() {
        let [mut x, mut y] = [&mut a, &mut b].map(|run| std::mem::take(&mut run.values[n]));
        if x.is_empty() && y.is_empty() {
            continue;
        }
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        metrics.push(compared(metric, title, &x, &y, resamples));
    }
    let failed = fisher(a.failed, a.exchanges, b.failed, b.exchanges);
    // All tests share one chance of a false alarm.
    let tests: Vec<f64> = metrics.iter().filter_map(|m| m.p).chain([failed]).collect();
    let mut corrected = holm(&tests).into_iter();
    for m in &mut metrics {
        m.p_corrected = m.p.and_then(|_| corrected.next());
        m.verdict = match (m.p_corrected, m.slower_share) {
            (Some(p), Some(above)) if p < CHANCE => {
                if above > 0.5 {
                    "slower"
                } else {
                    "faster"
                }
            }
            (Some(_), _) => "same",
            _ => "too-few",
        };
    }
    let share = |run: &Run| (run.exchanges > 0).then(|| run.failed as f64 / run.exchanges as f64);
    let (of_a, of_b, p_corrected) = (share(&a), share(&b), corrected.next().unwrap_or(1.0));
    let verdict = match p_corrected < CHANCE {
        true => {
            if of_b > of_a {
                "more"
            } else {
                "fewer"
            }
        }
        false => "same",
    };
    let failed = Shares { a: of_a, b: of_b, p: failed, p_corrected, verdict };
    Report {
        limits: limits.iter().map(|limit| limit.judge(&metrics, &failed, limits.len())).collect(),
        a: a.side(),
        b: b.side(),
        findings: changed(&a, &b),
        failed,
        metrics,
        method: format!(
            "one value of each exchange; ranks by Mann and Whitney, shares by Fisher, corrected by Holm, alarm below \
                {CHANCE}; intervals of {:.0} %: bootstrap, {RESAMPLES} draws, seed {SEED}",
            100.0 * LEVEL
        ),
    }
}

fn compared(metric: &'static str, title: &'static str, x: &[f64], y: &[f64], resamples: usize) -> Compared {
    let test = mann_whitney(x, y);
    let figures = FIGURES.map(|(_, figure)| figure);
    let enough = x.len().min(y.len()) >= rank::FEWEST;
    let drawn = match enough {
        true => resample::differences(x, y, &figures, resamples, SEED),
        false => vec![Vec::new(); figures.len()],
    };
    let mut differences = BTreeMap::new();
    for ((name, figure), drawn) in FIGURES.iter().zip(&drawn) {
        let (Some(a), Some(b)) = (figure.of(x), figure.of(y)) else { continue };
        let interval = resample::interval(drawn, LEVEL);
        let percent = (a != 0.0).then(|| 100.0 * (b - a) / a);
        let (low_ms, high_ms) = (interval.map(|i| i.0), interval.map(|i| i.1));
        differences.insert(*name, Difference { ms: b - a, percent, low_ms, high_ms });
    }
    Compared {
        metric,
        a: Stats::sorted(x),
        b: Stats::sorted(y),
        verdict: "too-few",
        p: test.map(|test| test.p),
        p_corrected: None,
        slower_share: test.map(|test| test.above),
        differences,
        title,
        drawn: FIGURES.iter().map(|(name, _)| *name).zip(drawn).collect(),
    }
}

fn changed(a: &Run, b: &Run) -> Vec<Changed> {
    let mut rules: Vec<&(Level, String)> = a.rules.keys().chain(b.rules.keys()).collect();
    rules.sort_unstable_by(|x, y| (y.0, &x.1).cmp(&(x.0, &y.1)));
    rules.dedup();
    let of = |run: &Run, rule: &(Level, String)| run.rules.get(rule).copied().unwrap_or(0);
    let changed = rules.into_iter().filter_map(|rule| {
        let (in_a, in_b) = (of(a, rule), of(b, rule));
        // Shares as products: no rounding makes equal ones differ.
        let (share_a, share_b) = (in_a * b.exchanges, in_b * a.exchanges);
        let change = match (in_a, in_b) {
            (0, 0) => return None,
            (0, _) => "new",
            (_, 0) => "gone",
            _ if share_b > share_a => "more",
            _ if share_b < share_a => "fewer",
            _ => return None,
        };
        Some(Changed { rule: rule.1.clone(), level: rule.0, a: in_a, b: in_b, change })
    });
    changed.collect()
}

impl Report {
    /// Whether a limit of `--fail-on-regression` is broken.
    pub fn fails(&self) -> bool {
        self.limits.iter().any(|limit| limit.broken)
    }
}

impl reports::Report for Report {
    fn text(&self, terminal: &super::Terminal) -> String {
        text::text(self, terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(text::numbers(self))
    }

    fn markdown(&self) -> Result<String> {
        Ok(text::markdown(self))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.metrics, out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
