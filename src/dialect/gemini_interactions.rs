//! Gemini's Interactions API (docs/dialects.md a.29): a stream of events over SSE, the same events in frames of the
//! WebSocket `interactions/live`, or one whole interaction.
//!
//! Source: google-genai 3.6.1, the event classes of its interactions and its WebSocket client; Vertex's reference for
//! the older names (`interaction.start`, `content.delta`). Each payload has its `event_type`, which the SSE event type
//! equals. `interaction.completed` tells how it ended and has no output; `[DONE]` follows. A stream that is resumed by
//! an `event_id` begins in the middle.

mod shape;

#[cfg(test)]
mod tests;

use self::shape::{Data, Event, Frame, Interaction, Part, Step, Usage};
use super::json::{self, Obj, Raw, Repair};
use super::payload::{BadPayload, done, foreign_error, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::shape::Shape;
use super::turns::Said;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("interactions.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("interactions.not-object");
/// The object has no `event_type`.
pub const NO_TYPE: Kind = Kind("interactions.no-type");
/// An event, or a delta, of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("interactions.unknown-type");
/// The body ended properly without `interaction.completed` and without an error.
pub const NO_END: Kind = Kind("interactions.no-end");

/// What ends an interaction.
const COMPLETED: &str = "interaction.completed";
/// The same by its older name.
const COMPLETE: &str = "interaction.complete";
/// Steps followed at once.
const STEPS_LIMIT: usize = 1024;

/// `gemini.interactions`
pub static DIALECT: Dialect = Dialect {
    name: "gemini.interactions",
    end: End::Terminator(COMPLETED),
    streams_by: StreamsBy::Flag,
    paths: |_, path| path.ends_with("/interactions") && path.contains("/v1"),
    shape: |evidence, shape| match shape.event_type.as_deref() {
        Some(kind) if kind.starts_with("interaction.") => Confidence::Certain,
        Some("step.start" | "step.delta" | "step.stop") => Confidence::Certain,
        Some("content.start" | "content.delta" | "content.stop") => Confidence::Certain,
        Some("reconnection_required") => Confidence::Likely,
        Some("error") => Confidence::Likely,
        None if shape.object.as_deref() == Some("interaction") => Confidence::Certain,
        None if evidence.framing == Framing::WebSocket && shape.has("events") && live(evidence.path()) => {
            Confidence::Certain
        }
        _ => Confidence::No,
    },
    reader: |evidence| {
        let (document, socket) = (evidence.framing == Framing::Json, evidence.framing == Framing::WebSocket);
        let older = matches!(Shape::of(evidence.record).event_type.as_deref(), Some(kind) if is_older(kind));
        Box::new(Interactions { document, socket, older, ..Interactions::default() })
    },
    ..Dialect::USUAL
};

/// A name that an event had before it was renamed.
fn is_older(kind: &str) -> bool {
    matches!(kind, "interaction.start" | COMPLETE) || kind.starts_with("content.")
}

/// The path of the WebSocket.
fn live(path: Option<&str>) -> bool {
    path.is_some_and(|path| path.ends_with("/interactions/live"))
}

/// Reads a stream, a session over a WebSocket, or one whole interaction.
#[derive(Debug, Default)]
struct Interactions {
    document: bool,
    socket: bool,
    /// Steps that were started and not stopped.
    open: BTreeSet<u32>,
    /// Events have their older names.
    older: bool,
    ended: bool,
    failed: bool,
}

impl Interactions {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let kind = match event.event_type.full() {
            Some(kind) => kind,
            None => return self.untyped(event, record, answer, remarks),
        };
        match kind {
            "interaction.created" | "interaction.start" => {
                answer.identify(None, event.interaction_id.full());
                if let Obj::Here(interaction) = &event.interaction {
                    answer.identify(interaction.model.full(), interaction.id.full());
                }
            }
            "interaction.status_update" => self.status_update(event, answer, &mut meaning),
            "step.start" | "content.start" => {
                let index = event.index.index().unwrap_or(0);
                if self.open.len() < STEPS_LIMIT {
                    self.open.insert(index);
                }
                if let Some(step) = event.step.here().or(event.content.here()) {
                    step.begin(index, record, answer, &mut meaning);
                }
            }
            "step.delta" | "content.delta" => {
                let index = event.index.index().unwrap_or(0);
                if let Obj::Here(delta) = &event.delta {
                    delta.take(index, record, answer, &mut meaning, remarks);
                }
                if let Obj::Here(metadata) = &event.metadata {
                    take_usage(&metadata.total_usage, answer);
                }
            }
            "step.stop" | "content.stop" => {
                self.open.remove(&event.index.index().unwrap_or(0));
                take_usage(&event.usage, answer);
            }
            COMPLETED | COMPLETE => self.completed(kind, event, answer, &mut meaning),
            "interaction.canceled" | "interaction.cancelled" => {
                take_usage(&event.usage, answer);
                answer.finish(0, "cancelled");
                self.close(kind, answer, &mut meaning);
            }
            "reconnection_required" => self.close(kind, answer, &mut meaning),
            "error" => {
                self.failed = true;
                answer.fail(&event.error.told().unwrap_or_else(|| "error".into()));
                meaning.error = true;
            }
            "interaction.connected" => {}
            other => {
                return foreign_error(record, answer, remarks).unwrap_or_else(|| {
                    remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                    Meaning::default()
                });
            }
        }
        meaning
    }

    /// A status other than those of work in progress is how the answer stands; over a WebSocket another turn may
    /// follow.
    fn status_update(&mut self, event: &Event<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        answer.identify(None, event.interaction_id.full());
        take_usage(&event.usage, answer);
        match event.status.text().as_deref() {
            Some("in_progress" | "queued" | "requires_continuation") | None => {}
            Some("failed") => self.fail(&event.error, answer, meaning),
            Some(status) => answer.finish(0, status),
        }
    }

    /// The last event. Over a WebSocket it has the figures itself, and `status` is an error's.
    fn completed(&mut self, kind: &str, event: &Event<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        take_usage(&event.usage, answer);
        if let Some(error) = event.failure() {
            self.failed = true;
            answer.fail(error);
            meaning.error = true;
        }
        if let Obj::Here(interaction) = &event.interaction {
            let came = answer.content_deltas + answer.reasoning_deltas + answer.tool_deltas > 0;
            let made = self.take(interaction, !came, answer);
            (meaning.content, meaning.reasoning, meaning.tool) = (made.content, made.reasoning, made.tool);
            meaning.error |= made.error;
        } else if !self.failed {
            answer.finish(0, "completed");
        }
        self.close(kind, answer, meaning);
    }

    fn close(&mut self, kind: &str, answer: &mut Answer, meaning: &mut Meaning) {
        self.ended = true;
        self.open.clear();
        answer.terminator.saw(kind, true);
        meaning.terminator = true;
    }

    fn fail(&mut self, error: &Raw<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        self.failed = true;
        let error = error.told().unwrap_or_else(|| "failed".into());
        answer.fail(&error);
        meaning.error = true;
    }

    /// Figures and status of an interaction, and (`output`) what was made.
    fn take(&mut self, interaction: &Interaction<'_>, output: bool, answer: &mut Answer) -> Meaning {
        let mut meaning = Meaning::default();
        answer.identify(interaction.model.full(), interaction.id.full());
        take_usage(&interaction.usage, answer);
        match interaction.status.full() {
            Some("in_progress" | "queued") | None => {}
            Some("failed") => {
                self.fail(&interaction.error, answer, &mut meaning);
                answer.finish(0, "failed");
            }
            Some(status) => answer.finish(0, status),
        }
        let steps = interaction.steps.iter().chain(interaction.outputs.iter()).filter(|_| output);
        for (index, step) in steps.enumerate().filter_map(|(n, step)| Some((n as u32, step.here()?))) {
            step.whole(index, answer, &mut meaning);
        }
        meaning
    }

    /// A whole interaction, or an error without a type.
    fn untyped(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let whole = event.object.str() == Some("interaction") || self.document && event.id.full().is_some();
        if whole && let Ok(interaction) = serde_json::from_slice::<Interaction<'_>>(record.data) {
            self.ended = true;
            return self.take(&interaction, true, answer);
        }
        if let Some(error) = event.error.told() {
            self.failed = true;
            answer.fail(&error);
            return Meaning { error: true, ..Meaning::default() };
        }
        unknown(record, answer, remarks, if self.document { UNKNOWN_TYPE } else { NO_TYPE })
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Interactions {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if let Some(spelled) = done(record.data).filter(|_| !self.document) {
            spelled.count(record, answer);
            // The client takes it for the end; whether the interaction is over it does not say.
            answer.terminator.own &= self.ended;
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let mut all = Meaning::default();
            let mut mine = Repair::default();
            let frame = if self.socket { json::parse::<Frame<'_>>(text, &mut mine).ok() } else { None };
            match frame.filter(|frame| frame.events.is_array()) {
                Some(frame) => {
                    for event in frame.events.iter().filter_map(Obj::here) {
                        let one = self.dispatch(event, record, answer, remarks);
                        all.content |= one.content;
                        all.reasoning |= one.reasoning;
                        all.tool |= one.tool;
                        all.terminator |= one.terminator;
                        all.error |= one.error;
                    }
                }
                None => all = self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks),
            }
            // A session has many turns. Between them nothing is owed.
            if self.socket && self.open.is_empty() && !self.ended {
                answer.end = End::Body;
                answer.terminator.expected = None;
            }
            Ok(all)
        })
    }

    fn end(&self) -> Option<End> {
        self.older.then_some(End::Terminator(COMPLETE))
    }

    fn asks(&mut self, said: &Said, _answer: &mut Answer) -> bool {
        said.interaction_input
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        let missing = complete && !self.ended && !self.failed && !self.document && !self.socket;
        remarks.note_if(missing, NO_END, || "the body ended".into());
    }
}

impl Step<'_> {
    /// A step begins, with what it holds already (usually nothing).
    fn begin(&self, index: u32, record: &Record<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        if matches!(self.kind.str(), Some("thought")) {
            answer.reasons(record.at);
        }
        self.whole(index, answer, meaning);
    }

    /// All that it holds.
    fn whole(&self, index: u32, answer: &mut Answer, meaning: &mut Meaning) {
        let kind = self.kind.str().unwrap_or_default();
        match kind {
            "thought" => {
                for part in self.summary.iter().filter_map(Obj::here) {
                    meaning.reasoning |= part.text.full().is_some_and(|text| answer.add_reasoning(text));
                }
            }
            // The older form has the text itself; a step has parts.
            "text" | "model_output" => {
                let media = self.content.iter().filter_map(Obj::here).any(Part::is_media);
                meaning.content |= answer.add_media(media);
                let parts = self.content.iter().filter_map(Obj::here).filter_map(|part| part.text.full());
                for text in self.text.full().into_iter().chain(parts) {
                    meaning.content |= answer.add_text(0, text);
                }
            }
            _ if kind.ends_with("_call") => {
                let key = index.to_string();
                answer.name_tool(&key, self.name.full().unwrap_or(kind));
                // An empty object stands for arguments that come.
                let arguments = self.arguments.text().filter(|json| json != "{}").unwrap_or_default();
                answer.add_arguments(&key, &arguments);
                meaning.tool |= !arguments.is_empty();
            }
            // Older blocks of media.
            "audio" | "image" | "video" | "document" => {
                let payload = self.data.full().or(self.uri.full());
                meaning.content |= answer.add_media(payload.is_some());
            }
            _ => {}
        }
    }
}

impl Data<'_> {
    fn take(
        &self,
        index: u32,
        record: &Record<'_>,
        answer: &mut Answer,
        meaning: &mut Meaning,
        remarks: &mut Remarks<'_>,
    ) {
        let kind = self.kind.str().unwrap_or_default();
        match kind {
            "text" => meaning.content |= self.text.full().is_some_and(|text| answer.add_text(0, text)),
            "thought_summary" | "thought" => {
                let text = self.content.here().and_then(|part| part.text.full()).or(self.text.full());
                answer.reasons(record.at);
                meaning.reasoning |= text.is_some_and(|text| answer.add_reasoning(text));
            }
            "thought_signature" => answer.reasons(record.at),
            "arguments_delta" => {
                let arguments = self.arguments.text().or(self.partial_arguments.text()).unwrap_or_default();
                answer.add_arguments(&index.to_string(), &arguments);
                meaning.tool |= !arguments.is_empty();
            }
            _ if kind.ends_with("_call") => {
                let key = index.to_string();
                answer.name_tool(&key, self.name.full().unwrap_or(kind));
                let arguments = self.arguments.text().unwrap_or_default();
                answer.add_arguments(&key, &arguments);
                meaning.tool |= !arguments.is_empty();
            }
            "audio" | "image" | "video" | "document" => {
                let payload = self.data.full().or(self.uri.full());
                meaning.content |= answer.add_media(payload.is_some());
            }
            "text_annotation_delta" => {}
            _ if kind.ends_with("_result") => {}
            // Whatever it is of, output came.
            _ => {
                remarks.note(UNKNOWN_TYPE, || format!("delta {}", self.kind.show()));
                meaning.content |= answer.add_media(true);
            }
        }
    }
}

/// The last usage counts. Thoughts are output too, and are counted separately.
fn take_usage(usage: &Raw<'_>, answer: &mut Answer) {
    let Some(figures) = usage.json().and_then(|json| serde_json::from_str::<Usage>(json).ok()) else { return };
    let output = match (figures.total_output_tokens.count(), figures.total_thought_tokens.count()) {
        (None, None) => None,
        (visible, thoughts) => Some(visible.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
    };
    answer.report_usage(usage.value(), output);
}

/// Whether a client's message asks: its input does, what creates or ends the interaction does not.
pub(super) fn is_input(text: &str) -> bool {
    let asks = |event: &Event<'_>| event.event_type.str() == Some("input") || event.input.present();
    let (mut one, mut several) = (Repair::default(), Repair::default());
    json::parse::<Event<'_>>(text, &mut one).is_ok_and(|event| asks(&event))
        || json::parse::<Frame<'_>>(text, &mut several)
            .is_ok_and(|frame| frame.events.iter().filter_map(Obj::here).any(asks))
}
