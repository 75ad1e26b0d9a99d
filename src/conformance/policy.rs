//! The levels at which the user wants rules to count: a profile, levels of single rules, exceptions. A policy changes
//! levels and drops findings; it finds nothing.

use super::{Level, by_code, is_unsure};
use crate::dialect;

/// How a profile changes a rule's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No worse than this.
    AtMost(Level),
    /// No better than this.
    AtLeast(Level),
    /// The rule is off.
    Off,
}

/// A named set of changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// By code; a rule that is not named keeps its level.
    pub changes: &'static [(&'static str, Change)],
}

use Change::{AtLeast, AtMost, Off};
use Level::{Error, Info, Warning};

/// All profiles. The one of an exchange follows from its dialect unless the user names one.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "openai-compatible",
        summary: "what the clients of OpenAI-compatible servers need: details of the schema are info",
        changes: &[
            ("OAI-CHAT-002", AtMost(Info)),
            ("OAI-CHAT-012", AtMost(Info)),
            ("OAI-CHAT-024", AtMost(Info)),
            ("OAI-CHAT-029", AtMost(Info)),
            ("OAI-CHAT-036", AtMost(Info)),
        ],
    },
    Profile {
        name: "strict-openai",
        summary: "what OpenAI's published schema and documentation say, to the letter",
        changes: &[
            ("SSE-010", AtLeast(Error)),
            ("OAI-CHAT-001", AtLeast(Error)),
            ("OAI-CHAT-002", AtLeast(Error)),
            ("OAI-CHAT-003", AtLeast(Error)),
            ("OAI-CHAT-006", AtLeast(Error)),
            ("OAI-CHAT-007", AtLeast(Error)),
            ("OAI-CHAT-008", AtLeast(Error)),
            ("OAI-CHAT-014", AtLeast(Error)),
            ("OAI-CHAT-018", AtLeast(Error)),
            ("OAI-CHAT-019", AtLeast(Error)),
            ("OAI-CHAT-021", AtLeast(Error)),
            ("OAI-CHAT-022", AtLeast(Error)),
            ("OAI-CHAT-012", AtLeast(Warning)),
            ("OAI-CHAT-016", AtLeast(Warning)),
            ("OAI-CHAT-023", AtLeast(Warning)),
            ("OAI-CHAT-024", AtLeast(Warning)),
            ("OAI-CHAT-029", AtLeast(Warning)),
            ("OAI-CHAT-036", AtLeast(Warning)),
        ],
    },
    Profile {
        name: "anthropic",
        summary: "Anthropic's Messages stream: named events are demanded there, not a fault",
        changes: &[("SSE-010", Off), ("SSE-017", AtMost(Info))],
    },
    Profile {
        name: "gemini",
        summary: "Gemini's streams: their events end with CRLF",
        changes: &[("SSE-010", Off), ("SSE-017", Off)],
    },
    Profile {
        name: "ollama",
        summary: "Ollama's lines: the fields that event streams need against caches and proxies are not demanded",
        changes: &[("HTTP-012", Off), ("HTTP-013", Off)],
    },
    Profile {
        name: "mcp",
        summary: "MCP over streamable HTTP: ids, retries and a first event without data are part of the protocol",
        changes: &[("SSE-010", Off), ("SSE-012", Off), ("SSE-013", Off), ("SSE-014", Off), ("SSE-020", Off)],
    },
];

/// The profile with this name.
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|p| p.name.eq_ignore_ascii_case(name))
}

/// The profile that goes with a dialect.
fn of_dialect(dialect: &str) -> Option<&'static Profile> {
    profile(dialect::by_name(dialect)?.profile?)
}

/// The exchange that findings are about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Dialect by name.
    pub dialect: Option<&'a str>,
    /// Host asked for, without its port.
    pub host: &'a str,
    /// Request target.
    pub path: &'a str,
    /// Model asked for.
    pub model: &'a str,
}

/// An exception: these rules do not count for exchanges that match every stated condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// Codes; empty: all rules.
    pub rules: Vec<&'static str>,
    /// Host; `*` and `?` are wildcards, here and below.
    pub host: Option<String>,
    /// Path; a pattern without wildcards is a beginning.
    pub path: Option<String>,
    /// Model.
    pub model: Option<String>,
}

/// The user's profile, levels and exceptions.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The profile, if one is named.
    pub profile: Option<&'static Profile>,
    /// Levels by code; none: the rule is off. The last one for a code counts.
    pub levels: Vec<(&'static str, Option<Level>)>,
    /// Exceptions.
    pub allow: Vec<Allow>,
    /// Findings that the user allows are kept, without a level: for reports that list them as suppressed.
    pub keep: bool,
}

impl Policy {
    /// The user allows findings of this rule here: by an exception, or because the rule is off.
    pub fn allows(&self, subject: &Subject<'_>, rule: &str) -> bool {
        let off = self.levels.iter().rev().find(|(code, _)| *code == rule).is_some_and(|(_, level)| level.is_none());
        off || self.allow.iter().any(|a| a.fits(subject, rule))
    }

    /// The level at which a finding of `rule` counts, or none if it does not. A finding that rests on bytes which
    /// were not captured stays a warning at most.
    pub fn level(&self, subject: &Subject<'_>, rule: &str, level: Level, message: &str) -> Option<Level> {
        if self.allow.iter().any(|a| a.fits(subject, rule)) {
            return None;
        }
        let own = self.levels.iter().rev().find(|(code, _)| *code == rule).map(|(_, level)| *level);
        let level = match own {
            Some(level) => level?,
            None => {
                let profile = self.profile.or_else(|| of_dialect(subject.dialect?));
                let change =
                    profile.and_then(|p| p.changes.iter().find(|(code, _)| *code == rule)).map(|(_, change)| *change);
                match change {
                    None => level,
                    Some(AtMost(most)) => level.min(most),
                    Some(AtLeast(least)) => level.max(least),
                    Some(Off) => return None,
                }
            }
        };
        Some(if is_unsure(message) { level.min(Warning) } else { level })
    }
}

impl Allow {
    fn fits(&self, s: &Subject<'_>, rule: &str) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|p| matches(p, text));
        let path = self
            .path
            .as_ref()
            .is_none_or(|p| if p.contains(['*', '?']) { matches(p, s.path) } else { s.path.starts_with(p.as_str()) });
        (self.rules.is_empty() || self.rules.contains(&rule))
            && fits(&self.host, s.host)
            && path
            && fits(&self.model, s.model)
    }
}

/// `*` matches anything, `?` one character; case is ignored. It steps back to the last `*` only, so the cost is at
/// most the product of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((sp, st)) => {
                    star = Some((sp, st + 1));
                    (p, t) = (sp + 1, st + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The code of the rule with this code or name. The error suggests similar names.
pub fn code(text: &str) -> Result<&'static str, String> {
    if let Some(rule) = by_code(text) {
        return Ok(rule.code);
    }
    let lower = text.to_lowercase();
    let near = |r: &&&super::Rule| r.code.to_lowercase().starts_with(&lower) || r.name.contains(&lower);
    let near: Vec<&str> = super::RULES.iter().filter(near).take(5).map(|r| r.code).collect();
    match near[..] {
        [] => Err(format!("unknown rule {text:?}; sniff explain lists them all")),
        _ => Err(format!("unknown rule {text:?}; did you mean {}?", near.join(", "))),
    }
}

/// A level by name; `off` is none.
pub fn level(text: &str) -> Result<Option<Level>, String> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(Some(Error)),
        "warning" | "warn" => Ok(Some(Warning)),
        "info" | "note" => Ok(Some(Info)),
        "off" | "allow" => Ok(None),
        _ => Err(format!("unknown level {text:?}; expected one of error, warning, info, off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Subject<'_> =
        Subject { dialect: Some("openai.chat"), host: "api.iflow.cn", path: "/v1/chat/completions", model: "qwen3" };

    #[test]
    fn the_dialect_chooses_the_profile_and_the_user_overrules_it() {
        let auto = Policy::default();
        assert_eq!(auto.level(&CHAT, "OAI-CHAT-002", Warning, ""), Some(Info));
        assert_eq!(auto.level(&CHAT, "OAI-CHAT-001", Warning, ""), Some(Warning));
        let mcp = Subject { dialect: Some("mcp"), ..CHAT };
        assert_eq!(auto.level(&mcp, "SSE-013", Error, ""), None);
        let strict = Policy { profile: profile("strict-openai"), ..Policy::default() };
        assert_eq!(strict.level(&CHAT, "OAI-CHAT-001", Warning, ""), Some(Error));
        assert_eq!(
            strict.level(&CHAT, "OAI-CHAT-001", Warning, super::super::UNSURE),
            Some(Warning),
            "bytes are missing"
        );
        let own = Policy { levels: vec![("OAI-CHAT-001", Some(Error)), ("OAI-CHAT-001", None)], ..strict };
        assert_eq!(own.level(&CHAT, "OAI-CHAT-001", Warning, ""), None, "the last one counts");
    }

    #[test]
    fn exceptions_hold_where_all_that_they_state_fits() {
        let allow = |host: &str, path: &str, model: &str| Allow {
            rules: vec!["SSE-002"],
            host: Some(host.into()),
            path: Some(path.into()),
            model: Some(model.into()),
        };
        let policy = |a: Allow| Policy { allow: vec![a], ..Policy::default() };
        let level = |a: Allow, rule: &str| policy(a).level(&CHAT, rule, Warning, "");
        assert_eq!(level(allow("*.iflow.cn", "/v1", "QWEN?"), "SSE-002"), None);
        assert_eq!(level(allow("*.iflow.cn", "/v1", "QWEN?"), "SSE-001"), Some(Warning));
        assert_eq!(level(allow("iflow.cn", "/v1", "*"), "SSE-002"), Some(Warning));
        assert_eq!(level(allow("*", "*/completions", "*"), "SSE-002"), None);
        assert_eq!(level(allow("*", "/v2", "*"), "SSE-002"), Some(Warning));
        assert_eq!(level(allow("*", "/chat", "*"), "SSE-002"), Some(Warning), "a beginning, not a part");
        assert_eq!(level(allow("*", "/v1*s", "qwen4"), "SSE-002"), Some(Warning), "another model");
        assert_eq!(level(Allow::default(), "SSE-001"), None, "nothing stated fits everything");
    }

    #[test]
    fn names_are_explained_where_they_are_wrong() {
        assert_eq!(code("missing-done"), Ok("OAI-CHAT-001"));
        assert!(code("OAI-CHAT-99").is_err_and(|e| e.contains("unknown rule")));
        assert!(code("done").is_err_and(|e| e.contains("OAI-CHAT-001")));
        assert_eq!((level("off"), level("Warn")), (Ok(None), Ok(Some(Warning))));
        assert!(level("fatal").is_err());
    }

    #[test]
    fn profiles_change_rules_that_exist_each_once() {
        for p in PROFILES {
            let mut codes: Vec<&str> = p.changes.iter().map(|(code, _)| *code).collect();
            assert!(codes.iter().all(|c| by_code(c).is_some_and(|r| r.code == *c)), "{}: {codes:?}", p.name);
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), p.changes.len(), "{}", p.name);
        }
    }

    #[test]
    fn dialects_name_profiles_that_exist() {
        for d in dialect::DIALECTS {
            assert_eq!(of_dialect(d.name).map(|p| p.name), d.profile, "{}", d.name);
        }
        assert_eq!(of_dialect("openai.of-tomorrow"), None, "a name that an older or newer database has");
    }

    #[test]
    fn wildcards() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "ac", false),
            ("", "a", false),
            ("*a*b*", "xxaxxb", true),
            ("abc", "ABC", true),
            ("ABC", "abc", true),
            ("a?c", "abc", true),
            ("a*bc", "abbbc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(50), &"a".repeat(2000).replace("aaaa", "aaab").replace('a', "b")));
    }
}
