//! Whether the deltas of a text are increments. A delta adds to what came before; some servers send all of it again,
//! with a little more each time, and clients that join deltas show it many times over.

use crate::oddity::Kind;
use std::borrow::Borrow;

/// Each delta of a text has all that came before it.
pub const CUMULATIVE: Kind = Kind("delta.cumulative");
/// After the increments of a text, one delta has all of it again.
pub const WHOLE_AGAIN: Kind = Kind("delta.whole-again");

/// Each delta of a text comes twice.
pub const TWICE: Kind = Kind("delta.twice");

/// A text has U+FFFD several times in a row: a character was cut, and each of its pieces decoded by itself.
pub const CHARACTERS_LOST: Kind = Kind("delta.characters-lost");

/// Texts that are watched in one response.
const WATCHED: usize = 64;
/// Deltas that must each begin with the one before and go beyond it.
const STEPS: u32 = 3;
/// The same if a later delta did not.
const STEPS_BEFORE_A_BREAK: u32 = 8;
/// The last of them has at least this many bytes: short deltas happen to be the beginnings of others.
const LEAST: usize = 12;
/// Deltas before one that has the whole text again.
const DELTAS_BEFORE: u32 = 4;
/// Pairs of equal deltas, each of which differs from the one before: laughter repeats one word.
const DIFFERENT_PAIRS: u32 = 4;
/// A text that comes again has at least this many bytes.
const LEAST_AGAIN: usize = 32;

/// What the deltas of a text are if they are not increments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeats {
    /// [`CUMULATIVE`] or [`WHOLE_AGAIN`].
    pub(super) kind: Kind,
    /// Number of deltas that repeat.
    pub(super) deltas: u32,
    /// Length of the last of them in bytes.
    pub(super) bytes: usize,
}

/// With this delta the text gets U+FFFD several times in a row. A single one may be what the model wrote.
pub(super) fn loses(kept: &str, delta: &str) -> bool {
    const MARK: char = char::REPLACEMENT_CHARACTER;
    // Its first byte stands in few texts: most deltas are short, and one look is enough.
    memchr::memchr(0xEF, delta.as_bytes()).is_some()
        && (delta.contains("\u{fffd}\u{fffd}") || (delta.starts_with(MARK) && kept.ends_with(MARK)))
}

/// How the deltas of one text grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Watch {
    deltas: u32,
    /// Length of the first delta.
    first: usize,
    /// Length of the latest delta; of the latest that began with the one before, if one did not.
    last: usize,
    /// Deltas that begin with the one before and go beyond it.
    steps: u32,
    /// A delta did not begin with the one before.
    broken: bool,
    /// The latest delta is the first one several times over: laughter, not a text that grows.
    laughs: bool,
    /// Length of the delta that had the whole text again.
    again: Option<usize>,
    pairs: Pairs,
}

/// Whether the deltas of a text come in pairs of equals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Pairs {
    /// Length of the delta before.
    before: usize,
    /// Pairs that differ from the pair before.
    different: u32,
    /// Length of the first half of the pair before.
    pair: usize,
    /// A delta had no equal beside it.
    broken: bool,
}

impl Pairs {
    /// The delta of this number, from 1, is about to be added to what is kept of the text. True if it completes the
    /// pair with which there are enough.
    #[inline]
    fn see(&mut self, n: u32, kept: &str, delta: &str) -> bool {
        if self.broken {
            return false;
        }
        let ends_with = |text: &str, end: &str| text.len() >= end.len() && text.ends_with(end);
        if n.is_multiple_of(2) {
            self.broken = self.before != delta.len() || !ends_with(kept, delta);
        } else {
            // Compared with the pair before, which is the end of what is kept.
            self.different =
                self.different.saturating_add(u32::from(self.pair != delta.len() || !ends_with(kept, delta)));
            self.pair = delta.len();
        }
        self.before = delta.len();
        n.is_multiple_of(2) && !self.broken && self.different == DIFFERENT_PAIRS
    }

    /// Each of several different deltas came twice, after this many deltas.
    fn doubled(&self, deltas: u32) -> bool {
        !self.broken && deltas.is_multiple_of(2) && self.different >= DIFFERENT_PAIRS
    }
}

impl Watch {
    /// A delta is about to be added to what is kept of the text. True if it is the first that shows a repetition.
    pub(super) fn see(&mut self, kept: &str, delta: &str) -> bool {
        if delta.is_empty() {
            return false;
        }
        self.deltas = self.deltas.saturating_add(1);
        let paired = self.pairs.see(self.deltas, kept, delta);
        if self.deltas == 1 {
            (self.first, self.last) = (delta.len(), delta.len());
            return false;
        }
        if paired {
            return true;
        }
        let whole = self.deltas > DELTAS_BEFORE && delta.len() >= LEAST_AGAIN && delta == kept;
        if whole && self.again.is_none() {
            self.again = Some(delta.len());
            return true;
        }
        if self.broken {
            return false;
        }
        let before = kept.len().checked_sub(self.last).and_then(|at| kept.get(at..));
        match before.and_then(|before| delta.strip_prefix(before)) {
            None => self.broken = true,
            Some("") => {}
            Some(_) => {
                self.steps = self.steps.saturating_add(1);
                self.last = delta.len();
                let unit = &delta.as_bytes()[..self.first];
                self.laughs = delta.as_bytes().chunks(self.first).all(|part| unit.starts_with(part));
                return self.steps == STEPS;
            }
        }
        false
    }

    /// What the deltas are, if not increments.
    pub(super) fn repeats(&self) -> Option<Repeats> {
        let enough = if self.broken { STEPS_BEFORE_A_BREAK } else { STEPS };
        if self.steps >= enough && self.last >= LEAST && !self.laughs {
            return Some(Repeats { kind: CUMULATIVE, deltas: self.steps, bytes: self.last });
        }
        if self.pairs.doubled(self.deltas) {
            return Some(Repeats { kind: TWICE, deltas: self.deltas / 2, bytes: self.last });
        }
        self.again.map(|bytes| Repeats { kind: WHOLE_AGAIN, deltas: 1, bytes })
    }

    /// Length of the last delta, if it and those before it each had the whole text.
    pub(super) fn meant(&self) -> Option<usize> {
        self.repeats().filter(|repeats| repeats.kind == CUMULATIVE && !self.broken).map(|repeats| repeats.bytes)
    }
}

/// The texts of one sort in one response, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth<K>(Vec<(K, Watch)>);

impl<K> Growth<K> {
    /// The watch over this text. None if there are too many texts.
    pub(super) fn of<Q>(&mut self, name: &Q) -> Option<&mut Watch>
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + PartialEq + ?Sized,
    {
        let at = match self.0.iter().position(|(key, _)| key.borrow() == name) {
            Some(at) => at,
            None if self.0.len() < WATCHED => {
                self.0.push((name.to_owned(), Watch::default()));
                self.0.len() - 1
            }
            None => return None,
        };
        self.0.get_mut(at).map(|(_, watch)| watch)
    }

    /// Each text and its watch.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &Watch)> {
        self.0.iter().map(|(key, watch)| (key, watch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these deltas of one text are.
    fn of(deltas: &[&str]) -> Option<Repeats> {
        let (mut watch, mut kept) = (Watch::default(), String::new());
        for delta in deltas {
            watch.see(&kept, delta);
            kept.push_str(delta);
        }
        watch.repeats()
    }

    fn kind(deltas: &[&str]) -> Option<&'static str> {
        of(deltas).map(|repeats| repeats.kind.0)
    }

    /// Every beginning of a text, `step` bytes longer each time.
    fn beginnings(text: &str, step: usize) -> Vec<&str> {
        (1..=text.len().div_ceil(step)).filter_map(|n| text.get(..(n * step).min(text.len()))).collect()
    }

    #[test]
    fn deltas_with_all_that_came_before() {
        let text = "The sky is blue because air scatters short waves more.";
        for step in [1, 3, 10] {
            let deltas = beginnings(text, step);
            let want = Repeats { kind: CUMULATIVE, deltas: deltas.len() as u32 - 1, bytes: text.len() };
            assert_eq!(of(&deltas), Some(want), "{step}");
            // Nothing was added for a while, and an empty delta at the end.
            let doubled: Vec<&str> = deltas.iter().flat_map(|d| [*d, *d]).chain([""]).collect();
            assert_eq!(of(&doubled), Some(want), "{step}");
        }
        let mut broken = beginnings(text, 3);
        broken.push("!");
        assert_eq!(kind(&broken), Some("delta.cumulative"));
        assert_eq!(
            kind(&["{\"city\"", "{\"city\":\"O", "{\"city\":\"Oslo", "{\"city\":\"Oslo\"}"]),
            Some("delta.cumulative")
        );
    }

    #[test]
    fn one_delta_with_everything_again() {
        let words = ["The sky ", "is blue ", "because ", "of the ", "air."];
        let whole = words.concat();
        let deltas: Vec<&str> = words.iter().copied().chain([whole.as_str()]).collect();
        assert_eq!(of(&deltas), Some(Repeats { kind: WHOLE_AGAIN, deltas: 1, bytes: whole.len() }));
    }

    #[test]
    fn every_delta_twice() {
        let words = ["The", " sky", " is", " blue", ".", " The", " sea", " too", "."];
        let twice: Vec<&str> = words.iter().flat_map(|word| [*word, *word]).collect();
        assert_eq!(of(&twice).map(|r| (r.kind.0, r.deltas)), Some(("delta.twice", 9)));
        // One that came once, at any place.
        for n in 0..twice.len() {
            let mut once = twice.clone();
            once.remove(n);
            assert_eq!(kind(&once), None, "{n}");
        }
        assert_eq!(kind(&["ha"; 40]), None);
        assert_eq!(kind(&["no", "no", " yes", " yes"]), None, "too few to tell");
    }

    #[test]
    fn increments_that_look_alike() {
        for deltas in [
            &["ha", "ha", "haha", "ha", "ha", "!"][..],
            &["ha", "ha", "ha", "ha", "ha", "ha", "ha", "ha", "ha"],
            &["ha ", "ha ha ", "ha ha ha ", "ha ha ha ha ", "ha ha ha ha ha "],
            &["*", "**", "***", "****", "*****", "******", "*******", "********", "*********", "**********"],
            &["1", "12", "123", "1234"],
            &["a", "ab", "abc", "x", "abcdefghijklmnop"],
            &["no", "no no", "never"],
            &["I", "I am", " a robot", ". I", " am a robot"],
            &["The", " the", " the", " the"],
            &["", "", ""],
            &["word "; 50],
        ] {
            assert_eq!(of(deltas), None, "{deltas:?}");
        }
    }
}
