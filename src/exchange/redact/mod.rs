//! Finds and replaces secrets in heads, targets and request bodies, so that the rest can be shown to others.
//!
//! For display a secret is replaced by its length; for the database by a salted hash as well: equal keys stay
//! equal, and they cannot be recovered.

mod body;
mod coded;
mod known;
mod whole;

pub use coded::BodyMask;
pub use whole::exchange;

use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Header names that carry secrets as a whole.
const NAMES: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
    "x-goog-iam-authorization-token",
];
/// Parts of names that mark a secret: `x-api-key`, `X-Goog-Api-Key`, `x-auth-token`, `client_secret`, …
const PARTS: &[&str] = &[
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "access_key",
    "secret",
    "password",
    "passwd",
    "auth-token",
    "authtoken",
    "credential",
    "signature",
];
/// Names of query parameters that are secret although the word alone would not do in a header.
const PARAMETERS: &[&str] =
    &["key", "token", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session", "sessionid"];

/// A query parameter whose name may mean something else (`code`, `session`) and whose value is shorter is not
/// a key, but a number, a flag or a word.
const SHORT: usize = 6;

/// Replaces secrets by placeholders. Placeholders stay unchanged.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    salt: Option<Vec<u8>>,
}

impl Redactor {
    /// With a hash of each secret under this salt.
    pub fn salted(salt: Vec<u8>) -> Redactor {
        Redactor { salt: Some(salt) }
    }

    /// A header's value. Schemes (`Bearer`, `Basic`) and cookie names stay, lengths are shown: they explain
    /// failures.
    pub fn value<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        let lower = name.to_ascii_lowercase();
        if !is_secret(name) || value.is_empty() {
            return match lower.as_str() {
                "location" | "referer" | ":path" | "content-location" => self.target(value),
                _ => Cow::Borrowed(value),
            };
        }
        let (keep, secret) = match lower.as_str() {
            "cookie" | "set-cookie" => value.split_once('=').map_or(("", value), |(n, v)| (n, v)),
            n if n.ends_with("authorization") => value.split_once(' ').unwrap_or(("", value)),
            _ => ("", value),
        };
        if stands_in(secret) || stands_in(value) {
            return Cow::Borrowed(value);
        }
        let mark = self.stand_in(secret);
        Cow::Owned(match (keep, lower.ends_with("authorization")) {
            ("", _) => mark,
            (keep, true) => format!("{keep} {mark}"),
            (keep, false) => format!("{keep}={mark}"),
        })
    }

    /// A request target with secret query parameters and userinfo replaced; by something without a space, so
    /// that it stays one word.
    pub fn target<'t>(&self, target: &'t str) -> Cow<'t, str> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let secret = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                let least = if is_secret(name) { 1 } else { SHORT };
                is_secret_parameter(name) && value.len() >= least && !stands_in(value)
            })
        };
        let user = userinfo(path).filter(|(_, info, _)| !stands_in(info));
        let hides = query.is_some_and(|q| q.split('&').any(secret));
        if user.is_none() && !hides {
            return Cow::Borrowed(target);
        }
        let mark = |secret: &str| {
            self.mark(secret.as_bytes()).map_or("[redacted]".into(), |mark| format!("[redacted-{mark}]"))
        };
        let mut out = match user {
            Some((before, info, after)) => format!("{before}{}{after}", mark(info)),
            None => path.to_owned(),
        };
        for (i, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            match pair.split_once('=').filter(|_| secret(pair)) {
                Some((name, value)) => out.push_str(&format!("{name}={}", mark(value))),
                None => out.push_str(pair),
            }
        }
        Cow::Owned(out)
    }

    /// A head or trailer section as sent; everything else stays byte for byte.
    pub fn head<'h>(&self, raw: &'h [u8]) -> Cow<'h, [u8]> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        let mut hidden = false;
        for line in raw.split_inclusive(|&b| b == b'\n') {
            let start = at;
            at += line.len();
            let text = line.trim_ascii_end();
            // A line that begins with white space continues the field before it (RFC 9112 section 5.2).
            let folded = start > 0 && line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && !text.is_empty();
            let changed = if folded { hidden.then(Vec::new) } else { self.line(text) };
            hidden = if folded { hidden } else { changed.is_some() };
            if let Some(changed) = changed {
                out.extend_from_slice(&raw[copied..start]);
                out.extend_from_slice(&changed);
                // A folded line of a secret is removed with its line end: an empty line would remain
                // otherwise.
                copied = if folded { at } else { start + text.len() };
            }
        }
        if copied == 0 {
            return Cow::Borrowed(raw);
        }
        out.extend_from_slice(&raw[copied..]);
        Cow::Owned(out)
    }

    /// One line of a head, if it has to change.
    fn line(&self, line: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(line).ok();
        let colon = line.iter().skip(1).position(|&b| b == b':').map(|i| i + 1);
        let space = line.iter().position(|&b| b == b' ');
        match (colon, space) {
            // `name: value`, `:path: /…`; a start line has its first space before its first colon.
            (Some(colon), space) if space.is_none_or(|space| space > colon) => {
                let name = String::from_utf8_lossy(&line[..colon]);
                let spaces = line[colon + 1..].iter().take_while(|b| b.is_ascii_whitespace()).count();
                let begin = colon + 1 + spaces;
                let value = String::from_utf8_lossy(&line[begin..]);
                match self.value(name.trim(), &value) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(new) => Some([&line[..begin], new.as_bytes()].concat()),
                }
            }
            _ => {
                let (method, rest) = text?.split_once(' ')?;
                let (target, version) = rest.rsplit_once(' ')?;
                match self.target(target) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(new) => Some(format!("{method} {new} {version}").into_bytes()),
                }
            }
        }
    }

    fn stand_in(&self, secret: &str) -> String {
        match self.mark(secret.as_bytes()) {
            Some(mark) => format!("[redacted, {} bytes, {mark}]", secret.len()),
            None => format!("[redacted, {} bytes]", secret.len()),
        }
    }

    /// Twelve hex digits that equal secrets have in common under one salt.
    fn mark(&self, secret: &[u8]) -> Option<String> {
        let salt = self.salt.as_ref()?;
        let hash = Sha256::new()
            .chain_update((salt.len() as u64).to_be_bytes())
            .chain_update(salt)
            .chain_update(secret)
            .finalize();
        Some(hash.iter().take(6).map(|b| format!("{b:02x}")).collect())
    }
}

/// A header's value for display.
pub fn value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    Redactor::default().value(name, value)
}

/// A request target for display.
pub fn target(target: &str) -> Cow<'_, str> {
    Redactor::default().target(target)
}

fn stands_in(value: &str) -> bool {
    value.starts_with("[redacted") && value.ends_with(']')
}

/// A query parameter of this name carries a secret.
pub fn is_secret_parameter(name: &str) -> bool {
    is_secret(name) || PARAMETERS.contains(&name.to_ascii_lowercase().as_str())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let token = name.ends_with("-token") || name.ends_with("_token") || name == "token";
    token || NAMES.contains(&name.as_str()) || PARTS.iter().any(|p| name.contains(p))
}

/// `user:password` of an absolute-form target, with the text around it.
fn userinfo(path: &str) -> Option<(&str, &str, &str)> {
    let start = path.find("://")? + 3;
    let rest = &path[start..];
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let at = authority.rfind('@')?;
    Some((&path[..start], &authority[..at], &path[start + at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_schemes_stay() {
        assert_eq!(value("Authorization", "Bearer sk-abc"), "Bearer [redacted, 6 bytes]");
        assert_eq!(value("x-api-key", "abc"), "[redacted, 3 bytes]");
        assert_eq!(value("X-Goog-Api-Key", "abc"), "[redacted, 3 bytes]");
        assert_eq!(value("Set-Cookie", "sid=abc; Path=/"), "sid=[redacted, 11 bytes]");
        assert_eq!(value("X-Amz-Security-Token", "abc"), "[redacted, 3 bytes]");
    }

    #[test]
    fn ordinary_fields_stay() {
        for (n, v) in [
            ("Content-Type", "text/event-stream"),
            ("x-ratelimit-remaining-tokens", "12"),
            ("Authorization", ""),
            ("Host", "a"),
        ] {
            assert_eq!(value(n, v), v, "{n}");
        }
    }

    #[test]
    fn targets_lose_keys_and_userinfo() {
        assert_eq!(target("/v1beta/m:stream?alt=sse&key=AIza12"), "/v1beta/m:stream?alt=sse&key=[redacted]");
        assert_eq!(target("http://u:p@h/x"), "http://[redacted]@h/x");
        assert_eq!(target("/v1/x?a=b&c"), "/v1/x?a=b&c");
        assert_eq!(
            target("/v1/x?api_key=ab&code=200&token=z&password="),
            "/v1/x?api_key=[redacted]&code=200&token=[redacted]&password="
        );
        assert_eq!(target("/p@th?x-amz-signature=ff00ff"), "/p@th?x-amz-signature=[redacted]");
        for name in ["Location", "Referer", ":path", "Content-Location"] {
            assert_eq!(value(name, "/a?token=xyzxyz"), "/a?token=[redacted]", "{name}");
            assert_eq!(value(&name.to_uppercase(), "https://me:pw@h/"), "https://[redacted]@h/", "{name}");
        }
        assert_eq!(value("Link", "/a?token=xyzxyz"), "/a?token=xyzxyz");
    }

    #[test]
    fn every_name_that_gives_a_secret_away() {
        let whole = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-amz-security-token",
            "x-goog-iam-authorization-token",
        ];
        let parts = [
            "x-api-key",
            "API_KEY",
            "x-apikey-1",
            "aws-access-key-id",
            "access_key",
            "client-secret",
            "My-Password",
            "passwd",
        ];
        let more = [
            "x-auth-token",
            "x-authtoken-b",
            "x-credentials",
            "x-amz-signature",
            "token",
            "csrf_token",
            "x-vault-token",
        ];
        for name in whole.iter().chain(&parts).chain(&more) {
            assert!(is_secret(name) && is_secret(&name.to_uppercase()), "{name}");
            assert_eq!(
                target(&format!("/x?{name}=1&a=b")),
                format!("/x?{name}=[redacted]&a=b"),
                "{name}: a short one too"
            );
        }
        for name in ["key", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session", "sessionid"]
        {
            let by_word = name.ends_with("token");
            assert_eq!(is_secret(name), by_word, "{name}: as a field");
            let told = |value: &str| target(&format!("/x?{name}={value}")).contains("[redacted]");
            assert_eq!((told("12345"), told("123456"), told("")), (by_word, true, false), "{name}: as a parameter");
        }
        for name in ["accept", "x-request-id", "tokens", "x-ratelimit-tokens", "keys", "max_tokens", "host"] {
            assert!(!is_secret_parameter(name), "{name}");
        }
    }

    #[test]
    fn what_stands_around_a_secret_stays() {
        assert_eq!(value("Authorization", "sk-abc"), "[redacted, 6 bytes]");
        assert_eq!(value("Proxy-Authorization", "Basic dTpw"), "Basic [redacted, 4 bytes]");
        assert_eq!(value("Cookie", "abc"), "[redacted, 3 bytes]");
        assert_eq!(value("Cookie", "sid=abc"), "sid=[redacted, 3 bytes]");
        assert_eq!(value("x-api-key", "a=b c"), "[redacted, 5 bytes]");
        assert_eq!(value("x-api-key", "[redacted, 5 bytes]"), "[redacted, 5 bytes]");
        assert_eq!(value("Authorization", "Bearer [redacted, 5 bytes]"), "Bearer [redacted, 5 bytes]");
        assert_eq!(target("https://u:p@ss@h/a@b?c=d@e"), "https://[redacted]@h/a@b?c=d@e");
        assert_eq!(target("https://h/a?u=http://x:y@z/"), "https://h/a?u=http://x:y@z/");
        assert_eq!(target("/x?token=[redacted]&b=1"), "/x?token=[redacted]&b=1");
    }

    #[test]
    fn equal_secrets_have_equal_marks_under_one_salt() {
        let (one, other) = (Redactor::salted(vec![1; 16]), Redactor::salted(vec![2; 16]));
        let a = one.value("Authorization", "Bearer sk-abc").into_owned();
        // printf '\0\0\0\0\0\0\0\20'; 16 bytes of 1; sk-abc | sha256sum
        assert!(a.starts_with("Bearer [redacted, 6 bytes, ") && !a.contains("sk-abc"), "{a}");
        assert_eq!(one.value("authorization", "Bearer sk-abc"), a);
        assert_ne!(one.value("Authorization", "Bearer sk-abd"), a);
        assert_ne!(other.value("Authorization", "Bearer sk-abc"), a);
        assert_eq!(other.value("Authorization", &a), a, "a placeholder stays");
        let target = one.target("/v1?key=k12345&alt=sse").into_owned();
        assert!(!target.contains(' ') && !target.contains("k1234") && target.ends_with("&alt=sse"), "{target}");
        assert_eq!(target_of(&other, &target), target);
    }

    fn target_of(redactor: &Redactor, target: &str) -> String {
        redactor.target(target).into_owned()
    }

    #[test]
    fn heads_keep_every_other_byte() {
        let raw =
            b"GET /v1?key=abcdef HTTP/1.1\r\nHost:  h \r\nx-API-key:\tk1\r\nX-Odd: \xff\r\nAuthorization: Bearer \
                a\r\n b c\r\nZ: 1\r\n\r\n";
        let wanted = b"GET /v1?key=[redacted] HTTP/1.1\r\nHost:  h \r\nx-API-key:\t[redacted, 2 bytes]\r\nX-Odd: \
            \xff\r\nAuthorization: Bearer [redacted, 1 bytes]\r\nZ: 1\r\n\r\n";
        let have = Redactor::default().head(raw).into_owned();
        assert_eq!(String::from_utf8_lossy(&have), String::from_utf8_lossy(wanted));
        let plain = b"HTTP/1.1 200 OK\r\nServer: x: y\r\n\r\n";
        assert!(matches!(Redactor::default().head(plain), Cow::Borrowed(_)));
        let h2 = b":method: GET\r\n:path: /v1?key=abcdef\r\nx-goog-api-key: z\r\n\r\n";
        let have = Redactor::default().head(h2).into_owned();
        assert_eq!(
            String::from_utf8_lossy(&have),
            ":method: GET\r\n:path: /v1?key=[redacted]\r\nx-goog-api-key: [redacted, 1 bytes]\r\n\r\n"
        );
    }

    #[test]
    fn names_of_parameters_are_compared_without_case() {
        for name in ["key", "token", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session"] {
            for name in [name.to_uppercase(), name[..1].to_uppercase() + &name[1..]] {
                assert_eq!(target(&format!("/x?{name}=abcdef&a=b")), format!("/x?{name}=[redacted]&a=b"));
            }
        }
    }

    #[test]
    fn lines_of_a_head_in_each_form() {
        let folded = "A: 1\r\nAuthorization: Bearer a\r\n\tb\r\n c\r\nX: 1\r\n\t2\r\n\r\n";
        for (raw, wanted) in [
            (folded, "A: 1\r\nAuthorization: Bearer [redacted, 1 bytes]\r\nX: 1\r\n\t2\r\n\r\n"),
            ("x-api-key:abc\r\n\r\n", "x-api-key:[redacted, 3 bytes]\r\n\r\n"),
            ("x-api-key: \t abc\r\n\r\n", "x-api-key: \t [redacted, 3 bytes]\r\n\r\n"),
            ("GET /a b?key=abcdef HTTP/1.1\r\n\r\n", "GET /a b?key=[redacted] HTTP/1.1\r\n\r\n"),
            ("GET http://u:p@h/x HTTP/1.1\r\n\r\n", "GET http://[redacted]@h/x HTTP/1.1\r\n\r\n"),
            ("GET /x?token=a:b HTTP/1.1\r\n\r\n", "GET /x?token=[redacted] HTTP/1.1\r\n\r\n"),
            ("HTTP/1.1 200 token: abc\r\n\r\n", "HTTP/1.1 200 token: abc\r\n\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&Redactor::default().head(raw.as_bytes())), wanted);
        }
    }

    #[test]
    fn only_a_whole_placeholder_stays() {
        for secret in ["[redacted-but-a-key", "redacted]", "[redacte]", "x[redacted]"] {
            assert_eq!(value("x-api-key", secret), format!("[redacted, {} bytes]", secret.len()));
        }
        assert_eq!(value("x-api-key", "[redacted]"), "[redacted]");
        let marked = Redactor::salted(vec![1]).value("x-api-key", "abc").into_owned();
        let digits = marked.strip_prefix("[redacted, 3 bytes, ").and_then(|m| m.strip_suffix(']')).unwrap_or_default();
        assert!(digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{marked}");
    }
}
