//! Transcripts of recorded speech, streamed (docs/dialects.md a.35): OpenAI's `transcript.text.delta` and Mistral's
//! `transcription.text.delta`.
//!
//! Source: OpenAI API reference, "Create transcription", stream events; openai 3.57.0, `TranscriptionStreamEvent`;
//! mistralai 3.7.0, `TranscriptionStreamEvents`. The last event has the whole text and the usage. Whole transcripts
//! (JSON, SRT, plain text) have no mark of their own, and belong to no dialect.

use super::json::{self, Num, Raw, Text};
use super::payload::{BadPayload, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::shape::Shape;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("transcription.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("transcription.not-object");
/// An event of a type that the references do not have.
pub const UNKNOWN_TYPE: Kind = Kind("transcription.unknown-type");

/// OpenAI's last event.
const DONE: &str = "transcript.text.done";
/// Mistral's last event.
const MISTRAL_DONE: &str = "transcription.done";

/// `openai.transcription`
pub static DIALECT: Dialect = Dialect {
    name: "openai.transcription",
    end: End::Terminator(DONE),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    shape: |evidence, shape| match shape.kind.as_deref() {
        Some(kind) if evidence.framing.is_stream() && is_ours(kind) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |evidence| {
        let mistral = Shape::of(evidence.record).kind.is_some_and(|kind| kind.starts_with("transcription."));
        Box::new(Transcript { mistral, ..Transcript::default() })
    },
    ..Dialect::USUAL
};

fn is_ours(kind: &str) -> bool {
    kind.starts_with("transcript.text.")
        || matches!(
            kind,
            "transcription.language" | "transcription.segment" | "transcription.text.delta" | MISTRAL_DONE
        )
}

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    logprobs: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
    completion_tokens: Num,
}

/// Reads events.
#[derive(Debug, Default)]
struct Transcript {
    mistral: bool,
    /// Text came in deltas.
    delta: bool,
}

impl Transcript {
    fn event(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        answer.logprobs |= event.logprobs.json().is_some();
        let kind = event.kind.str().unwrap_or_default();
        match kind {
            "transcript.text.delta" | "transcription.text.delta" => {
                self.delta = true;
                meaning.content = event.delta.full().or(event.text.full()).is_some_and(|text| answer.add_text(0, text));
            }
            // Each speaker's words again, unless they come only so.
            "transcript.text.segment" | "transcription.segment" if self.delta => {}
            "transcript.text.segment" | "transcription.segment" => {
                meaning.content = event.text.full().is_some_and(|text| answer.add_text(0, text));
            }
            "transcription.language" => {}
            DONE | MISTRAL_DONE => {
                answer.identify(event.model.full(), None);
                // It is all there before, unless the server sends it only whole.
                let came = answer.texts.get(&0).is_some_and(|kept| !kept.is_empty());
                meaning.content = event.text.full().is_some_and(|text| !came && answer.add_text(0, text));
                let read = event.usage.json().and_then(|text| serde_json::from_str::<Usage>(text).ok());
                let tokens = read.and_then(|usage| usage.output_tokens.count().or(usage.completion_tokens.count()));
                answer.report_usage(event.usage.value(), tokens);
                answer.terminator.saw(kind, true);
                meaning.terminator = true;
            }
            _ if event.error.json().is_some() => {
                answer.fail(&event.error.told().unwrap_or_else(|| "error".into()));
                meaning.error = true;
            }
            _ => {
                return foreign_error(record, answer, remarks).unwrap_or_else(|| {
                    remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
                    Meaning { content: answer.add_media(event.delta.full().is_some()), ..meaning }
                });
            }
        }
        meaning
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Transcript {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        // Clients stop there; whether the text is whole it does not say.
        if done(record.data).is_some() {
            answer.terminator.saw("[DONE]", false);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn end(&self) -> Option<End> {
        self.mistral.then_some(End::Terminator(MISTRAL_DONE))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    const DELTA: &str = r#"{"type":"transcript.text.delta","delta":"Hi"}"#;
    const END: &str = r#"{"type":"transcript.text.done","text":"Hi","usage":{"type":"tokens","output_tokens":1}}"#;

    #[test]
    fn the_last_event_repeats_the_text() {
        let segment = r#"{"type":"transcript.text.segment","id":"s","start":0,"end":1,"text":"Hi","speaker":"A"}"#;
        let read = read_as(&DIALECT, Framing::Sse, &[("", DELTA), ("", segment), ("", END), ("", "[DONE]")]);
        assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hi", 1, Some(1)));
        assert!(read.answer.terminator.own && read.kinds().is_empty());
        let read = read_as(&DIALECT, Framing::Sse, &[("", segment), ("", END)]);
        assert_eq!((read.text(), read.answer.content_deltas), ("Hi", 1));
        assert_eq!(read_as(&DIALECT, Framing::Sse, &[("", END)]).text(), "Hi");
    }

    #[test]
    fn mistral_has_its_own_names() {
        let (delta, end) = (
            DELTA.replace("transcript.", "transcription.").replace("delta\":", "text\":"),
            r#"{"type":"transcription.done","model":"voxtral","text":"Hi","usage":{"completion_tokens":1}}"#,
        );
        let delta = delta.replace("transcription.text.text", "transcription.text.delta");
        let read = read_as(&DIALECT, Framing::Sse, &[("", &delta), ("", end)]);
        assert_eq!((read.text(), read.answer.terminator.expected), ("Hi", Some("transcription.done")));
        assert_eq!(chosen("/v1/audio/transcriptions", Framing::Sse, &delta), Some("openai.transcription"));
    }
}
