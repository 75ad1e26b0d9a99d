//! Streams written after the vendor's "Streaming messages", and each way off it.

use super::super::testing::{Read, chosen, read_as};
use super::*;

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"c","stop_reason":null,"usage":{"input_tokens":5,"output_tokens":1}}}"#;
const BLOCK: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const PING: &str = r#"{"type":"ping"}"#;
const TEXT: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
const BLOCK_STOP: &str = r#"{"type":"content_block_stop","index":0}"#;
const DELTA: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

/// Read events, each named by its own type.
fn stream(events: &[&str]) -> Read {
    let name = |json: &str| {
        serde_json::from_str::<serde_json::Value>(json)
            .ok()
            .and_then(|v| v["type"].as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let names: Vec<_> = events.iter().map(|json| name(json)).collect();
    let named: Vec<_> = names.iter().map(String::as_str).zip(events.iter().copied()).collect();
    read_as(&DIALECT, Framing::Sse, &named)
}

#[test]
fn a_clean_stream() {
    let read = stream(&[START, BLOCK, PING, TEXT, TEXT, BLOCK_STOP, DELTA, STOP]);
    assert_eq!(
        (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
        ("HiHi", 2, "end_turn")
    );
    assert_eq!(
        (read.answer.id.as_deref(), read.answer.model.as_deref(), read.answer.output_tokens),
        (Some("msg_1"), Some("c"), Some(9))
    );
    assert_eq!(read.answer.usage, Some(serde_json::json!({"input_tokens": 5, "output_tokens": 9})));
    let t = &read.answer.terminator;
    assert_eq!(
        (t.expected, t.which.as_deref(), t.own, t.is_last_record),
        (Some("message_stop"), Some("message_stop"), true, Some(true))
    );
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
}

#[test]
fn thinking_and_tools() {
    let tool = r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    let input =
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#;
    let empty = r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#;
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#;
    let think = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
    let sign = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#;
    let stop = r#"{"type":"content_block_stop","index":1}"#;
    let read = stream(&[
        START,
        block,
        think,
        sign,
        BLOCK_STOP,
        tool,
        empty,
        input,
        stop,
        &DELTA.replace("end_turn", "tool_use"),
        STOP,
    ]);
    assert_eq!(
        (read.answer.reasoning_text.as_str(), read.answer.reasoning_deltas, read.answer.tool_deltas),
        ("hm", 1, 1)
    );
    assert_eq!((read.answer.tool_names["1"].as_str(), read.answer.tool_arguments["1"].as_str()), ("f", "{\"a\":1}"));
    assert!(read.kinds().is_empty(), "{:?}", read.kinds());
}

#[test]
fn an_error_ends_the_stream() {
    let read =
        stream(&[START, BLOCK, TEXT, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#]);
    let t = &read.answer.terminator;
    assert_eq!((t.seen, t.which.as_deref(), t.own, t.is_last_record), (true, Some("error"), false, Some(true)));
    assert!(read.answer.error.as_deref().is_some_and(|e| e.contains("overloaded_error")) && read.kinds().is_empty());
}

#[test]
fn order_is_watched() {
    for (events, kinds) in [
        (vec![BLOCK, TEXT, BLOCK_STOP, DELTA, STOP], vec!["anthropic.no-message-start"]),
        (vec![START, START, BLOCK, TEXT, BLOCK_STOP, DELTA, STOP], vec!["anthropic.message-start-repeated"]),
        (vec![START, BLOCK, TEXT, BLOCK_STOP, DELTA], vec!["anthropic.no-message-stop"]),
        (
            vec![START, BLOCK, TEXT, BLOCK_STOP, DELTA, STOP, TEXT],
            vec!["anthropic.after-message-stop", "anthropic.delta-without-block"],
        ),
        (vec![START, TEXT, DELTA, STOP], vec!["anthropic.delta-without-block"]),
        (
            vec![START, BLOCK, BLOCK, TEXT, BLOCK_STOP, BLOCK_STOP, DELTA, STOP],
            vec!["anthropic.block-started-twice", "anthropic.stopped-twice"],
        ),
        (vec![START, BLOCK, TEXT, DELTA, STOP], vec!["anthropic.block-not-stopped"]),
        (vec![START, DELTA, STOP, PING], vec![]),
        (vec![START, DELTA, STOP, "[DONE]"], vec!["anthropic.foreign-terminator"]),
        (vec![START, r#"{"type":"brand_new"}"#, DELTA, STOP], vec!["anthropic.unknown-type"]),
        (
            vec![START, BLOCK, &TEXT.replace("text_delta", "new_delta"), BLOCK_STOP, DELTA, STOP],
            vec!["anthropic.unknown-delta"],
        ),
        (
            vec![START, r#"{"type":"message_delta","delta":{}}"#, STOP],
            vec!["anthropic.no-stop-reason", "anthropic.no-usage"],
        ),
        (vec![START, "{", "[]", DELTA, STOP], vec!["anthropic.not-json", "anthropic.not-object"]),
    ] {
        assert_eq!(stream(&events).kinds(), kinds, "{events:?}");
    }
}

/// Helpers find a block by its place in the list of those that were started.
#[test]
fn blocks_are_counted() {
    let at = |json: &str, index: u32| json.replace("\"index\":0", &format!("\"index\":{index}"));
    let block = |index| [at(BLOCK, index), at(TEXT, index), at(BLOCK_STOP, index)];
    let kinds = |blocks: &[u32]| {
        let events: Vec<String> = blocks.iter().flat_map(|index| block(*index)).collect();
        let all: Vec<&str> =
            [START].into_iter().chain(events.iter().map(String::as_str)).chain([DELTA, STOP]).collect();
        stream(&all).kinds()
    };
    assert_eq!(kinds(&[0, 1, 2]), [""; 0]);
    for odd in [&[0, 2][..], &[1], &[0, 0], &[0, 2, 1]] {
        assert_eq!(kinds(odd), ["anthropic.block-index"], "{odd:?}");
    }
    let stray = at(BLOCK_STOP, 1);
    let read = stream(&[START, BLOCK, TEXT, BLOCK_STOP, &stray, DELTA, STOP]);
    assert_eq!(read.kinds(), ["anthropic.stop-without-block"]);
}

#[test]
fn blocks_start_empty() {
    let full = BLOCK.replace("\"text\":\"\"", "\"text\":\"Hi\"");
    let read = stream(&[START, &full, TEXT, BLOCK_STOP, DELTA, STOP]);
    assert_eq!((read.kinds(), read.text()), (vec!["anthropic.start-with-content"], "HiHi"));
    // The result of a server's tool comes whole.
    let result = BLOCK.replace("\"type\":\"text\"", "\"type\":\"web_search_tool_result\"");
    assert_eq!(stream(&[START, &result, BLOCK_STOP, DELTA, STOP]).kinds(), [""; 0]);
}

#[test]
fn the_stop_reason_agrees_with_the_blocks() {
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    let server = tool.replace("tool_use", "server_tool_use");
    let kinds = |block: &str, reason: &str| {
        stream(&[START, block, BLOCK_STOP, &DELTA.replace("end_turn", reason), STOP]).kinds()
    };
    assert_eq!(kinds(BLOCK, "tool_use"), ["anthropic.tool-use-without-call"]);
    assert_eq!(kinds(tool, "end_turn"), ["anthropic.call-without-tool-use"]);
    for (block, reason) in [(tool, "tool_use"), (tool, "max_tokens"), (&server, "end_turn"), (BLOCK, "refusal")] {
        assert_eq!(kinds(block, reason), [""; 0], "{reason}");
    }
}

#[test]
fn event_names_are_compared() {
    let read = read_as(&DIALECT, Framing::Sse, &[("message_start", START), ("x", DELTA), ("", STOP)]);
    assert_eq!(read.kinds(), ["anthropic.event-differs-from-type", "anthropic.no-event"]);
    let read = read_as(&DIALECT, Framing::Sse, &[("message_start", START), ("message_stop", "{}")]);
    let kinds = vec!["anthropic.no-message-delta", "anthropic.no-type"];
    assert_eq!((read.kinds(), read.answer.terminator.own), (kinds, true), "the event's name serves");
}

#[test]
fn a_whole_message() {
    let whole = r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
    assert_eq!(
        (read.text(), read.answer.reasoning_text.as_str(), read.answer.tool_arguments["2"].as_str()),
        ("Hi", "hm", "{\"a\":1}")
    );
    assert_eq!(
        (read.answer.content_deltas, read.answer.output_tokens, read.answer.terminator.seen, read.kinds()),
        (1, Some(2), false, vec![])
    );
    let read = read_as(
        &DIALECT,
        Framing::Json,
        &[("", r#"{"type":"error","error":{"type":"not_found_error","message":"x"}}"#)],
    );
    assert_eq!(
        (read.answer.error.is_some(), read.answer.terminator.seen, read.answer.content_deltas),
        (true, false, 0)
    );
}

#[test]
fn recognised_by_types_names_or_path() {
    assert_eq!(chosen("/x", Framing::Sse, START), Some("anthropic.messages"));
    assert_eq!(chosen("/v1/messages", Framing::Sse, PING), Some("anthropic.messages"));
    assert_eq!(
        chosen("/x", Framing::Json, r#"{"type":"message","role":"assistant","content":[],"stop_reason":null}"#),
        Some("anthropic.messages")
    );
    assert_eq!(chosen("/v1/threads/t1/messages", Framing::Json, r#"{"object":"thread.message"}"#), None);
}

#[test]
fn a_figure_that_comes_as_null_takes_nothing_back() {
    let late = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":9}}"#;
    let read = stream(&[START, BLOCK, TEXT, BLOCK_STOP, late, STOP]);
    assert_eq!(read.answer.usage, Some(serde_json::json!({"input_tokens": 5, "output_tokens": 9})));
    let none = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":null}}"#;
    let read = stream(&[START, BLOCK, TEXT, BLOCK_STOP, none, STOP]);
    assert_eq!(
        (read.answer.output_tokens, read.answer.usage),
        (Some(1), Some(serde_json::json!({"input_tokens": 5, "output_tokens": 1})))
    );
}

#[test]
fn hidden_thinking_shows_without_text() {
    let think = |tokens| {
        format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"thinking_delta","thinking":"","estimated_tokens":{tokens}}}}}"#
        )
    };
    let (a, b) = (think(100), think(50));
    let events = [
        ("message_start", START),
        (
            "content_block_start",
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        ),
        ("content_block_delta", a.as_str()),
        ("content_block_delta", b.as_str()),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
    ];
    let hidden = read_as(&DIALECT, Framing::Sse, &events);
    assert_eq!(hidden.answer.reasoning_sign, Some(super::super::testing::record(1, "").at));
    assert!(hidden.answer.reasoning_deltas == 0 && !hidden.answer.hidden_later);
    assert!(hidden.odd.find(UNKNOWN_DELTA).is_none());
}

#[test]
fn a_fallback_names_the_model_that_goes_on() {
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"fallback","from":{"model":"a"},"to":{"model":"b"},"trigger":{"type":"refusal"}}}"#;
    let compaction =
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"A summary"}}"#;
    let read = read_as(
        &DIALECT,
        Framing::Sse,
        &[
            ("message_start", START),
            ("content_block_start", block),
            ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"compaction","content":null}}"#,
            ),
            ("content_block_delta", compaction),
            ("content_block_stop", r#"{"type":"content_block_stop","index":1}"#),
        ],
    );
    assert_eq!((read.answer.successors.as_slice(), read.text()), (["b".to_owned()].as_slice(), ""));
    assert_eq!(read.kinds(), ["anthropic.no-message-stop"]);
}

#[test]
fn deltas_are_of_the_type_of_their_block() {
    let block =
        |kind: &str| format!(r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"{kind}"}}}}"#);
    let delta = |kind: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}"}}}}"#);
    let differs = |of: &str, kind: &str| {
        let read = stream(&[START, &block(of), &delta(kind), BLOCK_STOP, DELTA, STOP]);
        read.found(DELTA_OF_ANOTHER_TYPE).map(str::to_owned)
    };
    let found = "thinking_delta in block 0, a text block";
    assert_eq!(differs("text", "thinking_delta").as_deref(), Some(found));
    let fits = [
        ("text", "text_delta citations_delta"),
        ("thinking", "thinking_delta signature_delta"),
        ("tool_use", "input_json_delta"),
        ("server_tool_use", "input_json_delta"),
    ];
    for (of, deltas) in fits {
        for (_, kinds) in fits {
            for kind in kinds.split(' ') {
                assert_eq!(differs(of, kind).is_some(), !deltas.contains(kind), "{kind} in {of}");
            }
        }
        // What is not known says nothing.
        assert_eq!((differs(of, "new_delta"), differs("new_block", deltas)), (None, None));
    }
}
