//! Secrets in heads and targets, told from the rest: what a person may show around without a second look.

use std::borrow::Cow;

/// Header names that carry secrets as a whole.
const NAMES: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token", "x-goog-iam-authorization-token"];
/// Parts of names that give a secret away: `x-api-key`, `X-Goog-Api-Key`, `x-auth-token`, `client_secret`, …
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
const PARAMETERS: &[&str] = &["key", "token", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session", "sessionid"];

/// A header's value, or what stands in for it. Schemes (`Bearer`, `Basic`) and cookie names stay, lengths are told: they explain failures.
pub fn value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if !is_secret(name) || value.is_empty() {
        return match name.to_ascii_lowercase().as_str() {
            "location" | "referer" | ":path" | "content-location" => target(value),
            _ => Cow::Borrowed(value),
        };
    }
    let lower = name.to_ascii_lowercase();
    let (keep, secret) = match lower.as_str() {
        "cookie" | "set-cookie" => value.split_once('=').map_or(("", value), |(n, v)| (n, v)),
        n if n.ends_with("authorization") => value.split_once(' ').unwrap_or(("", value)),
        _ => ("", value),
    };
    let mark = stand_in(secret);
    Cow::Owned(match (keep, lower.ends_with("authorization")) {
        ("", _) => mark,
        (keep, true) => format!("{keep} {mark}"),
        (keep, false) => format!("{keep}={mark}"),
    })
}

/// A request target with secret query parameters and userinfo replaced.
pub fn target(target: &str) -> Cow<'_, str> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let secret = |pair: &str| pair.split_once('=').is_some_and(|(name, value)| !value.is_empty() && is_secret_parameter(name));
    let user = userinfo(path);
    let hides = query.is_some_and(|q| q.split('&').any(secret));
    if user.is_none() && !hides {
        return Cow::Borrowed(target);
    }
    let mut out = match user {
        Some((before, info, after)) => format!("{before}{}{after}", stand_in(info)),
        None => path.to_owned(),
    };
    for (i, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=').filter(|_| secret(pair)) {
            Some((name, value)) => out.push_str(&format!("{name}={}", stand_in(value))),
            None => out.push_str(pair),
        }
    }
    Cow::Owned(out)
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

/// `user:password` of an absolute-form target, with what stands around it.
fn userinfo(path: &str) -> Option<(&str, &str, &str)> {
    let start = path.find("://")? + 3;
    let rest = &path[start..];
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let at = authority.rfind('@')?;
    Some((&path[..start], &authority[..at], &path[start + at..]))
}

fn stand_in(secret: &str) -> String {
    format!("[redacted, {} bytes]", secret.len())
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
        for (n, v) in [("Content-Type", "text/event-stream"), ("x-ratelimit-remaining-tokens", "12"), ("Authorization", ""), ("Host", "a")]
        {
            assert_eq!(value(n, v), v, "{n}");
        }
    }

    #[test]
    fn targets_lose_keys_and_userinfo() {
        assert_eq!(target("/v1beta/m:stream?alt=sse&key=AIza1"), "/v1beta/m:stream?alt=sse&key=[redacted, 5 bytes]");
        assert_eq!(target("http://u:p@h/x"), "http://[redacted, 3 bytes]@h/x");
        assert_eq!(target("/v1/x?a=b&c"), "/v1/x?a=b&c");
        assert_eq!(target("/p@th?x-amz-signature=ff"), "/p@th?x-amz-signature=[redacted, 2 bytes]");
        assert_eq!(value("Location", "/a?token=xy"), "/a?token=[redacted, 2 bytes]");
    }
}
