//! One line per finished exchange while a recording runs.

use super::Look;
use super::list::{clock, codes, dialect, end, request_line, status};
use super::table::Cell;
use super::text::{Style, clip, clip_middle, rate, span, width};
use crate::summary::Summary;

/// One column: title, width (0: what the others leave, findings: what they need), from which terminal width it is shown, aligned to the right.
struct Place {
    title: &'static str,
    width: usize,
    from: usize,
    right: bool,
}

const fn place(title: &'static str, width: usize, from: usize, right: bool) -> Place {
    Place { title, width, from, right }
}

/// Widths are fixed: lines come one at a time and should stand in columns all the same.
const PLACES: &[Place] = &[
    place("time (UTC)", 12, 100, false),
    place("client → server", 43, 180, false),
    place("request", 0, 0, false),
    place("", 3, 0, true),
    place("framing", 9, 150, false),
    place("dialect", 18, 80, false),
    place("TTFT", 7, 0, true),
    place("gap p50", 7, 110, true),
    place("gap p99", 7, 110, true),
    place("tokens", 7, 130, true),
    place("end", 12, END_FROM, false),
];
const FINDINGS: usize = 18;
const END_FROM: usize = 90;

/// The titles.
pub fn head(look: &Look) -> String {
    let cells = PLACES.iter().map(|p| Cell::new(p.title).style(Style::Dim)).collect();
    line_of(cells, Cell::new("findings").style(Style::Dim), look)
}

/// One exchange.
pub fn line(s: &Summary, look: &Look) -> String {
    let t = &s.timing;
    let ends =
        format!("{} → {}", std::net::SocketAddr::new(s.client_ip, s.client_port), std::net::SocketAddr::new(s.server_ip, s.server_port));
    let cells = vec![
        Cell::new(s.begun_ns().map(|ns| clock(ns, true)).unwrap_or_default()).style(Style::Dim),
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
    if look.width < END_FROM && s.verdict.as_deref() != Some("complete") {
        findings = Cell { text: format!("{} {}", end.text, findings.text), style: end.style };
    }
    line_of(cells, findings, look)
}

fn line_of(cells: Vec<Cell>, findings: Cell, look: &Look) -> String {
    let shown = || PLACES.iter().enumerate().filter(|(_, p)| look.width >= p.from);
    let fixed: usize = shown().map(|(_, p)| p.width + 2).sum();
    let rest = look.width.saturating_sub(fixed + FINDINGS).clamp(16, 60);
    let mut out = String::new();
    for (i, p) in shown() {
        let w = if p.width == 0 { rest } else { p.width };
        let cell = &cells[i];
        let text = if p.width == 0 { clip_middle(&cell.text, w) } else { clip(&cell.text, w) };
        let pad = " ".repeat(w.saturating_sub(width(&text)));
        let painted = cell.style.paint(&text, look.color);
        out += &if p.right { format!("{pad}{painted}  ") } else { format!("{painted}{pad}  ") };
    }
    let room = look.width.saturating_sub(fixed + rest).max(8);
    out += &findings.style.paint(&clip(&findings.text, room), look.color);
    out.trim_end().to_owned()
}
