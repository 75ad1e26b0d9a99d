//! How secrets in bodies are overwritten: in place, so that lengths, offsets and boundaries stay.

use super::Redactor;

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
