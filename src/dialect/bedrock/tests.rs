//! Bedrock events written after the API reference.

use super::super::testing::{Read, evidence, read_as, record};
use super::super::{DIALECTS, Evidence, choose};
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
    assert_eq!(
        (t.expected, t.which.as_deref(), t.own, t.is_last_record),
        (Some("messageStop"), Some("messageStop"), true, Some(false))
    );
    assert_eq!((read.answer.finish_reasons[&0].as_str(), read.kinds().len()), ("tool_use", 0));
}

/// A chunk that wraps this event.
fn chunk(base64: &str) -> String {
    format!(r#"{{"bytes":"{base64}","p":"ab"}}"#)
}

/// Read chunks, each given by the base64 of its event.
fn invoked(events: &[&str]) -> Read {
    let chunks: Vec<_> = events.iter().map(|e| chunk(e)).collect();
    aws(&chunks.iter().map(|c| ("chunk", c.as_str())).collect::<Vec<_>>())
}

#[test]
fn invoke_wraps_the_models_own_events() {
    // base64 of {"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}},
    // {"type":"content_block_start","index":0,"content_block":{"type":"text"}},
    // {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"In"}},
    // {"type":"content_block_stop","index":0},
    // {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}},
    // {"type":"message_stop",METRICS}
    let events = [
        "eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIsIm1lc3NhZ2UiOnsidXNhZ2UiOnsiaW5wdXRfdG9rZW5zIjoxLCJvdXRwdXRfdG9rZW5zIjoxfX19",
        "eyJ0eXBlIjoiY29udGVudF9ibG9ja19zdGFydCIsImluZGV4IjowLCJjb250ZW50X2Jsb2NrIjp7InR5cGUiOiJ0ZXh0In19",
        "eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJJbiJ9fQ==",
        "eyJ0eXBlIjoiY29udGVudF9ibG9ja19zdG9wIiwiaW5kZXgiOjB9",
        "eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsImRlbHRhIjp7InN0b3BfcmVhc29uIjoiZW5kX3R1cm4ifSwidXNhZ2UiOnsib3V0cHV0X3Rva2VucyI6Mn19",
        "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50IjoxLCJvdXRwdXRUb2tlbkNvdW50IjoyLCJmaXJzdEJ5dGVMYXRlbmN5Ijo5fX0=",
    ];
    let read = invoked(&events);
    let t = &read.answer.terminator;
    assert_eq!(
        (read.text(), read.answer.content_deltas, t.which.as_deref(), t.own),
        ("In", 1, Some("message_stop"), true)
    );
    assert_eq!(
        (t.expected, read.answer.variant, read.kinds().len()),
        (Some("messageStop"), Some("anthropic.messages"), 0)
    );
    assert_eq!(read.answer.usage, Some(serde_json::json!({"input_tokens": 1, "output_tokens": 2})));
    assert_eq!(invoked(&events[..3]).kinds(), ["anthropic.no-message-stop"]);
}

#[test]
fn invoke_of_other_models() {
    // {"generation":"Hi","stop_reason":null}, {"generation":"","stop_reason":"stop",METRICS}
    let read = invoked(&[
        "eyJnZW5lcmF0aW9uIjoiSGkiLCJzdG9wX3JlYXNvbiI6bnVsbH0=",
        "eyJnZW5lcmF0aW9uIjoiIiwic3RvcF9yZWFzb24iOiJzdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50IjozLCJvdXRwdXRUb2tlbkNvdW50IjoyfX0=",
    ]);
    assert_eq!(
        (read.text(), read.answer.finish_reasons[&0].as_str(), read.answer.output_tokens),
        ("Hi", "stop", Some(2))
    );
    assert_eq!((read.answer.terminator.expected, read.kinds().len()), (None, 0));
    // Nova: {"contentBlockDelta":…}, {"messageStop":…}, {"metadata":…}
    let read = invoked(&[
        "eyJjb250ZW50QmxvY2tEZWx0YSI6eyJkZWx0YSI6eyJ0ZXh0IjoiTm92YSJ9LCJjb250ZW50QmxvY2tJbmRleCI6MH19",
        "eyJtZXNzYWdlU3RvcCI6eyJzdG9wUmVhc29uIjoiZW5kX3R1cm4ifX0=",
        "eyJtZXRhZGF0YSI6eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6MSwib3V0cHV0VG9rZW5zIjo0fX19",
    ]);
    assert_eq!(
        (read.text(), read.answer.output_tokens, read.answer.terminator.own, read.kinds().len()),
        ("Nova", Some(4), true, 0)
    );
    assert_eq!(aws(&[("chunk", r#"{"bytes":"***"}"#)]).kinds(), ["bedrock.not-base64"]);
    assert_eq!(aws(&[("chunk", "{")]).kinds(), ["bedrock.not-json"]);
}

/// The fault is that `bytes` is missing; the answer is there, and it is Bedrock's.
#[test]
fn bare_objects_in_chunks() {
    let events = [
        r#"{"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let first = Record { event: "chunk", ..record(0, events[0]) };
    let chosen = choose(&Evidence { framing: Framing::AwsEventStream, ..evidence("/x", &first) }).expect("chosen");
    assert_eq!((chosen.0.name, chosen.1), ("bedrock", Confidence::Certain));
    let read = aws(&events.map(|event| ("chunk", event)));
    assert_eq!(
        (read.text(), read.answer.variant, read.kinds()),
        ("Hi", Some("anthropic.messages"), vec!["bedrock.no-bytes"])
    );
}

#[test]
fn exceptions_end_the_stream() {
    let read = aws(&[("messageStart", "{}"), ("throttlingException", r#"{"message":"Too many requests"}"#)]);
    assert_eq!((read.meanings[1].error, read.kinds()), (true, vec!["bedrock.exception"]));
    let t = &read.answer.terminator;
    assert_eq!(
        (t.seen, t.which.as_deref(), t.own, t.is_last_record),
        (true, Some("throttlingException"), false, Some(true))
    );
    assert!(read.answer.error.is_some_and(|e| e.starts_with("throttlingException") && e.contains("Too many")));
}

#[test]
fn oddities() {
    assert_eq!(
        aws(&[("messageStart", "{}"), ("x", "{}"), ("metadata", "{")]).kinds(),
        ["bedrock.no-message-stop", "bedrock.not-json", "bedrock.unknown-type"]
    );
    assert_eq!(
        aws(&[("messageStop", "[]"), ("messageStop", "{}")]).kinds(),
        ["bedrock.no-metadata", "bedrock.not-object"]
    );
}

#[test]
fn whole_answers() {
    let whole = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"outputTokens":1}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!((read.text(), read.answer.output_tokens, read.answer.terminator.expected), ("Hi", Some(1), None));
    let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"message":"denied"}"#)]);
    assert_eq!(read.answer.error.as_deref(), Some("denied"));
}

#[test]
fn recognised_by_event_name() {
    let first = Record { event: "messageStart", ..record(0, r#"{"role":"assistant"}"#) };
    let (dialect, sure, why) =
        choose(&Evidence { framing: Framing::AwsEventStream, ..evidence("/x", &first) }).expect("chosen");
    assert_eq!((dialect.name, sure), ("bedrock", Confidence::Certain));
    assert_eq!(why, "keys role");
    assert_eq!(DIALECTS.iter().filter(|d| d.name == "bedrock").count(), 1);
}
