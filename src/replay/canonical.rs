//! Compares request bodies: JSON without the members that change from one call to the next, and the differences of
//! two bodies.

use super::masked;
use serde_json::Value;

/// Most differences that are listed.
const TOLD: usize = 5;
/// Most bytes of a value that are shown.
const SHOWN: usize = 60;

/// A request body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// JSON without the ignored members.
    Json(Value),
    /// Any other body; one in several parts without its boundary.
    Bytes(Vec<u8>),
}

impl Content {
    /// Parses a body. Members of objects whose name is in `ignore` are removed at any depth.
    pub(super) fn of(body: &[u8], ignore: &[String]) -> Content {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                strip(&mut value, ignore);
                Content::Json(value)
            }
            Err(_) => Content::Bytes(without_boundary(body)),
        }
    }

    /// Whether the request's body `asked` matches this recorded body.
    pub(super) fn fits(&self, asked: &Content) -> bool {
        match (self, asked) {
            (Content::Json(a), Content::Json(b)) => masked::json(a, b),
            (Content::Bytes(a), Content::Bytes(b)) => masked::bytes(a, b),
            _ => false,
        }
    }

    /// The differences in words, the most important first; empty if there are none.
    pub(super) fn differences(&self, asked: &Content) -> Vec<String> {
        let mut all = Vec::new();
        match (self, asked) {
            (Content::Json(a), Content::Json(b)) => compare(a, b, "", &mut all),
            (a, b) if a.fits(b) => {}
            (Content::Bytes(a), Content::Bytes(b)) => {
                all.push(format!("body: {} bytes were recorded, {} were received, and they differ", a.len(), b.len()))
            }
            (Content::Json(_), _) => all.push("body: JSON was recorded, the request's is not JSON".into()),
            (_, Content::Json(_)) => all.push("body: the request's is JSON, the recorded one is not".into()),
        }
        if all.len() > TOLD {
            let more = all.len() - TOLD;
            all.truncate(TOLD);
            all.push(format!("and {more} more"));
        }
        all
    }
}

/// A body in several parts (RFC 2046 section 5.1) without its boundary, which clients make anew for each request. Any
/// other body as it is.
fn without_boundary(body: &[u8]) -> Vec<u8> {
    let line = body.split(|b| *b == b'\r').next().unwrap_or_default();
    let last = body.trim_ascii_end().strip_suffix(b"--").is_some_and(|rest| rest.ends_with(line));
    if !(3..=72).contains(&line.len()) || !line.starts_with(b"--") || !last {
        return body.to_vec();
    }
    let (mut out, mut from) = (Vec::with_capacity(body.len()), 0);
    for at in memchr::memmem::find_iter(body, line) {
        out.extend_from_slice(&body[from..at]);
        from = at + line.len();
    }
    out.extend_from_slice(&body[from..]);
    out
}

/// Removes the ignored members, and writes numbers in one form: `1.0` equals `1`.
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
    // Differences beyond the listed ones are only counted, up to a limit.
    if out.len() > 1000 {
        return;
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let member = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            for (name, value) in a {
                match b.get(name) {
                    Some(other) => compare(value, other, &member(name), out),
                    None => out.push(format!("{}: recorded {}, not in the request", member(name), shown(value))),
                }
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                out.push(format!("{}: not recorded, requested {}", member(name), shown(value)));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| compare(a, b, &format!("{at}[{i}]"), out));
        }
        (Value::Array(a), Value::Array(b)) => {
            out.push(format!("{at}: {} items were recorded, {} were received", a.len(), b.len()))
        }
        (a, b) if masked::json(a, b) => {}
        (a, b) => out.push(format!(
            "{}: recorded {}, requested {}",
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
        assert!(told.contains(&r#"model: recorded "m", requested "m2""#.to_owned()), "{told:?}");
        assert!(told.contains(&r#"messages[0].content: recorded "hi", requested "ho""#.to_owned()), "{told:?}");
        assert!(
            told.contains(&"n: recorded 1, not in the request".to_owned())
                && told.contains(&"top_p: not recorded, requested 0.5".to_owned())
        );
        assert_eq!(of("x").differences(&of("{}")).len(), 1);
    }

    #[test]
    fn the_boundary_of_parts_is_none_of_their_content() {
        let body = |boundary: &str, file: &str| {
            let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{file}\r\n");
            Content::of(format!("{part}--{boundary}--\r\n").as_bytes(), &[])
        };
        assert!(body("8f3a", "RIFF").fits(&body("x-41b7", "RIFF")));
        assert!(!body("8f3a", "RIFF").fits(&body("8f3a", "RIFX")));
        let plain = |text: &str| Content::of(text.as_bytes(), &[]);
        assert!(!plain("--a\r\nno end").fits(&plain("--b\r\nno end")));
    }
}
