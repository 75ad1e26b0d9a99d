//! Conditions of `--alert`, as `p99(ttft)>2s over 1m`: what is looked at, a limit, and over which time.

use super::Observation;
use crate::conformance::Level;
use crate::metrics::slo::{figure_of, value_of};
use crate::time::Span;
use std::ops::RangeInclusive;

/// The window where none is named.
const USUAL: Span = Span::from_secs(60);
/// The name of the time between two successive deltas, of which an exchange has many.
const GAPS: &str = "itl";

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    text: String,
    pub(super) what: What,
    /// It holds above the limit; false: below it.
    pub(super) above: bool,
    /// In ms, tokens per second, a number, per second, or a share (0 to 1).
    pub(super) limit: f64,
    pub(super) window: Span,
}

/// What is compared with the limit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A statistic of a figure: its name.
    Figure(Stat, &'static str),
    /// How many exchanges.
    Count(Which),
    /// How many a second.
    Rate(Which),
    /// How many of all.
    Share(Which),
}

/// A statistic of the values of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stat {
    /// Percentile, nearest rank.
    Percentile(f64),
    Min,
    Mean,
    Max,
}

/// Which exchanges are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that failed: by status, or by a verdict that blames one side.
    Errors,
    /// A verdict, or its last word (`truncated`).
    Verdict(String),
    Status(RangeInclusive<u16>),
    /// A finding of this rule.
    Rule(String),
    /// A finding of this level or a worse one.
    Level(Level),
    Model(String),
    Host(String),
}

/// How the parts of a condition are read that other options have too.
pub struct Readers {
    /// A duration.
    pub span: fn(&str) -> Result<Span, String>,
    /// A status, a class of them, or a range.
    pub status: fn(&str) -> Result<RangeInclusive<u16>, String>,
    /// The code of the rule with this code or name.
    pub rule: fn(&str) -> String,
}

impl Alert {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str, readers: &Readers) -> Result<Alert, String> {
        let text = text.trim();
        let (condition, window) = match text.rsplit_once(" over ") {
            Some((condition, window)) => (condition, (readers.span)(window.trim())?),
            None => (text, USUAL),
        };
        if window.0 <= 0 {
            return Err("the time after `over` is longer than nothing".into());
        }
        let form = || format!("{text:?} is no condition; expected one such as p99(ttft)>2s over 1m");
        let (function, rest) = condition.split_once('(').ok_or_else(form)?;
        let (inner, limit) = rest.split_once(')').ok_or_else(form)?;
        let (function, inner, limit) = (function.trim(), inner.trim(), limit.trim());
        let above = limit.starts_with('>');
        let value = limit.strip_prefix(['<', '>']).ok_or_else(form)?.trim();
        let (what, limit) = match function {
            "count" => (What::Count(which(inner, readers)?), number(value)?),
            "rate" => rate(which(inner, readers)?, value)?,
            _ => {
                let stat = stat(function)?;
                let figure = if inner == GAPS { GAPS } else { figure_of(inner)? };
                (What::Figure(stat, figure), value_of(figure, value, &readers.span)?)
            }
        };
        Ok(Alert { text: text.to_owned(), what, above, limit, window })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl What {
    /// The values of an exchange, in ms or tokens per second.
    pub(super) fn values(&self, o: &Observation) -> Vec<f64> {
        let What::Figure(_, figure) = self else { return Vec::new() };
        let span = match *figure {
            GAPS => return o.gaps.iter().map(|gap| Span(*gap).as_millis_f64()).collect(),
            "ttfb" => o.ttfb,
            // Of what was not streamed, the first token is the last one.
            "ttft" => o.ttft.filter(|_| o.streamed),
            "ttft_content" => o.ttft_content.filter(|_| o.streamed),
            "itl_p50" => o.itl_p50,
            "itl_p99" => o.itl_p99,
            "itl_max" => o.itl_max,
            "tpot" => o.tpot,
            "duration" => o.duration,
            _ => return o.tpot.filter(|tpot| tpot.0 > 0).map(|tpot| 1e9 / tpot.0 as f64).into_iter().collect(),
        };
        span.map(Span::as_millis_f64).into_iter().collect()
    }

    /// Which exchanges are counted; none if a figure is looked at.
    pub(super) fn which(&self) -> Option<&Which> {
        match self {
            What::Figure(..) => None,
            What::Count(which) | What::Rate(which) | What::Share(which) => Some(which),
        }
    }
}

impl Which {
    pub(super) fn has(&self, o: &Observation) -> bool {
        let is = |have: &str, want: &str| have.eq_ignore_ascii_case(want);
        match self {
            Which::All => true,
            Which::Errors => o.failed(),
            Which::Verdict(want) => {
                let have = o.verdict();
                is(have, want) || have.rsplit_once('-').is_some_and(|(_, last)| is(last, want))
            }
            Which::Status(range) => o.status.is_some_and(|status| range.contains(&status)),
            Which::Rule(want) => o.findings.iter().any(|f| is(&f.rule, want)),
            Which::Level(want) => o.findings.iter().any(|f| f.level >= *want),
            Which::Model(want) => o.request_model.as_deref().is_some_and(|model| is(model, want)),
            Which::Host(want) => is(&o.host, want),
        }
    }
}

fn stat(name: &str) -> Result<Stat, String> {
    let percentile = name.strip_prefix('p').and_then(|p| p.parse::<f64>().ok()).filter(|p| *p > 0.0 && *p <= 100.0);
    match (name, percentile) {
        (_, Some(p)) => Ok(Stat::Percentile(p)),
        ("min", _) => Ok(Stat::Min),
        ("mean", _) => Ok(Stat::Mean),
        ("max", _) => Ok(Stat::Max),
        _ => Err(format!("{name:?} is no function; expected p50, p99, min, mean, max, count or rate")),
    }
}

fn which(text: &str, readers: &Readers) -> Result<Which, String> {
    let Some((name, value)) = text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
        return match text {
            "errors" => Ok(Which::Errors),
            "exchanges" => Ok(Which::All),
            _ => Err(format!(
                "{text:?} cannot be counted; expected errors, exchanges, or verdict=, status=, rule=, level=, \
                model= or host= with a value"
            )),
        };
    };
    match name {
        _ if value.is_empty() => Err(format!("{name}= has no value")),
        "verdict" => Ok(Which::Verdict(value.into())),
        "status" => (readers.status)(value).map(Which::Status),
        "rule" => Ok(Which::Rule((readers.rule)(value))),
        "level" => {
            let level = Level::parse(value).ok_or_else(|| format!("{value:?} is no level: error, warning or info"))?;
            Ok(Which::Level(level))
        }
        "model" => Ok(Which::Model(value.into())),
        "host" => Ok(Which::Host(value.into())),
        _ => Err(format!("{name}= cannot be counted; expected verdict=, status=, rule=, level=, model= or host=")),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    number.ok_or_else(|| format!("{text:?} is no number"))
}

/// A rate: per second (`0.5`, `0.5/s`), per minute (`30/m`) or hour, or of all exchanges (`5%`).
fn rate(which: Which, text: &str) -> Result<(What, f64), String> {
    if let Some(percent) = text.strip_suffix('%') {
        return Ok((What::Share(which), number(percent.trim())? / 100.0));
    }
    let (value, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{text:?} is no rate; expected 0.5/s, 30/m, 100/h or 5%")),
    };
    Ok((What::Rate(which), number(value.trim())? / seconds))
}
