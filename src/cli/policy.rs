//! Levels, exceptions and thresholds of rules: from options and from the file `sniff.toml`.

use super::values;
use crate::conformance::Level;
use crate::conformance::policy::{self, Allow, Policy};
use crate::summary::Summary;
use crate::time::Span;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The configuration file that is read if no other is named and the working directory contains it.
const DEFAULT: &str = "sniff.toml";

/// Options for profile, levels and exceptions.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(super) struct PolicyArgs {
    /// Judge every exchange by this profile instead of its dialect's
    ///
    /// One of openai-compatible, strict-openai, anthropic, gemini, ollama, mcp.
    #[arg(long, value_name = "NAME", value_parser = profile)]
    profile: Option<&'static policy::Profile>,
    /// Ignore findings of these rules (code or name; repeatable)
    #[arg(long, value_name = "RULE,RULE", value_parser = policy::code, value_delimiter = ',')]
    allow: Vec<&'static str>,
    /// Level of a rule: error, warning, info, off (repeatable)
    #[arg(long, value_name = "RULE=LEVEL", value_parser = rule_level)]
    rule: Vec<(&'static str, Option<Level>)>,
    /// Configuration file [default: sniff.toml in this directory, if it exists]
    #[arg(long, value_name = "FILE", env = "SNIFF_CONFIG")]
    config: Option<PathBuf>,
}

/// Options and file together.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) policy: Policy,
    /// Thresholds from the file.
    pub(super) limits: Limits,
}

impl PolicyArgs {
    /// The file that [`PolicyArgs::judge`] reads, if it exists.
    pub(super) fn file(&self) -> Option<PathBuf> {
        Some(self.config.clone().unwrap_or_else(|| DEFAULT.into())).filter(|path| path.exists())
    }

    /// Reads the file, if one exists. Options win over it.
    pub(super) fn judge(&self) -> Result<Judge> {
        let config = match &self.config {
            Some(path) => read(path)?,
            None if Path::new(DEFAULT).exists() => read(Path::new(DEFAULT))?,
            None => Config::default(),
        };
        let mut policy = Policy { profile: self.profile.or(config.profile.map(|p| p.0)), ..Policy::default() };
        policy.levels.extend(config.levels.into_iter().map(|(rule, level)| (rule.0, level.0)));
        policy.levels.extend(&self.rule);
        policy.levels.extend(self.allow.iter().map(|rule| (*rule, None)));
        policy.allow = config.allow.into_iter().map(AllowEntry::into_allow).collect();
        Ok(Judge { policy, limits: config.limits })
    }
}

impl Judge {
    /// Applies the policy to findings that were stored.
    pub(super) fn relevel(&self, s: &mut Summary) {
        let host = s.host();
        let subject = policy::Subject {
            dialect: s.response.as_ref().and_then(|r| r.dialect.as_deref()),
            host: &host,
            path: s.request.as_ref().map_or("", |r| r.path.as_str()),
            model: s.request.as_ref().and_then(|r| r.model.as_deref()).unwrap_or_default(),
        };
        for mut f in std::mem::take(&mut s.findings) {
            match self.policy.level(&subject, &f.rule, f.level, &f.message) {
                Some(level) => {
                    f.level = level;
                    s.findings.push(f);
                }
                None if self.policy.keep && self.policy.allows(&subject, &f.rule) => s.suppressed.push(f),
                None => {}
            }
        }
    }
}

/// The content of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    profile: Option<ProfileName>,
    levels: BTreeMap<RuleName, LevelName>,
    limits: Limits,
    allow: Vec<AllowEntry>,
}

/// Thresholds of the delivery rules, with the names of the options.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    #[serde(deserialize_with = "duration")]
    pub(super) stall: Option<Span>,
    pub(super) stall_times_median: Option<f64>,
    #[serde(deserialize_with = "duration")]
    pub(super) burst_window: Option<Span>,
    pub(super) burst_min_deltas: Option<usize>,
    #[serde(deserialize_with = "duration")]
    pub(super) keep_alive: Option<Span>,
    #[serde(deserialize_with = "duration")]
    pub(super) late_head: Option<Span>,
    #[serde(deserialize_with = "duration")]
    pub(super) tail: Option<Span>,
    #[serde(deserialize_with = "duration")]
    pub(super) transport_stall: Option<Span>,
    pub(super) block_deltas: Option<u64>,
    pub(super) tokens_per_delta: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AllowEntry {
    #[serde(default)]
    rules: Vec<RuleName>,
    host: Option<String>,
    path: Option<String>,
    model: Option<String>,
    /// A note for readers of the file.
    #[serde(default, rename = "reason")]
    _reason: Option<String>,
}

impl AllowEntry {
    fn into_allow(self) -> Allow {
        Allow {
            rules: self.rules.into_iter().map(|r| r.0).collect(),
            host: self.host,
            path: self.path,
            model: self.model,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RuleName(&'static str);
#[derive(Debug, Clone, Copy)]
struct LevelName(Option<Level>);
#[derive(Debug, Clone, Copy)]
struct ProfileName(&'static policy::Profile);

impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        policy::code(&String::deserialize(d)?).map(RuleName).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for LevelName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        policy::level(&String::deserialize(d)?).map(LevelName).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ProfileName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        profile(&String::deserialize(d)?).map(ProfileName).map_err(D::Error::custom)
    }
}

fn duration<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Span>, D::Error> {
    values::span(&String::deserialize(d)?).map(Some).map_err(D::Error::custom)
}

fn read(path: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).map_err(|e| anyhow!("{}:{e}", path.display()))
}

/// Parses the file. The error begins with line and column.
pub(super) fn parse(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start).min(text.len());
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        format!("{line}:{column}: {}", e.message().replace('\n', ", "))
    })
}

fn profile(name: &str) -> Result<&'static policy::Profile, String> {
    let names = || policy::PROFILES.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
    policy::profile(name).ok_or_else(|| format!("unknown profile {name:?}; expected one of {}", names()))
}

fn rule_level(text: &str) -> Result<(&'static str, Option<Level>), String> {
    let (rule, level) =
        text.split_once('=').ok_or("expected RULE=LEVEL, such as OAI-CHAT-001=error or missing-done=off")?;
    Ok((policy::code(rule)?, policy::level(level)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_everything() {
        let text = "profile = \"strict-openai\"\n[levels]\nmissing-done = \"off\"\nSSE-002 = \
            \"info\"\n[limits]\nstall = \"5s\"\nburst-min-deltas = 9\n\n[[allow]]\nrules = [\"SSE-013\"]\nhost = \
            \"*.example\"\nreason = \"known\"\n";
        let c = parse(text).unwrap();
        assert_eq!(c.profile.map(|p| p.0.name), Some("strict-openai"));
        assert_eq!(
            c.levels.iter().map(|(r, l)| (r.0, l.0)).collect::<Vec<_>>(),
            [("OAI-CHAT-001", None), ("SSE-002", Some(Level::Info))]
        );
        assert_eq!((c.limits.stall, c.limits.burst_min_deltas), (Some(Span::from_secs(5)), Some(9)));
        assert_eq!(c.allow.len(), 1);
        assert!(parse("").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, place, word) in [
            ("[limits]\nstal = \"5s\"\n", "2:1: ", "stal"),
            ("[levels]\n\nno-such-rule = \"off\"\n", "3:1: ", "unknown rule"),
            ("[levels]\nSSE-001 = \"fatal\"\n", "2:11: ", "error, warning, info, off"),
            ("[limits]\nstall = \"soon\"\n", "2:9: ", "duration"),
            ("profile = \"x\"\n", "1:11: ", "openai-compatible"),
            ("[[allow]]\nhots = \"a\"\n", "2:1: ", "hots"),
            ("[levels\n", "1:8: ", ""),
            // Columns are characters, not bytes.
            ("profile = \"ü\" \"x\"\n", "1:15: ", ""),
        ] {
            let e = parse(text).map(|_| ()).unwrap_err();
            assert!(e.starts_with(place) && e.contains(word), "{text:?}: {e}");
        }
    }

    #[test]
    fn rules_and_levels_on_the_command_line() {
        assert_eq!(rule_level("missing-done=error"), Ok(("OAI-CHAT-001", Some(Level::Error))));
        assert!(rule_level("missing-done").is_err_and(|e| e.contains("RULE=LEVEL")));
    }

    /// What these options and this file make of a finding of a rule.
    fn judged(options: &[&str], file: &str, rule: &str, level: Level) -> Option<Level> {
        let subject = policy::Subject { dialect: None, host: "h.example", path: "/v1/x", model: "m-1" };
        judge(options, file).policy.level(&subject, rule, level, "")
    }

    fn judge(options: &[&str], file: &str) -> Judge {
        use clap::Parser;
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            policy: PolicyArgs,
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, file).unwrap();
        let given = ["sniff", "--config", path.to_str().unwrap()].into_iter().chain(options.iter().copied());
        Line::try_parse_from(given).unwrap().policy.judge().unwrap()
    }

    #[test]
    fn an_option_wins_over_the_file_and_allow_over_a_level() {
        use Level::{Error, Info, Warning};
        let file = "[levels]\nSSE-002 = 'error'\n";
        for (options, file, level) in [
            (&[][..], "", Some(Warning)),
            (&[], file, Some(Error)),
            (&["--rule", "SSE-002=info"], "", Some(Info)),
            (&["--rule", "SSE-002=info"], file, Some(Info)),
            (&["--rule", "SSE-002=off"], file, None),
            (&["--rule", "SSE-002=info", "--rule", "SSE-002=error"], "", Some(Error)),
            (&["--allow", "SSE-002"], "", None),
            (&["--allow", "SSE-002"], file, None),
            (&["--allow", "SSE-002", "--rule", "SSE-002=info"], "", None),
            (&["--allow", "SSE-003", "--rule", "SSE-003=info"], file, Some(Error)),
            (&[], "[levels]\nSSE-002 = 'off'\n", None),
        ] {
            assert_eq!(judged(options, file, "SSE-002", Warning), level, "{options:?} {file:?}");
        }
    }

    #[test]
    fn the_profile_of_the_option_wins_over_that_of_the_file() {
        let name = |options: &[&str], file: &str| judge(options, file).policy.profile.map(|p| p.name);
        let file = "profile = 'anthropic'";
        assert_eq!(name(&[], ""), None);
        assert_eq!(name(&[], file), Some("anthropic"));
        assert_eq!(name(&["--profile", "gemini"], ""), Some("gemini"));
        assert_eq!(name(&["--profile", "gemini"], file), Some("gemini"));
    }

    #[test]
    fn each_condition_of_an_exception_is_compared_with_its_own_value() {
        for (conditions, fits) in [
            ("host = 'h.example'", true),
            ("path = '/v1/*'", true),
            ("model = 'm-*'", true),
            ("host = 'h.example'\npath = '/v1/x'\nmodel = 'm-1'", true),
            ("host = '/v1/x'", false),
            ("host = 'm-1'", false),
            ("path = 'h.example'", false),
            ("path = 'm-1'", false),
            ("model = 'h.example'", false),
            ("model = '/v1/x'", false),
            ("host = 'h.example'\nmodel = 'm-2'", false),
            ("path = '/v1/x'\nmodel = 'm-2'", false),
            ("rules = ['SSE-002']", true),
            ("rules = ['SSE-003']\nhost = 'h.example'", false),
        ] {
            let level = judged(&[], &format!("[[allow]]\n{conditions}\n"), "SSE-002", Level::Error);
            assert_eq!(level, if fits { None } else { Some(Level::Error) }, "{conditions}");
        }
    }
}
