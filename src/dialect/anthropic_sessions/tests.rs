//! Events after the SDK's classes.

use super::super::testing::{Read, chosen, evidence, head, record};
use super::super::{Confidence, choose};
use super::*;
use crate::time::Timestamp;

const RUNS: &str = r#"{"type":"session.status_running","id":"e1"}"#;
const STARTS: &str = r#"{"type":"span.model_request_start","id":"e2"}"#;
const THINKS: &str = r#"{"type":"event_start","event":{"id":"e3","type":"agent.thinking"}}"#;
const THOUGHT: &str = r#"{"type":"agent.thinking","id":"e3"}"#;
const PREVIEW: &str = r#"{"type":"event_start","event":{"id":"e4","type":"agent.message"}}"#;
const PART: &str = r#"{"type":"event_delta","event_id":"e4","delta":{"type":"content_delta","index":0,"content":{"type":"text","text":"Hel"}}}"#;
const WHOLE: &str = r#"{"type":"agent.message","id":"e4","content":[{"type":"text","text":"Hello"}]}"#;
const CALL: &str = r#"{"type":"agent.tool_use","id":"e5","name":"bash","input":{"command":"ls"}}"#;
const ENDS: &str = r#"{"type":"span.model_request_end","id":"e6","model_request_start_id":"e2","is_error":false,"model_usage":{"input_tokens":9,"output_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}"#;
const IDLES: &str = r#"{"type":"session.status_idle","id":"e7","stop_reason":{"type":"end_turn"}}"#;
const USER: &str = r#"{"type":"user.message","id":"e0","content":[{"type":"text","text":"Hi"}]}"#;

fn on(path: &str, events: &[&str]) -> Read {
    let (first, response) = (record(0, events[0]), head(&[]));
    let evidence = Evidence { method: Some("GET"), response: Some(&response), ..evidence(path, &first) };
    let (mut reader, mut read) = (DIALECT.read(&evidence), Read::default());
    for (n, data) in events.iter().enumerate() {
        let record = Record { event: "named", ..record(n as u64, data) };
        read.meanings.push(reader.read(&record, &mut read.answer, &mut |o| read.odd.push(o)));
    }
    reader.finish(true, &mut read.answer, &mut |o| read.odd.push(o));
    read
}

fn stream(events: &[&str]) -> Read {
    on("/v1/sessions/sesn_1/events/stream", events)
}

#[test]
fn a_turn_with_previews() {
    let read = stream(&[USER, RUNS, STARTS, THINKS, THOUGHT, PREVIEW, PART, WHOLE, CALL, ENDS, IDLES]);
    let a = &read.answer;
    assert_eq!((read.text(), a.content_deltas, a.tool_deltas, a.reasoning_deltas), ("Hello", 2, 1, 0));
    assert_eq!((a.tool_names["0"].as_str(), a.tool_arguments["0"].as_str()), ("bash", r#"{"command":"ls"}"#));
    assert_eq!((a.finish_reasons[&0].as_str(), a.output_tokens), ("end_turn", Some(7)));
    assert_eq!((a.reasoning_sign, a.hidden_later), (Some(Timestamp(3000)), true));
    assert_eq!((a.terminator.which.as_deref(), a.turns.len()), (Some("session.status_idle"), 1));
    assert!(a.turns[0].ended.is_some() && a.turns[0].asked.is_none() && read.kinds().is_empty());
}

#[test]
fn a_message_without_preview_comes_whole_and_a_preview_that_differs_stays() {
    assert_eq!(
        (stream(&[RUNS, WHOLE, IDLES]).text(), stream(&[RUNS, WHOLE, IDLES]).answer.content_deltas),
        ("Hello", 1)
    );
    let other = WHOLE.replace("Hello", "Other");
    assert_eq!(stream(&[PREVIEW, PART, &other, IDLES]).text(), "Hel");
}

#[test]
fn what_is_open_at_the_end() {
    let error = |status: &str| {
        format!(
            r#"{{"type":"session.error","id":"e","error":{{"type":"unknown_error","message":"no","retry_status":{{"type":"{status}"}}}}}}"#
        )
    };
    let (retrying, exhausted) = (error("retrying"), error("exhausted"));
    let deleted = r#"{"type":"session.deleted","id":"e9"}"#;
    for (events, kinds, open, failed) in [
        (vec![RUNS, PREVIEW, PART], vec!["anthropic-sessions.cut-message"], true, false),
        (vec![RUNS, STARTS], vec![], true, false),
        // The request ended early, so the message never comes; the turn goes on.
        (vec![RUNS, PREVIEW, PART, ENDS], vec![], true, false),
        (vec![RUNS, PREVIEW, PART, ENDS, IDLES], vec![], false, false),
        (vec![RUNS, &retrying, IDLES], vec![], false, false),
        (vec![RUNS, &exhausted, IDLES], vec![], false, true),
        (vec![RUNS, PART, deleted], vec![], false, false),
        (vec![USER], vec![], false, false),
        (vec![r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#], vec![], false, true),
        (
            vec!["{", "[]", r#"{"x":1}"#, "[DONE]"],
            vec!["foreign-terminator", "no-type", "not-json", "not-object"],
            false,
            false,
        ),
    ] {
        let read = stream(&events);
        let kinds: Vec<_> = kinds
            .iter()
            .map(|k| if k.contains('.') { (*k).into() } else { format!("anthropic-sessions.{k}") })
            .collect();
        assert_eq!(read.kinds(), kinds, "{events:?}");
        assert_eq!(read.answer.turns.iter().any(|turn| turn.ended.is_none()), open, "{events:?}");
        assert_eq!(read.answer.error.is_some(), failed, "{events:?}");
    }
}

#[test]
fn the_state_of_a_thread_is_its_streams_own_only_there() {
    let idle = r#"{"type":"session.thread_status_idle","id":"e8","stop_reason":{"type":"end_turn"}}"#;
    let open = |read: &Read| read.answer.turns[0].ended.is_none();
    assert!(open(&stream(&[RUNS, WHOLE, idle])));
    assert!(!open(&on("/v1/sessions/s/threads/t/stream", &[RUNS, WHOLE, idle])));
}

#[test]
fn an_event_without_a_name_is_passed_over_by_the_sdk() {
    let first = record(0, RUNS);
    let mut reader = DIALECT.read(&evidence("/v1/sessions/s/events/stream", &first));
    let mut kinds = Vec::new();
    reader.read(&first, &mut Answer::default(), &mut |o| kinds.push(o.kind));
    assert_eq!(kinds, [NO_EVENT]);
}

#[test]
fn recognised_by_its_types_and_path() {
    for event in [RUNS, STARTS, WHOLE, CALL, IDLES, PREVIEW, PART] {
        assert_eq!(chosen("/x", Framing::Sse, event), Some("anthropic.sessions"), "{event}");
    }
    let updated = r#"{"type":"session.updated","id":"e"}"#;
    assert_ne!(chosen("/x", Framing::Sse, updated), Some("anthropic.sessions"), "another API has this word");
    let first = record(0, updated);
    let got = choose(&Evidence { method: Some("GET"), ..evidence("/v1/sessions/s/events/stream?beta=true", &first) });
    assert_eq!(got.map(|(dialect, sure, _)| (dialect.name, sure)), Some(("anthropic.sessions", Confidence::Certain)));
}
