//! `sniff check`: findings of capture files, for people and CI. The figures are those of [`super::compliance`].

use super::Terminal;
use super::compliance::{Case, Compliance, case_text};
use crate::conformance::Level;
use crate::oddity::Excerpt;
use serde::Serialize;

/// Output formats of `check`: those that it shares with reports, and those of CI servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a finding.
    Jsonl,
    /// For pull requests and job summaries.
    Markdown,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

impl Form {
    const ALL: &'static [(&'static str, Form)] = &[
        ("table", Form::Table),
        ("json", Form::Json),
        ("jsonl", Form::Jsonl),
        ("markdown", Form::Markdown),
        ("junit", Form::Junit),
        ("sarif", Form::Sarif),
        ("github", Form::Github),
    ];

    /// The format with this name.
    pub fn parse(name: &str) -> anyhow::Result<Form> {
        Form::ALL.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, form)| *form).ok_or_else(|| {
            let names: Vec<&str> = Form::ALL.iter().map(|(n, _)| *n).collect();
            anyhow::anyhow!("unknown format {name:?}; expected one of {}", names.join(", "))
        })
    }
}

/// One finding on its own, with all that is needed to act on it.
#[derive(Debug, Serialize)]
pub struct Line<'c> {
    /// Capture file.
    pub file: Option<&'c str>,
    /// Exchange within the file, from 0 (within the database where findings come from there).
    pub exchange: i64,
    /// Method and target.
    pub request: &'c str,
    /// Host.
    pub host: &'c str,
    /// Status.
    pub status: Option<u16>,
    /// Dialect with variant.
    pub dialect: &'c str,
    /// Code.
    pub rule: &'c str,
    /// Level.
    pub level: Level,
    /// Record, where one can be named.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, where one can be named.
    pub offset: Option<u64>,
    /// How often in this exchange.
    pub count: u64,
    /// When it showed, ns since 1970 UTC.
    pub t_ns: Option<i64>,
    /// Packet that showed it, from 1.
    pub packet: Option<u64>,
    /// Transfer unit of the body that showed it, from 0.
    pub chunk: Option<u64>,
    /// What is wrong.
    pub message: &'c str,
    /// The offending bytes with what stands around them.
    pub excerpt: Option<&'c Excerpt>,
    /// What to do about it.
    pub fix: Option<&'c str>,
}

/// The findings of one exchange.
pub fn lines(case: &Case) -> impl Iterator<Item = Line<'_>> {
    case.findings.iter().map(move |f| Line {
        file: case.file.as_deref(),
        exchange: case.exchange,
        request: &case.request,
        host: &case.host,
        status: case.status,
        dialect: &case.dialect,
        rule: &f.rule,
        level: f.level,
        record: f.record,
        offset: f.offset,
        count: f.count,
        t_ns: f.t_ns,
        packet: f.packet,
        chunk: f.chunk,
        message: &f.message,
        excerpt: f.excerpt.as_deref(),
        fix: f.fix.as_deref(),
    })
}

/// For a terminal: every exchange with findings in the order of the files, then the verdict.
pub fn text(c: &Compliance, terminal: &Terminal) -> String {
    let mut out: String = c.cases.iter().map(|case| case_text(case, terminal)).collect();
    let (verdict, style) = c.verdict();
    out += &format!("{}\n", style.paint(&verdict, terminal.color));
    out
}
