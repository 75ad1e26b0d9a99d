//! Events of sessions, read.

use super::super::testing::{chosen, read_as};
use super::*;

#[test]
fn a_response_that_failed_is_an_error() {
    let failed = r#"{"type":"response.done","response":{"status":"failed","status_details":{"type":"failed","error":{"type":"insufficient_quota","message":"quota exceeded"}}}}"#;
    let read = read_as(&DIALECT, Framing::WebSocket, &[("", failed)]);
    assert!(read.meanings[0].error && read.answer.error.as_deref().is_some_and(|e| e.contains("quota exceeded")));
    assert_eq!((read.kinds(), read.answer.finish_reasons[&0].as_str()), (vec!["realtime.response-failed"], "failed"));
    for (status, kinds) in [("incomplete", vec!["realtime.response-incomplete"]), ("cancelled", vec![])] {
        let read = read_as(&DIALECT, Framing::WebSocket, &[("", &failed.replace("failed", status))]);
        assert_eq!((read.kinds(), read.answer.error), (kinds, None), "{status}");
    }
}

#[test]
fn what_comes_only_at_the_end_of_its_part_is_taken() {
    let read = read_as(
        &DIALECT,
        Framing::WebSocket,
        &[
            ("", r#"{"type":"response.output_text.delta","item_id":"a","content_index":0,"delta":"Hi"}"#),
            ("", r#"{"type":"response.output_text.done","item_id":"a","content_index":0,"text":"Hi"}"#),
            ("", r#"{"type":"response.output_audio_transcript.done","item_id":"b","transcript":" there"}"#),
            ("", r#"{"type":"response.output_item.added","item":{"id":"c","type":"function_call","name":"f"}}"#),
            ("", r#"{"type":"response.function_call_arguments.done","item_id":"c","arguments":"{}"}"#),
            ("", r#"{"type":"response.function_call_arguments.done","item_id":"c","arguments":"{}"}"#),
        ],
    );
    assert_eq!((read.text(), read.answer.tool_arguments["0"].as_str()), ("Hi there", "{}"));
    assert_eq!((read.answer.content_deltas, read.answer.tool_deltas), (2, 1));
}

#[test]
fn a_session_with_two_responses() {
    let events = [
        r#"{"type":"session.created","session":{"id":"sess_1","model":"gpt-realtime"}}"#,
        r#"{"type":"response.created","response":{"status":"in_progress"}}"#,
        r#"{"type":"response.output_text.delta","item_id":"i1","output_index":0,"delta":"Hi"}"#,
        r#"{"type":"response.done","response":{"status":"completed","usage":{"output_tokens":2}}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"i2","type":"function_call","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"i2","delta":"{}"}"#,
        r#"{"type":"response.output_audio_transcript.delta","item_id":"i3","delta":" there"}"#,
        r#"{"type":"response.done","response":{"status":"completed","usage":{"output_tokens":5}}}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
    ];
    let read = read_as(&DIALECT, Framing::WebSocket, &events.map(|e| ("", e)));
    assert_eq!(
        (read.text(), read.answer.tool_arguments["0"].as_str(), read.answer.tool_names["0"].as_str()),
        ("Hi", "{}", "f")
    );
    assert_eq!(read.answer.texts[&1], " there");
    let turns: Vec<_> = read.answer.turns.iter().map(|t| (t.finish.as_deref(), t.calls.len())).collect();
    assert_eq!(turns, [(Some("completed"), 0), (Some("completed"), 1)]);
    assert_eq!(
        (read.answer.output_tokens, read.answer.model.as_deref(), read.answer.id.as_deref()),
        (Some(5), Some("gpt-realtime"), Some("sess_1"))
    );
    assert!(read.meanings[8].error && read.kinds().is_empty() && read.answer.terminator.expected.is_none());
    assert_eq!(chosen("/v1/realtime?model=gpt-realtime", Framing::WebSocket, events[1]), Some("openai.realtime"));
}
