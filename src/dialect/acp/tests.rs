//! Streams and conversations of values of the SDK's classes.

use super::super::testing::{Read, chosen, evidence, head, record};
use super::super::{Confidence, choose};
use super::*;
use crate::time::Timestamp;

const SESSION: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"sessionId":"s"}}"#;
const THOUGHT: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"content":{"text":"Let me look.","type":"text"},"sessionUpdate":"agent_thought_chunk"}}}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"toolCallId":"c","title":"Reading a.txt","kind":"read","status":"pending","rawInput":{"path":"a.txt"},"sessionUpdate":"tool_call"}}}"#;
const NEWS: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"toolCallId":"c","status":"completed","content":[{"content":{"text":"data","type":"text"},"type":"content"}],"sessionUpdate":"tool_call_update"}}}"#;
const TEXT: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"content":{"text":"Hello","type":"text"},"sessionUpdate":"agent_message_chunk"}}}"#;
const USER: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"content":{"text":"Hi","type":"text"},"sessionUpdate":"user_message_chunk"}}}"#;
const PLAN: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"entries":[],"sessionUpdate":"plan"}}}"#;
const ASKS: &str = r#"{"jsonrpc":"2.0","id":7,"method":"session/request_permission","params":{"sessionId":"s","options":[],"toolCall":{"toolCallId":"c"}}}"#;
const DONE: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"stopReason":"end_turn","usage":{"totalTokens":15,"inputTokens":10,"outputTokens":5}}}"#;
const DIED: &str = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"model died"}}"#;

/// A message of either side: `>` before those of the client.
fn talk(framing: Framing, messages: &[&str]) -> Read {
    let (first, request, response) = (record(0, messages[0]), None, head(&[("Acp-Connection-Id", "c")]));
    let evidence = Evidence { framing, request, response: Some(&response), ..evidence("/acp", &first) };
    let mut reader = DIALECT.read(&evidence);
    let mut read = Read::default();
    let Read { answer, odd, meanings } = &mut read;
    for (n, data) in messages.iter().enumerate() {
        match data.strip_prefix('>') {
            Some(said) => drop(reader.asks(&Said::of(&record(n as u64, said)), answer)),
            None => meanings.push(reader.read(&record(n as u64, data), answer, &mut |o| odd.push(o))),
        }
    }
    reader.finish(true, answer, &mut |o| odd.push(o));
    read
}

#[test]
fn a_turn_on_the_stream_of_a_session() {
    let read = talk(Framing::Sse, &[PLAN, THOUGHT, CALL, ASKS, NEWS, TEXT, TEXT, DONE]);
    let a = &read.answer;
    assert_eq!((read.text(), a.reasoning_text.as_str()), ("HelloHello", "Let me look."));
    assert_eq!((a.content_deltas, a.reasoning_deltas, a.tool_deltas), (2, 1, 1), "news of a call are not generated");
    assert_eq!((a.tool_names["0"].as_str(), a.tool_arguments["0"].as_str()), ("Reading a.txt", r#"{"path":"a.txt"}"#));
    assert_eq!((a.finish_reasons[&0].as_str(), a.output_tokens), ("end_turn", Some(5)));
    assert!(a.terminator.own && a.turns.len() == 1 && a.turns[0].ended.is_some() && read.kinds().is_empty());
    let found: Vec<_> = a.rpc_elsewhere.iter().map(|e| (e.at, e.first_delta)).collect();
    assert_eq!(found, [(Timestamp(7000), Some(Timestamp(1000)))]);
}

#[test]
fn what_is_open_at_the_end() {
    for (messages, kinds, turns) in [
        (vec![TEXT], vec!["acp.no-response"], 1),
        (vec![TEXT, DONE, THOUGHT], vec!["acp.no-response"], 2),
        (vec![TEXT, DONE], vec![], 1),
        (vec![PLAN, SESSION], vec![], 0),
        // The history of a session that is loaded.
        (vec![USER, TEXT, USER, TEXT], vec![], 1),
        (
            vec!["{", "[]", r#"{"x":1}"#, "[DONE]"],
            vec!["foreign-terminator", "not-json", "not-object", "unknown-type"],
            0,
        ),
    ] {
        let read = talk(Framing::Sse, &messages);
        let kinds: Vec<_> =
            kinds.iter().map(|k| if k.contains('.') { (*k).into() } else { format!("acp.{k}") }).collect();
        assert_eq!((read.kinds(), read.answer.turns.len()), (kinds.iter().map(String::as_str).collect(), turns));
        assert_eq!(read.answer.terminator.expected.is_some(), turns > 0, "{messages:?}");
    }
}

#[test]
fn errors_are_of_the_turn_that_goes_on() {
    for messages in [&[DIED][..], &[TEXT, DIED]] {
        let read = talk(Framing::Sse, messages);
        assert!(read.answer.turns[0].error.as_ref().unwrap().contains("model died") && read.answer.turns.len() == 1);
        assert!(read.meanings.last().unwrap().error && read.kinds().is_empty());
    }
}

#[test]
fn a_conversation_over_a_websocket() {
    let prompt = |id: u32, session: &str| {
        format!(
            r#">{{"jsonrpc":"2.0","id":{id},"method":"session/prompt","params":{{"sessionId":"{session}","prompt":[]}}}}"#
        )
    };
    let (other, of_other) = (prompt(3, "t"), TEXT.replace("\"s\"", "\"t\"").replace("Hello", "Other"));
    let done = DONE.replace("\"id\":2", "\"id\":3");
    let new = r#">{"jsonrpc":"2.0","id":1,"method":"session/new","params":{"cwd":"/"}}"#;
    let first = prompt(2, "s");
    let read = talk(Framing::WebSocket, &[new, SESSION, &first, &other, &of_other, THOUGHT, &done, TEXT, DIED]);
    let turns: Vec<_> = read.answer.turns.iter().map(|t| (t.lane.as_deref(), t.asked, t.first_delta)).collect();
    let at = |n: i64| Some(Timestamp(n * 1000));
    assert_eq!(turns, [(Some("s"), at(2), at(5)), (Some("t"), at(3), at(4))]);
    assert_eq!((read.answer.texts[&0].as_str(), read.answer.texts[&1].as_str()), ("Hello", "Other"));
    assert!(read.answer.turns[0].error.is_some() && read.answer.turns[1].finish.as_deref() == Some("end_turn"));
    assert!(read.answer.turns.iter().all(|turn| turn.ended.is_some()) && read.kinds().is_empty());
    assert!(read.answer.rpc_elsewhere.is_empty(), "all of it is one exchange");
    let open = talk(Framing::WebSocket, &[SESSION, &first]);
    assert_eq!((open.answer.turns.len(), open.kinds()), (1, vec!["acp.no-response"]), "asked for, and never begun");
}

#[test]
fn recognised_by_its_fields_and_words() {
    for message in [TEXT, ASKS] {
        assert_eq!(chosen("/x", Framing::Sse, message), Some("acp"));
        assert_eq!(chosen("/x", Framing::WebSocket, message), Some("acp"));
    }
    assert_ne!(chosen("/x", Framing::Sse, SESSION), Some("acp"), "JSON-RPC of any sort");
    let (record, head) = (record(0, SESSION), head(&[("acp-connection-id", "c")]));
    let got = choose(&Evidence { method: Some("GET"), response: Some(&head), ..evidence("/acp", &record) });
    assert_eq!(got.map(|(dialect, sure, _)| (dialect.name, sure)), Some(("acp", Confidence::Certain)));
}
