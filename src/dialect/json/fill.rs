//! Objects that are filled in place. A derived struct is passed by value from visitor to visitor; for a large struct
//! in every record that is a large part of the cost of reading it.

use super::{Fault, Repair, parse};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// An object whose fields can be set one by one.
pub(in crate::dialect) trait Fill<'de>: Default {
    /// Take all keys. Members that are absent stay unchanged.
    fn fill<A: MapAccess<'de>>(&mut self, map: A) -> Result<(), A::Error>;
}

/// A value on the heap, filled there.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Boxed<T>(Box<T>);

impl<T> Boxed<T> {
    /// This value, on the heap.
    pub(in crate::dialect) fn new(value: T) -> Self {
        Boxed(Box::new(value))
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Fill<'de>> Deserialize<'de> for Boxed<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Fill<'de>> Visitor<'de> for V<T> {
            type Value = Boxed<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Boxed<T>, A::Error> {
                let mut value = Boxed::<T>::default();
                value.0.fill(map)?;
                Ok(value)
            }
        }
        d.deserialize_map(V(PhantomData))
    }
}

/// Reads `text`, an object, into `value`, which is where the caller wants it: nothing is allocated for it.
pub(in crate::dialect) fn parse_into<'a, T: Fill<'a>>(
    text: &'a str,
    repair: &'a mut Repair,
    value: &mut T,
) -> Result<(), Fault> {
    struct V<'t, T>(&'t mut T);
    impl<'de, T: Fill<'de>> Visitor<'de> for V<'_, T> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
            self.0.fill(map)
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    if json.deserialize_map(V(&mut *value)).and_then(|()| json.end()).is_err() {
        // What is wrong, and whether it can be repaired, the other way of reading tells.
        *value = *parse::<Boxed<T>>(text, repair)?.0;
    }
    Ok(())
}

/// [`Fill`] for a struct with these keys. A doubled key is an error, after which [`super::parse`] reads once more;
/// unknown keys are skipped.
macro_rules! fill {
    ($type:ident: $($key:literal => $field:ident),* $(,)?) => {
        impl<'a, 'de: 'a> $crate::dialect::json::Fill<'de> for $type<'a> {
            fn fill<A: serde::de::MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
                #[derive(Default)]
                struct Had {
                    $($field: bool,)*
                }
                let mut had = Had::default();
                while let Some($crate::dialect::json::Text::Str(key)) = map.next_key()? {
                    match key.as_ref() {
                        $($key => {
                            if std::mem::replace(&mut had.$field, true) {
                                return Err(serde::de::Error::duplicate_field($key));
                            }
                            self.$field = map.next_value()?;
                        })*
                        _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                    }
                }
                Ok(())
            }
        }
    };
}
pub(in crate::dialect) use fill;
