//! The values of one group of exchanges.

use super::over_time::{self, Bucket};
use super::{Group, METRICS, Throughput};
use crate::metrics::clocks::{Arrivals, gaps};
use crate::metrics::stats::Stats;
use crate::report::groups::{Key, NONE, has_failed};
use crate::report::reports::Options;
use crate::report::spark;
use crate::summary::{Summary, Timing};
use crate::time::{Span, Timestamp};
use anyhow::Result;
use std::collections::BTreeMap;

/// Classes of the picture of a distribution.
const CLASSES: usize = 16;

/// Values of one group, unsorted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    exchanges: u64,
    failed: u64,
    /// One list of values per metric, in the order of [`METRICS`].
    values: [Vec<f64>; METRICS.len()],
    statuses: BTreeMap<String, u64>,
    verdicts: BTreeMap<String, u64>,
    finish_reasons: BTreeMap<String, u64>,
    /// First byte of all, and last.
    begun: Option<i64>,
    ended: Option<i64>,
    output_tokens: u64,
    with_usage: u64,
    good: u64,
    /// By number of the interval, since 1970.
    buckets: BTreeMap<i64, Bucket>,
}

impl Figures {
    pub(super) fn add(&mut self, s: &Summary, streamed: bool, arrivals: &Arrivals, options: &Options) {
        let t = &s.timing;
        let failed = has_failed(s);
        self.exchanges += 1;
        self.failed += u64::from(failed);
        let ms = Span::as_millis_f64;
        let at = |ns: Option<i64>| ns.map(Timestamp);
        let tail = at(t.t_response_end_ns).zip(at(t.t_last_delta_ns)).and_then(|(end, last)| end.elapsed(last));
        // What was not streamed has a TTFT, which is not comparable with those of streams.
        let values: [Vec<f64>; METRICS.len()] = [
            t.ttfb.map(ms).into_iter().collect(),
            t.ttft.filter(|_| streamed).map(ms).into_iter().collect(),
            t.ttft_content.filter(|_| streamed).map(ms).into_iter().collect(),
            gaps(&arrivals.deltas).into_iter().map(ms).collect(),
            if streamed { gaps(&arrivals.chunks).into_iter().map(ms).collect() } else { Vec::new() },
            t.tpot.map(ms).into_iter().collect(),
            rate(t).into_iter().collect(),
            tail.filter(|_| streamed).map(ms).into_iter().collect(),
            t.duration.map(ms).into_iter().collect(),
        ];
        let response = s.response.as_ref();
        let status = response.and_then(|r| r.status).map_or(NONE.into(), |status| status.to_string());
        *self.statuses.entry(status).or_default() += 1;
        *self.verdicts.entry(s.verdict.clone().unwrap_or_else(|| NONE.into())).or_default() += 1;
        let finish = response.and_then(|r| r.finish_reason.clone());
        *self.finish_reasons.entry(finish.unwrap_or_else(|| NONE.into())).or_default() += 1;
        self.begun = [self.begun, s.begun_ns()].into_iter().flatten().min();
        self.ended = [self.ended, t.t_response_end_ns.or(t.t_request_end_ns)].into_iter().flatten().max();
        self.output_tokens += arrivals.output_tokens.unwrap_or(0);
        self.with_usage += u64::from(arrivals.output_tokens.is_some());
        let complete = s.verdict.as_deref() == Some("complete") && !failed;
        let met = options.slo.as_ref().is_some_and(|slo| slo.is_met(|name| objective(t, name)));
        self.good += u64::from(complete && met);
        if let (Some(every), Some(begun)) = (options.every, s.begun_ns()) {
            let bucket = self.buckets.entry(begun.div_euclid(every.0.max(1))).or_default();
            bucket.add(&values, failed, arrivals.output_tokens);
        }
        for (all, new) in self.values.iter_mut().zip(values) {
            all.extend(new);
        }
    }

    pub(super) fn group(self, key: Key, streamed: Option<bool>, every: Option<Span>, with_slo: bool) -> Result<Group> {
        let throughput = self.throughput(with_slo);
        let intervals = every.map(|every| over_time::intervals(self.buckets, every)).transpose()?;
        let change = intervals.as_ref().and_then(|(_, change)| change.clone());
        let (mut metrics, mut spread) = (BTreeMap::new(), BTreeMap::new());
        for ((_, name, _), mut values) in METRICS.iter().zip(self.values) {
            values.sort_by(f64::total_cmp);
            metrics.insert(*name, Stats::sorted(&values));
            spread.insert(*name, spark::spread(&values, CLASSES));
        }
        Ok(Group {
            key,
            exchanges: self.exchanges,
            streamed,
            metrics,
            failed: self.failed,
            statuses: self.statuses,
            verdicts: self.verdicts,
            finish_reasons: self.finish_reasons,
            throughput,
            intervals: intervals.map(|(all, _)| all),
            change,
            spread,
        })
    }

    fn throughput(&self, with_slo: bool) -> Throughput {
        let wall = self.ended.zip(self.begun).map(|(end, begin)| Span(end.saturating_sub(begin)).as_secs_f64());
        let wall = wall.filter(|s| *s > 0.0);
        let per_s = |n: u64| wall.map(|s| n as f64 / s);
        let good = with_slo.then_some(self.good);
        Throughput {
            wall_s: wall,
            requests_per_s: per_s(self.exchanges),
            output_tokens: self.output_tokens,
            with_usage: self.with_usage,
            output_tokens_per_s: per_s(self.output_tokens).filter(|_| self.with_usage > 0),
            good,
            good_share: good.filter(|_| self.exchanges > 0).map(|good| good as f64 / self.exchanges as f64),
            goodput_per_s: good.and_then(per_s),
        }
    }
}

/// Tokens per second of one stream.
pub(super) fn rate(t: &Timing) -> Option<f64> {
    t.tpot.filter(|tpot| tpot.0 > 0).map(|tpot| 1e9 / tpot.0 as f64)
}

/// The value of a figure of [`crate::metrics::slo::FIGURES`].
pub(in crate::report) fn objective(t: &Timing, name: &str) -> Option<f64> {
    let span = match name {
        "ttfb" => t.ttfb,
        "ttft" => t.ttft,
        "ttft_content" => t.ttft_content,
        "itl_p50" => t.itl_p50,
        "itl_p99" => t.itl_p99,
        "itl_max" => t.itl_max,
        "tpot" => t.tpot,
        "duration" => t.duration,
        "tokens_per_s" => return rate(t),
        _ => None,
    };
    span.map(Span::as_millis_f64)
}
