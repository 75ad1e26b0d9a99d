//! Replaces prompts and answers by filler of the same length and shape, so that a recording can be shown to others:
//! what parsers and rules see stays, words do not.
//!
//! A letter becomes one of two of its kind, by a key that is made for one run and thrown away. So equal strings and
//! equal beginnings stay equal, and the filler of two strings in a row is that of the whole: a text that comes delta by
//! delta and once more as a whole still agrees with itself.

use crate::encoding;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// Members whose values are words of a protocol, if they have the form of a name: parsers and rules read them.
const PROTOCOL: &[&str] = &[
    "type",
    "object",
    "role",
    "finish_reason",
    "finishReason",
    "stop_reason",
    "done_reason",
    "status",
    "model",
    "model_name",
    "version",
    "modelVersion",
    "created_at",
    "createTime",
    "system_fingerprint",
    "service_tier",
    "format",
    "code",
    "param",
    "event",
    "event_type",
    "kind",
    "state",
    "jsonrpc",
    "method",
    "protocolVersion",
    "mimeType",
    "media_type",
    "reason",
    "encoding",
    "p",
    "stop_sequence",
    "tool_choice",
    "effort",
    "phase",
    "provider",
    "obfuscation",
    "native_finish_reason",
    "contextId",
    "trafficType",
    "blockReason",
    "error_type",
    "x_groq",
    "logprobs",
];
/// Lines of event streams that are words of a protocol.
const ENDS: &[&str] = &["[DONE]", "[END]", "[ABORTED]", "ping", "keep-alive", "keepalive", "heartbeat"];
/// Fields of event streams. A line that is only the name of one is that field without a value.
const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
/// The byte order mark in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// Values of JSON that are no strings.
const LITERALS: [&str; 3] = ["true", "false", "null"];

/// The key of one run.
#[derive(Debug, Clone)]
pub struct Filler {
    /// For each ASCII letter, whether it becomes the first or the second of its kind.
    bits: [bool; 128],
}

impl Default for Filler {
    fn default() -> Self {
        Filler::new()
    }
}

impl Filler {
    /// With a key that nothing outside of this process knows.
    pub fn new() -> Filler {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The keys of the standard library's maps are random.
        let random =
            std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), NEXT.fetch_add(1, Ordering::Relaxed));
        let hash = Sha256::digest(random.to_be_bytes());
        let mut bits = [false; 128];
        for (i, bit) in bits.iter_mut().enumerate() {
            *bit = hash[i % 32] >> (i / 32) & 1 == 1;
        }
        Filler { bits }
    }

    /// A text of an answer, or any text of which every word goes.
    pub fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.words(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// A text that is a name, as that of a model or an event; anything else becomes filler.
    pub fn name(&self, text: &str) -> String {
        if is_name(text.as_bytes()) { text.to_owned() } else { self.text(text) }
    }

    /// A decoded body: JSON, event streams, forms, or other text.
    pub fn body(&self, body: &mut [u8]) {
        let first = body.trim_ascii_start().first().copied().unwrap_or_default();
        if first == b'-' {
            return self.parts(body);
        }
        // Event streams may end their lines with CR alone, and begin with a mark (HTML, section 9.2.5).
        let marked = body.starts_with(MARK);
        let body = if marked { &mut body[MARK.len()..] } else { body };
        for line in body.split_inclusive_mut(|b| matches!(b, b'\n' | b'\r')) {
            self.line(line);
        }
    }

    /// Words within bytes that are no text. The first letter of each stays: it may be a length or a tag.
    pub fn binary(&self, bytes: &mut [u8]) {
        for word in bytes.split_mut(|b| !b.is_ascii_alphabetic()).filter(|word| word.len() >= 4) {
            self.words(&mut word[1..]);
        }
    }

    /// The values of a query; names stay.
    pub fn target(&self, target: &str) -> String {
        let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
        let pair = |p: &str| p.split_once('=').map_or(p.to_owned(), |(n, v)| format!("{n}={}", self.text(v)));
        format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
    }

    /// Multipart: lines of heads and boundaries stay.
    fn parts(&self, body: &mut [u8]) {
        let mut in_head = true;
        for line in body.split_inclusive_mut(|b| *b == b'\n') {
            let text = line.trim_ascii_end();
            if text.starts_with(b"--") {
                in_head = true;
            } else if text.is_empty() && in_head {
                in_head = false;
            } else if !in_head {
                self.line(line);
            }
        }
    }

    fn line(&self, line: &mut [u8]) {
        let text = line.trim_ascii();
        let field = |name: &[u8]| text.starts_with(name);
        if FIELDS.contains(&text) {
            return;
        }
        let from = match line.iter().position(|b| *b == b':') {
            Some(colon) if field(b"data:") || field(b":") => colon + 1,
            Some(_) if field(b"event:") || field(b"id:") || field(b"retry:") => {
                if is_name(line.splitn(2, |b| *b == b':').nth(1).unwrap_or_default().trim_ascii()) {
                    return;
                }
                0
            }
            _ => 0,
        };
        let value = &mut line[from..];
        let trimmed = value.trim_ascii();
        if ENDS.iter().any(|end| trimmed == end.as_bytes()) {
            return;
        }
        // What has members or strings is JSON, whole or a piece of it.
        if trimmed.contains(&b'"') || LITERALS.iter().any(|l| trimmed == l.as_bytes()) {
            self.json(value);
        } else if from == 0 && trimmed.contains(&b'=') && !trimmed.contains(&b' ') {
            self.form(value);
        } else {
            self.words(value);
        }
    }

    fn form(&self, value: &mut [u8]) {
        for pair in value.split_mut(|b| *b == b'&') {
            if let Some(at) = pair.iter().position(|b| *b == b'=') {
                self.words(&mut pair[at + 1..]);
            }
        }
    }

    /// The strings of one line of JSON that are values.
    fn json(&self, line: &mut [u8]) {
        let (mut at, mut sign, mut name) = (0, 0, Vec::new());
        while at < line.len() {
            if line[at] != b'"' {
                if !line[at].is_ascii_whitespace() {
                    sign = line[at];
                }
                at += 1;
                continue;
            }
            let from = at + 1;
            let len = string(&line[from..]);
            let after = line[(from + len + 1).min(line.len())..].trim_ascii_start().first().copied();
            if after == Some(b':') && sign != b':' {
                name = line[from..from + len].to_vec();
            } else {
                self.value(&name, &mut line[from..from + len]);
            }
            sign = b'"';
            at = from + len + 1;
        }
    }

    fn value(&self, name: &[u8], value: &mut [u8]) {
        let name = String::from_utf8_lossy(name);
        let is_id = name == "id" || name.ends_with("_id") || name.ends_with("Id") || name.ends_with("ID");
        if (is_id || PROTOCOL.contains(&&*name)) && is_name(value) {
            return;
        }
        if name == "bytes"
            && let Some(mut inner) = std::str::from_utf8(value).ok().and_then(encoding::from_base64)
            && inner.starts_with(b"{")
        {
            self.json(&mut inner);
            let again = encoding::to_base64(&inner);
            if again.len() == value.len() {
                value.copy_from_slice(again.as_bytes());
                return;
            }
        }
        self.words(value);
    }

    /// Every letter and digit, in JSON's escapes too.
    fn words(&self, text: &mut [u8]) {
        let mut at = 0;
        while at < text.len() {
            let byte = text[at];
            let rest = &text[at..];
            let len = match byte {
                b'\\' if rest.get(1) == Some(&b'u') && rest.len() >= 6 => {
                    self.escape(&mut text[at + 2..at + 6]);
                    6
                }
                b'\\' => 2,
                0xf0.. if rest.len() >= 4 => {
                    text[at..at + 4].copy_from_slice("😀".as_bytes());
                    4
                }
                0xe0.. if rest.len() >= 3 => {
                    let filler = if rest[2] & 1 == 0 { "一" } else { "二" };
                    // A mark at the beginning of a file, and spaces, stay.
                    if !rest.starts_with("\u{feff}".as_bytes()) && !rest.starts_with(&[0xe2, 0x80]) {
                        text[at..at + 3].copy_from_slice(filler.as_bytes());
                    }
                    3
                }
                0xc2.. if rest.len() >= 2 => {
                    let filler = if rest[1] & 1 == 0 { "é" } else { "è" };
                    text[at..at + 2].copy_from_slice(filler.as_bytes());
                    2
                }
                _ if byte.is_ascii_alphabetic() => {
                    let literal = LITERALS.iter().find(|l| stands_alone(text, at, l.as_bytes()));
                    match literal {
                        Some(literal) => literal.len(),
                        None => {
                            let pair = if byte.is_ascii_uppercase() { [b'X', b'Z'] } else { [b'x', b'z'] };
                            text[at] = pair[usize::from(self.bits[usize::from(byte & 0x7f)])];
                            1
                        }
                    }
                }
                b'1'..=b'9' => {
                    text[at] = if self.bits[usize::from(byte)] { b'1' } else { b'2' };
                    1
                }
                _ => 1,
            };
            at += len;
        }
    }

    /// The digits of `\u`: letters become letters, and halves of a pair stay such.
    fn escape(&self, digits: &mut [u8]) {
        let code = std::str::from_utf8(digits).ok().and_then(|d| u32::from_str_radix(d, 16).ok());
        let filler: &[u8] = match code {
            Some(0..0x80) | None => return self.ascii_escape(code, digits),
            Some(0xd800..0xdc00) => b"d83d",
            Some(0xdc00..0xe000) => b"de00",
            Some(code) if code & 1 == 0 => b"4e00",
            Some(_) => b"4e8c",
        };
        digits.copy_from_slice(filler);
    }

    fn ascii_escape(&self, code: Option<u32>, digits: &mut [u8]) {
        if let Some(byte) = code.and_then(|c| u8::try_from(c).ok()).filter(u8::is_ascii_alphabetic) {
            digits.copy_from_slice(if self.bits[usize::from(byte)] { b"007a" } else { b"0078" });
        }
    }
}

/// The length of a string of JSON up to its closing quote.
fn string(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// A value that JSON in a string writes without quotes: `{\"a\":true}`.
fn stands_alone(text: &[u8], at: usize, literal: &[u8]) -> bool {
    let before = text[..at].trim_ascii_end().last();
    let end = at + literal.len();
    let after = text.get(end..).unwrap_or_default().trim_ascii_start().first();
    text[at..].starts_with(literal)
        && before.is_none_or(|b| matches!(b, b':' | b'[' | b','))
        && after.is_none_or(|b| matches!(b, b',' | b']' | b'}'))
        && (before.is_some() || after.is_some())
}

/// Whether a value has the form of a name: no words with spaces between them.
fn is_name(text: &[u8]) -> bool {
    text.len() <= 128 && text.iter().all(|b| b.is_ascii_alphanumeric() || b"-_./:+@".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        Filler::new().body(&mut bytes);
        assert_eq!(bytes.len(), text.len());
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Letters and digits made equal, so that the key does not matter.
    fn shape(text: &str) -> String {
        let plain = |c: char| match c {
            'z' => 'x',
            'Z' => 'X',
            '2' => '1',
            'è' => 'é',
            '二' => '一',
            c => c,
        };
        text.chars().map(plain).collect()
    }

    #[test]
    fn words_go_and_the_protocol_stays() {
        for (sent, wanted) in [
            (
                "data: {\"type\":\"delta\",\"id\":\"a-1\",\"delta\":{\"text\":\"Hello wörld 42\"}}\n\ndata: [DONE]\n\n",
                "data: {\"type\":\"delta\",\"id\":\"a-1\",\"delta\":{\"text\":\"Xxxxx xéxxx 11\"}}\n\ndata: [DONE]\n\n",
            ),
            (
                r#"{"role":"user","content":"say \"hi\"\nnow ünd 日本 😀"}"#,
                r#"{"role":"user","content":"xxx \"xx\"\nxxx éxx 一一 😀"}"#,
            ),
            (r#"{"arguments":"{\"on\":true,\"n\":10}"}"#, r#"{"arguments":"{\"xx\":true,\"x\":10}"}"#),
            (r#"{"type":"free words of a person"}"#, r#"{"type":"xxxx xxxxx xx x xxxxxx"}"#),
            (r#"{"stop":["alpha","beta"]}"#, r#"{"stop":["xxxxx","xxxx"]}"#),
            ("event: message_start\n: a comment\n", "event: message_start\n: x xxxxxxx\n"),
            ("data: plain words\n", "data: xxxxx xxxxx\n"),
            ("a=hello&b=you", "a=xxxxx&b=xxx"),
            (r#"{"t":"\u0041\u00e9\ud83d\ude42"}"#, r#"{"t":"\u0078\u4e8c\ud83d\ude00"}"#),
        ] {
            let have = shape(&body(sent).replace("\\u007a", "\\u0078"));
            assert_eq!(have, wanted);
        }
    }

    #[test]
    fn parts_and_wholes_agree() {
        let filler = Filler::new();
        let (a, b) = ("The quick brown fox, ", "jumps over 13 lazy dogs");
        assert_eq!(format!("{}{}", filler.text(a), filler.text(b)), filler.text(&format!("{a}{b}")));
        assert_eq!(filler.text(a), filler.text(a));
    }
}
