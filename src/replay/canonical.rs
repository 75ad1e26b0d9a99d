//! Request bodies as they are compared: JSON without what changes from one call to the next, and the differences of
//! two.

use super::masked;
use serde_json::Value;

/// Differences that are listed at most.
const TOLD: usize = 5;
/// Bytes of a value that are shown.
const SHOWN: usize = 60;

/// A request body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// JSON, the ignored members taken out.
    Json(Value),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Content {
    /// Of these bytes; members of objects whose name is in `ignore` do not count, at any depth.
    pub(super) fn of(body: &[u8], ignore: &[String]) -> Content {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                strip(&mut value, ignore);
                Content::Json(value)
            }
            Err(_) => Content::Bytes(body.to_vec()),
        }
    }

    /// The recorded body is asked for with this one.
    pub(super) fn fits(&self, asked: &Content) -> bool {
        match (self, asked) {
            (Content::Json(a), Content::Json(b)) => masked::json(a, b),
            (Content::Bytes(a), Content::Bytes(b)) => masked::bytes(a, b),
            _ => false,
        }
    }

    /// What is different, for people, most telling first; empty where nothing is.
    pub(super) fn differences(&self, asked: &Content) -> Vec<String> {
        let mut all = Vec::new();
        match (self, asked) {
            (Content::Json(a), Content::Json(b)) => compare(a, b, "", &mut all),
            (a, b) if a.fits(b) => {}
            (Content::Bytes(a), Content::Bytes(b)) => {
                all.push(format!("body: {} bytes were recorded, {} came, and they differ", a.len(), b.len()))
            }
            (Content::Json(_), _) => all.push("body: JSON was recorded, something else came".into()),
            (_, Content::Json(_)) => all.push("body: JSON came, something else was recorded".into()),
        }
        if all.len() > TOLD {
            let more = all.len() - TOLD;
            all.truncate(TOLD);
            all.push(format!("and {more} more"));
        }
        all
    }
}

/// Takes out the members that do not count and writes numbers one way: `1.0` asks for what `1` asks for.
fn strip(value: &mut Value, ignore: &[String]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !ignore.iter().any(|i| i == name));
            members.values_mut().for_each(|v| strip(v, ignore));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| strip(v, ignore)),
        Value::Number(n) => {
            if let Some(f) = n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0 && f.abs() < 9e15) {
                *value = Value::from(f as i64);
            }
        }
        _ => {}
    }
}

fn compare(a: &Value, b: &Value, at: &str, out: &mut Vec<String>) {
    // More than will be told is only counted, and not without end.
    if out.len() > 1000 {
        return;
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let member = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            for (name, value) in a {
                match b.get(name) {
                    Some(other) => compare(value, other, &member(name), out),
                    None => out.push(format!("{}: recorded {}, not asked for", member(name), shown(value))),
                }
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                out.push(format!("{}: not recorded, asked for {}", member(name), shown(value)));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| compare(a, b, &format!("{at}[{i}]"), out));
        }
        (Value::Array(a), Value::Array(b)) => {
            out.push(format!("{at}: {} items were recorded, {} came", a.len(), b.len()))
        }
        (a, b) if masked::json(a, b) => {}
        (a, b) => out.push(format!(
            "{}: recorded {}, asked for {}",
            if at.is_empty() { "body" } else { at },
            shown(a),
            shown(b)
        )),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= SHOWN { text } else { format!("{}…", &text[..text.floor_char_boundary(SHOWN)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Content {
        Content::of(text.as_bytes(), &["user".into(), "id".into()])
    }

    #[test]
    fn order_volatile_members_and_ways_of_writing_do_not_count() {
        let a = of(
            r#"{"model":"m","temperature":1.0,"user":"u1","messages":[{"id":"x","role":"user","content":"caf\u00e9"}]}"#,
        );
        let b = of(r#"{ "messages":[{"role":"user","content":"café"}], "temperature":1, "model":"m" }"#);
        assert_eq!(a.differences(&b), Vec::<String>::new());
        assert_eq!(a, b);
    }

    #[test]
    fn differences_name_the_place_and_both_values() {
        let a = of(r#"{"model":"m","messages":[{"content":"hi"}],"n":1}"#);
        let b = of(r#"{"model":"m2","messages":[{"content":"ho"}],"top_p":0.5}"#);
        let told = a.differences(&b);
        assert!(told.contains(&r#"model: recorded "m", asked for "m2""#.to_owned()), "{told:?}");
        assert!(told.contains(&r#"messages[0].content: recorded "hi", asked for "ho""#.to_owned()), "{told:?}");
        assert!(
            told.contains(&"n: recorded 1, not asked for".to_owned())
                && told.contains(&"top_p: not recorded, asked for 0.5".to_owned())
        );
        assert_eq!(of("x").differences(&of("{}")).len(), 1);
    }
}
