//! Rules about xAI's own API.

use crate::conformance::{Level, Rule};
use crate::dialect::xai;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&XAI_001];

/// An answer says why it ended.
pub static XAI_001: Rule = Rule {
    code: "XAI-001",
    name: "missing-xai-finish-reason",
    level: Level::Error,
    summary: "A call of `xai_api.Chat/GetCompletionChunk` that ends with status 0 has had a finish reason",
    why: "Nothing else in the messages marks the end. xai-sdk gives REASON_INVALID then and raises nothing, so an \
        answer that a gateway cut off looks like a whole one.",
    source: "xai-sdk 1.21.0, chat_pb2 (CompletionOutputChunk.finish_reason), chat.py",
    breaks: &["xai-sdk (REASON_INVALID)"],
    fix: "Let the upstream's last message pass before the trailers; end the call with another status if it broke off.",
    bad: &["xai-call; xai-text; xai-over"],
    good: &["xai-call; xai-text; xai-stop; xai-over", "xai-call; xai-text; >h2 rst 1 CANCEL"],
    // A client that cancels in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["GRPC-001", "GRPC-002"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&xai::DIALECT, xai::NO_FINISH_REASON, push, |_| {
            "the call ends with status 0, and no output had a finish reason".into()
        });
    },
    ..Rule::DEFAULT
};
