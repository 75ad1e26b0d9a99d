//! The rules. Each is one value: code, name, text, source, samples, check. Layers notice; only here is judged.
//!
//! To add one more rule: one `static` in its family's file under `rules/`, one line in [`RULES`].

use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::time::{Span, Timestamp};
use std::cmp::Reverse;

pub mod rules;

mod case;
pub mod causes;
pub mod clients;
pub mod kinds;
pub mod sample;
mod table;

#[cfg(test)]
mod tests;

pub use rules::RULES;
pub use table::catalogue_table;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Some clients or tools stumble.
    Warning,
    /// The promise is broken.
    Error,
}

/// One rule, with everything that is known of it.
#[derive(Debug)]
pub struct Rule {
    /// `SSE-002`.
    pub code: &'static str,
    /// Named after the bad pattern, kebab-case, so that "allow missing-done" reads well.
    pub name: &'static str,
    /// Default level.
    pub level: Level,
    /// One line: what is demanded.
    pub summary: &'static str,
    /// Why it matters, a paragraph.
    pub why: &'static str,
    /// Where the demand comes from: RFC section, vendor document, issue.
    pub source: &'static str,
    /// Who breaks on it, as client names.
    pub breaks: &'static [&'static str],
    /// What to do about it, one line.
    pub fix: &'static str,
    /// Transcripts (`.wire`) that must provoke it.
    pub bad: &'static [&'static str],
    /// Transcripts that must not.
    pub good: &'static [&'static str],
    /// Codes of rules of lower layers whose warning or error explains this one's findings away.
    pub silenced_by: &'static [&'static str],
    /// The judgement rests on the whole body: where the capture lacks bytes it is marked unsure, and is a warning at most.
    pub needs_all_bytes: bool,
    /// The judgement: push what is wrong.
    pub check: fn(&Case<'_>, &mut dyn FnMut(Finding)),
}

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its figures.
    pub metrics: &'a Metrics,
    /// Thresholds.
    pub limits: &'a Limits,
}

/// Thresholds of the delivery rules; options of the command line.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A gap between deltas of at least this is a stall (DLV-005).
    pub stall: Span,
    /// … if it is also this many times the median gap.
    pub stall_times_median: f64,
    /// A body that is complete within this after its first delta was buffered (DLV-001).
    pub burst_window: Span,
    /// … if it has more deltas than this.
    pub burst_min_deltas: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { stall: Span::from_secs(10), stall_times_median: 20.0, burst_window: Span::from_millis(50), burst_min_deltas: 20 }
    }
}

/// One violation of one rule by one exchange. Equal ones are folded: the first place, and a count.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Code of the rule; filled in by `judge`.
    pub rule: &'static str,
    /// Level; `judge` fills in the rule's own unless the check chose another.
    pub level: Option<Level>,
    /// Record, where one can be named.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, where one can be named.
    pub offset: Option<u64>,
    /// When it showed.
    pub at: Option<Timestamp>,
    /// How often in this exchange.
    pub count: u64,
    /// What is wrong, with the concrete values.
    pub message: String,
}

impl Finding {
    /// A finding of the rule at hand, with nothing but its message.
    pub fn new(message: impl Into<String>) -> Self {
        Finding { rule: "", level: None, record: None, offset: None, at: None, count: 1, message: message.into() }
    }

    /// From an oddity (place, time) and how often it was noticed.
    pub fn of(oddity: &crate::oddity::Oddity, count: u64, message: impl Into<String>) -> Self {
        Finding { record: oddity.record, offset: oddity.offset, at: Some(oddity.at), count, ..Finding::new(message) }
    }

    /// The same at another level than the rule's own.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }
}

/// The rule with this code or name, without case.
pub fn by_code(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|r| r.code.eq_ignore_ascii_case(code) || r.name.eq_ignore_ascii_case(code))
}

/// All findings of one exchange, worst first, then by place.
pub fn judge(exchange: &Exchange, metrics: &Metrics, limits: &Limits) -> Vec<Finding> {
    judge_by(RULES, &Case { exchange, metrics, limits })
}

/// [`judge`] by these rules only.
fn judge_by(rules: &[&'static Rule], case: &Case<'_>) -> Vec<Finding> {
    let unsure = case.lacks_bytes();
    let mut found: Vec<(&'static Rule, Finding)> = Vec::new();
    for rule in rules {
        (rule.check)(case, &mut |mut finding| {
            finding.rule = rule.code;
            let level = finding.level.unwrap_or(rule.level);
            if unsure && rule.needs_all_bytes {
                finding.level = Some(level.min(Level::Warning));
                finding.message.push_str(UNSURE);
            } else {
                finding.level = Some(level);
            }
            found.push((rule, finding));
        });
    }
    let grave: Vec<&str> = found.iter().filter(|(_, f)| f.level >= Some(Level::Warning)).map(|(rule, _)| rule.code).collect();
    found.retain(|(rule, _)| !rule.silenced_by.iter().any(|code| grave.contains(code)));
    let mut findings: Vec<Finding> = found.into_iter().map(|(_, f)| f).collect();
    // Stable: within one place the order of the catalogue stays.
    findings.sort_by_key(|f| (Reverse(f.level), f.record, f.offset));
    findings
}

/// What a finding says that rests on bytes which the capture lacks.
const UNSURE: &str = " (unsure: the capture lacks bytes of this exchange)";
