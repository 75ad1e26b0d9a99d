//! `sniff explain`: the page of one rule, and the catalogue of all rules.

mod catalogue;
mod document;
mod excerpt;
mod lines;
mod page;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

pub use catalogue::{table, text as catalogue};
pub use document::markdown;
pub use page::text;

use crate::conformance::{Level, RULES, Rule, causes, clients};
use serde::Serialize;

/// A rule as data.
#[derive(Debug, Serialize)]
pub struct RuleText {
    /// Code, for example `SSE-002`.
    pub code: &'static str,
    /// Name in kebab-case, after the bad pattern.
    pub name: &'static str,
    /// Default level.
    pub level: Level,
    /// The requirement, one sentence.
    pub summary: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Source of the requirement: the standard, document or client.
    pub source: &'static str,
    /// Names of the clients that break.
    pub breaks: &'static [&'static str],
    /// The same clients with what is known about each.
    pub clients: Vec<Breaker>,
    /// What to do, one line.
    pub fix: &'static str,
    /// How servers come to break the rule.
    pub cause: Option<CauseText>,
    /// Codes of related rules.
    pub related: Vec<&'static str>,
    /// Transcripts that break the rule.
    pub bad: &'static [&'static str],
    /// Transcripts that do not.
    pub good: &'static [&'static str],
}

/// A client that breaks on a rule.
#[derive(Debug, Serialize)]
pub struct Breaker {
    /// Its name in the rule.
    pub name: &'static str,
    /// Versions that were examined; null if the name says all that is known.
    pub versions: Option<&'static str>,
    /// How it is known.
    pub known: Option<clients::Known>,
}

/// A cause as data.
#[derive(Debug, Serialize)]
pub struct CauseText {
    /// A short phrase.
    pub title: &'static str,
    /// A paragraph.
    pub how: &'static str,
    /// Fixes by stack: (stack, what to write).
    pub fixes: &'static [(&'static str, &'static str)],
}

impl From<&'static Rule> for RuleText {
    fn from(r: &'static Rule) -> Self {
        let Rule { code, name, level, summary, why, source, breaks, fix, bad, good, .. } = *r;
        let cause = causes::of(code).map(|c| CauseText { title: c.title, how: c.how, fixes: c.fixes });
        let related = related(r).iter().map(|r| r.code).collect();
        RuleText {
            code,
            name,
            level,
            summary,
            why,
            source,
            breaks,
            clients: breakers(r),
            fix,
            cause,
            related,
            bad,
            good,
        }
    }
}

/// Clients that break, with the versions that were examined; those that were measured come first.
fn breakers(rule: &Rule) -> Vec<Breaker> {
    let breaker = |name: &&'static str| {
        let client = clients::named(name);
        let versions = client.map(|c| c.versions).filter(|v| !v.is_empty());
        Breaker { name, versions, known: client.map(|c| c.known) }
    };
    let mut all: Vec<Breaker> = rule.breaks.iter().map(breaker).collect();
    all.sort_by_key(|b| match b.known {
        Some(clients::Known::Measured) => 0,
        Some(clients::Known::Source) => 1,
        Some(clients::Known::Reported) => 2,
        None => 3,
    });
    all
}

/// Rules that suppress this one or that it suppresses, then those with the same cause.
fn related(rule: &Rule) -> Vec<&'static Rule> {
    let near = |r: &&'static Rule| r.silenced_by.contains(&rule.code) || rule.silenced_by.contains(&r.code);
    let family = |code: &str| code.rsplit_once('-').map(|(family, _)| family.to_owned());
    let cause = causes::of(rule.code).map_or(&[][..], |c| c.rules);
    let mut out: Vec<&'static Rule> = Vec::new();
    let same = |r: &&'static Rule| cause.contains(&r.code) && family(r.code) == family(rule.code);
    let other = |r: &&'static Rule| cause.contains(&r.code);
    let passes: [&dyn Fn(&&'static Rule) -> bool; 3] = [&near, &same, &other];
    for pass in passes {
        for r in RULES.iter().copied().filter(|r| r.code != rule.code).filter(pass) {
            if out.len() < RELATED && !out.iter().any(|o| o.code == r.code) {
                out.push(r);
            }
        }
    }
    out
}

/// Most related rules that are listed.
const RELATED: usize = 6;
