//! What the server meant to say: a reading so generous that no fault of framing or schema stops it. Clients are
//! compared with it.

use super::json::Json;
use super::reader::Got;
use serde_json::Value;

/// Reads a body for one dialect: `add` adds one record's share to the answer. `done`: the answer ends at `[DONE]`.
pub(super) fn meant(body: &[u8], done: bool, add: fn(&Value, &mut Got)) -> Got {
    let text = String::from_utf8_lossy(body);
    let mut got = Got { utf16: true, ..Got::default() };
    let mut block = String::new();
    for line in text.lines().flat_map(|l| l.split('\r')).chain([""]) {
        match payload(line) {
            Some("") => {
                values(&block, &mut |v| add(v, &mut got));
                block.clear();
            }
            Some(p) if done && p.trim() == "[DONE]" => {
                values(&block, &mut |v| add(v, &mut got));
                return got;
            }
            Some(p) => {
                block.push_str(p);
                block.push('\n');
            }
            None => {}
        }
    }
    got
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
fn values(block: &str, each: &mut dyn FnMut(&Value)) {
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
                        each(&value);
                    }
                }
            }
            _ => {}
        }
    }
}
