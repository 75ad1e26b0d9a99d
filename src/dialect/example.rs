//! An invented dialect of `{"word": "Hi"}`, `{"end": "stop"}`: the smallest whole one. Not in `DIALECTS`; compiled for
//! tests only.

use super::json::{self, Text};
use super::payload::{BadPayload, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Dialect, End, Meaning};
use crate::framing::Record;
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
const NOT_JSON: Kind = Kind("example.not-json");
/// The payload is JSON but not an object.
const NOT_OBJECT: Kind = Kind("example.not-object");

/// `example`
pub(super) static DIALECT: Dialect = Dialect {
    name: "example",
    end: End::FinishReason,
    paths: |_, path| path.ends_with("/words"),
    reader: |_| Box::new(Words),
    ..Dialect::USUAL
};

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    word: Text<'a>,
    #[serde(borrow)]
    end: Text<'a>,
}

/// Reads events.
struct Words;

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Words {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, _| {
            let event = json::parse::<Event<'_>>(text, repair)?;
            if let Some(reason) = event.end.full() {
                answer.finish(0, reason);
            }
            let content = event.word.full().is_some_and(|word| answer.add_text(0, word));
            Ok(Meaning { content, ..Meaning::default() })
        })
    }
}
