//! Streams of runs, read.

use super::super::testing::{Read, chosen, read_as};
use super::*;

const DELTA: &str = r#"{"id":"msg","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":"Hi"}}]}}"#;
const WHOLE: &str = r#"{"id":"msg","object":"thread.message","content":[{"type":"text","text":{"value":"Hi"}}]}"#;
const CALL: &str = r#"{"id":"step","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}}}"#;
const NEEDS: &str = r#"{"id":"run","object":"thread.run","model":"m","required_action":{"submit_tool_outputs":{"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}}}"#;
const RUN: &str = r#"{"id":"run","object":"thread.run","model":"m","usage":{"completion_tokens":3}}"#;

fn stream(events: &[(&str, &str)]) -> Read {
    read_as(&DIALECT, Framing::Sse, events)
}

#[test]
fn a_message_is_read_once() {
    let events = [("thread.message.delta", DELTA), ("thread.message.completed", WHOLE), ("thread.run.completed", RUN)];
    let read = stream(&[&events[..], &[("done", "[DONE]")]].concat());
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hi", 1, Some(3)));
    assert_eq!((read.answer.finish_reasons[&0].as_str(), read.answer.id.as_deref()), ("completed", Some("run")));
    assert!(read.answer.terminator.own && read.kinds().is_empty());
    assert_eq!(stream(&events[1..]).text(), "Hi");
    assert_eq!(chosen("/v1/threads/t/runs", Framing::Sse, DELTA), Some("openai.assistants"));
}

#[test]
fn calls_come_in_parts_or_whole() {
    for calls in [&[("thread.run.step.delta", CALL)][..], &[]] {
        let read = stream(&[calls, &[("thread.run.requires_action", NEEDS), ("done", "[DONE]")]].concat());
        assert_eq!((read.answer.tool_names["0"].as_str(), read.answer.tool_arguments["0"].as_str()), ("f", "{}"));
        assert_eq!((read.answer.tool_deltas, read.answer.finish_reasons[&0].as_str()), (1, "requires_action"));
    }
}

#[test]
fn images_errors_and_strangers() {
    let image = DELTA.replace(r#""type":"text","text":{"value":"Hi"}"#, r#""type":"image_file","image_file":{}"#);
    let failed = RUN.replace("\"usage\"", "\"last_error\":{\"code\":\"server_error\",\"message\":\"no\"},\"usage\"");
    let read = stream(&[("thread.message.delta", &image), ("thread.run.failed", &failed), ("thread.song", "{}")]);
    assert_eq!((read.text(), read.answer.content_deltas, read.kinds()), ("", 1, vec!["assistants.unknown-type"]));
    assert!(read.meanings[1].error && read.answer.error.as_ref().is_some_and(|error| error.contains("no")));
}
