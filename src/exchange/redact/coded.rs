//! Secrets in bodies as they were sent, including those with a content coding.

use super::Redactor;
use super::body::TextMask;
use crate::body::Decoder;
use crate::time::Timestamp;

/// Walks through one body, delivery by delivery, and overwrites secrets in place: lengths, offsets and
/// boundaries do not change. It has a decoder of its own instead of `Body::decoded`, because the store writes a delivery
/// before the next one comes.
///
/// Compressed bytes cannot be changed one by one. If they decode to a secret, the current delivery and all
/// later ones are blanked. They no longer decode; what was computed from them before (hashes, figures, texts)
/// stays.
#[derive(Debug, Default)]
pub struct BodyMask(Kind);

#[derive(Debug)]
enum Kind {
    Text(TextMask),
    Coded(Box<(Decoder, TextMask)>),
    /// All later bytes are blanked.
    Blank,
    /// The body cannot be decoded, or it has no secrets.
    Open,
}

impl Default for Kind {
    fn default() -> Kind {
        Kind::Text(TextMask::default())
    }
}

impl BodyMask {
    /// A redactor for a body with these codings, in the order of `Content-Encoding`.
    pub fn new(coding: Option<&str>) -> BodyMask {
        let decoder = Decoder::new(coding);
        BodyMask(if decoder.is_identity() {
            Kind::default()
        } else {
            Kind::Coded(Box::new((decoder, TextMask::default())))
        })
    }

    /// Process the next bytes, in order. True if any were overwritten; `found` gets the secrets that were
    /// whole.
    pub fn apply(&mut self, bytes: &mut [u8], redactor: &Redactor, found: &mut Vec<String>) -> bool {
        match &mut self.0 {
            Kind::Text(mask) => mask.apply(bytes, redactor, found),
            Kind::Coded(both) => {
                let (decoder, mask) = both.as_mut();
                let mut hit = false;
                let mut look = |piece: crate::body::Piece<'_>| {
                    if !mask.is_over() {
                        hit |= mask.apply(&mut piece.bytes.to_vec(), redactor, found);
                    }
                };
                decoder.push(Timestamp::default(), 0, bytes, &mut look, &mut |_| {});
                if hit {
                    mask.finish(found);
                    bytes.fill(b'*');
                    self.0 = Kind::Blank;
                } else if mask.is_over() {
                    self.0 = Kind::Open;
                }
                hit
            }
            Kind::Blank => {
                bytes.fill(b'*');
                !bytes.is_empty()
            }
            Kind::Open => false,
        }
    }

    /// The body has ended.
    pub fn finish(&mut self, found: &mut Vec<String>) {
        match &mut self.0 {
            Kind::Text(mask) => mask.finish(found),
            Kind::Coded(both) => both.1.finish(found),
            Kind::Blank | Kind::Open => {}
        }
    }

    /// Bytes are missing: what follows in a content coding cannot be decoded.
    pub fn gap(&mut self) {
        if let Kind::Coded(_) = self.0 {
            self.0 = Kind::Open;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GZIP of a stored block: the bytes are in it unchanged. The checksum after it is never read.
    fn stored(text: &str) -> Vec<u8> {
        let len = text.len() as u16;
        let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        [&head[..], &len.to_le_bytes(), &(!len).to_le_bytes(), text.as_bytes()].concat()
    }

    fn masked(text: &str, cuts: [usize; 2], gap: bool) -> Vec<Vec<u8>> {
        let coded = stored(text);
        let at = cuts.map(|cut| cut + 15);
        let (mut mask, redactor, mut found) = (BodyMask::new(Some("gzip")), Redactor::default(), Vec::new());
        let parts = [&coded[..at[0]], &coded[at[0]..at[1]], &coded[at[1]..]];
        let mut out = Vec::new();
        for (n, part) in parts.into_iter().enumerate() {
            let mut bytes = part.to_vec();
            let changed = mask.apply(&mut bytes, &redactor, &mut found);
            assert_eq!(changed, bytes != part, "part {n}");
            out.push(bytes);
            if gap && n == 0 {
                mask.gap();
            }
        }
        mask.finish(&mut found);
        assert!(found.iter().all(|f| f == "sk-0123456789"), "{found:?}");
        out
    }

    #[test]
    fn a_coded_body_is_blank_from_the_delivery_with_the_secret_on() {
        let text = r#"{"api_key":"sk-0123456789","b":"more of it"}"#;
        let coded = stored(text);
        let blank = |bytes: &[u8]| bytes.iter().all(|b| *b == b'*');
        for (cuts, first) in [([25, 30], 0), ([5, 30], 1), ([5, 11], 2), ([5, 12], 2)] {
            let parts = masked(text, cuts, false);
            for (n, part) in parts.iter().enumerate() {
                assert_eq!(blank(part), n >= first, "{cuts:?}: part {n}");
            }
            let kept: Vec<u8> = parts[..first].concat();
            assert_eq!(kept, coded[..kept.len()], "{cuts:?}");
        }
    }

    #[test]
    fn a_coded_body_without_a_secret_or_behind_a_gap_stays() {
        for (text, gap) in [
            (r#"{"model":"m","b":"more of it, and more"}"#, false),
            (r#"{"api_key":"sk-0123456789","b":"more"}"#, true),
        ] {
            assert_eq!(masked(text, [5, 9], gap).concat(), stored(text), "{text}");
        }
    }

    #[test]
    fn a_secret_in_a_coded_body_is_found_as_far_as_it_came() {
        let coded = stored(r#"{"api_key":"sk-0123456789","b":1}"#);
        for (cut, wanted) in [(coded.len(), "sk-0123456789"), (15 + 25, "sk-0123456789"), (15 + 18, "sk-012")] {
            let (mut mask, mut found) = (BodyMask::new(Some("gzip")), Vec::new());
            for part in [&coded[..cut], &coded[cut..]] {
                mask.apply(&mut part.to_vec(), &Redactor::default(), &mut found);
            }
            mask.finish(&mut found);
            assert_eq!(found, [wanted], "cut at {cut}");
        }
    }
}
