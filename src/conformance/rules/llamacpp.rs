//! Rules about the llama.cpp server's own protocol.

use crate::conformance::{Level, Rule};
use crate::dialect::llamacpp;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&LLAMA_001];

/// llama.cpp says that it is over.
pub static LLAMA_001: Rule = Rule {
    code: "LLAMA-001",
    name: "missing-stop-true",
    level: Level::Warning,
    summary: "The last event of `/completion` has `\"stop\": true`, and nothing follows",
    why: "That event has the reason, the counts and the timings, and this protocol has no `[DONE]`: without the \
        event the stream broke off. After an error there is one event with `error`, and no stop.",
    source: "llama.cpp, tools/server/README.md: POST /completion, response format",
    breaks: &["clients that read until stop", "readers of timings"],
    fix: "Pass the last event on; look into the server's log for a slot that failed.",
    bad: &["llama; piece; last", "llama; llama-stop; piece; last"],
    good: &[
        "llama; piece; llama-stop; last",
        r#"llama; piece
           data {"error":{"code":500,"message":"context shift is disabled","type":"server_error"}}
           last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(&llamacpp::DIALECT, llamacpp::NO_STOP, push, "the stream ends without \"stop\": true");
        case.tell_of(&llamacpp::DIALECT, llamacpp::AFTER_STOP, push, |found| format!("after \"stop\": true: {found}"));
    },
    ..Rule::DEFAULT
};
