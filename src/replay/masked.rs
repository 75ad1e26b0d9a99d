//! Compares requests with recordings whose secrets were hidden before storage: the replacement of a secret matches
//! any secret. (Matching never needs Authorization.)

use serde_json::Value;

/// Whether the recorded text equals the request's, or replaces a secret.
pub(super) fn text(recorded: &str, asked: &str) -> bool {
    recorded == asked || {
        let scheme = ["Bearer ", "Basic "].into_iter().find(|s| recorded.starts_with(s)).unwrap_or_default();
        asked.starts_with(scheme) && stands_in(&recorded.as_bytes()[scheme.len()..])
    }
}

/// The same for JSON, at any depth.
pub(super) fn json(recorded: &Value, asked: &Value) -> bool {
    match (recorded, asked) {
        (Value::String(a), Value::String(b)) => text(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| json(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(n, a)| b.get(n).is_some_and(|b| json(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The same for other bodies: forms value by value, others byte by byte.
pub(super) fn bytes(recorded: &[u8], asked: &[u8]) -> bool {
    recorded == asked || pairs(recorded, asked) || in_place(recorded, asked)
}

/// The same for a target: values in its query may be hidden.
pub(super) fn target(recorded: &str, asked: &str) -> bool {
    let split =
        |t: &'_ str| t.split_once('?').map_or((t.to_owned(), String::new()), |(p, q)| (p.to_owned(), q.to_owned()));
    let ((path, query), (asked_path, asked_query)) = (split(recorded), split(asked));
    recorded == asked || (path == asked_path && pairs(query.as_bytes(), asked_query.as_bytes()))
}

/// The same for `a=b&c=d`, in the same order.
fn pairs(recorded: &[u8], asked: &[u8]) -> bool {
    let pair = |p: &[u8]| p.iter().position(|b| *b == b'=').map(|at| (p[..at].to_vec(), p[at + 1..].to_vec()));
    let all = |body: &[u8]| body.split(|b| *b == b'&').map(pair).collect::<Option<Vec<_>>>();
    let (Some(a), Some(b)) = (all(recorded), all(asked)) else { return false };
    a.len() == b.len() && a.iter().zip(&b).all(|((name, a), (other, b))| name == other && (a == b || stands_in(a)))
}

/// Secrets are overwritten in place, so the other bytes keep their places.
fn in_place(recorded: &[u8], asked: &[u8]) -> bool {
    const MARK: &[u8] = b"[redacted";
    if recorded.len() != asked.len() {
        return false;
    }
    let mut at = 0;
    while at < recorded.len() {
        let rest = &recorded[at..];
        let mark =
            if rest.starts_with(MARK) { rest.iter().position(|b| *b == b']').map_or(0, |end| end + 1) } else { 0 };
        let stars = rest[mark..].iter().take_while(|b| **b == b'*').count();
        match mark + stars {
            0 if rest[0] == asked[at] => at += 1,
            0 => return false,
            hidden => at += hidden,
        }
    }
    true
}

/// Whether this is `[redacted:…]` filled with stars up to the old length, or stars only.
fn stands_in(value: &[u8]) -> bool {
    !value.is_empty() && (value.starts_with(b"[redacted") || value.iter().all(|b| *b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_fits_any_secret_and_nothing_else() {
        assert!(
            text("Bearer [redacted:0123456789ab]***", "Bearer sk-abc") && text("******", "hunter") && text("a", "a")
        );
        assert!(!text("Bearer [redacted:0123456789ab]***", "Basic sk-abc") && !text("a", "b") && !text("", "b"));
        let recorded = serde_json::json!({"model": "m", "tools": [{"headers": {"Authorization": "Bearer [redacted:0123456789ab]**"}}]});
        let asked = |model: &str| serde_json::json!({"model": model, "tools": [{"headers": {"Authorization": "Bearer tok-1"}}]});
        assert!(json(&recorded, &asked("m")) && !json(&recorded, &asked("n")));
    }

    #[test]
    fn forms_and_other_bytes() {
        assert!(bytes(b"a=1&client_secret=[redacted:0123456789ab]*&b=2", b"a=1&client_secret=longer-or-shorter&b=2"));
        assert!(!bytes(b"a=1&client_secret=[redacted:0123456789ab]*&b=2", b"a=1&client_secret=longer&b=3"));
        assert!(bytes(b"--x\r\npassword\r\n[redacted]***\r\n--x", b"--x\r\npassword\r\nabcdefghijklm\r\n--x"));
        assert!(!bytes(b"--x\r\npassword\r\n[redacted]***\r\n--x", b"--x\r\npassword\r\nabcdefghijklm\r\n--y"));
        assert!(
            target("/p?a=1&key=[redacted-0123456789ab]", "/p?a=1&key=AIzaSy")
                && !target("/p?key=[redacted]", "/q?key=AIzaSy")
        );
    }
}
