//! Streams after LM Studio's documentation of "Streaming events".

use super::super::testing::{chosen, read_as};
use super::*;

/// Events with their names, as the server sends them.
fn read(events: &[&str]) -> super::super::testing::Read {
    let names: Vec<String> = events
        .iter()
        .map(|e| serde_json::from_str::<serde_json::Value>(e).ok().and_then(|e| Some(e["type"].as_str()?.to_owned())))
        .map(Option::unwrap_or_default)
        .collect();
    let records: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(events.iter().copied()).collect();
    read_as(&DIALECT, Framing::Sse, &records)
}

const START: &str = r#"{"type":"chat.start","model_instance_id":"openai/gpt-oss-20b"}"#;
const TOOL: &str = r#"{"type":"tool_call.start","tool":"model_search","provider_info":{"type":"ephemeral_mcp"}}"#;
const ARGUMENTS: &str =
    r#"{"type":"tool_call.arguments","tool":"model_search","arguments":{"sort":"trendingScore","limit":1}}"#;
const RESULT: &str =
    r#"{"type":"tool_call.result","tool":"model_search","arguments":{"sort":"trendingScore","limit":1},"output":"[]"}"#;
const END: &str = r#"{"type":"chat.end","result":{"model_instance_id":"openai/gpt-oss-20b","output":[
    {"type":"reasoning","content":"Need to call."},
    {"type":"tool_call","tool":"model_search","arguments":{"sort":"trendingScore","limit":1},"output":"[]"},
    {"type":"message","content":"The current"}],
    "stats":{"input_tokens":329,"total_output_tokens":268,"reasoning_output_tokens":5,"tokens_per_second":43.73,
    "time_to_first_token_seconds":0.781},"response_id":"resp_46665e1b"}}"#;

#[test]
fn a_stream_after_the_documentation() {
    let events = [
        START,
        r#"{"type":"model_load.start","model_instance_id":"openai/gpt-oss-20b"}"#,
        r#"{"type":"model_load.progress","model_instance_id":"openai/gpt-oss-20b","progress":0.65}"#,
        r#"{"type":"model_load.end","model_instance_id":"openai/gpt-oss-20b","load_time_seconds":12.34}"#,
        r#"{"type":"prompt_processing.start"}"#,
        r#"{"type":"prompt_processing.progress","progress":0.5}"#,
        r#"{"type":"prompt_processing.end"}"#,
        r#"{"type":"reasoning.start"}"#,
        r#"{"type":"reasoning.delta","content":"Need to"}"#,
        r#"{"type":"reasoning.delta","content":" call."}"#,
        r#"{"type":"reasoning.end"}"#,
        TOOL,
        ARGUMENTS,
        RESULT,
        r#"{"type":"message.start"}"#,
        r#"{"type":"message.delta","content":"The"}"#,
        r#"{"type":"message.delta","content":" current"}"#,
        r#"{"type":"message.end"}"#,
        END,
    ];
    let read = read(&events);
    let a = &read.answer;
    assert_eq!(
        (read.text(), a.reasoning_text.as_str()),
        ("The current", "Need to call."),
        "once, not again at the end"
    );
    assert_eq!((a.content_deltas, a.reasoning_deltas, a.tool_deltas), (2, 2, 1));
    let call = r#"{"sort":"trendingScore","limit":1}"#;
    assert_eq!((a.tool_names["0"].as_str(), a.tool_arguments["0"].as_str()), ("model_search", call));
    assert_eq!((a.tool_names.len(), a.output_tokens, a.id.as_deref()), (1, Some(268), Some("resp_46665e1b")));
    assert_eq!((a.terminator.which.as_deref(), a.terminator.own), (Some("chat.end"), true));
    assert_eq!(a.server_clock.loading, Some(Span::from_millis(12_340)));
    assert_eq!(a.server_clock.first_token, Some(Span::from_millis(781)));
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
    for event in &events[..events.len() - 1] {
        assert_eq!(chosen("/api/v1/chat", Framing::Sse, event), Some("lmstudio.chat"), "{event}");
    }
    assert_eq!(chosen("/x", Framing::Sse, START), Some("lmstudio.chat"), "behind a proxy with paths of its own");
    assert_ne!(chosen("/v1/chat", Framing::Sse, START), Some("cohere.chat"));
}

#[test]
fn calls_are_told_apart() {
    let failed = r#"{"type":"tool_call.failure","tool":"g","arguments":{"a":1},"reason":"no such tool"}"#;
    let read = read(&[START, TOOL, ARGUMENTS, RESULT, TOOL, ARGUMENTS, RESULT, failed, END]);
    let names: Vec<_> = read.answer.tool_names.values().map(String::as_str).collect();
    assert_eq!(names, ["model_search", "model_search", "g"]);
    assert_eq!((read.answer.tool_arguments["2"].as_str(), read.answer.tool_deltas), ("{\"a\":1}", 3));
}

#[test]
fn errors_and_missing_ends() {
    let error = r#"{"type":"error","error":{"type":"model_not_found","message":"no such model"}}"#;
    let failed = read(&[START, error]);
    assert!(failed.meanings[1].error && failed.answer.error.is_some_and(|e| e.contains("no such model")));
    assert!(!failed.odd.iter().any(|(o, _)| o.kind == NO_END));
    let ended = read(&[START, error, r#"{"type":"chat.end","result":{"output":[],"stats":{}}}"#]);
    assert!(ended.answer.terminator.own && ended.kinds().is_empty());
    assert_eq!(read(&[START]).kinds(), ["lmstudio.no-end"]);
    assert_eq!(read(&[START, END, START]).kinds(), ["lmstudio.after-end"]);
    let odd = read(&["{", "[]", r#"{"x":1}"#, r#"{"type":"chat.hint"}"#, "[DONE]", END]);
    let kinds = ["foreign-terminator", "not-json", "not-object", "unknown-type"].map(|k| format!("lmstudio.{k}"));
    assert_eq!(odd.kinds(), kinds);
}

#[test]
fn whole_answers() {
    let whole = r#"{"model_instance_id":"m","output":[{"type":"message","content":"Hi"},
        {"type":"tool_call","tool":"f","arguments":{}}],"stats":{"total_output_tokens":2},"response_id":"resp_1"}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!((read.text(), read.answer.output_tokens, read.answer.id.as_deref()), ("Hi", Some(2), Some("resp_1")));
    assert_eq!(read.answer.tool_names["0"], "f");
    assert_eq!(chosen("/x", Framing::Json, whole), Some("lmstudio.chat"));
    let refused = read_as(&DIALECT, Framing::Json, &[("", r#"{"error":{"type":"invalid_request","message":"no"}}"#)]);
    assert!(refused.meanings[0].error);
    // A server that sends only the last event has the answer there.
    let only = super::super::testing::read_as(&DIALECT, Framing::Sse, &[("chat.end", END)]);
    assert_eq!((only.text(), only.meanings[0].tool), ("The current", true));
}
