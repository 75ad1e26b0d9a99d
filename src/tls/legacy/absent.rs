//! Replaces `legacy` without the feature `legacy-tls`: none of its ciphers is decrypted.

/// Suites and versions that need these ciphers are unsupported.
pub(super) const BUILT_IN: bool = false;

pub(super) type OpenCcm = Box<dyn Fn(&[u8; 12], &[u8], &mut Vec<u8>) -> Option<()> + Send + Sync>;

/// A type without values.
pub(super) enum Rc4 {}

pub(super) fn rc4(_: &[u8]) -> Option<Rc4> {
    None
}

pub(super) fn apply(stream: &mut Rc4, _: &mut [u8]) {
    match *stream {}
}

pub(super) fn open_ccm(_: usize, _: usize, _: &[u8]) -> Option<OpenCcm> {
    None
}

pub(super) fn old_prf(_: &[u8], _: &[u8], _: &[u8], _: usize) -> Option<Vec<u8>> {
    None
}

pub(super) fn md5_hmac(_: &[u8], _: &[&[u8]]) -> Option<[u8; 16]> {
    None
}
