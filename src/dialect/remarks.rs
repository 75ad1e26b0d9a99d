//! How a reader reports oddities of the current record; its number, time and place are filled in.

use super::json::{self, Fault, Repair};
use crate::framing::Record;
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use std::borrow::Cow;

/// Kinds that one reader has remarked on. Only the first oddity of a kind is kept above, so only that one gets its
/// text.
#[derive(Debug, Default)]
pub(super) struct Remarked(Vec<Kind>);

impl Remarked {
    /// The first time for this kind.
    fn first(&mut self, kind: Kind) -> bool {
        let new = !self.0.contains(&kind);
        if new {
            self.0.push(kind);
        }
        new
    }
}

/// Takes the remarks about one record. [`super::StreamReader`] makes one for each call of a [`super::Reader`].
pub(super) struct Remarks<'s> {
    /// Number, place and time of the record.
    pub(super) place: Place,
    /// Kinds that were remarked on before.
    pub(super) before: &'s mut Remarked,
    /// Receives the oddities.
    pub(super) odd: &'s mut dyn FnMut(Oddity),
}

/// Number, place and time of a record.
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

impl Remarks<'_> {
    /// An oddity of this kind was noted before.
    pub(super) fn had(&self, kind: Kind) -> bool {
        self.before.0.contains(&kind)
    }

    /// This record is odd in this way. `found` makes the text; it is called only for the first remark of a kind.
    pub(super) fn note(&mut self, kind: Kind, found: impl FnOnce() -> String) {
        let found = if self.before.first(kind) { Cow::Owned(found()) } else { Cow::Borrowed("") };
        (self.odd)(Oddity::new(kind, self.place.at, found).record(self.place.n).offset(self.place.start));
    }

    /// [`Remarks::note`] if `is`.
    pub(super) fn note_if(&mut self, is: bool, kind: Kind, found: impl FnOnce() -> String) {
        if is {
            self.note(kind, found);
        }
    }

    /// [`Remarks::note`] about an earlier record.
    pub(super) fn note_at(&mut self, place: Place, kind: Kind, found: impl FnOnce() -> String) {
        Remarks { place, before: self.before, odd: self.odd }.note(kind, found);
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

    /// Why the payload had to be repaired before it could be read, if it had to.
    pub(super) fn repaired(&mut self, repair: &Repair) {
        if let Some(kind) = repair.why {
            self.note(kind, || kind.0.into());
        }
    }
}
