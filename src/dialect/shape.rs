//! The outline of one record: its top-level keys and the few values that name a dialect. Read once per record for all
//! dialects.

use super::json::Text;
use super::payload::text_of;
use crate::framing::Record;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// Top-level keys that tell dialects apart (docs/dialects.md a.0 step 6, and the documents of the vendors).
const KEYS: &[&str] = &[
    "object",
    "type",
    "event_type",
    "choices",
    "candidates",
    "usageMetadata",
    "promptFeedback",
    "model",
    "created_at",
    "done",
    "response",
    "message",
    "error",
    "output",
    "delta",
    "content",
    "role",
    "stop_reason",
    "sequence_number",
    "generation_id",
    "is_finished",
    "text",
    "finish_reason",
    "bytes",
    "contentBlockIndex",
    "stopReason",
    "detail",
    "usage",
    "id",
    "created",
    "jsonrpc",
    "result",
    "method",
    "status",
    "digest",
    "request_id",
    "code",
    "token",
    "generated_text",
    "details",
    "error_type",
    "stop",
    "errorText",
    "p",
    "model_instance_id",
    "stats",
    "events",
    "setupComplete",
    "serverContent",
    "toolCall",
];

/// The outline of one record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// A JSON object.
    pub is_object: bool,
    /// Number of its top-level keys.
    pub keys: usize,
    /// `object`, if it is a short string.
    pub object: Option<String>,
    /// `type`, if it is a short string.
    pub kind: Option<String>,
    /// `event_type`, if it is a short string.
    pub event_type: Option<String>,
    /// Which of [`KEYS`] are there, as bits.
    seen: u64,
    /// Those of them that are null.
    null: u64,
}

impl Shape {
    /// The shape of a record's payload; of its first JSON value, if it holds more than one.
    pub fn of(record: &Record<'_>) -> Shape {
        let text = text_of(record);
        if !text.trim_start().starts_with('{') {
            return Shape::default();
        }
        serde_json::Deserializer::from_str(&text).into_iter::<Shape>().next().and_then(Result::ok).unwrap_or_default()
    }

    /// It has this key (one of the list above).
    pub fn has(&self, key: &str) -> bool {
        self.seen & bit(key) != 0
    }

    /// It has all of these keys.
    pub fn has_all(&self, keys: &[&str]) -> bool {
        keys.iter().all(|k| self.has(k))
    }

    /// It has an `error` that is not null.
    pub fn is_error(&self) -> bool {
        self.seen & !self.null & bit("error") != 0
    }

    /// The distinctive members, for people: `object chat.completion.chunk`, `type message_start`,
    /// `keys candidates, usageMetadata`.
    pub fn describe(&self) -> Option<String> {
        if !self.is_object {
            return None;
        }
        let value = |name: &str, value: &Option<String>| {
            value.as_ref().filter(|v| !v.is_empty()).map(|v| format!("{name} {v}"))
        };
        value("object", &self.object)
            .or_else(|| value("type", &self.kind))
            .or_else(|| value("event_type", &self.event_type))
            .or_else(|| {
                let keys: Vec<_> = KEYS.iter().copied().filter(|k| self.has(k)).take(6).collect();
                (!keys.is_empty()).then(|| format!("keys {}", keys.join(", ")))
            })
    }
}

/// The bit of a key of the list.
fn bit(key: &str) -> u64 {
    KEYS.iter().position(|k| *k == key).map_or(0, |n| 1 << n)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut shape = Shape { is_object: true, ..Shape::default() };
                let short = |t: Text<'_>| t.str().filter(|s| s.len() <= 64).map(str::to_owned);
                while let Some(key) = map.next_key::<Text<'_>>()? {
                    shape.keys += 1;
                    let key = key.str().unwrap_or_default();
                    let bit = bit(key);
                    shape.seen |= bit;
                    match key {
                        "object" => shape.object = short(map.next_value()?),
                        "type" => shape.kind = short(map.next_value()?),
                        "event_type" => shape.event_type = short(map.next_value()?),
                        "error" => {
                            if map.next_value::<Option<IgnoredAny>>()?.is_none() {
                                shape.null |= bit;
                            }
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(shape)
            }
        }
        d.deserialize_map(V)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    fn of(data: &str) -> Shape {
        Shape::of(&record(0, data))
    }

    #[test]
    fn keys_and_names() {
        let s = of(r#"{"object":"chat.completion.chunk","choices":[],"x":1,"error":null}"#);
        assert!(s.is_object && s.has_all(&["object", "choices"]) && !s.has("candidates") && !s.is_error());
        assert_eq!((s.keys, s.describe().as_deref()), (4, Some("object chat.completion.chunk")));
        assert_eq!(of(r#"{"candidates":[]}"#).describe().as_deref(), Some("keys candidates"));
        assert!(of(r#"{"error":{"code":1}}"#).is_error());
        assert_eq!(
            of("{\"object\":\"x\"}\n{\"object\":\"y\"}").object.as_deref(),
            Some("x"),
            "two values in one record"
        );
    }

    #[test]
    fn what_is_no_object_has_no_shape() {
        for data in ["[DONE]", "", "[{}]", "{", "{\"a\":}", "null", "text"] {
            assert_eq!(of(data), Shape::default(), "{data:?}");
        }
    }

    #[test]
    fn every_key_has_its_bit() {
        assert!(KEYS.len() <= 64);
    }
}
