//! What the server meant to say: a reading so generous that no fault of framing or schema stops it. Clients are
//! compared with it.

use super::alike::Last;
use super::json::Json;
use super::reader::Got;
use serde_json::Value;
use std::collections::BTreeMap;

/// How one dialect is read.
#[derive(Debug)]
pub(super) struct Meant {
    /// The answer ends at `[DONE]`.
    pub(super) done: bool,
    /// Texts are kept apart by choice. Other dialects have one answer, whose parts are joined in their order.
    pub(super) by_choice: bool,
    /// Adds one record's share to the answer.
    pub(super) add: fn(&Value, &mut Got),
}

impl Meant {
    /// What the server meant to say with this body.
    pub(super) fn read(&self, body: &[u8]) -> Got {
        let text = String::from_utf8_lossy(body);
        let mut got = Got { utf16: true, ..Got::default() };
        let mut repeats = Repeats::default();
        let (mut block, mut last) = (String::new(), Last::default());
        for line in text.lines().flat_map(|l| l.split('\r')).chain([""]) {
            let done = self.done && payload(line).is_some_and(|p| p.trim() == "[DONE]");
            match payload(line) {
                Some(p) if p.is_empty() || done => {
                    values(&block, &mut last, &mut |v| {
                        if !got.over {
                            (self.add)(v, &mut got);
                            repeats.note(&got.texts);
                        }
                    });
                    block.clear();
                }
                Some(p) => {
                    block.push_str(p);
                    block.push('\n');
                }
                None => {}
            }
            if done || got.over {
                break;
            }
        }
        repeats.remove(&mut got);
        if !self.by_choice {
            let whole: String = std::mem::take(&mut got.texts).into_values().collect();
            got.texts.insert(0, whole);
        }
        got
    }
}

/// Finds texts in which a delta brings again what came before it. Such a repetition was not meant.
#[derive(Debug, Default)]
struct Repeats(BTreeMap<i64, Repeat>);

/// The deltas of one text.
#[derive(Debug)]
struct Repeat {
    /// Deltas so far, empty ones left out.
    deltas: usize,
    /// Where the last delta begins.
    last: usize,
    /// Length of the text.
    len: usize,
    /// Each delta so far begins with the one before it.
    cumulative: bool,
}

/// Fewer deltas that each begin with the one before are an accident.
const LEAST_CUMULATIVE: usize = 3;
/// Texts beyond this number are not searched, because each record costs a look at each of them.
const MOST_TEXTS: usize = 64;
/// A last delta of fewer bytes that equals all before it may be meant.
const LEAST_REPEATED: usize = 20;

impl Repeats {
    /// Notes what the last record added to the texts.
    fn note(&mut self, texts: &BTreeMap<i64, String>) {
        if texts.len() > MOST_TEXTS {
            return;
        }
        for (choice, text) in texts {
            let kept = self.0.entry(*choice).or_insert(Repeat { deltas: 0, last: 0, len: 0, cumulative: true });
            if text.len() > kept.len {
                let (before, now) = (&text[kept.last..kept.len], &text[kept.len..]);
                let grows = now.len() > before.len() && now.starts_with(before);
                let cumulative = kept.cumulative && (kept.deltas == 0 || grows);
                *kept = Repeat { deltas: kept.deltas + 1, last: kept.len, len: text.len(), cumulative };
            }
        }
    }

    /// Leaves the last delta where it has the whole text.
    fn remove(&self, got: &mut Got) {
        for (choice, text) in &mut got.texts {
            let Some(seen) = self.0.get(choice) else { continue };
            let (before, last) = text.split_at(seen.last);
            let why = match () {
                () if seen.cumulative && seen.deltas >= LEAST_CUMULATIVE => "each delta repeats the text before it",
                () if seen.deltas >= LEAST_CUMULATIVE && last.len() >= LEAST_REPEATED && last == before => {
                    "the last delta repeats the whole text"
                }
                () => continue,
            };
            *text = last.to_owned();
            got.repeats.get_or_insert(why);
        }
    }
}

/// A line without what the framing put around it; empty for a separator, none for a line without data.
fn payload(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['\u{feff}', '\u{1e}', ' ']);
    if line.starts_with(['{', '[', '"']) || line.is_empty() {
        return Some(line);
    }
    let Some((name, value)) = line.split_once(':') else { return Some(line) };
    match name.trim().to_ascii_lowercase().as_str() {
        "data" => Some(value.strip_prefix(' ').unwrap_or(value)).filter(|v| !v.trim().is_empty()),
        "" | "event" | "id" | "retry" => None,
        _ => Some(line),
    }
}

/// Every object of a block, found by its braces, so that what is around an object does not matter.
fn values(block: &str, last: &mut Last, each: &mut dyn FnMut(&Value)) {
    let alone = block.strip_suffix('\n').unwrap_or(block);
    if let Some(value) = last.read(alone) {
        return each(value);
    }
    let (mut depth, mut start, mut quoted, mut escaped) = (0usize, 0, false, false);
    for (at, byte) in block.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if depth > 0 => quoted = !quoted,
            b'{' if !quoted => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' if !quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    // A raw newline inside a string was put there by the author of the framing, and is meant as a
                    // newline.
                    let object = &block[start..=at];
                    if let Ok(value) =
                        Json::Python.read(object).or_else(|_| Json::Python.read(&object.replace('\n', "\\n")))
                    {
                        if object.len() == alone.len() {
                            last.note(object, &value);
                        }
                        each(&value);
                    }
                }
            }
            _ => {}
        }
    }
}
