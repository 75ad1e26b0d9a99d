//! Sessions of values of google-genai's `LiveServerMessage`.

use super::super::testing::{chosen, read_as, record};
use super::*;

const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k";

#[test]
fn turns_of_a_session() {
    let messages = [
        r#"{"setupComplete":{"sessionId":"s1"}}"#,
        r#"{"serverContent":{"modelTurn":{"parts":[{"text":"Hm.","thought":true}]}}}"#,
        r#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AAAA"}}]}}}"#,
        r#"{"serverContent":{"outputTranscription":{"text":"Hi"}}}"#,
        r#"{"serverContent":{"turnComplete":true},"usageMetadata":{"responseTokenCount":2,"thoughtsTokenCount":3}}"#,
        r#"{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":{"a":1}},{"id":"2","name":"g","args":{}}]}}"#,
        r#"{"toolCallCancellation":{"ids":["2"]}}"#,
        r#"{"goAway":{"timeLeft":"10s"}}"#,
        r#"{"sessionResumptionUpdate":{}}"#,
    ];
    let read = read_as(&DIALECT, Framing::WebSocket, &messages.map(|m| ("", m)));
    let a = &read.answer;
    assert_eq!((read.text(), a.reasoning_text.as_str(), a.output_tokens), ("Hi", "Hm.", Some(5)));
    assert_eq!((a.tool_arguments["0"].as_str(), a.tool_names["1"].as_str()), (r#"{"a":1}"#, "g"));
    assert_eq!((a.finish_reasons[&0].as_str(), a.end, a.id.as_deref()), ("turnComplete", End::Body, Some("s1")));
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
    for message in messages {
        assert_eq!(chosen(PATH, Framing::WebSocket, message), Some("gemini.live"), "{message}");
    }
    assert_eq!(chosen("/x", Framing::WebSocket, messages[3]), Some("gemini.live"));
    let odd = read_as(&DIALECT, Framing::WebSocket, &[("", "{"), ("", "[]"), ("", r#"{"x":1}"#)]);
    assert_eq!(odd.kinds(), ["not-json", "not-object", "unknown-type"].map(|k| format!("gemini-live.{k}")));
}

#[test]
fn a_turn_that_is_open_owes_its_end() {
    let part = r#"{"serverContent":{"modelTurn":{"parts":[{"text":"Hi"}]}}}"#;
    let open = read_as(&DIALECT, Framing::WebSocket, &[("", part)]);
    assert_eq!(open.answer.end, End::Terminator("turnComplete"));
    let stopped =
        read_as(&DIALECT, Framing::WebSocket, &[("", part), ("", r#"{"serverContent":{"interrupted":true}}"#)]);
    assert_eq!((stopped.answer.end, stopped.answer.finish_reasons[&0].as_str()), (End::Body, "interrupted"));
}

#[test]
fn what_asks() {
    for (message, want) in [
        (r#"{"setup":{"model":"m"}}"#, false),
        (r#"{"clientContent":{"turns":[],"turnComplete":true}}"#, true),
        (r#"{"clientContent":{"turns":[]}}"#, false),
        (r#"{"realtimeInput":{"text":"Hello"}}"#, true),
        (r#"{"realtimeInput":{"audio":{"data":"AAAA"}}}"#, false),
        (r#"{"realtimeInput":{"activityEnd":{}}}"#, true),
        (r#"{"toolResponse":{"functionResponses":[]}}"#, true),
        ("{", false),
    ] {
        let said = Said::of(&record(0, message));
        assert_eq!(Live::default().asks(&said, &mut Answer::default()), want, "{message}");
    }
}
