//! Where the secrets of a head are: in the values of its fields, and in lines that are none.

use super::{forms, table, target};
use std::ops::Range;

/// Fields whose value is a URL, or has one.
const URLS: &[&str] = &[
    "location",
    "content-location",
    "referer",
    "refresh",
    "link",
    ":path",
    "x-original-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-rewrite-url",
];
/// Fields whose value is an authority.
const AUTHORITIES: &[&str] = &["host", ":authority", "x-forwarded-host", "origin"];
/// Challenges name schemes and hold no credential (RFC 9110 section 11.6.1).
const CHALLENGES: &[&str] =
    &["www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info"];

/// The secrets in the value of a field: their ranges, and whether each is a word within more text.
pub(super) fn value(name: &str, value: &str) -> Vec<(Range<usize>, Place)> {
    let lower = name.trim().to_ascii_lowercase();
    if value.is_empty() || super::stands_in(value) {
        return Vec::new();
    }
    let whole = |from: usize| {
        let secret = &value[from..];
        if secret.is_empty() || super::stands_in(secret) { Vec::new() } else { vec![(from..value.len(), Place::Whole)] }
    };
    if table::is_field(&lower) {
        let from = match lower.as_str() {
            "cookie" | "set-cookie" => value.find('=').map_or(0, |at| at + 1),
            n if n.ends_with("authorization") => value.find(' ').map_or(0, |at| at + 1),
            _ => table::scheme(value.as_bytes()),
        };
        return whole(from);
    }
    let scheme = table::scheme(value.as_bytes());
    if scheme > 0 && !CHALLENGES.contains(&lower.as_str()) && !value[scheme..].contains([' ', '=']) {
        return whole(scheme);
    }
    let mut found = Vec::new();
    if lower == "sec-websocket-protocol" {
        protocols(value, &mut found);
    }
    if AUTHORITIES.contains(&lower.as_str()) {
        found.extend(target::of_authority(value));
    }
    if URLS.contains(&lower.as_str()) || value.contains("://") || value.starts_with('/') {
        found.extend(target::secrets(value));
    }
    forms::find(value.as_bytes(), &mut found);
    target::merged(found, value).into_iter().map(|range| (range, Place::Word)).collect()
}

/// How a secret stands in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the rest of the value.
    Whole,
    /// Other text follows it: its replacement has no space.
    Word,
}

/// Subprotocols that carry a key, as browsers can send no header field of their own: `openai-insecure-api-key.KEY`.
fn protocols(value: &str, found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    for item in value.split(',') {
        let lower = item.to_ascii_lowercase();
        let mark = ["api-key.", "apikey.", "api_key.", "bearer.", "token.", "jwt."]
            .into_iter()
            .filter_map(|m| lower.find(m).map(|i| i + m.len()))
            .min();
        if let Some(from) = mark {
            found.push(at + from..at + item.trim_end().len());
        }
        at += item.len() + 1;
    }
}

/// A line of a head: what it is and where its value is.
pub(super) enum Line<'l> {
    /// A field: its name and the range of its value.
    Field(&'l str, Range<usize>),
    /// A start line: the range of its target.
    Start(Range<usize>),
    /// A credential without the colon after its name.
    Bare(Range<usize>),
    /// Nothing that is known.
    Other,
}

/// Reads one line, without its end. A start line has more than one word before its first colon.
pub(super) fn line(text: &str) -> Line<'_> {
    let colon = text.bytes().skip(1).position(|b| b == b':').map(|i| i + 1);
    if let Some(colon) = colon {
        let name = text[..colon].trim();
        // RFC 9110 section 5.1: a name is a token; pseudo-header fields begin with a colon.
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&b);
        if !name.is_empty() && name.bytes().all(token) {
            let spaces = text[colon + 1..].len() - text[colon + 1..].trim_start().len();
            return Line::Field(name, colon + 1 + spaces..text.len());
        }
    }
    let Some((first, rest)) = text.split_once([' ', '\t']) else { return Line::Other };
    let from = first.len() + 1;
    if table::is_field(first) {
        return Line::Bare(from + table::scheme(rest.as_bytes())..text.len());
    }
    // A status line has no target; its reason is free text.
    if first.starts_with("HTTP/") {
        return Line::Other;
    }
    let len = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => target.len(),
        _ => rest.len(),
    };
    Line::Start(from..from + len)
}
