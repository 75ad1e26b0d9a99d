//! Secrets in bodies as they were sent: under a content coding too.

use super::Redactor;
use super::body::TextMask;
use crate::body::Decoder;
use crate::time::Timestamp;

/// Walks through one body, delivery by delivery, and overwrites secrets in place: lengths, offsets and boundaries stay what they were.
///
/// Compressed bytes can't be changed one by one. Where a secret comes out of them, the bytes at hand and all that follow are blanked: they no longer decode,
/// and what was made of them while they did (hashes, figures, texts) stays.
#[derive(Debug, Default)]
pub struct BodyMask(Kind);

#[derive(Debug)]
enum Kind {
    Text(TextMask),
    Coded(Box<(Decoder, TextMask)>),
    /// All that comes is blanked.
    Blank,
    /// Nothing can be known of it, or nothing is in it.
    Open,
}

impl Default for Kind {
    fn default() -> Kind {
        Kind::Text(TextMask::default())
    }
}

impl BodyMask {
    /// Of a body under these codings, as `Content-Encoding` lists them.
    pub fn new(coding: Option<&str>) -> BodyMask {
        let decoder = Decoder::new(coding);
        BodyMask(if decoder.is_identity() { Kind::default() } else { Kind::Coded(Box::new((decoder, TextMask::default()))) })
    }

    /// The next bytes, in order. True if any were overwritten; `found` gets the secrets that were whole.
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

    /// Bytes are missing: what follows under a coding can't be read, by anybody.
    pub fn gap(&mut self) {
        if let Kind::Coded(_) = self.0 {
            self.0 = Kind::Open;
        }
    }
}
