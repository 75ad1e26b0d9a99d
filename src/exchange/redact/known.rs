//! The places in bodies that are known for secrets, by name, and what is written over them.

use super::Redactor;

/// Parts of names, without their `-` and `_`, that give a secret away.
const PARTS: &[&str] = &["apikey", "accesskey", "secret", "password", "passwd", "credential"];
/// Ends of such names. (A word ending in `token` alone may be a vocabulary's: `eos_token`.)
const ENDS: &[&str] =
    &["accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "bearertoken", "authorizationtoken", "authorization"];
/// Such names, whole.
const WHOLE: &[&str] = &["cookie", "jwt", "privatekey", "clientassertion", "assertion"];
/// Inside of an object of such a name (`"client_secret":{"value":…}`) these hold it.
const HOLDERS: &[&str] = &["value", "secret", "token", "key"];
/// Begins of keys that nobody writes for anything else, whatever the member is called.
const BEGINS: &[&[u8]] = &[b"ek_", b"sk-proj-", b"sk-ant-", b"sk-or-", b"sk-svcacct-", b"gsk_", b"ghp_", b"github_pat_", b"aizasy"];

/// A member or field of this name, in lower case, is a secret.
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

/// What stands before a credential and is none.
pub(super) fn scheme(value: &[u8]) -> &'static [u8] {
    [b"Bearer ".as_slice(), b"Basic "].into_iter().find(|s| value.starts_with(s)).unwrap_or_default()
}

/// Overwrite a secret, its scheme (`Bearer `) apart. `split`: it is not whole here.
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
