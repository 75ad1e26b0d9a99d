//! Lists of values, as each tool sums them up.

use super::Tool;
use crate::metrics::percentile;
use serde::Serialize;

/// A list of values as the tool sums it up.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sum {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation, divisor n.
    pub sd: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Percentiles, in the tool's way.
    pub p50: Option<f64>,
    /// See `p50`.
    pub p90: Option<f64>,
    /// See `p50`.
    pub p95: Option<f64>,
    /// See `p50`.
    pub p99: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Of OpenTelemetry: the histogram: upper bound of each bucket (none: no bound) and its count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<(Option<f64>, u64)>,
}

impl Sum {
    /// Of these values of the figure `name`, in the tool's unit.
    pub fn of(tool: Tool, name: &str, mut values: Vec<f64>) -> Sum {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = (n > 0.0).then(|| values.iter().sum::<f64>() / n);
        let sd = mean.map(|mean| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt());
        let p = |p: f64| match tool {
            // Both take a percentile between two values in proportion (NumPy's default).
            Tool::Vllm | Tool::Aiperf => between(&values, p),
            Tool::Guidellm | Tool::Otel => percentile(&values, p),
        };
        Sum {
            n: values.len(),
            mean,
            sd,
            min: values.first().copied(),
            p50: p(50.0),
            p90: p(90.0),
            p95: p(95.0),
            p99: p(99.0),
            max: values.last().copied(),
            buckets: if tool == Tool::Otel { buckets(name, &values) } else { Vec::new() },
        }
    }
}

/// The percentile in proportion between two values.
fn between(sorted: &[f64], p: f64) -> Option<f64> {
    let at = p / 100.0 * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(at as usize)?, sorted.get(at as usize + 1).or(sorted.last())?);
    Some(low + at.fract() * (high - low))
}

/// The bounds that the conventions advise for this figure, in seconds, and the values at or below each.
fn buckets(name: &str, values: &[f64]) -> Vec<(Option<f64>, u64)> {
    const FIRST_TOKEN: &[f64] =
        &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    const PER_TOKEN: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
    const DOUBLING: &[f64] = &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    let bounds = match name {
        "gen_ai.server.time_to_first_token" => FIRST_TOKEN,
        "gen_ai.server.time_per_output_token" => PER_TOKEN,
        _ => DOUBLING,
    };
    let mut before = 0;
    let upper = bounds.iter().map(|bound| (Some(*bound), values.partition_point(|v| v <= bound)));
    upper
        .chain([(None, values.len())])
        .map(|(bound, at)| {
            let count = (at - before) as u64;
            before = at;
            (bound, count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_tool() {
        let values = || vec![4.0, 1.0, 3.0, 2.0];
        // numpy.percentile([1, 2, 3, 4], [50, 90, 99]) is 2.5, 3.7, 3.97; numpy.std is √1.25.
        let s = Sum::of(Tool::Vllm, "ttft", values());
        let close = |have: Option<f64>, want: f64| assert!(have.is_some_and(|v| (v - want).abs() < 1e-12), "{have:?}");
        close(s.p50, 2.5);
        close(s.p90, 3.7);
        close(s.p99, 3.97);
        close(s.sd, 1.25_f64.sqrt());
        assert_eq!(Sum::of(Tool::Guidellm, "x", values()).p50, Some(2.0));
        assert_eq!(Sum::of(Tool::Aiperf, "x", vec![5.0]).p99, Some(5.0));
        assert_eq!(Sum::of(Tool::Aiperf, "x", vec![]).p99, None);
        let s = Sum::of(Tool::Otel, "gen_ai.server.time_per_output_token", vec![0.01, 0.02, 3.0]);
        let filled: Vec<_> = s.buckets.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(filled, [(Some(0.01), 1), (Some(0.025), 1), (None, 1)]);
    }
}
