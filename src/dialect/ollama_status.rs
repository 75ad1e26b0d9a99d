//! Ollama's streams of work in progress (docs/dialects.md a.7): `/api/pull`, `/api/push`, `/api/create`. No text, but
//! lines with a `status`.
//!
//! Source: Ollama's `docs/api.md`, pull a model. The last line is `{"status":"success"}`, or one with `error`.

use super::json::{self, Num, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("ollama-status.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("ollama-status.not-object");
/// Neither `status` nor `error`.
pub const UNKNOWN_TYPE: Kind = Kind("ollama-status.unknown-type");
/// The body ended properly without success and without an error.
pub const NO_SUCCESS: Kind = Kind("ollama-status.no-success");

/// `ollama.status`
pub static DIALECT: Dialect = Dialect {
    name: "ollama.status",
    content_types: &["application/x-ndjson"],
    generates: false,
    end: End::Terminator(SUCCESS),
    streams_by: StreamsBy::FlagUnlessFalse,
    profile: Some("ollama"),
    paths: |_, path| ["/api/pull", "/api/push", "/api/create"].iter().any(|end| path.ends_with(end)),
    shape: |_, shape| if shape.has_all(&["status", "digest"]) { Confidence::Certain } else { Confidence::No },
    reader: |evidence| Box::new(Status { document: evidence.framing == Framing::Json, over: false }),
    ..Dialect::USUAL
};

/// The last status.
const SUCCESS: &str = "success";

/// One line.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    /// Bytes of this layer that are there, of how many.
    completed: Num,
    total: Num,
}

/// Reads lines.
#[derive(Debug)]
struct Status {
    document: bool,
    /// Success or an error came.
    over: bool,
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Status {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let (line, mut meaning) = (json::parse::<Line<'_>>(text, repair)?, Meaning::default());
            if let Some(error) = line.error.told() {
                remarks.note(super::ollama::ERROR_LINE, || excerpt(error.as_bytes()));
                answer.fail(&error);
                (meaning.error, self.over) = (true, true);
            } else if line.status.str() == Some(SUCCESS) {
                self.over = true;
                answer.finish(0, SUCCESS);
                if !self.document {
                    answer.terminator.saw(SUCCESS, true);
                    meaning.terminator = true;
                }
            } else if !line.status.present() && line.completed.count().or(line.total.count()).is_none() {
                meaning = unknown(record, answer, remarks, UNKNOWN_TYPE);
            }
            Ok(meaning)
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.over && !self.document, NO_SUCCESS, || "the body ended".into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    const DIGEST: &str =
        r#"{"status":"pulling 8eeb52dfb3bb","digest":"sha256:8eeb52dfb3bb","total":1000,"completed":10}"#;

    #[test]
    fn a_pull() {
        let read = read_as(
            &DIALECT,
            Framing::Ndjson,
            &[("", r#"{"status":"pulling manifest"}"#), ("", DIGEST), ("", r#"{"status":"success"}"#)],
        );
        let t = &read.answer.terminator;
        assert_eq!(
            (t.expected, t.own, t.is_last_record, read.answer.content_deltas),
            (Some("success"), true, Some(true), 0)
        );
        assert!(read.kinds().is_empty());
    }

    #[test]
    fn oddities() {
        let read = read_as(
            &DIALECT,
            Framing::Ndjson,
            &[("", DIGEST), ("", r#"{"error":"pull model manifest: file does not exist"}"#)],
        );
        assert_eq!((read.answer.error.is_some(), read.kinds()), (true, vec!["ollama.error-line"]));
        let read = read_as(&DIALECT, Framing::Ndjson, &[("", "{}"), ("", "{"), ("", "7")]);
        let kinds = [
            "ollama-status.no-success",
            "ollama-status.not-json",
            "ollama-status.not-object",
            "ollama-status.unknown-type",
        ];
        assert_eq!(read.kinds(), kinds);
    }

    #[test]
    fn recognised_by_path_or_digest() {
        assert_eq!(chosen("/api/pull", Framing::Ndjson, r#"{"status":"pulling manifest"}"#), Some("ollama.status"));
        assert_eq!(chosen("/x", Framing::Ndjson, DIGEST), Some("ollama.status"));
        assert_eq!(chosen("/x", Framing::Json, r#"{"status":"ok"}"#), None);
    }
}
