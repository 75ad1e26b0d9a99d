//! Streams of providers that others recorded: every finding of level error is listed in `provider_findings.txt`
//! with the argument for it.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conformance::{self, Finding, Level, Limits};
use sniff::conn::{ConnId, Direction, End};
use sniff::internal::wire::{Event, START, Transcript, What};
use sniff::time::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const LISTED: &str = include_str!("provider_findings.txt");

/// How the payloads of a file were sent: request path and body, what frames each payload, and what ends the stream.
/// The files have only payloads.
struct Sent {
    path: &'static str,
    body: &'static str,
    event: bool,
    end: &'static str,
}

const CHAT: Sent = Sent {
    path: "/v1/chat/completions",
    body: r#"{"model":"m","stream":true,"messages":[]}"#,
    event: false,
    end: "data: [DONE]\n\n",
};

/// Chosen by the first payload, as the vendors document it.
fn sent(first: &str) -> Sent {
    let has = |what: &str| first.contains(what);
    match () {
        () if has("text_completion") => {
            Sent { path: "/v1/completions", body: r#"{"model":"m","stream":true,"prompt":""}"#, ..CHAT }
        }
        () if has("\"message_start\"") => Sent { path: "/v1/messages", event: true, end: "", ..CHAT },
        () if has("\"response.created\"") => Sent { path: "/v1/responses", event: true, end: "", ..CHAT },
        () if has("\"candidates\"") => {
            Sent { path: "/v1beta/models/m:streamGenerateContent?alt=sse", body: "{}", end: "", ..CHAT }
        }
        () if has("\"message-start\"") => Sent { path: "/v2/chat", end: "", ..CHAT },
        () if has("\"contentBlock") || has("\"messageStart\"") => {
            Sent { path: "/model/m/converse-stream", body: r#"{"messages":[]}"#, event: false, end: "" }
        }
        // Event streams that are not of language models.
        () if !has("\"choices\"") => Sent { path: "/events", body: "{}", end: "", ..CHAT },
        () => CHAT,
    }
}

/// `{"messageStop":{…}}` as the message that was on the wire.
fn aws_message(line: &str) -> Vec<u8> {
    let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect("an object");
    let (name, payload) = event.iter().next().expect("an event");
    let payload = payload.to_string();
    let headers: Vec<u8> =
        [(":event-type", name.as_str()), (":content-type", "application/json"), (":message-type", "event")]
            .iter()
            .flat_map(|(name, value)| {
                let length = (value.len() as u16).to_be_bytes();
                [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
            })
            .collect();
    let mut message = [16 + headers.len() + payload.len(), headers.len()].map(|n| (n as u32).to_be_bytes()).concat();
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend([headers, payload.into_bytes()].concat());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}

/// A complete exchange around a file.
fn transcript(path: &Path) -> Transcript {
    let text = std::fs::read_to_string(path).expect("text");
    let raw = !path.to_string_lossy().ends_with(".chunks.txt");
    let sent = sent(text.lines().find(|l| l.contains('{')).unwrap_or_default());
    let aws = sent.path.ends_with("/converse-stream");
    let mut body: Vec<Vec<u8>> = Vec::new();
    if raw {
        body.push(text.clone().into_bytes());
    }
    for line in text.lines().filter(|l| !raw && !l.is_empty()) {
        let kind =
            serde_json::from_str::<serde_json::Value>(line).ok().and_then(|v| v["type"].as_str().map(str::to_owned));
        let event = kind.filter(|_| sent.event).map(|k| format!("event: {k}\n")).unwrap_or_default();
        body.push(if aws { aws_message(line) } else { format!("{event}data: {line}\n\n").into_bytes() });
    }
    if !raw && !sent.end.is_empty() {
        body.push(sent.end.as_bytes().to_vec());
    }
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: provider\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        sent.path,
        sent.body.len(),
        sent.body
    );
    let kind = if aws { "application/vnd.amazon.eventstream" } else { "text/event-stream" };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    let mut all = vec![(Direction::ToServer, request.into_bytes()), (Direction::ToClient, head)];
    all.extend(
        body.iter().map(|b| (Direction::ToClient, [format!("{:x}\r\n", b.len()).as_bytes(), b, b"\r\n"].concat())),
    );
    all.push((Direction::ToClient, b"0\r\n\r\n".to_vec()));
    let mut at = START;
    let mut events = vec![Event { at, dir: Direction::ToServer, what: What::Open { joined: false } }];
    for (dir, bytes) in all {
        at = at.plus(Span::from_millis(10));
        events.push(Event { at, dir, what: What::Data(bytes) });
    }
    events.extend([Direction::ToClient, Direction::ToServer].map(|dir| Event { at, dir, what: What::End(End::Fin) }));
    Transcript { events }
}

fn judge(transcript: &Transcript) -> Vec<Finding> {
    let exchanges = sniff::internal::pipeline::exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    exchanges.iter().flat_map(|e| conformance::judge(e, &sniff::metrics::of(e), &Limits::default())).collect()
}

#[test]
#[ignore = "needs public data"]
fn each_error_is_argued() {
    let folder = support::public("sse/provider-streams");
    let listed: BTreeSet<(String, String)> = LISTED
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| {
            let (what, argument) = l.split_once(": ").unwrap_or_else(|| panic!("no argument: {l}"));
            assert!(argument.len() > 20, "{l}");
            let (file, rule) = what.split_once(' ').unwrap_or_else(|| panic!("FILE RULE: {l}"));
            (file.to_owned(), rule.to_owned())
        })
        .collect();
    let (mut seen, mut text, mut read) = (BTreeSet::new(), BTreeMap::new(), 0);
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("readable").map(|e| e.expect("entry").path()).collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let transcript = transcript(&path);
        read += 1;
        for f in judge(&transcript) {
            if std::env::var_os("SNIFF_SHOW").is_some() {
                println!("{name} {} {:?} {}", f.rule, f.level.unwrap(), f.message);
            }
            if f.level == Some(Level::Error) {
                text.insert((name.clone(), f.rule.to_owned()), f.message.clone());
                seen.insert((name.clone(), f.rule.to_owned()));
            }
        }
    }
    let new: Vec<_> = seen.difference(&listed).map(|k| (k, &text[k])).collect();
    let gone: Vec<_> = listed.difference(&seen).collect();
    assert!(new.is_empty() && gone.is_empty(), "not argued: {new:#?}\nargued and gone: {gone:#?}");
    assert_eq!(read, 43, "streams");
}
