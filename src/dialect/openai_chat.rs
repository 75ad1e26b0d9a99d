//! OpenAI chat completions and all servers that speak them (docs/dialects.md a.1, a.4, a.9 to a.18, a.21).
//!
//! Source: OpenAI's OpenAPI document 2.3.0, `CreateChatCompletionStreamResponse`. Role chunk, content deltas, a chunk
//! with `finish_reason`, with `include_usage` one with `usage` and no choices, then `[DONE]`.

mod alike;
pub(super) mod choice;
pub(super) mod chunk;
pub mod kinds;
mod invariants;
pub(super) mod usage;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use super::failure;
use super::json::{self, Obj};
use super::payload::{BadPayload, Done, done, object};
use super::reader::Reader;
use super::remarks::{Place, Remarks};
use super::variant::{self, Variant};
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::excerpt;
use alike::Alike;
use choice::{Carried, Frame, State};
use chunk::Chunk;
use invariants::StreamInvariants;
use kinds::*;
use std::collections::BTreeMap;

/// Choices followed; the answer's texts have the same limit.
const CHOICES_LIMIT: usize = 1024;

/// `openai.chat`
pub static DIALECT: Dialect = Dialect {
    name: "openai.chat",
    end: End::Terminator("[DONE]"),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    paths: |_, path| path.ends_with("/chat/completions"),
    shape: |_, shape| match shape.object.as_deref() {
        Some("chat.completion.chunk" | "chat.completion") if shape.has("choices") => Confidence::Certain,
        Some("chat.completion.chunk" | "chat.completion") => Confidence::Likely,
        // Azure's first chunk, TGI, old Ollama: right but for an empty or missing name
        None | Some("") if shape.has_all(&["choices", "created", "model"]) => Confidence::Likely,
        _ if shape.has("choices") && (shape.has("id") || shape.has("model")) => Confidence::Possible,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(Chat::new(evidence)),
    ..Dialect::USUAL
};

/// Reads a chat stream, or one whole `chat.completion`.
struct Chat {
    /// One JSON document: no terminator is promised.
    document: bool,
    /// The beginning was not captured.
    joined: bool,
    invariants: StreamInvariants,
    choices: BTreeMap<u32, State>,
    /// Chunks in a row that carried nothing, and where the run began.
    empty_run: (u64, Place),
    alike: Alike,
    /// A terminator came.
    terminated: bool,
    counted: Counted,
}

/// Where the token counts came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// None came yet.
    Nowhere,
    /// In `usage`.
    InUsage,
    /// Only where one provider puts them: the last record with them, and the member.
    Elsewhere(Place, &'static str),
}

impl Chat {
    fn new(evidence: &Evidence<'_>) -> Self {
        Chat {
            document: evidence.framing == Framing::Json,
            joined: evidence.response.is_none(),
            invariants: StreamInvariants::default(),
            choices: BTreeMap::new(),
            empty_run: Default::default(),
            alike: Alike::default(),
            terminated: false,
            counted: Counted::Nowhere,
        }
    }

    /// A `[DONE]`, however spelled.
    fn terminator(
        &mut self,
        spelled: Done,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        remarks.note_if(self.terminated, DUPLICATE_TERMINATOR, || excerpt(record.data));
        remarks.note_if(spelled != Done::Exact, TERMINATOR_SPELLING, || format!("\"{}\"", excerpt(record.data)));
        self.terminated = true;
        spelled.count(record, answer);
        Meaning { terminator: true, ..Meaning::default() }
    }

    /// Token counts: in `usage`, or where a provider puts them while no `usage` comes. Tells whether there were any.
    fn usage(&mut self, chunk: &Chunk<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
        if usage::take(&chunk.usage, answer, remarks) {
            self.counted = Counted::InUsage;
            return true;
        }
        if self.counted == Counted::InUsage {
            return false;
        }
        let elsewhere = usage::take_elsewhere(chunk, answer, remarks);
        if let Some(which) = elsewhere {
            self.counted = Counted::Elsewhere(remarks.place, which);
        }
        elsewhere.is_some()
    }

    /// A JSON record.
    fn chunk(&mut self, chunk: &Chunk<'_>, text: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if answer.variant.is_none() {
            answer.recognise(marks(chunk, remarks.place.n));
        }
        let mut meaning = Meaning { error: failed(chunk, text, answer, remarks), ..Meaning::default() };
        if meaning.error && !chunk.choices.is_array() {
            return meaning;
        }
        if chunk.is_none() {
            remarks.note(NOT_A_CHUNK, || excerpt(text.as_bytes()));
            return meaning;
        }
        let wanted = if self.document { "chat.completion" } else { invariants::CHUNK };
        self.invariants.enter(chunk, wanted, answer, remarks);
        let mut carried_any = self.usage(chunk, answer, remarks);
        super::llamacpp::Timings::tell(&chunk.timings, &mut answer.server_clock);
        let has_usage = chunk.usage.json().is_some();
        for (position, choice) in chunk.choices.iter().enumerate() {
            let Obj::Here(choice) = choice else {
                remarks.note(CHOICE_TYPE, || choice.kind().into());
                continue;
            };
            if choice.usage.json().is_some() {
                remarks.note(USAGE_IN_CHOICE, || format!("choice {position}"));
                if !has_usage {
                    carried_any |= usage::take(&choice.usage, answer, remarks);
                }
            }
            let carried = self.choice(choice, position, text, answer, remarks);
            carried_any |= carried.other || carried.meaning.is_delta();
            meaning.content |= carried.meaning.content;
            meaning.reasoning |= carried.meaning.reasoning;
            meaning.tool |= carried.meaning.tool;
            meaning.error |= carried.meaning.error;
        }
        choice::limited(&chunk.choices, remarks);
        if !chunk.choices.is_array() {
            remarks.note(CHOICES_MISSING, || chunk.choices.kind.into());
        } else if chunk.choices.is_empty() {
            remarks.note_if(!carried_any && !chunk.prompt_filter, CHOICES_EMPTY, || "[]".into());
        } else {
            self.run(carried_any || meaning.error, remarks);
        }
        meaning
    }

    fn choice(
        &mut self,
        choice: &chunk::Choice<'_>,
        position: usize,
        text: &str,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Carried {
        let index = choice.index.index().unwrap_or_else(|| {
            remarks.note(CHOICE_INDEX_MISSING, || format!("{:?}", choice.index));
            position as u32
        });
        if self.choices.len() >= CHOICES_LIMIT && !self.choices.contains_key(&index) {
            remarks.note(LIST_LIMITED, || format!("choice {index}"));
            return Carried::default();
        }
        let streamed = !self.document && choice.message.here().is_none();
        remarks.note_if(!self.document && !streamed && choice.delta.here().is_none(), MESSAGE_FOR_DELTA, String::new);
        let frame = Frame { streamed, joined: self.joined, index, position, text };
        self.choices.entry(index).or_default().read(choice, frame, &mut self.invariants, answer, remarks)
    }

    /// Count chunks without anything; say the run when it ends.
    fn run(&mut self, carried: bool, remarks: &mut Remarks<'_>) {
        if !carried {
            if self.empty_run.0 == 0 {
                self.empty_run.1 = remarks.place;
            }
            self.empty_run.0 += 1;
            return;
        }
        let (length, place) = std::mem::take(&mut self.empty_run);
        if length > 1 {
            remarks.note_at(place, EMPTY_DELTAS_RUN, || format!("{length} in a row"));
        }
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Chat {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        remarks.note_if(!record.event.is_empty(), EVENT_FIELD, || excerpt(record.event.as_bytes()));
        if let Some(spelled) = done(record.data).filter(|_| !self.document) {
            return self.terminator(spelled, record, answer, remarks);
        }
        remarks.note_if(self.terminated, DATA_AFTER_TERMINATOR, || excerpt(record.data));
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            if let Some(like) = self.alike.take(text) {
                let meaning = self.chunk(like.chunk(), text, answer, remarks);
                self.alike.put_back(like);
                return Ok(meaning);
            }
            let mut chunk = Chunk::default();
            json::parse_into(text, repair, &mut chunk)?;
            let meaning = self.chunk(&chunk, text, answer, remarks);
            self.alike.parsed(record.n, text, &chunk);
            Ok(meaning)
        })
    }

    fn finish(&mut self, _complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        self.run(true, remarks);
        self.invariants.close(remarks);
        if let Counted::Elsewhere(place, which) = self.counted {
            remarks.note_at(place, USAGE_ELSEWHERE, || which.into());
        }
    }
}

/// An error object, in whatever form. `error: null` is none.
pub(super) fn failed(chunk: &Chunk<'_>, text: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
    if let Some(error) = chunk.error.told() {
        remarks.note_if(chunk.error.is_string() || !error.starts_with('{'), ERROR_SHAPE, || excerpt(error.as_bytes()));
        answer.fail(&error);
        return true;
    }
    remarks.note_if(chunk.error.present(), ERROR_NULL, || chunk.error.json().unwrap_or("null").into());
    // A chunk has choices. What has none, and the statuses that providers add, may report an error in other words.
    let odd = !chunk.choices.is_array() && !chunk.usage.present();
    let told = chunk.base_resp.json().filter(|base| failure::refused(base)).map(str::to_owned);
    let told = told.or_else(|| usage::Groq::of(&chunk.x_groq)?.error.told().map(|error| error.into_owned()));
    let told = told.or_else(|| if odd { failure::told(text) } else { None });
    if let Some(error) = &told {
        remarks.note(ERROR_SHAPE, || excerpt(text.as_bytes()));
        answer.fail(error);
    }
    told.is_some()
}

/// The variant by marks in the record; id and fingerprint are looked at in the first ones only.
fn marks(chunk: &Chunk<'_>, n: u64) -> Option<&'static Variant> {
    let top = if chunk.prompt_filter { variant::by_field("prompt_filter_results") } else { None };
    top.or_else(|| chunk.unknown.iter().find_map(|name| variant::by_field(name)))
        .or_else(|| chunk.choices.iter().filter_map(Obj::here).find_map(|choice| choice_marks(choice)))
        .or_else(|| if n < 4 { variant::by_values(chunk.id.str(), chunk.system_fingerprint.str()) } else { None })
}

/// The variant by marks in a choice.
fn choice_marks(choice: &chunk::Choice<'_>) -> Option<&'static Variant> {
    [
        ("choice.content_filter_results", choice.content_filter_results.0),
        ("choice.native_finish_reason", choice.native_finish_reason.0),
        ("choice.usage", choice.usage.json().is_some()),
        ("choice.matched_stop", choice.matched_stop.0),
        ("choice.token_ids", choice.token_ids.0),
        ("choice.stop_reason", choice.stop_reason.0),
        ("delta.tool_call_id", choice.delta.here().is_some_and(|d| d.tool_call_id.0)),
    ]
    .iter()
    .find(|(_, seen)| *seen)
    .and_then(|(name, _)| variant::by_field(name))
}
