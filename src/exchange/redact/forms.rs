//! Finds values that show by their form that they are keys: prefix, length and alphabet.

use super::table::{FORMS, NAMED, has_run};
use memchr::memmem::{self, Finder};
use std::ops::Range;
use std::sync::LazyLock;

/// Longest value that is followed to its end, in bytes.
pub(super) const LONGEST: usize = 4 << 10;

/// The scheme of RFC 6750, in either case. Made once: a search in a short text costs less than a finder.
static BEARER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("earer "));
/// The end of the line that begins a private key (RFC 7468 section 10).
static PRIVATE_KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("PRIVATE KEY-----"));

/// Adds the ranges of all such values to `out`, without their prefixes, which are no secrets and explain failures.
pub(super) fn find(bytes: &[u8], out: &mut Vec<Range<usize>>) {
    for at in memchr::memchr2_iter(b'-', b'_', bytes) {
        separated(bytes, at, out);
        if at.checked_sub(1).is_some_and(|i| bytes[i] == b'k') {
            out.extend(named(bytes, at));
        }
    }
    for at in memchr::memchr2_iter(b'I', b'J', bytes) {
        out.extend(joined(bytes, at));
    }
    for at in BEARER.find_iter(bytes) {
        out.extend(bearer(bytes, at));
    }
    for at in PRIVATE_KEY.find_iter(bytes) {
        let begin = at + 16;
        let rest = &bytes[begin..bytes.len().min(begin + 2 * LONGEST)];
        let end = memmem::find(rest, b"-----END").or(memchr::memchr(b'"', rest)).unwrap_or(rest.len());
        let before = bytes[..at].trim_ascii_end();
        let opens = memmem::rfind(&before[before.len().saturating_sub(24)..], b"-----BEGIN").is_some();
        out.extend(Some(begin..begin + end).filter(|r| opens && !r.is_empty()));
    }
}

/// Adds the ranges of values that a text of ours has cut short: their prefix tells, their length cannot.
pub(super) fn find_cut(text: &str, out: &mut Vec<Range<usize>>) {
    const LEAST: usize = 8;
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'-', b'_', bytes) {
        for (begin, prefix, _) in prefixes(bytes, at) {
            let run = run(bytes, begin + prefix.len(), |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            let rest = text.get(run.end..).unwrap_or_default();
            let cut = rest.is_empty() || rest.starts_with(['…', '"', '\'', '`', '.']);
            if cut
                && run.len() >= LEAST
                && begins_word(bytes, begin)
                && bytes[run.clone()].iter().any(u8::is_ascii_digit)
            {
                out.push(run);
            }
        }
    }
}

/// The number of last bytes that may be such a value, or the beginning of one.
pub(super) fn begun(bytes: &[u8]) -> usize {
    const OTHERS: [&[u8]; 7] = [b"AKIA", b"ASIA", b"AIza", b"eyJ", b"Bearer", b"bearer", NAMED];
    let is = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    let run = bytes.iter().rev().take(LONGEST + 1).take_while(|b| is(b)).count();
    // What is longer is no key.
    if run > LONGEST {
        return 0;
    }
    let (before, word) = bytes.split_at(bytes.len() - run);
    // The scheme before it tells that it is one.
    if before.len() >= 7 && before[before.len() - 7..].eq_ignore_ascii_case(b"bearer ") {
        return run + 7;
    }
    // So does the name before it.
    let between = before.iter().rev().take(16).take_while(|b| between_name_and_value(**b)).count();
    if before[..before.len() - between].ends_with(NAMED) {
        return run + between + NAMED.len();
    }
    let begins = |rest: &[u8]| {
        let prefixes = FORMS.iter().map(|(prefix, _)| *prefix).chain(OTHERS);
        prefixes.into_iter().any(|p| rest.starts_with(p) || p.starts_with(rest))
    };
    let from = bytes.len() - run;
    (0..run).find(|i| begins_word(bytes, from + i) && begins(&word[*i..])).map_or(0, |i| run - i)
}

/// For each byte the prefixes that have it before their first separator, as bits: that decides for almost all
/// separators.
const BEFORE: [u64; 256] = {
    assert!(FORMS.len() <= 64, "a prefix has a bit of 64");
    let (mut bits, mut n) = ([0; 256], 0);
    while n < FORMS.len() {
        let prefix = FORMS[n].0;
        bits[prefix[first_separator(prefix) - 1] as usize] |= 1 << n;
        n += 1;
    }
    bits
};

const fn first_separator(prefix: &[u8]) -> usize {
    let mut at = 0;
    while !matches!(prefix[at], b'-' | b'_') {
        at += 1;
    }
    at
}

/// The prefixes that have their first separator at `at`: where each begins, and the least number of bytes after it.
fn prefixes(bytes: &[u8], at: usize) -> impl Iterator<Item = (usize, &'static [u8], usize)> {
    let mut bits = at.checked_sub(1).map_or(0, |i| BEFORE[usize::from(bytes[i])]);
    std::iter::from_fn(move || {
        while bits != 0 {
            let (prefix, least) = FORMS[bits.trailing_zeros() as usize];
            bits &= bits - 1;
            if let Some(begin) = at.checked_sub(first_separator(prefix))
                && bytes[begin..].starts_with(prefix)
            {
                return Some((begin, prefix, least));
            }
        }
        None
    })
}

/// The value of a member that has a secret's name, whose first separator is at `at`.
fn named(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let begin = at.checked_sub(NAMED.iter().position(|b| *b == b'_')?)?;
    let after = bytes.get(begin..)?.strip_prefix(NAMED)?;
    let between = after.iter().take(16).take_while(|b| between_name_and_value(**b)).count();
    let colon = after.get(..between)?.contains(&b':');
    let run = run(bytes, begin + NAMED.len() + between, |b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    Some(run).filter(|r| colon && r.len() >= 8)
}

/// A quote, in a string an escaped one, or the colon.
fn between_name_and_value(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b':' | b' ')
}

/// A value whose prefix has its first separator at `at`.
fn separated(bytes: &[u8], at: usize, out: &mut Vec<Range<usize>>) {
    let mut best: Option<Range<usize>> = None;
    for (begin, prefix, least) in prefixes(bytes, at) {
        if !begins_word(bytes, begin) {
            continue;
        }
        let from = begin + prefix.len();
        let run = run(bytes, from, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        // The longest prefix says most of what is public.
        if run.len() >= least && has_run(&bytes[run.clone()]) && best.as_ref().is_none_or(|b| run.start > b.start) {
            best = Some(run);
        }
    }
    out.extend(best);
}

/// A value whose prefix is recognised by its letter at `at`: `AKIA…`, `AIza…`, `eyJ….….…`.
fn joined(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let begins = |begin: Option<usize>, prefix: &[u8]| {
        begin.filter(|b| bytes[*b..].starts_with(prefix) && begins_word(bytes, *b))
    };
    if bytes[at] == b'J' {
        let begin = begins(at.checked_sub(2), b"eyJ")?;
        let run = run(bytes, begin, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let mut parts = bytes[run.clone()].split(|b| *b == b'.');
        let is = parts.next()?.len() >= 12 && parts.next()?.len() >= 8 && parts.next().is_some();
        return is.then_some(begin + 3..run.end);
    }
    if let Some(begin) = begins(at.checked_sub(1), b"AIza") {
        let run = run(bytes, begin + 4, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        return Some(run).filter(|r| r.len() >= 30);
    }
    let begin = begins(at.checked_sub(2), b"AKIA").or_else(|| begins(at.checked_sub(2), b"ASIA"))?;
    let run = run(bytes, begin + 4, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    Some(run).filter(|r| r.len() >= 16)
}

/// The credential after `Bearer `, if it looks as if it was made by chance (RFC 6750 section 2.1).
fn bearer(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let is = at.checked_sub(1).is_some_and(|i| bytes[i].eq_ignore_ascii_case(&b'b'));
    let run = run(bytes, at + 6, |b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    Some(run).filter(|r| is && r.len() >= 16 && has_run(&bytes[r.clone()]))
}

fn run(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool) -> Range<usize> {
    let rest = bytes.get(from..).unwrap_or_default();
    from..from + rest.iter().take(2 * LONGEST).take_while(|b| is(**b)).count()
}

fn begins_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|i| {
        let before = bytes[i];
        // An escape of JSON ends with a letter: `\nsk-…`.
        let escaped = matches!(before, b'n' | b't' | b'r') && i.checked_sub(1).is_some_and(|i| bytes[i] == b'\\');
        escaped || !(before.is_ascii_alphanumeric() || matches!(before, b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let (mut found, mut out) = (Vec::new(), text.as_bytes().to_vec());
        find(text.as_bytes(), &mut found);
        found.into_iter().for_each(|r| out[r].fill(b'*'));
        String::from_utf8(out).unwrap_or_default()
    }

    #[test]
    fn keys_are_known_by_their_form() {
        let long = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";
        for (prefix, _) in FORMS {
            let prefix = String::from_utf8_lossy(prefix);
            let wanted = format!("say {prefix}{} now", "*".repeat(long.len()));
            assert_eq!(hidden(&format!("say {prefix}{long} now")), wanted);
            assert_eq!(hidden(&format!("say x{prefix}{long}")), format!("say x{prefix}{long}"), "within a word");
            assert_eq!(hidden(&format!("\"\\n{prefix}{long}\"")), format!("\"\\n{prefix}{}\"", "*".repeat(40)));
        }
        assert_eq!(hidden("AKIA0123456789ABCDEF,ASIAABCDEFGH01234567"), "AKIA****************,ASIA****************");
        assert_eq!(hidden("AIzaSy0123456789abcdefghijklmnopqrstuv"), format!("AIza{}", "*".repeat(34)));
        assert_eq!(hidden("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln!"), format!("eyJ{}!", "*".repeat(31)));
        assert_eq!(hidden("\"Bearer 0123456789abcdef\""), "\"Bearer ****************\"");
        assert_eq!(
            hidden("-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END"),
            "-----BEGIN RSA PRIVATE KEY-----********-----END"
        );
    }

    #[test]
    fn a_member_that_only_a_secret_has() {
        for (text, want) in [
            (
                r#"{"a":{"fallback_credit_token":"fct_01HZ","b":1}}"#,
                r#"{"a":{"fallback_credit_token":"********","b":1}}"#,
            ),
            (r#"{\"fallback_credit_token\": \"abcdefgh\"}"#, r#"{\"fallback_credit_token\": \"********\"}"#),
            (r#"{"fallback_credit_token":null}"#, r#"{"fallback_credit_token":null}"#),
            ("the fallback_credit_token expires", "the fallback_credit_token expires"),
        ] {
            assert_eq!(hidden(text), want);
        }
        // Cut anywhere, what came of it waits.
        let whole = r#"{"fallback_credit_token":"fct_01HZ"#;
        for cut in 3..whole.len() {
            assert_eq!(begun(&whole.as_bytes()[..cut]), cut - 2, "{}", &whole[..cut]);
        }
    }

    #[test]
    fn words_and_identifiers_are_none() {
        for text in [
            "sk-learn is a library, and sk-circle-fade-dots-in-many-colours is a class",
            "task-0123456789abcdef0123456789abcdef",
            "chatcmpl-0123456789abcdef0123456789",
            "the Bearer token of the request, a Bearer of bad news-of-the-world",
            "eyJ is how it begins; AKIA is not one; AIza neither",
            "hf_hub_download and r8_vision are names",
            "call_0123456789abcdef0123456789abcdef, req_0123456789abcdef0123456789abcdef",
            "AKIA0123456789abcdef",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
