//! The picture of an exchange whose times are known.

use super::*;
use crate::conformance::Level;
use crate::dialect::Meaning;
use crate::exchange::ending::{Closing, Ending, Party};
use crate::http::event::EndSignal;
use crate::summary::{FindingSummary, Summary};

fn at(ms: i64) -> Timestamp {
    Timestamp(1_000_000_000_000 + ms * 1_000_000)
}

/// Request 0 to 10 ms, head at 110, deltas each 10 ms from 310 to 500 and from 900 to 990, end at 1010; a pause of the
/// server, and a finding in it.
fn example() -> (Detail, Drawn) {
    let mut summary = Summary::template();
    summary.timing.t_request_end_ns = Some(at(10).0);
    let finding = |rule: &str, level, ms: Option<i64>| FindingSummary {
        rule: rule.into(),
        level,
        t_ns: ms.map(|ms| at(ms).0),
        record: None,
        offset: None,
        message: String::new(),
        count: 1,
        packet: None,
        chunk: None,
        excerpt: None,
        fix: None,
    };
    summary.findings = vec![finding("DLV-001", Level::Error, Some(700)), finding("SSE-002", Level::Info, None)];
    let ending = Ending {
        told: Some(EndSignal::Fin),
        by: Party::Server,
        at: at(1010),
        server: Closing { fin: Some(at(1010)), ..Closing::default() },
        ..Ending::default()
    };
    let detail = Detail {
        summary,
        dialect_why: None,
        chunks: Vec::new(),
        records: Vec::new(),
        ending: Some(ending),
        closed: None,
        oddities: Vec::new(),
        request_body: None,
        request_body_base64: None,
        prompt: None,
    };
    let content = Meaning { content: true, ..Meaning::default() };
    let times = (31..=50).chain(90..=99).map(|n| (at(n * 10), content));
    let clocks = Clocks {
        request_start: Some(at(0)),
        request_end: Some(at(10)),
        head_start: Some(at(110)),
        first_delta: Some(at(310)),
        last_delta: Some(at(990)),
        finish: Some(at(1000)),
        end: Some(at(1010)),
        records: times.collect(),
        ..Clocks::default()
    };
    let stalls = vec![Stall { from: at(500), to: at(900), cause: Cause::Server }];
    (detail, Drawn { clocks, stalls, ascii: false })
}

fn drawn(ascii: bool, color: bool) -> String {
    let (detail, drawn) = example();
    text(&detail, &Drawn { ascii, ..drawn }, &Terminal { width: 80, color })
}

#[test]
fn each_moment_stands_at_its_share_of_the_time() {
    let out = drawn(false, false);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.iter().all(|l| width(l) <= 80), "{out}");
    // 69 columns for 1010 ms.
    let column = |ms: usize| MARGIN + ms * 69 / 1010;
    let stands = |label: &str, before: &str, ms: usize| {
        let line = lines.iter().find(|l| l.contains(label)).unwrap_or_else(|| panic!("no {label}:\n{out}"));
        let found = line.find(label).map(|byte| line[..byte].chars().count() + before.chars().count()).unwrap_or(0);
        assert_eq!(found, column(ms).min(MARGIN + 68), "{label}\n{out}");
    };
    stands("▾request's end", "", 10);
    stands("▾head", "", 110);
    stands("▾first token", "", 310);
    stands("finish▾", "finish", 1000);
    stands("end: fin by server▾", "end: fin by server", 1010);
    stands("server's FIN▾", "server's FIN", 1010);
    stands("▴DLV-001", "", 700);
    stands("SSE-002▴", "SSE-002", 1010);
    stands("▴server 400 ms", "", 500);
    let row = |name: &str| lines.iter().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("no {name}:\n{out}"));
    let records: Vec<char> = row("records").chars().collect();
    let drawn = |ms: usize| records.get(column(ms)).is_some_and(|c| *c != ' ');
    assert!(drawn(310) && drawn(500) && drawn(900) && drawn(990) && !drawn(250) && !drawn(700), "{out}");
    let pause: String = row("pauses").chars().skip(column(500)).take(column(900) - column(500)).collect();
    assert!(pause.chars().all(|c| c == '━') && row("pauses").matches('━').count() == pause.chars().count(), "{out}");
    assert!(lines.last().is_some_and(|l| l.contains('0') && l.contains("500 ms")), "{out}");
}

#[test]
fn a_terminal_without_unicode_gets_ascii_and_the_same_places() {
    let (ascii, unicode) = (drawn(true, false), drawn(false, false));
    assert!(ascii.is_ascii(), "{ascii}");
    let shape = |text: &str| -> Vec<String> {
        text.lines().map(|l| l.chars().map(|c| if c == ' ' { ' ' } else { 'x' }).collect()).collect()
    };
    assert_eq!(shape(&ascii), shape(&unicode));
}

#[test]
fn colours_are_signals_and_change_no_place() {
    let painted = drawn(false, true);
    assert!(painted.contains("\x1b[33m━"), "the server's pause is yellow: {painted:?}");
    assert!(painted.contains("\x1b[31m▴DLV-001"), "an error is red: {painted:?}");
    let mut plain = painted;
    for code in ["1", "2", "31", "32", "33", "34", "0"] {
        plain = plain.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(plain, drawn(false, false));
}

#[test]
fn many_labels_stay_within_their_rows_and_no_time_draws_nothing() {
    let (mut detail, drawn) = example();
    let one = detail.summary.findings[0].clone();
    detail.summary.findings = (0..500).map(|n| FindingSummary { t_ns: Some(at(n).0), ..one.clone() }).collect();
    let out = text(&detail, &drawn, &Terminal { width: 80, color: false });
    assert!(out.contains("more\n") && out.lines().count() < 20, "{out}");
    let still = Drawn { clocks: Clocks { end: Some(at(0)), ..Clocks::default() }, ..Drawn::default() };
    detail.ending = None;
    assert_eq!(text(&detail, &still, &Terminal { width: 80, color: false }), "");
}
