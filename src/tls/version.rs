//! Protocol versions by their numbers, and their differences for a passive reader.

use super::legacy;

/// A version number from a ServerHello, known or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Version(pub(super) u16);

impl Version {
    /// TLS 1.3, or one of its drafts from the 20th on, which has the labels and record types of RFC 8446.
    pub(super) fn is_tls13(self) -> bool {
        self.0 == 0x0304 || (0x7f14..=0x7f1c).contains(&self.0)
    }

    /// TLS 1.0 to 1.2; without the feature `legacy-tls` 1.2 alone.
    pub(super) fn is_before_tls13(self) -> bool {
        let first = if legacy::BUILT_IN { 0x0301 } else { 0x0303 };
        (first..=0x0303).contains(&self.0)
    }

    /// The record header is authenticated: RFC 8446, and drafts from the 25th on.
    pub(super) fn authenticates_header(self) -> bool {
        self.0 == 0x0304 || self.0 >= 0x7f19
    }

    /// Each CBC record carries its IV: TLS 1.1 and later (RFC 4346). In TLS 1.0 the IV is the last block of
    /// the previous record.
    pub(super) fn has_explicit_iv(self) -> bool {
        self.0 >= 0x0302
    }

    /// The PRF has one hash: TLS 1.2 (RFC 5246). Earlier versions use MD5 and SHA-1.
    pub(super) fn has_one_prf(self) -> bool {
        self.0 >= 0x0303
    }
}
