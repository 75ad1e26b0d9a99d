//! Rules about OpenAI Realtime sessions.

use crate::conformance::{Level, Rule};
use crate::dialect::openai_realtime::{self as realtime};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&OAI_RT_001];

/// A response does not fail.
pub static OAI_RT_001: Rule = Rule {
    code: "OAI-RT-001",
    name: "failed-response",
    level: Level::Error,
    summary: "No response ends with status failed (a warning: incomplete)",
    why: "A failed response has no `error` event: only the status in `response.done` says so. A client that listens to \
        `error` events waits for speech that never comes, in silence. An incomplete response broke off at a limit or \
        at a filter.",
    source: "OpenAI API reference, Realtime server events: response.done, status_details; \
        speech-assistant-openai-realtime-api-node issue 37",
    breaks: &["clients that listen to `error` events only"],
    fix: "Look at `response.status` in response.done; show `status_details.error`, and retry or end the call.",
    bad: &["realtime; realtime-failed"],
    good: &["realtime; realtime-done"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.exchange.websocket.is_none() {
            return;
        }
        case.tell(realtime::RESPONSE_FAILED, None, push, |odd, _| format!("a response failed: {}", odd.found));
        case.tell(realtime::RESPONSE_INCOMPLETE, Some(Level::Warning), push, |odd, _| {
            format!("a response is incomplete: {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};
