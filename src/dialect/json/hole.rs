//! Payloads of a stream are alike: mostly one string changes. What stands around that string needs no second parse.

use super::Text;
use memchr::memchr2;
use std::borrow::Cow;

/// The JSON around one string of a payload that was parsed without a repair.
///
/// A text that begins and ends in the same bytes, with one JSON string's content between them, parses to the same value
/// with that string in the place of the other: what precedes a string decides where it stands, and JSON needs nothing
/// after it to know its end.
#[derive(Debug)]
pub(in crate::dialect) struct Hole {
    /// All before the string, with its opening quote.
    before: Box<str>,
    /// All after the string, with its closing quote.
    after: Box<str>,
}

impl Hole {
    /// The JSON of `text` around `string`, which is a slice of it: a string without escapes.
    pub(in crate::dialect) fn around(text: &str, string: &Text<'_>) -> Option<Hole> {
        let Text::Str(Cow::Borrowed(string)) = string else { return None };
        let from = (string.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let (before, rest) = text.split_at_checked(from)?;
        let after = rest.strip_prefix(*string)?;
        let quoted = before.ends_with('"') && after.starts_with('"');
        quoted.then(|| Hole { before: before.into(), after: after.into() })
    }

    /// The string that stands in `text` in the place of the first one, into `string`. False if the texts differ
    /// elsewhere.
    pub(in crate::dialect) fn fill(&self, text: &str, string: &mut String) -> bool {
        let inner = text.strip_prefix(&*self.before).and_then(|rest| rest.strip_suffix(&*self.after));
        let Some(inner) = inner else { return false };
        if memchr2(b'"', b'\\', inner.as_bytes()).is_none() && !inner.bytes().any(|b| b < b' ') {
            string.clear();
            string.push_str(inner);
            return true;
        }
        let quotes = self.before.len() - 1..text.len() + 1 - self.after.len();
        match text.get(quotes).map(serde_json::from_str::<String>) {
            Some(Ok(read)) => *string = read,
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = r#"{"a":1,"s":"Hi","b":[2]}"#;

    fn hole() -> Hole {
        let start = TEXT.find("Hi").unwrap();
        Hole::around(TEXT, &Text::Str(Cow::Borrowed(&TEXT[start..start + 2]))).unwrap()
    }

    fn read(text: &str) -> Option<String> {
        let mut string = "before".to_owned();
        hole().fill(text, &mut string).then_some(string)
    }

    #[test]
    fn one_string_may_differ() {
        for (text, want) in [
            (TEXT, Some("Hi")),
            (r#"{"a":1,"s":"","b":[2]}"#, Some("")),
            (r#"{"a":1,"s":"天 \n\u00e9\ud83d\ude00","b":[2]}"#, Some("天 \né😀")),
            (r#"{"a":1,"s":"say \"no\"","b":[2]}"#, Some("say \"no\"")),
            // Another member, the end of the string, half a surrogate pair, a raw line end: not the same.
            (r#"{"a":2,"s":"Hi","b":[2]}"#, None),
            (r#"{"a":1,"s":"Hi","b":[2],"c":0}"#, None),
            (r#"{"a":1,"s":"Hi","t":"","b":[2]}"#, None),
            (r#"{"a":1,"s":"Hi\","b":[2]}"#, None),
            (r#"{"a":1,"s":"\ud83d","b":[2]}"#, None),
            ("{\"a\":1,\"s\":\"H\ni\",\"b\":[2]}", None),
            (r#"{"a":1,"s":","b":[2]}"#, None),
            (r#"{"a":1,"s":"#, None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn only_a_slice_of_the_text_has_a_place() {
        assert!(Hole::around(TEXT, &Text::Str(Cow::Owned("Hi".into()))).is_none());
        assert!(Hole::around(TEXT, &Text::Str(Cow::Borrowed("Hi there"))).is_none());
        assert!(Hole::around(TEXT, &Text::Null).is_none());
    }

    proptest! {
        /// Whatever stands between the two ends: it is taken only if a parser reads it so.
        #[test]
        fn it_is_what_a_parser_reads(inner in r#"([a-z"\\nu0-9, :]|é|\\n|\\u00e9|\\ud83d\\ude00|\t){0,12}"#) {
            let text = format!(r#"{{"a":1,"s":"{inner}","b":[2]}}"#);
            let parsed = serde_json::from_str::<serde_json::Value>(&text).ok();
            let same = parsed.filter(|v| v["a"] == 1 && v["b"] == serde_json::json!([2]));
            match (read(&text), same) {
                (Some(string), same) => prop_assert_eq!(same.map(|v| v["s"].clone()), Some(string.into())),
                // The same member twice is no string in one place.
                (None, Some(v)) if !inner.contains(r#""s""#) => {
                    prop_assert!(v.as_object().is_some_and(|o| o.len() > 3), "{}", text);
                }
                (None, _) => {}
            }
        }
    }
}
