//! How the lenient fields are read: one visitor each, with a method for every type that JSON has.

use super::fields::{Flag, LIST_LIMIT, List, Num, Obj, Text};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

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
