//! `sniff check`: findings of capture files, for people and for CI. [`super::compliance`] computes the figures.

use super::compliance::{self, Case, Compliance, Most, case_text};
use super::{Terminal, github, json, jsonl, junit, sarif};
use crate::conformance::Level;
use crate::oddity::Excerpt;
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

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
    c.not_listed().iter().for_each(|line| out += &format!("{line}\n"));
    let (verdict, style) = c.verdict();
    out += &format!("{}\n", style.paint(&verdict, terminal.color));
    out
}

/// The findings of a run of `check`, in one format. What needs nothing of later exchanges is written at once; of the
/// rest the worst exchanges are kept, so that memory does not grow with their number.
#[derive(Debug)]
pub struct Findings {
    /// The figures.
    pub all: Compliance,
    form: Form,
    /// The level from which findings count as failure.
    limit: Option<Level>,
    list: json::Members,
}

/// Most exchanges with suppressed findings that are listed.
const SUPPRESSED: usize = 10_000;

impl Form {
    /// The format lists findings that the user allows, as suppressed.
    pub fn lists_suppressed(self) -> bool {
        matches!(self, Form::Json | Form::Sarif)
    }
}

impl Findings {
    /// Nothing yet.
    pub fn new(form: Form, limit: Option<Level>) -> Findings {
        let most = match form {
            Form::Json | Form::Jsonl | Form::Github => Most { cases: 0, passed: 0 },
            Form::Table | Form::Markdown => Most { cases: 1_000, passed: 0 },
            Form::Sarif => Most { cases: 10_000, passed: 0 },
            Form::Junit => Most { cases: 10_000, passed: 10_000 },
        };
        Findings { all: Compliance { most, ..Compliance::default() }, form, limit, list: json::Members::default() }
    }

    /// One more exchange.
    ///
    /// # Errors
    /// The output fails.
    pub fn add(&mut self, mut case: Case, out: &mut dyn Write) -> Result<()> {
        self.all.count_in(&mut case);
        let allowed = std::mem::take(&mut case.suppressed);
        if !allowed.is_empty() && self.all.suppressed.len() < SUPPRESSED {
            self.all.suppressed.push(Case { findings: allowed, ..case.clone() });
        }
        match self.form {
            _ if case.findings.is_empty() && self.form != Form::Junit => Ok(()),
            Form::Json => self.list.element("cases", &case, out),
            Form::Jsonl => lines(&case).try_for_each(|l| jsonl::line(&l, out)),
            Form::Github => Ok(out.write_all(github::annotations(&case).as_bytes())?),
            Form::Table | Form::Markdown | Form::Junit | Form::Sarif => {
                self.all.keep(case);
                Ok(())
            }
        }
    }

    /// Writes what was not written yet.
    ///
    /// # Errors
    /// The output fails.
    pub fn finish(mut self, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        let all = &mut self.all;
        all.keep_worst();
        let text = match self.form {
            Form::Table => text(all, terminal),
            Form::Json => return self.list.end("cases", all, out),
            Form::Jsonl => return Ok(()),
            Form::Markdown => {
                all.sort();
                compliance::markdown_text(all)
            }
            Form::Junit => junit::text(all, self.limit),
            Form::Sarif => return json::document(&sarif::document(all), out),
            Form::Github => format!("{}\n", all.verdict().0),
        };
        Ok(out.write_all(text.as_bytes())?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::summary::FindingSummary;

    fn finding(level: Level) -> FindingSummary {
        let (rule, message) = ("HTTP-001".to_owned(), "it is so".to_owned());
        let (record, offset, t_ns, packet, chunk, excerpt, fix) = (None, None, None, None, None, None, None);
        FindingSummary { rule, level, record, offset, message, count: 1, t_ns, packet, chunk, excerpt, fix }
    }

    /// Exchange `n`: a warning, an error if `n` divides by 1000, nothing if it divides by 7.
    fn case(n: i64) -> Case {
        let level = if n % 1000 == 0 { Level::Error } else { Level::Warning };
        let findings = if n % 7 == 0 { Vec::new() } else { vec![finding(level)] };
        let (file, request, host, dialect) = (None, format!("GET /{n}"), String::new(), String::new());
        let (exchange, status, order, zero_ns, verdict, verdict_why) = (n, Some(200), 0, None, None, Vec::new());
        let across = Vec::new();
        Case {
            file,
            exchange,
            request,
            host,
            status,
            dialect,
            order,
            zero_ns,
            verdict,
            verdict_why,
            across,
            findings,
            suppressed: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// The output for this many exchanges, and the most that were kept meanwhile.
    fn written(form: Form, n: i64) -> (String, usize) {
        let (mut findings, mut out, mut most) = (Findings::new(form, None), Vec::new(), 0);
        for n in 1..=n {
            findings.add(case(n), &mut out).unwrap();
            most = most.max(findings.all.cases.len() + findings.all.passed.len());
        }
        findings.finish(&Terminal { width: 100, color: false }, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), most)
    }

    #[test]
    fn the_table_lists_the_worst_in_their_order_and_says_how_many_there_are() {
        let (text, most) = written(Form::Table, 5000);
        assert!(most < 2000, "{most}");
        // 5000 less 714 without findings; 1000 to 5000 are the worst, then those that came first.
        let listed: Vec<&str> = text.lines().filter(|l| l.starts_with('#')).collect();
        assert_eq!((listed.len(), listed[0].split("  ").next()), (1000, Some("#1")));
        let errors: Vec<_> = listed.iter().rev().take(4).rev().map(|l| l.split("  ").next().unwrap()).collect();
        assert_eq!(errors, ["#2000", "#3000", "#4000", "#5000"]);
        assert!(
            text.contains("3286 exchanges more have findings; these are the worst"),
            "{}",
            &text[text.len() - 300..]
        );
        assert!(text.ends_with("4286 of 5000 exchanges with 5 errors, 4281 warnings; worst: HTTP-001\n"));
        assert!(!written(Form::Table, 100).0.contains("more have findings"));
    }

    #[test]
    fn what_is_written_as_it_comes_is_whole_and_not_kept() {
        let (text, most) = written(Form::Json, 3000);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((most, value["exchanges"].as_u64(), value["errors"].as_u64()), (0, Some(3000), Some(3)));
        assert_eq!((value["cases"].as_array().unwrap().len(), &value["cases"][5]["exchange"]), (2572, &6.into()));
        assert_eq!(value["rules"][0]["exchanges"], 2572);
        let none: serde_json::Value = serde_json::from_str(&written(Form::Json, 0).0).unwrap();
        assert_eq!((none["cases"].as_array().map(Vec::len), none["exchanges"].as_u64()), (Some(0), Some(0)));
        assert_eq!((written(Form::Jsonl, 3000).0.lines().count(), written(Form::Jsonl, 3000).1), (2572, 0));
        let (text, most) = written(Form::Github, 20);
        assert_eq!((text.lines().count(), most), (19, 0));
    }

    #[test]
    fn junit_says_what_it_leaves_out() {
        let (text, most) = written(Form::Junit, 100_000);
        assert!(most <= 30_000, "{most}");
        assert_eq!(text.matches("<testcase ").count(), 20_000);
        assert!(
            text.contains("tests=\"20000\"") && text.contains("75715 exchanges more with findings, 4285 more without")
        );
    }
}
