//! `sniff report clients`: which clients break on an exchange, how and why. The worst come first.

mod kept;

pub use kept::stored;

use super::list::{dialect, request_line};
use super::reports::{self, Collect, Report, Source, WORST, more};
use super::table::{Cell, Column, Table};
use super::text::{Style, clean, clip_middle, count, width, wrap};
use super::{Format, Terminal, markdown};
use crate::clients::{self, Outcome, Stream, Unfit, Verdict};
use crate::exchange::Exchange;
use crate::exchange::redact::Known;
use crate::summary::Summary;
use anyhow::Result;
use serde::Serialize;
use std::cmp::Reverse;
use std::io::Write;

/// One exchange and what each client makes of it.
#[derive(Debug, Serialize)]
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
    /// Why no client model could judge the exchange; none if the models did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// One verdict per client that speaks the dialect.
    pub clients: Vec<Verdict>,
}

/// Clients of one exchange that have the same outcome for the same reason.
struct Group<'c> {
    outcome: Outcome,
    why: &'c str,
    names: Vec<&'c str>,
}

impl Case {
    /// Makes the case of an exchange. `file` is its capture file, if several files are checked.
    pub fn new(file: Option<&str>, s: &Summary, judged: Result<Vec<Verdict>, String>) -> Case {
        let (clients, unfit) = match judged {
            // No report shows the texts.
            Ok(clients) => (clients.into_iter().map(|v| Verdict { text: None, ..v }).collect(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Case {
            file: file.map(Into::into),
            exchange: s.id,
            request: request_line(s),
            host: s.authority(),
            status: s.response.as_ref().and_then(|r| r.status),
            dialect: dialect(s),
            unfit,
            clients,
        }
    }

    /// Replaces secrets in the texts that quote the exchange, whose summary has none any more.
    pub fn hide(&mut self, known: &Known, s: &Summary) {
        self.request = request_line(s);
        self.host = s.authority();
        let texts = self.clients.iter_mut().flat_map(|v| [&mut v.why, &mut v.evidence]);
        texts.chain(&mut self.unfit).for_each(|text| known.quote(text));
    }

    /// Number of clients that break, in any way.
    pub fn broken(&self) -> usize {
        self.clients.iter().filter(|v| v.outcome != Outcome::Fine).count()
    }

    /// Groups by outcome and reason: the worst outcome first, then the largest group. Within a group the clients
    /// keep the order of the roster.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut all: Vec<Group<'_>> = Vec::new();
        for v in &self.clients {
            match all.iter_mut().find(|g| g.outcome == v.outcome && g.why == v.why) {
                Some(group) => group.names.push(v.name),
                None => all.push(Group { outcome: v.outcome, why: &v.why, names: vec![v.name] }),
            }
        }
        all.sort_by_key(|g| (Reverse(g.outcome), Reverse(g.names.len())));
        all
    }
}

/// What the client models make of an exchange. Returns none if it is not a stream or no model speaks its dialect.
/// `answer` is the text that is known to be right, if it is known.
fn judge(exchange: &Exchange, answer: Option<&str>) -> Option<Result<Vec<Verdict>, String>> {
    match Stream::of(exchange) {
        Ok(stream) => Some(clients::judge_against(&stream, answer)).filter(|all| !all.is_empty()).map(Ok),
        Err(Unfit::NotStreamed | Unfit::Foreign) => None,
        Err(unfit) => Some(Err(unfit.text())),
    }
}

/// Like `judge`, with the summary that the reports show.
pub fn case(file: Option<&str>, summary: &Summary, exchange: &Exchange, answer: Option<&str>) -> Option<Case> {
    judge(exchange, answer).map(|judged| Case::new(file, summary, judged))
}

/// All exchanges that client models can judge. Exchanges are loaded one by one: only one of them and the verdicts
/// are in memory.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Cases {
    /// The exchanges, in the order of the database or the file.
    pub cases: Vec<Case>,
    /// A terminal shows all of them, not the worst only.
    #[serde(skip)]
    pub all: bool,
}

impl Collect for Cases {
    fn add(&mut self, s: &Summary, source: &dyn Source) -> Result<()> {
        self.cases.extend(stored(None, source, s, None)?);
        Ok(())
    }

    fn show_all(&mut self) {
        self.all = true;
    }

    fn write(self: Box<Self>, format: Format, terminal: &Terminal, out: &mut dyn Write) -> Result<()> {
        reports::write(&*self, format, terminal, out)
    }
}

impl Report for Cases {
    fn text(&self, terminal: &Terminal) -> String {
        text(&self.cases, if self.all { usize::MAX } else { WORST }, terminal)
    }

    fn table(&self) -> Result<Table> {
        Ok(table(&self.cases))
    }

    fn markdown(&self) -> Result<String> {
        Ok(markdown_text(&self.cases))
    }

    fn lines(&self, out: &mut dyn Write) -> Result<()> {
        reports::lines(&self.cases, out)
    }
}

/// The cases for a terminal: the verdict, then at most `most` exchanges with their groups, those on which most clients
/// break, in the order of all.
fn text(cases: &[Case], most: usize, terminal: &Terminal) -> String {
    let (verdict, style) = verdict(cases);
    let mut shown: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
    if cases.len() > most {
        shown.sort_by_key(|(n, c)| (Reverse(c.broken()), *n));
        shown.truncate(most);
        shown.sort_by_key(|(n, _)| *n);
    }
    let mut out = format!("{}\n\n", style.paint(&verdict, terminal.color));
    shown.iter().for_each(|(_, case)| out += &case_text(case, terminal));
    out += &more(cases.len(), most, "exchange, which is no worse", "exchanges, none of them worse", terminal);
    out.trim_end().to_owned() + "\n"
}

fn case_text(case: &Case, terminal: &Terminal) -> String {
    let file = case.file.as_ref().map(|f| format!("{} ", clean(f))).unwrap_or_default();
    let status = case.status.map_or("-".into(), |s| s.to_string());
    let request = clip_middle(&clean(&case.request), terminal.width.saturating_sub(30).max(30));
    let title = format!("{file}#{}  {request}  {status}", case.exchange);
    let about = clean([case.host.as_str(), &case.dialect].map(str::trim).join("  ").trim());
    let mut out =
        format!("{}  {}\n", Style::Bold.paint(&title, terminal.color), Style::Dim.paint(&about, terminal.color));
    if let Some(why) = &case.unfit {
        return out + &format!("  not modelled: {why}\n\n");
    }
    // Outcomes and their counts form one column, so that a reader sees at a glance who breaks; the reasons are
    // below.
    const LABEL: usize = "  changed  99  ".len();
    let room = terminal.width.saturating_sub(LABEL).max(30);
    let mut last = None;
    for group in case.groups() {
        let total = case.clients.iter().filter(|v| v.outcome == group.outcome).count();
        let label = match last == Some(group.outcome) {
            true => " ".repeat(LABEL),
            false => format!("  {:<7}  {total:>2}  ", group.outcome.as_str()),
        };
        last = Some(group.outcome);
        let names = lines(&group.names, room);
        let dim = group.outcome == Outcome::Fine;
        for (n, line) in names.iter().enumerate() {
            let label = if n == 0 { label.as_str() } else { &" ".repeat(LABEL) };
            let line = if dim { Style::Dim.paint(line, terminal.color) } else { line.clone() };
            out += &format!("{}{line}\n", style(group.outcome).paint(label, terminal.color));
        }
        for line in wrap(&clean(group.why), room.saturating_sub(2)) {
            out += &format!("{:LABEL$}{}\n", "", Style::Dim.paint(&format!("  {line}"), terminal.color));
        }
    }
    out.push('\n');
    out
}

/// Names separated by commas, in lines of at most `room` columns. A name is never broken.
fn lines(names: &[&str], room: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let name = if n + 1 < names.len() { format!("{name},") } else { (*name).to_string() };
        match out.last_mut() {
            Some(line) if width(line) + 1 + width(&name) <= room => {
                line.push(' ');
                line.push_str(&name);
            }
            _ => out.push(name),
        }
    }
    out
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Fine => Style::Green,
        Outcome::Changed => Style::Yellow,
        Outcome::Raises | Outcome::Hangs => Style::Red,
    }
}

/// The verdict over all exchanges in one line, with its style.
fn verdict(cases: &[Case]) -> (String, Style) {
    let judged: Vec<&Case> = cases.iter().filter(|c| !c.clients.is_empty()).collect();
    let all = count(judged.len() as u64, "exchange", "exchanges");
    let unfit = cases.len() - judged.len();
    let left = if unfit > 0 { format!(" ({unfit} not modelled)") } else { String::new() };
    if judged.is_empty() {
        return (format!("no streamed answers in a dialect whose clients are known{left}"), Style::Yellow);
    }
    let broken = judged.iter().filter(|c| c.broken() > 0).count();
    if broken == 0 {
        return (format!("{all}: no known client breaks{left}"), Style::Green);
    }
    let most = judged.iter().max_by_key(|c| c.broken());
    let most = most
        .map(|c| format!("; most: {} of {} clients on #{}", c.broken(), c.clients.len(), c.exchange))
        .unwrap_or_default();
    let verb = if broken == 1 { "breaks" } else { "break" };
    (format!("{broken} of {all} {verb} clients{most}{left}"), Style::Red)
}

/// The cases as a table: one row per exchange and client.
fn table(cases: &[Case]) -> Table {
    let columns = vec![
        Column::left("File"),
        Column::right("Exchange"),
        Column::left("Dialect"),
        Column::left("Client"),
        Column::left("Outcome"),
        Column::left("Why"),
        Column::left("Evidence"),
    ];
    let row = |c: &Case, v: &Verdict| {
        let outcome = Cell::new(v.outcome.as_str()).style(style(v.outcome));
        vec![
            Cell::new(c.file.as_deref().unwrap_or_default()),
            Cell::new(c.exchange.to_string()),
            Cell::new(&c.dialect),
            Cell::new(v.client),
            outcome,
            Cell::new(&v.why),
            Cell::new(&v.evidence),
        ]
    };
    Table { columns, rows: cases.iter().flat_map(|c| c.clients.iter().map(move |v| row(c, v))).collect() }
}

/// The cases as Markdown: a table of groups per exchange.
fn markdown_text(cases: &[Case]) -> String {
    let mut out = format!("**{}**\n", markdown::escape(&verdict(cases).0));
    for case in cases.iter().filter(|c| !c.clients.is_empty()) {
        let columns =
            vec![Column::left("Outcome"), Column::right("Clients"), Column::left("Which"), Column::left("Why")];
        let row = |g: &Group<'_>| {
            vec![
                Cell::new(g.outcome.as_str()),
                Cell::new(g.names.len().to_string()),
                Cell::new(g.names.join(", ")),
                Cell::new(g.why),
            ]
        };
        let file = case.file.as_ref().map(|f| format!("{f} ")).unwrap_or_default();
        let title = markdown::escape(&format!("{file}#{} {} · {}", case.exchange, case.request, case.dialect));
        out += &format!(
            "\n{title}\n\n{}",
            markdown::render(&Table { columns, rows: case.groups().iter().map(row).collect() })
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(all: &[(&'static str, Outcome, &str)]) -> Case {
        let verdict = |(client, outcome, why): &(&'static str, Outcome, &str)| Verdict {
            client,
            name: client,
            outcome: *outcome,
            why: (*why).into(),
            evidence: "measured".into(),
            text: None,
        };
        let clients = all.iter().map(verdict).collect();
        let about = ("POST /v1/chat/completions".into(), "api.example".into(), "openai.chat".into());
        Case {
            file: None,
            exchange: 7,
            request: about.0,
            host: about.1,
            status: Some(200),
            dialect: about.2,
            unfit: None,
            clients,
        }
    }

    #[test]
    fn the_worst_stands_first_and_equal_fates_stand_together() {
        let cases = [case(&[
            ("a", Outcome::Fine, ""),
            ("b", Outcome::Raises, "id is missing"),
            ("c", Outcome::Hangs, "the body stays open"),
            ("d", Outcome::Raises, "id is missing"),
            ("e", Outcome::Raises, "model is missing"),
        ])];
        let text = text(&cases, WORST, &Terminal { width: 80, color: false });
        let expected = "\
1 of 1 exchange breaks clients; most: 4 of 5 clients on #7

#7  POST /v1/chat/completions  200  api.example  openai.chat
  hangs     1  c
                 the body stays open
  raises    3  b, d
                 id is missing
               e
                 model is missing
  fine      1  a
";
        assert_eq!(text, expected);
    }

    #[test]
    fn names_are_never_broken() {
        assert_eq!(
            lines(&["ai-sdk openai", "b", "openai-node 6.49 helper"], 24),
            ["ai-sdk openai, b,", "openai-node 6.49 helper"]
        );
    }

    #[test]
    fn every_outcome_but_fine_counts_as_broken() {
        for (outcome, line, color) in [
            (Outcome::Fine, "1 exchange: no known client breaks", Style::Green),
            (Outcome::Changed, "1 of 1 exchange breaks clients; most: 1 of 2 clients on #7", Style::Red),
            (Outcome::Raises, "1 of 1 exchange breaks clients; most: 1 of 2 clients on #7", Style::Red),
            (Outcome::Hangs, "1 of 1 exchange breaks clients; most: 1 of 2 clients on #7", Style::Red),
        ] {
            let cases = [case(&[("a", Outcome::Fine, ""), ("b", outcome, "why")])];
            assert_eq!(verdict(&cases), (line.to_owned(), color), "{outcome:?}");
        }
    }

    #[test]
    fn the_verdict_names_the_exchange_that_breaks_most_clients() {
        let one = case(&[("a", Outcome::Changed, "why"), ("b", Outcome::Fine, "")]);
        let two = Case { exchange: 8, ..case(&[("a", Outcome::Hangs, "w"), ("b", Outcome::Changed, "w")]) };
        let none = Case { exchange: 9, ..case(&[("a", Outcome::Fine, "")]) };
        let unfit = || Case { exchange: 10, unfit: Some("too large".into()), ..case(&[]) };
        let line = "2 of 3 exchanges break clients; most: 2 of 2 clients on #8 (1 not modelled)";
        assert_eq!(verdict(&[one, two, none, unfit()]).0, line);
        let line = "no streamed answers in a dialect whose clients are known (1 not modelled)";
        assert_eq!(verdict(&[unfit()]), (line.to_owned(), Style::Yellow));
    }

    #[test]
    fn every_column_has_its_own_value() {
        let verdict = Verdict {
            client: "package 1.2",
            name: "package",
            outcome: Outcome::Changed,
            why: "a reason".into(),
            evidence: "a source".into(),
            text: None,
        };
        let cases = [Case { file: Some("a.pcap".into()), clients: vec![verdict], ..case(&[]) }];
        let table = table(&cases);
        let titles: Vec<&str> = table.columns.iter().map(|c| c.title).collect();
        assert_eq!(titles, ["File", "Exchange", "Dialect", "Client", "Outcome", "Why", "Evidence"]);
        let cells: Vec<&str> = table.rows[0].iter().map(|c| c.text.as_str()).collect();
        assert_eq!(cells, ["a.pcap", "7", "openai.chat", "package 1.2", "changed", "a reason", "a source"]);
        let markdown = markdown_text(&cases);
        let lines: Vec<&str> = markdown.lines().collect();
        assert_eq!(lines.len(), 7, "{markdown}");
        assert_eq!(lines[2], "a.pcap \\#7 POST /v1/chat/completions · openai.chat");
        assert_eq!(lines[4], "| Outcome | Clients | Which | Why |");
        assert_eq!(lines[6], "| changed | 1 | package | a reason |");
    }
}
