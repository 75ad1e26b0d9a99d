//! Bedrock events written after the API reference.

use super::super::testing::{Read, evidence, read_as, record};
use super::super::{DIALECTS, choose};
use super::*;

fn aws(records: &[(&str, &str)]) -> Read {
    read_as(&DIALECT, Framing::AwsEventStream, records)
}

#[test]
fn converse_ends_with_metadata_behind_its_stop() {
    let read = aws(&[
        ("messageStart", r#"{"role":"assistant","p":"abc"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"Hi"}}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("messageStop", r#"{"stopReason":"tool_use"}"#),
        ("metadata", r#"{"usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13},"metrics":{"latencyMs":5}}"#),
    ]);
    assert_eq!((read.text(), read.answer.reasoning_text.as_str(), read.answer.output_tokens), ("Hi", "hm", Some(4)));
    assert_eq!((read.answer.tool_names["2"].as_str(), read.answer.tool_arguments["2"].as_str()), ("f", "{\"a\":1}"));
    assert_eq!((read.answer.content_deltas, read.answer.reasoning_deltas, read.answer.tool_deltas), (1, 1, 1));
    let t = &read.answer.terminator;
    assert_eq!((t.expected, t.which.as_deref(), t.own, t.is_last_record), (Some("messageStop"), Some("messageStop"), true, Some(false)));
    assert_eq!((read.answer.finish_reasons[&0].as_str(), read.kinds().len()), ("tool_use", 0));
}

#[test]
fn invoke_wraps_the_models_own_events() {
    // base64 of {"type":"message_start","message":{"usage":{}}}, {"type":"content_block_start","index":0,"content_block":{"type":"text"}},
    // {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"In"}}, {"type":"message_stop"}, {"generation":"Hi"}
    let start = r#"{"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIsIm1lc3NhZ2UiOnsidXNhZ2UiOnt9fX0=","p":"ab"}"#;
    let block = r#"{"bytes":"eyJ0eXBlIjoiY29udGVudF9ibG9ja19zdGFydCIsImluZGV4IjowLCJjb250ZW50X2Jsb2NrIjp7InR5cGUiOiJ0ZXh0In19"}"#;
    let text =
        r#"{"bytes":"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJJbiJ9fQ=="}"#;
    let stop = r#"{"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="}"#;
    let read = aws(&[("chunk", start), ("chunk", block), ("chunk", text), ("chunk", stop)]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.terminator.which.as_deref()), ("In", 1, Some("message_stop")));
    assert_eq!(read.kinds(), ["anthropic.block-not-stopped"]);
    let read = aws(&[("chunk", r#"{"bytes":"eyJnZW5lcmF0aW9uIjoiSGkifQ=="}"#)]);
    assert_eq!((read.text(), read.kinds().len()), ("Hi", 0));
    assert_eq!(aws(&[("chunk", r#"{"bytes":"***"}"#)]).kinds(), ["bedrock.not-base64"]);
}

#[test]
fn exceptions_end_the_stream() {
    let read = aws(&[("messageStart", "{}"), ("throttlingException", r#"{"message":"Too many requests"}"#)]);
    assert!(read.meanings[1].error && read.kinds().is_empty());
    assert!(read.answer.error.is_some_and(|e| e.starts_with("throttlingException") && e.contains("Too many")));
}

#[test]
fn oddities() {
    assert_eq!(
        aws(&[("messageStart", "{}"), ("x", "{}"), ("metadata", "{")]).kinds(),
        ["bedrock.no-message-stop", "bedrock.not-json", "bedrock.unknown-type"]
    );
    assert_eq!(aws(&[("messageStop", "[]"), ("messageStop", "{}")]).kinds(), ["bedrock.no-metadata", "bedrock.not-object"]);
}

#[test]
fn whole_answers() {
    let whole =
        r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"outputTokens":1}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!((read.text(), read.answer.output_tokens, read.answer.terminator.expected), ("Hi", Some(1), None));
    let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"message":"denied"}"#)]);
    assert_eq!(read.answer.error.as_deref(), Some("denied"));
}

#[test]
fn recognised_by_event_name() {
    let first = Record { event: "messageStart", ..record(0, r#"{"role":"assistant"}"#) };
    let (dialect, sure, why) = choose(&Evidence { framing: Framing::AwsEventStream, ..evidence("/x", &first) }).expect("chosen");
    assert_eq!((dialect.name, sure), ("bedrock", Confidence::Certain));
    assert_eq!(why, "keys role");
    assert_eq!(DIALECTS.iter().filter(|d| d.name == "bedrock").count(), 1);
}
