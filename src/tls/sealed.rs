//! A protected record.

/// A record as on the wire: content type, version, protected fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'a> {
    pub(super) kind: u8,
    pub(super) version: [u8; 2],
    pub(super) body: &'a [u8],
}
