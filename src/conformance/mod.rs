//! The rules. Each is one value: code, name, text, source, samples, check. Layers notice; only this module judges.
//!
//! To add a rule: one `static` and its name in the `RULES` of the file of its family, in `rules/`.

use crate::exchange::{Exchange, Response};
use crate::http::event::Fields;
use crate::metrics::Metrics;
use crate::oddity::Excerpt;
use crate::time::{Span, Timestamp};
use crate::verdict::{self, Facts, Verdict};
use policy::{Policy, Subject};
use std::cmp::Reverse;

pub mod rules;

mod case;
mod consequences;
pub mod causes;
pub mod clients;
pub mod hop;
pub mod policy;
pub mod probe;
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
    /// Some clients or tools fail.
    Warning,
    /// The promise is broken.
    Error,
}

impl Level {
    /// Its name, as in JSON, the database and the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// The level with this name.
    pub fn parse(name: &str) -> Option<Level> {
        [Level::Info, Level::Warning, Level::Error].into_iter().find(|level| level.as_str() == name)
    }
}

/// One rule, with its texts, samples and check.
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
    /// Names of the clients that break on it.
    pub breaks: &'static [&'static str],
    /// What to do about it, one line.
    pub fix: &'static str,
    /// Samples that must provoke it: scripts of named steps, whose language and words are in
    /// `conformance/sample/words.txt`.
    pub bad: &'static [&'static str],
    /// Samples that must not.
    pub good: &'static [&'static str],
    /// Other rules that the good samples break, each with its highest level there: a good sample is good for this
    /// rule only.
    pub also: &'static [(&'static str, Level)],
    /// Clients on which the client models (`crate::clients`) disagree with `breaks` for the bad samples: (name,
    /// reason).
    pub argued: &'static [(&'static str, &'static str)],
    /// Codes of rules of lower layers whose warning or error explains this one's findings away.
    pub silenced_by: &'static [&'static str],
    /// The check needs the whole body: if the capture lacks bytes, its findings are marked unsure and are warnings at
    /// most.
    pub needs_all_bytes: bool,
    /// The check: it pushes a finding for each fault.
    pub check: fn(&Case<'_>, &mut dyn FnMut(Finding)),
}

impl Rule {
    /// The values that most rules have. Each rule states the others and ends with `..Rule::DEFAULT`.
    pub const DEFAULT: Rule = Rule {
        code: "",
        name: "",
        level: Level::Error,
        summary: "",
        why: "",
        source: "",
        breaks: &[],
        fix: "",
        bad: &[],
        good: &[],
        also: &[],
        argued: &[],
        silenced_by: &[],
        needs_all_bytes: false,
        check: |_, _| {},
    };
}

/// The input of a rule's check.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its figures.
    pub metrics: &'a Metrics,
    /// Thresholds.
    pub limits: &'a Limits,
    /// The same answer upstream of the hop that gave it, if that was captured too.
    pub upstream: Option<&'a hop::Side>,
    /// What is known of the answer's end. No rule looks for the end itself.
    pub ended: &'a Facts,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// Thresholds of the delivery rules; options of the command line.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// An ITL of at least this is a stall (DLV-005) …
    pub stall: Span,
    /// … if it is also this many times the median ITL.
    pub stall_times_median: f64,
    /// A body that is complete within this after its first delta was buffered (DLV-001) …
    pub burst_window: Span,
    /// … if it has more deltas than this.
    pub burst_min_deltas: usize,
    /// Deltas in one burst above which delivery counts as blocks (DLV-002).
    pub block_deltas: u64,
    /// Silence before the first delta that needs a keep-alive (DLV-007).
    pub keep_alive: Span,
    /// A head that comes at least this late, together with the first delta, was held back (DLV-008).
    pub late_head: Span,
    /// A body that stays open this long after its terminator (DLV-009).
    pub tail: Span,
    /// A pause caused by the transport (DLV-012).
    pub transport_stall: Span,
    /// Tokens per delta above which ITL is not the time per token (DLV-013).
    pub tokens_per_delta: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            stall: Span::from_secs(10),
            stall_times_median: 20.0,
            burst_window: Span::from_millis(50),
            burst_min_deltas: 20,
            block_deltas: 8,
            keep_alive: Span::from_secs(15),
            late_head: Span::from_secs(5),
            tail: Span::from_secs(1),
            transport_stall: Span::from_millis(200),
            tokens_per_delta: 1.5,
        }
    }
}

/// One violation of one rule by one exchange. Equal ones are folded: the first place, and a count.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Code of the rule; filled in by `judge`.
    pub rule: &'static str,
    /// Level; `judge` fills in the rule's own unless the check chose another. None after that: the user allows it
    /// ([`Policy::keep`]).
    pub level: Option<Level>,
    /// Record, if one can be named.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, if one can be named.
    pub offset: Option<u64>,
    /// When it became visible.
    pub at: Option<Timestamp>,
    /// Packet that showed it, from 1.
    pub frame: Option<u64>,
    /// Transfer unit of the body (chunk, DATA frame) that showed it, from 0.
    pub chunk: Option<u64>,
    /// The offending bytes and the bytes around them.
    pub excerpt: Option<Box<Excerpt>>,
    /// How often in this exchange.
    pub count: u64,
    /// What is wrong, with the concrete values.
    pub message: String,
    /// What to do about it, if the rule's own advice does not fit this case.
    pub fix: Option<&'static str>,
}

impl Finding {
    /// A finding of the rule at hand, with only its message.
    pub fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Finding {
            rule: "",
            level: None,
            record: None,
            offset: None,
            at: None,
            frame: None,
            chunk: None,
            excerpt: None,
            count: 1,
            message,
            fix: None,
        }
    }

    /// A finding about this field of a head.
    pub fn in_head(fields: &Fields, name: &str, message: impl Into<String>) -> Self {
        Finding { excerpt: Excerpt::of_field(fields.raw(), name).map(Box::new), ..Finding::new(message) }
    }

    /// A finding about what should be at the end of the body and is not.
    pub fn at_end(response: &Response, message: impl Into<String>) -> Self {
        Finding {
            record: response.record_count.checked_sub(1),
            offset: Some(response.body.decoded_bytes),
            at: Some(response.last_at),
            excerpt: response.body.tail.clone(),
            ..Finding::new(message)
        }
    }

    /// A finding about what is missing after the last delta, or stands in it; at the end of a body without deltas.
    pub fn at_last_delta(response: &Response, message: impl Into<String>) -> Self {
        let finding = Finding::at_end(response, message);
        match response.deltas.last() {
            Some(delta) => {
                Finding { record: Some(delta.record), at: Some(delta.at), offset: None, excerpt: None, ..finding }
            }
            None => finding,
        }
    }

    /// A finding with the place and time of an oddity, and how often it was noticed.
    pub fn of(oddity: &crate::oddity::Oddity, count: u64, message: impl Into<String>) -> Self {
        let delivery = oddity.delivery.unwrap_or_default();
        Finding {
            record: oddity.record,
            offset: oddity.offset,
            at: Some(oddity.at),
            frame: Some(delivery.frame).filter(|n| *n > 0),
            chunk: delivery.unit,
            excerpt: oddity.excerpt.clone(),
            count,
            ..Finding::new(message)
        }
    }

    /// The same at another level than the rule's own.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }
}

/// The rule with this code or name, without case; a check of a probe too.
pub fn by_code(code: &str) -> Option<&'static Rule> {
    let is = |r: &&Rule| r.code.eq_ignore_ascii_case(code) || r.name.eq_ignore_ascii_case(code);
    RULES.iter().chain(probe::CHECKS).copied().find(is)
}

/// All findings of one exchange, worst first, then by place, at the levels of its dialect's profile.
pub fn judge(exchange: &Exchange, metrics: &Metrics, limits: &Limits) -> Vec<Finding> {
    judge_as(exchange, metrics, limits, &Policy::default())
}

/// [`judge`], at the levels of this policy.
pub fn judge_as(exchange: &Exchange, metrics: &Metrics, limits: &Limits, policy: &Policy) -> Vec<Finding> {
    judge_with(exchange, metrics, limits, policy, None)
}

/// [`judge_as`], with the upstream side of this answer if it was captured too.
pub fn judge_with(
    exchange: &Exchange,
    metrics: &Metrics,
    limits: &Limits,
    policy: &Policy,
    upstream: Option<&hop::Side>,
) -> Vec<Finding> {
    let ended = Facts::of(exchange);
    let verdict = verdict::on(exchange, &ended);
    judge_by(RULES, &Case { exchange, metrics, limits, upstream, ended: &ended, verdict }, policy)
}

/// [`judge_as`], by these rules only.
fn judge_by(rules: &[&'static Rule], case: &Case<'_>, policy: &Policy) -> Vec<Finding> {
    let unsure = case.lacks_bytes();
    let mut found: Vec<(&'static Rule, Finding)> = Vec::new();
    for rule in rules {
        (rule.check)(case, &mut |mut finding| {
            finding.rule = rule.code;
            finding.level.get_or_insert(rule.level);
            // The policy decides levels last; it holds unsure findings to a warning.
            if unsure && rule.needs_all_bytes {
                finding.message.push_str(UNSURE);
            }
            found.push((rule, finding));
        });
    }
    fold(&mut found);
    let grave: Vec<&str> =
        found.iter().filter(|(_, f)| f.level >= Some(Level::Warning)).map(|(rule, _)| rule.code).collect();
    found.retain(|(rule, _)| !rule.silenced_by.iter().any(|code| grave.contains(code)));
    let host = host_of(case.exchange);
    let subject = subject(case.exchange, &host);
    let (mut findings, mut allowed): (Vec<Finding>, Vec<Finding>) = (Vec::new(), Vec::new());
    for mut f in found.into_iter().map(|(_, f)| f) {
        f.level = f.level.and_then(|level| policy.level(&subject, f.rule, level, &f.message));
        match f.level {
            Some(_) => findings.push(f),
            None if policy.keep && policy.allows(&subject, f.rule) => allowed.push(f),
            None => {}
        }
    }
    consequences::point_to_causes(&mut findings);
    // Stable: findings at one place stay in the order of the catalogue.
    findings.sort_by_key(|f| (Reverse(f.level), f.record, f.offset));
    findings.extend(allowed);
    findings
}

/// Equal findings become one finding with their count and the first place.
fn fold(found: &mut Vec<(&'static Rule, Finding)>) {
    let mut kept: Vec<(&'static Rule, Finding)> = Vec::with_capacity(found.len());
    for (rule, finding) in found.drain(..) {
        let same = |(r, f): &&mut (&'static Rule, Finding)| {
            r.code == rule.code && f.level == finding.level && f.message == finding.message
        };
        match kept.iter_mut().find(same) {
            Some((_, first)) => first.count += finding.count,
            None => kept.push((rule, finding)),
        }
    }
    *found = kept;
}

/// The host asked for without its port, else the server's address.
fn host_of(exchange: &Exchange) -> String {
    let server = exchange.endpoints.server;
    let asked = exchange.request.as_ref().and_then(|r| r.head.authority.as_deref());
    // An outer name of Encrypted Client Hello is that of many servers.
    let own = exchange.tls.as_ref().filter(|t| t.ech != Some(true)).and_then(|t| t.sni.as_deref());
    let named = asked.or(own).unwrap_or_default();
    match named.strip_suffix(&format!(":{}", server.port())).unwrap_or(named) {
        "" => server.ip().to_string(),
        host => host.to_owned(),
    }
}

fn subject<'a>(exchange: &'a Exchange, host: &'a str) -> Subject<'a> {
    let request = exchange.request.as_ref();
    Subject {
        dialect: exchange.response.as_ref().and_then(|r| r.dialect),
        host,
        path: request.map_or("", |r| r.head.target.as_str()),
        model: request.and_then(|r| r.model.as_deref()).unwrap_or_default(),
    }
}

/// The message of a finding that rests on bytes which the capture lacks.
fn is_unsure(message: &str) -> bool {
    message.ends_with(UNSURE)
}

/// What the message of such a finding ends with.
const UNSURE: &str = " (unsure: the capture lacks bytes of this exchange)";
