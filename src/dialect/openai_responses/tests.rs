//! Responses streams written after the vendor's document.

use super::super::testing::{Read, chosen, read_as};
use super::*;

const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"m","status":"in_progress","output":[]}}"#;
const ITEM: &str = r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"msg_1","content":[]}}"#;
const PART: &str = r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{}}"#;
const TEXT: &str = r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi"}"#;
const TEXT_DONE: &str =
    r#"{"type":"response.output_text.done","sequence_number":4,"output_index":0,"content_index":0,"text":"Hi"}"#;
const PART_DONE: &str = r#"{"type":"response.content_part.done","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hi"}}"#;
const ITEM_DONE: &str = r#"{"type":"response.output_item.done","sequence_number":6,"output_index":0,"item":{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"Hi"}]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","sequence_number":7,"response":{"id":"resp_1","status":"completed","output":[{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3},"error":null}}"#;

/// Read events under their own names.
fn stream(events: &[&str]) -> Read {
    let name = |json: &str| {
        serde_json::from_str::<serde_json::Value>(json)
            .ok()
            .and_then(|v| v["type"].as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let named: Vec<_> = events.iter().map(|json| (name(json), *json)).collect();
    let named: Vec<_> = named.iter().map(|(name, json)| (name.as_str(), *json)).collect();
    read_as(&DIALECT, Framing::Sse, &named)
}

#[test]
fn a_clean_stream() {
    let read = stream(&[CREATED, ITEM, PART, TEXT, TEXT_DONE, PART_DONE, ITEM_DONE, COMPLETED]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hi", 1, Some(2)));
    assert_eq!(
        (read.answer.finish_reasons[&0].as_str(), read.answer.id.as_deref(), read.answer.model.as_deref()),
        ("completed", Some("resp_1"), Some("m"))
    );
    let t = &read.answer.terminator;
    assert_eq!((t.which.as_deref(), t.own, t.is_last_record), (Some("response.completed"), true, Some(true)));
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
}

#[test]
fn done_behind_completed_is_foreign_and_last() {
    let read = stream(&[CREATED, ITEM, PART, TEXT, TEXT_DONE, PART_DONE, ITEM_DONE, COMPLETED, "[DONE]"]);
    let t = &read.answer.terminator;
    assert_eq!((t.which.as_deref(), t.own, t.is_last_record), (Some("response.completed"), true, Some(false)));
    assert_eq!(read.kinds(), ["responses.foreign-terminator"]);
}

#[test]
fn reasoning_and_calls() {
    let read = stream(&[
        CREATED,
        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"reasoning"}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","sequence_number":2,"output_index":0,"delta":"hm"}"#,
        r#"{"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"type":"function_call","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","sequence_number":4,"output_index":1,"delta":"{}"}"#,
    ]);
    assert_eq!(
        (
            read.answer.reasoning_text.as_str(),
            read.answer.tool_names["1"].as_str(),
            read.answer.tool_arguments["1"].as_str()
        ),
        ("hm", "f", "{}")
    );
    assert_eq!(
        (read.answer.reasoning_deltas, read.answer.tool_deltas, read.kinds()),
        (1, 1, vec!["responses.no-terminal"])
    );
}

#[test]
fn failed_and_error() {
    let failed = r#"{"type":"response.failed","sequence_number":1,"response":{"status":"failed","error":{"code":"server_error","message":"no"}}}"#;
    let read = stream(&[CREATED, failed]);
    assert!(read.answer.terminator.own && read.answer.error.as_deref().is_some_and(|e| e.contains("server_error")));
    let read = stream(&[CREATED, r#"{"type":"error","code":"x","message":"no","sequence_number":1}"#]);
    assert_eq!((read.answer.terminator.which.as_deref(), read.answer.terminator.own), (Some("error"), false));
    assert!(read.answer.error.is_some() && read.kinds().is_empty());
}

#[test]
fn oddities() {
    for (events, kinds) in [
        (
            vec![ITEM, TEXT, COMPLETED],
            vec![
                "responses.delta-without-part",
                "responses.no-created",
                "responses.not-done",
                "responses.sequence-gap",
            ],
        ),
        (vec![CREATED, TEXT, COMPLETED], vec!["responses.delta-without-item", "responses.sequence-gap"]),
        (
            vec![
                CREATED,
                ITEM,
                PART,
                TEXT,
                TEXT_DONE,
                PART_DONE,
                ITEM_DONE,
                COMPLETED,
                r#"{"type":"response.x","sequence_number":8}"#,
            ],
            vec!["responses.after-terminal", "responses.unknown-type"],
        ),
        (
            vec![CREATED, "{", "7", r#"{"type":"response.incomplete","response":{"status":"incomplete"}}"#],
            vec!["responses.no-sequence-number", "responses.not-json", "responses.not-object"],
        ),
    ] {
        assert_eq!(stream(&events).kinds(), kinds, "{events:?}");
    }
    let read = read_as(
        &DIALECT,
        Framing::Sse,
        &[("response.x", CREATED), ("response.completed", r#"{"sequence_number":1,"response":{}}"#)],
    );
    assert_eq!(
        read.kinds(),
        ["responses.completed-without-output", "responses.event-differs-from-type", "responses.no-type"]
    );
}

#[test]
fn what_is_said_twice_is_compared() {
    let last = |text: &str| {
        format!(
            r#"{{"type":"response.completed","sequence_number":7,"response":{{"status":"completed","output":[{{"type":"message","content":[{{"type":"output_text","text":"{text}"}}]}}]}}}}"#
        )
    };
    let read = |events: [&str; 4]| {
        let [text, part, item, last] = events;
        stream(&[CREATED, ITEM, PART, TEXT, text, part, item, last])
    };
    let kinds = |events: [&str; 4]| read(events).kinds().join(" ");
    assert_eq!(kinds([TEXT_DONE, PART_DONE, ITEM_DONE, &last("Hi")]), "");
    assert_eq!(kinds([TEXT_DONE, PART_DONE, ITEM_DONE, &last("Hi!")]), "responses.output-differs");
    for other in [TEXT_DONE, PART_DONE, ITEM_DONE] {
        for told in ["Ho", ""] {
            let wrong = other.replace(r#":"Hi""#, &format!(":\"{told}\""));
            let events = [TEXT_DONE, PART_DONE, ITEM_DONE].map(|done| if done == other { &wrong } else { done });
            let read = read([events[0], events[1], events[2], &last("Hi")]);
            assert_eq!(read.kinds(), ["responses.done-differs"], "{wrong}");
        }
    }
}

#[test]
fn what_was_added_is_done_before_the_response_is() {
    let open = |left: &str| {
        let all = [CREATED, ITEM, PART, TEXT, TEXT_DONE, PART_DONE, ITEM_DONE, COMPLETED];
        let read = stream(&all.into_iter().filter(|event| *event != left).collect::<Vec<_>>());
        read.found(NOT_DONE).map(str::to_owned)
    };
    assert_eq!(open(""), None);
    for (left, name) in [(TEXT_DONE, "output_text"), (PART_DONE, "content_part"), (ITEM_DONE, "output_item")] {
        assert_eq!(open(left), Some(format!("no response.{name}.done for output_index 0")));
    }
    // A response that was not completed leaves open what it was at.
    let incomplete = COMPLETED.replace("completed", "incomplete").replace(":7,", ":4,");
    assert_eq!(stream(&[CREATED, ITEM, PART, TEXT, &incomplete]).kinds(), [""; 0]);
}

#[test]
fn whole_responses() {
    let whole = r#"{"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"output_tokens":2}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!(
        (read.answer.texts[&1].as_str(), read.answer.reasoning_text.as_str(), read.answer.output_tokens),
        ("Hi", "hm", Some(2))
    );
    assert_eq!((read.answer.terminator.expected, read.answer.terminator.seen, read.kinds().len()), (None, false, 0));
    let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"error":{"message":"no"}}"#)]);
    assert!(read.meanings[0].error && read.answer.content_deltas == 0);
}

#[test]
fn recognised_by_type_or_path() {
    assert_eq!(chosen("/x", Framing::Sse, CREATED), Some("openai.responses"));
    assert_eq!(chosen("/v1/responses", Framing::Json, r#"{"error":{"message":"no"}}"#), Some("openai.responses"));
}

#[test]
fn a_refusal_is_text_that_arrives() {
    let refusal = TEXT.replace("output_text.delta", "refusal.delta").replace("Hi", "No");
    let read = stream(&[CREATED, ITEM, PART, &refusal, COMPLETED]);
    assert_eq!((read.text(), read.answer.content_deltas), ("No", 1));
    let deltas: Vec<_> = read.meanings.iter().map(|m| m.delta()).collect();
    assert_eq!(deltas, [None, None, None, Some("content"), None]);
}

#[test]
fn arguments_are_deltas_unless_empty_and_are_compared_when_done() {
    let call = r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"function_call","name":"f"}}"#;
    let part = |n: u32, text: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","sequence_number":{n},"output_index":0,"delta":"{text}"}}"#
        )
    };
    let done = |text: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.done","sequence_number":4,"output_index":0,"arguments":"{text}"}}"#
        )
    };
    let called = r#"{"type":"function_call","name":"f","arguments":"{}"}"#;
    let over =
        format!(r#"{{"type":"response.output_item.done","sequence_number":5,"output_index":0,"item":{called}}}"#);
    let last = format!(
        r#"{{"type":"response.completed","sequence_number":6,"response":{{"status":"completed","output":[{called}]}}}}"#
    );
    let read = |told: &str| stream(&[CREATED, call, &part(2, ""), &part(3, "{}"), &done(told), &over, &last]);
    let same = read("{}");
    assert_eq!(same.kinds(), [""; 0]);
    assert_eq!(
        same.meanings.iter().map(|m| m.tool).collect::<Vec<_>>(),
        [false, false, false, true, false, false, false]
    );
    assert_eq!(same.answer.tool_deltas, 1);
    assert_eq!(read("{ }").found(DONE_DIFFERS), Some("arguments of output_index 0: 3 bytes, the deltas brought 2"));
}

/// What comes only at the end is the answer all the same.
#[test]
fn text_and_arguments_that_come_only_in_done_are_taken() {
    let created =
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"in_progress","output":[]}}"#;
    let event = |kind: &str, members: &str| {
        format!(r#"{{"type":"response.{kind}","sequence_number":1,"output_index":0,{members}}}"#)
    };
    let completed = |item: &str| {
        format!(
            r#"{{"type":"response.completed","sequence_number":2,"response":{{"id":"r","status":"completed","output":[{item}]}}}}"#
        )
    };
    let message = r#"{"type":"message","content":[{"type":"output_text","text":"Hi"}]}"#;
    let call = r#"{"type":"function_call","name":"f","arguments":"{}"}"#;
    let added = event("output_item.added", r#""item":{"type":"function_call","name":"f"}"#);
    let read = |events: &[&str]| {
        let all: Vec<_> = [created].iter().chain(events).map(|event| ("", *event)).collect();
        read_as(&DIALECT, Framing::Sse, &all)
    };
    for events in [
        vec![event("output_text.done", r#""content_index":0,"text":"Hi""#), completed(message)],
        vec![event("refusal.done", r#""content_index":0,"refusal":"Hi""#), completed("")],
        vec![event("output_item.done", &format!(r#""item":{message}"#)), completed(message)],
        vec![completed(message)],
    ] {
        let read = read(&events.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.found(DONE_DIFFERS).is_some()),
            ("Hi", 1, true),
            "{events:?}"
        );
    }
    for events in [
        vec![added.clone(), event("function_call_arguments.done", r#""arguments":"{}""#), completed(call)],
        vec![event("function_call_arguments.done", r#""name":"f","arguments":"{}""#), completed("")],
        vec![added, event("output_item.done", &format!(r#""item":{call}"#)), completed(call)],
        vec![completed(call)],
    ] {
        let read = read(&events.iter().map(String::as_str).collect::<Vec<_>>());
        let a = &read.answer;
        assert_eq!(
            (a.tool_names["0"].as_str(), a.tool_arguments["0"].as_str(), a.tool_deltas),
            ("f", "{}", 1),
            "{events:?}"
        );
    }
    let done = event("reasoning_summary_text.done", r#""text":"hm""#);
    let delta = event("reasoning_summary_text.delta", r#""delta":"hm""#);
    assert_eq!(read(&[&done]).answer.reasoning_text, "hm");
    assert_eq!(read(&[&delta, &done]).answer.reasoning_text, "hm");
}

#[test]
fn the_terminal_event_and_its_status_agree() {
    let end = |kind: &str, status: &str| {
        let event = format!(
            r#"{{"type":"response.{kind}","sequence_number":0,"response":{{"id":"r","status":"{status}","incomplete_details":{{"reason":"max_output_tokens"}},"output":[]}}}}"#
        );
        read_as(&DIALECT, Framing::Sse, &[("", &event)]).found(STATUS_DIFFERS).map(str::to_owned)
    };
    let said = r#"response.completed with status incomplete {"reason":"max_output_tokens"}"#;
    assert_eq!(end("completed", "incomplete").as_deref(), Some(said));
    assert_eq!(
        (end("completed", "completed"), end("incomplete", "incomplete"), end("failed", "failed")),
        (None, None, None)
    );
}

/// openai-python 3.57 says of its WebSocket client that the events which set items and parts up may be missing.
#[test]
fn over_a_websocket_no_item_has_to_be_added() {
    let events = [
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"in_progress"}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":1,"output_index":0,"content_index":0,"delta":"Hi"}"#,
    ];
    for (framing, noted) in [(Framing::WebSocket, false), (Framing::Sse, true)] {
        let read = read_as(&DIALECT, framing, &events.map(|e| ("", e)));
        assert_eq!((read.text(), read.kinds().contains(&DELTA_WITHOUT_ITEM.0)), ("Hi", noted), "{framing:?}");
    }
}
