//! `sniff report compliance`: the verdict over all, which rules are broken, and then the worst exchanges.

mod shown;

pub use shown::{case_text, markdown_text, text};

use super::list::{dialect, request_line};
use super::reports::{self, Collect, Report, Source, WORST};
use super::table::Table;
use super::text::{Style, count};
use super::{Format, Terminal, check};
use crate::conformance::{self, Level};
use crate::delivery::across::Lines;
use crate::summary::{AnswerSummary, FindingSummary, Summary};
use anyhow::Result;
use serde::Serialize;
use std::cmp::Reverse;
use std::io::Write;

/// Collects exchanges and their findings.
#[derive(Debug, Default, Serialize)]
pub struct Compliance {
    /// Exchanges that were judged.
    pub exchanges: u64,
    /// Exchanges without an error or a warning.
    pub clean: u64,
    /// Findings of level error. A finding that was folded (many places in one exchange) counts once.
    pub errors: u64,
    /// Findings of level warning, counted alike.
    pub warnings: u64,
    /// Findings of level info, counted alike.
    pub infos: u64,
    /// Rules that are broken; the worst first after [`Compliance::sort`].
    pub rules: Vec<Broken>,
    /// Exchanges with findings; the worst first after [`Compliance::sort`].
    pub cases: Vec<Case>,
    /// What exchanges of captures show about each other, which is known only when all of a file were seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub across: Vec<Across>,
    /// Exchanges with findings that the user allows, which count nowhere; 10,000 at most. Their `findings` are these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Case>,
    /// Exchanges without findings.
    #[serde(skip)]
    pub passed: Vec<Case>,
    /// How many of both are kept.
    #[serde(skip)]
    pub most: Most,
    /// Exchanges with findings that are not among `cases`, and those without that are not among `passed`.
    #[serde(skip)]
    pub left_out: [u64; 2],
    /// A terminal shows all of `cases`, not the worst only.
    #[serde(skip)]
    pub all: bool,
}

/// What others show about one exchange of a capture.
#[derive(Debug, Serialize)]
pub struct Across {
    /// Its file.
    pub file: String,
    /// Its number in the file, from 0.
    pub exchange: i64,
    /// The sentences.
    pub lines: Vec<String>,
}

/// How many exchanges are kept: of those with findings the worst, of the others the first.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Exchanges with findings.
    pub cases: usize,
    /// Exchanges without.
    pub passed: usize,
}

impl Default for Most {
    /// All of them.
    fn default() -> Self {
        Most { cases: usize::MAX, passed: usize::MAX }
    }
}

/// One rule that at least one exchange breaks.
#[derive(Debug, Serialize)]
pub struct Broken {
    /// Code of the rule, for example `SSE-002`.
    pub rule: String,
    /// Name of the rule in the catalogue; none if the catalogue does not have it.
    pub name: Option<&'static str>,
    /// The highest level of its findings.
    pub level: Level,
    /// Exchanges that break the rule.
    pub exchanges: u64,
    /// Places at which it is broken, over all exchanges.
    pub places: u64,
    /// The first place with that level.
    pub first: Place,
    /// Clients that break on it, from the catalogue.
    pub breaks: &'static [&'static str],
}

/// Where a finding is.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// Path of the capture file, if several files are checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Exchange: its id in the database, or its index within the file.
    pub exchange: i64,
    /// Index of the record from 0, if the finding concerns one.
    pub record: Option<u64>,
    /// Byte offset in the decoded body, if the finding has a place there.
    pub offset: Option<u64>,
    /// What is wrong there, one sentence.
    pub message: String,
}

/// One exchange that has findings.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Path of the capture file, if several files are checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Exchange: its id in the database, or its index within the file.
    pub exchange: i64,
    /// The request's method and target.
    pub request: String,
    /// The request's host.
    pub host: String,
    /// The response's status code.
    pub status: Option<u16>,
    /// Dialect with its variant.
    pub dialect: String,
    /// Position in the order in which exchanges were added, from 0.
    #[serde(skip)]
    pub order: u64,
    /// Time of the request's last byte, ns since 1970 UTC.
    #[serde(skip)]
    pub zero_ns: Option<i64>,
    /// The verdict: how the answer ended and whose doing it was.
    pub verdict: Option<String>,
    /// The facts on which the verdict rests.
    pub verdict_why: Vec<String>,
    /// What other exchanges show about this one.
    pub across: Vec<String>,
    /// Findings, the worst first.
    pub findings: Vec<FindingSummary>,
    /// Findings that the user allows, if they were kept.
    #[serde(skip)]
    pub suppressed: Vec<FindingSummary>,
    /// The answers of a conversation over a WebSocket, as `list` has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerSummary>,
}

impl Case {
    /// What is kept of one exchange. `file` is its capture file, if several files are checked.
    pub fn of(file: Option<&str>, s: &Summary) -> Case {
        Case {
            file: file.map(Into::into),
            exchange: s.id,
            request: request_line(s),
            host: s.authority(),
            status: s.response.as_ref().and_then(|r| r.status),
            dialect: dialect(s),
            order: 0,
            zero_ns: s.timing.t_request_end_ns,
            verdict: s.verdict.clone(),
            verdict_why: s.verdict_why.clone(),
            across: s.across.clone(),
            findings: s.findings.clone(),
            suppressed: s.suppressed.clone(),
            answers: s.websocket.as_ref().map(|w| w.answers.clone()).unwrap_or_default(),
        }
    }

    /// Number of its findings by level: error, warning, info.
    fn weight(&self) -> [usize; 3] {
        [Level::Error, Level::Warning, Level::Info].map(|l| self.findings.iter().filter(|f| f.level == l).count())
    }
}

impl Compliance {
    /// Counts one exchange; nothing else of it is kept.
    pub fn count_in(&mut self, case: &mut Case) {
        self.exchanges += 1;
        case.order = self.exchanges;
        self.clean += u64::from(case.findings.iter().all(|f| f.level == Level::Info));
        let mut seen: Vec<&str> = Vec::new();
        for f in &case.findings {
            match f.level {
                Level::Error => self.errors += 1,
                Level::Warning => self.warnings += 1,
                Level::Info => self.infos += 1,
            }
            let again = seen.contains(&f.rule.as_str());
            seen.push(&f.rule);
            self.count(case.file.as_deref(), case.exchange, f, again);
        }
    }

    /// Keeps an exchange that was counted, as far as [`Compliance::most`] allows.
    pub fn keep(&mut self, case: Case) {
        if !case.findings.is_empty() {
            self.cases.push(case);
            if self.cases.len() >= self.most.cases.saturating_mul(2) {
                self.keep_worst();
            }
        } else if self.passed.len() < self.most.passed {
            self.passed.push(case);
        } else {
            self.left_out[1] += 1;
        }
    }

    /// Keeps the worst of the exchanges with findings, in their order. Before the report is written.
    pub fn keep_worst(&mut self) {
        let most = self.most.cases;
        if self.cases.len() > most {
            self.left_out[0] += (self.cases.len() - most) as u64;
            self.cases.sort_by_cached_key(|c| (Reverse(c.weight()), c.order));
            self.cases.truncate(most);
            self.cases.sort_by_key(|c| c.order);
        }
    }

    /// What the exchanges of `file` show about each other, once all of them are known.
    pub fn across(&mut self, file: &str, lines: Lines) {
        let of_file = self.cases.iter_mut().chain(&mut self.passed).filter(|c| c.file.as_deref() == Some(file));
        of_file.for_each(|case| case.across.extend(lines.get(&case.exchange).into_iter().flatten().cloned()));
        let told = lines.into_iter().map(|(exchange, lines)| Across { file: file.to_owned(), exchange, lines });
        let mut told: Vec<Across> = told.collect();
        told.sort_by_key(|a| a.exchange);
        self.across.extend(told);
    }

    fn count(&mut self, file: Option<&str>, exchange: i64, f: &FindingSummary, again: bool) {
        if let Some(b) = self.rules.iter_mut().find(|b| b.rule == f.rule) {
            b.exchanges += u64::from(!again);
            b.places += f.count;
            if f.level > b.level {
                (b.level, b.first) = (f.level, Place::new(file, exchange, f));
            }
            return;
        }
        let rule = conformance::by_code(&f.rule);
        self.rules.push(Broken {
            rule: f.rule.clone(),
            name: rule.map(|r| r.name),
            level: f.level,
            exchanges: 1,
            places: f.count,
            first: Place::new(file, exchange, f),
            breaks: rule.map_or(&[], |r| r.breaks),
        });
    }

    /// Sorts rules and exchanges: the worst level first, then the most findings.
    pub fn sort(&mut self) {
        self.rules.sort_by_key(|b| (Reverse(b.level), Reverse(b.exchanges)));
        self.cases.sort_by_key(|c| Reverse(c.weight()));
    }

    /// What is not listed, in one line.
    pub fn not_listed(&self) -> Option<String> {
        let more = count(self.left_out[0], "exchange more has findings", "exchanges more have findings");
        (self.left_out[0] > 0).then(|| format!("{more}; these are the worst (--format jsonl lists all)"))
    }

    /// The verdict over all exchanges in one line, with its style.
    pub fn verdict(&self) -> (String, Style) {
        let all = count(self.exchanges, "exchange", "exchanges");
        let info = if self.infos > 0 { format!(" ({} info)", self.infos) } else { String::new() };
        let bad = self.exchanges - self.clean;
        if self.exchanges == 0 {
            return ("no exchanges: nothing to judge".into(), Style::Yellow);
        }
        if bad == 0 {
            return (format!("{all}, no errors, no warnings{info}"), Style::Green);
        }
        let figures =
            format!("{}, {}{info}", count(self.errors, "error", "errors"), count(self.warnings, "warning", "warnings"));
        let worst = self
            .rules
            .iter()
            .rev()
            .max_by_key(|b| (b.level, b.exchanges))
            .map(|b| format!("; worst: {}", b.rule))
            .unwrap_or_default();
        (format!("{bad} of {all} with {figures}{worst}"), if self.errors > 0 { Style::Red } else { Style::Yellow })
    }
}

impl Collect for Compliance {
    fn add(&mut self, s: &Summary, _: &dyn Source) -> Result<()> {
        let mut case = Case::of(None, s);
        self.count_in(&mut case);
        // Where the worst are shown, not many more are kept. Those without findings are in no format.
        self.most.cases = if self.all { usize::MAX } else { WORST * 10 };
        if !case.findings.is_empty() {
            self.keep(case);
        }
        Ok(())
    }

    fn show_all(&mut self) {
        self.all = true;
    }

    fn shows_findings(&self) -> bool {
        true
    }

    fn reaches(&self, limit: Level) -> bool {
        self.rules.iter().any(|b| b.level >= limit)
    }

    fn write(mut self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        self.sort();
        reports::write(&*self, format, terminal, out)
    }
}

impl Report for Compliance {
    fn text(&self, terminal: &Terminal) -> String {
        text(self, if self.all { usize::MAX } else { WORST }, terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(shown::findings_table(self))
    }

    fn markdown(&self) -> Result<String> {
        Ok(markdown_text(self))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(self.cases.iter().flat_map(check::lines), out)
    }
}

impl Place {
    fn new(file: Option<&str>, exchange: i64, f: &FindingSummary) -> Place {
        Place { file: file.map(Into::into), exchange, record: f.record, offset: f.offset, message: f.message.clone() }
    }
}
