//! Rules about DashScope's own protocol.

use crate::conformance::{Finding, Level, Rule};
use crate::dialect::dashscope;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&DASH_001, &DASH_002, &DASH_003];

/// DashScope does not repeat the text.
pub static DASH_001: Rule = Rule {
    code: "DASH-001",
    name: "whole-text-each-time",
    level: Level::Info,
    summary: "The request asks DashScope for increments: `parameters.incremental_output: true`",
    why: "Without it every event of the native protocol repeats the whole text so far. A client that joins them \
        shows each word many times, and the bytes grow with the square of the answer's length.",
    source: "Model Studio API reference, DashScope form: incremental_output, default false",
    breaks: &["clients that join events", "slow links"],
    fix: "Set `parameters.incremental_output` to true, or show the last event instead of the sum.",
    bad: &[r#"dashscope {"result_format":"message"}
           dash 1 null Hi
           dash 2 stop Hi there
           last"#],
    good: &[r#"dashscope {"result_format":"message","incremental_output":true}
           dash 1 null Hi
           dash 2 stop  there
           last"#],
    // DashScope writes fields without a space, ids, and a status as a comment.
    also: &[("SSE-002", Level::Warning), ("SSE-014", Level::Info), ("SSE-021", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell_of(&dashscope::DIALECT, dashscope::REPEATS_TEXT, push, |found| {
            format!("events repeat the whole text so far (first: {found})")
        });
    },
    ..Rule::DEFAULT
};

/// DashScope says why it stopped.
pub static DASH_002: Rule = Rule {
    code: "DASH-002",
    name: "dashscope-without-finish-reason",
    level: Level::Warning,
    summary: "A `finish_reason` other than \"null\" comes before the stream ends, or an error",
    why: "The native protocol has no terminator: the finish reason of the last event (the string \"null\" until \
        then) is the only sign that tells a whole answer from one that broke off.",
    source: "Model Studio API reference, DashScope form: finish_reason",
    breaks: &["clients that wait for stop", "agents"],
    fix: "Pass the last event on; a relay must not take the string \"null\" for a reason, and must not drop the \
        event that has one.",
    bad: &[r#"dashscope {"incremental_output":true}
           dash 1 null Hi
           last"#],
    good: &[r#"dashscope {"incremental_output":true}
           dash 1 null Hi
           dash 2 stop  there
           last"#],
    // DashScope writes fields without a space, ids, and a status as a comment.
    also: &[("SSE-002", Level::Warning), ("SSE-014", Level::Info), ("SSE-021", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(
            &dashscope::DIALECT,
            dashscope::NO_FINISH_REASON,
            push,
            "the stream ends without a finish reason",
        );
    },
    ..Rule::DEFAULT
};

/// The finish reason agrees with the calls.
pub static DASH_003: Rule = Rule {
    code: "DASH-003",
    name: "dashscope-calls-without-call",
    level: Level::Warning,
    summary: "A stream finishes with `tool_calls` if, and only if, it called a tool",
    why: "Agents decide by the reason. If it announces a call and none came, they have nothing to run; if it says that \
        the turn is over, a call that came is never made.",
    source: "Model Studio API reference, DashScope form: finish_reason",
    breaks: &["agents"],
    fix: "Set the finish reason from what was sent.",
    bad: &[r#"dashscope {"result_format":"message","incremental_output":true}
           dash 1 tool_calls Hi
           last"#],
    good: &[r#"dashscope {"result_format":"message","incremental_output":true}
           dash 1 null Hi
           dash 2 stop  there
           last"#],
    // DashScope writes fields without a space, ids, and a status as a comment.
    also: &[("SSE-002", Level::Warning), ("SSE-014", Level::Info), ("SSE-021", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some((response, reason)) = case.reason_without_call(&dashscope::DIALECT, &["tool_calls"]) {
            push(Finding::at_end(response, format!("the answer finished with {reason}, and no tool call came")));
        }
        if let Some((response, reason)) = case.call_without_reason(&dashscope::DIALECT, &["stop"]) {
            push(Finding::at_end(response, format!("a tool was called, and the answer finished with {reason}")));
        }
    },
    ..Rule::DEFAULT
};
