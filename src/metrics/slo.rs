//! Objectives for one exchange, as `ttft<500ms,itl_p99<80ms`: those that meet all of them are the goodput.

use crate::time::Span;

/// Figures that an objective may name: those of an exchange in JSON, without `_ms`, and `tokens_per_s`.
pub const FIGURES: [&str; 9] =
    ["ttfb", "ttft", "ttft_content", "itl_p50", "itl_p99", "itl_max", "tpot", "duration", "tokens_per_s"];

/// The figure that is no duration.
pub const RATE: &str = "tokens_per_s";

/// All objectives of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slo {
    limits: Vec<Limit>,
    text: String,
}

/// One objective.
#[derive(Debug, Clone, PartialEq)]
struct Limit {
    figure: &'static str,
    /// The value lies below the limit; false: above it.
    below: bool,
    /// In ms, or tokens per second.
    limit: f64,
}

impl Slo {
    /// Reads objectives that are parted by commas: a figure, `<` or `>`, and a duration with its unit (`500ms`, `2s`),
    /// for `tokens_per_s` a number. `span` reads durations.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str, span: impl Fn(&str) -> Result<Span, String>) -> Result<Slo, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let limits = parts.map(|part| limit(part, &span)).collect::<Result<Vec<_>, String>>()?;
        if limits.is_empty() {
            return Err("expected objectives such as ttft<500ms,itl_p99<80ms".into());
        }
        Ok(Slo { limits, text: text.trim().into() })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Each objective: figure, `<` or `>`, and the limit in ms or tokens per second.
    pub fn objectives(&self) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
        self.limits.iter().map(|limit| (limit.figure, if limit.below { "<" } else { ">" }, limit.limit))
    }

    /// Whether `figure` meets every objective: it gives the value of a name of [`FIGURES`], in ms or tokens per second.
    /// A figure that the exchange does not have is not met.
    pub fn is_met(&self, figure: impl Fn(&str) -> Option<f64>) -> bool {
        self.limits.iter().all(|limit| {
            figure(limit.figure).is_some_and(|v| if limit.below { v < limit.limit } else { v > limit.limit })
        })
    }
}

fn limit(part: &str, span: &impl Fn(&str) -> Result<Span, String>) -> Result<Limit, String> {
    let at = part.find(['<', '>']).ok_or_else(|| format!("{part:?} has neither < nor >, as in ttft<500ms"))?;
    let (name, value) = (part[..at].trim(), part[at + 1..].trim());
    let figure = figure_of(name)?;
    let limit = value_of(figure, value, span)?;
    Ok(Limit { figure, below: part[at..].starts_with('<'), limit })
}

/// The figure of this name.
///
/// # Errors
/// Which names there are.
pub fn figure_of(name: &str) -> Result<&'static str, String> {
    let known = FIGURES.into_iter().find(|f| *f == name);
    known.ok_or_else(|| format!("{name:?} is no figure of an exchange; expected one of {}", FIGURES.join(", ")))
}

/// A value of a figure: a duration in ms, or tokens per second. `span` reads durations.
///
/// # Errors
/// What is wrong, for people.
pub fn value_of(figure: &str, value: &str, span: &impl Fn(&str) -> Result<Span, String>) -> Result<f64, String> {
    if figure == RATE {
        let number = value.parse::<f64>().ok().filter(|n| n.is_finite());
        return number.ok_or_else(|| format!("{value:?} is no number of tokens per second"));
    }
    if !value.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(format!("{value:?} has no unit; expected a duration such as 500ms"));
    }
    Ok(span(value)?.as_millis_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<Span, String> {
        let ms = text.strip_suffix("ms").and_then(|n| n.parse().ok());
        ms.map(Span::from_millis).ok_or_else(|| "expected a duration".to_owned())
    }

    #[test]
    fn all_objectives_are_met_or_none_counts() {
        let slo = Slo::parse(" ttft<500ms, tokens_per_s>20", span).unwrap();
        let met = |ttft: Option<f64>, rate: Option<f64>| {
            slo.is_met(|name| match name {
                "ttft" => ttft,
                "tokens_per_s" => rate,
                _ => None,
            })
        };
        assert_eq!(slo.text(), "ttft<500ms, tokens_per_s>20");
        assert!(met(Some(499.9), Some(20.1)));
        assert!(!met(Some(500.0), Some(20.1)) && !met(Some(499.9), Some(20.0)));
        assert!(!met(None, Some(30.0)) && !met(Some(1.0), None), "what is not known is not met");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("", "expected objectives"),
            ("ttft", "neither < nor >"),
            ("p99<5ms", "is no figure"),
            ("ttft<500", "has no unit"),
            ("ttft<xms", "expected a duration"),
            ("tokens_per_s>fast", "is no number"),
        ] {
            let e = Slo::parse(text, span).unwrap_err();
            assert!(e.contains(said), "{text}: {e}");
        }
    }
}
