//! The last 4 to 8 KiB of the decoded body, for the excerpts of oddities.

use crate::framing::Record;
use crate::oddity::{Delivery, Excerpt, Oddity};

/// Decoded bytes that are always kept.
const KEPT: usize = 4 << 10;
/// Bytes of a record that are searched for the place of an oddity.
const SEARCHED: usize = 64 << 10;

/// The end of the decoded body so far.
#[derive(Default)]
pub(super) struct Recent {
    bytes: Vec<u8>,
    /// Offset of the first of these bytes.
    start: u64,
    /// Offset after the last of these bytes.
    end: u64,
    /// The current delivery.
    pub(super) delivery: Delivery,
}

impl Recent {
    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Add the next decoded bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(2 * KEPT)..];
        if self.bytes.len() + new.len() > 2 * KEPT {
            let keep = self.bytes.len().min(KEPT);
            self.bytes.drain(..self.bytes.len() - keep);
        }
        let end = self.end + bytes.len() as u64;
        self.bytes.extend_from_slice(new);
        self.start = end - self.bytes.len() as u64;
        self.end = end;
    }

    /// Skip `len` missing bytes.
    pub(super) fn gap(&mut self, len: Option<u64>) {
        self.bytes.clear();
        self.end = self.end.saturating_add(len.unwrap_or(0));
        self.start = self.end;
    }

    /// An oddity of the framing with the bytes around it.
    pub(super) fn show(&self, oddity: &mut Oddity) {
        oddity.delivery.get_or_insert(self.delivery);
        self.show_bytes(oddity);
    }

    /// The same for an earlier oddity, if its bytes are still kept.
    pub(super) fn show_bytes(&self, oddity: &mut Oddity) {
        if let Some(at) = oddity.offset.and_then(|offset| self.index(offset)) {
            let to = self.bytes.len().min(at + SEARCHED);
            let (from, len) = mark(oddity, &self.bytes[at..to]).unwrap_or((0, 1));
            oddity.excerpt = Some(Box::new(Excerpt::around(&self.bytes, self.start, at + from, len)));
        }
    }

    /// An oddity of a dialect about this record, which may have come long before.
    pub(super) fn show_in(&self, record: &Record<'_>, oddity: &mut Oddity) {
        if oddity.record.is_some_and(|n| n != record.n) {
            return self.show_bytes(oddity);
        }
        let raw = self.index(record.start).zip(self.index(record.end)).filter(|(a, b)| a < b);
        let (bytes, start, first) = match raw {
            Some((a, b)) => (&self.bytes[..b], self.start, a),
            // The excerpt of the payload alone.
            None => (&record.data[..record.data.len().min(SEARCHED)], record.start, 0),
        };
        let (from, len) = mark(oddity, &bytes[first..]).unwrap_or((0, 1));
        oddity.delivery.get_or_insert(Delivery { frame: record.frame, ..self.delivery });
        oddity.excerpt = Some(Box::new(Excerpt::around(bytes, start, first + from, len)));
    }

    /// The last line that is not empty, with the mark after it, where something is missing.
    pub(super) fn tail(&self) -> Option<Box<Excerpt>> {
        let end = self.bytes.trim_ascii_end().len();
        (end > 0).then(|| Box::new(Excerpt::around(&self.bytes[..end], self.start, end, 0)))
    }

    fn index(&self, offset: u64) -> Option<usize> {
        let i = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (i <= self.bytes.len()).then_some(i)
    }
}

/// The place in `bytes` that the oddity is about: the found text itself (the first of a list, or the text in
/// backticks), else the JSON key that its kind is named after (`chat.finish-reason-empty`:
/// `"finish_reason"`). Returns first index and length, always of whole tokens.
fn mark(oddity: &Oddity, bytes: &[u8]) -> Option<(usize, usize)> {
    let find = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).map(|i| whole_token(bytes, i, i + text.len()));
    if let Some(place) = oddity.found.split('`').nth(1).filter(|text| !text.is_empty()).and_then(find) {
        return Some(place);
    }
    let first = oddity.found.split(", ").next().unwrap_or_default();
    let found = first.split(" (").next().unwrap_or_default().trim_end_matches('…');
    if !found.is_empty() {
        let quoted = find(&format!("\"{found}\""));
        // A short word may occur anywhere.
        let bare = || if found.len() >= 8 || found.starts_with('"') { find(found) } else { None };
        if let Some(place) = quoted.or_else(bare) {
            return Some(place);
        }
    }
    let words: Vec<&str> = oddity.kind.0.split_once('.')?.1.split('-').collect();
    let runs = (1..=words.len()).rev().flat_map(|len| words.windows(len));
    runs.filter(|run| run.iter().any(|w| w.len() > 1)).find_map(|run| find(&format!("\"{}\"", run.join("_"))))
}

/// The number, word or JSON string of which `bytes[from..to]` is a part: index and length. What was found may
/// be shortened.
fn whole_token(bytes: &[u8], from: usize, to: usize) -> (usize, usize) {
    let in_token = |b: &u8| b.is_ascii_alphanumeric() || b"_.+-".contains(b) || !b.is_ascii();
    let run =
        |at: bool, side: &mut dyn Iterator<Item = &u8>| if at { side.take_while(|b| in_token(b)).count() } else { 0 };
    let found = &bytes[from..to];
    if found.starts_with(b"\"") && !(found.len() > 1 && found.ends_with(b"\"")) {
        let mut escaped = false;
        let closes = |b: &u8| {
            let closes = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            closes
        };
        return (from, bytes[from + 1..].iter().position(closes).map_or(to - from, |i| i + 2));
    }
    let before = run(found.first().is_some_and(in_token), &mut bytes[..from].iter().rev());
    let after = run(found.last().is_some_and(in_token), &mut bytes[to..].iter());
    (from - before, before + found.len() + after)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::oddity::Kind;
    use crate::time::Timestamp;

    fn odd(kind: &'static str, found: &'static str) -> Oddity {
        Oddity::new(Kind(kind), Timestamp(0), found)
    }

    #[test]
    fn the_mark_is_what_was_found_or_the_key_that_the_kind_is_named_after() {
        let bytes = br#"{"id":"chat","extend_fields":{},"choices":[{"finish_reason":""}]}"#;
        let marked =
            |kind, found| mark(&odd(kind, found), bytes).map(|(i, n)| std::str::from_utf8(&bytes[i..i + n]).unwrap());
        assert_eq!(marked("chat.unknown-field", "extend_fields, more"), Some("\"extend_fields\""));
        assert_eq!(marked("chat.unknown-field", "extend_fields (10×)"), Some("\"extend_fields\""));
        assert_eq!(marked("x.y", "no colon behind `id`"), Some("id"));
        assert_eq!(marked("chat.id-short", "\"chat\""), Some("\"chat\""));
        assert_eq!(marked("chat.finish-reason-empty", "choice 0"), Some("\"finish_reason\""));
        assert_eq!(marked("chat.usage-arithmetic", "29 > 21"), None);
    }

    #[test]
    fn the_mark_covers_the_whole_token() {
        let marked =
            |bytes: &'static str, found| mark(&odd("x.y", found), bytes.as_bytes()).map(|(i, n)| &bytes[i..i + n]);
        assert_eq!(marked(r#"{"created":1795881617.50}"#, "1795881617.5, which is no integer"), Some("1795881617.50"));
        assert_eq!(
            marked(r#"{"id":"an id with \" and more","n":1}"#, "\"an id wi…"),
            Some(r#""an id with \" and more""#)
        );
        assert_eq!(marked("data: [DONE]ISH", "`[DONE]`"), Some("[DONE]"));
        assert_eq!(marked("retrying: 5", "`retry`"), Some("retrying"));
        assert_eq!(marked("{\"open", "`\"op`"), Some("\"op"));
    }

    #[test]
    fn only_the_last_bytes_are_kept_and_offsets_hold() {
        let mut recent = Recent::default();
        for n in 0..10_000u64 {
            recent.push(format!("{n:08}\n").as_bytes());
        }
        assert!(recent.bytes.len() <= 2 * KEPT);
        let mut late = odd("x.y", "").offset(9 * 9_999);
        recent.show(&mut late);
        assert_eq!(late.excerpt.unwrap().marked, "0");
        let mut early = odd("x.y", "").offset(0);
        recent.show(&mut early);
        assert_eq!(early.excerpt, None);
        recent.gap(Some(5));
        recent.push(b"end\n\n");
        assert_eq!(recent.tail().unwrap().before, "end");
        assert_eq!(recent.tail().unwrap().offset, 90_008);
        recent.push(&[b'x'; 100_000]);
        assert!(recent.bytes.len() <= 4 * KEPT);
    }
}
