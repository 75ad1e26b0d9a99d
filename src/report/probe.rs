//! `sniff probe`: what an endpoint did with each request, which rules it breaks, and which clients break on it.

use super::compliance::Place;
use super::finding::{self, RenderOptions};
use super::table::{Cell, Column, Table, render};
use super::text::{Style, clean, count, span, wrap};
use super::{Terminal, clients};
use crate::clients::Outcome;
use crate::conformance::{self, Level};
use crate::summary::FindingSummary;
use crate::time::Span;
use serde::Serialize;
use std::cmp::Reverse;

/// A probe and what it found.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// URL of the requests.
    pub url: String,
    /// The API that was asked.
    pub api: &'static str,
    /// The model that was asked for.
    pub model: String,
    /// The requests, in the order in which they were sent.
    pub requests: Vec<Asked>,
    /// Findings of level error.
    pub errors: u64,
    /// Findings of level warning.
    pub warnings: u64,
    /// Findings of level info.
    pub infos: u64,
    /// Rules that are broken, the worst first.
    pub rules: Vec<Broken>,
    /// Clients that break, those with the worst outcome first.
    pub clients: Vec<Client>,
}

/// One request.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// Its name, as `--only` takes it.
    pub name: &'static str,
    /// What is asked.
    pub what: &'static str,
    /// It was sent, and what came of it could be judged.
    pub tested: bool,
    /// Why not, or what is to be known about the answer.
    pub note: Option<String>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The verdict on the exchange.
    pub verdict: Option<String>,
    /// Time to the first token, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Id of the exchange, if the recording is kept.
    pub exchange: Option<i64>,
    /// Findings, the worst first.
    pub findings: Vec<FindingSummary>,
    /// Time of the request's last byte, ns since 1970 UTC.
    #[serde(skip)]
    pub zero_ns: Option<i64>,
}

/// One rule that is broken.
#[derive(Debug, Serialize)]
pub struct Broken {
    /// Its code.
    pub rule: String,
    /// Its name.
    pub name: Option<&'static str>,
    /// The highest level of its findings.
    pub level: Level,
    /// The requests whose answers break it.
    pub requests: Vec<&'static str>,
    /// The first place with that level.
    pub first: Place,
    /// What to do.
    pub fix: Option<String>,
}

/// A client that breaks.
#[derive(Debug, Serialize)]
pub struct Client {
    /// The client.
    pub name: &'static str,
    /// What happens, at worst.
    pub outcome: Outcome,
    /// Why.
    pub why: String,
    /// The requests on whose answers it breaks.
    pub requests: Vec<&'static str>,
}

impl Probe {
    /// A probe of these requests. `clients`: what client models make of the answers.
    pub fn new(
        url: String,
        api: &'static str,
        model: String,
        requests: Vec<Asked>,
        clients: &[(&'static str, clients::Case)],
    ) -> Probe {
        let of = |level| requests.iter().flat_map(|r| &r.findings).filter(|f| f.level == level).count() as u64;
        let (errors, warnings, infos) = (of(Level::Error), of(Level::Warning), of(Level::Info));
        let (rules, clients) = (rules(&requests), broken(clients));
        Probe { url, api, model, requests, errors, warnings, infos, rules, clients }
    }

    /// The probe for a terminal.
    pub fn text(&self, terminal: &Terminal) -> String {
        let bold = |text: &str| Style::Bold.paint(text, terminal.color);
        let mut out =
            format!("{}\n\n", bold(&format!("{} as {}, model {}", clean(&self.url), self.api, clean(&self.model))));
        out += &render(&self.table(), terminal);
        for broken in &self.rules {
            let of = |r: &&Asked| r.findings.iter().any(|f| f.rule == broken.rule && f.level == broken.level);
            let Some(asked) = self.requests.iter().find(of) else { continue };
            let Some(f) = asked.findings.iter().find(|f| f.rule == broken.rule && f.level == broken.level) else {
                continue;
            };
            let options = RenderOptions { code_width: f.rule.len(), zero_ns: asked.zero_ns, fix: true };
            out += &format!("\n{}", finding::text(f, options, terminal));
            out += &lines("     = in: ", &broken.requests.join(", "), terminal);
        }
        if !self.clients.is_empty() {
            out += &format!("\n{}\n", bold("Clients that break (by models of them)"));
            for alike in
                self.clients.chunk_by(|a, b| (a.outcome, &a.why, &a.requests) == (b.outcome, &b.why, &b.requests))
            {
                let names: Vec<&str> = alike.iter().map(|c| c.name).collect();
                let Some(first) = alike.first() else { continue };
                let label = format!("  {:<7}  ", first.outcome.as_str());
                out += &lines(&label, &names.join(", "), terminal);
                let why = format!("{} (in: {})", clean(&first.why), first.requests.join(", "));
                out += &lines("           ", &why, terminal);
            }
        }
        let (text, style) = self.verdict();
        out + &format!("\n{}\n", style.paint(&text, terminal.color))
    }

    /// One row per request.
    fn table(&self) -> Table {
        let columns = vec![
            Column::left("Request"),
            Column::right("Status"),
            Column::left("Verdict"),
            Column::right("TTFT"),
            Column::left("Findings").min(20).wraps(),
        ];
        let row = |r: &Asked| {
            let found = findings(&r.findings);
            let style = match r.findings.iter().map(|f| f.level).max() {
                Some(level) => Style::of(level),
                None => Style::default(),
            };
            let said = [Some(found).filter(|f| !f.is_empty()), r.note.clone()];
            let said: Vec<String> = said.into_iter().flatten().collect();
            vec![
                Cell::new(r.name),
                Cell::new(r.status.map_or("-".into(), |s| s.to_string())),
                Cell::new(if r.tested { r.verdict.as_deref().unwrap_or("-") } else { "not tested" }),
                Cell::new(span(r.ttft_ms.map(|ms| Span((ms * 1e6) as i64)))),
                Cell::new(if said.is_empty() { "-".into() } else { said.join("; ") }).style(style),
            ]
        };
        Table { columns, rows: self.requests.iter().map(row).collect() }
    }

    fn verdict(&self) -> (String, Style) {
        let tested = self.requests.iter().filter(|r| r.tested).count() as u64;
        let left = self.requests.len() as u64 - tested;
        let left = if left > 0 { format!(", {left} not tested") } else { String::new() };
        let [errors, warnings] = [count(self.errors, "error", "errors"), count(self.warnings, "warning", "warnings")];
        let style = match (self.errors, self.warnings) {
            (0, 0) => Style::Green,
            (0, _) => Style::Yellow,
            _ => Style::Red,
        };
        (format!("{}{left}: {errors}, {warnings}, {} info", count(tested, "request", "requests"), self.infos), style)
    }

    /// Whether there are findings at or over this level.
    pub fn reaches(&self, limit: Level) -> bool {
        self.rules.iter().any(|r| r.level >= limit)
    }
}

/// `1 error, 2 info`; empty without findings.
fn findings(all: &[FindingSummary]) -> String {
    let of = |level| all.iter().filter(|f| f.level == level).count() as u64;
    let told = [
        (of(Level::Error), count(of(Level::Error), "error", "errors")),
        (of(Level::Warning), count(of(Level::Warning), "warning", "warnings")),
        (of(Level::Info), format!("{} info", of(Level::Info))),
    ];
    told.into_iter().filter(|(n, _)| *n > 0).map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

/// A text behind a label, on lines of the terminal.
fn lines(label: &str, text: &str, terminal: &Terminal) -> String {
    let indent = label.len();
    let wrapped = wrap(text, terminal.width.saturating_sub(indent).max(30));
    let line = |(n, line): (usize, &String)| match n {
        0 => format!("{label}{line}\n"),
        _ => format!("{:indent$}{line}\n", ""),
    };
    wrapped.iter().enumerate().map(line).collect()
}

fn rules(requests: &[Asked]) -> Vec<Broken> {
    let mut all: Vec<Broken> = Vec::new();
    for (asked, f) in requests.iter().flat_map(|r| r.findings.iter().map(move |f| (r, f))) {
        let place = || Place {
            file: None,
            exchange: asked.exchange.unwrap_or_default(),
            record: f.record,
            offset: f.offset,
            message: f.message.clone(),
        };
        match all.iter_mut().find(|b| b.rule == f.rule) {
            Some(b) => {
                if !b.requests.contains(&asked.name) {
                    b.requests.push(asked.name);
                }
                if f.level > b.level {
                    (b.level, b.first, b.fix) = (f.level, place(), f.fix.clone());
                }
            }
            None => all.push(Broken {
                rule: f.rule.clone(),
                name: conformance::by_code(&f.rule).map(|r| r.name),
                level: f.level,
                requests: vec![asked.name],
                first: place(),
                fix: f.fix.clone(),
            }),
        }
    }
    all.sort_by_key(|b| (Reverse(b.level), Reverse(b.requests.len())));
    all
}

fn broken(cases: &[(&'static str, clients::Case)]) -> Vec<Client> {
    let mut all: Vec<Client> = Vec::new();
    for (name, case) in cases {
        for v in case.clients.iter().filter(|v| v.outcome != Outcome::Fine) {
            match all.iter_mut().find(|c| c.name == v.name) {
                Some(c) => {
                    c.requests.push(name);
                    if v.outcome > c.outcome {
                        (c.outcome, c.why) = (v.outcome, v.why.clone());
                    }
                }
                None => all.push(Client { name: v.name, outcome: v.outcome, why: v.why.clone(), requests: vec![name] }),
            }
        }
    }
    all.sort_by_cached_key(|c| (Reverse(c.outcome), Reverse(c.requests.len()), c.why.clone(), c.requests.clone()));
    all
}
