//! Rules about LM Studio's own API.

use crate::conformance::{Level, Rule};
use crate::dialect::lmstudio;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&LMS_001];

/// LM Studio says that it is over.
pub static LMS_001: Rule = Rule {
    code: "LMS-001",
    name: "missing-chat-end",
    level: Level::Error,
    summary: "The stream ends with `chat.end`, with nothing after it",
    why: "The response id, by which the next message continues the chat, and all figures come with that event only. \
        Without it a client can't tell a whole answer from one that broke off.",
    source: "LM Studio, REST API, Streaming events: chat.end",
    breaks: &["clients that continue a stored chat", "usage accounts"],
    fix: "Pass the last event on before closing. LM Studio sends it also after an `error` event.",
    bad: &["lmstudio; lmstudio-text; last", "lmstudio; lmstudio-text; lmstudio-end; lmstudio-text; last"],
    good: &["lmstudio; lmstudio-text; lmstudio-end; last", "lmstudio; lmstudio-text; !rst >"],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(&lmstudio::DIALECT, lmstudio::NO_END, push, "the stream ends without `chat.end`");
        case.tell_of(&lmstudio::DIALECT, lmstudio::AFTER_END, push, |found| format!("after `chat.end`: {found}"));
    },
    ..Rule::DEFAULT
};
