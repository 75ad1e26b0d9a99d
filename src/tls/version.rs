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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8446: the header of a record is authenticated since draft 25. RFC 4346: explicit IVs since TLS 1.1.
    /// RFC 5246: one PRF since TLS 1.2.
    #[test]
    fn what_each_version_does() {
        let of = |v: u16| {
            let v = Version(v);
            (v.is_tls13(), v.authenticates_header())
        };
        assert_eq!([0x7f13, 0x7f14, 0x7f18].map(of), [(false, false), (true, false), (true, false)]);
        assert_eq!([0x7f19, 0x7f1c, 0x0304].map(of), [(true, true); 3]);
        assert_eq!(of(0x0303), (false, false));
        let old = [0x0301, 0x0302, 0x0303].map(|v| (Version(v).has_explicit_iv(), Version(v).has_one_prf()));
        assert_eq!(old, [(false, false), (true, false), (true, true)]);
    }
}
