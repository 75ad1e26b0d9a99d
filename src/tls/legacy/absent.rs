//! In the place of `legacy` where the feature `legacy-tls` is off: nothing of it is opened.

/// Suites and versions that need what is missing are not read.
pub(super) const BUILT_IN: bool = false;

pub(super) type OpenCcm = Box<dyn Fn(&[u8; 12], &[u8], &mut Vec<u8>) -> Option<()> + Send + Sync>;

/// There is none.
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
