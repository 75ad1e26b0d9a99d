//! The answers of a conversation over a WebSocket, one by one.

use crate::exchange::Exchange;
use crate::time::{Span, Timestamp};
use crate::{metrics, verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One answer of a conversation. Absent values are null.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AnswerSummary {
    /// Number, in the order in which answers were asked for or began; the text is that of the choice with this number.
    pub n: u32,
    /// Id of the response.
    pub id: Option<String>,
    /// The lane in which it was asked for.
    pub lane: Option<String>,
    /// Last byte of the message that asked, ns since 1970 UTC; null if no message did, or the capture lacks it.
    pub asked_at_ns: Option<i64>,
    /// Time of its last event, or of the error in its place.
    pub ended_at_ns: Option<i64>,
    /// The message asked for no output.
    pub warm_up: bool,
    /// Its text.
    pub text: Option<String>,
    /// Its reasoning.
    pub reasoning: Option<String>,
    /// Arguments of its calls, by the keys of `tool_arguments` of the response.
    pub tool_arguments: Option<BTreeMap<String, String>>,
    /// How it finished, by its last event: `completed`, `incomplete`, `failed`, `cancelled`.
    pub finish: Option<String>,
    /// Why it is incomplete or cancelled, for example `steered`.
    pub reason: Option<String>,
    /// Token usage as sent.
    pub usage: Option<serde_json::Value>,
    /// Its error.
    pub error: Option<String>,
    /// How it ended, as [`super::Summary::verdict`] has it.
    pub verdict: String,
    /// From the message that asked to its first delta of any kind, milliseconds.
    pub ttft_ms: Option<f64>,
    /// The same to its first `content` delta.
    pub ttft_content_ms: Option<f64>,
}

/// The answers of this exchange; none if it is no conversation.
pub(super) fn of(x: &Exchange) -> Vec<AnswerSummary> {
    let Some(answer) = x.response.as_ref().map(|r| &r.answer) else { return Vec::new() };
    let ns = |at: Option<Timestamp>| at.map(Timestamp::nanos);
    let turns = answer.turns.iter().zip(verdict::of_turns(x)).zip(0..);
    turns
        .map(|((turn, verdict), n)| {
            let call = |key: &String| Some((key.clone(), answer.tool_arguments.get(key)?.clone()));
            AnswerSummary {
                n,
                id: turn.id.clone(),
                lane: turn.lane.clone(),
                asked_at_ns: ns(turn.asked),
                ended_at_ns: ns(turn.ended),
                warm_up: turn.warm_up,
                text: answer.texts.get(&n).cloned(),
                reasoning: Some(turn.reasoning.clone()).filter(|text| !text.is_empty()),
                tool_arguments: Some(turn.calls.iter().filter_map(call).collect())
                    .filter(|m: &BTreeMap<_, _>| !m.is_empty()),
                finish: turn.finish.clone(),
                reason: turn.reason.clone(),
                usage: turn.usage.clone(),
                error: turn.error.clone(),
                verdict: verdict.as_str().into(),
                ttft_ms: metrics::ttft_of(turn).map(Span::as_millis_f64),
                ttft_content_ms: turn
                    .first_content
                    .zip(turn.asked)
                    .and_then(|(at, asked)| at.elapsed(asked))
                    .map(Span::as_millis_f64),
            }
        })
        .collect()
}

impl AnswerSummary {
    /// Every text of it that quotes captured bytes, but for `usage`.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let AnswerSummary { id, lane, text, reasoning, tool_arguments, finish, reason, error, .. } = self;
        let calls = tool_arguments.iter_mut().flat_map(|calls| calls.values_mut());
        [id, lane, text, reasoning, finish, reason, error].into_iter().flatten().chain(calls)
    }
}
