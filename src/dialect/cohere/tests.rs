//! Cohere streams written after the vendor's reference.

use super::super::testing::{chosen, read_as};
use super::*;

const START: (&str, &str) =
    ("message-start", r#"{"type":"message-start","id":"29f1","delta":{"message":{"role":"assistant"}}}"#);
const TEXT: (&str, &str) =
    ("content-delta", r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#);
const END: (&str, &str) = (
    "message-end",
    r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"output_tokens":7},"tokens":{"input_tokens":3,"output_tokens":9}}}}"#,
);

#[test]
fn version_2() {
    let read = read_as(&DIALECT, Framing::Sse, &[START, TEXT, TEXT, END]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("HiHi", 2, Some(9)));
    assert_eq!((read.answer.finish_reasons[&0].as_str(), read.answer.id.as_deref()), ("COMPLETE", Some("29f1")));
    let t = &read.answer.terminator;
    assert_eq!(
        (t.expected, t.which.as_deref(), t.own, t.is_last_record),
        (Some("message-end"), Some("message-end"), true, Some(true))
    );
    assert!(read.kinds().is_empty());
}

#[test]
fn version_2_calls_tools() {
    let plan = r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will look"}}}"#;
    let start = r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}}"#;
    let part = r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":1}"}}}}}"#;
    let read = read_as(&DIALECT, Framing::Sse, &[START, ("", plan), ("", start), ("", part), END]);
    assert_eq!((read.answer.reasoning_text.as_str(), read.answer.tool_deltas), ("I will look", 1));
    assert_eq!((read.answer.tool_names["0"].as_str(), read.answer.tool_arguments["0"].as_str()), ("f", "{\"a\":1}"));
}

#[test]
fn version_1() {
    let lines = [
        ("", r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g1"}"#),
        ("", r#"{"is_finished":false,"event_type":"text-generation","text":"Hi"}"#),
        (
            "",
            r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hi","meta":{"tokens":{"output_tokens":2}}}}"#,
        ),
    ];
    let read = read_as(&DIALECT, Framing::Ndjson, &lines);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hi", 1, Some(2)));
    let t = &read.answer.terminator;
    assert_eq!((t.expected, t.own, t.is_last_record, read.kinds().len()), (Some("stream-end"), true, Some(true), 0));
}

#[test]
fn whole_answers_and_errors() {
    let whole = r#"{"id":"c1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"usage":{"tokens":{"output_tokens":1}}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.terminator.expected), ("Hi", 1, None));
    let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"message":"invalid api token"}"#)]);
    assert_eq!((read.answer.error.as_deref(), read.answer.content_deltas), (Some("invalid api token"), 0));
}

#[test]
fn oddities() {
    let read = read_as(
        &DIALECT,
        Framing::Sse,
        &[START, ("content-start", TEXT.1), ("", r#"{"type":"x-y"}"#), ("", "[DONE]"), ("", "{")],
    );
    assert_eq!(
        read.kinds(),
        [
            "cohere.event-differs-from-type",
            "cohere.foreign-terminator",
            "cohere.no-end",
            "cohere.not-json",
            "cohere.unknown-type"
        ]
    );
    assert_eq!(read_as(&DIALECT, Framing::Sse, &[START, END, TEXT]).kinds(), ["cohere.after-end"]);
}

#[test]
fn recognised_by_types_or_path() {
    assert_eq!(chosen("/x", Framing::Sse, START.1), Some("cohere.chat"));
    assert_eq!(chosen("/v2/chat", Framing::Json, r#"{"message":"invalid"}"#), Some("cohere.chat"));
}
