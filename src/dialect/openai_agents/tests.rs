//! Streams of sessions, read.

use super::super::testing::{Read, chosen, read_as};
use super::*;

const CREATED: &str = r#"{"type":"agent.session.turn.created","session_id":"s","turn_id":"t1","turn":{"id":"t1"}}"#;
const DELTA: &str = r#"{"type":"agent.session.turn.output_text.delta","session_id":"s","turn_id":"t1","item_id":"m","content_index":0,"delta":"Hi"}"#;
const DONE: &str = r#"{"type":"agent.session.turn.output_text.done","session_id":"s","turn_id":"t1","item_id":"m","content_index":0,"text":"Hi"}"#;
const ITEM: &str = r#"{"type":"agent.session.turn.item.done","session_id":"s","turn_id":"t1","item":{"id":"m","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}}"#;
const CALL: &str = r#"{"type":"agent.session.turn.item.done","session_id":"s","turn_id":"t1","item":{"id":"c","type":"command_execution","command":"ls","status":"completed","output":"a"}}"#;
const END: &str =
    r#"{"type":"agent.session.turn.completed","session_id":"s","turn_id":"t1","turn":{},"usage":{"output_tokens":7}}"#;

fn stream(events: &[&str]) -> Read {
    let events: Vec<_> = events.iter().map(|event| ("", *event)).collect();
    read_as(&DIALECT, Framing::Sse, &events)
}

#[test]
fn a_turn_is_read_once() {
    let added = CALL.replace("item.done", "item.added");
    let read =
        stream(&[CREATED, DELTA, DONE, ITEM, &added, CALL, END, r#"{"type":"agent.session.idle","session":{}}"#]);
    assert_eq!((read.text(), read.answer.content_deltas, read.answer.tool_deltas), ("Hi", 1, 1));
    assert_eq!(
        (read.answer.tool_names["0"].as_str(), read.answer.tool_arguments["0"].as_str()),
        ("command_execution", "ls")
    );
    assert_eq!((read.answer.output_tokens, read.answer.finish_reasons[&0].as_str()), (Some(7), "completed"));
    assert!(read.kinds().is_empty() && read.answer.turns.len() == 1 && read.answer.turns[0].ended.is_some());
    assert_eq!(stream(&[CREATED, ITEM, END]).text(), "Hi");
    assert_eq!(chosen("/v1/agents/sessions/s/events", Framing::Sse, DELTA), Some("openai.agents"));
}

#[test]
fn turns_of_subagents_lie_among_those_of_the_agent() {
    let other = |event: &str| event.replace("\"t1\"", "\"t2\"").replace("\"m\"", "\"o\"").replace("Hi", "Oh");
    let read = stream(&[CREATED, &other(CREATED), DELTA, &other(DELTA), &other(END), DELTA, END]);
    assert_eq!((read.answer.texts[&0].as_str(), read.answer.texts[&1].as_str()), ("HiHi", "Oh"));
    assert!(read.answer.turns.iter().all(|turn| turn.ended.is_some()));
}

#[test]
fn what_fails_and_what_is_not_known() {
    let failed = END.replace("completed", "failed").replace(r#""turn":{}"#, r#""turn":{"error":{"message":"no"}}"#);
    let read = stream(&[CREATED, DELTA, &failed]);
    assert!(read.meanings[2].error && read.answer.error.as_ref().is_some_and(|error| error.contains("no")));
    let read = stream(&[CREATED, &DELTA.replace("output_text", "output_song"), END]);
    assert_eq!((read.kinds(), read.answer.content_deltas), (vec!["openai-agents.unknown-type"], 1));
}
