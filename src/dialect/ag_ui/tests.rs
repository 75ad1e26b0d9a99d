//! Runs of AG-UI: order, ends, and what is generated.

use super::super::testing::{Read, chosen, evidence, read_as, record};
use super::super::{End, choose};
use super::*;

const START: &str = r#"{"type":"RUN_STARTED","threadId":"t","runId":"r1"}"#;
const OPEN: &str = r#"{"type":"TEXT_MESSAGE_START","messageId":"m"}"#;
const HI: &str = r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}"#;
const END: &str = r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r1"}"#;
const ERROR: &str = r#"{"type":"RUN_ERROR","message":"no"}"#;

fn stream(events: &[&str]) -> Read {
    read_as(&DIALECT, Framing::Sse, &events.iter().map(|e| ("", *e)).collect::<Vec<_>>())
}

#[test]
fn a_run_without_the_fields_of_version_1() {
    let read = stream(&[START, OPEN, HI, END]);
    let t = &read.answer.terminator;
    assert_eq!((read.text(), read.answer.id.as_deref(), t.which.as_deref()), ("Hi", Some("r1"), Some("RUN_FINISHED")));
    assert!(t.own && t.is_last_record == Some(true) && read.kinds().is_empty());
    assert_eq!((read.answer.end, read.answer.finish_reasons.len()), (End::Terminator("RUN_FINISHED"), 0));
}

#[test]
fn the_order_of_events() {
    let custom = r#"{"type":"CUSTOM","name":"n","value":1}"#;
    for (events, kinds) in [
        (vec![START, OPEN, HI], vec!["ag-ui.no-end"]),
        (vec![OPEN, HI, END], vec!["ag-ui.no-start"]),
        (vec![START, HI, END], vec!["ag-ui.delta-without-start"]),
        (
            vec![START, r#"{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{}"}"#, END],
            vec!["ag-ui.delta-without-start"],
        ),
        (vec![START, END, custom], vec!["ag-ui.after-end"]),
        (vec![START, ERROR, START], vec!["ag-ui.after-end"]),
        (vec![START, END, ERROR], vec![]),
        (vec![ERROR], vec![]),
        (
            vec![START, "[DONE]", "{", "[]", r#"{"type":"NEW"}"#, END],
            vec!["ag-ui.foreign-terminator", "ag-ui.not-json", "ag-ui.not-object", "ag-ui.unknown-type"],
        ),
    ] {
        assert_eq!(stream(&events).kinds(), kinds, "{events:?}");
    }
}

#[test]
fn a_second_run_has_its_own_end() {
    let read = stream(&[START, END, START, OPEN, HI]);
    assert!(!read.answer.terminator.seen && read.answer.finish_reasons.is_empty());
    assert_eq!(read.kinds(), ["ag-ui.no-end"]);
    let read = stream(&[START, END, START, OPEN, HI, END]);
    assert!(read.answer.terminator.own && read.kinds().is_empty());
}

#[test]
fn what_the_user_says_is_not_generated() {
    let user = r#"{"type":"TEXT_MESSAGE_START","messageId":"m","role":"user"}"#;
    let snapshot = r#"{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"m","role":"assistant","content":"Hi"}]}"#;
    let state = r#"{"type":"STATE_DELTA","delta":[{"op":"add","path":"/a","value":1}]}"#;
    let read = stream(&[START, user, HI, snapshot, state, END]);
    assert_eq!((read.text(), read.answer.content_deltas, read.kinds().len()), ("", 0, 0));
}

#[test]
fn errors_and_earlier_words() {
    let read = stream(&[START, ERROR]);
    assert!(read.meanings[1].error && read.answer.error.is_some_and(|e| e.contains("no")));
    let read = stream(&[START, r#"{"error":{"message":"boom"}}"#]);
    assert!(read.meanings[1].error && read.kinds() == ["error.foreign-shape"]);
    let thinking = r#"{"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"Hm"}"#;
    let read = stream(&[START, thinking, END]);
    assert_eq!((read.answer.reasoning_text.as_str(), read.kinds().len()), ("Hm", 0));
}

#[test]
fn recognised_by_its_types_alone() {
    for path in ["/", "/agent", "/v1/chat", "/api/copilotkit"] {
        assert_eq!(chosen(path, Framing::Sse, START), Some("ag-ui"), "{path}");
    }
    assert_eq!(chosen("/", Framing::Sse, r#"{"type":"CUSTOM"}"#), Some("none"));
    assert_eq!(chosen("/", Framing::Json, ERROR), None);
    let later = record(3, HI);
    assert_eq!(choose(&evidence("/", &later)).map(|(dialect, ..)| dialect.name), Some("ag-ui"));
}
