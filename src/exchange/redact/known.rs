//! The names of members and fields in bodies that hold secrets, and how secrets are overwritten.

use super::Redactor;

/// Parts of names, without their `-` and `_`, that mark a secret.
const PARTS: &[&str] = &["apikey", "accesskey", "secret", "password", "passwd", "credential"];
/// Ends of names that mark a secret. (A word ending in `token` alone may be a vocabulary's: `eos_token`.)
const ENDS: &[&str] = &[
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sessiontoken",
    "bearertoken",
    "authorizationtoken",
    "authorization",
];
/// Whole names that mark a secret.
const WHOLE: &[&str] = &["cookie", "jwt", "privatekey", "clientassertion", "assertion"];
/// Inside of an object of such a name (`"client_secret":{"value":…}`) these hold it.
const HOLDERS: &[&str] = &["value", "secret", "token", "key"];
/// Prefixes that only API keys have, whatever the name of the member.
const BEGINS: &[&[u8]] =
    &[b"ek_", b"sk-proj-", b"sk-ant-", b"sk-or-", b"sk-svcacct-", b"gsk_", b"ghp_", b"github_pat_", b"aizasy"];

/// Whether a member or field of this name, in lower case, is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !['-', '_'].contains(c)).collect();
    WHOLE.contains(&name.as_str()) || ENDS.iter().any(|e| name.ends_with(e)) || PARTS.iter().any(|p| name.contains(p))
}

/// Inside of an object of such a name this member holds it.
pub(super) fn holds_secret(name: &[u8]) -> bool {
    HOLDERS.iter().any(|h| name == h.as_bytes())
}

/// A value that begins so is a key.
pub(super) fn begins_as_key(begin: &[u8]) -> bool {
    BEGINS.contains(&begin)
}

/// The scheme before a credential, which is not a secret.
pub(super) fn scheme(value: &[u8]) -> &'static [u8] {
    [b"Bearer ".as_slice(), b"Basic "].into_iter().find(|s| value.starts_with(s)).unwrap_or_default()
}

/// Overwrite a secret except its scheme (`Bearer `). `split`: only a part of the secret is here.
pub(super) fn overwrite(value: &mut [u8], redactor: &Redactor, split: bool) -> bool {
    let before = scheme(value).len();
    let secret = &mut value[before..];
    if secret.is_empty() || (secret.starts_with(b"[redacted") && !split) {
        return false;
    }
    let mark = if split { None } else { redactor.mark(secret) };
    let text = mark.map_or_else(|| "[redacted]".to_owned(), |mark| format!("[redacted:{mark}]"));
    secret.fill(b'*');
    if let Some(front) = secret.get_mut(..text.len()).filter(|_| !split) {
        front.copy_from_slice(text.as_bytes());
    }
    true
}
