//! Rules about Cohere's chat streams.

use crate::conformance::{Finding, Level, Rule};
use crate::dialect::cohere;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&COHERE_001, &COHERE_002];

/// Cohere says that it is over.
pub static COHERE_001: Rule = Rule {
    code: "COHERE-001",
    name: "missing-message-end",
    level: Level::Error,
    summary: "The stream ends with `message-end` (version 1: `stream-end`), with nothing after it",
    why: "Finish reason and usage come with that event only. Without it a client can't tell a whole answer from one \
        that broke off.",
    source: "Cohere API reference, chat with streaming: message-end; stream-end",
    breaks: &["cohere-python: no finish reason", "usage accounts"],
    fix: "Pass the last event on before closing; a gateway must send it also when the answer fails, with \
        finish_reason ERROR.",
    bad: &["cohere; cohere-text; last", "cohere; cohere-text; cohere-end; cohere-content-end; last"],
    good: &["cohere; cohere-text; cohere-end; last", "cohere; cohere-text; !rst >"],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(&cohere::DIALECT, cohere::NO_END, push, "the stream ends without its last event");
        case.tell_of(&cohere::DIALECT, cohere::AFTER_END, push, |found| format!("after the last event: {found}"));
    },
    ..Rule::DEFAULT
};

/// The finish reason agrees with the calls.
pub static COHERE_002: Rule = Rule {
    code: "COHERE-002",
    name: "tool-call-without-call",
    level: Level::Warning,
    summary: "A stream finishes with TOOL_CALL if, and only if, it called a tool",
    why: "Agents decide by the reason. If it announces a call and none came, they have nothing to run; if it says that \
        the turn is over, a call that came is never made.",
    source: "Cohere API reference, chat: finish_reason",
    breaks: &["agents"],
    fix: "Set the finish reason from what was sent; look for the parser or adapter that dropped the call.",
    bad: &[
        r#"cohere; cohere-text
           data {"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}
           last"#,
        r#"cohere
           data {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}}}}
           cohere-end; last"#,
    ],
    good: &["cohere; cohere-text; cohere-end; last"],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some((response, reason)) = case.reason_without_call(&cohere::DIALECT, &["TOOL_CALL"]) {
            push(Finding::at_end(response, format!("the answer finished with {reason}, and no tool call came")));
        }
        if let Some((response, reason)) = case.call_without_reason(&cohere::DIALECT, &["COMPLETE"])
            // Version 1 has no other reason for it.
            && response.answer.terminator.which.as_deref() == Some("message-end")
        {
            push(Finding::at_end(response, format!("a tool was called, and the answer finished with {reason}")));
        }
    },
    ..Rule::DEFAULT
};
