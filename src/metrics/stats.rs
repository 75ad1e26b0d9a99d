//! Order statistics of a list of values, exact: every percentile is one of the values, nothing is estimated.

use super::percentile;
use serde::Serialize;

/// The figures of one list of values, in the values' unit; all but `n` are none without values.
///
/// Percentiles are nearest rank ([`percentile`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Number of values.
    pub n: usize,
    /// The smallest.
    pub min: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation of the sample (divisor n − 1); none with fewer than two values.
    pub sd: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// Names of the figures of [`Stats`] but `n`, as in JSON and in `--fail-on-regression`.
pub const NAMES: [&str; 9] = ["min", "mean", "sd", "p50", "p90", "p95", "p99", "p999", "max"];

impl Stats {
    /// The figures of these values.
    pub fn of(mut values: Vec<f64>) -> Stats {
        values.sort_by(f64::total_cmp);
        Stats::sorted(&values)
    }

    /// The figures of ascending values.
    pub fn sorted(values: &[f64]) -> Stats {
        let p = |p| percentile(values, p);
        let mean = mean(values);
        Stats {
            n: values.len(),
            min: values.first().copied(),
            mean,
            sd: mean.and_then(|mean| deviation(values, mean)),
            p50: p(50.0),
            p90: p(90.0),
            p95: p(95.0),
            p99: p(99.0),
            p999: p(99.9),
            max: values.last().copied(),
        }
    }

    /// The figure of this name of [`NAMES`]; none for another name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let all = [self.min, self.mean, self.sd, self.p50, self.p90, self.p95, self.p99, self.p999, self.max];
        NAMES.iter().position(|n| *n == name).and_then(|at| all[at])
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values.iter().copied()) / values.len() as f64)
}

fn deviation(values: &[f64], mean: f64) -> Option<f64> {
    let free = values.len().checked_sub(1).filter(|free| *free > 0)?;
    Some((sum(values.iter().map(|v| (v - mean) * (v - mean))) / free as f64).sqrt())
}

/// The sum, with the rounding of each step carried along (Neumaier 1974): a million gaps lose nothing.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + lost
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_of_known_lists() {
        // Nearest rank by its definition: the ceil(p/100·n)-th smallest value. Sample deviation of 1..=10: sqrt(55/6).
        let s = Stats::of((1..=10).rev().map(f64::from).collect());
        assert_eq!((s.n, s.min, s.mean, s.max), (10, Some(1.0), Some(5.5), Some(10.0)));
        assert_eq!((s.p50, s.p90, s.p95, s.p99, s.p999), (Some(5.0), Some(9.0), Some(10.0), Some(10.0), Some(10.0)));
        assert!((s.sd.unwrap() - (55.0_f64 / 6.0).sqrt()).abs() < 1e-12);
        let s = Stats::of((1..=1000).map(f64::from).collect());
        assert_eq!((s.p95, s.p99, s.p999, s.max), (Some(950.0), Some(990.0), Some(999.0), Some(1000.0)));
        assert_eq!(Stats::of(vec![]), Stats::default());
        let one = Stats::of(vec![7.0]);
        assert_eq!((one.min, one.mean, one.sd, one.p999), (Some(7.0), Some(7.0), None, Some(7.0)));
    }

    #[test]
    fn each_figure_has_its_name() {
        let s = Stats::of((1..=2000).map(f64::from).collect());
        let json = serde_json::to_value(s).unwrap();
        for name in NAMES {
            assert_eq!(json[name].as_f64(), s.figure(name), "{name}");
        }
        assert_eq!((s.figure("n"), json.as_object().unwrap().len()), (None, NAMES.len() + 1));
    }

    /// The value of which at least p percent of all are not larger, and that is the smallest such: counted, not sorted.
    fn naive(values: &[i64], tenths: usize) -> i64 {
        let not_larger = |v: i64| values.iter().filter(|other| **other <= v).count();
        let enough = |v: i64| not_larger(v) * 1000 >= tenths * values.len();
        *values.iter().filter(|v| enough(**v)).min().unwrap()
    }

    proptest! {
        #[test]
        fn every_figure_equals_a_count_of_the_values(values in prop::collection::vec(0_i64..2_000_000, 1..400)) {
            let s = Stats::of(values.iter().map(|v| *v as f64).collect());
            for (have, tenths) in [(s.p50, 500), (s.p90, 900), (s.p95, 950), (s.p99, 990), (s.p999, 999)] {
                prop_assert_eq!(have, Some(naive(&values, tenths) as f64));
            }
            prop_assert_eq!(s.min, values.iter().min().map(|v| *v as f64));
            prop_assert_eq!(s.max, values.iter().max().map(|v| *v as f64));
            let n = values.len() as i128;
            let (sum, squares) = values.iter().fold((0_i128, 0_i128), |(s, q), v| {
                (s + i128::from(*v), q + i128::from(*v) * i128::from(*v))
            });
            prop_assert!((s.mean.unwrap() - sum as f64 / n as f64).abs() < 1e-6);
            // Σ(v − mean)² = (n·Σv² − (Σv)²) / n, in whole numbers.
            let want = (n > 1).then(|| ((n * squares - sum * sum) as f64 / (n * (n - 1)) as f64).sqrt());
            prop_assert_eq!(s.sd.is_some(), want.is_some());
            prop_assert!((s.sd.unwrap_or(0.0) - want.unwrap_or(0.0)).abs() <= 1e-9 * want.unwrap_or(0.0).max(1.0));
        }
    }
}
