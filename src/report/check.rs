//! `sniff check`: findings of capture files, for people and for CI. [`super::compliance`] computes the figures.

use super::Terminal;
use super::compliance::{Case, Compliance, case_text};
use crate::conformance::Level;
use crate::oddity::Excerpt;
use serde::Serialize;

/// Output formats of `check`: some of those of the reports, and those that CI servers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text for a terminal.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object per finding and line.
    Jsonl,
    /// GitHub-flavoured Markdown, for pull requests and job summaries.
    Markdown,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions (workflow commands).
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

    /// The format with this name; the error lists the valid names.
    pub fn parse(name: &str) -> anyhow::Result<Form> {
        Form::ALL.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, form)| *form).ok_or_else(|| {
            let names: Vec<&str> = Form::ALL.iter().map(|(n, _)| *n).collect();
            anyhow::anyhow!("unknown format {name:?}; expected one of {}", names.join(", "))
        })
    }
}

/// One finding with everything that is needed to act on it without the rest of the report.
#[derive(Debug, Serialize)]
pub struct Line<'c> {
    /// Path of the capture file.
    pub file: Option<&'c str>,
    /// Exchange: its index within the file, from 0; its id where the findings come from a database.
    pub exchange: i64,
    /// The request's method and target.
    pub request: &'c str,
    /// The request's host, with the port unless it is the scheme's default.
    pub host: &'c str,
    /// The response's status code, if a response was captured.
    pub status: Option<u16>,
    /// Dialect with its variant, for example `openai.chat/vllm`.
    pub dialect: &'c str,
    /// Code of the rule, for example `SSE-002`.
    pub rule: &'c str,
    /// Level after the policy was applied.
    pub level: Level,
    /// Index of the record from 0, if the finding concerns one.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, if the finding has a place there.
    pub offset: Option<u64>,
    /// Number of places in this exchange at which the rule is broken.
    pub count: u64,
    /// Time at which the fault became visible, ns since 1970 UTC.
    pub t_ns: Option<i64>,
    /// Number of the packet that showed the fault, from 1 as Wireshark counts; none without packets.
    pub packet: Option<u64>,
    /// Index of the chunk that showed the fault, from 0.
    pub chunk: Option<u64>,
    /// What is wrong, one sentence.
    pub message: &'c str,
    /// The offending bytes with the bytes around them.
    pub excerpt: Option<&'c Excerpt>,
    /// What to do about it, one sentence.
    pub fix: Option<&'c str>,
}

/// The findings of one exchange, each on its own.
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

/// The findings for a terminal: every exchange that has some, in the order of the files, then the verdict.
pub fn text(c: &Compliance, terminal: &Terminal) -> String {
    let mut out: String = c.cases.iter().map(|case| case_text(case, terminal)).collect();
    let (verdict, style) = c.verdict();
    out += &format!("{}\n", style.paint(&verdict, terminal.color));
    out
}
