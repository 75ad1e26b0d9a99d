//! The payload of a record: as text, as a `[DONE]`, as one JSON object.

use super::Meaning;
use super::answer::Answer;
use super::failure;
use super::json::{Fault, Repair};
use super::remarks::Remarks;
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};
use std::borrow::Cow;

/// The payload as text; bytes outside UTF-8 become U+FFFD, as an SSE client has it (the framing notices them).
pub(super) fn text_of<'a>(record: &Record<'a>) -> Cow<'a, str> {
    // from_utf8_lossy goes byte by byte; nearly every payload is valid and needs only the quick check
    std::str::from_utf8(record.data).map_or_else(|_| String::from_utf8_lossy(record.data), Cow::Borrowed)
}

/// An error in other words than those of the dialect.
pub const FOREIGN_ERROR: Kind = Kind("error.foreign-shape");

/// How a `[DONE]` may be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// `[DONE]`
    Exact,
    /// With spaces around it.
    Spaced,
    /// In another case or in quotes.
    Misspelled,
}

impl Done {
    /// Count the record as the dialect's own terminator; one that only looks like it as a foreign one.
    pub(super) fn count(self, record: &Record<'_>, answer: &mut Answer) {
        match self {
            Done::Exact | Done::Spaced => answer.terminator.saw("[DONE]", true),
            Done::Misspelled => answer.terminator.saw(&excerpt(record.data), false),
        }
    }
}

/// Whether the payload is a `[DONE]`, and how it is spelled.
pub(super) fn done(data: &[u8]) -> Option<Done> {
    if data == b"[DONE]" {
        return Some(Done::Exact);
    }
    if data.len() > 32 {
        return None;
    }
    let trimmed = data.trim_ascii();
    let bare = trimmed.strip_prefix(b"\"").and_then(|d| d.strip_suffix(b"\"")).unwrap_or(trimmed);
    match () {
        () if trimmed == b"[DONE]" => Some(Done::Spaced),
        () if bare.eq_ignore_ascii_case(b"[DONE]") => Some(Done::Misspelled),
        () => None,
    }
}

/// What a dialect calls the payloads that it can't read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BadPayload {
    /// It is not JSON.
    pub(super) not_json: Kind,
    /// It is JSON, but not an object.
    pub(super) not_object: Kind,
    /// It is a `[DONE]`, which this dialect does not have. None if the dialect has its own, or ignores it.
    pub(super) foreign_done: Option<Kind>,
}

/// Reads a payload that should be one JSON object. `read` gets the text, parses it with [`super::json::parse`] and
/// returns its meaning; a payload that can't be parsed, or only after a repair, is reported as an oddity.
pub(super) fn object(
    record: &Record<'_>,
    answer: &mut Answer,
    remarks: &mut Remarks<'_>,
    bad: BadPayload,
    read: impl for<'a> FnOnce(&'a str, &'a mut Repair, &mut Answer, &mut Remarks<'_>) -> Result<Meaning, Fault>,
) -> Meaning {
    if let Some(kind) = bad.foreign_done
        && let Some(meaning) = foreign_done(record, answer, remarks, kind)
    {
        return meaning;
    }
    let text = text_of(record);
    let mut repair = Repair::default();
    let meaning = read(&text, &mut repair, answer, remarks).unwrap_or_else(|fault| {
        remarks.unreadable(bad.not_json, bad.not_object, &fault, record);
        Meaning::default()
    });
    remarks.repaired(&repair);
    meaning
}

/// An object that the dialect does not have: an error in the form of another API, or else an oddity of this kind.
pub(super) fn unknown(record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>, kind: Kind) -> Meaning {
    foreign_error(record, answer, remarks).unwrap_or_else(|| {
        remarks.note(kind, || excerpt(record.data));
        Meaning::default()
    })
}

/// An object that reports an error in other words than the dialect's.
pub(super) fn foreign_error(record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Option<Meaning> {
    let error = failure::told(&text_of(record))?;
    remarks.note(FOREIGN_ERROR, || excerpt(record.data));
    answer.fail(&error);
    Some(Meaning { error: true, ..Meaning::default() })
}

/// A `[DONE]` in a dialect that has none: counted as a foreign terminator.
pub(super) fn foreign_done(
    record: &Record<'_>,
    answer: &mut Answer,
    remarks: &mut Remarks<'_>,
    kind: Kind,
) -> Option<Meaning> {
    done(record.data)?;
    answer.terminator.saw(&excerpt(record.data), false);
    remarks.note(kind, || excerpt(record.data));
    Some(Meaning { terminator: true, ..Meaning::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_done() {
        for (data, want) in [
            ("[DONE]", Some(Done::Exact)),
            (" [DONE]", Some(Done::Spaced)),
            ("[DONE] ", Some(Done::Spaced)),
            ("[done]", Some(Done::Misspelled)),
            ("\"[DONE]\"", Some(Done::Misspelled)),
            ("[DONE]!", None),
            ("", None),
        ] {
            assert_eq!(done(data.as_bytes()), want, "{data:?}");
        }
    }
}
