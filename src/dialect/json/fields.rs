//! The types of lenient fields: each accepts any JSON value and remembers what it was.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Elements of one list that are examined; later elements are only counted.
pub(super) const LIST_LIMIT: usize = 4096;

/// A string field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::dialect) enum Text<'a> {
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
    pub(in crate::dialect) fn str(&self) -> Option<&str> {
        match self {
            Text::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The string, unless it is empty.
    pub(in crate::dialect) fn full(&self) -> Option<&str> {
        self.str().filter(|s| !s.is_empty())
    }

    /// The key was there, whatever its value.
    pub(in crate::dialect) fn present(&self) -> bool {
        *self != Text::Absent
    }

    /// A copy that borrows nothing.
    pub(in crate::dialect) fn owned(&self) -> Text<'static> {
        match self {
            Text::Absent => Text::Absent,
            Text::Null => Text::Null,
            Text::Str(s) => Text::Str(Cow::Owned(s.clone().into_owned())),
            Text::Other(kind) => Text::Other(kind),
        }
    }

    /// For people: `absent`, `null`, `"value"` or the type.
    pub(in crate::dialect) fn show(&self) -> String {
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
pub(in crate::dialect) enum Num {
    /// No such key.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// An integer.
    Int(i64),
    /// A number that is not an `i64`.
    Float(f64),
    /// Another type, named.
    Other(&'static str),
}

impl Num {
    /// The integer.
    pub(in crate::dialect) fn int(self) -> Option<i64> {
        match self {
            Num::Int(n) => Some(n),
            _ => None,
        }
    }

    /// The integer as an index.
    pub(in crate::dialect) fn index(self) -> Option<u32> {
        self.int().and_then(|n| u32::try_from(n).ok())
    }

    /// The integer as a count.
    pub(in crate::dialect) fn count(self) -> Option<u64> {
        self.int().and_then(|n| u64::try_from(n).ok())
    }
}

/// An object field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::dialect) enum Obj<T> {
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
    pub(in crate::dialect) fn here(&self) -> Option<&T> {
        match self {
            Obj::Here(t) => Some(t),
            _ => None,
        }
    }

    /// The field of another type, if there is no object.
    pub(in crate::dialect) fn nothing<U>(&self) -> Option<Obj<U>> {
        match self {
            Obj::Absent => Some(Obj::Absent),
            Obj::Null => Some(Obj::Null),
            Obj::Other(kind) => Some(Obj::Other(kind)),
            Obj::Here(_) => None,
        }
    }

    /// For people: the type of the value that should be an object.
    pub(in crate::dialect) fn kind(&self) -> &'static str {
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
pub(in crate::dialect) struct List<T> {
    /// First element.
    pub(super) first: Option<T>,
    /// The others, at most [`LIST_LIMIT`].
    pub(super) rest: Vec<T>,
    /// Elements beyond the limit.
    pub(in crate::dialect) more: u64,
    /// What stood there: `absent`, `null`, `array` or another type.
    pub(in crate::dialect) kind: &'static str,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { first: None, rest: Vec::new(), more: 0, kind: "absent" }
    }
}

impl<T> List<T> {
    /// It is an array.
    pub(in crate::dialect) fn is_array(&self) -> bool {
        self.kind == "array"
    }

    /// Its elements.
    pub(in crate::dialect) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.rest.iter())
    }

    /// The element, if there is exactly one.
    pub(in crate::dialect) fn only(&self) -> Option<&T> {
        self.first.as_ref().filter(|_| self.rest.is_empty() && self.more == 0)
    }

    /// [`List::only`], to change it.
    pub(in crate::dialect) fn only_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut().filter(|_| self.rest.is_empty() && self.more == 0)
    }

    /// A list of another type with one element, as this one has.
    pub(in crate::dialect) fn with_only<U>(&self, element: U) -> Option<List<U>> {
        self.only()?;
        Some(List { first: Some(element), rest: Vec::new(), more: 0, kind: self.kind })
    }

    /// The field of another type, if it has no element.
    pub(in crate::dialect) fn nothing<U>(&self) -> Option<List<U>> {
        self.is_empty().then(|| List { kind: self.kind, ..List::default() })
    }

    /// No element.
    pub(in crate::dialect) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

/// Any value as its JSON text.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::dialect) struct Raw<'a>(Option<&'a RawValue>);

impl<'a> Raw<'a> {
    /// The key was there, `null` included.
    pub(in crate::dialect) fn present(&self) -> bool {
        self.0.is_some()
    }

    /// It was `null`.
    pub(in crate::dialect) fn is_null(&self) -> bool {
        self.0.is_some_and(|r| r.get() == "null")
    }

    /// The JSON text, unless absent or null.
    pub(in crate::dialect) fn json(&self) -> Option<&'a str> {
        self.0.map(RawValue::get).filter(|s| *s != "null")
    }

    /// A string's content, or another value's JSON text; none if absent or null.
    pub(in crate::dialect) fn text(&self) -> Option<Cow<'a, str>> {
        let json = self.json()?;
        if !json.starts_with('"') {
            return Some(Cow::Borrowed(json));
        }
        match serde_json::from_str::<Text<'a>>(json) {
            Ok(Text::Str(s)) => Some(s),
            _ => Some(Cow::Borrowed(json)),
        }
    }

    /// [`Raw::text`] of a member that reports an error. Nothing if it is false or empty.
    pub(in crate::dialect) fn told(&self) -> Option<Cow<'a, str>> {
        self.json().filter(|json| super::super::failure::says_one(json))?;
        self.text()
    }

    /// It is a JSON string.
    pub(in crate::dialect) fn is_string(&self) -> bool {
        self.json().is_some_and(|s| s.starts_with('"'))
    }

    /// A copy that borrows nothing, if it is absent or null.
    pub(in crate::dialect) fn nothing(&self) -> Option<Raw<'static>> {
        match self.0 {
            None => Some(Raw(None)),
            Some(_) => self.is_null().then_some(Raw(Some(RawValue::NULL))),
        }
    }

    /// As a value.
    pub(in crate::dialect) fn value(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.json()?).ok()
    }
}

impl<'a, 'de: 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(d).map(|r| Raw(Some(r)))
    }
}

/// A boolean field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::dialect) enum Flag {
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
