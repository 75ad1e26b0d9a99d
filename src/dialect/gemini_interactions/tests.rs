//! Streams of values of google-genai's event classes.

use super::super::testing::{Read, chosen, read_as, record};
use super::*;

/// Events with their names, as the server sends them.
fn read(events: &[&str]) -> Read {
    let name =
        |event: &str| serde_json::from_str::<serde_json::Value>(event).ok()?["event_type"].as_str().map(str::to_owned);
    let names: Vec<String> = events.iter().map(|event| name(event).unwrap_or_default()).collect();
    let records: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(events.iter().copied()).collect();
    read_as(&DIALECT, Framing::Sse, &records)
}

const CREATED: &str =
    r#"{"event_type":"interaction.created","interaction":{"id":"v1_a","status":"in_progress","object":"interaction"}}"#;
const TEXT: &str = r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"Hi"},"event_id":"e1"}"#;
const COMPLETED_EVENT: &str = r#"{"event_type":"interaction.completed","interaction":{"id":"v1_a","status":"completed",
    "model":"m","usage":{"total_input_tokens":3,"total_output_tokens":2,"total_thought_tokens":4}}}"#;

#[test]
fn a_stream() {
    let events = [
        CREATED,
        r#"{"event_type":"interaction.status_update","interaction_id":"v1_a","status":"in_progress"}"#,
        r#"{"event_type":"step.start","index":0,"step":{"type":"thought"}}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"type":"thought_summary","content":{"type":"text","text":"Hm"}}}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"type":"thought_signature","signature":"Ep"}}"#,
        r#"{"event_type":"step.stop","index":0}"#,
        r#"{"event_type":"step.start","index":1,"step":{"type":"function_call","id":"c","name":"f","arguments":{}}}"#,
        r#"{"event_type":"step.delta","index":1,"delta":{"type":"arguments_delta","arguments":"{\"a\""}}"#,
        r#"{"event_type":"step.delta","index":1,"delta":{"type":"arguments_delta","arguments":":1}"}}"#,
        r#"{"event_type":"step.start","index":2,"step":{"type":"google_search_call","id":"g","arguments":{}}}"#,
        r#"{"event_type":"step.delta","index":2,"delta":{"type":"google_search_call","arguments":{"queries":["q"]}}}"#,
        r#"{"event_type":"step.delta","index":3,"delta":{"type":"google_search_result","result":[]}}"#,
        TEXT,
        r#"{"event_type":"step.delta","index":4,"delta":{"type":"text_annotation_delta","annotations":[]}}"#,
        COMPLETED_EVENT,
        "[DONE]",
    ];
    let read = read(&events);
    let a = &read.answer;
    assert_eq!((read.text(), a.reasoning_text.as_str(), a.output_tokens), ("Hi", "Hm", Some(6)));
    assert_eq!((a.tool_arguments["1"].as_str(), a.tool_names["1"].as_str()), (r#"{"a":1}"#, "f"));
    assert_eq!(
        (a.tool_arguments["2"].as_str(), a.tool_names["2"].as_str()),
        (r#"{"queries":["q"]}"#, "google_search_call")
    );
    assert_eq!((a.content_deltas, a.reasoning_deltas, a.tool_deltas), (1, 1, 3));
    assert_eq!(
        (a.finish_reasons[&0].as_str(), a.model.as_deref(), a.id.as_deref()),
        ("completed", Some("m"), Some("v1_a"))
    );
    assert!(a.terminator.own && a.terminator.is_last_record == Some(true));
    assert_eq!(a.reasoning_sign, Some(record(2, "").at), "the thought begins before its summary");
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
    for event in &events[..events.len() - 1] {
        assert_eq!(chosen("/v1beta/interactions", Framing::Sse, event), Some("gemini.interactions"), "{event}");
        assert_eq!(chosen("/x", Framing::Sse, event), Some("gemini.interactions"), "{event}");
    }
}

#[test]
fn ends_and_errors() {
    assert_eq!(read(&[CREATED, TEXT]).kinds(), ["interactions.no-end"]);
    let done = read(&[CREATED, TEXT, "[DONE]"]);
    assert_eq!((done.kinds(), done.answer.terminator.own), (vec!["interactions.no-end"], false));
    let error = read(&[CREATED, r#"{"event_type":"error","error":{"message":"overloaded"}}"#]);
    assert!(error.meanings[1].error && error.kinds().is_empty() && error.answer.error.is_some());
    let bare = read(&[CREATED, r#"{"error":{"code":503,"message":"overloaded"}}"#]);
    assert!(bare.meanings[1].error && bare.kinds().is_empty());
    let failed = read(&[CREATED, &COMPLETED_EVENT.replace("\"completed\"", "\"failed\"")]);
    assert_eq!((failed.answer.error.as_deref(), failed.answer.finish_reasons[&0].as_str()), (Some("failed"), "failed"));
    let odd = read(&["{", "[]", r#"{"x":1}"#, r#"{"event_type":"brand.new"}"#, COMPLETED_EVENT]);
    assert_eq!(odd.kinds(), ["no-type", "not-json", "not-object", "unknown-type"].map(|k| format!("interactions.{k}")));
}

#[test]
fn older_names_and_whole_interactions() {
    let start = r#"{"event_type":"interaction.start","interaction":{"id":"v1_a","status":"in_progress"}}"#;
    let call = r#"{"event_type":"content.delta","index":1,"delta":{"type":"function_call","id":"c","name":"f","arguments":{"a":1}}}"#;
    let end = r#"{"event_type":"interaction.complete","interaction":{"id":"v1_a","status":"requires_action"}}"#;
    let older = read(&[
        start,
        r#"{"event_type":"content.start","index":0,"content":{"type":"text"}}"#,
        r#"{"event_type":"content.delta","index":0,"delta":{"type":"text","text":"Hi"}}"#,
        call,
        end,
    ]);
    let terminator = &older.answer.terminator;
    assert_eq!((older.text(), older.answer.tool_arguments["1"].as_str()), ("Hi", r#"{"a":1}"#));
    assert_eq!((terminator.expected, terminator.own, older.kinds().len()), (Some("interaction.complete"), true, 0));
    for whole in [
        r#"{"id":"v1_a","object":"interaction","model":"m","status":"completed","steps":[
            {"type":"thought","summary":[{"type":"text","text":"Hm"}]},
            {"type":"function_call","id":"c","name":"f","arguments":{"a":1}},
            {"type":"model_output","content":[{"type":"text","text":"Hi"}]}],"usage":{"total_output_tokens":2}}"#,
        r#"{"id":"v1_a","object":"interaction","model":"m","status":"completed","outputs":[
            {"type":"thought","summary":[{"type":"text","text":"Hm"}]},
            {"type":"function_call","id":"c","name":"f","arguments":{"a":1}},
            {"type":"text","text":"Hi"}],"usage":{"total_output_tokens":2}}"#,
    ] {
        let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
        let a = &read.answer;
        assert_eq!((read.text(), a.reasoning_text.as_str(), a.output_tokens), ("Hi", "Hm", Some(2)));
        assert_eq!((a.tool_arguments["1"].as_str(), read.kinds().len()), (r#"{"a":1}"#, 0));
        assert_eq!(chosen("/x", Framing::Json, whole), Some("gemini.interactions"));
    }
}

#[test]
fn frames_of_a_session() {
    let frame = |events: &[&str]| format!("{{\"events\":[{}]}}", events.join(","));
    let start = r#"{"event_type":"step.start","index":0,"step":{"type":"model_output"}}"#;
    let stop = r#"{"event_type":"step.stop","index":0}"#;
    let socket =
        |frames: &[&str]| read_as(&DIALECT, Framing::WebSocket, &frames.iter().map(|f| ("", *f)).collect::<Vec<_>>());
    let both = frame(&[start, TEXT]);
    let open = socket(&[&both]);
    assert_eq!((open.text(), open.answer.end), ("Hi", End::Terminator(COMPLETED)));
    let idle = socket(&[&both, stop]);
    assert_eq!((idle.answer.end, idle.answer.terminator.expected, idle.kinds().len()), (End::Body, None, 0));
    let over = r#"{"event_type":"interaction.completed","usage":{"total_output_tokens":2}}"#;
    let ended = socket(&[&both, stop, over]);
    assert_eq!((ended.answer.terminator.own, ended.answer.output_tokens), (true, Some(2)));
    let failed = socket(&[r#"{"event_type":"interaction.completed","status":{"code":13,"message":"internal"}}"#]);
    assert!(failed.meanings[0].error && failed.answer.error.is_some_and(|e| e.contains("internal")));
    assert!(socket(&[r#"{"event_type":"reconnection_required"}"#]).answer.terminator.own);
    assert_eq!(chosen("/v1beta/interactions/live", Framing::WebSocket, &both), Some("gemini.interactions"));
    for (message, want) in [
        (r#"{"event_type":"interaction.create","model":"m"}"#, false),
        (r#"{"event_type":"input","content":[{"type":"text","text":"Hello"}]}"#, true),
        (r#"{"events":[{"event_type":"interaction.create"},{"event_type":"input","content":[]}]}"#, true),
        (r#"{"event_type":"interaction.cancel"}"#, false),
    ] {
        let said = Said::of(&record(0, message));
        assert_eq!(Interactions::default().asks(&said, &mut Answer::default()), want, "{message}");
    }
}
