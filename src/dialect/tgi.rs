//! Hugging Face text-generation-inference, its own protocol (docs/dialects.md a.15): `/generate_stream`, and `/` with
//! `stream`.
//!
//! Source: TGI's OpenAPI document, `StreamResponse`. One event per token; the last one has `generated_text`, and
//! `details` if the request asked for them.

use super::json::{self, Flag, Num, Obj, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("tgi.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("tgi.not-object");
/// Neither a token, a text nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("tgi.unknown-type");
/// The body ended properly without `generated_text` and without an error.
pub const NO_END: Kind = Kind("tgi.no-end");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("tgi.foreign-terminator");

/// `tgi.generate`
pub static DIALECT: Dialect = Dialect {
    name: "tgi.generate",
    end: End::Terminator(END),
    paths: |_, path| path.ends_with("/generate_stream"),
    shape: |evidence, shape| match () {
        () if shape.has_all(&["token", "generated_text"]) => Confidence::Certain,
        () if shape.has("token") && shape.has("details") => Confidence::Likely,
        () if shape.has("generated_text") => Confidence::Likely,
        () if shape.has("error_type") && evidence.framing == Framing::Sse => Confidence::Likely,
        () => Confidence::No,
    },
    reader: |evidence| Box::new(Tgi { document: evidence.framing == Framing::Json, ended: false }),
    ..Dialect::USUAL
};

/// What the last event has.
const END: &str = "generated_text";

/// One event, or a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    token: Obj<Token<'a>>,
    #[serde(borrow)]
    generated_text: Text<'a>,
    #[serde(borrow)]
    details: Obj<Details<'a>>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Token<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    special: Flag,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    finish_reason: Text<'a>,
    generated_tokens: Num,
}

/// Reads tokens, or one whole answer.
#[derive(Debug)]
struct Tgi {
    document: bool,
    ended: bool,
}

impl Tgi {
    fn read(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        if let Some(error) = event.error.told() {
            answer.fail(&error);
            (meaning.error, self.ended) = (true, true);
            return meaning;
        }
        let token = event.token.here();
        if token.is_none() && !event.generated_text.present() {
            meaning = unknown(record, answer, remarks, UNKNOWN_TYPE);
        }
        if let Some(token) = token.filter(|token| token.special != Flag::Bool(true)) {
            meaning.content = token.text.full().is_some_and(|text| answer.add_text(0, text));
        }
        if let Obj::Here(details) = &event.details {
            if let Some(reason) = details.finish_reason.full() {
                answer.finish(0, reason);
            }
            if let Some(tokens) = details.generated_tokens.count() {
                answer.report_usage(Some(serde_json::json!({ "generated_tokens": tokens })), Some(tokens));
            }
        }
        if let Some(text) = event.generated_text.str() {
            self.ended = true;
            if self.document {
                meaning.content = answer.add_text(0, text);
            } else {
                answer.terminator.saw(END, true);
                meaning.terminator = true;
            }
        }
        meaning
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Tgi {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.read(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.ended && !self.document, NO_END, || "the body ended".into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    const TOKEN: &str = r#"{"index":1,"token":{"id":5,"text":"Hi","logprob":-0.1,"special":false},"generated_text":null,"details":null}"#;
    const LAST: &str = r#"{"index":2,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},"generated_text":"Hi","details":{"finish_reason":"eos_token","generated_tokens":2,"seed":null}}"#;

    #[test]
    fn special_tokens_are_no_text() {
        let read = read_as(&DIALECT, Framing::Sse, &[("", TOKEN), ("", LAST)]);
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
            ("Hi", 1, "eos_token")
        );
        let t = &read.answer.terminator;
        assert_eq!(
            (t.which.as_deref(), t.own, t.is_last_record, read.answer.output_tokens),
            (Some(END), true, Some(true), Some(2))
        );
        assert!(read.kinds().is_empty());
    }

    #[test]
    fn errors_documents_and_oddities() {
        let read = read_as(
            &DIALECT,
            Framing::Sse,
            &[("", TOKEN), ("", r#"{"error":"Request failed","error_type":"generation"}"#)],
        );
        assert_eq!((read.answer.error.as_deref(), read.kinds().len()), (Some("Request failed"), 0));
        let read = read_as(&DIALECT, Framing::Json, &[("", r#"{"generated_text":"Hi"}"#)]);
        assert_eq!((read.text(), read.answer.terminator.expected), ("Hi", None));
        let read = read_as(&DIALECT, Framing::Sse, &[("", "{}"), ("", "{"), ("", "7"), ("", "[DONE]")]);
        assert_eq!(
            read.kinds(),
            ["tgi.foreign-terminator", "tgi.no-end", "tgi.not-json", "tgi.not-object", "tgi.unknown-type"]
        );
    }

    #[test]
    fn recognised_by_token_or_path() {
        assert_eq!(chosen("/", Framing::Sse, TOKEN), Some("tgi.generate"));
        assert_eq!(chosen("/generate_stream", Framing::Sse, ""), Some("tgi.generate"));
    }
}
