//! KoboldCpp's own protocol: `/api/extra/generate/stream` (docs/dialects.md a.25). An answer ends by its finish reason;
//! there is no terminator.
//!
//! Source: KoboldCpp, `koboldcpp.py` (`handle_sse_stream`) and its issues 220 and 697. Each event is named `message`
//! and has new text; the last
//! one has the finish reason, as a rule with an empty token.

use super::json::{self, Raw, Text};
use super::payload::{BadPayload, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
const NOT_JSON: Kind = Kind("koboldcpp.not-json");
/// The payload is JSON but no object.
const NOT_OBJECT: Kind = Kind("koboldcpp.not-object");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("koboldcpp.foreign-terminator");

/// `koboldcpp.generate`
pub static DIALECT: Dialect = Dialect {
    name: "koboldcpp.generate",
    end: End::FinishReason,
    paths: |_, path| path.ends_with("/api/extra/generate/stream"),
    shape: |evidence, shape| match evidence.framing == Framing::Sse && shape.has_all(&["token", "finish_reason"]) {
        true => Confidence::Likely,
        false => Confidence::No,
    },
    reader: |_| Box::new(KoboldCpp),
    ..Dialect::USUAL
};

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// Reads events.
struct KoboldCpp;

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for KoboldCpp {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let event = json::parse::<Event<'_>>(text, repair)?;
            if !event.token.present()
                && !event.error.present()
                && let Some(meaning) = foreign_error(record, answer, remarks)
            {
                return Ok(meaning);
            }
            let error = event.error.told();
            if let Some(error) = &error {
                answer.fail(error);
            }
            if let Some(reason) = event.finish_reason.full() {
                answer.finish(0, reason);
            }
            let content = event.token.full().is_some_and(|token| answer.add_text(0, token));
            Ok(Meaning { content, error: error.is_some(), ..Meaning::default() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    const TOKEN: &str = r#"{"token": "Hi", "finish_reason": null}"#;
    const LAST: &str = r#"{"token": "", "finish_reason": "length"}"#;

    #[test]
    fn the_last_event_has_the_reason() {
        let read = read_as(&DIALECT, Framing::Sse, &[("message", TOKEN), ("message", LAST)]);
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
            ("Hi", 1, "length")
        );
        assert_eq!((read.answer.terminator.expected, read.kinds().len()), (None, 0));
    }

    #[test]
    fn a_token_without_reason_is_no_end() {
        let read = read_as(&DIALECT, Framing::Sse, &[("message", TOKEN)]);
        assert!(read.answer.finish_reasons.is_empty());
    }

    #[test]
    fn errors_and_oddities() {
        let read =
            read_as(&DIALECT, Framing::Sse, &[("", r#"{"error": "busy"}"#), ("", "{"), ("", "7"), ("", "[DONE]")]);
        assert_eq!(read.answer.error.as_deref(), Some("busy"));
        assert_eq!(read.kinds(), ["koboldcpp.foreign-terminator", "koboldcpp.not-json", "koboldcpp.not-object"]);
    }

    #[test]
    fn recognised_by_outline_or_path() {
        assert_eq!(chosen("/", Framing::Sse, TOKEN), Some("koboldcpp.generate"));
        assert_eq!(chosen("/api/extra/generate/stream", Framing::Sse, ""), Some("koboldcpp.generate"));
    }
}
