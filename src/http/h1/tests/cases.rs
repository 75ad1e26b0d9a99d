//! Public HTTP/1 cases (llhttp, gunicorn, hyper, h11; not part of the project) compared with what their own
//! parsers report.

use super::On::Closed;
use super::{On, feed};
use crate::conn::End;
use crate::http::Conn;
use crate::http::event::{HttpWhat, MessageEnd, Side};
use serde_json::Value;
use std::collections::BTreeMap;

/// Well-formed by their source and read differently here, on purpose: part of the id, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("request/sample:458", "a lone CR ends no line"),
    ("request/lenient-headers:112", "a lone CR ends no line"),
    ("request/content-length:522", "a lone CR ends no line"),
    ("request/transfer-encoding:1029", "a lone CR ends no line"),
    ("response/invalid:154", "a lone CR ends no line"),
    ("request/method:375", "ICE is not HTTP"),
    ("request/method:405", "RTSP is not HTTP"),
    ("request/method:433", "RTSP is not HTTP"),
    ("request/method:461", "a preface that names HTTP/1.1 is not a preface"),
    ("request/connection:159", "half a head is reported as cut, it is not a message"),
    ("request/connection:397", "half a head is reported as cut, it is not a message"),
    ("response/connection:80", "half a head is reported as cut, it is not a message"),
    ("response/connection:139", "half a head is reported as cut, it is not a message"),
    ("request/connection:640", "the space before the colon is not part of the name"),
    ("request/content-length:192", "the space before the colon is not part of the name"),
    ("request/content-length:447", "the test itself skips bodies that are announced"),
    ("response/connection:296", "101 to h2c: the response comes on HTTP/2 stream 1"),
    ("response/finish:9", "closed: the body is complete; the test looks before that"),
    ("valid/019", "what follows a last request is shown, not dropped"),
    ("valid/021", "what follows a last request is shown, not dropped"),
    ("valid/031compat", "methods are shown as sent"),
    ("valid/040", "names with an underscore are names"),
    ("valid/099", "the announced length is longer than the body"),
];

/// Refused by their source and read here without an oddity, on purpose.
const NOTHING_ODD: &[(&str, &str)] = &[
    ("request/invalid:359", "any token is a method"),
    ("extensions-over-limit", "a limit of that program"),
    ("invalid/006", "a limit of that program"),
    ("invalid/008", "a limit of that program"),
    ("invalid/010", "a limit of that program"),
    ("invalid/011", "a limit of that program"),
    ("invalid/012", "a limit of that program"),
    ("invalid/limit_header_default_01", "a limit of that program"),
    ("invalid/003c", "any token is a method"),
    ("invalid/016", "targets are shown, not judged"),
    ("invalid/rfc9112_target_authority_non_connect_01", "targets are shown, not judged"),
    ("invalid/040", "names with an underscore are names"),
    ("invalid/chunked_07", "names with an underscore are names"),
    ("invalid/041", "which fields may repeat is not for this layer"),
    ("invalid/rfc9112_smuggle_cl_list_form_01", "equal lengths agree (RFC 9110 section 8.6)"),
];

#[derive(Debug, Default, Clone, PartialEq)]
struct Message {
    start: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    complete: bool,
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for quad in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = quad.iter().fold(0u32, |bits, c| bits << 6 | u32::from(digit(*c))) << (6 * (4 - quad.len()));
        out.extend_from_slice(&bits.to_be_bytes()[1..quad.len()]);
    }
    out
}

fn latin(bytes: &[u8]) -> String {
    blanks(&bytes.iter().map(|b| char::from(*b)).collect::<String>())
}

fn blanks(text: &str) -> String {
    // Folds and runs of blanks are joined in many ways; one blank represents them all. The cases keep bytes
    // as Latin-1.
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn expected(case: &Value) -> Vec<Message> {
    let message = |m: &Value| {
        let start = match m["method"].as_str() {
            Some(method) => format!("{method} {}", m["url"].as_str().unwrap_or_default()),
            None => m["status_code"].to_string(),
        };
        let pair = |f: &Value| (f[0].as_str().unwrap().to_ascii_lowercase(), blanks(f[1].as_str().unwrap_or_default()));
        let fields = m["headers"].as_array().map(|list| list.iter().map(pair).collect()).unwrap_or_default();
        Message {
            start,
            fields,
            body: base64(m["body_b64"].as_str().unwrap_or_default()),
            complete: m["complete"] == true,
        }
    };
    case["expected"]["messages"].as_array().unwrap().iter().map(message).collect()
}

fn read(case: &Value) -> (Vec<Message>, Vec<&'static str>) {
    let input = base64(case["input_b64"].as_str().unwrap());
    let mut happens = Vec::new();
    if case["kind"] == "request" {
        happens.push(On::C(input));
    } else {
        let method = if case["skip_body"] == true { "HEAD" } else { "GET" };
        happens.push(super::c(format!("{method} / HTTP/1.1\r\n\r\n").repeat(4)));
        happens.push(On::S(input));
        happens.extend(case["mode"].as_str().unwrap().ends_with("finish").then_some(On::SEnd(End::Fin)));
    }
    happens.push(Closed);
    let side = if case["kind"] == "request" { Side::Request } else { Side::Response };
    let (mut messages, mut odd) = (BTreeMap::<(u64, usize), Message>::new(), Vec::new());
    let mut heads = 0;
    feed(&mut Conn::new(false), &happens, &mut |event| {
        if event.side != side {
            return;
        }
        let fields = |f: &crate::http::event::Fields| {
            f.iter().map(|(n, v)| (String::from_utf8_lossy(n).to_ascii_lowercase(), latin(v))).collect()
        };
        let (start, fields) = match event.what {
            HttpWhat::Request(head) => (format!("{} {}", head.method, head.target), fields(&head.fields)),
            HttpWhat::Response(head) => (head.status.to_string(), fields(&head.fields)),
            HttpWhat::Oddity(oddity) => return odd.push(oddity.kind.0),
            what => {
                if let Some(message) = messages.get_mut(&(event.exchange, heads)) {
                    match what {
                        HttpWhat::Data(bytes) => message.body.extend_from_slice(bytes),
                        HttpWhat::End(end, _) => message.complete = end == MessageEnd::Complete,
                        _ => {}
                    }
                }
                return;
            }
        };
        heads += 1;
        messages.insert((event.exchange, heads), Message { start, fields, ..Message::default() });
    });
    (messages.into_values().collect(), odd)
}

/// Their parser pauses here; it does not refuse.
fn refused(case: &Value) -> bool {
    let error = &case["expected"]["error"];
    !error.is_null() && !error["reason"].as_str().is_some_and(|r| r.starts_with("Pause"))
}

#[test]
#[ignore = "needs public data"]
fn public_cases() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/public/http1/http1-cases.json");
    let text = std::fs::read_to_string(path).expect(path);
    let all: Value = serde_json::from_str(&text).unwrap();
    let (mut equal, mut argued, mut odd_or_none, mut wrong) = (0, 0, 0, Vec::new());
    for case in all["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let (messages, odd) = read(case);
        let (table, fine) = if refused(case) {
            (NOTHING_ODD, !odd.is_empty() || !messages.iter().any(|m| m.complete))
        } else {
            (OTHERWISE, messages == expected(case))
        };
        match (fine, refused(case), table.iter().any(|(part, _)| id.ends_with(part))) {
            (true, true, false) => odd_or_none += 1,
            (true, false, false) => equal += 1,
            (false, _, true) => argued += 1,
            (true, _, true) => wrong.push(format!("{id}: argued and yet as expected")),
            (false, _, false) => {
                let input = base64(case["input_b64"].as_str().unwrap());
                wrong.push(format!(
                    "{id} ({}) {}\n   {}\n   got {messages:?}\n   odd {odd:?}\n   exp {:?} {}",
                    case["mode"],
                    case["title"],
                    input.escape_ascii(),
                    expected(case),
                    case["expected"]["error"]
                ));
            }
        }
    }
    eprintln!(
        "{equal} read as their parsers do, {odd_or_none} malformed and reported, {argued} otherwise on purpose, {} \
            wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
