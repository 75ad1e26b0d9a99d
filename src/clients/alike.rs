//! Chunks of one answer are alike: mostly only the text of their delta changes. What stands around that text is parsed
//! once.

use memchr::memchr2;
use serde_json::Value;
use std::borrow::Cow;

/// Texts that look alike at first and are not: after this many no more are compared with what follows them.
pub(super) const PATIENCE: u32 = 8;

/// A chat chunk that brings text and nothing else, with the place of that text in its JSON.
#[derive(Debug)]
pub(super) struct Alike {
    /// All before the text, with its opening quote.
    before: Box<str>,
    /// All after the text, with its closing quote.
    after: Box<str>,
    /// The chunk.
    value: Value,
}

/// The text of a chunk with one choice that brings text, does not finish, calls no tool and reports no error.
fn text_of(chunk: &mut Value) -> Option<&mut String> {
    let chunk = chunk.as_object_mut().filter(|c| !c.contains_key("error"))?;
    let [choice] = chunk.get_mut("choices")?.as_array_mut()?.as_mut_slice() else { return None };
    let absent = |of: &Value, key: &str| of.get(key).is_none_or(Value::is_null);
    if !absent(choice, "finish_reason") || !absent(choice, "message") {
        return None;
    }
    let delta = choice.get_mut("delta")?;
    let others = ["tool_calls", "refusal", "audio", "images", "function_call"];
    if others.iter().any(|key| !absent(delta, key)) {
        return None;
    }
    match delta.get_mut("content")? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Whether the content of a JSON string spells itself: no quote, no escape, no control character.
fn is_plain(inner: &str) -> bool {
    memchr2(b'"', b'\\', inner.as_bytes()).is_none() && inner.bytes().all(|b| b >= b' ')
}

impl Alike {
    /// The chunk with this JSON; none if it is of another kind, or if the place of its text is not certain.
    pub(super) fn of(json: &str, chunk: &Value) -> Option<Alike> {
        let mut value = chunk.clone();
        let text = std::mem::take(text_of(&mut value)?);
        let quoted = format!("\"{text}\"");
        let key = json.find("\"content\"")?;
        let at = key + "\"content\"".len() + json[key + "\"content\"".len()..].find(&quoted)? + 1;
        let (before, after) = (&json[..at], &json[at + text.len()..]);
        // It is the place if another text there changes this text and nothing else.
        let mark = if text == "a" { "b" } else { "a" };
        let mut other: Value = serde_json::from_str(&[before, mark, after].concat()).ok()?;
        let is_place = std::mem::take(text_of(&mut other)?) == mark && other == value && is_plain(&text);
        is_place.then(|| Alike { before: before.into(), after: after.into(), value })
    }

    /// The text in JSON that is the same but for this text.
    pub(super) fn text_in<'t>(&self, json: &'t str) -> Option<Cow<'t, str>> {
        let inner = json.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        if is_plain(inner) {
            return Some(Cow::Borrowed(inner));
        }
        // With escapes: it must be one whole string.
        let quoted = json.get(self.before.len() - 1..json.len() + 1 - self.after.len())?;
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    }

    /// The chunk with this text.
    pub(super) fn with(&mut self, text: &str) -> &Value {
        if let Some(place) = text_of(&mut self.value) {
            place.clear();
            place.push_str(text);
        }
        &self.value
    }
}

/// The last chunk, for comparison with the next one.
#[derive(Debug, Default)]
pub(super) struct Last {
    alike: Option<Alike>,
    /// How often a chunk was not like the last.
    misses: u32,
}

impl Last {
    /// The chunk of this JSON, if it is like the last one.
    pub(super) fn read(&mut self, json: &str) -> Option<&Value> {
        let alike = self.alike.as_mut()?;
        let text = alike.text_in(json)?;
        self.misses = 0;
        Some(alike.with(&text))
    }

    /// Remembers a chunk that was read in full.
    pub(super) fn note(&mut self, json: &str, chunk: &Value) {
        if self.misses < PATIENCE {
            self.misses += 1;
            self.alike = Alike::of(json, chunk);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alike(json: &str) -> Option<Alike> {
        Alike::of(json, &serde_json::from_str(json).unwrap())
    }

    #[test]
    fn only_text_may_differ_and_only_at_its_place() {
        for json in [
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
            r#"{"choices": [{"delta": {"role": "assistant", "content" : "", "refusal": null}}], "content": 1}"#,
            // The name of the member may stand elsewhere before.
            r#"{"content":"Hi","choices":[{"delta":{"content":"Ho"}}]}"#,
        ] {
            let mut found = alike(json).unwrap();
            let next = [&*found.before, "天 it's", &*found.after].concat();
            let text = found.text_in(&next).unwrap().into_owned();
            assert_eq!(*found.with(&text), serde_json::from_str::<Value>(&next).unwrap());
        }
        for json in [
            r#"{"content":"Hi","choices":[{"delta":{"content":"Hi"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a\nb"}}]}"#,
            r#"{"choices":[{"delta":{"content":null}}]}"#,
            r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"Hi","tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"content":"Hi"}},{"delta":{"content":"Ho"}}]}"#,
            r#"{"error":null,"choices":[{"delta":{"content":"Hi"}}]}"#,
            r#"{"choices":[]}"#,
            "[1]",
        ] {
            assert!(alike(json).is_none(), "{json}");
        }
        let found = alike(r#"{"choices":[{"delta":{"content":"Hi"}}]}"#).unwrap();
        for other in [
            r#"{"choices":[{"delta":{"content":"Hi"}}] }"#,
            r#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a\"}}]}"#,
            "",
        ] {
            assert!(found.text_in(other).is_none(), "{other}");
        }
        let escaped = found.text_in(r#"{"choices":[{"delta":{"content":"say \"\u00e9\"\n"}}]}"#);
        assert_eq!(escaped.as_deref(), Some("say \"é\"\n"));
    }

    proptest! {
        /// What is taken for alike is what a parser reads.
        #[test]
        fn it_is_what_a_parser_reads(inner in r#"([a-z"\\nu0-9, :{}]|é|\\n|\\u00e9|\t){0,12}"#) {
            let mut found = alike(r#"{"choices":[{"delta":{"content":"Hi"},"index":0}]}"#).unwrap();
            let json = format!(r#"{{"choices":[{{"delta":{{"content":"{inner}"}},"index":0}}]}}"#);
            if let Some(text) = found.text_in(&json).map(Cow::into_owned) {
                prop_assert_eq!(found.with(&text), &serde_json::from_str::<Value>(&json).unwrap());
            }
        }
    }
}
