//! Streams of known faults, with what the real clients did: openai 2.54 and 3.54, anthropic 2.12 and litellm 1.106
//! (PyPI), openai 6.49 and 7.57, @anthropic-ai/sdk 1.12 and AI SDK 6 (npm), run against a server on loopback.

use super::{Coding, Outcome, Stream};
use crate::clients::{BodyEnd, judge, judge_against};
use serde_json::{Value, json};

fn stream(dialect: &'static str, body: String) -> Stream {
    let body = body.into_bytes();
    Stream {
        dialect,
        status: 200,
        content_type: Some("text/event-stream".into()),
        units: std::iter::once(0..body.len()).collect(),
        body,
        coding: Coding::AsDeclared,
        blocks: false,
        closes: false,
        end: BodyEnd::Complete,
    }
}

/// A chat of these deltas, with a role before them and this finish reason after them.
fn chat(deltas: &[Value], finish: Option<&str>) -> Stream {
    let chunk = |delta: &Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk =
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let first = chunk(&json!({"role": "assistant", "content": ""}), None);
    let middle: String = deltas.iter().map(|d| chunk(d, None)).collect();
    let last = finish.map(|reason| chunk(&json!({}), Some(reason))).unwrap_or_default();
    stream("openai.chat", format!("{first}{middle}{last}data: [DONE]\n\n"))
}

/// A stream of events, each with its type as its name.
fn events(dialect: &'static str, all: &[Value]) -> Stream {
    let event = |e: &Value| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap_or_default());
    stream(dialect, all.iter().map(event).collect())
}

fn outcomes(stream: &Stream, clients: &[&str]) -> Vec<(Outcome, String)> {
    let all = judge(stream);
    let of = |name: &&str| all.iter().find(|v| v.client == *name).map(|v| (v.outcome, v.why.clone()));
    clients.iter().filter_map(of).collect()
}

/// All models of these clients come to this outcome for a reason that has these words.
fn all(stream: &Stream, clients: &[&str], outcome: Outcome, why: &str) {
    let got = outcomes(stream, clients);
    assert_eq!(got.len(), clients.len());
    for ((found, reason), client) in got.iter().zip(clients) {
        assert!(*found == outcome && reason.contains(why), "{client}: {} ({reason})", found.as_str());
    }
}

fn contents(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|t| json!({"content": t})).collect()
}

const HELPERS: &[&str] =
    &["openai-python 2.54 helper", "openai-python 3.54 helper", "openai-node 6.49 helper", "openai-node 7.57 helper"];
const LOOPS: &[&str] = &["openai-python 3.54", "openai-node 7.57", "es_parser", "httpx-sse 0.4.3"];

#[test]
fn a_text_that_comes_again_was_not_meant_twice() {
    let growing = chat(&contents(&["The", "The sky", "The sky is", "The sky is blue."]), Some("stop"));
    all(&growing, &[HELPERS, LOOPS].concat(), Outcome::Changed, "each delta repeats the text before it");
    let again = ["The sky is", " blue and", " very wide.", "The sky is blue and very wide."];
    all(&chat(&contents(&again), Some("stop")), LOOPS, Outcome::Changed, "the last delta repeats the whole text");
    for lawful in [&["ha", "ha", "haha", "ha", "!"][..], &["A", "AB"], &["no ", "no ", "no no "]] {
        all(&chat(&contents(lawful), Some("stop")), LOOPS, Outcome::Fine, "");
    }
}

fn call(fragment: Value) -> Value {
    json!({"tool_calls": [fragment]})
}

fn begins(id: &str, name: &str, arguments: &str) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    call(json!({"index": 0, "id": id, "type": "function", "function": function}))
}

fn goes_on(arguments: &str) -> Value {
    call(json!({"index": 0, "function": {"arguments": arguments}}))
}

#[test]
fn two_calls_under_one_index_become_one() {
    let whole = chat(&[begins("a", "f", "{\"x\":1}"), begins("b", "g", "{\"y\":2}")], Some("tool_calls"));
    all(&whole, &[HELPERS, LOOPS].concat(), Outcome::Changed, "2 tool calls become 1");
    all(&whole, &["ai-sdk openai", "ai-sdk openai-compatible"], Outcome::Fine, "");
    all(&whole, &["ai-sdk openrouter"], Outcome::Changed, "2 tool calls become 1");
    // In pieces: the AI SDK can't tell which of the two a piece belongs to.
    let pieces = [begins("a", "f", ""), goes_on("{}"), begins("b", "g", ""), goes_on("{\"y\":2}")];
    all(&chat(&pieces, Some("tool_calls")), &["ai-sdk openai"], Outcome::Changed, "fragments without an id are lost");
    // A new id in the middle of the arguments is one call, and so is the same id.
    let middle = chat(&[begins("a", "f", "{\"x\""), begins("b", "f", ":1}")], Some("tool_calls"));
    all(&middle, LOOPS, Outcome::Fine, "");
    all(&middle, &HELPERS[..2], Outcome::Changed, "tool name is \"ff\"");
}

#[test]
fn what_helpers_demand_of_fragments() {
    let last = call(json!({"index": 0, "type": null, "function": {"arguments": "{}"}}));
    let nulled = chat(&[begins("a", "f", ""), last], Some("tool_calls"));
    all(&nulled, &HELPERS[..2], Outcome::Raises, "the type of a tool call becomes null");
    all(&nulled, &HELPERS[2..], Outcome::Fine, "");
    all(&nulled, LOOPS, Outcome::Fine, "");
    let bare = call(json!({"index": 0, "id": "a", "type": "function"}));
    let headed = call(json!({"index": 0, "function": {"name": "f", "arguments": "{}"}}));
    let header = chat(&[bare, headed], Some("tool_calls"));
    all(&header, &HELPERS[..2], Outcome::Raises, "has no function");
    all(&header, &HELPERS[2..], Outcome::Raises, "begins without a function");
    let object =
        call(json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}));
    let object = chat(&[object], Some("tool_calls"));
    all(&object, &["openai-node 7.57", "openai-python 3.54", "mistral-js 2.7"], Outcome::Changed, "an object");
    all(&object, HELPERS, Outcome::Changed, "an object");
    all(&object, &["httpx-sse 0.4.3", "sseclient-py 1.9"], Outcome::Raises, "an object");
    let refused = chat(&[json!({"refusal": "No."})], Some("stop"));
    all(&refused, &["openai-node 7.57", "openai-python 3.54"], Outcome::Fine, "");
}

#[test]
fn litellm_makes_up_a_finish_reason() {
    let cut = chat(&contents(&["Hi"]), None);
    all(&cut, &["litellm 1.106"], Outcome::Changed, "it makes up \"stop\"");
    let known = judge_against(&cut, Some("Hi"));
    let known = known.iter().find(|v| v.client == "litellm 1.106").map(|v| v.outcome);
    assert_eq!(known, Some(Outcome::Fine), "the text is known to be whole");
    all(&chat(&contents(&["Hi"]), Some("stop")), &["litellm 1.106"], Outcome::Fine, "");
}

#[test]
fn a_loop_per_chunk_keeps_the_cr() {
    let mut with_cr = chat(&contents(&["Hi"]), Some("stop"));
    with_cr.body = String::from_utf8_lossy(&with_cr.body).replace('\n', "\r\n").into_bytes();
    with_cr.units = std::iter::once(0..with_cr.body.len()).collect();
    all(&with_cr, &["perchunk_naive"], Outcome::Raises, "not JSON");
    all(&with_cr, &["es_parser"], Outcome::Fine, "");
}

fn message(blocks: &[Value]) -> Stream {
    let mut all = vec![json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}})];
    all.extend_from_slice(blocks);
    all.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}));
    all.push(json!({"type": "message_stop"}));
    events("anthropic.messages", &all)
}

fn block(index: i64, content: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": content})
}

fn text(index: i64, text: &str) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}})
}

fn arguments(index: i64, json: &str) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": json}})
}

#[test]
fn the_final_message_is_compared_with_its_events() {
    let both = ["js.a_helper", "py.a_helper"];
    let raw = ["js.a_raw", "py.a_raw", "js.a_ai"];
    let good = || block(0, json!({"type": "text", "text": "Good"}));
    let repeated = message(&[good(), text(0, "Good"), text(0, " day")]);
    all(&repeated, &both, Outcome::Changed, "the final message differs from its events");
    all(&repeated, &raw, Outcome::Fine, "");
    let ahead = message(&[good(), text(0, " day")]);
    all(&ahead, &[&both[..], &raw[..]].concat(), Outcome::Changed, "");
    let skipped = message(&[block(1, json!({"type": "text", "text": ""})), text(1, "Hi")]);
    all(&skipped, &both[..1], Outcome::Changed, "the final message is empty");
    all(&skipped, &both[1..], Outcome::Raises, "never started");
    let tool = || block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}));
    let broken = message(&[tool(), arguments(0, "{\"a\":"), arguments(0, "}")]);
    all(&broken, &both, Outcome::Raises, "tool arguments are not JSON");
    let twice = message(&[tool(), arguments(0, "{\"a\":1}{\"a\":1}")]);
    all(&twice, &both[..1], Outcome::Raises, "tool arguments are not JSON");
    all(&twice, &both[1..], Outcome::Changed, "after the first JSON value");
    let at_once = message(&[block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}))]);
    all(&at_once, &both, Outcome::Fine, "");
    all(&at_once, &raw[..2], Outcome::Changed, "tool arguments differ");
    let fine = message(&[block(0, json!({"type": "text", "text": ""})), text(0, "Hi")]);
    all(&fine, &[&both[..], &raw[..]].concat(), Outcome::Fine, "");
}

/// A response of one text part, whose final response says this of its output.
fn response(deltas: &[&str], done: &str, output: Value) -> Stream {
    let at = |kind: &str, more: Value| {
        let mut event =
            json!({"type": kind, "item_id": "i", "output_index": 0, "content_index": 0, "sequence_number": 1});
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        event
    };
    let of = |output: Value| json!({"id": "r", "created_at": 1, "model": "m", "output": output});
    let item = |content: Value| json!({"id": "i", "type": "message", "role": "assistant", "content": content});
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let mut all = vec![
        at("response.created", json!({"response": of(json!([]))})),
        at("response.output_item.added", json!({"item": item(json!([]))})),
        at("response.content_part.added", json!({"part": part("")})),
    ];
    all.extend(deltas.iter().map(|d| at("response.output_text.delta", json!({ "delta": d }))));
    all.push(at("response.output_text.done", json!({ "text": done })));
    all.push(at("response.output_item.done", json!({"item": item(json!([part(done)]))})));
    all.push(at("response.completed", json!({"response": of(output)})));
    events("openai.responses", &all)
}

#[test]
fn the_final_response_is_compared_with_its_events() {
    let (raw, script, python) = (["js.r_openai", "py.r_openai", "js.r_ai"], ["js.r_helper"], ["py.r_helper"]);
    let output = |text: &str| {
        let part = json!({"type": "output_text", "text": text});
        json!([{"id": "i", "type": "message", "role": "assistant", "content": [part]}])
    };
    let whole = response(&["H", "i"], "Hi", output("Hi"));
    all(&whole, &[&raw[..], &script[..], &python[..]].concat(), Outcome::Fine, "");
    let null = response(&["Hi"], "Hi", Value::Null);
    all(&null, &script, Outcome::Raises, "no list of output");
    all(&null, &python, Outcome::Fine, "");
    let empty = response(&["Hi"], "Hi", json!([]));
    all(&empty, &[script, python].concat(), Outcome::Changed, "the final message is empty");
    all(&empty, &raw, Outcome::Fine, "");
    let other = response(&["Hi"], "Hi", output("Hello"));
    all(&other, &[script, python].concat(), Outcome::Changed, "the final message differs");
    let done_only = response(&[], "Hi", output("Hi"));
    all(&done_only, &raw, Outcome::Changed, "all text is lost");
}

#[test]
fn a_client_that_undoes_codings_raises_where_they_are_not_as_declared() {
    let clean = chat(&contents(&["Hi"]), Some("stop"));
    let broken = |name: &str, decoded: usize, trailing: bool| {
        let coding = Coding::Broken { declared: vec![name.into()], wire: clean.body.clone(), decoded, trailing };
        Stream { coding, ..clean.clone() }
    };
    let (script, python) = (["openai-node 7.57", "es_parser"], ["openai-python 3.54", "sseclient-py 1.9"]);
    all(&broken("gzip", 0, false), &[script, python].concat(), Outcome::Raises, "declared gzip and is not");
    all(&broken("gzip", 0, false), &["reqwest-eventsource"], Outcome::Fine, "");
    all(&broken("br", 0, false), &script, Outcome::Raises, "declared br and is not");
    all(&broken("br", 0, false), &python, Outcome::Fine, "");
    all(&broken("gzip", 200, false), &script, Outcome::Raises, "the gzip coding is damaged");
    all(&broken("gzip", clean.body.len(), true), &["ai-sdk openai"], Outcome::Raises, "bytes after the end");
    all(&broken("gzip", clean.body.len(), true), &python, Outcome::Fine, "");
    // RFC 1952: what a gzip member begins with.
    let coding = Coding::Undeclared { name: "gzip", plain: clean.body.clone() };
    let undeclared = Stream { coding, body: b"\x1f\x8b\x08\0garbage".into(), ..clean };
    all(&undeclared, &["openai-node 7.57"], Outcome::Changed, "coded with gzip, which Content-Encoding does not say");
    all(&undeclared, &python, Outcome::Raises, "not UTF-8");
}
