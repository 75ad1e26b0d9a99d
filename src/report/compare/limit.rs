//! Limits of `--fail-on-regression`: by how much the second run may be slower.

use super::{Compared, FIGURES, METRICS, Shares};
use crate::metrics::rank::FEWEST;
use crate::metrics::resample;
use crate::time::Span;
use serde::Serialize;

/// The chance of a false alarm of all limits together.
const CHANCE: f64 = 0.05;

/// One limit, as `ttft.p99>10%`, `duration.p50>50ms` or `failed>1%`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    text: String,
    /// Metric and figure; none: the share of failed exchanges.
    of: Option<(&'static str, &'static str)>,
    most: Most,
}

/// How much more there may be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Most {
    /// In percent of the first run; of the failed: in percentage points.
    Percent(f64),
    Ms(f64),
}

/// What became of a limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The limit as it was written.
    pub limit: String,
    /// By how much the second run has more: in percent, in ms, of the failed in percentage points; null if one of the
    /// runs lacks the figure.
    pub grown_by: Option<f64>,
    /// It is over the limit.
    pub over: bool,
    /// The difference may be chance, or there are too few values to tell.
    pub may_be_chance: bool,
    /// Over, and not by chance.
    pub broken: bool,
}

impl Limit {
    /// Reads a limit. `span` reads durations.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str, span: impl Fn(&str) -> Result<Span, String>) -> Result<Limit, String> {
        let wrong = || "expected a limit such as ttft.p99>10%, duration.p50>50ms or failed>1%".to_owned();
        let (name, most) = text.split_once('>').ok_or_else(wrong)?;
        let (name, most) = (name.trim(), most.trim());
        let most = match most.strip_suffix('%').map(str::trim) {
            Some(number) => Most::Percent(number.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(wrong)?),
            None if most.ends_with(|c: char| c.is_ascii_alphabetic()) => Most::Ms(span(most)?.as_millis_f64()),
            None => return Err(wrong()),
        };
        let of = match name.split_once('.') {
            None if name == "failed" && matches!(most, Most::Percent(_)) => None,
            None => return Err(wrong()),
            Some((metric, figure)) => {
                let names = METRICS.map(|(name, ..)| name);
                let metric = names
                    .into_iter()
                    .find(|name| *name == metric)
                    .ok_or_else(|| format!("{metric:?} is not compared; expected one of {}", names.join(", ")))?;
                let names = FIGURES.map(|(name, _)| name);
                let figure = names
                    .into_iter()
                    .find(|name| *name == figure)
                    .ok_or_else(|| format!("{figure:?} is not compared; expected one of {}", names.join(", ")))?;
                Some((metric, figure))
            }
        };
        Ok(Limit { text: text.trim().into(), of, most })
    }

    /// Judges it, as one of `all` limits: the more there are, the wider is the interval that has to lie above 0.
    pub(super) fn judge(&self, metrics: &[Compared], failed: &Shares, all: usize) -> Judged {
        let level = 1.0 - CHANCE / all.max(1) as f64;
        let (grown_by, may_be_chance) = match self.of {
            None => {
                let grown = failed.a.zip(failed.b).map(|(a, b)| 100.0 * (b - a));
                (grown, failed.p >= CHANCE / all.max(1) as f64)
            }
            Some((metric, figure)) => {
                let metric = metrics.iter().find(|m| m.metric == metric);
                let found = metric.and_then(|m| Some((m.differences.get(figure)?, m.drawn.get(figure)?)));
                let grown = found.and_then(|(difference, _)| match self.most {
                    Most::Percent(_) => difference.percent,
                    Most::Ms(_) => Some(difference.ms),
                });
                let few = metric.is_none_or(|m| m.a.n.min(m.b.n) < FEWEST);
                let above = found.and_then(|(_, drawn)| resample::interval(drawn, level)).is_some_and(|i| i.0 > 0.0);
                (grown, few || !above)
            }
        };
        let (Most::Percent(most) | Most::Ms(most)) = self.most;
        let over = grown_by.is_some_and(|grown| grown > most);
        Judged { limit: self.text.clone(), grown_by, over, may_be_chance, broken: over && !may_be_chance }
    }
}
