//! LM Studio's own API, `/api/v1/chat` (docs/dialects.md a.28).
//!
//! Source: LM Studio's documentation of its REST API, "Chat with a model" and "Streaming events". Named events from
//! `chat.start` to `chat.end`, which has the whole answer again. Loading and reading the prompt show on the wire. An
//! `error` does not end the stream: `chat.end` follows with what was made.

mod shape;

#[cfg(test)]
mod tests;

use super::json::{self, Num, Obj};
use super::payload::{BadPayload, foreign_error, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use crate::time::Span;
use shape::{Event, Item, Stats, Whole};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("lmstudio.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("lmstudio.not-object");
/// The object has no `type`.
pub const NO_TYPE: Kind = Kind("lmstudio.no-type");
/// An event type that the documentation does not have.
pub const UNKNOWN_TYPE: Kind = Kind("lmstudio.unknown-type");
/// The body ended properly without `chat.end`.
pub const NO_END: Kind = Kind("lmstudio.no-end");
/// An event after `chat.end`.
pub const AFTER_END: Kind = Kind("lmstudio.after-end");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("lmstudio.foreign-terminator");

/// What ends a stream.
const CHAT_END: &str = "chat.end";

/// `lmstudio.chat`
pub static DIALECT: Dialect = Dialect {
    name: "lmstudio.chat",
    end: End::Terminator(CHAT_END),
    streams_by: StreamsBy::Flag,
    // Many programs have such a path: the request must look like this one's, with an input and without messages.
    paths: |evidence, path| {
        let asks = |name: &[u8]| memchr::memmem::find(evidence.request_body, name).is_some();
        path.ends_with("/api/v1/chat") && asks(b"\"input\"") && asks(b"\"model\"") && !asks(b"\"messages\"")
    },
    shape: |_, shape| match shape.kind.as_deref() {
        Some("chat.start" | CHAT_END) => Confidence::Certain,
        Some(kind) if kind.starts_with("model_load.") || kind.starts_with("prompt_processing.") => Confidence::Certain,
        Some("message.start" | "message.delta" | "message.end") => Confidence::Likely,
        Some("reasoning.start" | "reasoning.delta" | "reasoning.end") => Confidence::Likely,
        Some("tool_call.start" | "tool_call.arguments" | "tool_call.result") => Confidence::Likely,
        Some("error") if shape.is_error() => Confidence::Possible,
        None if shape.has_all(&["model_instance_id", "output", "stats"]) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(LmStudio { document: evidence.framing == Framing::Json, ..LmStudio::default() }),
    ..Dialect::USUAL
};

/// Reads a stream, or one whole answer.
#[derive(Debug, Default)]
struct LmStudio {
    document: bool,
    ended: bool,
    failed: bool,
    /// Tool calls begun.
    calls: u32,
    /// The last one goes on.
    calling: bool,
}

impl LmStudio {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let Some(kind) = event.kind.full() else { return self.untyped(event, record, answer, remarks) };
        remarks.note_if(self.ended, AFTER_END, || excerpt(kind.as_bytes()));
        match kind {
            "chat.start" => answer.identify(event.model_instance_id.full(), None),
            "model_load.start" => answer.stages.loading.begin(record.at),
            "model_load.end" => {
                answer.stages.loading.end(record.at);
                answer.server_clock.loading = seconds(event.load_time_seconds);
            }
            "prompt_processing.start" => answer.stages.prefill.begin(record.at),
            "prompt_processing.end" => answer.stages.prefill.end(record.at),
            "reasoning.start" => answer.reasons(record.at),
            "message.delta" => {
                let content = event.content.full().is_some_and(|text| answer.add_text(0, text));
                return Meaning { content, ..Meaning::default() };
            }
            "reasoning.delta" => {
                let reasoning = event.content.full().is_some_and(|text| answer.add_reasoning(text));
                return Meaning { reasoning, ..Meaning::default() };
            }
            "tool_call.start" => self.call(event, answer),
            "tool_call.arguments" => {
                if !self.calling {
                    self.call(event, answer);
                }
                return Meaning { tool: self.arguments(event, answer), ..Meaning::default() };
            }
            // Its arguments again; a call may have come so only.
            "tool_call.result" | "tool_call.success" | "tool_call.failure" => {
                let unseen = !self.calling && event.tool.full().is_some();
                if unseen {
                    self.call(event, answer);
                }
                let tool = self.arguments(event, answer);
                self.calling = false;
                return Meaning { tool, ..Meaning::default() };
            }
            "error" => {
                answer.fail(&event.error.told().unwrap_or_else(|| "error".into()));
                self.failed = true;
                return Meaning { error: true, ..Meaning::default() };
            }
            CHAT_END => return self.end(event, answer),
            "model_load.progress"
            | "prompt_processing.progress"
            | "reasoning.end"
            | "message.start"
            | "message.end" => {}
            other => {
                return foreign_error(record, answer, remarks).unwrap_or_else(|| {
                    remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                    // Whatever it is of, output came.
                    Meaning { content: answer.add_media(other.ends_with(".delta")), ..Meaning::default() }
                });
            }
        }
        Meaning::default()
    }

    /// Another tool call begins.
    fn call(&mut self, event: &Event<'_>, answer: &mut Answer) {
        let key = self.calls.to_string();
        self.calls = self.calls.saturating_add(1);
        self.calling = true;
        answer.name_tool(&key, event.tool.str().unwrap_or_default());
        answer.add_arguments(&key, "");
    }

    /// Arguments of the call at hand: an object has them all and may come again, text is a part. True if something new
    /// came.
    fn arguments(&self, event: &Event<'_>, answer: &mut Answer) -> bool {
        let Some(last) = self.calls.checked_sub(1).filter(|_| self.calling) else { return false };
        let key = last.to_string();
        let known = answer.tool_arguments.get(&key).is_some_and(|kept| !kept.is_empty());
        let Some(arguments) = event.arguments.text().filter(|_| !known || event.arguments.is_string()) else {
            return false;
        };
        answer.add_arguments(&key, &arguments);
        !arguments.is_empty()
    }

    /// The last event has the whole answer again, and the figures.
    fn end(&mut self, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        self.ended = true;
        let mut meaning = Meaning { terminator: true, ..Meaning::default() };
        if let Obj::Here(whole) = &event.result {
            let came = answer.content_deltas + answer.reasoning_deltas + answer.tool_deltas > 0;
            let output = self.take(whole, !came, answer);
            (meaning.content, meaning.reasoning, meaning.tool) = (output.content, output.reasoning, output.tool);
        }
        answer.terminator.saw(CHAT_END, true);
        meaning
    }

    /// A whole answer: its figures, and (`output`) what was made.
    fn take(&mut self, whole: &Whole<'_>, output: bool, answer: &mut Answer) -> Meaning {
        answer.identify(whole.model_instance_id.full(), whole.response_id.full());
        let stats = whole.stats.json().and_then(|json| serde_json::from_str::<Stats>(json).ok());
        answer.report_usage(whole.stats.value(), stats.as_ref().and_then(|s| s.total_output_tokens.count()));
        if let Some(stats) = stats {
            let clock = &mut answer.server_clock;
            clock.loading = seconds(stats.model_load_time_seconds).or(clock.loading);
            clock.first_token = seconds(stats.time_to_first_token_seconds);
        }
        let mut meaning = Meaning::default();
        for item in whole.output.iter().filter_map(Obj::here).filter(|_| output) {
            self.item(item, answer, &mut meaning);
        }
        meaning
    }

    fn item(&mut self, item: &Item<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        let text = item.content.full();
        match item.kind.str() {
            Some("message") => meaning.content |= text.is_some_and(|text| answer.add_text(0, text)),
            Some("reasoning") => meaning.reasoning |= text.is_some_and(|text| answer.add_reasoning(text)),
            Some("tool_call") => {
                let key = self.calls.to_string();
                self.calls = self.calls.saturating_add(1);
                answer.name_tool(&key, item.tool.str().unwrap_or_default());
                answer.add_arguments(&key, &item.arguments.text().unwrap_or_default());
                meaning.tool = true;
            }
            _ => {}
        }
    }

    /// A whole answer, or an error without a type.
    fn untyped(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        if self.document
            && (event.output.is_array() || event.stats.present())
            && let Ok(whole) = serde_json::from_slice::<Whole<'_>>(record.data)
        {
            return self.take(&whole, true, answer);
        }
        if let Some(error) = event.error.told() {
            answer.fail(&error);
            self.failed = true;
            return Meaning { error: true, ..Meaning::default() };
        }
        unknown(record, answer, remarks, if event.kind.present() { NO_TYPE } else { UNKNOWN_TYPE })
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for LmStudio {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.ended && !self.failed && !self.document, NO_END, || "the body ended".into());
    }
}

/// A figure in seconds, whole or not.
fn seconds(figure: Num) -> Option<Span> {
    let seconds = match figure {
        Num::Int(n) => n as f64,
        Num::Float(n) => n,
        _ => return None,
    };
    (0.0..1e9).contains(&seconds).then_some(Span((seconds * 1e9) as i64))
}
