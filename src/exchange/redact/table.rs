//! The one table of what is secret: names of fields, parameters and members, and forms of values. Store, check, reports
//! and exports all ask it.

use std::borrow::Cow;

/// Parts of a name, without its separators, that mark a secret anywhere.
const PARTS: &[&str] = &["apikey", "accesskey", "secret", "password", "passwd", "passphrase", "credential"];
/// More parts that mark a secret in the name of a header field or a parameter.
const FIELD_PARTS: &[&str] = &["signature", "authtoken"];
/// Last words of the names of header fields that carry a secret: `Helicone-Auth`, `Ocp-Apim-Subscription-Key`.
const FIELD_WORDS: &[&str] = &["authorization", "auth", "token", "key"];
/// Whole names of header fields.
const FIELDS: &[&str] =
    &["cookie", "set-cookie", "session-id", "session_id", "x-session-id", "x-session", "x-jwt-assertion"];
/// Names of header fields and parameters that end like a secret and are none.
const PUBLIC: &[&str] = &[
    "idempotency-key",
    "x-idempotency-key",
    "sec-websocket-key",
    "cache-key",
    "x-cache-key",
    "surrogate-key",
    "xkey",
    "public-key",
    "x-public-key",
    "partition-key",
    "sort-key",
    "prompt-cache-key",
];
/// Names that most heads have and that are no secrets, sorted: they need no closer look.
const USUAL: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "access-control-allow-origin",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "origin",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "x-accel-buffering",
    "x-request-id",
    "x-stainless-arch",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-runtime",
];
/// Whole names of parameters, without separators, that are secrets if their value is long enough.
const PARAMETERS: &[&str] =
    &["key", "token", "auth", "sig", "code", "session", "sessionid", "jwt", "sas", "pwd", "pass", "assertion", "sk"];
/// Ends of the names of members and form fields, without separators. (A word that ends in `token` alone may be a
/// vocabulary's: `eos_token`.)
const MEMBER_ENDS: &[&str] = &[
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sessiontoken",
    "bearertoken",
    "authorizationtoken",
    "authorization",
    "credittoken",
];
/// Whole names of members and form fields, without separators.
const MEMBERS: &[&str] = &["cookie", "jwt", "privatekey", "clientassertion", "assertion"];
/// The same in requests, and in answers of endpoints that hand out keys.
const ASKED: &[&str] = &["pwd", "pass", "sas"];
/// The same, if the value looks as if it was made by chance.
const ASKED_IF_RANDOM: &[&str] = &["token", "key", "auth", "sig", "session", "sessionid"];
/// Inside of an object of such a name (`"client_secret":{"value":…}`) these hold it.
const HOLDERS: &[&str] = &["value", "secret", "token", "key"];
/// Objects of such a name hold secrets only.
const COLLECTIONS: &[&str] = &["secrets", "credentials", "passwords", "apikeys"];
/// Prefixes that only keys have, whatever the name of the member.
const BEGINS: &[&[u8]] =
    &[b"ek_", b"sk-proj-", b"sk-ant-", b"sk-or-", b"sk-svcacct-", b"gsk_", b"ghp_", b"github_pat_", b"aizasy"];
/// Words of a path that belong to endpoints that hand out keys.
const ISSUERS: &[&str] =
    &["token", "oauth", "oauth2", "login", "signin", "keys", "api_keys", "api-keys", "client_secrets"];
/// Ends of paths whose answers are generated: their members have the names that a model or a user chose.
const GENERATORS: &[&str] = &[
    "completions",
    "responses",
    "messages",
    "generate",
    "generate_stream",
    "chat",
    "embeddings",
    "converse",
    "invoke",
    "streamGenerateContent",
    "generateContent",
];
/// The schemes of credentials, in lower case (RFC 9110 section 11.1, and one that GitHub has).
const SCHEMES: &[&str] = &["bearer", "basic", "token", "apikey"];

/// A member that holds a secret without a prefix, at any depth of a generated answer; only one vendor has such a name.
pub(super) const NAMED: &[u8] = b"fallback_credit_token";

/// Prefix of a value, and the least number of bytes after it.
pub(super) const FORMS: &[(&[u8], usize)] = &[
    (b"sk-", 17),
    (b"sk-proj-", 14),
    (b"sk-ant-", 14),
    (b"sk-or-", 14),
    (b"sk-svcacct-", 14),
    (b"ek_", 16),
    (b"gsk_", 20),
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 20),
    (b"glpat-", 18),
    (b"xoxb-", 18),
    (b"xoxp-", 18),
    (b"xoxa-", 18),
    (b"xoxr-", 18),
    (b"xoxs-", 18),
    (b"xapp-", 18),
    (b"hf_", 30),
    (b"r8_", 30),
    (b"pplx-", 30),
    (b"xai-", 30),
    (b"nvapi-", 30),
    (b"npm_", 30),
    (b"csk-", 30),
    (b"sk_live_", 16),
    (b"sk_test_", 16),
    (b"rk_live_", 16),
    (b"rk_test_", 16),
    (b"whsec_", 20),
    (b"tgp_v1_", 20),
    (b"dop_v1_", 40),
    (b"lsv2_pt_", 30),
    (b"lsv2_sk_", 30),
];

/// Where a name stands that a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// In an answer: names that nothing else has.
    #[default]
    Plain,
    /// In a request, or in an answer of an endpoint that hands out keys: names that mean a secret there.
    Asked,
    /// In a stream or a generated answer: only members of the outermost object. Deeper ones have the names that a model
    /// or a user chose; there forms and the request's own credential count.
    Outermost,
}

/// How a member's name marks its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    Nothing,
    /// The value is a secret if it looks as if it was made by chance.
    IfRandom,
    Secret,
}

/// A name in lower case without its separators.
fn squeezed(name: &str) -> String {
    if name.is_ascii() {
        let kept = name.bytes().filter(|b| !matches!(b, b'-' | b'_' | b'.' | b' '));
        return kept.map(|b| char::from(b.to_ascii_lowercase())).collect();
    }
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether a name has one of these parts. (Names are short: a finder for each part costs more than the comparison.)
fn has(name: &str, parts: &[&str]) -> bool {
    let name = name.as_bytes();
    (0..name.len()).any(|at| parts.iter().any(|p| name[at] == p.as_bytes()[0] && name[at..].starts_with(p.as_bytes())))
}

/// `%HH` decoded, as far as it is text.
pub(super) fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let (bytes, mut out, mut at) = (name.as_bytes(), Vec::with_capacity(name.len()), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Whether a header field of this name is a secret as a whole.
pub(super) fn is_field(name: &str) -> bool {
    let lower = name.trim().to_ascii_lowercase();
    USUAL.binary_search(&lower.as_str()).is_err() && marks_a_secret(&lower)
}

/// The same by the parts of the name, in lower case.
fn marks_a_secret(lower: &str) -> bool {
    if PUBLIC.contains(&lower) {
        return false;
    }
    let last = lower.rsplit(['-', '_']).next().unwrap_or_default();
    // A single word is too common, but for these.
    let several = lower.len() > last.len();
    let by_word = FIELD_WORDS.contains(&last) && (several || matches!(last, "authorization" | "token"));
    let name = squeezed(lower);
    by_word
        || name.ends_with("authorization")
        || name.ends_with("authorizationtoken")
        || FIELDS.contains(&lower)
        || has(&name, PARTS)
        || has(&name, FIELD_PARTS)
}

/// Whether a parameter of this name, as sent, is a secret; and the least length of its value.
pub(super) fn parameter(name: &str) -> Option<usize> {
    /// A parameter whose name may mean something else (`code`, `session`) and whose value is shorter is not a key,
    /// but a number, a flag or a word.
    const SHORT: usize = 6;
    let name = decoded(name);
    if is_field(&name) {
        return Some(1);
    }
    let squeezed = squeezed(&name);
    (PARAMETERS.contains(&squeezed.as_str()) || MEMBER_ENDS.iter().any(|e| squeezed.ends_with(e))).then_some(SHORT)
}

/// What the name of a member or form field says, in lower case and decoded.
pub(super) fn member(name: &str, names: Names) -> Marks {
    let name: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let name = name.as_str();
    let asked = names == Names::Asked;
    if MEMBERS.contains(&name)
        || MEMBER_ENDS.iter().any(|e| name.ends_with(e))
        || has(name, PARTS)
        || (asked && ASKED.contains(&name))
    {
        return Marks::Secret;
    }
    if asked && ASKED_IF_RANDOM.contains(&name) { Marks::IfRandom } else { Marks::Nothing }
}

/// Inside of an object of such a name this member holds it.
pub(super) fn holds_secret(name: &[u8]) -> bool {
    HOLDERS.iter().any(|h| name == h.as_bytes())
}

/// Every string in an object of this name is a secret.
pub(super) fn is_collection(name: &[u8]) -> bool {
    let name: Vec<u8> = name.iter().copied().filter(|b| !matches!(b, b'-' | b'_')).collect();
    COLLECTIONS.iter().any(|c| name == c.as_bytes())
}

/// A value that begins so, in lower case, is a key.
pub(super) fn begins_as_key(begin: &[u8]) -> bool {
    BEGINS.contains(&begin)
}

/// What names mean in an answer to this target with this content type.
pub(super) fn answer(target: &str, content_type: &str) -> Names {
    let path = target.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let kind = content_type.to_ascii_lowercase();
    let streams = ["event-stream", "ndjson", "jsonl", "json-lines", "stream+json", "eventstream", "json-seq"];
    let last = path.rsplit(['/', ':']).next().unwrap_or_default();
    if streams.iter().any(|s| kind.contains(s)) || GENERATORS.contains(&last) {
        return Names::Outermost;
    }
    let issues = path.split('/').any(|word| ISSUERS.contains(&word.to_ascii_lowercase().as_str()));
    if issues { Names::Asked } else { Names::Plain }
}

/// The length of a scheme with the space after it, if the value begins with one.
pub(super) fn scheme(value: &[u8]) -> usize {
    let Some(space) = value.iter().position(|b| *b == b' ') else { return 0 };
    let is = |s: &&str| value[..space].eq_ignore_ascii_case(s.as_bytes());
    if SCHEMES.iter().any(is) { space + 1 } else { 0 }
}

/// Whether a value looks as if it was made by chance: a run of letters with digits, and no white space.
pub(super) fn is_random(value: &[u8]) -> bool {
    !value.iter().any(u8::is_ascii_whitespace) && has_run(value)
}

/// Whether twelve letters and digits follow each other, with at least one digit among them.
pub(super) fn has_run(value: &[u8]) -> bool {
    value.split(|b| !b.is_ascii_alphanumeric()).any(|run| run.len() >= 12 && run.iter().any(u8::is_ascii_digit))
}

/// Whether a credential is worth looking for where its name does not stand: a short or plain word may be anything.
pub(super) fn is_telling(secret: &str) -> bool {
    secret.len() >= 8 && (secret.len() >= 16 || secret.bytes().any(|b| b.is_ascii_digit())) && !secret.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_sorted_and_none_marks_a_secret() {
        assert!(USUAL.is_sorted());
        assert_eq!(USUAL.iter().find(|name| marks_a_secret(name)), None);
        assert!(is_field("X-Api-Key") && is_field("authorization") && !is_field("Content-Type"));
    }
}
