//! Rules about KoboldCpp's own protocol.

use crate::conformance::{Level, Rule};
use crate::dialect::koboldcpp;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&KOBOLD_001];

/// No terminator of another protocol.
pub static KOBOLD_001: Rule = Rule {
    code: "KOBOLD-001",
    name: "kobold-foreign-done",
    level: Level::Warning,
    summary: "`/api/extra/generate/stream` sends JSON objects only and ends with a finish reason, without `[DONE]`",
    why: "Clients of this protocol parse the data of every event as JSON. They know the end by `finish_reason`, so \
        `[DONE]` raises in their parser after the whole answer has arrived.",
    source: "KoboldCpp, koboldcpp.py: handle_sse_stream",
    breaks: &["clients that parse each event as JSON"],
    fix: "Send `[DONE]` on `/v1/chat/completions` and `/v1/completions` only.",
    bad: &["kobold; kobold-stop; done; last"],
    good: &["kobold; kobold-stop; last"],
    check: |case, push| {
        case.tell(koboldcpp::FOREIGN_TERMINATOR, None, push, |odd, _| {
            format!("an event is not JSON but the terminator of another protocol: {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};
