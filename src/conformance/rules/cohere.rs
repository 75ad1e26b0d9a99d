//! Rules about Cohere's chat streams.

use crate::conformance::{Level, Rule};
use crate::dialect::cohere;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&COHERE_001];

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
