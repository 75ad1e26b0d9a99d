//! JSON as the clients' languages read it: `JSON.parse` follows RFC 8259 and accepts lone surrogates, Python's `json`
//! accepts `NaN` too, validators accept neither.

use serde_json::Value;

/// Which reader of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Json {
    /// ECMAScript `JSON.parse`: strict; `\ud83d` alone is a string like any other.
    Script,
    /// Python `json.loads`: also `NaN`, `Infinity`, `-Infinity`; a leading byte order mark is an error.
    Python,
    /// `jiter`, under pydantic: `NaN` is accepted, a lone surrogate is an error.
    Jiter,
    /// RFC 8259 and no lone surrogates: serde, Go, Jackson and others.
    Strict,
}

/// Replaces what is not text: invalid bytes, half of a surrogate pair.
pub(super) const NO_TEXT: char = '\u{fffd}';

/// Halves of surrogate pairs, which no UTF-8 text can hold, are kept as characters of a private plane (16) until
/// [`join_halves`].
const HALVES: u32 = 0x10_f000;

impl Json {
    /// The value, or why the text is not JSON.
    pub(super) fn read(self, text: &str) -> Result<Value, String> {
        // White space in JSON is four characters. Other characters that a language's `trim` removes are not white
        // space here.
        match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            Err(e) => {
                let relaxed =
                    if self == Json::Strict { None } else { relax(text, self != Json::Script, self != Json::Jiter) };
                relaxed.and_then(|t| serde_json::from_str(&t).ok()).ok_or_else(|| plain(text, &e))
            }
        }
    }
}

/// The same text with what this reader tolerates made strict; none if it has nothing of that kind.
fn relax(text: &str, numbers: bool, halves: bool) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        if quoted && c == '\\' {
            taken = escape(rest);
            if halves && let Some(half) = half(rest) {
                changed = true;
                out.push(char::from_u32(HALVES + u32::from(half & 0x7ff)).unwrap_or(NO_TEXT));
                rest = &rest["\\uXXXX".len()..];
                continue;
            }
        } else if c == '"' {
            quoted = !quoted;
        } else if !quoted
            && numbers
            && let Some(word) = ["NaN", "-Infinity", "Infinity"].into_iter().find(|w| rest.starts_with(w))
        {
            changed = true;
            out.push('0');
            rest = &rest[word.len()..];
            continue;
        } else if !quoted && c.is_ascii_digit() {
            taken = rest.find(|c: char| !c.is_ascii_digit() && !".eE+-".contains(c)).unwrap_or(rest.len());
            // Languages read a number beyond their range as infinite.
            if rest[..taken].parse::<f64>().is_ok_and(f64::is_infinite) {
                changed = true;
                out.push('0');
                rest = &rest[taken..];
                continue;
            }
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    changed.then_some(out)
}

/// Text with its halves joined if both came (`pairs`), as happens in UTF-16 strings; single halves are not text.
pub(super) fn join_halves(text: &str, pairs: bool) -> String {
    // The halves begin with the byte of the last planes.
    if memchr::memchr(0xf4, text.as_bytes()).is_none() {
        return text.to_owned();
    }
    let half = |c: char| (c as u32).checked_sub(HALVES).filter(|h| *h < 0x800);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (half(c), chars.peek().copied().and_then(half)) {
            (Some(high @ 0..0x400), Some(low @ 0x400..)) if pairs => {
                chars.next();
                out.push(char::from_u32(0x1_0000 + (high << 10) + (low - 0x400)).unwrap_or(NO_TEXT));
            }
            (Some(_), _) => out.push(NO_TEXT),
            (None, _) => out.push(c),
        }
    }
    out
}

/// Length of the escape at the start.
fn escape(text: &str) -> usize {
    1 + text.chars().nth(1).map_or(0, char::len_utf8)
}

/// The code unit of `\uXXXX` at the start, if it is half of a pair whose other half is missing.
fn half(text: &str) -> Option<u16> {
    let unit = |t: &str| t.strip_prefix("\\u").and_then(|h| h.get(..4)).and_then(|h| u16::from_str_radix(h, 16).ok());
    match unit(text)? {
        0xd800..=0xdbff if unit(&text[6..]).is_some_and(|u| (0xdc00..=0xdfff).contains(&u)) => None,
        unit @ 0xd800..=0xdfff => Some(unit),
        _ => None,
    }
}

/// What is wrong, in a few words.
fn plain(text: &str, e: &serde_json::Error) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return "empty data, which is not JSON".into();
    }
    let begin: String = trimmed.chars().take(24).collect();
    match e.to_string() {
        m if m.starts_with("trailing characters") => "more than one JSON value in an event".into(),
        _ if !begin.starts_with(['{', '[']) => format!("`{begin}` is not JSON"),
        m if m.starts_with("EOF") => "JSON that breaks off".into(),
        m => format!("not JSON: {}", m.split(" at line").next().unwrap_or_default()),
    }
}

/// Truth of a value in ECMAScript.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Truth of a value in Python, where empty collections are false too.
pub(super) fn truthy_python(value: &Value) -> bool {
    match value {
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
        other => truthy(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_raw(t: &str) -> String {
        Json::Script.read(t).ok().and_then(|v| v["s"].as_str().map(String::from)).unwrap_or_default()
    }

    #[test]
    fn each_language_takes_what_it_takes() {
        let nan = r#"{"p":[NaN,-Infinity],"s":"NaN"}"#;
        assert_eq!(Json::Python.read(nan).ok().map(|v| v["s"].clone()), Some("NaN".into()));
        assert!(Json::Jiter.read(nan).is_ok() && Json::Script.read(nan).is_err() && Json::Strict.read(nan).is_err());
        let half = r#"{"s":"a\ud83d"}"#;
        let text = |t: &str| Json::Script.read(t).ok().map(|v| join_halves(v["s"].as_str().unwrap_or_default(), true));
        assert_eq!(text(half).as_deref(), Some("a\u{fffd}"));
        assert_eq!(join_halves(&(text_raw(half) + &text_raw(r#"{"s":"\ude0a!"}"#)), true), "a😊!");
        assert_eq!(join_halves(&(text_raw(half) + "x"), false), "a\u{fffd}x");
        assert!(Json::Python.read(half).is_ok() && Json::Jiter.read(half).is_err());
        assert_eq!(Json::Script.read(r#""\ud83d\ude0a \\ud83d""#).ok(), Some("😊 \\ud83d".into()));
        assert!(Json::Script.read(r#"{"x":1e999,"y":-2E+400}"#).is_ok() && Json::Strict.read("1e999").is_err());
        for broken in ["{'a':1}", "[DONE]", "", "\u{feff}{}", "{\"a\":", "{} {}"] {
            assert!(Json::Python.read(broken).is_err(), "{broken}");
        }
    }
}
