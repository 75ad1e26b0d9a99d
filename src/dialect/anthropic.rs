//! Anthropic Messages, and all servers that speak it (docs/dialects.md a.5).
//!
//! Source: Anthropic's "Streaming messages". `message_start`, per block `content_block_start`,
//! `content_block_delta`*, `content_block_stop`, then `message_delta` and `message_stop`; `ping` anywhere. The SSE
//! event type equals the JSON's `type`. There is no `[DONE]`.

pub mod kinds;
mod shape;
mod whole;

#[cfg(test)]
mod tests;

use super::json::{self, Obj};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::{Place, Remarks};
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::excerpt;
use crate::time::{Span, Timestamp};
use kinds::*;
use shape::{Brings, Event};
use std::collections::BTreeMap;
use whole::{blocks, merge, whole};

/// Maximum of content blocks that are followed at once.
const BLOCKS_LIMIT: usize = 1024;
/// The documentation promises pings but names no interval; load balancers close connections that are idle for 30
/// seconds or more.
const SILENCE_LIMIT: Span = Span::from_secs(30);

/// `anthropic.messages`
pub static DIALECT: Dialect = Dialect {
    name: "anthropic.messages",
    end: End::Terminator("message_stop"),
    streams_by: StreamsBy::Flag,
    profile: Some("anthropic"),
    fields: &["anthropic-version"],
    paths: |_, path| {
        (path.ends_with("/messages") && !path.contains("/threads/"))
            || path.ends_with(":streamRawPredict")
            || path.ends_with(":rawPredict")
    },
    shape: |evidence, shape| match shape.kind.as_deref() {
        Some(
            "message_start"
            | "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "message_delta"
            | "message_stop",
        ) => Confidence::Certain,
        Some("message") if shape.has_all(&["role", "content", "stop_reason"]) => Confidence::Certain,
        Some("ping") => Confidence::Possible,
        Some("error") if shape.is_error() && evidence.answered_with("anthropic-") => Confidence::Likely,
        Some("error") if shape.is_error() => Confidence::Possible,
        // without types only the event names remain
        _ if matches!(evidence.record.event, "message_start" | "content_block_delta") => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(Messages::new(evidence)),
    ..Dialect::USUAL
};

/// Where the stream of one message is.
///
/// ```text
///           message_start          message_stop
/// Before ─────────────────▶ Open ─────────────────▶ Stopped
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `message_start` did not come yet.
    Before,
    /// Between start and stop.
    Open,
    /// `message_stop` came.
    Stopped,
}

/// Reads a stream of events, or one whole `message`.
#[derive(Debug)]
struct Messages {
    phase: Phase,
    /// Blocks that were started and not stopped, and what their deltas bring.
    open: BTreeMap<u32, Brings>,
    /// The index of the next block: one more than that of the last one started.
    next: u32,
    /// The client asked for tool input as it comes, without a check of its JSON.
    eager: bool,
    /// A block called a tool of the client.
    called: bool,
    /// One JSON document.
    document: bool,
    /// Events carry an SSE event type.
    named: bool,
    /// The beginning was not captured: blocks that events refer to may have started before.
    joined: bool,
    /// An error came, which ends the stream.
    failed: bool,
    /// `message_delta` came.
    concluded: bool,
    /// The first tool input that is not JSON; reported once it is known that the answer was not cut short.
    broken_input: Option<(Place, String)>,
    /// Time of the event before.
    last_at: Option<Timestamp>,
}

impl Messages {
    /// A reader for this stream.
    fn new(evidence: &Evidence<'_>) -> Self {
        let joined = evidence.response.is_none();
        Messages {
            phase: if joined { Phase::Open } else { Phase::Before },
            open: BTreeMap::new(),
            next: 0,
            eager: is_eager(evidence),
            called: false,
            document: evidence.framing == Framing::Json,
            named: evidence.framing == Framing::Sse,
            joined,
            failed: false,
            concluded: joined,
            broken_input: None,
            last_at: None,
        }
    }

    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let kind = match event.kind.full() {
            Some(kind) => kind,
            None => {
                remarks.note(NO_TYPE, || event.kind.show());
                if event.error.json().is_some() { "error" } else { record.event }
            }
        };
        if self.named {
            remarks.note_if(record.event.is_empty(), NO_EVENT, || kind.to_owned());
            let differs = !record.event.is_empty() && record.event != kind;
            remarks.note_if(differs, EVENT_DIFFERS_FROM_TYPE, || {
                format!("event {}, type {}", excerpt(record.event.as_bytes()), excerpt(kind.as_bytes()))
            });
        }
        if kind != "ping" && kind != "error" && !self.document {
            remarks.note_if(self.phase == Phase::Stopped, AFTER_MESSAGE_STOP, || excerpt(kind.as_bytes()));
            remarks.note_if(self.phase == Phase::Before && kind != "message_start", NO_MESSAGE_START, || {
                excerpt(kind.as_bytes())
            });
            if self.phase == Phase::Before {
                self.phase = Phase::Open; // reported once; then reading continues as if it had come
                if kind == "message_start" {
                    return self.start(event, answer, remarks);
                }
            }
        }
        match kind {
            "message_start" => {
                remarks.note_if(!self.joined || answer.id.is_some(), MESSAGE_START_REPEATED, String::new);
                self.start(event, answer, remarks)
            }
            "content_block_start" => self.block_start(event, record, answer, remarks),
            "content_block_delta" => self.block_delta(event, record, answer, remarks),
            "content_block_stop" => self.block_stop(event, answer, remarks),
            "message_delta" => self.message_delta(event, answer, remarks),
            "message_stop" => self.stop(answer, remarks),
            "error" => self.error(event, record, answer, remarks),
            "message" => whole(event, answer),
            "ping" => Meaning::default(),
            // A document that is no message: a gateway's error.
            "" if !self.named => unknown(record, answer, remarks, UNKNOWN_TYPE),
            other => {
                remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                Meaning::default()
            }
        }
    }

    fn start(&mut self, event: &Event<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let Obj::Here(message) = &event.message else {
            remarks.note(START_WITHOUT_USAGE, || format!("message {}", event.message.kind()));
            return Meaning::default();
        };
        answer.identify(message.model.full(), message.id.full());
        match message.usage.value() {
            Some(usage) => {
                let lacks = ["input_tokens", "output_tokens"]
                    .into_iter()
                    .find(|name| !usage.get(name).is_some_and(|n| n.is_u64()));
                remarks.note_if(lacks.is_some(), START_WITHOUT_USAGE, || {
                    format!("no {} in {usage}", lacks.unwrap_or_default())
                });
                // Cached input is counted separately.
                let none = |name| usage.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0) == 0;
                let no_input = lacks.is_none()
                    && ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"].iter().all(none);
                remarks.note_if(no_input, NO_INPUT_TOKENS, || usage.to_string());
            }
            None => remarks.note(START_WITHOUT_USAGE, || "no usage".into()),
        }
        merge(&message.usage, answer);
        Meaning { content: blocks(&message.content, answer).content, ..Meaning::default() }
    }

    fn block_start(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let index = self.index(event, remarks);
        if self.open.contains_key(&index) {
            remarks.note(BLOCK_STARTED_TWICE, || format!("block {index}"));
        } else if index != self.next && !self.joined {
            remarks.note(BLOCK_INDEX, || format!("{index} instead of {}", self.next));
        }
        if self.open.len() < BLOCKS_LIMIT {
            self.open.insert(index, Brings::of_block(event.content_block.here().and_then(|block| block.kind.str())));
        }
        self.next = self.next.max(index.saturating_add(1));
        let Obj::Here(block) = &event.content_block else { return Meaning::default() };
        self.called |= block.kind.str() == Some("tool_use");
        let meaning = block.begin(index, answer);
        match block.kind.str() {
            Some("thinking" | "redacted_thinking") => answer.reasons(record.at),
            Some("fallback") => {
                if let Some(model) = block.to.here().and_then(|to| to.model.full()) {
                    answer.hand_over(model);
                }
            }
            _ => {}
        }
        remarks.note_if(block.is_unknown(), UNKNOWN_BLOCK, || block.kind.show());
        remarks.note_if(meaning.is_delta() && block.streams(), START_WITH_CONTENT, || {
            let text = block.text.full().or(block.thinking.full()).unwrap_or_default();
            format!("block {index}: {}", excerpt(if meaning.tool { "input".as_bytes() } else { text.as_bytes() }))
        });
        meaning
    }

    fn block_delta(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let index = self.index(event, remarks);
        remarks.note_if(!self.open.contains_key(&index) && !self.joined, DELTA_WITHOUT_BLOCK, || {
            format!(
                "block {index}, {}",
                if index < self.next { "which was stopped" } else { "which was never started" }
            )
        });
        let mut meaning = Meaning::default();
        let Obj::Here(delta) = &event.delta else {
            remarks.note(DELTA_MISSING, || event.delta.kind().into());
            return meaning;
        };
        if let (Some(block), Some(kind)) = (self.open.get(&index), delta.kind.str()) {
            let other = block.differs(Brings::of_delta(kind));
            remarks
                .note_if(other, DELTA_OF_ANOTHER_TYPE, || format!("{kind} in block {index}, a {} block", block.name()));
        }
        meaning.content = delta.text.full().is_some_and(|text| answer.add_text(0, text));
        meaning.reasoning = delta.thinking.full().is_some_and(|text| answer.add_reasoning(text));
        if let Some(json) = delta.partial_json.str() {
            answer.add_arguments(&index.to_string(), json);
            meaning.tool = !json.is_empty();
        }
        match delta.kind.str() {
            // Without text it says only that thinking goes on (`estimated_tokens`).
            Some("thinking_delta") if !meaning.reasoning => answer.reasons_unseen(record.at),
            Some("signature_delta") => answer.reasons(record.at),
            // A summary of the conversation for the next request, not a part of the answer.
            Some("text_delta" | "thinking_delta" | "input_json_delta" | "citations_delta" | "compaction_delta") => {}
            // Whatever it is of, output came.
            _ => {
                remarks.note(UNKNOWN_DELTA, || delta.kind.show());
                meaning.content |= answer.add_media(!meaning.is_delta());
            }
        }
        meaning
    }

    fn block_stop(&mut self, event: &Event<'_>, answer: &Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let index = self.index(event, remarks);
        let was_open = self.open.remove(&index).is_some();
        let kind = if index < self.next { STOPPED_TWICE } else { STOP_WITHOUT_BLOCK };
        remarks.note_if(!was_open && !self.joined, kind, || format!("block {index}"));
        if self.broken_input.is_none()
            && !self.joined
            && !answer.text_limited
            && let Some(input) = answer.tool_arguments.get(&index.to_string()).filter(|input| !input.is_empty())
            && let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(input)
        {
            self.broken_input = Some((remarks.place, format!("block {index}: {e}: {}", excerpt(input.as_bytes()))));
        }
        Meaning::default()
    }

    fn message_delta(&mut self, event: &Event<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        remarks.note_if(!self.open.is_empty(), BLOCK_NOT_STOPPED, || {
            format!("blocks {:?}", self.open.keys().collect::<Vec<_>>())
        });
        self.open.clear();
        remarks.note_if(event.usage.json().is_none(), NO_USAGE, || "message_delta".into());
        self.concluded = true;
        merge(&event.usage, answer);
        let reason = event.delta.here().and_then(|d| d.stop_reason.full());
        match reason {
            Some("tool_use") if !self.called && !self.joined => {
                remarks.note(TOOL_USE_WITHOUT_CALL, || "tool_use".into());
            }
            Some(reason @ ("end_turn" | "stop_sequence")) if self.called => {
                remarks.note(CALL_WITHOUT_TOOL_USE, || reason.into());
            }
            _ => {}
        }
        match reason {
            Some(reason) => answer.finish(0, reason),
            None => remarks.note(NO_STOP_REASON, || event.delta.kind().into()),
        }
        // An answer that reached a limit may end within a call.
        let whole = !matches!(reason, Some("max_tokens" | "model_context_window_exceeded"));
        if let Some((place, found)) = self.broken_input.take().filter(|_| whole) {
            remarks.note_at(place, if self.eager { INPUT_UNCHECKED } else { INPUT_NOT_JSON }, || found);
        }
        Meaning::default()
    }

    fn stop(&mut self, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        remarks.note_if(!self.open.is_empty(), BLOCK_NOT_STOPPED, || format!("blocks {:?}", self.open));
        remarks.note_if(!self.concluded, NO_MESSAGE_DELTA, String::new);
        self.open.clear();
        self.phase = Phase::Stopped;
        if !self.document {
            answer.terminator.saw("message_stop", true);
        }
        Meaning { terminator: !self.document, ..Meaning::default() }
    }

    fn error(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        self.failed = true;
        let unnamed = self.named && record.event != "error";
        let wanted = event.kind.str() == Some("error")
            && event.error.json().is_some_and(|e| e.starts_with('{') && e.contains("\"message\""));
        remarks.note_if(unnamed, ERROR_SHAPE, || format!("no event: error before {}", excerpt(record.data)));
        remarks.note_if(!unnamed && !wanted, ERROR_SHAPE, || excerpt(record.data));
        answer.fail(&event.error.told().unwrap_or_else(|| "error".into()));
        if !self.document {
            answer.terminator.saw("error", false);
        }
        Meaning { error: true, terminator: !self.document, ..Meaning::default() }
    }

    fn index(&self, event: &Event<'_>, remarks: &mut Remarks<'_>) -> u32 {
        event.index.index().unwrap_or_else(|| {
            remarks.note(INDEX_MISSING, || format!("{:?}", event.index));
            0
        })
    }
}

/// The request asks for tool input as it comes: `eager_input_streaming` of a tool, or the beta that came before it.
fn is_eager(evidence: &Evidence<'_>) -> bool {
    let beta = |request: &crate::http::event::RequestHead| {
        request
            .fields
            .all("anthropic-beta")
            .any(|value| memchr::memmem::find(value, b"fine-grained-tool-streaming").is_some())
    };
    memchr::memmem::find(evidence.request_body, b"\"eager_input_streaming\"").is_some()
        || evidence.request.is_some_and(beta)
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Messages {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let silence = self.last_at.replace(record.at).map(|before| record.at.since(before));
        remarks.note_if(silence.is_some_and(|s| s > SILENCE_LIMIT), SILENCE, || silence.unwrap_or(Span(0)).to_string());
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        let missing = complete && !self.document && !self.failed && self.phase != Phase::Stopped;
        remarks.note_if(missing, NO_MESSAGE_STOP, || "the body ended".into());
    }
}
