//! Parsers against the vectors of a real browser, and small streams against what the real clients are known to do.

mod answers;
mod crafted;
mod flips;
mod measured;
mod parsers;
mod shared;

use super::sse::{Event, STANDARD, Said};
use super::{BodyEnd, Coding, Outcome, Stream, judge, judge_against};
use std::ops::ControlFlow;

#[test]
fn the_standard_parser_dispatches_what_a_browser_does() {
    let text = include_str!("../../captures/lab/sse_vectors.json");
    let lab: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let vectors = lab["vectors"].as_array().cloned().unwrap_or_default();
    assert_eq!(vectors.len(), 65);
    for vector in &vectors {
        let body: Vec<u8> = vector["chunks_b64"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|c| base64(c.as_str().unwrap_or_default()))
            .collect();
        let mut got = Vec::new();
        let _ = STANDARD.read(&body, true, &mut |said: Said<'_>| {
            let Event { name, data } = said.unwrap_or_default();
            let name = name.filter(|n| !n.is_empty()).unwrap_or("message".into());
            got.push((name.into_owned(), data.unwrap_or_default().into_owned()));
            ControlFlow::Continue(())
        });
        let text = |e: &serde_json::Value, key: &str| e[key].as_str().unwrap_or_default().to_string();
        let expected: Vec<_> =
            vector["expect"].as_array().into_iter().flatten().map(|e| (text(e, "event"), text(e, "data"))).collect();
        assert_eq!(got, expected, "{}", vector["name"]);
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit =
        |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c);
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(|d| d as u32).collect();
    let quad =
        |q: &[u32]| (q.iter().fold(0, |n, d| n << 6 | d) << (6 * (4 - q.len()))).to_be_bytes()[1..q.len()].to_vec();
    digits.chunks(4).flat_map(quad).collect()
}

/// A chat of one word, with something between its chunks, ended so.
fn chat(between: &str, last: &str, end: BodyEnd) -> Stream {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let role = chunk(r#"{"role":"assistant","content":""}"#, "null");
    let body = format!(
        "{role}\n\n{between}{}\n\n{}\n\n{last}",
        chunk(r#"{"content":"Hi"}"#, "null"),
        chunk("{}", r#""stop""#)
    );
    let body = body.into_bytes();
    let units = std::iter::once(0..body.len()).collect();
    let content_type = Some("text/event-stream".into());
    Stream {
        dialect: "openai.chat",
        status: 200,
        content_type,
        body,
        units,
        coding: Coding::AsDeclared,
        blocks: false,
        closes: false,
        end,
    }
}

/// Outcome of one client.
fn fate(stream: &Stream, client: &str) -> Option<Outcome> {
    judge(stream).into_iter().find(|v| v.client == client).map(|v| v.outcome)
}

const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_clean_stream_is_fine_for_everybody() {
    for verdict in judge(&chat("", DONE, BodyEnd::Complete)) {
        assert_eq!((verdict.outcome, verdict.why.as_str()), (Outcome::Fine, ""), "{}", verdict.client);
    }
}

#[test]
fn node_overlooks_a_cut_where_the_connection_was_to_close() {
    let whole = Stream { closes: true, ..chat("", "", BodyEnd::Cut) };
    let fates = |stream: &Stream| ["openai-node 6.49", "openai-python 3.54"].map(|client| fate(stream, client));
    assert_eq!(fates(&whole), [Some(Outcome::Fine), Some(Outcome::Raises)]);
    assert_eq!(fates(&Stream { closes: false, ..whole }), [Some(Outcome::Raises); 2]);
}

#[test]
fn a_known_answer_is_what_clients_are_held_to() {
    let stream = chat("", DONE, BodyEnd::Complete);
    let fates = |answer| judge_against(&stream, Some(answer)).into_iter().map(|v| (v.outcome, v.text));
    assert!(fates("Hi").all(|(outcome, text)| outcome == Outcome::Fine && text.as_deref() == Some("Hi")));
    assert!(fates("Hi there").all(|(outcome, _)| outcome == Outcome::Changed));
}

#[test]
fn what_the_issues_of_the_clients_report() {
    // openai-python#2722: a block without data is dispatched, and its data is not JSON.
    let ping = chat("event: ping\n\n", DONE, BodyEnd::Complete);
    assert_eq!(fate(&ping, "openai-python 3.54"), Some(Outcome::Raises));
    assert_eq!(fate(&ping, "es_parser"), Some(Outcome::Fine));
    // openai-go#227: it ignores a comment; fetch-event-source makes an empty event of it.
    let comment = chat(": keep-alive\n\n", DONE, BodyEnd::Complete);
    assert_eq!(fate(&comment, "ms_fes"), Some(Outcome::Raises));
    assert_eq!(fate(&comment, "openai-python 3.54"), Some(Outcome::Fine));
    // openai-node before 7: it reads on after [DONE].
    let open = chat("", DONE, BodyEnd::Open);
    assert_eq!(fate(&open, "openai-node 6.49"), Some(Outcome::Hangs));
    assert_eq!(fate(&open, "openai-node 7.57"), Some(Outcome::Fine));
    // No [DONE], but a clean end: only clients that demand it break.
    let bare = chat("", "", BodyEnd::Complete);
    let minding: Vec<_> = judge(&bare).into_iter().filter(|v| v.outcome != Outcome::Fine).map(|v| v.client).collect();
    assert_eq!(minding, ["hf-inference-benchmarker"]);
}

#[test]
fn go_openai_raises_at_line_301_without_data() {
    // The blank line after the first chunk is the first of them.
    let lines = |n: usize| chat(&"\n".repeat(n - 1), DONE, BodyEnd::Complete);
    assert_eq!([300, 301].map(|n| fate(&lines(n), "go-openai")), [Some(Outcome::Fine), Some(Outcome::Raises)]);
}

#[test]
fn hostile_streams_end_in_a_verdict() {
    for body in [
        "{".repeat(200_000),
        "data: [".repeat(50_000),
        "\r".repeat(100_000),
        "data:\n\n".repeat(20_000),
        "\u{feff}\u{1e}\"".repeat(30_000),
    ] {
        for dialect in ["openai.chat", "openai.responses", "anthropic.messages", "gemini.generate", "ollama.chat"] {
            let body = body.clone().into_bytes();
            let units = std::iter::once(0..body.len()).collect();
            let stream = Stream {
                dialect,
                status: 200,
                content_type: None,
                body,
                units,
                blocks: true,
                coding: Coding::AsDeclared,
                closes: false,
                end: BodyEnd::Cut,
            };
            assert!(!judge(&stream).is_empty(), "{dialect}");
        }
    }
}
