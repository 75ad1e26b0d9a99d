//! JSON of records, read leniently: one borrowed typed parse that notices wrong types instead of failing on them.
//!
//! A payload struct derives `Deserialize` with `#[serde(default)]` and fields of the types here. Each accepts any JSON value and remembers
//! what it was, so that only broken JSON fails. Doubled keys make a derived struct fail; [`parse`] then reads once more through
//! [`serde_json::Value`], where the last one wins as in most clients.

use crate::oddity::Kind;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Elements of one list that are looked at; what is behind them is counted.
const LIST_LIMIT: usize = 4096;

/// A JSON object has a key twice; the last one counts, as in most clients.
pub const DOUBLED_KEY: Kind = Kind("json.doubled-key");
/// A `\uD8xx` escape without its other half: JavaScript and most Python clients read on, strict ones fail.
pub const LONE_SURROGATE: Kind = Kind("json.lone-surrogate");

/// Room for a second reading, and why it was needed.
#[derive(Debug, Default)]
pub(super) struct Again {
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

/// Read `text`, an object, as `T`, borrowing from it (or from `again` where it had to be mended).
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str, again: &'a mut Again) -> Result<T, Fault> {
    let object = |read: Obj<T>| match read {
        Obj::Here(value) => Ok(value),
        other => Err(Fault::NotObject(other.kind())),
    };
    let error = match serde_json::from_str(text) {
        Ok(read) => return object(read),
        Err(e) => e,
    };
    if error.is_data() {
        again.text = serde_json::from_str::<serde_json::Value>(text).map_err(Fault::NotJson)?.to_string();
        again.why = Some(DOUBLED_KEY);
    } else if let Some(mended) = mend_surrogates(text) {
        again.text = mended;
        again.why = Some(LONE_SURROGATE);
    } else {
        return Err(Fault::NotJson(error));
    }
    serde_json::from_str(&again.text).map_err(|_| Fault::NotJson(error)).and_then(object)
}

/// The text with every unpaired surrogate escape replaced by that of U+FFFD; none where there is no such escape.
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

/// A string field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A string, borrowed unless it had escapes.
    Str(Cow<'a, str>),
    /// Another type, named.
    Other(&'static str),
}

impl Text<'_> {
    /// The string, empty ones included.
    pub(super) fn str(&self) -> Option<&str> {
        match self {
            Text::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The string, unless it is empty.
    pub(super) fn full(&self) -> Option<&str> {
        self.str().filter(|s| !s.is_empty())
    }

    /// The key was there, whatever its value.
    pub(super) fn present(&self) -> bool {
        *self != Text::Absent
    }

    /// For people: `absent`, `null`, `"value"` or the type.
    pub(super) fn show(&self) -> String {
        match self {
            Text::Absent => "absent".into(),
            Text::Null => "null".into(),
            Text::Str(s) => format!("\"{}\"", crate::oddity::excerpt(s.as_bytes())),
            Text::Other(kind) => (*kind).into(),
        }
    }
}

/// An integer field.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Num {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// An integer.
    Int(i64),
    /// A number that is no `i64`.
    Float(f64),
    /// Another type, named.
    Other(&'static str),
}

impl Num {
    /// The integer.
    pub(super) fn int(self) -> Option<i64> {
        match self {
            Num::Int(n) => Some(n),
            _ => None,
        }
    }

    /// The integer as an index.
    pub(super) fn index(self) -> Option<u32> {
        self.int().and_then(|n| u32::try_from(n).ok())
    }

    /// The integer as a count.
    pub(super) fn count(self) -> Option<u64> {
        self.int().and_then(|n| u64::try_from(n).ok())
    }
}

/// An object field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Obj<T> {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// An object.
    Here(T),
    /// Another type, named.
    Other(&'static str),
}

impl<T> Obj<T> {
    /// The object.
    pub(super) fn here(&self) -> Option<&T> {
        match self {
            Obj::Here(t) => Some(t),
            _ => None,
        }
    }

    /// For people: what stands where an object should.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Obj::Absent => "absent",
            Obj::Null => "null",
            Obj::Here(_) => "object",
            Obj::Other(kind) => kind,
        }
    }
}

/// An array field; its usual single element costs no allocation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<T> {
    /// First element.
    first: Option<T>,
    /// The others, at most [`LIST_LIMIT`].
    rest: Vec<T>,
    /// Elements beyond the limit.
    pub(super) more: u64,
    /// What stood there: `absent`, `null`, `array` or another type.
    pub(super) kind: &'static str,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { first: None, rest: Vec::new(), more: 0, kind: "absent" }
    }
}

impl<T> List<T> {
    /// It is an array.
    pub(super) fn is_array(&self) -> bool {
        self.kind == "array"
    }

    /// Its elements.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.rest.iter())
    }

    /// No element.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

/// Any value as its JSON text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Raw<'a>(Option<&'a RawValue>);

impl<'a> Raw<'a> {
    /// The key was there, `null` included.
    pub(super) fn present(&self) -> bool {
        self.0.is_some()
    }

    /// It was `null`.
    pub(super) fn is_null(&self) -> bool {
        self.0.is_some_and(|r| r.get() == "null")
    }

    /// The JSON text, unless absent or null.
    pub(super) fn json(&self) -> Option<&'a str> {
        self.0.map(RawValue::get).filter(|s| *s != "null")
    }

    /// A string's content, another value's JSON text; nothing where absent or null.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let json = self.json()?;
        if !json.starts_with('"') {
            return Some(Cow::Borrowed(json));
        }
        match serde_json::from_str::<Text<'a>>(json) {
            Ok(Text::Str(s)) => Some(s),
            _ => Some(Cow::Borrowed(json)),
        }
    }

    /// It is a JSON string.
    pub(super) fn is_string(&self) -> bool {
        self.json().is_some_and(|s| s.starts_with('"'))
    }

    /// As a value.
    pub(super) fn value(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.json()?).ok()
    }
}

impl<'a, 'de: 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(d).map(|r| Raw(Some(r)))
    }
}

/// Visitor methods for the scalar types that a field does not want: it remembers their names.
macro_rules! others {
    ($wrap:path; $($method:ident($ty:ty) = $name:literal),* $(,)?) => {
        $(fn $method<E>(self, _: $ty) -> Result<Self::Value, E> {
            Ok($wrap($name))
        })*
    };
}

/// Visitor method for an array that a field does not want.
macro_rules! no_seq {
    ($wrap:path) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($wrap("array"))
        }
    };
}

/// Visitor method for an object that a field does not want.
macro_rules! no_map {
    ($wrap:path) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($wrap("object"))
        }
    };
}

/// The start of a visitor: any JSON value is welcome.
macro_rules! expecting {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
    };
}

impl<'a, 'de: 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<'a>(PhantomData<&'a ()>);
        impl<'a, 'de: 'a> Visitor<'de> for V<'a> {
            type Value = Text<'a>;
            expecting!();
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Text::Str(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Text::Str(Cow::Owned(v.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::Null)
            }
            others!(Text::Other; visit_bool(bool) = "boolean", visit_i64(i64) = "number", visit_u64(u64) = "number", visit_f64(f64) = "number");
            no_seq!(Text::Other);
            no_map!(Text::Other);
        }
        d.deserialize_any(V(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Num;
            expecting!();
            fn visit_i64<E>(self, v: i64) -> Result<Num, E> {
                Ok(Num::Int(v))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Num, E> {
                Ok(i64::try_from(v).map_or(Num::Float(v as f64), Num::Int))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Num, E> {
                Ok(Num::Float(v))
            }
            fn visit_unit<E>(self) -> Result<Num, E> {
                Ok(Num::Null)
            }
            others!(Num::Other; visit_bool(bool) = "boolean", visit_str(&str) = "string");
            no_seq!(Num::Other);
            no_map!(Num::Other);
        }
        d.deserialize_any(V)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Obj<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = Obj<T>;
            expecting!();
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Obj::Here)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Obj::Null)
            }
            others!(Obj::Other; visit_bool(bool) = "boolean", visit_i64(i64) = "number", visit_u64(u64) = "number", visit_f64(f64) = "number",
                visit_str(&str) = "string");
            no_seq!(Obj::Other);
        }
        d.deserialize_any(V(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        /// A list of no element, where the value is not an array.
        fn not<T>(kind: &'static str) -> List<T> {
            List { kind, ..List::default() }
        }
        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = List<T>;
            expecting!();
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = List { first: seq.next_element()?, kind: "array", ..List::default() };
                while list.first.is_some() && list.rest.len() < LIST_LIMIT {
                    match seq.next_element()? {
                        Some(t) => list.rest.push(t),
                        None => return Ok(list),
                    }
                }
                while list.first.is_some() && seq.next_element::<IgnoredAny>()?.is_some() {
                    list.more += 1;
                }
                Ok(list)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(not("null"))
            }
            others!(not; visit_bool(bool) = "boolean", visit_i64(i64) = "number", visit_u64(u64) = "number", visit_f64(f64) = "number",
                visit_str(&str) = "string");
            no_map!(not);
        }
        d.deserialize_any(V(PhantomData))
    }
}

/// A boolean field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flag {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Another type, named.
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Flag;
            expecting!();
            fn visit_bool<E>(self, v: bool) -> Result<Flag, E> {
                Ok(Flag::Bool(v))
            }
            fn visit_unit<E>(self) -> Result<Flag, E> {
                Ok(Flag::Null)
            }
            others!(Flag::Other; visit_i64(i64) = "number", visit_u64(u64) = "number", visit_f64(f64) = "number", visit_str(&str) = "string");
            no_seq!(Flag::Other);
            no_map!(Flag::Other);
        }
        d.deserialize_any(V)
    }
}
