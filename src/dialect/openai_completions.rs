//! OpenAI's legacy completions (docs/dialects.md a.2). Source: OpenAI's OpenAPI document 2.3.0,
//! `CreateCompletionResponse`, the same for chunks.

use super::json::{self, Obj};
use super::openai_chat::{chunk::Chunk, failed, usage};
use super::payload::{BadPayload, Done, done, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("completions.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("completions.not-object");
/// `object` is not `text_completion`.
pub const OBJECT_WRONG: Kind = Kind("completions.object-wrong");
/// `choices` is absent or no array.
pub const CHOICES_MISSING: Kind = Kind("completions.choices-missing");
/// `text` of a choice is not a string.
pub const TEXT_TYPE: Kind = Kind("completions.text-type");
/// `[DONE]` with spaces, in another case or in quotes.
pub const TERMINATOR_SPELLING: Kind = Kind("completions.terminator-spelling");
/// A second terminator.
pub const DUPLICATE_TERMINATOR: Kind = Kind("completions.duplicate-terminator");
/// An `event` field.
pub const EVENT_FIELD: Kind = Kind("completions.event-field");
/// A record after the terminator.
pub const DATA_AFTER_TERMINATOR: Kind = Kind("completions.data-after-terminator");

/// `openai.completions`
pub static DIALECT: Dialect = Dialect {
    name: "openai.completions",
    end: End::Terminator("[DONE]"),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    paths: |_, path| path.ends_with("/completions") && !path.ends_with("/chat/completions"),
    shape: |_, shape| match shape.object.as_deref() {
        Some("text_completion") => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(Completions { document: evidence.framing == Framing::Json, terminated: false }),
    ..Dialect::USUAL
};

/// Reads a stream of `text_completion` objects, or one of them.
struct Completions {
    /// One JSON document: no terminator is promised.
    document: bool,
    /// A terminator came.
    terminated: bool,
}

impl Completions {
    fn chunk(&mut self, chunk: &Chunk<'_>, text: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let mut meaning = Meaning { error: failed(chunk, text, answer, remarks), ..Meaning::default() };
        if meaning.error && !chunk.choices.is_array() {
            return meaning;
        }
        remarks.note_if(chunk.object.str() != Some("text_completion"), OBJECT_WRONG, || chunk.object.show());
        remarks.note_if(!chunk.choices.is_array(), CHOICES_MISSING, || chunk.choices.kind.into());
        answer.identify(chunk.model.full(), chunk.id.full());
        usage::take(&chunk.usage, answer, remarks);
        for (position, choice) in chunk.choices.iter().enumerate() {
            let Obj::Here(choice) = choice else { continue };
            let index = choice.index.index().unwrap_or(position as u32);
            match choice.text.str() {
                Some(text) => meaning.content |= answer.add_text(index, text),
                None => remarks.note(TEXT_TYPE, || choice.text.show()),
            }
            if let Some(reason) = choice.finish_reason.full() {
                answer.finish(index, reason);
            }
        }
        meaning
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Completions {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        remarks.note_if(!record.event.is_empty(), EVENT_FIELD, || excerpt(record.event.as_bytes()));
        if let Some(spelled) = done(record.data).filter(|_| !self.document) {
            remarks.note_if(self.terminated, DUPLICATE_TERMINATOR, || excerpt(record.data));
            remarks.note_if(spelled != Done::Exact, TERMINATOR_SPELLING, || format!("\"{}\"", excerpt(record.data)));
            self.terminated = true;
            spelled.count(record, answer);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        remarks.note_if(self.terminated, DATA_AFTER_TERMINATOR, || excerpt(record.data));
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let mut chunk = Chunk::default();
            json::parse_into(text, repair, &mut chunk)?;
            Ok(self.chunk(&chunk, text, answer, remarks))
        })
    }
}
