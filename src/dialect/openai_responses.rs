//! OpenAI Responses (docs/dialects.md a.3).
//!
//! Source: OpenAI's OpenAPI document 2.3.0, `ResponseStreamEvent`. `response.created`, items and their deltas, and one
//! of
//! `response.completed`, `response.incomplete`, `response.failed` at the end, or `error`. There is no `[DONE]`.

mod done;
mod items;
pub mod kinds;
mod lanes;
mod shape;
#[cfg(test)]
mod tests;

use super::json::{self, Obj};
use super::payload::{BadPayload, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::excerpt;
use done::commands;
use items::{head, whole};
use kinds::*;
use shape::{Event, Item, QUIET};
use std::collections::{BTreeMap, BTreeSet};

/// Output items followed, and parts of them.
const ITEMS_LIMIT: usize = 1024;

/// `openai.responses`
pub static DIALECT: Dialect = Dialect {
    name: "openai.responses",
    end: End::Terminator("response.completed"),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    paths: |_, path| path.ends_with("/responses"),
    shape: |evidence, shape| match (shape.kind.as_deref(), shape.object.as_deref()) {
        // A refused request, the events of a gateway, and nothing at all come here too.
        _ if evidence.framing == Framing::WebSocket
            && evidence.path().is_some_and(|path| path.ends_with("/responses")) =>
        {
            Confidence::Certain
        }
        (Some(kind), _) if kind.starts_with("response.") => match evidence.framing {
            // The events of Realtime have the same words.
            Framing::WebSocket if evidence.path().is_some_and(|path| path.ends_with("/realtime")) => Confidence::No,
            Framing::WebSocket if !shape.has("sequence_number") && !shape.has("stream_id") => Confidence::No,
            _ => Confidence::Certain,
        },
        (_, Some("response")) if shape.has("output") => Confidence::Certain,
        _ if evidence.record.event.starts_with("response.") => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| match evidence.framing {
        Framing::WebSocket => Box::new(lanes::Lanes::new(evidence)),
        _ => Box::new(Responses::new(evidence)),
    },
    ..Dialect::USUAL
};

/// Reads a stream of events, or one whole `response`.
#[derive(Debug, Default)]
struct Responses {
    document: bool,
    /// One answer of several on a WebSocket.
    in_lane: bool,
    /// The beginning was not captured.
    joined: bool,
    /// An event came.
    begun: bool,
    /// The terminal event came.
    ended: bool,
    /// The next `sequence_number`; none until one was seen.
    sequence: Option<i64>,
    /// Items added, by `output_index`.
    items: BTreeSet<u32>,
    /// Parts added, by `output_index` and `content_index`, and where in the item's text each begins.
    parts: BTreeMap<(u32, u32), usize>,
    /// Items whose reasoning came in deltas, or whole, by `output_index`.
    reasoned: BTreeSet<u32>,
    /// What a `.done` event has closed: parts, and with [`WHOLE`] items and arguments.
    over: BTreeSet<(u32, u32)>,
    /// The `.done` events that are due, by `output_index`, part (or [`WHOLE`]) and name.
    due: BTreeSet<(u32, u32, &'static str)>,
}

/// In the place of a part: the item as a whole, or its arguments.
const WHOLE: u32 = u32::MAX;

const TEXT_DONE: &str = "response.output_text.done";
const PART_DONE: &str = "response.content_part.done";
const ITEM_DONE: &str = "response.output_item.done";

impl Responses {
    fn new(evidence: &Evidence<'_>) -> Self {
        // A stream may be resumed after an event that the client has seen.
        let resumed = evidence.target.is_some_and(|t| t.contains("starting_after="));
        let joined = resumed || evidence.response.is_none();
        let sequence = if joined { None } else { Some(0) };
        Responses { document: evidence.framing == Framing::Json, joined, sequence, ..Responses::default() }
    }

    fn in_lane(joined: bool) -> Self {
        Responses { in_lane: true, joined, ..Responses::default() }
    }

    fn dispatch(
        &mut self,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        if self.document {
            return whole(event, text, record, answer, remarks);
        }
        let kind = match event.kind.full() {
            Some(kind) => kind,
            None => {
                remarks.note(NO_TYPE, || event.kind.show());
                if event.error.json().is_some() { "error" } else { record.event }
            }
        };
        let differs = !record.event.is_empty() && record.event != kind;
        remarks.note_if(differs, EVENT_DIFFERS_FROM_TYPE, || {
            format!("event {}, type {}", excerpt(record.event.as_bytes()), excerpt(kind.as_bytes()))
        });
        remarks.note_if(self.ended, AFTER_TERMINAL, || excerpt(kind.as_bytes()));
        let late = !self.begun && !self.joined && kind != "response.created" && kind != "error";
        remarks.note_if(late, NO_CREATED, || excerpt(kind.as_bytes()));
        self.begun = true;
        self.count(event, remarks);
        let index = event.output_index.index().unwrap_or(0);
        match kind.strip_prefix("response.").unwrap_or(kind) {
            "created" | "in_progress" => {
                head(&event.response, answer);
                Meaning::default()
            }
            "output_item.added" => {
                if event.item.here().is_some_and(|item| item.kind.str() == Some("reasoning")) {
                    answer.reasons(record.at);
                }
                self.item(index, &event.item, answer)
            }
            "content_part.added" => {
                self.expect(index, part(event), PART_DONE);
                self.part(index, event, answer)
            }
            "content_part.done" => {
                self.due.remove(&(index, part(event), PART_DONE));
                self.part_done(index, event, answer, remarks)
            }
            "output_text.done" => {
                self.close(index, part(event));
                self.due.remove(&(index, part(event), TEXT_DONE));
                self.compare(index, &event.text, event, answer, remarks)
            }
            "refusal.done" => {
                self.close(index, part(event));
                self.compare(index, &event.refusal, event, answer, remarks)
            }
            "function_call_arguments.done" | "mcp_call_arguments.done" => {
                self.close(index, WHOLE);
                self.arguments_done(index, event.arguments.full(), event, answer, remarks)
            }
            "custom_tool_call_input.done" => {
                self.close(index, WHOLE);
                self.arguments_done(index, event.input.full(), event, answer, remarks)
            }
            "code_interpreter_call_code.done" => {
                self.close(index, WHOLE);
                self.arguments_done(index, event.code.full(), event, answer, remarks)
            }
            "reasoning_text.done" | "reasoning_summary_text.done" => {
                self.reasoning_done(index, event.text.full(), answer, remarks)
            }
            "output_item.done" => {
                self.close(index, WHOLE);
                self.due.remove(&(index, WHOLE, ITEM_DONE));
                self.item_done(index, &event.item, answer, remarks)
            }
            "output_text.delta" | "refusal.delta" => {
                self.known(index, remarks);
                self.known_part(index, event, remarks);
                self.open(index, part(event), remarks);
                if kind == "response.output_text.delta" && self.parts.contains_key(&(index, part(event))) {
                    self.expect(index, part(event), TEXT_DONE);
                }
                Meaning {
                    content: event.delta.full().is_some_and(|text| answer.add_text(index, text)),
                    ..Meaning::default()
                }
            }
            "reasoning_text.delta" | "reasoning_summary_text.delta" => {
                self.known(index, remarks);
                self.reasons(index);
                Meaning {
                    reasoning: event.delta.full().is_some_and(|text| answer.add_reasoning(text)),
                    ..Meaning::default()
                }
            }
            "shell_call_command.added" | "shell_call_command.delta" | "shell_call_command.done" => {
                self.known(index, remarks);
                commands(kind, index, event, answer)
            }
            "function_call_arguments.delta"
            | "custom_tool_call_input.delta"
            | "mcp_call_arguments.delta"
            | "code_interpreter_call_code.delta" => {
                self.known(index, remarks);
                self.open(index, WHOLE, remarks);
                let fragment = event.delta.str().unwrap_or_default();
                answer.add_arguments(&index.to_string(), fragment);
                Meaning { tool: !fragment.is_empty(), ..Meaning::default() }
            }
            "audio.transcript.delta" => Meaning {
                content: event.delta.full().is_some_and(|text| answer.add_text(index, text)),
                ..Meaning::default()
            },
            "audio.delta" => media(&event.delta, answer),
            "image_generation_call.partial_image" => media(&event.partial_image_b64, answer),
            "completed" | "incomplete" | "failed" => self.terminal(kind, event, answer, remarks),
            "error" => self.error(event, text, answer),
            quiet if QUIET.contains(&quiet) => Meaning::default(),
            // Whatever it is of, output came.
            unknown => {
                remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
                if unknown.ends_with(".delta") { media(&event.delta, answer) } else { Meaning::default() }
            }
        }
    }

    /// The terminal event: status, usage, error.
    fn terminal(&mut self, kind: &str, event: &Event<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        self.ended = true;
        let mut late = Meaning::default();
        if let Some(response) = event.response.here().filter(|_| !self.joined && !answer.text_limited) {
            // Items are taken from here only if nothing came before: their places may not be the indexes of the events.
            let (no_text, no_call) =
                (done::all_empty(answer.texts.values()), done::all_empty(answer.tool_arguments.values()));
            for (index, item) in response.output.iter().enumerate() {
                // Of what has no letters and no arguments nothing is kept: any content may have been that.
                let is_message = item.here().is_some_and(|item| item.kind.str() == Some("message"));
                let no_other = answer.content_deltas == 0;
                let none = |item: &Item<'_>| match item.is_call() {
                    true => no_call,
                    false => {
                        if is_message {
                            no_text
                        } else {
                            no_other
                        }
                    }
                };
                if item.here().is_some_and(none) {
                    let meaning = self.item_done(index as u32, item, answer, remarks);
                    (late.content, late.tool) = (late.content | meaning.content, late.tool | meaning.tool);
                }
            }
            let item = response.output.iter().enumerate().find(|(i, item)| {
                let text = item.here().filter(|item| item.kind.str() == Some("message")).map(Item::text);
                text.is_some_and(|text| text != answer.texts.get(&(*i as u32)).map_or("", String::as_str))
            });
            if let Some((i, _)) = item {
                remarks.note(OUTPUT_DIFFERS, || format!("{kind}: text of output {i}"));
            } else if let Some(lacks) = response.lacks(self.in_lane, answer).filter(|_| kind != "response.failed") {
                remarks.note(OUTPUT_DIFFERS, || format!("{kind}: {lacks}"));
            }
        }
        let status = kind.strip_prefix("response.").unwrap_or(kind);
        if status == "completed" && !self.joined && !self.in_lane {
            if let Some((index, _, due)) = self.due.first() {
                remarks.note(NOT_DONE, || {
                    let more = self.due.len() - 1;
                    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
                    format!("no {due} for output_index {index}{more}")
                });
            }
            let absent = event.response.here().filter(|response| response.output.kind == "absent");
            remarks.note_if(absent.is_some(), COMPLETED_WITHOUT_OUTPUT, || kind.to_owned());
        }
        answer.finish(0, status);
        answer.terminator.saw(kind, true);
        let told = event.response.here().and_then(|response| response.status.full());
        remarks.note_if(told.is_some_and(|told| told != status), STATUS_DIFFERS, || {
            let response = event.response.here();
            let details = response.and_then(|r| r.incomplete_details.json()).unwrap_or_default();
            format!("{kind} with status {} {details}", excerpt(told.unwrap_or_default().as_bytes()))
                .trim_end()
                .to_owned()
        });
        let error = head(&event.response, answer);
        Meaning { terminator: true, error, ..late }
    }

    /// An `error` event, which ends the stream too.
    fn error(&mut self, event: &Event<'_>, text: &str, answer: &mut Answer) -> Meaning {
        self.ended = true;
        answer.fail(&event.error.told().unwrap_or(text.into()));
        answer.terminator.saw("error", false);
        Meaning { terminator: true, error: true, ..Meaning::default() }
    }

    /// A new item; a call says its name here.
    fn item(&mut self, index: u32, item: &Obj<Item<'_>>, answer: &mut Answer) -> Meaning {
        // Some servers give every item the same index: a new one is open.
        self.over.retain(|(item, _)| *item != index);
        self.expect(index, WHOLE, ITEM_DONE);
        if self.items.len() < ITEMS_LIMIT {
            self.items.insert(index);
        }
        if let Some(name) = item.here().and_then(Item::called).filter(|name| !name.is_empty()) {
            answer.name_tool(&index.to_string(), name);
            answer.add_arguments(&index.to_string(), "");
        }
        Meaning::default()
    }

    fn known(&self, index: u32, remarks: &mut Remarks<'_>) {
        let unknown = !self.joined && !self.in_lane && self.items.len() < ITEMS_LIMIT && !self.items.contains(&index);
        remarks.note_if(unknown, DELTA_WITHOUT_ITEM, || format!("output_index {index}"));
    }

    /// A part of an item begins.
    fn part(&mut self, index: u32, event: &Event<'_>, answer: &Answer) -> Meaning {
        if self.parts.len() < ITEMS_LIMIT {
            let begins = answer.texts.get(&index).map_or(0, String::len);
            self.parts.insert((index, event.content_index.index().unwrap_or(0)), begins);
        }
        Meaning::default()
    }

    /// This `.done` event is due before the response is completed.
    fn expect(&mut self, index: u32, part: u32, done: &'static str) {
        // What was closed too early has its own remark.
        if self.due.len() < ITEMS_LIMIT && !self.over.contains(&(index, part)) {
            self.due.insert((index, part, done));
        }
    }

    /// A `.done` event has closed this part.
    fn close(&mut self, index: u32, part: u32) {
        if self.over.len() < ITEMS_LIMIT {
            self.over.insert((index, part));
        }
    }

    /// A delta came: neither its part nor its item may be closed.
    fn open(&self, index: u32, part: u32, remarks: &mut Remarks<'_>) {
        let over = self.over.contains(&(index, part)) || self.over.contains(&(index, WHOLE));
        remarks.note_if(over, DELTA_AFTER_DONE, || format!("output_index {index}"));
    }

    fn known_part(&self, index: u32, event: &Event<'_>, remarks: &mut Remarks<'_>) {
        let part = event.content_index.index().unwrap_or(0);
        let unknown = !self.joined
            && !self.in_lane
            && self.items.contains(&index)
            && self.parts.len() < ITEMS_LIMIT
            && !self.parts.contains_key(&(index, part));
        remarks.note_if(unknown, DELTA_WITHOUT_PART, || format!("output_index {index}, content_index {part}"));
    }

    fn count(&mut self, event: &Event<'_>, remarks: &mut Remarks<'_>) {
        match event.sequence_number.int() {
            _ if self.in_lane => {}
            Some(n) => {
                let wrong = self.sequence.is_some_and(|due| due != n);
                remarks
                    .note_if(wrong, SEQUENCE_GAP, || format!("{n} instead of {}", self.sequence.unwrap_or_default()));
                self.sequence = Some(n.saturating_add(1));
            }
            None => remarks.note(NO_SEQUENCE_NUMBER, || format!("{:?}", event.sequence_number)),
        }
    }
}

/// Output without letters.
fn media(payload: &json::Text<'_>, answer: &mut Answer) -> Meaning {
    Meaning { content: answer.add_media(payload.full().is_some()), ..Meaning::default() }
}

/// The part that an event is about.
fn part(event: &Event<'_>) -> u32 {
    event.content_index.index().unwrap_or(0)
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Responses {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, text, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.ended && !self.document, NO_TERMINAL, || "the body ended".into());
    }
}
