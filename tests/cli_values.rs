//! Options and reports with different values: secrets in lists, ports, connections, deliveries, equal endpoints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::Direction::{ToClient, ToServer};
use support::place::{Place, chunk, delta, talk};

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Two streams of two deltas on one connection; the target contains a key.
fn streams() -> Place {
    let ask = "POST /v1/chat/completions?key=ab0123456789 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    let answer = format!("{STREAM}{}{}{}0\r\n\r\n", chunk(&delta("a")), chunk(&delta("b")), chunk("data: [DONE]\n\n"));
    let p = Place::new();
    let say = [
        (0, ToServer, ask.as_bytes()),
        (5, ToClient, answer.as_bytes()),
        (50, ToServer, ask.as_bytes()),
        (55, ToClient, answer.as_bytes()),
    ];
    p.record(&[&talk(0, &say)]);
    p
}

#[test]
fn a_list_shows_no_secret_that_was_stored() {
    let p = streams();
    for format in ["table", "json", "jsonl", "csv", "markdown"] {
        let out = p.out(&["list", "--format", format]);
        assert!(!out.contains("ab0123456789") && out.contains("redacted"), "{format}: {out}");
    }
}

#[test]
fn connections_have_each_count_in_its_column() {
    let p = streams();
    p.db()
        .execute("UPDATE connection SET exchanges = 11, packets = 22, client_bytes = 3300, server_bytes = 4400", [])
        .unwrap();
    let markdown = p.out(&["list", "--connections", "--format", "markdown"]);
    let [head, row] = [0, 2].map(|n| markdown.lines().nth(n).unwrap().split(" | ").collect::<Vec<_>>());
    for (title, value) in
        [("Exchanges", "11"), ("Packets", "22"), ("Sent", "3.30 kB"), ("Received", "4.40 kB"), ("Stream", "0")]
    {
        assert_eq!(row[head.iter().position(|t| *t == title).unwrap()], value, "{title}");
    }
}

#[test]
fn deliveries_are_judged_by_rules_of_delivery_alone() {
    let p = streams();
    for (rule, level, shown, last) in [
        ("DLV-001", "info", true, "2 streams, delivered well"),
        ("DLV-001", "warning", true, "1 of 2 streams delivered badly"),
        ("DLV-001", "error", true, "1 of 2 streams delivered badly"),
        ("SSE-002", "error", false, "2 streams, delivered well"),
    ] {
        let sql =
            "INSERT INTO finding (exchange_id, n, rule, level, count, message) VALUES (1, 0, ?1, ?2, 1, 'planted')";
        p.db().execute("DELETE FROM finding", []).unwrap();
        p.db().execute(sql, [rule, level]).unwrap();
        let text = p.out(&["report", "delivery"]);
        assert_eq!((text.contains("planted"), text.lines().last().unwrap()), (shown, last), "{rule} {level}");
    }
}

#[test]
fn check_looks_at_the_ports_that_are_named() {
    let p = streams();
    for (port, exchanges) in [("8000", 2), ("40000", 2), ("1,8000", 2), ("8001", 0)] {
        let o = p.run(&["check", "a.pcap", "--port", port, "--fail-on", "never", "--format", "json"]);
        let n =
            serde_json::from_slice::<serde_json::Value>(&o.stdout).map_or(0, |all| all["exchanges"].as_i64().unwrap());
        assert_eq!(n, exchanges, "{port}: {}", String::from_utf8_lossy(&o.stderr));
    }
}

#[test]
fn exchanges_of_one_connection_become_packets_of_several() {
    let p = streams();
    let file = p.run(&["export", "--format", "pcapng"]).stdout;
    p.write("out.pcapng", &file).want(0, &["-q", "--db", "again.db", "--read", "out.pcapng"]);
    let all = p.json(&["list", "--db", "again.db", "--format", "json"]);
    let ports: Vec<i64> = all.as_array().unwrap().iter().map(|x| x["client_port"].as_i64().unwrap()).collect();
    assert_eq!(ports, [40_000, 40_007]);
}

/// A field of a protobuf message: number, and bytes of less than 128.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, value.len() as u8], value].concat()
}

#[test]
fn a_timeline_reads_the_answer_by_what_was_asked() {
    // gRPC-Web: only the request tells that `ModelStreamInfer` is the call that answers with tensors. It has a model's
    // name (field 1) and an input (field 5); the answers have a response (field 2) with a tensor (field 6).
    let frame = |flags: u8, message: &[u8]| [&[flags, 0, 0, 0, message.len() as u8], message].concat();
    let asked = frame(0, &[field(1, b"m"), field(5, b"")].concat());
    let said = |text: &str| {
        let tensor = [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let message = frame(0, &field(2, &field(6, &tensor)));
        [format!("{:x}\r\n", message.len()).as_bytes(), &message, b"\r\n"].concat()
    };
    let kind = "application/grpc-web+proto";
    let ask = format!(
        "POST /inference.GRPCInferenceService/ModelStreamInfer HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n\
            Content-Length: {}\r\n\r\n",
        asked.len()
    );
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let p = Place::new();
    p.record(&[&talk(
        0,
        &[
            (0, ToServer, &[ask.as_bytes(), &asked].concat()),
            (10, ToClient, head.as_bytes()),
            (20, ToClient, &said("Hel")),
            (30, ToClient, &said("lo")),
            (40, ToClient, b"0\r\n\r\n"),
        ],
    )]);
    let csv = p.out(&["export", "1", "--format", "csv"]);
    let last: Vec<&str> = csv.split_terminator("\r\n").filter_map(|row| row.rsplit(',').next()).collect();
    assert_eq!(last, ["brings", "Hel", "lo"], "{csv}");
    let text = p.out(&["show", "1"]);
    let rows = text.lines().skip_while(|l| *l != "Chunks").skip(2).take(2);
    assert_eq!(rows.filter_map(|l| l.split_whitespace().last()).collect::<Vec<_>>(), ["Hel", "lo"], "{text}");
}
