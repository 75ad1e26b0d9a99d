//! Opens protected records of one direction under one key, and finds the sequence number again after a loss.

use super::suite::{KeyAndIv, Protection, Suite};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};

/// A record as it stands on the wire: content type, version, protected fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'a> {
    pub(super) kind: u8,
    pub(super) version: [u8; 2],
    pub(super) body: &'a [u8],
}

/// Records that may have been lost before one that is tried.
const SEARCH: u64 = 256;

enum Key {
    Aead(LessSafeKey),
    Cbc(Box<DecryptingKey>),
}

/// One direction's key with its sequence number.
pub(super) struct Opener {
    key: Key,
    iv: Vec<u8>,
    protection: Protection,
    tls13: bool,
    encrypt_then_mac: bool,
    sequence: u64,
    /// Records were lost since the last one that opened: the sequence number has to be searched.
    pub(super) lost: bool,
}

impl Opener {
    pub(super) fn new(suite: Suite, keys: &KeyAndIv, tls13: bool, encrypt_then_mac: bool) -> Option<Opener> {
        let key = match suite.protection {
            Protection::Aead(a) | Protection::GcmExplicit(a) => Key::Aead(LessSafeKey::new(UnboundKey::new(a, &keys.key).ok()?)),
            Protection::Cbc { key, .. } => {
                let algorithm = if key == 16 { &AES_128 } else { &AES_256 };
                Key::Cbc(Box::new(DecryptingKey::ecb(UnboundCipherKey::new(algorithm, &keys.key).ok()?).ok()?))
            }
        };
        let iv = keys.iv.clone();
        Some(Opener { key, iv, protection: suite.protection, tls13, encrypt_then_mac, sequence: 0, lost: false })
    }

    /// The content type and plaintext of a record, left in `out`. `None` where it does not open under this key.
    pub(super) fn open(&mut self, sealed: Sealed<'_>, out: &mut Vec<u8>) -> Option<u8> {
        let tries = if self.lost { SEARCH } else { 1 };
        for sequence in self.sequence..self.sequence.saturating_add(tries) {
            if let Some(kind) = self.try_open(sealed, sequence, out) {
                self.sequence = sequence + 1;
                self.lost = false;
                return Some(kind);
            }
        }
        None
    }

    /// A record of this direction was there and could not be read.
    pub(super) fn skip(&mut self) {
        self.sequence += 1;
    }

    fn try_open(&self, sealed: Sealed<'_>, sequence: u64, out: &mut Vec<u8>) -> Option<u8> {
        out.clear();
        match (&self.key, self.protection) {
            (Key::Cbc(key), Protection::Cbc { mac, .. }) => self.cbc(key, mac, sealed, out).map(|()| sealed.kind),
            (Key::Aead(key), protection) => {
                let (explicit, body) = match protection {
                    Protection::GcmExplicit(_) => sealed.body.split_at_checked(8)?,
                    _ => (&[][..], sealed.body),
                };
                let nonce = self.nonce(explicit, sequence)?;
                let inner = body.len().checked_sub(16)?;
                let aad = self.additional(sealed, sequence, inner);
                out.extend_from_slice(body);
                let len = key.open_in_place(nonce, Aad::from(&aad[..]), out).ok()?.len();
                out.truncate(len);
                if !self.tls13 {
                    return Some(sealed.kind);
                }
                // TLSInnerPlaintext: content, type, zeros (RFC 8446 section 5.2).
                let end = out.iter().rposition(|b| *b != 0)?;
                let kind = out[end];
                out.truncate(end);
                Some(kind)
            }
            _ => None,
        }
    }

    fn nonce(&self, explicit: &[u8], sequence: u64) -> Option<Nonce> {
        let mut nonce = [0; 12];
        if explicit.is_empty() {
            nonce.copy_from_slice(self.iv.get(..12)?);
            nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(n, s)| *n ^= s);
        } else {
            nonce[..4].copy_from_slice(self.iv.get(..4)?);
            nonce[4..].copy_from_slice(explicit);
        }
        Some(Nonce::assume_unique_for_key(nonce))
    }

    /// Additional data: the record header in TLS 1.3, sequence number and header with the plaintext's length in TLS 1.2.
    fn additional(&self, sealed: Sealed<'_>, sequence: u64, inner: usize) -> Vec<u8> {
        let [hi, lo] = sealed.version;
        if self.tls13 {
            let len = (sealed.body.len() as u16).to_be_bytes();
            return vec![sealed.kind, hi, lo, len[0], len[1]];
        }
        let len = (inner as u16).to_be_bytes();
        let mut aad = sequence.to_be_bytes().to_vec();
        aad.extend_from_slice(&[sealed.kind, hi, lo, len[0], len[1]]);
        aad
    }

    /// CBC with an explicit IV (RFC 5246 section 6.2.3.2). The MAC is taken off and not checked: a listener reads what was sent.
    fn cbc(&self, key: &DecryptingKey, mac: usize, sealed: Sealed<'_>, out: &mut Vec<u8>) -> Option<()> {
        let body = match self.encrypt_then_mac {
            true => sealed.body.get(..sealed.body.len().checked_sub(mac)?)?, // RFC 7366
            false => sealed.body,
        };
        let (iv, blocks) = body.split_at_checked(16)?;
        if blocks.is_empty() || blocks.len() % 16 != 0 {
            return None;
        }
        out.extend_from_slice(blocks);
        key.decrypt(out, DecryptionContext::None).ok()?;
        for (i, byte) in out.iter_mut().enumerate() {
            *byte ^= if i < 16 { iv[i] } else { blocks[i - 16] };
        }
        let padding = usize::from(*out.last()?) + 1;
        let padded = out.len();
        if padding > padded || out[padded - padding..].iter().any(|b| usize::from(*b) + 1 != padding) {
            return None;
        }
        let tail = padding + if self.encrypt_then_mac { 0 } else { mac };
        out.truncate(padded.checked_sub(tail)?);
        Some(())
    }
}
