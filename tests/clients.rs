//! The models of clients against what the real ones did: every variant of the lab as a captured exchange, every client of it, one outcome each.
//!
//! A third of the variants was kept aside while the models were written (by a hash of the name): both figures must hold.
//!
//! What the lab tells of texts is whether they equal one expected text, the same for all variants. Where no client got that text and those without
//! an exception agree on another, the server itself said something else (only a tool call, say): then that is what was to arrive. The figures by the
//! letter, without this, are printed too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use sha2::{Digest, Sha256};
use sniff::clients::{self, BodyEnd, Outcome, Stream};
use sniff::conn::{ByteEvent, ConnId, Direction, End, Endpoints, What};
use sniff::exchange::Exchange;
use sniff::pipeline::{Config, Output, Pipeline};
use sniff::time::Timestamp;
use std::collections::BTreeMap;

/// Pairs of variant and client, and those predicted right.
#[derive(Default)]
struct Score {
    pairs: u64,
    right: u64,
    right_by_letter: u64,
    wrong: Vec<String>,
}

impl Score {
    fn percent(&self) -> f64 {
        100.0 * self.right as f64 / self.pairs as f64
    }

    fn by_letter(&self) -> f64 {
        100.0 * self.right_by_letter as f64 / self.pairs as f64
    }
}

#[test]
fn predictions_agree_with_what_the_real_clients_did() {
    let Some(path) = support::shared("lab/variants.json") else { return };
    let lab: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut seen, mut unseen) = (Score::default(), Score::default());
    for variant in lab["variants"].as_array().unwrap() {
        let score = if kept_aside(variant["name"].as_str().unwrap()) { &mut unseen } else { &mut seen };
        compare(variant, score);
    }
    let pairs = seen.pairs + unseen.pairs;
    let all = Score {
        pairs,
        right: seen.right + unseen.right,
        right_by_letter: seen.right_by_letter + unseen.right_by_letter,
        wrong: Vec::new(),
    };
    for (what, score) in [("seen", &seen), ("kept aside", &unseen), ("all", &all)] {
        eprintln!("{what}: {:.2} % of {} pairs ({:.2} % by the letter)", score.percent(), score.pairs, score.by_letter());
    }
    if std::env::var_os("SNIFF_SHOW_WRONG").is_some() {
        seen.wrong.iter().for_each(|w| eprintln!("{w}"));
    }
    assert!(all.percent() >= 97.0, "{:.2} % of all pairs; SNIFF_SHOW_WRONG=1 lists those seen", all.percent());
    assert!(unseen.percent() >= 93.0, "{:.2} % of the pairs kept aside", unseen.percent());
}

fn kept_aside(name: &str) -> bool {
    Sha256::digest(name.as_bytes())[0].is_multiple_of(3)
}

fn compare(variant: &Value, score: &mut Score) {
    let name = variant["name"].as_str().unwrap();
    let exchange = captured(variant);
    let stream = Stream::of(&exchange).unwrap_or_else(|e| panic!("{name}: {}", e.text()));
    let verdicts: BTreeMap<&str, _> = clients::judge(&stream).into_iter().map(|v| (v.client, v)).collect();
    let clients = variant["clients"].as_object().unwrap();
    let expected = expected(clients.values());
    for (client, did) in clients {
        score.pairs += 1;
        let measured = measured(did, &expected);
        let Some(v) = verdicts.get(client.as_str()) else {
            score.wrong.push(format!("{name} · {client}: no such client for {}", stream.dialect));
            continue;
        };
        score.right_by_letter += u64::from(v.outcome == self::measured(did, "="));
        if v.outcome == measured {
            score.right += 1;
        } else {
            score.wrong.push(format!("{name} · {client}: {} ({}), measured {}: {did}", v.outcome.as_str(), v.why, measured.as_str()));
        }
    }
}

/// The text that was to arrive: the expected one (`=`) if anybody got it, else the one on which most of those without an exception agree,
/// unless U+FFFD in it shows that something was bent.
fn expected<'v>(all: impl Iterator<Item = &'v Value>) -> String {
    let texts: Vec<&str> = all.filter(|did| did["err"].is_null()).filter_map(|did| did["text"].as_str()).collect();
    let votes = |text: &str| texts.iter().filter(|t| **t == text).count();
    let most = texts.iter().copied().max_by_key(|t| votes(t)).unwrap_or("=");
    if votes("=") > 0 || most.contains('\u{fffd}') || votes(most) * 2 <= texts.len() { "=".into() } else { most.into() }
}

/// The file's `ok` says that the text was the expected one, so it alone does not tell an exception from a changed answer: `err` does.
fn measured(did: &Value, expected: &str) -> Outcome {
    let finished = !matches!(did["fin"].as_str(), None | Some("other" | "interrupted" | "in_progress"));
    match did["err"].as_str() {
        Some(e) if e.contains("timeout") || e.contains("timed out") || e.contains("Timeout") => Outcome::Hangs,
        Some(_) => Outcome::Raises,
        None if did["text"] == expected && finished => Outcome::Fine,
        None => Outcome::Changed,
    }
}

/// The variant as it would have been captured: request, head, chunks, end.
fn captured(variant: &Value) -> Exchange {
    let pieces: Vec<Vec<u8>> = variant["pieces"].as_array().unwrap().iter().map(|p| base64(p.as_str().unwrap())).collect();
    let how = variant["body_end"].as_str().unwrap();
    let length: usize = pieces.iter().map(Vec::len).sum();
    let (path, ask) = match variant["dialect"].as_str().unwrap() {
        "openai.chat" => ("/v1/chat/completions", r#"{"model":"m","stream":true}"#),
        "openai.responses" => ("/v1/responses", r#"{"model":"m","stream":true}"#),
        "anthropic.messages" => ("/v1/messages", r#"{"model":"m","stream":true}"#),
        "gemini.generate" => ("/v1beta/models/m:streamGenerateContent?alt=sse", "{}"),
        _ => ("/api/chat", r#"{"model":"m"}"#),
    };
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ask}", ask.len());
    let mut head = format!("HTTP/1.1 {} OK\r\n", variant["status"]);
    if let Some(kind) = variant["content_type"].as_str() {
        head += &format!("Content-Type: {kind}\r\n");
    }
    for field in variant["headers"].as_array().unwrap() {
        head += &format!("{}: {}\r\n", field[0].as_str().unwrap(), field[1].as_str().unwrap());
    }
    head += &match how {
        "cl" => format!("Content-Length: {length}\r\n\r\n"),
        "cl_short" => format!("Content-Length: {}\r\n\r\n", length + 50),
        "close" => "Connection: close\r\n\r\n".to_string(),
        _ => "Transfer-Encoding: chunked\r\n\r\n".to_string(),
    };
    let by_chunks = !matches!(how, "cl" | "cl_short" | "close");
    let mut sent: Vec<Vec<u8>> = vec![head.into_bytes()];
    for piece in &pieces {
        sent.push(match by_chunks {
            true if how == "chunkext" => [format!("{:x};ext=1\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
            true => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
            false => piece.clone(),
        });
    }
    if by_chunks && how != "hang" && variant["no_last_chunk"] != true {
        sent.push(if how == "trailers" { b"0\r\nX-T: v\r\n\r\n".to_vec() } else { b"0\r\n\r\n".to_vec() });
    }
    let mut events = vec![(Direction::ToServer, What::Data(request.as_bytes()))];
    events.extend(sent.iter().filter(|s| !s.is_empty()).map(|s| (Direction::ToClient, What::Data(s.as_slice()))));
    let end = if how == "hang" { End::Capture } else { End::Fin };
    events.extend([(Direction::ToClient, What::End(end)), (Direction::ToServer, What::End(end))]);
    exchange(events)
}

fn exchange(events: Vec<(Direction, What<'_>)>) -> Exchange {
    exchange_after(events, 0)
}

/// The same, with so many seconds of silence before the first end.
fn exchange_after(events: Vec<(Direction, What<'_>)>, wait: i64) -> Exchange {
    let config = Config { part_bytes: usize::MAX, part_items: usize::MAX, ..Config::default() };
    let mut pipeline = Pipeline::new(config);
    let conn = ConnId(0);
    let endpoints = Endpoints { client: "127.0.0.1:40000".parse().unwrap(), server: "127.0.0.1:80".parse().unwrap() };
    let open = (Direction::ToServer, What::Open { endpoints, joined: false });
    let closed = (Direction::ToServer, What::Closed(Box::default()));
    let mut silent = false;
    for (n, (dir, what)) in [open].into_iter().chain(events).chain([closed]).enumerate() {
        silent |= matches!(what, What::End(_) | What::Closed(_));
        let at = Timestamp(1_700_000_000_000_000_000 + n as i64 * 20_000_000 + i64::from(silent) * wait * 1_000_000_000);
        pipeline.feed(&ByteEvent { at, frame: n as u64, conn, dir, what });
    }
    pipeline.finish();
    let mut out = Vec::new();
    pipeline.drain(&mut |o| {
        if let Output::Exchange(e) = o {
            out.push(*e);
        }
    });
    assert_eq!(out.len(), 1, "one exchange");
    out.remove(0)
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c);
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(|d| d as u32).collect();
    let quads = digits.chunks(4).flat_map(|q| {
        let bits = q.iter().fold(0, |n, d| n << 6 | d) << (6 * (4 - q.len()));
        bits.to_be_bytes()[1..q.len().max(1)].to_vec()
    });
    quads.collect()
}

#[test]
fn a_body_that_stays_open_is_told_from_one_that_is_cut() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk: &[u8] = b"e\r\ndata: [DONE]\n\n\r\n";
    let request: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}";
    // Behind the terminator: a client that goes at once is content, one that goes later has waited for the end.
    for (wait, expected) in [(0, BodyEnd::Complete), (3, BodyEnd::Open)] {
        let mut events = vec![
            (Direction::ToServer, What::Data(request)),
            (Direction::ToClient, What::Data(head)),
            (Direction::ToClient, What::Data(chunk)),
        ];
        events.push((Direction::ToServer, What::End(End::Fin)));
        assert_eq!(Stream::of(&exchange_after(events, wait)).unwrap().end, expected, "after {wait} s");
    }
    for (end, expected) in [(End::Fin, BodyEnd::Cut), (End::Reset, BodyEnd::Cut), (End::Capture, BodyEnd::Open)] {
        let events = vec![
            (Direction::ToServer, What::Data(request)),
            (Direction::ToClient, What::Data(head)),
            (Direction::ToClient, What::Data(chunk)),
            (Direction::ToClient, What::End(end)),
        ];
        assert_eq!(Stream::of(&exchange(events)).unwrap().end, expected, "{end:?}");
    }
}
