//! What must be the same throughout a chat stream, and what can only be reported at its end.

use super::chunk::Chunk;
use super::kinds::*;
use crate::dialect::answer::{Answer, short};
use crate::dialect::json::{Num, Text};
use crate::dialect::remarks::{Place, Remarks};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What `object` of a chunk is.
pub(super) const CHUNK: &str = "chat.completion.chunk";
/// Maximum of different ids that are distinguished.
const IDS_LIMIT: usize = 4096;
/// Unknown names kept.
const NAMES_LIMIT: usize = 32;
/// Seconds since 1970 beyond this are milliseconds (the year 5138).
const SECONDS_LIMIT: i64 = 100_000_000_000;

/// The books over one stream.
#[derive(Debug, Default)]
pub(super) struct StreamInvariants {
    /// Chunks with an id, which are nearly always all.
    chunks: u64,
    /// The id of the last chunk.
    last_id: String,
    /// Hashes of all ids.
    ids: HashSet<u64>,
    /// Where a second id came up, and both.
    id_change: Option<(Place, String, String)>,
    /// The first `created`.
    created: Option<i64>,
    /// Unknown top-level names, and in how many chunks.
    unknown: Vec<(String, u64)>,
    /// Where the first of them was.
    unknown_at: Option<Place>,
    /// Chunks with `"usage": null`, and where the first was.
    usage_null: (u64, Place),
    /// Chunks with usage beside choices, and where the first was.
    usage_with_choices: (u64, Place),
    /// Fields with reasoning: name, number of non-empty ones, number of empty ones, place of the first.
    reasoning: Vec<(&'static str, u64, u64, Place)>,
}

impl StreamInvariants {
    /// Enter the fields that every chunk should have alike.
    pub(super) fn enter(&mut self, chunk: &Chunk<'_>, wanted: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        self.unknown(chunk, remarks.place);
        if wanted == CHUNK {
            self.usage(chunk, remarks.place);
        }
        if chunk.is_annotation() {
            return;
        }
        self.id(&chunk.id, remarks);
        self.created(chunk.created, remarks);
        remarks.note_if(chunk.object.str() != Some(wanted), OBJECT_WRONG, || chunk.object.show());
        match (chunk.model.full(), answer.model.as_deref()) {
            (None, _) => remarks.note(MODEL_MISSING, || chunk.model.show()),
            (Some(now), Some(first)) => {
                remarks.note_if(now != first, MODEL_CHANGES, || format!("\"{}\" then \"{}\"", short(first), short(now)))
            }
            (Some(_), None) => {}
        }
        answer.identify(chunk.model.full(), chunk.id.full());
    }

    /// Enter a reasoning field, if it is there as a string.
    pub(super) fn reasoning(&mut self, name: &'static str, text: &Text<'_>, place: Place) {
        let Some(text) = text.str() else { return };
        let at = self.reasoning.iter().position(|(n, ..)| *n == name).unwrap_or_else(|| {
            self.reasoning.push((name, 0, 0, place));
            self.reasoning.len() - 1
        });
        if let Some((_, full, empty, _)) = self.reasoning.get_mut(at) {
            *if text.is_empty() { empty } else { full } += 1;
        }
    }

    /// The stream is over: reports what was collected.
    pub(super) fn close(&mut self, remarks: &mut Remarks<'_>) {
        if let Some((place, first, second)) = self.id_change.take() {
            let (ids, chunks) = (self.ids.len(), self.chunks);
            let least = if ids >= IDS_LIMIT { "at least " } else { "" };
            remarks.note_at(place, ID_CHANGES, || {
                format!("{least}{ids} distinct ids in {chunks} chunks: \"{first}\", then \"{second}\"")
            });
        }
        if let Some(place) = self.unknown_at.take() {
            let names: Vec<_> = self.unknown.iter().map(|(name, n)| format!("{name} ({n}×)")).collect();
            remarks.note_at(place, UNKNOWN_FIELD, || names.join(", "));
        }
        for (kind, (count, place)) in [(USAGE_NULL, self.usage_null), (USAGE_WITH_CHOICES, self.usage_with_choices)] {
            if count > 0 {
                remarks.note_at(place, kind, || format!("{count} of {} chunks", self.chunks));
            }
        }
        if let Some((.., place)) = self.reasoning.first().copied() {
            let names: Vec<_> = self
                .reasoning
                .drain(..)
                .map(|(name, full, empty, _)| format!("{name} ({full} with text, {empty} empty)"))
                .collect();
            remarks.note_at(place, REASONING_FIELD, || names.join(", "));
        }
    }

    fn usage(&mut self, chunk: &Chunk<'_>, place: Place) {
        let (count, first) = match () {
            () if chunk.usage.is_null() => &mut self.usage_null,
            () if chunk.usage.present() && !chunk.choices.is_empty() => &mut self.usage_with_choices,
            () => return,
        };
        if *count == 0 {
            *first = place;
        }
        *count += 1;
    }

    fn id(&mut self, id: &Text<'_>, remarks: &mut Remarks<'_>) {
        let Some(id) = id.full() else {
            return remarks.note(ID_MISSING, || id.show());
        };
        self.chunks += 1;
        if id == self.last_id {
            return;
        }
        if self.chunks == 1 {
            remarks.note_if(is_short(id), ID_SHORT, || format!("\"{}\"", short(id)));
        } else if self.id_change.is_none() {
            self.id_change = Some((remarks.place, short(&self.last_id), short(id)));
        }
        if self.ids.len() < IDS_LIMIT {
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            self.ids.insert(hasher.finish());
        }
        self.last_id.clear();
        self.last_id.push_str(id);
    }

    fn created(&mut self, created: Num, remarks: &mut Remarks<'_>) {
        match created {
            Num::Int(now) if (0..SECONDS_LIMIT).contains(&now) => {
                let first = *self.created.get_or_insert(now);
                remarks.note_if(first != now, CREATED_CHANGES, || format!("{first}, then {now}"));
            }
            Num::Int(now) => remarks.note(CREATED_TYPE, || format!("{now}, which is not a count of seconds")),
            Num::Float(now) => remarks.note(CREATED_TYPE, || format!("{now}, which is not an integer")),
            Num::Absent => remarks.note(CREATED_TYPE, || "absent".into()),
            Num::Null => remarks.note(CREATED_TYPE, || "null".into()),
            Num::Other(kind) => remarks.note(CREATED_TYPE, || kind.into()),
        }
    }

    fn unknown(&mut self, chunk: &Chunk<'_>, place: Place) {
        for name in &chunk.unknown {
            self.unknown_at.get_or_insert(place);
            let full = self.unknown.len() >= NAMES_LIMIT;
            match self.unknown.iter_mut().find(|(n, _)| n == name) {
                Some((_, count)) => *count += 1,
                None if full => {}
                None => self.unknown.push((crate::oddity::excerpt(name.as_bytes()), 1)),
            }
        }
    }
}

/// Too short to be unique, or at most three digits after the last dash or underscore.
fn is_short(id: &str) -> bool {
    let tail = id.rsplit(['-', '_']).next().unwrap_or(id);
    id.len() < 8 || (tail.len() <= 3 && tail.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_short;

    #[test]
    fn ids_that_cannot_be_unique() {
        // iFlow's constant, Ollama's chatcmpl-<0..998> (docs/dialects.md a.14, a.7)
        for id in ["chat", "chatcmpl-7", "chatcmpl-998", "1234567", "chatcmpl-"] {
            assert!(is_short(id), "{id}");
        }
        for id in
            ["chatcmpl-abc123", "chatcmpl-6743c1f2", "ca18560a-e3df-455a-a86b-6a3ef0ac1a45", "gen-1734", "02174312"]
        {
            assert!(!is_short(id), "{id}");
        }
    }
}
