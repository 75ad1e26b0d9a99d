//! What a typed client expects of a JSON value, as data: keys that must be there, types, what null does.

use super::json::truthy_python;
use serde_json::Value;

/// One expectation.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything, null included.
    Any,
    /// Null.
    Null,
    /// What Python takes for false: null, zero, an empty text or collection.
    Empty,
    /// A string.
    Text,
    /// A number.
    Number,
    /// A number without a fraction (`3.0` has none).
    Integer,
    /// As `Integer`, or a string that spells one: what a coercing validator accepts.
    IntegerLike,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A string other than these.
    NoneOf(&'static [&'static str]),
    /// An object; it may have other keys too.
    Object(&'static [Field]),
    /// An array of values of this shape.
    List(&'static Shape),
    /// Any of these; the message is the one of the first that has the value's `type`, or else of the first.
    Either(&'static [Shape]),
}

/// One key of an object.
#[derive(Debug)]
pub(super) struct Field {
    key: &'static str,
    shape: Shape,
    may_lack: bool,
    may_be_null: bool,
}

/// Must be there, and not null.
pub(super) const fn must(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, may_lack: false, may_be_null: false }
}

/// Must be there, may be null.
pub(super) const fn nullable(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, may_lack: false, may_be_null: true }
}

/// May be absent, not null.
pub(super) const fn optional(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, may_lack: true, may_be_null: false }
}

/// May be absent or null.
pub(super) const fn nullish(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, may_lack: true, may_be_null: true }
}

impl Shape {
    /// What is wrong with this value, such as `choices[0].delta is missing`; none if it fits.
    pub(super) fn misses(&self, value: &Value) -> Option<String> {
        self.at(value, &mut String::new())
    }

    fn at(&self, value: &Value, path: &mut String) -> Option<String> {
        let wanted = match (self, value) {
            (Shape::Any, _)
            | (Shape::Null, Value::Null)
            | (Shape::Text, Value::String(_))
            | (Shape::Number, Value::Number(_)) => {
                return None;
            }
            (Shape::Empty, value) if !truthy_python(value) => return None,
            (Shape::Integer | Shape::IntegerLike, Value::Number(n)) if n.as_f64().is_some_and(|f| f.fract() == 0.0) => {
                return None;
            }
            (Shape::IntegerLike, Value::String(s)) if s.trim().parse::<i64>().is_ok() => return None,
            (Shape::OneOf(known), Value::String(s)) if known.contains(&s.as_str()) => return None,
            (Shape::NoneOf(known), Value::String(s)) if !known.contains(&s.as_str()) => return None,
            (Shape::Object(fields), Value::Object(map)) => {
                return fields.iter().find_map(|f| f.misses(map.get(f.key), path));
            }
            (Shape::List(shape), Value::Array(all)) => {
                return all
                    .iter()
                    .enumerate()
                    .find_map(|(i, v)| below(path, &format!("[{i}]"), |path| shape.at(v, path)));
            }
            (Shape::Either(shapes), _) => {
                let mut found: Option<String> = None;
                for shape in *shapes {
                    let miss = shape.at(value, path)?;
                    // The shape of the value's own type says best what is wrong.
                    let of_other_type = |miss: &str| miss.starts_with("type is ");
                    if found.as_deref().is_none_or(|found| of_other_type(found) && !of_other_type(&miss)) {
                        found = Some(miss);
                    }
                }
                return found;
            }
            (Shape::Null, _) => "null",
            (Shape::Empty, _) => "empty",
            (Shape::Text, _) => "a string",
            (Shape::Number, _) => "a number",
            (Shape::Integer | Shape::IntegerLike, _) => "an integer",
            (Shape::OneOf(_), _) => "one of the known values",
            (Shape::NoneOf(_), _) => "a value of another kind",
            (Shape::Object(_), _) => "an object",
            (Shape::List(_), _) => "an array",
        };
        Some(format!("{} is {}, not {wanted}", name(path), kind(value)))
    }
}

impl Field {
    fn misses(&self, value: Option<&Value>, path: &mut String) -> Option<String> {
        let dot = if path.is_empty() { "" } else { "." };
        below(path, &format!("{dot}{}", self.key), |path| match value {
            None if self.may_lack => None,
            None => Some(format!("{} is missing", name(path))),
            Some(Value::Null) if self.may_be_null => None,
            Some(v) => self.shape.at(v, path),
        })
    }
}

fn below<T>(path: &mut String, step: &str, look: impl FnOnce(&mut String) -> T) -> T {
    let len = path.len();
    path.push_str(step);
    let found = look(path);
    path.truncate(len);
    found
}

fn name(path: &str) -> &str {
    if path.is_empty() { "the record" } else { path }
}

/// What a reason calls a value; short values are shown.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(s) if s.chars().count() <= 24 => format!("{s:?}"),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const S: Shape = Shape::Object(&[
        must("id", Shape::Text),
        nullish("n", Shape::Integer),
        must(
            "list",
            Shape::List(&Shape::Object(&[nullable("finish", Shape::Text), optional("like", Shape::IntegerLike)])),
        ),
    ]);

    #[test]
    fn names_the_place_and_what_is_there() {
        assert_eq!(S.misses(&json!({"id": "", "n": null, "list": [{"finish": null, "like": "3"}]})), None);
        assert_eq!(S.misses(&json!({"id": "", "n": 3.0, "list": []})), None);
        assert_eq!(
            S.misses(&json!({"id": "", "list": [{"finish": "x"}, {}]})).as_deref(),
            Some("list[1].finish is missing")
        );
        assert_eq!(S.misses(&json!({"id": 1, "list": []})).as_deref(), Some("id is 1, not a string"));
        assert_eq!(S.misses(&json!({"id": "", "n": 5.5, "list": []})).as_deref(), Some("n is 5.5, not an integer"));
        assert_eq!(
            S.misses(&json!({"id": "", "list": [{"finish": "x", "like": null}]})).as_deref(),
            Some("list[0].like is null, not an integer")
        );
        assert_eq!(S.misses(&json!("[DONE]")).as_deref(), Some("the record is \"[DONE]\", not an object"));
    }
}
