//! Where the secrets of a request target or another URL are: userinfo, parameters of query, path and fragment, names of
//! bots.

use super::{forms, table};
use std::ops::Range;

/// The ranges of the secrets in a target or URL, in order, without overlap. Names are decoded before they are
/// compared, and a parameter may stand in a URL that is itself encoded in a parameter.
pub(super) fn secrets(target: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let path = &target[..target.find('?').unwrap_or(target.len())];
    found.extend(userinfo(path));
    found.extend(bot(path));
    parameters(target, &mut found);
    forms::find(target.as_bytes(), &mut found);
    merged(found, target)
}

/// `user:password` of an authority alone: `Host`, `:authority`, the target of CONNECT.
pub(super) fn of_authority(authority: &str) -> Option<Range<usize>> {
    let at = authority.find('@').filter(|_| !authority.contains(['/', ' ', ',']))?;
    Some(0..at)
}

/// Sorts ranges, joins those that overlap, and leaves out what is empty or is a placeholder already.
pub(super) fn merged(mut found: Vec<Range<usize>>, text: &str) -> Vec<Range<usize>> {
    found.retain(|r| !r.is_empty() && text.get(r.clone()).is_some_and(|t| !super::stands_in(t)));
    found.sort_by_key(|r| (r.start, r.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in found {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// `user:password` of an absolute-form target.
fn userinfo(path: &str) -> Option<Range<usize>> {
    let start = path.find("://")? + 3;
    let rest = &path[start..];
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    Some(start..start + authority.rfind('@')?)
}

/// The token in `/bot123456:ABC…/method`.
fn bot(path: &str) -> Option<Range<usize>> {
    let start = path.find("/bot")? + 4;
    let digits = path[start..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = path[start + digits..].strip_prefix(':').or_else(|| path[start + digits..].strip_prefix("%3A"))?;
    let from = path.len() - rest.len();
    let len = rest.find('/').unwrap_or(rest.len());
    (digits >= 4 && len >= 20).then_some(start..from + len)
}

/// Adds the values of secret parameters. A parameter begins after `?`, `&`, `;` or `#`, as they are or encoded.
fn parameters(target: &str, found: &mut Vec<Range<usize>>) {
    let bytes = target.as_bytes();
    // Most targets have none.
    let begins = |one, two, three| memchr::memchr3(one, two, three, bytes).is_some();
    if !begins(b'?', b'&', b';') && !begins(b'#', b'%', b'%') {
        return;
    }
    let mut at = 0;
    while at < bytes.len() {
        let Some(len) = sign(bytes, at, b"?&;#", &["3f", "26", "3b", "23"]) else {
            at += 1;
            continue;
        };
        at += len;
        let name = at;
        while at < bytes.len()
            && sign(bytes, at, b"=", &["3d"]).is_none()
            && (bytes[at].is_ascii_alphanumeric() || b"_.%-+[] ".contains(&bytes[at]))
            && sign(bytes, at, b"?&;#", &["3f", "26", "3b", "23"]).is_none()
        {
            at += 1;
        }
        let Some(equals) = sign(bytes, at, b"=", &["3d"]) else { continue };
        let Some(least) = target.get(name..at).map(str::trim).and_then(table::parameter) else { continue };
        at += equals;
        let value = at;
        while at < bytes.len()
            && !matches!(bytes[at], b' ' | b'"' | b'>' | b'<')
            && sign(bytes, at, b"&;#", &["26", "23"]).is_none()
        {
            at += 1;
        }
        found.extend(Some(value..at).filter(|r| r.len() >= least));
    }
}

/// The length of a sign at this place: one of these bytes, or `%` and one of these pairs of hex digits.
fn sign(bytes: &[u8], at: usize, plain: &[u8], coded: &[&str]) -> Option<usize> {
    let byte = *bytes.get(at)?;
    if plain.contains(&byte) {
        return Some(1);
    }
    let hex = bytes.get(at + 1..at + 3).filter(|_| byte == b'%')?;
    coded.iter().any(|c| hex.eq_ignore_ascii_case(c.as_bytes())).then_some(3)
}
