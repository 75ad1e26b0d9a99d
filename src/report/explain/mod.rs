//! `sniff explain`: a rule as the best compilers explain an error, and the catalogue.

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
    /// `SSE-002`.
    pub code: &'static str,
    /// Kebab-case, named after the bad pattern.
    pub name: &'static str,
    /// Default level.
    pub level: Level,
    /// What is demanded.
    pub summary: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Where the demand comes from.
    pub source: &'static str,
    /// Who breaks.
    pub breaks: &'static [&'static str],
    /// The same with what is known of each.
    pub clients: Vec<Breaker>,
    /// What to do, one line.
    pub fix: &'static str,
    /// How servers get there.
    pub cause: Option<CauseText>,
    /// Rules that stand near.
    pub related: Vec<&'static str>,
    /// Transcripts that provoke it.
    pub bad: &'static [&'static str],
    /// Transcripts that don't.
    pub good: &'static [&'static str],
}

/// A client that breaks on a rule.
#[derive(Debug, Serialize)]
pub struct Breaker {
    /// As the rule names it.
    pub name: &'static str,
    /// Versions that were looked at; null where the name says all that is known.
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
    /// By stack: (stack, what to write).
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

/// Who breaks, with versions where the client was looked at; those that were measured first.
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

/// Rules that are silenced by this one or silence it, then those of the same cause.
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

/// This many are enough to continue.
const RELATED: usize = 6;
