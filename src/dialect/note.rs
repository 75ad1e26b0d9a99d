//! Remarks of a reader about the record at hand.

use super::Meaning;
use super::answer::Answer;
use super::json::{self, Again, Fault};
use crate::framing::Record;
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use std::borrow::Cow;

/// Kinds already said by one reader. Only the first oddity of a kind is kept above, so only that one is worth a sentence.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Kind>);

impl Notes {
    /// The first time for this kind.
    fn first(&mut self, kind: Kind) -> bool {
        let new = !self.0.contains(&kind);
        if new {
            self.0.push(kind);
        }
        new
    }
}

/// The record at hand and everywhere that a remark about it needs to go.
pub(super) struct Say<'s> {
    /// Number of the record, where and when it is.
    pub(super) place: Place,
    /// What was said before.
    pub(super) notes: &'s mut Notes,
    /// Where remarks go.
    pub(super) odd: &'s mut dyn FnMut(Oddity),
}

/// Where and when a record was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number.
    pub(super) n: u64,
    /// Time of its last byte.
    pub(super) at: Timestamp,
    /// Its first byte in the decoded body.
    pub(super) start: u64,
}

impl From<&Record<'_>> for Place {
    fn from(r: &Record<'_>) -> Self {
        Place { n: r.n, at: r.at, start: r.start }
    }
}

impl Say<'_> {
    /// Something odd about this record. `found` is asked only the first time.
    pub(super) fn note(&mut self, kind: Kind, found: impl FnOnce() -> String) {
        let found = if self.notes.first(kind) { Cow::Owned(found()) } else { Cow::Borrowed("") };
        (self.odd)(Oddity::new(kind, self.place.at, found).record(self.place.n).offset(self.place.start));
    }

    /// Something odd about an earlier record.
    pub(super) fn note_at(&mut self, place: Place, kind: Kind, found: impl FnOnce() -> String) {
        Say { place, notes: self.notes, odd: self.odd }.note(kind, found);
    }

    /// The payload could not be read: broken JSON, or JSON of another type than the dialect's.
    pub(super) fn unreadable(&mut self, not_json: Kind, not_object: Kind, fault: &Fault, record: &Record<'_>) {
        match fault {
            Fault::NotJson(error) => {
                let kind = json::sort_of(record.data).unwrap_or(not_json);
                self.note(kind, || format!("{error}: {}", excerpt(record.data)));
            }
            Fault::NotObject(kind) => self.note(not_object, || format!("{kind}: {}", excerpt(record.data))),
        }
    }

    /// Say why the payload had to be read twice, if it had to.
    pub(super) fn mended(&mut self, again: &Again) {
        if let Some(kind) = again.why {
            self.note(kind, || kind.0.into());
        }
    }

    /// Something odd about this record if `is`.
    pub(super) fn note_if(&mut self, is: bool, kind: Kind, found: impl FnOnce() -> String) {
        if is {
            self.note(kind, found);
        }
    }
}

/// The payload as text; bytes outside UTF-8 become U+FFFD, as an SSE client has it (the framing notices them).
pub(super) fn text_of<'a>(record: &Record<'a>) -> Cow<'a, str> {
    // from_utf8_lossy goes byte by byte; nearly every payload is valid and needs but the quick check
    std::str::from_utf8(record.data).map_or_else(|_| String::from_utf8_lossy(record.data), Cow::Borrowed)
}

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

/// A `[DONE]` in a dialect that has none: counted as a foreign terminator.
pub(super) fn foreign_done(record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>, kind: Kind) -> Option<Meaning> {
    done(record.data)?;
    answer.terminator.saw(&excerpt(record.data), false);
    say.note(kind, || excerpt(record.data));
    Some(Meaning { terminator: true, ..Meaning::default() })
}

/// What a dialect calls payloads that it can't read: no JSON, no object, a `[DONE]` that is not its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unread {
    pub(super) not_json: Kind,
    pub(super) not_object: Kind,
    pub(super) foreign: Kind,
}

/// The whole way of a payload that is one JSON object: `read` parses and means it.
pub(super) fn object(
    record: &Record<'_>,
    answer: &mut Answer,
    say: &mut Say<'_>,
    unread: Unread,
    read: impl for<'a> FnOnce(&'a str, &'a mut Again, &mut Answer, &mut Say<'_>) -> Result<Meaning, Fault>,
) -> Meaning {
    if let Some(meaning) = foreign_done(record, answer, say, unread.foreign) {
        return meaning;
    }
    let text = text_of(record);
    let mut again = Again::default();
    let meaning = read(&text, &mut again, answer, say).unwrap_or_else(|fault| {
        say.unreadable(unread.not_json, unread.not_object, &fault, record);
        Meaning::default()
    });
    say.mended(&again);
    meaning
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
