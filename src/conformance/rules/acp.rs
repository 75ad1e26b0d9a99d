//! Rules about the Agent Client Protocol.

use crate::conformance::{Level, Rule};
use crate::dialect::acp;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&ACP_001];

/// A prompt is answered.
pub static ACP_001: Rule = Rule {
    code: "ACP-001",
    name: "unanswered-prompt",
    level: Level::Error,
    summary: "The agent's updates for a prompt end with the response to it, before the stream of the session ends",
    why: "The response has the stop reason, and it is what the client waits for: without it the prompt stays open \
        until the client's own time-out. The client opens the stream of a session once and does not come back.",
    source: "Agent Client Protocol, prompt turn; agent-client-protocol 0.12.1 (acp/http/client.py)",
    breaks: &["agent-client-protocol (Python)", "editors that wait for the response"],
    fix: "Send the response to session/prompt on the stream before it ends, also after an error or a cancellation \
        (stop reason `cancelled`). Keep idle streams open with comments every 15 s.",
    bad: &["acp; acp-text; last", "acp; acp-text; acp-end; acp-text; last"],
    good: &[
        "acp; acp-text; acp-text; acp-end; last",
        r#"acp; acp-text; acp-end; wait 15s; <chunk : keepalive\n\n
           wait 1s; !fin >"#,
        "acp; acp-plan; !fin >",
    ],
    // The agent ends the stream in the middle; comments, and a client that leaves a stream on which nothing is asked.
    also: &[("DLV-010", Level::Info), ("SSE-021", Level::Info), ("HTTP-006", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(&acp::DIALECT, acp::NO_RESPONSE, push, "the stream ends while the agent answers a prompt");
    },
    ..Rule::DEFAULT
};
