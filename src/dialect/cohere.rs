//! Cohere chat, version 2 (typed events) and 1 (`event_type`), streamed or whole (docs/dialects.md a.8).
//!
//! Source: Cohere's API reference, "Chat with streaming". Version 2 ends with `message-end`, version 1 with
//! `stream-end`.

mod shape;
#[cfg(test)]
mod tests;

use super::json::{self, List, Obj, Raw};
use super::payload::{BadPayload, foreign_error, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use shape::{Event, Message, Part, ToolCall, Usage};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("cohere.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("cohere.not-object");
/// A `type` or `event_type` that the document does not have.
pub const UNKNOWN_TYPE: Kind = Kind("cohere.unknown-type");
/// The SSE event type is not the payload's `type`.
pub const EVENT_DIFFERS_FROM_TYPE: Kind = Kind("cohere.event-differs-from-type");
/// The body ended properly without its last event.
pub const NO_END: Kind = Kind("cohere.no-end");
/// An event after the last one.
pub const AFTER_END: Kind = Kind("cohere.after-end");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("cohere.foreign-terminator");

/// `cohere.chat`
pub static DIALECT: Dialect = Dialect {
    name: "cohere.chat",
    // No document names the type of version 1; these are in use.
    content_types: &["text/event-stream", "application/stream+json", "application/x-ndjson"],
    end: End::Terminator(MESSAGE_END),
    streams_by: StreamsBy::Flag,
    // LM Studio's own API has /api/v1/chat.
    paths: |_, path| path.ends_with("/v2/chat") || (path.ends_with("/v1/chat") && !path.ends_with("/api/v1/chat")),
    shape: |_, shape| match (shape.kind.as_deref(), shape.event_type.as_deref()) {
        (Some("message-start" | "content-delta" | "message-end" | "tool-plan-delta" | "tool-call-delta"), _) => {
            Confidence::Certain
        }
        (
            Some(
                "content-start" | "content-end" | "tool-call-start" | "tool-call-end" | "citation-start"
                | "citation-end",
            ),
            _,
        ) => Confidence::Likely,
        (_, Some("stream-start" | "text-generation" | "stream-end")) => Confidence::Certain,
        _ if shape.has_all(&["message", "finish_reason", "usage"]) && !shape.has("choices") => Confidence::Possible,
        _ if shape.has_all(&["generation_id", "text"]) => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| {
        Box::new(Cohere {
            document: evidence.framing == Framing::Json,
            sse: evidence.framing == Framing::Sse,
            first: json_event_type(evidence.record.data),
            ..Cohere::default()
        })
    },
    ..Dialect::USUAL
};

/// What ends a stream of version 2, and of version 1.
const MESSAGE_END: &str = "message-end";
const STREAM_END: &str = "stream-end";

/// The record has an `event_type`, as those of version 1 have.
fn json_event_type(data: &[u8]) -> bool {
    memchr::memmem::find(data, b"\"event_type\"").is_some()
}

/// Reads a stream of either version, or one whole answer.
#[derive(Debug, Default)]
struct Cohere {
    document: bool,
    sse: bool,
    /// Version 1.
    first: bool,
    ended: bool,
    failed: bool,
    /// Tool calls of version 1 and of whole answers.
    calls: u32,
}

impl Cohere {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let Some(kind) = event.kind.full().or_else(|| event.event_type.full()) else {
            return self.untyped(event, record, answer, remarks);
        };
        remarks.note_if(self.ended, AFTER_END, || excerpt(kind.as_bytes()));
        let differs = self.sse && !record.event.is_empty() && record.event != kind && event.event_type.full().is_none();
        remarks.note_if(differs, EVENT_DIFFERS_FROM_TYPE, || {
            format!("event {}, type {}", excerpt(record.event.as_bytes()), excerpt(kind.as_bytes()))
        });
        match kind {
            "message-start" | "stream-start" => {
                answer.identify(None, event.id.full().or_else(|| event.generation_id.full()));
                Meaning::default()
            }
            "content-delta" | "content-start" | "tool-plan-delta" => delta(event, answer),
            "tool-call-start" | "tool-call-delta" => call_delta(event, answer),
            MESSAGE_END => self.end(kind, event, answer),
            "text-generation" => Meaning {
                content: event.text.full().is_some_and(|text| answer.add_text(0, text)),
                ..Meaning::default()
            },
            "tool-calls-chunk" => chunk_v1(event, answer),
            STREAM_END => self.end(kind, event, answer),
            "content-end"
            | "tool-call-end"
            | "citation-start"
            | "citation-end"
            | "debug"
            | "tool-calls-generation"
            | "citation-generation"
            | "search-queries-generation"
            | "search-results" => Meaning::default(),
            other => foreign_error(record, answer, remarks).unwrap_or_else(|| {
                remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                // Whatever it is of, output came.
                Meaning { content: answer.add_media(other.ends_with("-delta")), ..Meaning::default() }
            }),
        }
    }

    /// The last event of either version.
    fn end(&mut self, kind: &str, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        self.ended = true;
        let delta = event.delta.here();
        if let Some(reason) = delta.and_then(|d| d.finish_reason.full()).or_else(|| event.finish_reason.full()) {
            answer.finish(0, reason);
        }
        if let Some(delta) = delta {
            take_usage(&delta.usage, answer);
        }
        if let Obj::Here(response) = &event.response {
            answer.identify(None, response.generation_id.full().or_else(|| response.response_id.full()));
            take_usage(&response.meta, answer);
        }
        let error = delta.and_then(|d| d.error.told());
        if let Some(error) = &error {
            answer.fail(error);
        }
        answer.terminator.saw(kind, true);
        Meaning { terminator: true, error: error.is_some(), ..Meaning::default() }
    }

    /// A whole answer, or an error (`{"message":"…"}`).
    fn untyped(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        answer.identify(None, event.id.full().or_else(|| event.generation_id.full()));
        if let Some(reason) = event.finish_reason.full() {
            answer.finish(0, reason);
        }
        take_usage(&event.usage, answer);
        take_usage(&event.meta, answer);
        let message = event
            .message
            .json()
            .filter(|m| m.starts_with('{'))
            .and_then(|m| serde_json::from_str::<Message<'_>>(m).ok());
        if let Some(message) = message {
            meaning.content = parts(&message.content, answer, |part, answer| {
                part.text.full().is_some_and(|text| answer.add_text(0, text))
            });
            meaning.reasoning = parts(&message.content, answer, |part, answer| {
                part.thinking.full().is_some_and(|text| answer.add_reasoning(text))
            });
            meaning.reasoning |= message.tool_plan.full().is_some_and(|plan| answer.add_reasoning(plan));
            let calls = serde_json::from_str::<List<Obj<ToolCall<'_>>>>(message.tool_calls.json().unwrap_or("null"))
                .unwrap_or_default();
            for call in calls.iter().filter_map(Obj::here) {
                call.take(self.calls, answer);
                self.calls = self.calls.saturating_add(1);
                meaning.tool = true;
            }
        } else if event.text.present() {
            meaning.content = event.text.full().is_some_and(|text| answer.add_text(0, text));
        } else if let Some(error) = event.message.text() {
            answer.fail(&error);
            (meaning.error, self.failed) = (true, true);
        } else {
            return unknown(record, answer, remarks, UNKNOWN_TYPE);
        }
        meaning
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Cohere {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn end(&self) -> Option<End> {
        self.first.then_some(End::Terminator(STREAM_END))
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.ended && !self.failed && !self.document, NO_END, || "the body ended".into());
    }
}

impl ToolCall<'_> {
    /// Name and a fragment of the arguments.
    fn take(&self, index: u32, answer: &mut Answer) -> bool {
        let key = index.to_string();
        let Obj::Here(function) = &self.function else { return false };
        if let Some(name) = function.name.full() {
            answer.name_tool(&key, name);
        }
        let arguments = function.arguments.text().unwrap_or_default();
        answer.add_arguments(&key, &arguments);
        !arguments.is_empty()
    }
}

/// Text, reasoning or the plan before a tool call.
fn delta(event: &Event<'_>, answer: &mut Answer) -> Meaning {
    let Some(message) = event.delta.here().and_then(|d| d.message.here()) else { return Meaning::default() };
    let part = serde_json::from_str::<Obj<Part<'_>>>(message.content.json().unwrap_or("null")).unwrap_or_default();
    let part = part.here();
    let mut meaning = Meaning {
        content: part.and_then(|p| p.text.full()).is_some_and(|text| answer.add_text(0, text)),
        reasoning: part.and_then(|p| p.thinking.full()).is_some_and(|text| answer.add_reasoning(text)),
        ..Meaning::default()
    };
    meaning.reasoning |= message.tool_plan.full().is_some_and(|plan| answer.add_reasoning(plan));
    meaning
}

/// The beginning of a tool call, or a fragment of its arguments.
fn call_delta(event: &Event<'_>, answer: &mut Answer) -> Meaning {
    let calls = event.delta.here().and_then(|d| d.message.here()).and_then(|m| m.tool_calls.json());
    let call = serde_json::from_str::<Obj<ToolCall<'_>>>(calls.unwrap_or("null")).unwrap_or_default();
    Meaning {
        tool: call.here().is_some_and(|call| call.take(event.index.index().unwrap_or(0), answer)),
        ..Meaning::default()
    }
}

/// A fragment of a tool call of version 1.
fn chunk_v1(event: &Event<'_>, answer: &mut Answer) -> Meaning {
    let Obj::Here(call) = &event.tool_call_delta else {
        return Meaning {
            reasoning: event.text.full().is_some_and(|plan| answer.add_reasoning(plan)),
            ..Meaning::default()
        };
    };
    let key = call.index.index().unwrap_or(0).to_string();
    if let Some(name) = call.name.full() {
        answer.name_tool(&key, name);
    }
    let parameters = call.parameters.text().unwrap_or_default();
    answer.add_arguments(&key, &parameters);
    Meaning { tool: call.name.full().is_some() || !parameters.is_empty(), ..Meaning::default() }
}

/// Each typed part of a whole message.
fn parts(content: &Raw<'_>, answer: &mut Answer, take: impl Fn(&Part<'_>, &mut Answer) -> bool) -> bool {
    let list = serde_json::from_str::<List<Obj<Part<'_>>>>(content.json().unwrap_or("null")).unwrap_or_default();
    list.iter().filter_map(Obj::here).fold(false, |any, part| take(part, answer) | any)
}

/// `usage` of version 2, `meta` of version 1: billed or counted tokens.
fn take_usage(usage: &Raw<'_>, answer: &mut Answer) {
    let Some(text) = usage.json() else { return };
    let figures = serde_json::from_str::<Usage>(text).unwrap_or_default();
    let output = figures.tokens.here().or(figures.billed_units.here()).and_then(|t| t.output_tokens.count());
    answer.report_usage(usage.value(), output);
}
