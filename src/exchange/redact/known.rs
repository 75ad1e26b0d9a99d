//! The secrets that an exchange has shown so far, and the bytes and texts that quote them: error bodies that echo a
//! key, findings that quote a head, excerpts that cut a secret short.

use super::{Redactor, forms, head, stands_in, table, target};
use crate::encoding;
use crate::http::event::{Fields, RequestHead};
use crate::oddity::Excerpt;
use memchr::memmem;
use std::ops::Range;

/// A secret shorter than this many bytes occurs inside of harmless words: it is replaced only as a whole word.
const QUOTED: usize = 8;
/// A secret shorter than this many bytes is replaced only at its own place.
const WORD: usize = 3;
/// In a body this many bytes of the beginning of a secret count as the secret.
const BEGINNING: usize = 12;
/// Most secrets that are remembered of one exchange.
const MOST: usize = 64;
/// What ends a line in a text that quotes bytes.
const LINE_ENDS: [&str; 3] = ["\n", "\\n", "\\r"];

/// Secrets of one exchange with their replacements.
#[derive(Debug, Default, Clone)]
pub struct Known(Vec<Secret>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    text: String,
    mark: String,
    /// It is looked for in bodies too.
    telling: bool,
    /// How many bytes of its beginning show it, in a text that quotes and in a body.
    least: [usize; 2],
}

impl Known {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the secrets of a request's head.
    pub fn request(&mut self, head: &RequestHead, redactor: &Redactor) {
        for range in target::secrets(&head.target) {
            let secret = &head.target[range];
            self.add(secret, &redactor.instead(secret, head::Place::Word), table::is_random(secret.as_bytes()));
        }
        self.fields(&head.fields, redactor);
    }

    /// Adds the secrets of a head or trailer section.
    pub fn fields(&mut self, fields: &Fields, redactor: &Redactor) {
        for (name, value) in fields.iter() {
            let [name, value] = [name, value].map(String::from_utf8_lossy);
            for (range, place) in head::value(&name, &value) {
                let secret = &value[range];
                let cookie = name.to_ascii_lowercase().ends_with("cookie");
                let telling = if cookie { table::is_random(secret.as_bytes()) } else { table::is_telling(secret) };
                self.add(secret, &redactor.instead(secret, place), telling);
                self.parts(secret, cookie, value.to_ascii_lowercase().starts_with("basic "));
            }
        }
        // Lines that are no fields, and parts of folded ones.
        redactor.each_secret(fields.other_lines(), &mut |secret, mark| {
            self.add(secret, mark, table::is_random(secret.as_bytes()));
        });
    }

    /// The secrets within a secret: the cookies of a list, the password of Basic (RFC 7617 section 2).
    fn parts(&mut self, secret: &str, cookies: bool, basic: bool) {
        if cookies {
            for part in secret.split(';') {
                let value = part.split_once('=').map_or(part, |(_, value)| value).trim();
                self.add(value, "[redacted]", table::is_random(value.as_bytes()));
            }
        }
        let plain = Some(secret).filter(|_| basic).and_then(encoding::from_base64);
        if let Some(plain) = plain.and_then(|bytes| String::from_utf8(bytes).ok()) {
            self.add(&plain, "[redacted]", table::is_telling(&plain));
            let password = plain.split_once(':').map_or("", |(_, password)| password);
            self.add(password, "[redacted]", table::is_telling(password));
        }
    }

    /// Adds a secret that a body showed.
    pub fn found(&mut self, secret: &str) {
        self.add(secret, "[redacted]", table::is_telling(secret));
    }

    fn add(&mut self, text: &str, mark: &str, telling: bool) {
        if text.len() < WORD || stands_in(text) || text.bytes().all(|b| b == b'*') {
            return;
        }
        let mut put = |text: String| {
            let room = self.0.len() < MOST;
            match self.0.iter_mut().find(|s| s.text == text) {
                Some(known) => known.telling |= telling,
                None if room => {
                    let least = [QUOTED, BEGINNING].map(|usual| least(text.as_bytes(), usual));
                    self.0.push(Secret { text, mark: mark.to_owned(), telling, least });
                }
                None => {}
            }
        };
        put(text.to_owned());
        // As JSON and URLs write it.
        if text.contains('/') {
            put(text.replace('/', "\\/"));
        }
        if text.contains(['"', '\\']) {
            put(text.replace('\\', "\\\\").replace('"', "\\\""));
        }
        if text.contains(['+', '/', '=', ':', '@']) {
            put(text.bytes().map(percent).collect());
        }
        let plain = table::decoded(text).into_owned();
        if plain != text {
            put(plain);
        }
    }

    /// The secrets that are looked for across records.
    pub(super) fn telling(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|s| s.telling).map(|s| s.text.as_str())
    }

    /// Adds the places of secrets in a body: each whole, or its first bytes.
    pub(super) fn find(&self, bytes: &[u8], out: &mut Vec<Range<usize>>) {
        for (secret, least) in self.0.iter().filter(|s| s.telling).map(|s| (s.text.as_bytes(), s.least[1])) {
            for at in memmem::find_iter(bytes, &secret[..least]) {
                out.push(at..at + least + common(&bytes[at + least..], &secret[least..]));
            }
        }
    }

    /// The number of last bytes that may be the beginning of a secret.
    pub(super) fn begun(&self, bytes: &[u8]) -> usize {
        let begun = |secret: &[u8]| {
            let most = secret.len().saturating_sub(1).min(bytes.len());
            (1..=most).rev().find(|n| bytes.ends_with(&secret[..*n])).unwrap_or(0)
        };
        self.telling().map(|s| begun(s.as_bytes())).max().unwrap_or(0)
    }

    /// Whether this text has one of the secrets that are looked for in bodies.
    pub fn is_in(&self, text: &str) -> bool {
        self.telling().any(|s| memmem::find(text.as_bytes(), s.as_bytes()).is_some())
    }

    /// Replaces secrets in a text that a server generated.
    pub fn text(&self, text: &mut String) {
        let found = self.ranges(text, false);
        if !found.is_empty() {
            *text = super::replaced(text, found.into_iter());
        }
    }

    /// Replaces secrets in a text of ours that quotes bytes, perhaps of a head, perhaps cut short.
    pub fn quote(&self, text: &mut String) {
        let found = self.ranges(text, true);
        if !found.is_empty() {
            *text = super::replaced(text, found.into_iter());
        }
    }

    /// The same for the bytes around a place. A secret may lie across the mark.
    pub fn excerpt(&self, excerpt: &mut Excerpt) {
        let all = [excerpt.before.as_str(), &excerpt.marked, &excerpt.after].concat();
        let found = self.ranges(&all, true);
        if found.is_empty() {
            return;
        }
        let mut from = 0;
        for part in [&mut excerpt.before, &mut excerpt.marked, &mut excerpt.after] {
            let to = from + part.len();
            let within = found.iter().filter(|(r, _)| r.start < to && r.end > from);
            // The replacement stands where the secret begins.
            let with = within.map(|(r, mark)| {
                let mark = if r.start >= from { mark.clone() } else { String::new() };
                (r.start.max(from) - from..r.end.min(to) - from, mark)
            });
            *part = super::replaced(part, with.collect::<Vec<_>>().into_iter());
            from = to;
        }
    }

    /// Replaces words that are parts of a secret, in a text about an answer that spells it record by record.
    pub fn pieces(&self, text: &mut String) {
        const LEAST: usize = 5;
        let (mut found, mut at) = (Vec::new(), 0);
        for word in text.split_inclusive(|c: char| !is_of_a_key(c)) {
            let part = word.trim_end_matches(|c: char| !is_of_a_key(c));
            if part.len() >= LEAST && self.telling().any(|secret| secret.contains(part)) {
                found.push((at..at + part.len(), "[redacted]".to_owned()));
            }
            at += word.len();
        }
        if !found.is_empty() {
            *text = super::replaced(text, found.into_iter());
        }
    }

    /// Replaces secrets in a head that quotes them. A short one is only in its own field.
    pub fn head(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        for secret in self.0.iter().filter(|s| s.text.len() >= QUOTED) {
            let bytes = out.as_deref().unwrap_or(bytes);
            let mut found = memmem::find_iter(bytes, secret.text.as_bytes()).peekable();
            if found.peek().is_none() {
                continue;
            }
            let (mut next, mut copied) = (Vec::with_capacity(bytes.len()), 0);
            for at in found {
                next.extend_from_slice(&bytes[copied..at]);
                next.extend_from_slice(secret.mark.as_bytes());
                copied = at + secret.text.len();
            }
            next.extend_from_slice(&bytes[copied..]);
            out = Some(next);
        }
        out
    }

    /// The same for the value of a field.
    pub fn value(&self, value: &mut String) {
        let mut found = Vec::new();
        for secret in self.0.iter().filter(|s| s.text.len() >= QUOTED) {
            found.extend(value.match_indices(&secret.text).map(|(at, s)| (at..at + s.len(), secret.mark.clone())));
        }
        if !found.is_empty() {
            *value = super::replaced(value, apart(found).into_iter());
        }
    }

    fn ranges(&self, text: &str, quotes: bool) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        for secret in &self.0 {
            if secret.text.len() >= QUOTED {
                let least = match (quotes, secret.telling) {
                    (true, _) => secret.least[0],
                    (false, true) => secret.least[1],
                    (false, false) => secret.text.len(),
                };
                let Some(begin) = secret.text.get(..least) else { continue };
                for (at, _) in text.match_indices(begin) {
                    let len = same(&text[at..], &secret.text);
                    found.push((at..at + len, secret.mark.clone()));
                }
                found.extend(
                    Some(text)
                        .filter(|_| quotes)
                        .and_then(|t| ending(t, &secret.text))
                        .map(|r| (r, secret.mark.clone())),
                );
            } else if quotes {
                found.extend(words(text, &secret.text).map(|r| (r, secret.mark.clone())));
            }
        }
        let mut others = Vec::new();
        forms::find(text.as_bytes(), &mut others);
        if quotes {
            lines(text, &mut others);
            members(text, &mut others);
            forms::find_cut(text, &mut others);
        }
        found.extend(target::merged(others, text).into_iter().map(|r| (r, "[redacted]".to_owned())));
        apart(found)
    }
}

/// How many bytes of the beginning of a secret show it: more than a prefix that every such key has.
fn least(secret: &[u8], usual: usize) -> usize {
    let public =
        table::FORMS.iter().filter(|(p, _)| secret.starts_with(p)).map(|(p, _)| p.len() + 4).max().unwrap_or(0);
    usual.max(public.min(BEGINNING)).min(secret.len())
}

/// Sorts, and leaves out what overlaps: the longer one of two that begin together, else the first.
fn apart(mut found: Vec<(Range<usize>, String)>) -> Vec<(Range<usize>, String)> {
    found.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut out: Vec<(Range<usize>, String)> = Vec::new();
    for (range, mark) in found {
        match out.last_mut() {
            Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push((range, mark)),
        }
    }
    out
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The same, between characters.
fn same(text: &str, secret: &str) -> usize {
    text.chars().zip(secret.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// A later part of a secret at the beginning of a text that was cut there.
fn ending(text: &str, secret: &str) -> Option<Range<usize>> {
    let rest = text.strip_prefix('…')?;
    let from = text.len() - rest.len();
    let len = rest.find(|c: char| !is_of_a_key(c)).unwrap_or(rest.len());
    (len >= QUOTED && secret.contains(&rest[..len])).then_some(from..from + len)
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+/=".contains(c)
}

/// A short secret where it is a word of its own.
fn words<'t>(text: &'t str, secret: &'t str) -> impl Iterator<Item = Range<usize>> + use<'t> {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(secret)
        .map(|(at, s)| at..at + s.len())
        .filter(move |r| !inside(text[..r.start].chars().next_back()) && !inside(text[r.end..].chars().next()))
}

/// The secrets in lines of heads that a text quotes.
fn lines(text: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while from < text.len() {
        let rest = &text[from..];
        let ends = memchr::memchr2_iter(b'\n', b'\\', rest.as_bytes());
        let end =
            ends.filter_map(|at| LINE_ENDS.iter().find(|e| rest[at..].starts_with(**e)).map(|e| (at, e.len()))).next();
        let (len, skip) = end.unwrap_or((rest.len(), 0));
        let line = &rest[..len];
        let mut put = |base: usize, ranges: Vec<Range<usize>>| {
            found.extend(ranges.into_iter().map(|r| from + base + r.start..from + base + r.end));
        };
        match head::line(line) {
            // A word before a colon is more often a word than a field.
            head::Line::Field(name, range) if name.contains(['-', '_']) || !name.eq_ignore_ascii_case("token") => {
                let secrets = head::value(name, &line[range.clone()]);
                put(range.start, secrets.into_iter().map(|(r, _)| r).collect());
            }
            head::Line::Start(range) => put(range.start, target::secrets(&line[range])),
            head::Line::Bare(range) if table::is_random(line[range.clone()].as_bytes()) => put(0, vec![range]),
            _ => {}
        }
        from += len + skip.max(1);
        while from < text.len() && !text.is_char_boundary(from) {
            from += 1;
        }
    }
}

/// The values of secret members of JSON that a text quotes.
fn members(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices(':') {
        let before = text[..at].trim_end();
        let Some(name) = before.strip_suffix('"').and_then(|b| Some(&b[b.rfind('"')? + 1..])) else { continue };
        let value = text[at + 1..].trim_start();
        let Some(value) = value.strip_prefix('"') else { continue };
        let from = text.len() - value.len();
        let len = value.find('"').unwrap_or(value.len());
        if table::member(&name.to_lowercase(), table::Names::Plain) != table::Marks::Nothing {
            found.push(from..from + len);
        }
    }
}

/// A byte as `encodeURIComponent` writes it.
fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
