//! No output steers the terminal, the spreadsheet or the page of its reader, whatever a captured peer sends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::Direction::{ToClient, ToServer};
use support::place::{Place, talk};

/// Control sequences of every sort, marks of direction, and a formula; as text of JSON and of heads.
const ODD: &str = "=1+1\u{1b}[2J\u{1b}]0;x\u{7}\u{8}\u{7f}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{feff}";

/// One exchange with [`ODD`] in every place that outputs show.
fn hostile() -> Place {
    let json = serde_json::to_string(ODD).unwrap();
    let raw =
        format!("\"{}\"", ODD.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007").replace('\u{8}', "\\u0008"));
    let asked = format!("{{\"model\":{json},\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":{json}}}]}}");
    let head = format!(
        "POST /v1/chat/completions?{ODD} HTTP/1.1\r\nHost: {ODD}\r\nUser-Agent: {ODD}\r\nX-Odd: {ODD}\r\n\
        Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{asked}",
        asked.len()
    );
    let event = |delta: &str, finish: &str| {
        format!(
            "event: {ODD}\nid: {ODD}\n: {ODD}\ndata: {{\"id\":{raw},\"object\":\"chat.completion.chunk\",\"created\":1,\
            \"model\":{raw},\"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let body = [
        event(&format!("\"role\":\"assistant\",\"content\":{raw}"), "null"),
        event(&format!("\"content\":{json}"), "null"),
        event("", &raw),
        format!("data: {ODD}\n\n"),
    ]
    .concat();
    let answer = format!(
        "HTTP/1.1 200 {ODD}\r\nContent-Type: text/event-stream; {ODD}\r\nServer: {ODD}\r\nX-Request-Id: {ODD}\r\n\
        Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let p = Place::new();
    p.record(&[&talk(0, &[(0, ToServer, head.as_bytes()), (10, ToClient, answer.as_bytes())])]);
    p
}

/// Whether a terminal shows the character as it is.
fn shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Every command that writes text, in every format that it has.
fn commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut with = |args: &str, formats: &str| {
        for format in formats.split(' ') {
            all.push(args.split(' ').chain(["--format", format]).map(str::to_owned).collect());
        }
    };
    with("list", "table json jsonl csv markdown");
    with("show 1", "table json jsonl");
    with("show 1 --reveal", "table json");
    for report in ["latency", "times", "compliance", "clients", "endings", "delivery"] {
        with(&format!("report {report}"), "table json jsonl csv markdown");
    }
    with("report latency --by path,model,client --every 1s", "table json jsonl csv markdown");
    with("report latency --like otel", "table json jsonl csv markdown");
    with("report reconcile --like aiperf", "table json jsonl csv markdown");
    with("report compare session=1 session=1", "table json jsonl csv markdown");
    with("diff 1 1", "table json jsonl csv markdown");
    // Nothing failed here, so that there is no line of a failure.
    with("report errors", "table json csv markdown");
    with("check a.pcap --fail-on never --clients", "table json jsonl csv markdown junit sarif github");
    with("export 1", "har jsonl csv wire curl vcr wiremock");
    with("export 1 --reveal", "har jsonl csv wire curl vcr wiremock");
    all
}

#[test]
fn no_output_has_a_raw_control_character() {
    let p = hostile();
    let mut asked = 0;
    for args in commands() {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let o = p.run(&args);
        let text = String::from_utf8_lossy(&o.stdout);
        if o.stdout.is_empty() {
            // A format that this command does not have: it must say so.
            assert!(!o.status.success(), "{args:?} wrote nothing");
            continue;
        }
        asked += 1;
        for stream in [&text, &String::from_utf8_lossy(&o.stderr)] {
            let bad: Vec<char> = stream.replace("\r\n", "\n").chars().filter(|c| !shown(*c) && *c != '\n').collect();
            assert!(bad.is_empty(), "{args:?}: {bad:?}");
        }
    }
    assert!(asked >= 40, "only {asked} outputs");
}

#[test]
fn no_cell_of_a_spreadsheet_begins_a_formula() {
    let p = hostile();
    for args in [
        &["list", "--format", "csv"][..],
        &["export", "1", "--format", "csv"],
        &["report", "latency", "--format", "csv"],
    ] {
        let text = p.out(args);
        let cells = text.split(['\n', ',']).map(|cell| cell.trim_start_matches('"'));
        let formulas: Vec<&str> =
            cells.filter(|cell| cell.starts_with(['=', '@']) || cell.starts_with("+1+")).collect();
        assert!(formulas.is_empty(), "{args:?}: {formulas:?}");
        assert!(text.contains("'=1+1"), "{args:?}: the planted text is not there\n{text}");
    }
}
