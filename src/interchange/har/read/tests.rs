//! What the members of an archive become.

use super::*;
use crate::verdict::{self, Verdict};
use serde_json::{Value, json};

const BEGIN: i64 = 1_795_390_276_000_000_000;

/// An entry with a different value in every member that is read.
fn entry() -> Value {
    json!({
        "startedDateTime": "2026-11-22T23:31:16Z",
        "time": 100.5,
        "timings": {"send": 3.0, "wait": 7.0, "receive": 90.5},
        "serverIPAddress": "192.0.2.9",
        "request": {
            "method": "PUT", "url": "https://api.example:8443/v1/x?a=1",
            "headers": [
                {"name": ":authority", "value": "other.example"}, {"name": "Host", "value": "other.example"},
                {"name": "Content-Length", "value": "77"}, {"name": "X-One", "value": "1"}
            ],
            "postData": {"text": "asked"},
        },
        "response": {
            "status": 201, "statusText": "Made",
            "headers": [
                {"name": ":status", "value": "999"}, {"name": "Content-Encoding", "value": "gzip"},
                {"name": "transfer-encoding", "value": "chunked"}, {"name": "Connection", "value": "close"},
                {"name": "X-Two", "value": "2"}
            ],
            "content": {"text": "answered"},
        },
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut entry = entry();
    *entry.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    entry
}

fn read(entry: Value) -> Result<Exchange, &'static str> {
    let all = exchanges(json!({"log": {"entries": [entry]}}).to_string().as_bytes()).unwrap();
    let why = all.left_out.first().map(|(_, why)| *why);
    all.exchanges.into_iter().next().ok_or_else(|| why.unwrap())
}

#[test]
fn every_member_has_its_place() {
    let x = read(entry()).unwrap();
    let (request, response) = (x.request.unwrap(), x.response.unwrap());
    let head = "PUT /v1/x?a=1 HTTP/1.1\r\nhost: api.example:8443\r\nX-One: 1\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(request.head.fields.raw()), head);
    assert_eq!(request.body.bytes, b"asked");
    let raw = response.head.as_ref().unwrap().fields.raw();
    assert_eq!(String::from_utf8_lossy(raw), "HTTP/1.1 201 Made\r\nX-Two: 2\r\ncontent-length: 8\r\n\r\n");
    assert_eq!((response.body.bytes.as_slice(), response.end), (&b"answered"[..], MessageEnd::Complete));
    let pieces: Vec<_> = response.body.pieces.iter().map(|p| (p.at.0, p.unit, p.offset, p.len)).collect();
    assert_eq!(pieces, [(BEGIN + 100_500_000, 0, 0, 8)], "without times the body comes at its end");
    let times = [request.head.first_at, request.last_at, response.first_at, response.last_at].map(|t| t.0 - BEGIN);
    assert_eq!(times, [0, 3_000_000, 10_000_000, 100_500_000]);
    assert_eq!((x.endpoints.server, x.tls), ("192.0.2.9:8443".parse().unwrap(), Some(Default::default())));
}

#[test]
fn times_that_are_unknown_or_too_short_leave_the_order() {
    for (send, wait, time, want) in [
        (-1.0, -1.0, 8.0, [0, 0, 0, 8]),
        (3.0, -1.0, 8.0, [0, 3, 3, 8]),
        (-1.0, 7.0, 8.0, [0, 0, 7, 8]),
        (3.0, 7.0, 4.0, [0, 3, 10, 10]),
        (3.0, 7.0, -1.0, [0, 3, 10, 10]),
    ] {
        let mut told = with("/timings", json!({"send": send, "wait": wait}));
        told["time"] = json!(time);
        let x = read(told).unwrap();
        let (request, response) = (x.request.unwrap(), x.response.unwrap());
        let times = [request.head.first_at, request.last_at, response.first_at, response.last_at];
        assert_eq!(times.map(|t| (t.0 - BEGIN) / 1_000_000), want, "{send} {wait} {time}");
    }
}

#[test]
fn chunks_are_believed_if_they_add_up_to_the_body() {
    let chunk = |ms: f64, bytes: u32, unit: u64| json!({"ms": ms, "bytes": bytes, "unit": unit});
    let mut told = entry();
    told["_chunks"] = json!([chunk(20.5, 3, 0), chunk(30.0, 1, 1), chunk(40.0, 4, 1)]);
    let response = read(told.clone()).unwrap().response.unwrap();
    let pieces: Vec<_> = response.body.pieces.iter().map(|p| (p.at.0 - BEGIN, p.unit, p.offset, p.len)).collect();
    // Their times count from the request's end.
    assert_eq!(pieces, [(23_500_000, 0, 0, 3), (33_000_000, 1, 3, 1), (43_000_000, 1, 4, 4)]);
    assert_eq!(response.body.units, Some(2));
    let raw = response.head.unwrap().fields.raw().to_vec();
    assert!(raw.ends_with(b"X-Two: 2\r\ntransfer-encoding: chunked\r\n\r\n"), "{}", String::from_utf8_lossy(&raw));
    for short in [json!([chunk(20.5, 7, 0)]), json!([chunk(20.5, 9, 0)]), json!([])] {
        told["_chunks"] = short;
        let response = read(told.clone()).unwrap().response.unwrap();
        assert_eq!((response.body.pieces.len(), response.body.units), (1, None));
    }
}

#[test]
fn an_answer_that_the_archive_calls_incomplete_was_cut() {
    for (said, end) in [
        (json!(false), MessageEnd::CutByServer),
        (json!(true), MessageEnd::Complete),
        (Value::Null, MessageEnd::Complete),
    ] {
        let mut told = entry();
        told["response"]["_complete"] = said;
        assert_eq!(read(told).unwrap().response.unwrap().end, end);
    }
}

#[test]
fn a_server_is_named_by_its_url_and_its_address() {
    for (url, address, server, tls) in [
        ("https://h/x", "192.0.2.9", "192.0.2.9:443", true),
        ("http://h/x", "192.0.2.9", "192.0.2.9:80", false),
        ("http://h:81", "192.0.2.9", "192.0.2.9:81", false),
        ("https://h:81/x", "", "0.0.0.0:81", true),
        ("http://h/x", "[2001:db8::1]", "[2001:db8::1]:80", false),
        ("http://h/x", "2001:db8::1", "[2001:db8::1]:80", false),
    ] {
        let mut told = with("/request/url", json!(url));
        told["serverIPAddress"] = json!(address);
        let x = read(told).unwrap();
        assert_eq!((x.endpoints.server.to_string(), x.tls.is_some()), (server.to_owned(), tls), "{url} {address}");
    }
    assert_eq!(read(with("/request/url", json!("http://h"))).unwrap().request.unwrap().head.target, "/");
}

#[test]
fn entries_that_cannot_be_used_are_left_out_with_the_reason() {
    let mut socket = entry();
    socket["_resourceType"] = json!("websocket");
    for (told, why) in [
        (with("/startedDateTime", json!("yesterday")), "startedDateTime is not a time"),
        (with("/response/status", json!(0)), "it has no response"),
        (socket, "it is a WebSocket: an archive has its messages, not its bytes"),
        (with("/response/content", json!({"text": "*", "encoding": "base64"})), "its content is not base64"),
        (with("/request/url", json!("/v1/x")), "its url is not absolute"),
        (with("/request/headers/3/value", json!("a\r\nb")), "its request is not HTTP"),
        (with("/response/headers/4/name", json!("a\nb")), "its response is not HTTP"),
    ] {
        assert_eq!(read(told).map(|_| ()), Err(why));
    }
    let content = with("/response/content", json!({"text": "AP8=", "encoding": "base64"}));
    assert_eq!(read(content).unwrap().response.unwrap().body.bytes, [0, 255]);
}

/// The verdict on an answer with this content, headers and sizes.
fn judged(status: u16, headers: &str, content: &str, body_size: i64) -> Verdict {
    let archive = format!(
        r#"{{"log":{{"entries":[{{"startedDateTime":"2026-01-01T00:00:00Z","time":10,
            "request":{{"method":"GET","url":"https://h/x","headers":[]}},
            "response":{{"status":{status},"headers":[{headers}],"content":{content},"bodySize":{body_size}}}}}]}}}}"#
    );
    let all = exchanges(archive.as_bytes()).map(|all| all.exchanges).unwrap_or_default();
    verdict::of(&all[0]).verdict
}

#[test]
fn a_body_that_the_archive_leaves_out_was_not_captured() {
    let none = r#"{"name":"Content-Length","value":"0"}"#;
    for (status, headers, content, body_size, verdict) in [
        (200, "", r#"{"size":0}"#, -1, Verdict::CaptureIncomplete),
        (200, "", r#"{"size":12}"#, 0, Verdict::CaptureIncomplete),
        (200, "", r#"{"size":12,"text":""}"#, -1, Verdict::CaptureIncomplete),
        (200, "", r#"{"size":0}"#, 0, Verdict::Complete),
        (200, "", r#"{"size":0,"text":""}"#, -1, Verdict::Complete),
        (200, none, r#"{"size":0}"#, -1, Verdict::Complete),
        (204, "", r#"{"size":0}"#, -1, Verdict::Complete),
        (200, "", r#"{"size":2,"text":"ok"}"#, -1, Verdict::Complete),
    ] {
        assert_eq!(judged(status, headers, content, body_size), verdict, "{status} {headers} {content} {body_size}");
    }
}
