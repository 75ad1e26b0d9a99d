//! Records that no dialect claims: each counts as content, empty ones too, its payload as text (docs/contract.md,
//! `text`).

use super::payload::{done, text_of};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::excerpt;

/// `none`
pub static DIALECT: Dialect = Dialect {
    name: "none",
    content_types: &[],
    generates: false,
    streams_by: StreamsBy::Server,
    shape: |evidence, _| if evidence.framing.is_stream() { Confidence::Possible } else { Confidence::No },
    reader: |_| Box::new(Plain),
    ..Dialect::USUAL
};

/// Takes every payload as text.
pub(super) struct Plain;

impl Reader for Plain {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, _remarks: &mut Remarks<'_>) -> Meaning {
        if done(record.data).is_some() {
            answer.terminator.saw(&excerpt(record.data), false);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        answer.add_text(0, &text_of(record));
        Meaning { content: true, ..Meaning::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    #[test]
    fn records_are_content_and_done_is_foreign() {
        let read = read_as(&DIALECT, Framing::Sse, &[("", "{\"k\":1}"), ("", ""), ("x", "😀"), ("", "[DONE]")]);
        assert_eq!((read.text(), read.answer.content_deltas), ("{\"k\":1}😀", 3));
        let t = read.answer.terminator;
        assert_eq!(
            (t.expected, t.seen, t.which.as_deref(), t.own, t.is_last_record),
            (None, true, Some("[DONE]"), false, Some(true))
        );
    }

    #[test]
    fn claims_streams_only() {
        assert_eq!(chosen("/events", Framing::Sse, "one"), Some("none"));
        assert_eq!(chosen("/events", Framing::Ndjson, "{\"n\":0}"), Some("none"));
        assert_eq!(chosen("/v1/models", Framing::Json, "{\"object\":\"list\",\"data\":[]}"), None);
        assert_eq!(chosen("/", Framing::Text, "text"), None);
    }
}
