//! Rules about Anthropic Messages streams: the numbers of blocks, what they begin with, tool calls.

use super::{anthropic, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};

/// Blocks are counted.
pub static ANT_013: Rule = Rule {
    code: "ANT-013",
    name: "block-index-gap",
    level: Level::Error,
    summary: "Blocks are numbered from 0 without gaps, in the order in which they start",
    why: "Helpers append a block to `content` when it starts, and find it by its index when a delta comes. After a gap \
        that place does not exist: IndexError in Python, TypeError in JavaScript. If an index comes again, the \
        deltas of the second block are added to the first.",
    source: "Anthropic API documentation, streaming messages: index is that of the final message's content array; \
        anthropic-python 2.14, _messages.py; omlx issue 1356, claudish issue 127",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Count the blocks that you send, not those that you got: what is left out must not leave its number.",
    bad: &[
        r#"messages; message-start; text-block
           event content_block_start "index":2,"content_block":{"type":"text","text":""}
           event content_block_delta "index":2,"delta":{"type":"text_delta","text":"Hi"}
           event content_block_stop "index":2
           stopped end_turn"#,
        "messages; message-start; text-block*2; stopped end_turn",
    ],
    good: &["good-message"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::BLOCK_INDEX, push, |found, n| {
            format!("{} out of order: index {found}", many(n, "block starts", "blocks start"))
        });
    },
    ..Rule::DEFAULT
};

/// Blocks start empty.
pub static ANT_014: Rule = Rule {
    code: "ANT-014",
    name: "block-starts-with-content",
    level: Level::Warning,
    summary: "`content_block_start` opens an empty block: text, thinking and tool input come in deltas",
    why: "Helpers keep what the start of a block has and add the deltas; readers of events take the deltas only. One \
        shows the first words, the other does not; if the first delta has them again, one shows them twice.",
    source: "Anthropic API documentation, streaming messages: content_block_start in the examples; cline issue 9215",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Start the block with an empty string (a tool with `input: {}`), and send its first part as a delta.",
    bad: &[r#"messages; message-start
           event content_block_start "index":0,"content_block":{"type":"text","text":"Good"}
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"Good"}
           block-stop; stopped end_turn"#],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, anthropic::START_WITH_CONTENT, push, |found, n| {
            format!("content_block_start carries text or input in {}: {found}", many(n, "block", "blocks"))
        });
    },
    ..Rule::DEFAULT
};

/// The stop reason agrees with the blocks.
pub static ANT_015: Rule = Rule {
    code: "ANT-015",
    name: "tool-use-without-call",
    level: Level::Warning,
    summary: "`stop_reason` is tool_use if, and only if, a block called a tool",
    why: "Agents decide by stop_reason. With tool_use and no call they have nothing to run: they stop, raise, or ask \
        again with the same words. With end_turn the turn is over for them, and the call is never made.",
    source: "Anthropic API documentation, handling stop reasons: tool_use",
    breaks: &["agents", "Claude Code"],
    fix: "Set stop_reason from the blocks that were sent; look for the adapter that dropped the call.",
    bad: &[
        "messages; message-start; text-block; stopped tool_use",
        r#"messages; message-start; tool-start; tool-input {}
           stopped end_turn"#,
    ],
    good: &[
        "good-message",
        r#"messages; message-start; tool-start; tool-input {}
           stopped tool_use"#,
        r#"messages; message-start; tool-start; tool-input {}
           stopped max_tokens"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::TOOL_USE_WITHOUT_CALL, push, |_, _| {
            "stop_reason is tool_use, and no block called a tool".into()
        });
        tell(case, anthropic::CALL_WITHOUT_TOOL_USE, push, |found, _| {
            format!("a block called a tool, and stop_reason is {found}")
        });
    },
    ..Rule::DEFAULT
};

/// Deltas fit their block.
pub static ANT_016: Rule = Rule {
    code: "ANT-016",
    name: "delta-of-another-type",
    level: Level::Error,
    summary: "A delta is of the type of its block: text_delta in a text block, thinking_delta and signature_delta in a \
        thinking block, input_json_delta in a tool block",
    why: "Helpers add a delta to its block if the types fit, and drop it if not: text or reasoning is lost without an \
        error. Others raise in the middle of the answer. Gateways that make this stream of another API's do it where \
        the model turns from reasoning to text or to a call.",
    source: "Anthropic API documentation, streaming messages: content block delta types; anthropic-python 2.14, \
        _messages.py; PostHog pull request 72287",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Stop the block and start one of the new type, with the next index, before its first delta.",
    bad: &[
        r#"messages; message-start; block-start
           event content_block_delta "index":0,"delta":{"type":"thinking_delta","thinking":"Well"}
           block-delta; block-stop; stopped end_turn"#,
        r#"messages; message-start; tool-start
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"Hi"}
           block-stop; stopped tool_use"#,
    ],
    good: &[
        "good-message",
        r#"messages; message-start; tool-start; tool-input {}
           stopped tool_use"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::DELTA_OF_ANOTHER_TYPE, push, |found, n| {
            format!("{} of another type than the block: {found}", many(n, "delta", "deltas"))
        });
    },
    ..Rule::DEFAULT
};
