//! Recognises coded data by its first bytes, where no coding is declared or one more than declared was applied.

use super::{CODED_AS_TEXT, UNDECLARED, deflate};
use crate::oddity::{Kind, excerpt};

/// Bytes that decide.
const LEN: usize = 12;
/// gzip (RFC 1952 section 2.3.1): two magic bytes and method 8; zstd (RFC 8878 section 3.1.1).
const MAGIC: &[(&[u8], &str)] = &[(b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")];
/// The same after a decoder that writes U+FFFD (EF BF BD) for each byte that is not UTF-8.
const AS_TEXT: &[(&[u8], &str)] = &[(b"\x1f\xef\xbf\xbd\x08", "gzip"), (b"\x28\xef\xbf\xbd\x2f\xef\xbf\xbd", "zstd")];

/// The first bytes of a decoded body, until they have decided.
#[derive(Debug, Default)]
pub(super) struct Magic {
    seen: [u8; LEN],
    len: usize,
    decided: bool,
}

impl Magic {
    /// Takes the next decoded bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.decided {
            return;
        }
        let n = (LEN - self.len).min(bytes.len());
        self.seen[self.len..self.len + n].copy_from_slice(&bytes[..n]);
        self.len += n;
    }

    /// The coding that the bytes begin with, said once: the kind of oddity and a text.
    pub(super) fn found(&mut self) -> Option<(Kind, String)> {
        if self.decided {
            return None;
        }
        let seen = &self.seen[..self.len];
        let among =
            |all: &'static [(&'static [u8], &'static str)]| all.iter().find(|(magic, _)| seen.starts_with(magic));
        let coded = among(MAGIC).or_else(|| (deflate::begins(seen)).then_some(&(&[], "deflate")));
        let told = |kind, name: &str| Some((kind, format!("{name}: {}", excerpt(seen))));
        let found = match (coded, among(AS_TEXT)) {
            (Some((_, name)), _) => told(UNDECLARED, name),
            (_, Some((_, name))) => told(CODED_AS_TEXT, name),
            _ => None,
        };
        // Most bodies are decided by their first byte, which begins none of these.
        let open = MAGIC.iter().chain(AS_TEXT).any(|(magic, _)| magic.starts_with(seen))
            || (self.len < LEN && deflate::may_begin(seen));
        self.decided = found.is_some() || !open;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in these bytes, whole and one by one.
    fn found(bytes: &[u8]) -> Option<(Kind, String)> {
        let mut whole = Magic::default();
        whole.push(bytes);
        let at_once = whole.found();
        let mut parts = Magic::default();
        let one_by_one = bytes.chunks(1).find_map(|byte| {
            parts.push(byte);
            parts.found()
        });
        assert_eq!(at_once.as_ref().map(|(kind, _)| *kind), one_by_one.map(|(kind, _)| kind), "{bytes:?}");
        at_once
    }

    #[test]
    fn coded_data_is_known_by_its_first_bytes() {
        type Case<'c> = (&'c [u8], Option<(Kind, &'c str)>);
        let cases: &[Case<'_>] = &[
            (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", Some((UNDECLARED, "gzip"))),
            (b"\x28\xb5\x2f\xfd\x04\x58", Some((UNDECLARED, "zstd"))),
            (b"\x78\x9c\x4a\x49\x2c\x49\xb4\x52\x70\x54\x70\x02", Some((UNDECLARED, "deflate"))),
            (b"\x1f\xef\xbf\xbd\x08\0\0\0\0\0\0\x03", Some((CODED_AS_TEXT, "gzip"))),
            (b"\x28\xef\xbf\xbd\x2f\xef\xbf\xbd\x04\x58", Some((CODED_AS_TEXT, "zstd"))),
            (b"data: {\"id\":1}\n\n", None),
            (b"{\"id\":1}", None),
            (b"x^ 2 is a square of x", None),
            (b"(in brackets)", None),
            (b"\x1f\x8b", None),
            (b"", None),
        ];
        for (bytes, want) in cases {
            let got = found(bytes);
            assert_eq!(got.as_ref().map(|(kind, _)| *kind), want.map(|(kind, _)| kind), "{bytes:?}");
            assert!(got.zip(*want).is_none_or(|((_, said), (_, name))| said.starts_with(name)), "{bytes:?}");
        }
    }
}
