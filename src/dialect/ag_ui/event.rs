//! The events of AG-UI, and what they report of tokens.

use super::super::Answer;
use super::super::json::{List, Num, Obj, Raw, Text};

/// Types that no other protocol has.
pub(super) const OWN: &[&str] = &[
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "TEXT_MESSAGE_CHUNK",
    "TOOL_CALL_START",
    "TOOL_CALL_ARGS",
    "TOOL_CALL_END",
    "TOOL_CALL_CHUNK",
    "TOOL_CALL_RESULT",
    "STATE_SNAPSHOT",
    "STATE_DELTA",
    "MESSAGES_SNAPSHOT",
    "ACTIVITY_SNAPSHOT",
    "ACTIVITY_DELTA",
    "RUN_STARTED",
    "RUN_FINISHED",
    "RUN_ERROR",
    "STEP_STARTED",
    "STEP_FINISHED",
    "REASONING_START",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_CONTENT",
    "REASONING_MESSAGE_END",
    "REASONING_MESSAGE_CHUNK",
    "REASONING_END",
    "REASONING_ENCRYPTED_VALUE",
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
    "SUBAGENT_ERROR",
    // Until version 1.0, for reasoning.
    "THINKING_START",
    "THINKING_END",
    "THINKING_TEXT_MESSAGE_START",
    "THINKING_TEXT_MESSAGE_CONTENT",
    "THINKING_TEXT_MESSAGE_END",
];

/// Types that may be in any protocol.
pub(super) const OTHERS: &[&str] = &["RAW", "CUSTOM"];

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) run_id: Text<'a>,
    #[serde(borrow)]
    pub(super) message_id: Text<'a>,
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    /// Of `STATE_DELTA` no text but a list.
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    #[serde(borrow)]
    pub(super) tool_call_id: Text<'a>,
    #[serde(borrow)]
    pub(super) tool_call_name: Text<'a>,
    #[serde(borrow)]
    pub(super) outcome: Obj<Outcome<'a>>,
    /// A list with one object for each model.
    #[serde(borrow)]
    usage: Raw<'a>,
}

/// How a run ended: `success`, `interrupt`, `cancelled`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Outcome<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// The tokens of one model.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tokens<'a> {
    #[serde(borrow)]
    model: Text<'a>,
    output_tokens: Num,
}

/// Takes the usage: as it was sent, the output tokens of all models together, and the first model's name.
pub(super) fn usage(event: &Event<'_>, answer: &mut Answer) {
    let tokens = event.usage.json().and_then(|text| serde_json::from_str::<List<Obj<Tokens<'_>>>>(text).ok());
    let tokens = tokens.unwrap_or_default();
    let mut sum = None;
    for model in tokens.iter().filter_map(Obj::here) {
        answer.identify(model.model.full(), None);
        sum = model.output_tokens.count().map(|n| n.saturating_add(sum.unwrap_or(0))).or(sum);
    }
    answer.report_usage(event.usage.value(), sum);
}
