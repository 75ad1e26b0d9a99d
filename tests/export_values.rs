//! Exports with every value checked: what a player or a browser gets from `sniff export`, byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::Direction::{ToClient, ToServer};
use support::place::{MS, Place, T0, asked, chunk, talk};

const EVENTS: [&str; 3] = ["data: one\n\n", "event: note\ndata:two\ndata: 2\n\n", "data: three\n\n"];

const ASK: &str =
    "POST /v1/x?a=1&b&c=d=e HTTP/1.1\r\nHost: api.example\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n";
const HEAD: &str = "HTTP/1.1 201 Fine by me\r\nContent-Type: text/event-stream\r\nX-A: 1\r\nX-A: 2\r\nLocation: \
    /there\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Head at 0 ms, request's end at 3, response's head at 10, events at 20, 30 and 45 (the last one in two packets),
/// end at 52.
fn streamed() -> Place {
    let p = Place::new();
    let [one, two, three] = EVENTS.map(chunk);
    let (begin, rest) = three.split_at(9);
    p.record(&[&talk(
        0,
        &[
            (0, ToServer, ASK.as_bytes()),
            (3, ToServer, b"hello"),
            (10, ToClient, HEAD.as_bytes()),
            (20, ToClient, one.as_bytes()),
            (30, ToClient, two.as_bytes()),
            (41, ToClient, begin.as_bytes()),
            (45, ToClient, rest.as_bytes()),
            (52, ToClient, b"0\r\n\r\n"),
        ],
    )]);
    p
}

#[test]
fn an_archive_tells_every_figure() {
    let archive = streamed().json(&["export", "1", "--format", "har"]);
    let entry = &archive["log"]["entries"][0];
    let seconds = |ms: i64| (T0 + ms * MS) as f64 / 1e9;
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    let want = json!({
        "startedDateTime": "2026-11-22T23:31:16.000000000Z",
        "time": 52.0,
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 3.0, "wait": 7.0, "receive": 42.0},
        "request": {
            "method": "POST",
            "url": "http://api.example/v1/x?a=1&b&c=d=e",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [field("Host", "api.example"), field("Content-Type", "text/plain"), field("Content-Length", "5")],
            "queryString": [field("a", "1"), field("b", ""), field("c", "d=e")],
            "headersSize": ASK.len(),
            "bodySize": 5,
            "postData": {"mimeType": "text/plain", "text": "hello"},
        },
        "response": {
            "status": 201,
            "statusText": "Fine by me",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [
                field("Content-Type", "text/event-stream"), field("X-A", "1"), field("X-A", "2"), field("Location", "/there"),
                field("Transfer-Encoding", "chunked")
            ],
            "content": {"size": 54, "mimeType": "text/event-stream", "text": EVENTS.concat()},
            "redirectURL": "/there",
            "headersSize": HEAD.len(),
            "bodySize": 54,
            "_transferSize": HEAD.len() + 54,
            "_complete": true,
        },
        "cache": {},
        "serverIPAddress": "10.0.0.2",
        "connection": "0",
        "_resourceType": "eventsource",
        "_chunks": [
            {"ms": 17.0, "bytes": 11, "unit": 0}, {"ms": 27.0, "bytes": 30, "unit": 1},
            {"ms": 38.0, "bytes": 6, "unit": 2}, {"ms": 42.0, "bytes": 7, "unit": 2}
        ],
        "_eventSourceMessages": [
            {"time": seconds(20), "eventName": "message", "eventId": "", "data": "one"},
            {"time": seconds(30), "eventName": "note", "eventId": "", "data": "two\n2"},
            {"time": seconds(45), "eventName": "message", "eventId": "", "data": "three"},
        ],
    });
    assert_eq!(entry, &want, "{entry:#}");
}

#[test]
fn an_archive_tells_what_was_not_captured_and_what_is_no_text() {
    let p = Place::new();
    let cut = b"HTTP/1.1 404 Not Found\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n\xff\xfe\0";
    p.record(&[
        &talk(
            0,
            &[(0, ToServer, b"PUT /one HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\x01"), (5, ToClient, cut)],
        ),
        &talk(1, &[(100, ToServer, b"GET /two HTTP/1.1\r\nHost: b\r\n\r\n")]),
    ]);
    let archive = p.json(&["export", "--format", "har"]);
    let [one, two] = archive["log"]["entries"].as_array().unwrap().as_slice() else { panic!("{archive:#}") };
    assert_eq!(one["request"]["postData"], json!({"mimeType": "", "text": "/wE=", "_encoding": "base64"}));
    assert_eq!(one["request"]["httpVersion"], "HTTP/1.0");
    assert_eq!(
        one["response"]["content"],
        json!({"size": 3, "mimeType": "image/png", "text": "//4A", "encoding": "base64"})
    );
    assert_eq!((&one["response"]["_complete"], &one["_resourceType"]), (&json!(false), &json!("fetch")));
    assert_eq!(one["_eventSourceMessages"], Value::Null);
    assert_eq!(
        (&two["response"]["status"], &two["response"]["bodySize"], &two["time"]),
        (&json!(0), &json!(-1), &json!(0.0))
    );
    assert_eq!((&two["connection"], &two["request"]["url"]), (&json!("1"), &json!("http://b/two")));
}

#[test]
fn a_coded_body_is_decoded_and_its_gain_told() {
    use std::io::Write;
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all("a".repeat(500).as_bytes()).unwrap();
    let coded = to.finish().unwrap();
    let p = Place::new();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        coded.len()
    );
    p.record(&[&talk(
        0,
        &[(0, ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (5, ToClient, &[head.as_bytes(), &coded].concat())],
    )]);
    let har = p.json(&["export", "1", "--format", "har"]);
    let response = &har["log"]["entries"][0]["response"];
    let want =
        json!({"size": 500, "mimeType": "text/plain", "text": "a".repeat(500), "compression": 500 - coded.len()});
    assert_eq!((&response["content"], &response["bodySize"]), (&want, &json!(coded.len())));
    let mapping = p.json(&["export", "1", "--format", "wiremock"]);
    let fields = &mapping["mappings"][0]["response"];
    assert_eq!(
        (&fields["headers"], &fields["body"]),
        (&json!({"Content-Type": "text/plain"}), &json!("a".repeat(500)))
    );
    let cassette = p.out(&["export", "1", "--format", "vcr"]);
    assert!(cassette.contains(&format!("string: \"{}\"\n", "a".repeat(500))), "{cassette}");
    assert!(!cassette.to_ascii_lowercase().contains("content-encoding"), "{cassette}");
    let raw = p.run(&["export", "1", "--format", "raw"]).stdout;
    assert_eq!(raw, coded);
}

#[test]
fn an_archive_tells_where_a_coded_body_stops() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n";
    // RFC 1952: a header of 10 bytes; RFC 1951: a stored block that is not the last, then one of the reserved type.
    let coded = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x00\x05\x00\xfa\xffhello\x07four";
    let p = Place::new();
    let answer = [head.as_bytes(), coded].concat();
    p.record(&[&talk(0, &[(0, ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (5, ToClient, &answer)])]);
    let content = &p.json(&["export", "1", "--format", "har"])["log"]["entries"][0]["response"]["content"];
    assert_eq!(content["text"], "hello");
    let comment = content["comment"].as_str().unwrap();
    assert!(comment.starts_with("not decoded whole: body.broken at byte 2"), "{comment}");
}

#[test]
fn data_of_an_event_loses_one_space_and_no_more() {
    let p = Place::new();
    let events = "data:  two before, one after \ndata:none\ndata: \n\ndata:\ttab\n\n";
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{events}",
        events.len()
    );
    p.record(&[&talk(0, &[(0, ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (5, ToClient, head.as_bytes())])]);
    let archive = p.json(&["export", "1", "--format", "har"]);
    let all = archive["log"]["entries"][0]["_eventSourceMessages"].as_array().unwrap();
    let data: Vec<&str> = all.iter().map(|m| m["data"].as_str().unwrap()).collect();
    assert_eq!(data, [" two before, one after \nnone\n", "\ttab"]);
}

#[test]
fn a_transcript_has_each_delivery_at_its_time() {
    let told = streamed().out(&["export", "1", "--format", "wire"]);
    let want = concat!(
        "@ 2026-11-22T23:31:16.000000000Z\n",
        "> POST /v1/x?a=1&b&c=d=e HTTP/1.1\n> Host: api.example\n> Content-Type: text/plain\n> Content-Length: 5\n>\n",
        "@ +3ms\n>| hello\n",
        "@ +7ms\n< HTTP/1.1 201 Fine by me\n< Content-Type: text/event-stream\n< X-A: 1\n< X-A: 2\n",
        "< Location: /there\n< Transfer-Encoding: chunked\n<\n",
        "@ +10ms\n< b\n< data: one\\n\\n\n",
        "@ +10ms\n< 1e\n< event: note\\ndata:two\\ndata: 2\\n\\n\n",
        "@ +11ms\n< d\n<| data:\\x20\n@ +4ms\n< three\\n\\n\n",
        "@ +7ms\n< 0\n<\n!fin <\n@ +1ns\n!fin >\n",
    );
    assert_eq!(told, want);
}

#[test]
fn records_tell_number_time_kind_and_bytes() {
    let lines = streamed().out(&["export", "1", "--format", "jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let line = |n: usize, ms: i64, event: Value| json!({"exchange": 1, "n": n, "t_ns": T0 + ms * MS, "ms": (ms - 3) as f64, "event": event, "delta": "content", "terminator": false, "raw": EVENTS[n]});
    assert_eq!(lines, [line(0, 20, Value::Null), line(1, 30, json!("note")), line(2, 45, Value::Null)]);
}

#[test]
fn records_after_missing_bytes_keep_their_bytes() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 61\r\n\r\n";
    let events = ["data: one, the first\n\n", "data: lost\n\n", "data: three, the last one\n\n"];
    assert_eq!(events.concat().len(), 61);
    let lost = (30, ToClient, events[1].as_bytes());
    let mut talk = talk(
        0,
        &[
            (0, ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (10, ToClient, head.as_bytes()),
            (20, ToClient, events[0].as_bytes()),
            lost,
            (40, ToClient, events[2].as_bytes()),
        ],
    );
    talk.frames.retain(|(_, frame)| !frame.ends_with(lost.2));
    let p = Place::new();
    p.record(&[&talk]);
    let raw = |line: &str| serde_json::from_str::<Value>(line).unwrap()["raw"].clone();
    let lines: Vec<Value> = p.out(&["export", "1", "--format", "jsonl"]).lines().map(raw).collect();
    assert_eq!(lines, [events[0], events[2]]);
    let messages = &p.json(&["export", "1", "--format", "har"])["log"]["entries"][0]["_eventSourceMessages"];
    assert_eq!((&messages[0]["data"], &messages[1]["data"]), (&json!("one, the first"), &json!("three, the last one")));
}

#[test]
fn a_cassette_has_request_answer_and_nothing_of_the_coding() {
    let text = streamed().out(&["export", "1", "--format", "vcr"]);
    let want = format!(
        "interactions:\n- request:\n    body: \"hello\"\n    headers: {}\n    method: \"POST\"\n    uri: \
            \"http://api.example/v1/x?a=1&b&c=d=e\"\n  response:\n    \
         body:\n      string: {}\n    headers: {}\n    status:\n      code: 201\n      message: \"Fine by \
         me\"\nversion: 1\n",
        json!({"Host": ["api.example"], "Content-Type": ["text/plain"], "Content-Length": ["5"]}),
        json!(EVENTS.concat()),
        json!({"Content-Type": ["text/event-stream"], "X-A": ["1", "2"], "Location": ["/there"]}),
    );
    assert_eq!(text, want);
}

#[test]
fn a_cassette_is_yaml_whatever_the_bytes() {
    for (body, want) in [
        ("a\u{7f}\u{85}\u{2028}\u{2029}é".as_bytes(), "\"a\\u007f\\u0085\\u2028\\u2029é\""),
        (b"\xff\0", "!!binary /wA="),
        (b"", "null"),
    ] {
        let text = asked("POST /x", "", body).out(&["export", "1", "--format", "vcr"]);
        assert!(text.contains(&format!("    body: {want}\n")), "{text}");
    }
}

#[test]
fn requests_with_different_bodies_are_mappings_without_order() {
    let p = Place::new();
    let ask = |n: u16, body: &str| {
        let at = i64::from(n) * 100;
        let ask = format!("POST /same HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{body}");
        talk(n, &[(at, ToServer, ask.as_bytes()), (at + 5, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")])
    };
    p.record(&[&ask(0, "1"), &ask(1, "2")]);
    let all = p.json(&["export", "--format", "wiremock"]);
    let names: Vec<&Value> = all["mappings"].as_array().unwrap().iter().map(|m| &m["scenarioName"]).collect();
    assert_eq!(names, [&Value::Null, &Value::Null]);
}

#[test]
fn a_mapping_waits_and_dribbles_as_it_was_and_equal_ones_follow_each_other() {
    let all = streamed().json(&["export", "1", "--format", "wiremock"]);
    let mapping = &all["mappings"][0];
    assert_eq!(
        mapping["request"],
        json!({"method": "POST", "url": "/v1/x?a=1&b&c=d=e", "bodyPatterns": [{"equalTo": "hello"}]})
    );
    assert_eq!(
        mapping["response"],
        json!({"status": 201, "headers": {"Content-Type": "text/event-stream", "X-A": ["1", "2"], "Location": "/there"}, "body": EVENTS.concat(),
            "fixedDelayMilliseconds": 7, "chunkedDribbleDelay": {"numberOfChunks": 4, "totalDuration": 42}})
    );
    let p = Place::new();
    let ask = |n: u16, target: &str| {
        let at = i64::from(n) * 100;
        talk(
            n,
            &[
                (at, ToServer, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()),
                (at + 5, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
            ],
        )
    };
    p.record(&[&ask(0, "/same"), &ask(1, "/other"), &ask(2, "/same"), &ask(3, "/same")]);
    let all = p.json(&["export", "--format", "wiremock"]);
    let states: Vec<[&Value; 3]> = all["mappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| ["scenarioName", "requiredScenarioState", "newScenarioState"].map(|k| &m[k]))
        .collect();
    let (null, name) = (Value::Null, json!("sniff 1"));
    let [started, once, twice] = ["Started", "answered 1 times", "answered 2 times"].map(Value::from);
    assert_eq!(
        states,
        [[&name, &started, &once], [&null, &null, &null], [&name, &once, &twice], [&name, &twice, &null]]
    );
}

#[test]
fn an_export_is_redacted_unless_it_is_to_reveal() {
    let fields = "Authorization: Bearer sk-0123456789abcdef\r\nContent-Type: application/json\r\n";
    let p = asked("POST /x?key=ab0123456789", fields, br#"{"api_key":"sk-0123456789abcdef"}"#);
    for format in ["har", "wire", "curl", "vcr", "wiremock", "pcapng"] {
        for (reveal, seen) in [(&[][..], false), (&["--reveal"], true)] {
            let out = p.run(&[&["export", "1", "--format", format], reveal].concat()).stdout;
            let has = |text: &str| out.windows(text.len()).any(|w| w == text.as_bytes());
            // WireMock matches requests by target and body, not by their fields.
            assert_eq!(has("sk-0123456789abcdef") || has("ab0123456789"), seen, "{format} {reveal:?}");
            assert!(seen || !has("0123456789"), "{format}");
        }
    }
    let (_, err) = p.want(2, &["export", "1", "--format", "xml"]);
    assert!(err.contains("expected one of raw, har, jsonl, csv, wire, pcapng, curl, vcr, wiremock"), "{err}");
    assert!(p.want(2, &["export", "--path", "/none"]).1.contains("no exchange is selected"));
}

#[test]
fn every_head_of_an_export_is_redacted() {
    let p = Place::new();
    let early = "HTTP/1.1 103 Early Hints\r\nSet-Cookie: sid=early-0123456789\r\n\r\n";
    let late = "HTTP/1.1 200 OK\r\nX-Auth-Token: late-0123456789\r\nContent-Length: 2\r\n\r\nok";
    let ask = b"GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: asked-0123456789\r\n\r\n";
    p.record(&[&talk(0, &[(0, ToServer, ask), (5, ToClient, early.as_bytes()), (9, ToClient, late.as_bytes())])]);
    let hidden = p.out(&["export", "1", "--format", "wire"]);
    let shown = p.out(&["export", "1", "--format", "wire", "--reveal"]);
    for (line, secret, mark) in [
        ("> X-Api-Key: ", "asked-0123456789", "[redacted, 16 bytes]"),
        ("< Set-Cookie: sid=", "early-0123456789", "[redacted, 16 bytes]"),
        ("< X-Auth-Token: ", "late-0123456789", "[redacted, 15 bytes]"),
    ] {
        assert!(hidden.contains(&format!("{line}{mark}\n")) && !hidden.contains(secret), "{hidden}");
        assert!(shown.contains(&format!("{line}{secret}\n")), "{shown}");
    }
}

/// A WebSocket with permessage-deflate: a masked text of the client (RFC 6455 section 5.7), a compressed one (RFC
/// 7692 section 7.2.3.1) and two bytes of the server.
fn socket() -> Place {
    let ask = "GET /chat HTTP/1.1\r\nHost: api.example:8000\r\nUpgrade: websocket\r\nConnection: \
        Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let open = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: \
        Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: \
        permessage-deflate\r\n\r\n";
    let from_client: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let text: &[u8] = &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let bytes: &[u8] = &[0x82, 0x02, 0x00, 0xff];
    let p = Place::new();
    let told = [
        (0, ToServer, ask.as_bytes()),
        (10, ToClient, open.as_bytes()),
        (20, ToServer, from_client),
        (30, ToClient, text),
        (40, ToClient, bytes),
    ];
    p.record(&[&talk(0, &told)]);
    p
}

#[test]
fn an_archive_has_the_messages_of_a_websocket() {
    let archive: Value = serde_json::from_str(&socket().out(&["export", "1", "--format", "har"])).unwrap();
    let entry = &archive["log"]["entries"][0];
    assert_eq!(
        (&entry["_resourceType"], &entry["request"]["url"]),
        (&json!("websocket"), &json!("ws://api.example:8000/chat"))
    );
    assert_eq!((&entry["response"]["content"]["size"], &entry["request"]["postData"]), (&json!(0), &Value::Null));
    let messages: Vec<_> = entry["_webSocketMessages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["type"].clone(), m["opcode"].clone(), m["data"].clone()))
        .collect();
    let want = [("send", 1, "Hello"), ("receive", 1, "Hello"), ("receive", 2, "AP8=")]
        .map(|(t, o, d)| (json!(t), json!(o), json!(d)));
    assert_eq!(messages, want);
    let times: Vec<f64> =
        entry["_webSocketMessages"].as_array().unwrap().iter().map(|m| m["time"].as_f64().unwrap()).collect();
    assert!(
        (times[0] - (T0 + 20 * MS) as f64 / 1e9).abs() < 1e-6 && (times[2] - times[0] - 0.02).abs() < 1e-6,
        "{times:?}"
    );
}

#[test]
fn records_of_a_websocket_are_its_messages() {
    let lines = socket().out(&["export", "1", "--format", "jsonl"]);
    let raw: Vec<Value> = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["raw"].clone()).collect();
    assert_eq!(raw, [json!("Hello"), json!("\0\u{fffd}")]);
    assert!(socket().out(&["export", "1", "--format", "csv"]).contains(",Hello"));
}

#[test]
fn formats_without_messages_refuse_a_websocket_before_they_write() {
    for format in ["raw", "curl", "vcr", "wiremock", "wire", "pcapng"] {
        let p = socket();
        let (out, err) = p.want(2, &["export", "1", "--format", format, "-o", "out"]);
        assert!(out.is_empty() && !p.path("out").exists(), "{format}");
        assert!(err.contains("WebSocket") || err.contains("another protocol"), "{format}: {err}");
    }
}
