//! Oddities: what a layer noticed and did not judge, with its place. Oddities travel with the data; only
//! `conformance` turns them into findings.

mod excerpt;

pub use excerpt::{Excerpt, Of};

use crate::time::{Span, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The name of one kind of oddity, `layer.what`, for example `h1.te-and-cl`. Each layer declares its kinds as
/// constants next to the code that notices them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str);

impl Kind {
    /// The kind with a name read from a file or database. Each name is leaked once: only names that layers
    /// declared occur, a few hundred at most.
    pub fn named(name: &str) -> Kind {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Kind(known);
        }
        if names.len() >= 4096 {
            return Kind("unknown");
        }
        let kept: &'static str = Box::leak(name.into());
        names.insert(kept);
        Kind(kept)
    }
}

/// One deviation from what a layer expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// Its kind.
    pub kind: Kind,
    /// Time of the byte that showed it.
    pub at: Timestamp,
    /// Offset of that byte: in the decoded body for framing and dialect, in the wire body for transfer
    /// layers, in the TCP stream below.
    pub offset: Option<u64>,
    /// The record that showed it, counted from 0.
    pub record: Option<u64>,
    /// How long it lasted, if it has a duration: it ended at `at`.
    pub span: Option<Span>,
    /// What was found, as a short text for people (see [`excerpt()`]).
    pub found: Cow<'static, str>,
    /// The delivery that showed it, if known: filled in by the layer that has the packets and units.
    pub delivery: Option<Delivery>,
    /// The bytes around it, if they were still available; only for the first of a kind.
    pub excerpt: Option<Box<Excerpt>>,
}

/// The place of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Number of the packet, from 1; 0 without packets.
    pub frame: u64,
    /// Transfer unit of the body, from 0; `None` outside of a body.
    pub unit: Option<u64>,
}

impl Oddity {
    /// An oddity at time `at`, without place.
    pub fn new(kind: Kind, at: Timestamp, found: impl Into<Cow<'static, str>>) -> Self {
        Oddity { kind, at, offset: None, record: None, span: None, found: found.into(), delivery: None, excerpt: None }
    }

    /// The same oddity with its byte offset.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The same oddity with its duration.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same oddity with the number of its record.
    #[must_use]
    pub fn record(mut self, record: u64) -> Self {
        self.record = Some(record);
        self
    }
}

/// Oddities of one exchange: the first of each kind (of those that lasted, the longest) with a count, so that
/// a hostile stream cannot fill memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddities(Vec<(Oddity, u64)>);

impl Oddities {
    /// Keep the first of its kind, or the longest, count the rest.
    pub fn push(&mut self, oddity: Oddity) {
        self.push_many(oddity, 1);
    }

    /// The same; `complete` is called only for the oddity that is kept.
    pub fn push_with(&mut self, mut oddity: Oddity, complete: impl FnOnce(&mut Oddity)) {
        if self.find(oddity.kind).is_none_or(|(kept, _)| oddity.span > kept.span) {
            complete(&mut oddity);
        }
        self.push(oddity);
    }

    /// The same for an oddity that counts as `n` of its kind.
    pub fn push_many(&mut self, oddity: Oddity, n: u64) {
        match self.0.iter_mut().find(|(o, _)| o.kind == oddity.kind) {
            Some((kept, count)) => {
                *count += n;
                if oddity.span > kept.span {
                    *kept = oddity;
                }
            }
            None => self.0.push((oddity, n)),
        }
    }

    /// The first oddity of this kind and how many there were.
    pub fn find(&self, kind: Kind) -> Option<(&Oddity, u64)> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert(kind));
        self.0.iter().find(|(o, _)| o.kind == kind).map(|(o, n)| (o, *n))
    }

    /// The first oddity whose kind ends so, as `.not-json` of every dialect, and how many there were.
    pub fn ending_in(&self, ending: &str) -> Option<(&Oddity, u64)> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert(Kind::named(ending)));
        self.0.iter().find(|(o, _)| o.kind.0.ends_with(ending)).map(|(o, n)| (o, *n))
    }

    /// All kinds in order of first sight, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&Oddity, u64)> {
        self.0.iter().map(|(o, n)| (o, *n))
    }

    /// The texts of what was found, mutable: they may contain a secret that has to be replaced.
    pub fn each_found(&mut self, mut change: impl FnMut(&mut String)) {
        self.0.iter_mut().for_each(|(o, _)| change(o.found.to_mut()));
    }

    /// The bytes around them, mutable for the same reason.
    pub fn each_excerpt(&mut self, change: impl FnMut(&mut Excerpt)) {
        self.0.iter_mut().filter_map(|(o, _)| o.excerpt.as_deref_mut()).for_each(change);
    }

    /// The same oddities with the excerpts of `again`, which noticed them once more in the same bytes.
    #[must_use]
    pub fn shown_as(mut self, again: &Oddities) -> Self {
        for (oddity, _) in &mut self.0 {
            if let Some((seen, _)) =
                again.find(oddity.kind).filter(|(seen, _)| seen.offset == oddity.offset && seen.at == oddity.at)
            {
                oddity.excerpt.clone_from(&seen.excerpt);
            }
        }
        self
    }

    /// Number of kinds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no oddity.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remove the oddities of a layer (`prefix`, for example `"sse."`): a revised classification voids what
    /// the first one noticed.
    pub fn forget(&mut self, prefix: &str) {
        self.0.retain(|(o, _)| !o.kind.0.starts_with(prefix));
    }
}

#[cfg(test)]
thread_local! {
    /// Kinds that this thread asked for.
    pub(crate) static ASKED: std::cell::RefCell<BTreeSet<Kind>> = const { std::cell::RefCell::new(BTreeSet::new()) };
}

/// All of `bytes`, printable: valid UTF-8 unchanged, other bytes as `\xHH`.
fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_printable(c, &mut out);
        }
        chunk.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out
}

fn push_printable(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
        c => out.push(c),
    }
}

/// At most 80 bytes of `bytes`, printable: valid UTF-8 unchanged, other bytes as `\xHH`, `…` where it was
/// cut.
pub fn excerpt(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    while !rest.is_empty() && out.len() < 80 {
        let valid = match std::str::from_utf8(rest) {
            Ok(s) => s,
            Err(e) => std::str::from_utf8(&rest[..e.valid_up_to()]).unwrap_or_default(),
        };
        let mut taken = 0;
        for c in valid.chars() {
            if out.len() >= 80 {
                break;
            }
            taken += c.len_utf8();
            push_printable(c, &mut out);
        }
        if taken == 0 && out.len() < 80 {
            out.push_str(&format!("\\x{:02x}", rest[0]));
            taken = 1;
        }
        rest = &rest[taken..];
    }
    if !rest.is_empty() {
        out.push('…');
    }
    out
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_shows_every_byte_or_says_that_it_was_cut() {
        assert_eq!(excerpt(b"data: a\n\xff\xe2\x9c\x93"), "data: a\\n\\xff✓");
        assert!(excerpt(&[b'a'; 200]).ends_with('…'));
        assert_eq!(excerpt(b""), "");
    }

    #[test]
    fn oddities_fold_by_kind() {
        let mut all = Oddities::default();
        let kind = Kind("test.x");
        all.push(Oddity::new(kind, Timestamp(1), "a").record(3));
        all.push(Oddity::new(kind, Timestamp(2), "b"));
        let (first, n) = all.find(kind).expect("kept");
        assert_eq!((first.record, n), (Some(3), 2));
        for (at, span) in [(3, 5), (4, 9), (5, 7)] {
            all.push(Oddity::new(kind, Timestamp(at), "c").span(Span(span)));
        }
        let (longest, n) = all.find(kind).expect("kept");
        assert_eq!((longest.at, n), (Timestamp(4), 5));
        all.forget("test.");
        assert!(all.is_empty());
    }
}
