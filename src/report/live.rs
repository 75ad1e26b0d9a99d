//! One line per finished exchange while a recording runs.

use super::Terminal;
use super::list::{codes, dialect, end, request_line, status};
use super::table::Cell;
use super::text::{Style, clip, clip_middle, rate, span, width};
use super::zone::Zone;
use crate::summary::Summary;

/// One column: title, width (0: what the other columns leave; findings: what they need), the terminal width from
/// which it is shown, and whether it is aligned to the right.
struct Place {
    title: &'static str,
    width: usize,
    from: usize,
    right: bool,
}

const fn place(title: &'static str, width: usize, from: usize, right: bool) -> Place {
    Place { title, width, from, right }
}

/// Widths are fixed: lines are printed one at a time and should align nevertheless.
const PLACES: &[Place] = &[
    place("time (UTC)", 12, 110, false),
    place("client → server", 43, 200, false),
    place("request", 0, 0, false),
    place("", 3, 0, true),
    place("framing", 15, 160, false),
    place("dialect", 18, 80, false),
    place("TTFT", 7, 0, true),
    place("gap p50", 7, 130, true),
    place("gap p99", 7, 130, true),
    place("tokens", 7, 140, true),
    place("end", 18, END_FROM, false),
];
/// Width of the last column. It is wider if it contains the end too.
const fn findings_width(columns: usize) -> usize {
    if columns < END_FROM { 24 } else { 18 }
}
const END_FROM: usize = 90;

/// The line of titles.
pub fn head(terminal: &Terminal) -> String {
    let cells = PLACES.iter().map(|p| Cell::new(p.title).style(Style::Dim)).collect();
    line_of(cells, Cell::new("findings").style(Style::Dim), terminal)
}

/// The line of one exchange.
pub fn line(s: &Summary, terminal: &Terminal) -> String {
    let t = &s.timing;
    let ends = format!(
        "{} → {}",
        std::net::SocketAddr::new(s.client_ip, s.client_port),
        std::net::SocketAddr::new(s.server_ip, s.server_port)
    );
    let cells = vec![
        Cell::new(s.begun_ns().map(|ns| Zone::Utc.clock(ns, true)).unwrap_or_default()).style(Style::Dim),
        Cell::new(ends),
        Cell::new(request_line(s)),
        status(s),
        Cell::new(s.response.as_ref().map_or("", |r| &r.framing)),
        Cell::new(dialect(s)),
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
    let shown = || PLACES.iter().enumerate().filter(|(_, p)| terminal.width >= p.from);
    let fixed: usize = shown().map(|(_, p)| p.width + 2).sum();
    let rest = terminal.width.saturating_sub(fixed + findings_width(terminal.width)).clamp(16, 60);
    let mut out = String::new();
    for (i, p) in shown() {
        let w = if p.width == 0 { rest } else { p.width };
        let cell = &cells[i];
        let text = if p.width == 0 { clip_middle(&cell.text, w) } else { clip(&cell.text, w) };
        let pad = " ".repeat(w.saturating_sub(width(&text)));
        let painted = cell.style.paint(&text, terminal.color);
        out += &if p.right { format!("{pad}{painted}  ") } else { format!("{painted}{pad}  ") };
    }
    let room = terminal.width.saturating_sub(fixed + rest).max(8);
    out += &findings.style.paint(&clip(&findings.text, room), terminal.color);
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
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
            for columns in [90, 100, 110, 130, 140, 160, 200] {
                let line = shown(verdict, "sse", columns);
                assert!(line.contains(verdict) && width(&line) <= columns, "{columns}: {line}");
            }
            assert!(verdict == "complete" || shown(verdict, "sse", 80).contains(verdict));
            assert_eq!(end(&Summary { verdict: Some(verdict.into()), ..Summary::template() }).text, verdict);
        }
        for framing in ["websocket", "aws-eventstream", "concat-json"] {
            assert!(shown("complete", framing, 160).contains(framing));
        }
    }

    #[test]
    fn the_request_has_room_at_every_width() {
        for columns in 80..=200 {
            let terminal = Terminal { width: columns, color: false };
            let head = head(&terminal);
            let request =
                head.find("dialect").or(head.find("framing")).unwrap_or(0) - head.find("request").unwrap_or(0);
            assert!(request >= 22, "{columns}: {head}");
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
