//! LitServe without the OpenAI spec: `{"output": …}` one after another, no framing and no terminator promised
//! (docs/dialects.md a.18).

use super::json::{self, Raw};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("litserve.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("litserve.not-object");
/// A record without `output`.
pub const NO_OUTPUT: Kind = Kind("litserve.no-output");

/// `litserve.plain`
pub static DIALECT: Dialect = Dialect {
    name: "litserve.plain",
    content_types: &[],
    streams_by: StreamsBy::Server,
    shape: |evidence, shape| {
        let plain = shape.keys == 1 && shape.has("output");
        // a single document with an output identifies no server, except at LitServe's default path
        if plain && (evidence.framing.is_stream() || evidence.path() == Some("/predict")) {
            Confidence::Likely
        } else {
            Confidence::No
        }
    },
    reader: |_| Box::new(Outputs),
    ..Dialect::USUAL
};

/// One record.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    output: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    detail: Raw<'a>,
}

/// Reads outputs.
struct Outputs;

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Outputs {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        answer.variant = answer.variant.or(Some("litserve"));
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let (event, mut meaning) = (json::parse::<Event<'_>>(text, repair)?, Meaning::default());
            if let Some(error) = event.error.told().or_else(|| event.detail.told()) {
                answer.fail(&error);
                meaning.error = true;
            } else if let Some(output) = event.output.text() {
                meaning.content = answer.add_text(0, &output);
            } else if !event.output.present() {
                meaning = unknown(record, answer, remarks, NO_OUTPUT);
            }
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
    fn outputs_are_joined() {
        let read = read_as(
            &DIALECT,
            Framing::ConcatJson,
            &[("", r#"{"output": "no"}"#), ("", r#"{"output": " spec"}"#), ("", r#"{"output": [1,2]}"#)],
        );
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.answer.variant),
            ("no spec[1,2]", 3, Some("litserve"))
        );
        assert!(read.kinds().is_empty() && read.answer.terminator.expected.is_none());
        let read =
            read_as(&DIALECT, Framing::Ndjson, &[("", r#"{"error":"CUDA"}"#), ("", "{}"), ("", "[]"), ("", "{")]);
        assert_eq!(read.answer.error.as_deref(), Some("CUDA"));
        assert_eq!(read.kinds(), ["litserve.no-output", "litserve.not-json", "litserve.not-object"]);
    }

    #[test]
    fn only_the_lone_key_counts() {
        assert_eq!(chosen("/predict", Framing::Ndjson, r#"{"output": "no"}"#), Some("litserve.plain"));
        // DashScope's own protocol has an output too
        assert_eq!(
            chosen("/x", Framing::Sse, r#"{"output":{},"usage":{},"request_id":"1"}"#),
            Some("dashscope.generation")
        );
    }
}
