//! `sniff diff` around a hop: a real nginx with and without buffering, whose truth files have the time of every event
//! on both sides; gateways made here that rewrite, merge, drop and move records; the proxy's two hops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use support::place::{MS, Place};

/// A real capture, and the times of its events in front of nginx and behind it, by tshark.
fn nginx(name: &str) -> (String, Vec<(i64, i64)>, [f64; 2]) {
    let file = |ending: &str| support::real().join(format!("nginx-incremental-buffering-{name}.{ending}"));
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(file("truth.json")).unwrap()).unwrap();
    let side = |backend: bool| {
        let of_backend = |e: &&Value| (42810..42820).contains(&e["server_port"].as_i64().unwrap()) == backend;
        truth["exchanges"].as_array().unwrap().iter().find(of_backend).unwrap()
    };
    let times = |e: &Value| -> Vec<i64> {
        e["events"].as_array().unwrap().iter().map(|event| event["t_wire_ns"].as_i64().unwrap()).collect()
    };
    let ttft = [side(true), side(false)].map(|e| e["timing"]["ttft_ms"].as_f64().unwrap());
    let both = times(side(true)).into_iter().zip(times(side(false))).collect();
    (file("pcap").to_str().unwrap().to_owned(), both, ttft)
}

/// The held time of each record is that of the packets, for every way to name the taps.
#[test]
fn around_nginx() {
    for name in ["on", "off"] {
        let (pcap, times, ttft) = nginx(name);
        let p = Place::new();
        p.want(0, &["-q", "--read", &pcap]);
        let ports = if name == "on" { [42810, 42820] } else { [42811, 42821] };
        let hosts = ports.map(|port| format!("host=127.0.0.1:{port}"));
        let listed = p.json(&["list", "--format", "json"]);
        let id = |port: i64| {
            let of = listed.as_array().unwrap().iter().find(|e| e["server_port"] == port).unwrap();
            of["id"].to_string()
        };
        let ids = ports.map(id);
        for taps in [&[pcap.as_str()][..], &["session=1"], &[&hosts[0], &hosts[1]], &[&ids[0], &ids[1]]] {
            let report = p.json(&[&["diff", "--format", "json"], taps].concat());
            let [pair] = report["pairs"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
            assert_eq!(pair["records"], json!({"same": times.len()}), "{taps:?}");
            let mut longest: f64 = 0.0;
            for (row, (up, down)) in pair["passed"].as_array().unwrap().iter().zip(&times) {
                let held = (down - up) as f64 / 1e6;
                longest = longest.max(held);
                assert!((row["held_ms"].as_f64().unwrap() - held).abs() < 1.0, "{row}: {held}");
                assert_eq!((&row["t_up_ns"], &row["t_down_ns"]), (&json!(up), &json!(down)));
            }
            assert_eq!(pair["held_ms"]["max"].as_f64(), Some(longest));
            let added = pair["added_ttft_ms"].as_f64().unwrap();
            assert!((added - (ttft[1] - ttft[0])).abs() < 0.01, "{added} {ttft:?}");
            let distinct = |of: &dyn Fn(&(i64, i64)) -> i64| {
                let mut all: Vec<i64> = times.iter().map(of).collect();
                all.dedup();
                all.len()
            };
            assert_eq!(pair["up"]["deliveries"], distinct(&|t| t.0));
            assert_eq!(pair["down"]["deliveries"], distinct(&|t| t.1));
            // A buffer of 4 KiB fills, or nothing waits longer than an event.
            let bytes = pair["most_bytes_held"].as_u64().unwrap();
            assert!(if name == "on" { bytes > 4000 } else { bytes < 1000 }, "{bytes}");
        }
        let text = p.out(&["diff", &pcap]);
        assert!(text.starts_with("1 stream at both taps, a record was held for "), "{text}");
    }
}

/// A stream as a transcript: each event 10 ms after the one before, the whole `later` ms late.
fn wire(p: &Place, name: &str, question: &str, later: i64, events: &[&str]) {
    let ask = format!(
        "> POST /v1/chat/completions HTTP/1.1\n> Host: {name}\n\
            >json {{\"model\":\"m\",\"stream\":true,\"q\":\"{question}\"}}\n"
    );
    let head = format!(
        "@ +{}ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n",
        20 + later
    );
    let events: String = events.iter().map(|e| format!("@ +10ms\n<chunk data: {e}\\n\\n\n")).collect();
    p.write(&format!("{name}.wire"), format!("{ask}{head}{events}<chunk data: [DONE]\\n\\n\n<last\n"));
}

fn word(text: &str, id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    )
}

/// A gateway that writes every record anew, puts two in one and drops one that is no delta.
#[test]
fn around_a_gateway_that_writes_anew() {
    let p = Place::new();
    let usage = r#"{"id":"u","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"completion_tokens":4}}"#;
    let words = ["One ", "two ", "three ", "four"];
    let sent: Vec<String> = words.iter().map(|w| word(w, "u")).chain([usage.to_owned()]).collect();
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    let anew = [word("One ", "g"), word("two three ", "g"), word("four", "g")];
    let anew: Vec<&str> = anew.iter().map(String::as_str).collect();
    wire(&p, "up", "same", 0, &sent);
    wire(&p, "down", "same", 100, &anew);
    let report = p.json(&["diff", "up.wire", "down.wire", "--format", "json"]);
    let pair = &report["pairs"][0];
    assert_eq!(pair["records"], json!({"same": 1, "rewritten": 2, "merged": 2, "dropped": 1}), "{pair:#}");
    assert_eq!(pair["added_ttft_ms"], 100.0);
    // Of the third word: behind the gateway in the second record. [DONE] came 80 ms later.
    let held: Vec<Option<f64>> = pair["passed"].as_array().unwrap().iter().map(|row| row["held_ms"].as_f64()).collect();
    assert_eq!(held, [Some(100.0), Some(100.0), Some(90.0), Some(90.0), None, Some(80.0)]);
    let text = p.out(&["diff", "up.wire", "down.wire"]);
    assert!(text.contains("1 dropped, 2 rewritten, 2 merged"), "{text}");
}

/// Streams are paired by what was asked and answered, not by their order; what has no other side is named.
#[test]
fn pairs_are_found_by_content() {
    let p = Place::new();
    let (a, b, c) = (word("alpha", "1"), word("beta", "1"), word("gamma", "1"));
    wire(&p, "a", "a", 0, &[&a, &b]);
    wire(&p, "b", "b", 0, &[&b, &c]);
    wire(&p, "c", "c", 0, &[&c, &a]);
    for (db, files) in [("up.db", ["a.wire", "b.wire"]), ("down.db", ["c.wire", "b.wire"])] {
        files.iter().for_each(|f| drop(p.want(0, &["-q", "--db", db, "--read", f])));
    }
    let report = p.json(&["diff", "up.db", "down.db", "--format", "json"]);
    let pairs: Vec<_> =
        report["pairs"].as_array().unwrap().iter().map(|p| (&p["up"]["exchange"], &p["down"]["exchange"])).collect();
    assert_eq!(pairs, [(&json!(2), &json!(2))]);
    assert_eq!((&report["only_up"], &report["only_down"]), (&json!([1]), &json!([1])));
    let (_, err) = p.want(2, &["--db", "up.db", "diff", "session=1"]);
    assert!(err.contains("no stream is at both taps"), "{err}");
    let (_, err) = p.want(2, &["diff", "nothing.pcap", "a.wire"]);
    assert!(err.contains("nothing.pcap is neither a file"), "{err}");
}

/// What an answer repeats of the request's secrets is not shown.
#[test]
fn secrets_of_the_request_are_hidden() {
    let p = Place::new();
    let secret = "sk-0123456789abcdef0123456789abcdef";
    for (name, later) in [("up", 0), ("down", 100)] {
        wire(&p, name, "q", later, &[&word("your key is ", "1"), &word(secret, "1")]);
        let text = std::fs::read_to_string(p.path(&format!("{name}.wire"))).unwrap();
        let with_key = text.replace(">json", &format!("> Authorization: Bearer {secret}\n>json"));
        p.write(&format!("{name}.wire"), with_key);
    }
    let text = p.out(&["diff", "up.wire", "down.wire"]);
    assert!(text.contains("your key is") && !text.contains("0123456789abcdef"), "{text}");
}

/// The proxy stores when each delivery crossed the client's side: that is the second tap.
#[test]
fn the_hops_of_the_proxy() {
    let p = Place::new();
    let (a, b) = (word("alpha", "1"), word("beta", "1"));
    wire(&p, "a", "a", 0, &[&a, &b]);
    p.want(0, &["-q", "--read", "a.wire"]);
    let (_, err) = p.want(2, &["diff", "1"]);
    assert!(err.contains("no stream is at both taps"), "{err}");
    // A transcript has no packets: deliveries get numbers, and the first crosses 3 ms later, the others 5.
    let sql = format!(
        "UPDATE piece_run SET frame = 0; UPDATE piece_row SET frame = id;
         INSERT INTO hop SELECT 1, frame, t_ns + CASE WHEN seq = 0 THEN 3 ELSE 5 END * {MS} FROM piece WHERE side = 1"
    );
    p.db().execute_batch(&sql).unwrap();
    let report = p.json(&["diff", "1", "--format", "json"]);
    let pair = &report["pairs"][0];
    let held = pair["passed"].as_array().unwrap().iter().map(|row| row["held_ms"].as_f64().unwrap());
    assert_eq!(held.collect::<Vec<_>>(), [3.0, 5.0, 5.0]);
    assert_eq!((&pair["added_ttft_ms"], &pair["records"]), (&json!(3.0), &json!({"same": 3})));
}
