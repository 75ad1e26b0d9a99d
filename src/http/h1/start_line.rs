//! Request lines and status lines, in the form of the grammar and in those that are meant as one.

use super::head::{is_field_vchar, is_token};
use crate::http::detect::METHODS;
use std::ops::Range;

/// Method, target, version as ranges of the first line, without its line end.
pub(super) fn request_line(line: &[u8]) -> Option<(Range<usize>, Range<usize>, Range<usize>)> {
    let method = line.iter().position(u8::is_ascii_whitespace)?;
    let version = line.iter().rposition(u8::is_ascii_whitespace)? + 1;
    let word = line.get(version..)?;
    if method == 0 || !is_version(word) {
        return None;
    }
    let target = line.get(method..version)?;
    let lead = target.len() - target.trim_ascii_start().len();
    let target = method + lead..method + lead + target.trim_ascii().len();
    (!target.is_empty()).then_some((0..method, target, version..line.len()))
}

/// Method, target, version as ranges of a line that is meant as a request line and breaks the grammar; the target
/// and the version may be empty. `any`: the method may be any word, else it is a common one.
pub(super) fn malformed_request_line(line: &[u8], any: bool) -> Option<(Range<usize>, Range<usize>, Range<usize>)> {
    let word = line.iter().take_while(|b| is_token(**b)).count();
    let method = &line[..word];
    let common = METHODS.iter().any(|m| m.eq_ignore_ascii_case(method));
    let ends = match line.get(word) {
        None => common,
        Some(b' ' | b'\t') => common || (any && word > 0 && line.iter().all(|b| is_field_vchar(*b))),
        // The space after the method is missing.
        Some(b'/') => common,
        Some(_) => false,
    };
    if !ends {
        return None;
    }
    let last = line.iter().rposition(u8::is_ascii_whitespace).map_or(word, |at| at + 1);
    let names_http = last > word && line[last..].get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"HTTP"));
    let version = if names_http { last..line.len() } else { line.len()..line.len() };
    let rest = &line[word..version.start];
    let start = word + rest.len() - rest.trim_ascii_start().len();
    let target = start..start + rest.trim_ascii().len();
    Some((0..word, target, version))
}

/// Version, status, reason of the trimmed line.
pub(super) fn status_line(line: &[u8]) -> Option<(Range<usize>, u16, Range<usize>)> {
    let version = line.iter().position(u8::is_ascii_whitespace)?;
    if !is_version(&line[..version]) {
        return None;
    }
    let rest = line[version..].trim_ascii_start();
    let from = line.len() - rest.len();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let status = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let reason = &rest[digits..];
    let lead = usize::from(reason.starts_with(b" "));
    Some((0..version, status, from + digits + lead..line.len()))
}

/// `HTTP/` and a digit, in any case.
fn is_version(word: &[u8]) -> bool {
    word.len() > 5 && word[..5].eq_ignore_ascii_case(b"HTTP/") && word[5].is_ascii_digit()
}
