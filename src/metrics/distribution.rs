//! Many spans as a few figures. Exact: every value is kept and sorted, percentiles are by nearest rank.

use crate::time::Span;

/// How spans are distributed. Values, not interpolations: each percentile is one of the spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// Number of spans, at least 1.
    pub n: usize,
    /// Shortest.
    pub min: Span,
    /// Median.
    pub p50: Span,
    /// 90th percentile.
    pub p90: Span,
    /// 95th percentile.
    pub p95: Span,
    /// 99th percentile.
    pub p99: Span,
    /// Longest.
    pub max: Span,
    /// Arithmetic mean, rounded to the nanosecond towards zero.
    pub mean: Span,
}

impl Distribution {
    /// Of these spans; null where there are none.
    pub fn of(mut spans: Vec<Span>) -> Option<Distribution> {
        spans.sort_unstable();
        let sum: i128 = spans.iter().map(|s| i128::from(s.0)).sum();
        let mean = sum.checked_div(spans.len() as i128)?;
        Some(Distribution {
            n: spans.len(),
            min: *spans.first()?,
            p50: percentile(&spans, 50.0)?,
            p90: percentile(&spans, 90.0)?,
            p95: percentile(&spans, 95.0)?,
            p99: percentile(&spans, 99.0)?,
            max: *spans.last()?,
            mean: Span(i64::try_from(mean).ok()?),
        })
    }
}

/// The `p`th percentile of sorted spans by nearest rank: the value at rank ⌈p/100 · n⌉, the first for `p` ≤ 0, the last for `p` ≥ 100.
pub fn percentile(sorted: &[Span], p: f64) -> Option<Span> {
    let last = sorted.len().checked_sub(1)?;
    // p · n before the division: both are small whole numbers, so that 99 % of 100 is rank 99 and not 100 for a rounding error.
    let rank = (p * sorted.len() as f64 / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(last)).copied()
}
