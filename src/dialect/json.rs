//! JSON of records, read leniently: one borrowed typed parse that notices wrong types instead of failing on them.
//!
//! A payload struct derives `Deserialize` with `#[serde(default)]` and fields of the types here. Each accepts any JSON
//! value and remembers
//! what it was, so that only broken JSON fails. Doubled keys make a derived struct fail; [`parse`] then reads once more
//! through
//! [`serde_json::Value`], where the last one wins as in most clients.

mod fields;
mod fill;
mod hole;
mod visit;

pub(super) use fields::{Flag, List, Num, Obj, Raw, Text};
pub(super) use fill::{Boxed, Fill, fill, parse_into};
pub(super) use hole::Hole;

use crate::oddity::Kind;
use serde::de::Deserialize;

/// A JSON object has a key twice; the last one counts, as in most clients.
pub const DOUBLED_KEY: Kind = Kind("json.doubled-key");
/// A `\uD8xx` escape without its other half: JavaScript and most Python clients read on, strict ones fail.
pub const LONE_SURROGATE: Kind = Kind("json.lone-surrogate");

/// A payload is one JSON value followed by another.
pub const SECOND_VALUE: Kind = Kind("json.second-value");
/// A payload begins with a colon: a comment was sent as data.
pub const COMMENT_AS_DATA: Kind = Kind("json.comment-as-data");

/// A payload begins with the name of a field, as if an event were the data of another one: `data: data: {…}`.
pub const FIELD_IN_DATA: Kind = Kind("json.field-in-data");

/// The buffer for a second reading, and why that was needed.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// The text with the fault mended.
    text: String,
    /// The fault.
    pub(super) why: Option<Kind>,
}

/// Why a payload could not be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not JSON; the error has the position.
    NotJson(serde_json::Error),
    /// It is JSON of this type and should be an object.
    NotObject(&'static str),
}

/// The kind of a payload that does not parse, if all dialects share that kind.
pub(super) fn sort_of(payload: &[u8]) -> Option<Kind> {
    let payload = payload.trim_ascii_start();
    let mut values = serde_json::Deserializer::from_slice(payload).into_iter::<serde::de::IgnoredAny>();
    let one = matches!(values.next(), Some(Ok(_)));
    let rest = payload.get(values.byte_offset()..).unwrap_or_default().trim_ascii_start();
    match () {
        () if payload.starts_with(b":") => Some(COMMENT_AS_DATA),
        () if [&b"data:"[..], b"event:", b"id:", b"retry:"].iter().any(|name| payload.starts_with(name)) => {
            Some(FIELD_IN_DATA)
        }
        () if one && matches!(rest.first(), Some(b'{' | b'[')) => Some(SECOND_VALUE),
        () => None,
    }
}

/// Reads `text`, an object, as `T`, borrowing from it (or from `repair` if it had to be repaired).
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str, repair: &'a mut Repair) -> Result<T, Fault> {
    let object = |read: Obj<T>| match read {
        Obj::Here(value) => Ok(value),
        other => Err(Fault::NotObject(other.kind())),
    };
    let error = match serde_json::from_str(text) {
        Ok(read) => return object(read),
        Err(e) => e,
    };
    if error.is_data() {
        repair.text = serde_json::from_str::<serde_json::Value>(text).map_err(Fault::NotJson)?.to_string();
        repair.why = Some(DOUBLED_KEY);
    } else if let Some(mended) = mend_surrogates(text) {
        repair.text = mended;
        repair.why = Some(LONE_SURROGATE);
    } else {
        return Err(Fault::NotJson(error));
    }
    serde_json::from_str(&repair.text).map_err(|_| Fault::NotJson(error)).and_then(object)
}

/// The text with every unpaired surrogate escape replaced by that of U+FFFD; none if the text has no such escape.
fn mend_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| -> Option<u16> {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    let (mut out, mut from, mut at) = (String::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', text.as_bytes().get(at..)?) {
        at += found;
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(text.get(from..at)?);
                out.push_str("\\ufffd");
                at += 6;
                from = at;
            }
            _ => at += 2, // the backslash and what it escapes
        }
    }
    if from == 0 {
        return None;
    }
    out.push_str(text.get(from..)?);
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Sample<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Num,
        flag: Flag,
        #[serde(borrow)]
        raw: Raw<'a>,
        #[serde(borrow)]
        list: List<Obj<Box<Sample<'a>>>>,
    }

    #[test]
    fn right_types_are_borrowed() {
        let mut repair = Repair::default();
        let json = r#" {"text":"a","number":-7,"flag":true,"raw":{"x": 1},"list":[{"text":"b"},null,3],"other":[[]]} "#;
        let sample: Sample<'_> = parse(json, &mut repair).expect("an object");
        assert!(matches!(&sample.text, Text::Str(std::borrow::Cow::Borrowed("a"))));
        assert_eq!(
            (sample.number, sample.flag, sample.raw.json()),
            (Num::Int(-7), Flag::Bool(true), Some("{\"x\": 1}"))
        );
        let kinds: Vec<_> = sample.list.iter().map(Obj::kind).collect();
        assert_eq!(kinds, ["object", "null", "number"]);
        assert_eq!(sample.list.iter().next().and_then(|o| o.here()).and_then(|s| s.text.full()), Some("b"));
    }

    #[test]
    fn wrong_types_are_named() {
        for (value, text, number, list) in [
            ("null", "null", Num::Null, "null"),
            ("true", "boolean", Num::Other("boolean"), "boolean"),
            ("1.5", "number", Num::Float(1.5), "number"),
            ("18446744073709551615", "number", Num::Float(18446744073709551615.0), "number"),
            ("[1,[2]]", "array", Num::Other("array"), "array"),
            ("{\"a\":{}}", "object", Num::Other("object"), "object"),
        ] {
            let json = format!(r#"{{"text":{value},"number":{value},"list":{value},"flag":{value}}}"#);
            let mut repair = Repair::default();
            let sample: Sample<'_> = parse(&json, &mut repair).expect("an object");
            assert_eq!((sample.text.show().as_str(), sample.number, sample.list.kind), (text, number, list), "{value}");
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let fault = |json: &str| parse::<Sample<'_>>(json, &mut Repair::default()).map(|_| ()).expect_err("a fault");
        for (json, kind) in [("[]", "array"), ("null", "null"), ("7", "number"), ("\"x\"", "string")] {
            assert!(matches!(fault(json), Fault::NotObject(k) if k == kind), "{json}");
        }
        for json in ["", "{", "{'a':1}", "{\"a\":NaN}", "{} {}", "\u{feff}{}"] {
            assert!(matches!(fault(json), Fault::NotJson(_)), "{json}");
        }
    }

    #[test]
    fn doubled_keys_and_lone_surrogates_are_mended() {
        let mut repair = Repair::default();
        let sample: Sample<'_> = parse(r#"{"text":"a","text":"b"}"#, &mut repair).expect("an object");
        assert_eq!(sample.text.full(), Some("b"));
        assert_eq!(repair.why, Some(DOUBLED_KEY));
        for (json, want) in [
            (r#"{"text":"a\ud800z"}"#, "a\u{fffd}z"),
            (r#"{"text":"\udc00\ud800"}"#, "\u{fffd}\u{fffd}"),
            (r#"{"text":"\ud83d\ude0a\ud83d"}"#, "😊\u{fffd}"),
            (r#"{"text":"\\ud800\ud800"}"#, "\\ud800\u{fffd}"),
        ] {
            let mut repair = Repair::default();
            let sample: Sample<'_> = parse(json, &mut repair).expect("an object");
            assert_eq!(sample.text.full(), Some(want), "{json}");
            assert_eq!(repair.why, Some(LONE_SURROGATE));
        }
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let json = format!(r#"{{"list":[{}0]}}"#, "0,".repeat(9999));
        let mut repair = Repair::default();
        let sample: Sample<'_> = parse(&json, &mut repair).expect("an object");
        assert_eq!(sample.list.iter().count() as u64 + sample.list.more, 10_000);
        assert!(sample.list.more > 0);
    }
}
