//! Who may use the proxy: `Proxy-Authorization: Basic` (RFC 7617), and the same user and password over SOCKS5.

use crate::encoding::to_base64;
use anyhow::{Result, bail};
use std::fmt;

/// User and password that clients must present.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Vec<u8>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Parses `user:password`. An error if one of them is empty.
    pub fn parse(text: &str) -> Result<Credentials> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(Credentials(text.into())),
            _ => bail!("expected USER:PASSWORD, neither of them empty"),
        }
    }

    /// The value of a `Proxy-Authorization` field is right.
    pub(super) fn admit(&self, field: Option<&[u8]>) -> bool {
        let Some(field) = field else { return false };
        let Some((scheme, words)) = field.iter().position(|&b| b == b' ').map(|at| field.split_at(at)) else {
            return false;
        };
        let wanted = basic(&self.0);
        scheme.eq_ignore_ascii_case(b"basic") && same(words.trim_ascii(), wanted.as_bytes()[6..].trim_ascii())
    }

    /// `user:password` is right.
    pub(super) fn are(&self, words: &[u8]) -> bool {
        same(words, &self.0)
    }
}

/// Compares in a time that depends on the length only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

/// The field value `Basic …` for `user:password`.
pub(super) fn basic(words: &[u8]) -> String {
    format!("Basic {}", to_base64(words))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn basic_as_rfc_7617_has_it() {
        assert_eq!(basic(b"Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let right = Credentials::parse("Aladdin:open sesame").unwrap();
        assert!(right.admit(Some(b"basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
        assert!(
            !right.admit(Some(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ="))
                && !right.admit(None)
                && !right.admit(Some(b"Basic"))
        );
        assert!(Credentials::parse("user").is_err() && Credentials::parse("user:").is_err());
    }
}
