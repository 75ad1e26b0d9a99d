//! The field `Incremental` (RFC 10036): what is said where a hop ignores it, and where a hop refuses. The captures have
//! both sides of a real nginx before a server that sends the field and writes an event every 50 ms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use support::place::Place;

/// What `list` says of this real capture, and its truth.
fn both(name: &str) -> (Vec<Value>, Value) {
    let p = Place::new();
    let file = |ending: &str| support::real().join(format!("{name}.{ending}"));
    p.want(0, &["-q", "--read", file("pcap").to_str().unwrap()]);
    let listed = p.json(&["list", "--format", "json"]).as_array().unwrap().clone();
    (listed, serde_json::from_str(&std::fs::read_to_string(file("truth.json")).unwrap()).unwrap())
}

/// The findings of a rule: level and message.
fn of_rule<'a>(exchange: &'a Value, rule: &str) -> Vec<(&'a str, &'a str)> {
    let all = exchange["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == rule);
    all.map(|f| (f["level"].as_str().unwrap(), f["message"].as_str().unwrap())).collect()
}

/// nginx passes the field on and the events not: an error on the client's side of it, with the hop and the time for
/// which the truth says that it held the first token.
#[test]
fn a_hop_that_holds_back_what_is_declared_incremental_is_named() {
    let (listed, truth) = both("nginx-incremental-buffering-on");
    let side = |port: u64| truth["exchanges"].as_array().unwrap().iter().find(|e| e["server_port"] == port).unwrap();
    let (front, behind) = (side(42820), side(42810));
    let [near, far] = [front, behind].map(|told| {
        listed.iter().find(|e| e["server_port"] == told["server_port"]).expect("the exchange of the truth")
    });
    assert_eq!(of_rule(far, "DLV-017"), []);
    let [(level, message)] = of_rule(near, "DLV-017")[..] else { panic!("{near:#}") };
    assert_eq!(level, "error");
    assert!(message.contains("46 of 46 deltas came in 3 bursts"), "{message}");
    assert!(message.contains("the hop 127.0.0.1:42820 held the first token back for"), "{message}");
    let upstream = format!("(127.0.0.1:{} → 127.0.0.1:42810)", behind["client_port"]);
    assert!(message.contains(&upstream), "{message}");
    let ttft = |e: &Value| e["timing"]["ttft_ms"].as_f64().unwrap();
    let held = ttft(front) - ttft(behind);
    let said = message.split("back for ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
    let said: f64 = said.strip_suffix(" s").and_then(|n| n.parse().ok()).expect("seconds");
    assert!((said * 1e3 - held).abs() < 10.0, "{said} s, the truth has {held} ms");
}

/// The same server and nginx without buffering: nothing to say, not even that the field is missing.
#[test]
fn a_hop_that_passes_them_on_has_no_finding() {
    let (listed, truth) = both("nginx-incremental-buffering-off");
    assert_eq!(listed.len(), 2);
    assert!(truth["held_ms"]["longest"].as_f64().unwrap() < 50.0);
    for exchange in &listed {
        let rules: Vec<&str> =
            exchange["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
        let about = ["DLV-001", "DLV-002", "DLV-011", "DLV-017", "HTTP-029", "HTTP-030"];
        assert!(!rules.iter().any(|rule| about.contains(rule)), "{rules:?}");
    }
}

/// A response to one question, with these fields and this body.
fn answered(status: &str, fields: &str, body: &str) -> Value {
    let p = Place::new();
    let ask = "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n> Incremental: ?1\n\
        >json {\"model\":\"m\",\"stream\":true,\"messages\":[]}\n@ +20ms\n";
    p.write("a.wire", format!("{ask}< HTTP/1.1 {status}\n{fields}<json {body}\n"));
    p.want(0, &["-q", "--read", "a.wire"]);
    p.json(&["show", "1", "--format", "json"])
}

/// 501 with the error of the standard is the hop's word and not the API's: the reasons tell it, and nothing is asked of
/// its form. Any other 501, and the same error under another status, is judged as before.
#[test]
fn a_hop_may_refuse() {
    let foreign = r#"{"detail":"cannot forward incrementally"}"#;
    let refusal =
        "< Proxy-Status: origin\n< Proxy-Status: \"edge 7\";details=\"must scan\";error=incremental_refused\n";
    let refused = answered("501 Not Implemented", refusal, foreign);
    let why = refused["verdict_why"].as_array().unwrap();
    let told = "the hop edge 7 refuses to pass messages on as they come, which is its right (Proxy-Status \
        error=incremental_refused): must scan";
    assert!(why.iter().any(|line| line == told), "{why:?}");
    assert_eq!(refused["findings"].as_array().unwrap().len(), 0, "{refused:#}");
    for (status, fields) in [
        ("501 Not Implemented", ""),
        ("501 Not Implemented", "< Proxy-Status: edge; error=incremental_refused,\n"),
        ("501 Not Implemented", "< Proxy-Status: edge; error=dns_error\n"),
        ("502 Bad Gateway", refusal),
    ] {
        let other = answered(status, fields, foreign);
        assert_eq!(of_rule(&other, "LLM-004").len(), 1, "{status} {fields} {other:#}");
    }
    let full = answered("503 Service Unavailable", "< Proxy-Status: edge; error=connection_limit_reached\n", foreign);
    let told = "the hop edge has too many connections (Proxy-Status error=connection_limit_reached)";
    assert!(full["verdict_why"].as_array().unwrap().iter().any(|line| line == told), "{full:#}");
    assert_eq!(of_rule(&full, "LLM-004").len(), 1);
}

/// RFC 9651: spaces and parameters are allowed, several lines and other values are not. The request is judged by
/// itself.
#[test]
fn only_one_value_means_anything() {
    for (fields, said) in [
        ("< Incremental: ?1\n", None),
        ("< INCREMENTAL:   ?1 ; a\n", Some("the response says Incremental: ?1 ; a, which means nothing: only ?1 does")),
        ("< INCREMENTAL:   ?1; a=2;b\n", None),
        ("< Incremental: 1\n", Some("the response says Incremental: 1, which means nothing: only ?1 does")),
        ("< Incremental: ?0\n", Some("the response says Incremental: ?0, which means nothing: only ?1 does")),
        (
            "< Incremental: ?1\n< Incremental: ?1\n",
            Some("the response says Incremental: ?1 to Incremental: ?1 in 2 lines, which is no value"),
        ),
    ] {
        let shown = answered("200 OK", fields, r#"{"object":"chat.completion","choices":[]}"#);
        let found: Vec<_> = of_rule(&shown, "HTTP-030");
        assert_eq!(found, said.map(|text| ("warning", text)).into_iter().collect::<Vec<_>>(), "{fields}");
    }
}
