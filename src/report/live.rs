//! One line per finished exchange while a recording runs.

use super::Terminal;
use super::list::{codes, dialect, end, request_line, status};
use super::table::Cell;
use super::text::{Style, clip, clip_middle, rate, span, width};
use super::zone::Zone;
use crate::summary::Summary;

/// One column: title, width (0: what the other columns leave; findings: what they need), the terminal width from
/// which it is shown, and how its text stands.
struct Place {
    title: &'static str,
    width: usize,
    from: usize,
    text: Text,
}

/// How a text stands in its column, and where it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Left,
    Right,
    /// To the left, and cut in the middle: names often differ at their end.
    Middle,
}

const fn place(title: &'static str, width: usize, from: usize, text: Text) -> Place {
    Place { title, width, from, text }
}

/// Widths are fixed: lines are printed one at a time and should align nevertheless.
const PLACES: &[Place] = &[
    place("time (UTC)", 12, 130, Text::Left),
    place("server", 18, 0, Text::Middle),
    place("request", 0, REQUEST_FROM, Text::Middle),
    place("", 3, 0, Text::Right),
    place("framing", 15, 200, Text::Left),
    place("dialect", 18, 150, Text::Left),
    place("model", 18, 0, Text::Middle),
    place("TTFT", 7, 0, Text::Right),
    place("gap p50", 7, 180, Text::Right),
    place("gap p99", 7, 180, Text::Right),
    place("tokens", 7, 160, Text::Right),
    place("end", 18, END_FROM, Text::Left),
];
/// Where the model stands: in a narrow terminal it gets the room of the request, and an exchange without a model has
/// its request there.
const MODEL: usize = 6;
const REQUEST: usize = 2;
const REQUEST_FROM: usize = 100;
const END_FROM: usize = 120;

/// Width of the last column. It is wider if it contains the end too.
const fn findings_width(columns: usize) -> usize {
    if columns < END_FROM { 24 } else { 18 }
}

/// The line of titles.
pub fn head(terminal: &Terminal) -> String {
    let cells = PLACES.iter().map(|p| Cell::new(p.title).style(Style::Dim)).collect();
    line_of(cells, Cell::new("findings").style(Style::Dim), terminal)
}

/// The line of one exchange.
pub fn line(s: &Summary, terminal: &Terminal) -> String {
    let t = &s.timing;
    let model = s.model().map(str::to_owned);
    let instead = || if terminal.width < REQUEST_FROM { request_line(s) } else { String::new() };
    let cells = vec![
        Cell::new(s.begun_ns().map(|ns| Zone::Utc.clock(ns, true)).unwrap_or_default()).style(Style::Dim),
        Cell::new(s.authority()),
        Cell::new(request_line(s)),
        status(s),
        Cell::new(s.response.as_ref().map_or("", |r| &r.framing)),
        Cell::new(dialect(s)),
        Cell::new(model.unwrap_or_else(instead)),
        Cell::new(span(t.ttft)),
        Cell::new(span(t.itl_p50)),
        Cell::new(span(t.itl_p99)),
        Cell::new(rate(t.tpot)),
        end(s),
    ];
    let mut findings = codes(&s.findings);
    let end = end(s);
    if terminal.width < END_FROM && s.verdict.as_deref() != Some("complete") {
        findings = Cell { text: format!("{} {}", end.text, findings.text), style: end.style, exact: None };
    }
    line_of(cells, findings, terminal)
}

fn line_of(cells: Vec<Cell>, findings: Cell, terminal: &Terminal) -> String {
    let flexible = if terminal.width < REQUEST_FROM { MODEL } else { REQUEST };
    let shown = || PLACES.iter().enumerate().filter(|(_, p)| terminal.width >= p.from);
    let fixed: usize = shown().map(|(i, p)| if i == flexible { 2 } else { p.width + 2 }).sum();
    let rest = terminal.width.saturating_sub(fixed + findings_width(terminal.width)).clamp(16, 60);
    let mut out = String::new();
    for (i, p) in shown() {
        let w = if i == flexible { rest } else { p.width };
        let cell = &cells[i];
        let text = if p.text == Text::Middle { clip_middle(&cell.text, w) } else { clip(&cell.text, w) };
        let pad = " ".repeat(w.saturating_sub(width(&text)));
        let painted = cell.style.paint(&text, terminal.color);
        out += &if p.text == Text::Right { format!("{pad}{painted}  ") } else { format!("{painted}{pad}  ") };
    }
    let room = terminal.width.saturating_sub(fixed + rest).max(8);
    out += &findings.style.paint(&clip(&findings.text, room), terminal.color);
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::RequestSummary;
    use crate::verdict::Verdict;

    const VERDICTS: [Verdict; 6] = [
        Verdict::Complete,
        Verdict::ClientCancelled,
        Verdict::ServerTruncated,
        Verdict::GatewayTimeout,
        Verdict::ErrorInside200,
        Verdict::CaptureIncomplete,
    ];

    fn shown(verdict: &str, framing: &str, columns: usize) -> String {
        let mut s = Summary { verdict: Some(verdict.into()), ..Summary::template() };
        s.response.get_or_insert_default().framing = framing.into();
        line(&s, &Terminal { width: columns, color: false })
    }

    #[test]
    fn verdicts_and_framings_are_shown_by_their_names() {
        for verdict in VERDICTS.map(Verdict::as_str) {
            for columns in [80, 90, 100, 110, 120, 130, 140, 160, 200] {
                let line = shown(verdict, "sse", columns);
                let said = verdict == "complete" && columns < END_FROM || line.contains(verdict);
                assert!(said && width(&line) <= columns, "{columns}: {line}");
            }
            assert_eq!(end(&Summary { verdict: Some(verdict.into()), ..Summary::template() }).text, verdict);
        }
        for framing in ["websocket", "aws-eventstream", "concat-json"] {
            assert!(shown("complete", framing, 200).contains(framing));
        }
    }

    #[test]
    fn server_and_model_are_shown_at_every_width_and_the_request_has_room() {
        let mut s = Summary { server_port: 80, ..Summary::template() };
        let request = s.request.get_or_insert_default();
        (request.method, request.path) = ("POST".into(), "/v1/chat/completions".into());
        (request.scheme, request.authority) = ("http".into(), Some("api.example".into()));
        (request.model, s.verdict) = (Some("gpt-4o-2024-11-20".into()), Some("complete".into()));
        let without_model = RequestSummary { model: None, ..s.request.clone().unwrap_or_default() };
        for columns in 80..=200 {
            let terminal = Terminal { width: columns, color: false };
            let (head, line) = (head(&terminal), line(&s, &terminal));
            assert!(line.contains("api.example ") && line.contains(" gpt-4o-2024-11-20"), "{columns}: {line}");
            assert!(head.contains("server") && head.contains("model") && width(&head) <= columns, "{columns}: {head}");
            assert!(width(&line) <= columns, "{columns}: {line}");
            let s = Summary { request: Some(without_model.clone()), ..s.clone() };
            let line = super::line(&s, &terminal);
            assert!(line.contains(" POST /v1") && line.contains("ompletions"), "{columns}: {line}");
        }
    }

    #[test]
    fn a_verdict_is_shown_once_at_every_width() {
        for columns in 80..=200 {
            let line = shown("server-truncated", "sse", columns);
            assert_eq!(line.matches("server-truncated").count(), 1, "{columns}: {line}");
        }
    }
}
