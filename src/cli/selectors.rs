//! Selectors of exchanges: the same options for every command.

use super::values;
use crate::conformance::{Level, RULES, Rule};
use crate::store::Selector;
use crate::store::select::SessionIs;
use crate::store::upkeep::is_name;
use crate::time::Timestamp;
use clap::{Args, ValueEnum};
use std::ops::RangeInclusive;

/// The options that select exchanges.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selectors")]
pub(super) struct SelectorArgs {
    /// Session (number, name, or last)
    #[arg(long, value_name = "N", value_parser = session)]
    session: Option<SessionIs>,
    /// Begun at or after (RFC 3339, date, or 2h for 2h ago)
    #[arg(long, value_name = "TIME", value_parser = values::instant)]
    since: Option<Timestamp>,
    /// Begun before (as --since)
    #[arg(long, value_name = "TIME", value_parser = values::instant)]
    until: Option<Timestamp>,
    /// Host or address; * and ? are wildcards
    ///
    /// Host of the request or address of the server, with or without port.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Beginning of the path; * and ? are wildcards
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Model of the request; * and ? are wildcards
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Method of JSON-RPC, as tools/call; * and ? are wildcards
    #[arg(long, value_name = "METHOD", hide_short_help = true)]
    rpc_method: Option<String>,
    /// What it is called on, as a tool's name; * and ? are wildcards
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    rpc_name: Option<String>,
    /// Dialect, as openai.chat; * and ? are wildcards
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<String>,
    /// Framing, as sse, ndjson, json
    #[arg(long, value_name = "FRAMING")]
    framing: Option<String>,
    /// Only streamed answers (=false: only others)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, hide_possible_values = true, default_missing_value = "true")]
    streaming: Option<bool>,
    /// Status, as 200, 4xx or 500-504; several separated by commas
    #[arg(long, value_name = "STATUS", hide_short_help = true, value_delimiter = ',', value_parser = status)]
    status: Vec<RangeInclusive<u16>>,
    /// Verdict, as complete, server-truncated; * and ? are wildcards
    #[arg(long, value_name = "VERDICT", hide_short_help = true)]
    verdict: Option<String>,
    /// Prompt, answer or a header field has this text, in any case
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    grep: Option<String>,
}

/// More of them, for commands that take no levels of rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selectors")]
pub(super) struct FindingArgs {
    /// With a finding of this rule (code or name); * and ? are wildcards
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// With a finding of this level or worse
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<LevelIs>,
}

impl FindingArgs {
    /// The selector with these conditions too.
    pub(super) fn of(&self, selector: Selector) -> Selector {
        // A rule has a code and a name; the database has the codes.
        Selector { rule: self.rule.as_deref().map(rule), level: self.level.map(LevelIs::level), ..selector }
    }
}

/// The least level of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelIs {
    Error,
    Warning,
    Info,
}

impl LevelIs {
    fn level(self) -> Level {
        match self {
            LevelIs::Error => Level::Error,
            LevelIs::Warning => Level::Warning,
            LevelIs::Info => Level::Info,
        }
    }
}

impl SelectorArgs {
    pub(super) fn selector(&self) -> Selector {
        Selector {
            session: self.session.clone(),
            since: self.since,
            until: self.until,
            host: self.host.clone(),
            path: self.path.clone(),
            model: self.model.clone(),
            rpc_method: self.rpc_method.clone(),
            rpc_name: self.rpc_name.clone(),
            dialect: self.dialect.clone(),
            framing: self.framing.clone(),
            streaming: self.streaming,
            status: self.status.clone(),
            verdict: self.verdict.clone(),
            rule: None,
            level: None,
            grep: self.grep.clone(),
        }
    }
}

/// The code of the rule with this code or name; what is neither stays as it is.
pub(super) fn rule(name: &str) -> String {
    by_name(name).map_or(name, |r| r.code).to_owned()
}

fn by_name(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|r| r.name.eq_ignore_ascii_case(name))
}

/// A status, a class of them, or a range.
pub(super) fn status(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("{text:?} is no status; expected 200, 4xx or 500-504");
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|n| (100..1000).contains(n));
    let lower = text.trim().to_ascii_lowercase();
    if let Some(class) = lower.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|c| (1..10).contains(c)).ok_or_else(wrong)?;
        return Ok(class * 100..=class * 100 + 99);
    }
    let (from, to) = lower.split_once('-').unwrap_or((&lower, &lower));
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => Ok(from..=to),
        _ => Err(wrong()),
    }
}

/// A session's number, its name, or `last`.
pub(super) fn session(text: &str) -> Result<SessionIs, String> {
    match (text, text.parse()) {
        ("last", _) => Ok(SessionIs::Last),
        (_, Ok(number)) => Ok(SessionIs::Number(number)),
        (name, Err(_)) if is_name(name) => Ok(SessionIs::Named(name.into())),
        _ => Err("expected a session's number, its name, or `last`".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        selectors: SelectorArgs,
        #[command(flatten)]
        findings: FindingArgs,
    }

    #[test]
    fn each_selector_has_its_option() {
        let of = |options: &str| {
            let line = Line::try_parse_from(["sniff"].into_iter().chain(options.split_whitespace()));
            let line = line.unwrap();
            line.findings.of(line.selectors.selector())
        };
        let text = |text: &str| Some(text.to_owned());
        let want = Selector {
            session: Some(SessionIs::Number(7)),
            since: Some(Timestamp(1_000_000_000)),
            until: Some(Timestamp(2_000_000_000)),
            host: text("h"),
            path: text("p"),
            model: text("m"),
            rpc_method: text("r"),
            rpc_name: text("n"),
            dialect: text("d"),
            framing: text("f"),
            streaming: Some(false),
            status: vec![200..=200, 400..=499, 500..=504],
            verdict: text("v"),
            rule: text("SSE-001"),
            level: Some(Level::Warning),
            grep: text("g"),
        };
        let given = "--session 7 --since 1970-01-01T00:00:01Z --until 1970-01-01T00:00:02Z --host h --path p --model m \
            --rpc-method r --rpc-name n --dialect d --framing f --streaming=false --status 200,4xx,500-504 --verdict v \
            --rule SSE-001 --level warning --grep g";
        assert_eq!(of(given), want);
        assert_eq!(
            of("--streaming --session last"),
            Selector { session: Some(SessionIs::Last), streaming: Some(true), ..Selector::default() }
        );
        assert_eq!(of("--session base-1").session, Some(SessionIs::Named("base-1".into())));
        assert_eq!(of(""), Selector::default());
        let rule = RULES[0];
        assert_eq!(of(&format!("--rule {}", rule.name)).rule.as_deref(), Some(rule.code));
    }

    #[test]
    fn a_status_is_a_number_a_class_or_a_range() {
        assert_eq!([status("200"), status("5XX"), status("400-404")], [Ok(200..=200), Ok(500..=599), Ok(400..=404)]);
        for wrong in ["", "20", "0xx", "xx", "abc", "404-400", "4x", "99-200", "1000"] {
            assert!(status(wrong).is_err(), "{wrong}");
        }
    }
}
