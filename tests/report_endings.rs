//! `sniff report endings` in every format, on a database whose verdicts are known.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use serde_json::json;
use sniff::conn::Direction::{ToClient, ToServer};
use support::place::{Place, chunk, delta, talk};

/// Five exchanges on two servers, with verdicts set by SQL: the counts do not depend on how they ended.
fn place() -> Place {
    let p = Place::new();
    let exchange = |n: u16, host: &str| {
        let begin = i64::from(n) * 1000;
        let ask = format!("POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = chunk(&delta("a")) + &chunk("data: [DONE]\n\n") + "0\r\n\r\n";
        talk(
            n,
            &[
                (begin, ToServer, ask.as_bytes()),
                (begin + 1, ToClient, head.as_bytes()),
                (begin + 2, ToClient, body.as_bytes()),
            ],
        )
    };
    let hosts = ["b.example", "a.example", "b.example", "b.example", "a.example"];
    let talks: Vec<_> = hosts.iter().enumerate().map(|(n, h)| exchange(n as u16, h)).collect();
    p.record(&talks.iter().collect::<Vec<_>>());
    for (id, verdict) in
        [(1, "complete"), (2, "complete"), (3, "server-truncated"), (4, "server-truncated"), (5, "client-cancelled")]
    {
        p.db().execute("UPDATE exchange SET verdict = ?2 WHERE id = ?1", (id, verdict)).unwrap();
    }
    p
}

#[test]
fn rows_count_by_server_and_verdict() {
    let p = place();
    let json: serde_json::Value = serde_json::from_str(&p.out(&["report", "endings", "--format", "json"])).unwrap();
    let row = |server: &str, verdict: &str, exchanges: u64, of: u64, first: i64| json!({"server": server, "verdict": verdict, "exchanges": exchanges, "of": of, "first": first});
    let want = [
        row("b.example:8000", "server-truncated", 2, 3, 3),
        row("b.example:8000", "complete", 1, 3, 1),
        row("a.example:8000", "complete", 1, 2, 2),
        row("a.example:8000", "client-cancelled", 1, 2, 5),
    ];
    assert_eq!(json, json!(want));
    let lines = p.out(&["report", "endings", "--format", "jsonl"]);
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines, want);
}

#[test]
fn tables_have_the_same_rows() {
    let p = place();
    let csv = "server,verdict,exchanges,of,first \
        id\nb.example:8000,server-truncated,2,3,3\nb.example:8000,complete,1,3,1\na.example:8000,complete,1,2,2\na.example:8000,client-cancelled,1,2,5\n";
    assert_eq!(p.out(&["report", "endings", "--format", "csv"]).replace("\r\n", "\n"), csv);
    let text = p.out(&["report", "endings"]);
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["b.example:8000", "server-truncated", "2", "3", "3"], "{text}");
    assert_eq!(rows.len(), 4);
    let markdown = p.out(&["report", "endings", "--format", "markdown"]);
    assert!(markdown.contains("| b.example:8000 | server-truncated | 2 | 3 | 3 |"), "{markdown}");
}
