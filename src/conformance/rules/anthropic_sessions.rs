//! Rules about the event streams of Anthropic's Managed Agents.

use crate::conformance::{Level, Rule};
use crate::dialect::anthropic_sessions as sessions;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&ANTS_001, &ANTS_002];

/// A message that was begun comes.
pub static ANTS_001: Rule = Rule {
    code: "ANTS-001",
    name: "session-message-cut",
    level: Level::Error,
    summary: "The stream of a session does not end within a message: its preview is followed by the message, or by \
        the end of the model request",
    why: "A preview is best effort, and only the message that follows has the whole text. A client that shows \
        previews keeps half a message, and has to open the stream again and read the session's history to mend it.",
    source: "anthropic 2.14.0, BetaManagedAgentsStartEvent, BetaManagedAgentsDeltaEvent, _beta_session_runner.py",
    breaks: &["clients that show previews"],
    fix: "Find what ended the stream: a proxy's limit for a whole response, or a deployment. Clients: open it again, \
        then list the events, as the SDK does.",
    bad: &["agent; agent-runs; agent-part; last"],
    good: &[
        "agent; agent-runs; agent-part; agent-message; agent-idle; last",
        "agent; agent-runs; agent-message; agent-idle; !fin >",
        "agent; agent-runs; agent-part; agent-request-end; agent-idle; last",
    ],
    // A client that closes between two turns is reported as info.
    also: &[("HTTP-006", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&sessions::DIALECT, sessions::CUT_MESSAGE, push, |id| {
            format!("the stream ends within the message {id}")
        });
    },
    ..Rule::DEFAULT
};

/// Events have names.
pub static ANTS_002: Rule = Rule {
    code: "ANTS-002",
    name: "session-event-without-name",
    level: Level::Error,
    summary: "Every event of a session's stream has an `event:` line",
    why: "The SDK passes over events without a name and says nothing: the client waits for a session that is idle long \
        since.",
    source: "anthropic 2.14.0, _streaming.py",
    breaks: &["anthropic-python (drops the event)"],
    fix: "Pass the `event:` lines on; a gateway that writes events anew writes the type there too.",
    bad: &[r#"agent; data {"type":"session.status_running","id":"e1"}
           agent-idle; last"#],
    good: &["agent; agent-runs; agent-message; agent-idle; last"],
    silenced_by: &["SSE-001"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell_of(&sessions::DIALECT, sessions::NO_EVENT, push, |kind| format!("no event: line, type {kind}"));
    },
    ..Rule::DEFAULT
};
