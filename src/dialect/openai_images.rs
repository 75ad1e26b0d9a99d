//! OpenAI's images, streamed (docs/dialects.md a.36): partial images, and the image.
//!
//! Source: OpenAI API reference, "Create image" and "Create image edit", stream events; openai 3.57.0,
//! `ImageGenStreamEvent`, `ImageEditStreamEvent`. Each image is base64, of which nothing is kept. With `n` over 1 each
//! image has its own last event.

use super::json::{self, Num, Raw, Text};
use super::payload::{BadPayload, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::shape::Shape;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("images.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("images.not-object");
/// An event of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("images.unknown-type");

const GENERATED: &str = "image_generation.completed";
const EDITED: &str = "image_edit.completed";

/// `openai.images`
pub static DIALECT: Dialect = Dialect {
    name: "openai.images",
    end: End::Terminator(GENERATED),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    shape: |_, shape| match shape.kind.as_deref() {
        Some("image_generation.partial_image" | GENERATED | "image_edit.partial_image" | EDITED) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |evidence| {
        let edit = Shape::of(evidence.record).kind.is_some_and(|kind| kind.starts_with("image_edit."));
        Box::new(Images { edit })
    },
    ..Dialect::USUAL
};

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    b64_json: Text<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
}

/// Reads events.
#[derive(Debug)]
struct Images {
    edit: bool,
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Images {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        // Clients stop there; whether the image is whole it does not say.
        if done(record.data).is_some() {
            answer.terminator.saw("[DONE]", false);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let event = json::parse::<Event<'_>>(text, repair)?;
            let kind = event.kind.str().unwrap_or_default();
            let mut meaning = Meaning::default();
            match kind {
                "image_generation.partial_image" | "image_edit.partial_image" => {}
                GENERATED | EDITED => {
                    let read = event.usage.json().and_then(|text| serde_json::from_str::<Usage>(text).ok());
                    answer.report_usage(event.usage.value(), read.and_then(|usage| usage.output_tokens.count()));
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
            meaning.content = answer.add_media(event.b64_json.full().is_some());
            Ok(meaning)
        })
    }

    fn end(&self) -> Option<End> {
        self.edit.then_some(End::Terminator(EDITED))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    #[test]
    fn an_image_has_no_letters_and_has_its_time() {
        for kind in ["image_generation", "image_edit"] {
            let part = format!(r#"{{"type":"{kind}.partial_image","b64_json":"iVBO","partial_image_index":0}}"#);
            let end = format!(r#"{{"type":"{kind}.completed","b64_json":"iVBO","usage":{{"output_tokens":272}}}}"#);
            let read = read_as(&DIALECT, Framing::Sse, &[("", &part), ("", &end)]);
            assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("", 2, Some(272)));
            assert_eq!(read.answer.terminator.expected, Some(format!("{kind}.completed").as_str()));
            assert!(read.answer.terminator.own && read.kinds().is_empty());
            assert_eq!(chosen("/v1/images/generations", Framing::Sse, &part), Some("openai.images"));
        }
    }

    #[test]
    fn an_error_and_a_stranger() {
        let error = r#"{"type":"error","error":{"type":"server_error","message":"no"}}"#;
        let read = read_as(&DIALECT, Framing::Sse, &[("", error), ("", r#"{"type":"image_generation.new"}"#)]);
        assert!(read.meanings[0].error && read.answer.error.as_ref().is_some_and(|error| error.contains("no")));
        assert_eq!(read.kinds(), ["images.unknown-type"]);
    }
}
