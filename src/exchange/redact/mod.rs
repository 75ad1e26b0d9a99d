//! Finds and replaces secrets in heads, targets, bodies and the texts that quote them, so that the rest can be stored
//! and shown to others. [`table`] says what a secret is; everything else here says where to look.
//!
//! For display a secret is replaced by its length; for the database by a salted hash as well: equal keys stay
//! equal, and they cannot be recovered.
//!
//! ```text
//! table ─► forms, target, head, body ─► Redactor (one field, target, head)
//!                                       BodyMask (one body), Masks (one exchange)
//!                                       Known (what an exchange has shown so far) ─► texts, findings, excerpts
//! ```

mod body;
mod coded;
mod filler;
mod forms;
mod head;
mod joined;
mod known;
mod masks;
mod overwrite;
mod share;
mod socket;
mod table;
mod target;
mod whole;

pub use coded::BodyMask;
pub use filler::Filler;
pub use known::Known;
pub use masks::{Heads, Masks, Stretch, stretches};
pub use share::share;
pub use table::Names;
pub use whole::exchange;

use head::{Line, Place};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::ops::Range;

/// Replaces secrets by placeholders. Placeholders stay unchanged.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    salt: Option<Vec<u8>>,
}

impl Redactor {
    /// With a hash of each secret under this salt.
    pub fn salted(salt: Vec<u8>) -> Redactor {
        Redactor { salt: Some(salt) }
    }

    /// A header's value. Schemes (`Bearer`, `Basic`) and cookie names stay, lengths are shown: they explain
    /// failures.
    pub fn value<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        let found = head::value(name, value);
        if found.is_empty() {
            return Cow::Borrowed(value);
        }
        Cow::Owned(replaced(
            value,
            found.into_iter().map(|(range, place)| {
                let secret = &value[range.clone()];
                (range, self.instead(secret, place))
            }),
        ))
    }

    /// A request target with its secrets replaced; by something without a space, so that it stays one word.
    pub fn target<'t>(&self, target: &'t str) -> Cow<'t, str> {
        let found = target::secrets(target);
        if found.is_empty() {
            return Cow::Borrowed(target);
        }
        Cow::Owned(replaced(
            target,
            found.into_iter().map(|range| {
                let secret = &target[range.clone()];
                (range, self.instead(secret, Place::Word))
            }),
        ))
    }

    /// A head or trailer section as sent; everything else stays byte for byte.
    pub fn head<'h>(&self, raw: &'h [u8]) -> Cow<'h, [u8]> {
        self.each_secret(raw, &mut |_, _| {})
    }

    /// The same; `told` gets each secret with its replacement.
    pub(crate) fn each_secret<'h>(&self, raw: &'h [u8], told: &mut dyn FnMut(&str, &str)) -> Cow<'h, [u8]> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        let mut hidden = false;
        for line in raw.split_inclusive(|&b| b == b'\n') {
            let start = at;
            at += line.len();
            let text = line.trim_ascii_end();
            // A line that begins with white space continues the field before it (RFC 9112 section 5.2).
            let folded = start > 0 && line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && !text.is_empty();
            let changed = if folded && hidden {
                told(&String::from_utf8_lossy(text.trim_ascii()), "[redacted]");
                Some(Vec::new())
            } else {
                self.line(text, told)
            };
            let gone = folded && hidden;
            hidden = changed.is_some();
            if let Some(changed) = changed {
                out.extend_from_slice(&raw[copied..start]);
                out.extend_from_slice(&changed);
                // A folded line of a secret is removed with its line end: an empty line would remain
                // otherwise.
                copied = if gone { at } else { start + text.len() };
            }
        }
        if copied == 0 {
            return Cow::Borrowed(raw);
        }
        out.extend_from_slice(&raw[copied..]);
        Cow::Owned(out)
    }

    /// One line of a head, if it has to change.
    fn line(&self, line: &[u8], told: &mut dyn FnMut(&str, &str)) -> Option<Vec<u8>> {
        if line.is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(line) else { return self.other_line(line, told) };
        let (from, found) = match head::line(text) {
            Line::Field(name, range) => (range.start, head::value(name, &text[range])),
            Line::Start(range) => {
                let found = target::secrets(&text[range.clone()]);
                (range.start, found.into_iter().map(|r| (r, Place::Word)).collect())
            }
            Line::Bare(range) if stands_in(&text[range.clone()]) => return None,
            Line::Bare(range) => (range.start, vec![(0..range.len(), Place::Whole)]),
            Line::Other => {
                let mut found = Vec::new();
                forms::find(line, &mut found);
                (0, target::merged(found, text).into_iter().map(|r| (r, Place::Word)).collect())
            }
        };
        if found.iter().all(|(r, _)| r.is_empty()) {
            return None;
        }
        let new = replaced(
            text,
            found.into_iter().map(|(range, place)| {
                let range = from + range.start..from + range.end;
                let (secret, mark) = (&text[range.clone()], self.instead(&text[range.clone()], place));
                told(secret, &mark);
                (range, mark)
            }),
        );
        Some(new.into_bytes())
    }

    /// A field whose value is no text: it is replaced as a whole if its name is that of a secret.
    fn other_line(&self, line: &[u8], told: &mut dyn FnMut(&str, &str)) -> Option<Vec<u8>> {
        let colon = line.iter().skip(1).position(|&b| b == b':').map(|i| i + 1)?;
        let name = std::str::from_utf8(&line[..colon]).ok().filter(|name| table::is_field(name))?;
        let spaces = line[colon + 1..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let (before, secret) = line.split_at(colon + 1 + spaces);
        let shown = String::from_utf8_lossy(secret);
        let mark = self.value(name, &shown).into_owned();
        told(&shown, &mark);
        Some([before, mark.as_bytes()].concat())
    }

    fn instead(&self, secret: &str, place: Place) -> String {
        match place {
            Place::Whole => self.stand_in(secret),
            Place::Word => {
                self.mark(secret.as_bytes()).map_or("[redacted]".into(), |mark| format!("[redacted-{mark}]"))
            }
        }
    }

    fn stand_in(&self, secret: &str) -> String {
        match self.mark(secret.as_bytes()) {
            Some(mark) => format!("[redacted, {} bytes, {mark}]", secret.len()),
            None => format!("[redacted, {} bytes]", secret.len()),
        }
    }

    /// Twelve hex digits that equal secrets have in common under one salt.
    fn mark(&self, secret: &[u8]) -> Option<String> {
        let salt = self.salt.as_ref()?;
        let hash = Sha256::new()
            .chain_update((salt.len() as u64).to_be_bytes())
            .chain_update(salt)
            .chain_update(secret)
            .finalize();
        Some(hash.iter().take(6).map(|b| format!("{b:02x}")).collect())
    }
}

/// A header's value for display.
pub fn value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    Redactor::default().value(name, value)
}

/// A request target for display.
pub fn target(target: &str) -> Cow<'_, str> {
    Redactor::default().target(target)
}

/// A query parameter of this name carries a secret.
pub fn is_secret_parameter(name: &str) -> bool {
    table::parameter(name).is_some()
}

fn stands_in(value: &str) -> bool {
    value.starts_with("[redacted") && value.ends_with(']')
}

/// The text with these ranges, in order, replaced.
fn replaced(text: &str, with: impl Iterator<Item = (Range<usize>, String)>) -> String {
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for (range, mark) in with {
        out.push_str(&text[copied..range.start]);
        out.push_str(&mark);
        copied = range.end;
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests;
