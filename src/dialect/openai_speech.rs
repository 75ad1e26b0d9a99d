//! Speech that is made of a text, streamed (docs/dialects.md a.36): OpenAI's `stream_format: sse`, and Mistral's.
//!
//! Source: OpenAI API reference, "Create speech", stream events; mistralai 3.7.0, `SpeechStreamEvents`. Speech comes as
//! base64 in `audio` (OpenAI) or `audio_data` (Mistral), and is not kept.

use super::json::{self, Num, Raw, Text};
use super::payload::{BadPayload, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("speech.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("speech.not-object");
/// An event of a type that the references do not have.
pub const UNKNOWN_TYPE: Kind = Kind("speech.unknown-type");

const DONE: &str = "speech.audio.done";

/// `openai.speech`
pub static DIALECT: Dialect = Dialect {
    name: "openai.speech",
    end: End::Terminator(DONE),
    streams_by: StreamsBy::Call,
    shape: |_, shape| match shape.kind.as_deref() {
        Some("speech.audio.delta" | DONE) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |_| Box::new(Speech),
    ..Dialect::USUAL
};

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    audio: Text<'a>,
    #[serde(borrow)]
    audio_data: Text<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
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
struct Speech;

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Speech {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        // Clients stop there; whether the speech is whole it does not say.
        if done(record.data).is_some() {
            answer.terminator.saw("[DONE]", false);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let event = json::parse::<Event<'_>>(text, repair)?;
            let kind = event.kind.str().unwrap_or_default();
            let mut meaning = Meaning::default();
            match kind {
                "speech.audio.delta" => {}
                DONE => {
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
                    if let Some(error) = foreign_error(record, answer, remarks) {
                        return Ok(error);
                    }
                    remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
                }
            }
            meaning.content = answer.add_media(event.audio.full().or(event.audio_data.full()).is_some());
            Ok(meaning)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    #[test]
    fn speech_of_both_vendors() {
        for name in ["audio", "audio_data"] {
            let delta = format!(r#"{{"type":"speech.audio.delta","{name}":"AAAA"}}"#);
            let end = r#"{"type":"speech.audio.done","usage":{"input_tokens":3,"output_tokens":9,"total_tokens":12}}"#;
            let read = read_as(&DIALECT, Framing::Sse, &[("", &delta), ("", &delta), ("", end)]);
            assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("", 2, Some(9)));
            assert!(read.answer.terminator.own && read.kinds().is_empty());
            assert_eq!(chosen("/v1/audio/speech", Framing::Sse, &delta), Some("openai.speech"));
        }
        let error = r#"{"type":"error","error":{"message":"no"}}"#;
        let read = read_as(&DIALECT, Framing::Sse, &[("", error), ("", r#"{"type":"speech.song"}"#)]);
        assert!(read.meanings[0].error && read.found(UNKNOWN_TYPE) == Some("speech.song"));
    }
}
