//! The exchanges of a group over time (`--every`), and the moment from which they were slower or faster.

use super::METRICS;
use crate::metrics::rank::mann_whitney;
use crate::metrics::stats::Stats;
use crate::time::Span;
use anyhow::{Result, bail};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most intervals: more are a mistake in the argument.
const MOST: i64 = 100_000;
/// Most moments that are looked at for a change.
const TRIED: usize = 200;
/// A change is reported if chance gives it less often than this, over all moments that are looked at.
const CHANCE: f64 = 0.001;
/// A change is reported if the median moves by this share.
const LEAST: f64 = 0.2;

/// What happened in one interval.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    exchanges: u64,
    failed: u64,
    output_tokens: u64,
    values: [Vec<f64>; METRICS.len()],
}

/// One interval of the clock; an exchange belongs to that in which it began.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interval {
    /// Its begin, ns since 1970 UTC: a multiple of `--every`.
    pub from_ns: i64,
    /// Its end.
    pub to_ns: i64,
    /// Exchanges that began in it.
    pub exchanges: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Exchanges per second of it.
    pub requests_per_s: f64,
    /// Output tokens of these exchanges per second of it.
    pub output_tokens_per_s: f64,
    /// Order statistics, as in the group.
    #[serde(flatten)]
    pub metrics: BTreeMap<&'static str, Stats>,
}

/// From one interval on the answers were slower or faster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The metric: `ttft_ms` of streams, `duration_ms` of other answers.
    pub metric: &'static str,
    /// Begin of the first interval after it, ns since 1970 UTC.
    pub at_ns: i64,
    /// Median before, ms.
    pub before: f64,
    /// Median from then on, ms.
    pub after: f64,
    /// Probability of such a difference by chance, times the moments that were looked at.
    pub p: f64,
}

impl Bucket {
    pub(super) fn add(&mut self, values: &[Vec<f64>; METRICS.len()], failed: bool, output_tokens: Option<u64>) {
        self.exchanges += 1;
        self.failed += u64::from(failed);
        self.output_tokens += output_tokens.unwrap_or(0);
        for (all, new) in self.values.iter_mut().zip(values) {
            all.extend(new);
        }
    }
}

/// All intervals from the first to the last, empty ones too, and the change among them.
pub(super) fn intervals(mut buckets: BTreeMap<i64, Bucket>, every: Span) -> Result<(Vec<Interval>, Option<Change>)> {
    let (Some((&first, _)), Some((&last, _))) = (buckets.first_key_value(), buckets.last_key_value()) else {
        return Ok((Vec::new(), None));
    };
    if last - first >= MOST {
        bail!("--every {every} would make {} intervals; at most {MOST} are shown", last - first + 1);
    }
    let change = ["ttft_ms", "duration_ms"].into_iter().find_map(|metric| {
        let at = METRICS.iter().position(|(_, name, _)| *name == metric)?;
        let enough = buckets.values().any(|b| !b.values[at].is_empty());
        enough.then(|| change(&buckets, at, every))
    });
    let all = (first..=last).map(|n| {
        let bucket = buckets.remove(&n).unwrap_or_default();
        let per_s = |count: u64| count as f64 / every.as_secs_f64();
        let stats = METRICS.iter().zip(bucket.values).map(|((_, name, _), values)| (*name, Stats::of(values)));
        Interval {
            from_ns: n.saturating_mul(every.0),
            to_ns: (n + 1).saturating_mul(every.0),
            exchanges: bucket.exchanges,
            failed: bucket.failed,
            requests_per_s: per_s(bucket.exchanges),
            output_tokens_per_s: per_s(bucket.output_tokens),
            metrics: stats.collect(),
        }
    });
    Ok((all.collect(), change.flatten()))
}

/// The moment between two intervals at which the values before and after differ most by the rank test.
fn change(buckets: &BTreeMap<i64, Bucket>, metric: usize, every: Span) -> Option<Change> {
    let values = |from: &mut dyn Iterator<Item = &Bucket>| -> Vec<f64> {
        from.flat_map(|b| b.values[metric].iter().copied()).collect()
    };
    let all: Vec<i64> = buckets.keys().copied().skip(1).collect();
    let moments: Vec<i64> = all.iter().copied().step_by(all.len() / TRIED + 1).collect();
    let tested = moments.iter().filter_map(|at| {
        let before = values(&mut buckets.range(..at).map(|(_, b)| b));
        let after = values(&mut buckets.range(at..).map(|(_, b)| b));
        let test = mann_whitney(&before, &after)?;
        Some((test, *at, before, after))
    });
    let (test, at, before, after) = tested.max_by(|x, y| x.0.z.total_cmp(&y.0.z))?;
    let (before, after) = (Stats::of(before).p50?, Stats::of(after).p50?);
    let p = (test.p * moments.len() as f64).min(1.0);
    let moved = (after - before).abs() >= LEAST * before.min(after);
    let at_ns = at.saturating_mul(every.0);
    (p < CHANCE && moved).then(|| Change { metric: METRICS[metric].1, at_ns, before, after, p })
}
