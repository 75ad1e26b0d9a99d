//! Rules about Anthropic Messages streams: errors, names, tool input, silence.

use super::{anthropic, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};

/// Errors are written so that clients see them.
pub static ANT_007: Rule = Rule {
    code: "ANT-007",
    name: "unseen-error",
    level: Level::Error,
    summary: "An error is `event: error` with `{\"type\":\"error\",\"error\":{\"type\":…,\"message\":…}}`",
    why: "SDKs pick errors by the SSE event line. An error without it, or in another shape, is skipped: the answer \
        ends early and the program takes the half for the whole.",
    source: "Anthropic API documentation, streaming messages: error events; anthropic-python 2.12 and -typescript \
        1.12, tested",
    breaks: &["anthropic-python", "anthropic-typescript"],
    fix: "Write `event: error` before the data line, and Anthropic's error object into it, not OpenAI's.",
    bad: &[
        r#"messages; message-start
           <chunk data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n
           last"#,
        r#"messages; message-start; <chunk event: error\ndata: {"error":"overloaded"}\n\n
           last"#,
    ],
    good: &[
        "good-message",
        r#"messages; message-start; event error "error":{"type":"overloaded_error","message":"Overloaded"}
           last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, anthropic::ERROR_SHAPE, push, |found, _| format!("clients won't see this error: {found}"))
    },
    ..Rule::DEFAULT
};

/// Names from the documentation.
pub static ANT_008: Rule = Rule {
    code: "ANT-008",
    name: "unknown-event-type",
    level: Level::Info,
    summary: "Event, block and delta types are those of the documentation",
    why: "New ones may appear at any time and clients are asked to ignore them; most do, the AI SDK's Anthropic \
        provider raises.",
    source: "Anthropic API documentation, versioning policy, and streaming messages: other events",
    breaks: &["ai-sdk anthropic"],
    fix: "Send your own data as comments or in a header; in a client, ignore types that you don't know.",
    bad: &[
        "messages; message-start; event usage_report
         text-block; message-delta end_turn; message-stop; last",
        r#"messages; message-start; block-start
           event content_block_delta "index":0,"delta":{"type":"token_delta","text":"Hi"}
           block-stop; stopped end_turn"#,
    ],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, anthropic::UNKNOWN_TYPE, push, |found, _| format!("event type {found}"));
        tell(case, anthropic::UNKNOWN_DELTA, push, |found, _| format!("delta type {found}"));
        tell(case, anthropic::UNKNOWN_BLOCK, push, |found, _| format!("block type {found}"));
    },
    ..Rule::DEFAULT
};

/// No terminator of another API.
pub static ANT_009: Rule = Rule {
    code: "ANT-009",
    name: "done-on-messages",
    level: Level::Warning,
    summary: "No `[DONE]`: `message_stop` is the end",
    why: "`[DONE]` belongs to chat completions. SDKs skip it because it has no event line. Clients that parse every \
        payload raise after a complete answer, and proxies for Claude Code have to remove it.",
    source: "Anthropic API documentation, streaming messages, which has no such event; free-claude-code issue 43",
    breaks: &["Claude Code behind some proxies", "clients that parse every payload"],
    fix: "End the body after message_stop.",
    bad: &["messages; message-start; text-block; message-delta end_turn; message-stop; done; last"],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| tell(case, anthropic::FOREIGN_TERMINATOR, push, |_, _| "`[DONE]` in a Messages stream".into()),
    ..Rule::DEFAULT
};

/// The pieces of a call fit.
pub static ANT_010: Rule = Rule {
    code: "ANT-010",
    name: "tool-input-not-json",
    level: Level::Warning,
    summary: "The `input_json_delta` pieces of a block join to one JSON value (info where the request asks for them unchecked)",
    why: "The pieces are parsed at content_block_stop and the tool is called with the result. Pieces that overlap, \
        repeat or miss a part make the call fail, far from the cause. An answer that reached max_tokens may end \
        within a call; the rule does not apply to it. With `eager_input_streaming` the server does not check the \
        JSON, and the client must expect that it is broken.",
    source: "Anthropic API documentation, streaming messages: input JSON delta",
    breaks: &["agents", "anthropic-python helper", "Claude Code"],
    fix: "Pass the model's argument text on as it comes, each character once; look for a relay that sends the whole \
        text with each piece.",
    bad: &[
        r#"messages; message-start; tool-start; tool-input {\\"a\\":{\\"a\\":1}
           stopped tool_use"#,
        r#"messages; message-start; tool-start; tool-input {\\"a\\":}
           stopped tool_use"#,
    ],
    good: &[
        r#"messages; message-start; tool-start; tool-input {\\"a\\":1}
           stopped tool_use"#,
        r#"messages; message-start; tool-start; tool-input {\\"a\\":
           stopped max_tokens"#,
    ],
    silenced_by: &["ANT-002"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::INPUT_NOT_JSON, push, |found, _| format!("a tool's input is not JSON: {found}"));
        if case.stream().is_some() {
            case.tell(anthropic::INPUT_UNCHECKED, Some(Level::Info), push, |odd, _| {
                format!("a tool's input, which was asked for as it comes, is not JSON: {}", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// Pings come while nothing else does.
pub static ANT_011: Rule = Rule {
    code: "ANT-011",
    name: "silence-without-ping",
    level: Level::Info,
    summary: "While nothing else comes there is a `ping` at least every 30 seconds",
    why: "Load balancers and proxies close what is silent for 30 to 60 seconds. The documentation promises pings but \
        names no interval; the first load balancers give up after 30 seconds.",
    source: "Anthropic API documentation, streaming messages: ping events; kolega-code issue 152 (30 s: proposed \
        here, not documented)",
    breaks: &["AWS ALB (60 s)", "nginx proxy_read_timeout (60 s)", "CloudFront (30 s)"],
    fix: "Send `event: ping` from a timer of 15 seconds that is reset by each event.",
    bad: &["messages; message-start; wait 31s; text-block; message-delta end_turn; message-stop; last"],
    good: &[
        "good-message",
        "messages; message-start; wait 20s; event ping
         wait 20s; text-block; message-delta end_turn; message-stop; last",
    ],
    // The wait for a ping is longer than the one for a keep-alive.
    also: &[("DLV-007", Level::Warning)],
    needs_all_bytes: true,
    check: |case, push| {
        // Comments keep a connection alive as well.
        if case.response().is_some_and(|r| r.comments == 0) {
            tell(case, anthropic::SILENCE, push, |found, _| format!("{found} without an event"));
        }
    },
    ..Rule::DEFAULT
};

/// Each payload says what it is.
pub static ANT_012: Rule = Rule {
    code: "ANT-012",
    name: "message-event-without-type",
    level: Level::Error,
    summary: "Every payload has its `type`, and not only the event line",
    why: "SDKs choose the parser by the event line and then build the object by the `type` in the JSON. Without it \
        they build nothing: the raw stream of both SDKs brings no text, and their helpers and the AI SDK raise.",
    source: "Anthropic API documentation, streaming messages; anthropic-python 2.12 and -typescript 1.12, tested",
    breaks: &["anthropic-python", "anthropic-typescript", "ai-sdk anthropic"],
    fix: "Write the event's name into the JSON as `type`, ping included.",
    bad: &[
        r#"messages; message-start; text-block; message-delta end_turn
           <chunk event: message_stop\ndata: {}\n\n
           last"#,
        r#"messages; message-start; block-start
           <chunk event: content_block_delta\ndata: {"index":0,"delta":{"type":"text_delta","text":"Hi"}}\n\n
           block-stop; stopped end_turn"#,
    ],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, anthropic::NO_TYPE, push, |_, n| format!("{} without `type`", many(n, "event", "events")))
    },
    ..Rule::DEFAULT
};
