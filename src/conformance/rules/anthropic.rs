//! Rules about Anthropic Messages streams: the frame of the message, its blocks, its figures.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::anthropic::{DIALECT, kinds as anthropic};
use crate::http::event::MessageEnd;
use crate::oddity::Kind;

mod blocks;
mod events;

pub use blocks::{ANT_013, ANT_014, ANT_015, ANT_016};
pub use events::{ANT_007, ANT_008, ANT_009, ANT_010, ANT_011, ANT_012};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &ANT_001, &ANT_002, &ANT_003, &ANT_004, &ANT_005, &ANT_006, &ANT_007, &ANT_008, &ANT_009, &ANT_010, &ANT_011,
    &ANT_012, &ANT_013, &ANT_014, &ANT_015, &ANT_016,
];

/// One message from its start to its stop.
pub static ANT_001: Rule = Rule {
    code: "ANT-001",
    name: "broken-message-frame",
    level: Level::Error,
    summary: "`message_start` comes first and once, `message_stop` last and once",
    why: "SDKs build the message from these two: without message_start the first delta has nothing to be added to \
        and helpers raise; without message_stop the TypeScript helper raises at the end and a client can't tell a \
        whole answer from a lost connection. An `event: error` in the stream ends it too; then message_stop is not \
        required.",
    source: "Anthropic API documentation, streaming messages: event types",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Open with message_start (with usage), close with message_delta and message_stop, and send nothing after it, \
        no [DONE] either.",
    bad: &[
        "messages; message-start; text-block; message-delta end_turn; wait 60s; !fin >",
        "messages; text-block; message-delta end_turn; message-stop; last",
        "messages; message-start*2; text-block; message-delta end_turn; message-stop; last",
        "messages; message-start; text-block; message-delta end_turn; last",
        "messages; message-start; text-block; message-delta end_turn; message-stop; text-block; last",
    ],
    good: &[
        "good-message",
        r#"messages; message-start; event-now error "error":{"type":"overloaded_error","message":"Overloaded"}
           last"#,
        "messages; message-start; text-block; !rst >",
    ],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        case.tell(anthropic::NO_MESSAGE_START, None, push, |odd, _| {
            format!("the stream does not begin with message_start: {}", odd.found)
        });
        case.tell(anthropic::MESSAGE_START_REPEATED, None, push, |_, n| format!("message_start came {} times", n + 1));
        case.tell(anthropic::AFTER_MESSAGE_STOP, None, push, |odd, n| {
            format!("{} after message_stop: {}", many(n, "event", "events"), odd.found)
        });
        // What is missing because of an error or a cut is not another fault.
        if response.end == MessageEnd::Complete && response.answer.error.is_none() {
            case.tell(anthropic::NO_MESSAGE_STOP, None, push, |_, _| "the stream ends without message_stop".into());
        }
        let answer = &response.answer;
        let last = response.deltas.last().map(|delta| delta.at);
        let concluded = !answer.finish_reasons.is_empty() && !answer.terminator.seen && answer.error.is_none();
        let of_this = case.dialect().is_some_and(|d| std::ptr::eq(d, &DIALECT));
        if of_this && concluded && response.end == MessageEnd::CutByClient && case.gave_up_after(last) {
            push(Finding::at_end(
                response,
                "message_delta came, message_stop did not, and the body was left open: clients wait for their timeout",
            ));
        }
    },
    ..Rule::DEFAULT
};

/// A delta belongs to a block.
pub static ANT_002: Rule = Rule {
    code: "ANT-002",
    name: "delta-without-block",
    level: Level::Error,
    summary: "Every delta names the index of a block that `content_block_start` opened",
    why: "Accumulators add a delta to `content[index]`. If no block was opened, that place does not exist: \
        IndexError in Python, TypeError in JavaScript, in the middle of the answer.",
    source: "Anthropic API documentation, streaming messages: content block delta; anthropic-python 2.12 and \
        -typescript 1.12, tested",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code"],
    fix: "Send content_block_start with the block's index and type before its first delta; number blocks from 0.",
    bad: &[
        "messages; message-start; block-delta; message-delta end_turn; message-stop; last",
        r#"messages; message-start; block-start
           event content_block_delta "delta":{"type":"text_delta","text":"Hi"}
           block-stop; stopped end_turn"#,
    ],
    good: &["good-message"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::DELTA_WITHOUT_BLOCK, push, |found, n| {
            format!("{} for {found}", many(n, "delta", "deltas"))
        });
        tell(case, anthropic::INDEX_MISSING, push, |_, n| {
            format!("{} without an integer index", many(n, "event", "events"))
        });
    },
    ..Rule::DEFAULT
};

/// Blocks are closed.
pub static ANT_003: Rule = Rule {
    code: "ANT-003",
    name: "block-not-stopped",
    level: Level::Error,
    summary: "A block is stopped that was started, once (a warning if it is still open when `message_delta` comes)",
    why: "Helpers look up the block at its content_block_stop: for one that was never started anthropic-python raises \
        IndexError. A block that is started twice is there twice in the final message. Agents start a tool when its \
        block is stopped: if that never comes, the call is never made.",
    source: "Anthropic API documentation, streaming messages: event types; anthropic-python 2.14, _messages.py",
    breaks: &["anthropic-python helper", "agents that act at content_block_stop", "Claude Code"],
    fix: "Send content_block_stop with the index after the block's last delta and before message_delta.",
    bad: &[
        "messages; message-start; block-start; block-delta; stopped end_turn",
        r#"messages; message-start; text-block; event content_block_stop "index":1
           stopped end_turn"#,
    ],
    good: &["good-message"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::STOP_WITHOUT_BLOCK, push, |found, _| format!("stopped and never started: {found}"));
        let mild = [
            (anthropic::BLOCK_NOT_STOPPED, "still open at the end of the message"),
            (anthropic::STOPPED_TWICE, "stopped again"),
        ];
        for (kind, what) in mild.into_iter().filter(|_| case.stream().is_some()) {
            case.tell(kind, Some(Level::Warning), push, |odd, _| format!("{what}: {}", odd.found));
        }
        tell(case, anthropic::BLOCK_STARTED_TWICE, push, |found, _| format!("started while it was open: {found}"));
    },
    ..Rule::DEFAULT
};

/// Why it stopped, and what it cost.
pub static ANT_004: Rule = Rule {
    code: "ANT-004",
    name: "incomplete-message-delta",
    level: Level::Error,
    summary: "`message_delta` comes before `message_stop`, with `delta.stop_reason` and `usage`",
    why: "Accumulators read `usage.output_tokens` of that event without asking whether it is there, and agents \
        decide by stop_reason whether to run a tool. Without them SDKs raise at the end of a complete answer.",
    source: "Anthropic API documentation, streaming messages: message_delta; pi issue 6567; free-claude-code issue 209",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code", "pi"],
    fix: "Send one message_delta with the stop_reason and at least `usage: {\"output_tokens\": N}`, an estimate if \
        you have no exact count.",
    bad: &[
        "messages; message-start; text-block; message-stop; last",
        r#"messages; message-start; text-block
           event message_delta "delta":{"stop_reason":"end_turn","stop_sequence":null}
           message-stop; last"#,
        r#"messages; message-start; text-block; event message_delta "delta":{},"usage":{"output_tokens":3}
           message-stop; last"#,
    ],
    good: &["good-message"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, anthropic::NO_MESSAGE_DELTA, push, |_, _| "message_stop without a message_delta before it".into());
        tell(case, anthropic::NO_USAGE, push, |_, _| "message_delta without usage".into());
        tell(case, anthropic::NO_STOP_REASON, push, |found, _| {
            format!("message_delta without a stop_reason (delta {found})")
        });
    },
    ..Rule::DEFAULT
};

/// The message begins with its count.
pub static ANT_005: Rule = Rule {
    code: "ANT-005",
    name: "start-without-usage",
    level: Level::Error,
    summary: "`message_start` has a `message` with `usage.input_tokens` and `usage.output_tokens`",
    why: "Accumulators keep that usage object and write the later figures into it. Without it they raise at \
        message_delta; without one of the figures they add to undefined, and from then on the session's count is \
        NaN.",
    source: "Anthropic API documentation, streaming messages: message_start; free-claude-code issue 209; gptel issue \
        1331",
    breaks: &["anthropic-python helper", "anthropic-typescript helper", "Claude Code", "gptel"],
    fix: "Send `usage: {\"input_tokens\": N, \"output_tokens\": 1}` in message_start.",
    bad: &[
        r#"messages
           event message_start "message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"m","content":[]}
           text-block; stopped end_turn"#,
        r#"messages
           event message_start "message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","role":"assistant","content":[],"usage":{"input_tokens":9}}
           text-block; stopped end_turn"#,
    ],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| tell(case, anthropic::START_WITHOUT_USAGE, push, |found, _| format!("message_start: {found}")),
    ..Rule::DEFAULT
};

/// The prompt was counted.
pub static ANT_006: Rule = Rule {
    code: "ANT-006",
    name: "no-input-tokens",
    level: Level::Warning,
    summary: "`message_start` counts the input: `input_tokens`, with the cached ones, is not 0",
    why: "Claude Code draws its context meter and decides when to compact from this figure. If a server sends 0 here \
        and the right number at the end, Claude Code takes the context for empty until it overflows.",
    source: "Anthropic API reference, Usage: input_tokens, cache_read_input_tokens, cache_creation_input_tokens; \
        SGLang issue 20678",
    breaks: &["Claude Code"],
    fix: "Count the prompt before the first event; the server must tokenize it anyway.",
    bad: &[r#"messages
           event message_start "message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","role":"assistant","content":[],"usage":{"input_tokens":0,"output_tokens":0}}
           text-block; stopped end_turn"#],
    good: &[
        "good-message",
        // All of it came from the cache.
        r#"messages
           event message_start "message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","role":"assistant","content":[],"usage":{"input_tokens":0,"cache_read_input_tokens":2048,"output_tokens":1}}
           text-block; stopped end_turn"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, anthropic::NO_INPUT_TOKENS, push, |found, _| format!("message_start counts no input: {found}"))
    },
    ..Rule::DEFAULT
};

/// [`Case::tell`] for streams of this dialect.
fn tell(case: &Case<'_>, kind: Kind, push: &mut dyn FnMut(Finding), say: impl FnOnce(&str, u64) -> String) {
    if case.stream().is_some() {
        case.tell(kind, None, push, |odd, n| say(&odd.found, n));
    }
}
