//! The ciphers of records: one direction with one key. Each record is decrypted with its sequence number.

use super::derive::Keys;
use super::legacy::{self, OpenCcm, Rc4};
use super::sealed::Sealed;
use super::suite::{Nonce, Protection, Suite};
use super::version::Version;
use aws_lc_rs::aead::{self, Aad, LessSafeKey, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;

enum Key {
    Aead(LessSafeKey, Nonce),
    /// A function that decrypts in place, the kind of nonce, the length of the tag.
    Ccm(OpenCcm, Nonce, usize),
    Cbc(Box<DecryptingKey>, Mac),
    /// `None` after a loss of unknown length: the position in the key stream cannot be found again.
    Rc4(Option<Box<Rc4>>, Mac),
}

/// The HMAC of CBC and RC4 suites.
struct Mac {
    key: Vec<u8>,
    len: usize,
}

/// One direction's cipher.
pub(super) struct Cipher {
    key: Key,
    iv: Vec<u8>,
    version: Version,
    encrypt_then_mac: bool,
    /// CBC before TLS 1.1: the last block of the previous record; `None` if it was not captured.
    chain: Option<[u8; 16]>,
}

impl Cipher {
    pub(super) fn new(suite: Suite, keys: &Keys, version: Version, encrypt_then_mac: bool) -> Option<Cipher> {
        let key = match suite.protection {
            Protection::Aead(a, nonce) => Key::Aead(LessSafeKey::new(UnboundKey::new(a, &keys.key).ok()?), nonce),
            Protection::Ccm { key, tag, nonce } => Key::Ccm(legacy::open_ccm(key, tag, &keys.key)?, nonce, tag),
            Protection::Cbc { key, mac } => {
                let algorithm = if key == 16 { &AES_128 } else { &AES_256 };
                let key = DecryptingKey::ecb(UnboundCipherKey::new(algorithm, &keys.key).ok()?).ok()?;
                Key::Cbc(Box::new(key), Mac { key: keys.mac.clone(), len: mac })
            }
            Protection::Rc4 { mac } => {
                Key::Rc4(Some(Box::new(legacy::rc4(&keys.key)?)), Mac { key: keys.mac.clone(), len: mac })
            }
        };
        let chain = keys.iv[..].try_into().ok();
        Some(Cipher { key, iv: keys.iv.clone(), version, encrypt_then_mac, chain })
    }

    /// Decrypt a record that has one of these sequence numbers into `out`. Returns its sequence number.
    pub(super) fn open(
        &mut self,
        sealed: Sealed<'_>,
        sequences: std::ops::Range<u64>,
        out: &mut Vec<u8>,
    ) -> Option<u64> {
        match &mut self.key {
            Key::Aead(key, nonce) => {
                let (explicit, body) = split(*nonce, sealed.body)?;
                let inner = body.len().checked_sub(16)?;
                sequences.into_iter().find(|sequence| {
                    out.clear();
                    out.extend_from_slice(body);
                    let Some(nonce) = self::nonce(&self.iv, explicit, *sequence) else { return false };
                    let aad = additional(self.version, sealed, *sequence, inner);
                    let opened = key.open_in_place(aead::Nonce::assume_unique_for_key(nonce), Aad::from(&aad), out);
                    opened.map(|plain| plain.len()).is_ok_and(|len| {
                        out.truncate(len);
                        true
                    })
                })
            }
            Key::Ccm(open, nonce, tag) => {
                let (explicit, body) = split(*nonce, sealed.body)?;
                let inner = body.len().checked_sub(*tag)?;
                sequences.into_iter().find(|sequence| {
                    out.clear();
                    out.extend_from_slice(body);
                    let aad = additional(self.version, sealed, *sequence, inner);
                    self::nonce(&self.iv, explicit, *sequence).is_some_and(|nonce| open(&nonce, &aad, out).is_some())
                })
            }
            Key::Cbc(key, mac) => {
                let iv = if self.version.has_explicit_iv() { None } else { Some(self.chain?) };
                let (covered, tag) = match self.encrypt_then_mac {
                    true => sealed.body.split_at_checked(sealed.body.len().checked_sub(mac.len)?)?, // RFC 7366
                    false => (sealed.body, &[][..]),
                };
                cbc(key, iv, covered, out)?;
                if self.encrypt_then_mac {
                    return mac.find(sequences, sealed, covered, tag);
                }
                let tag = out.split_off(out.len().checked_sub(mac.len)?);
                mac.find(sequences, sealed, out, &tag)
            }
            Key::Rc4(stream, mac) => {
                out.clear();
                out.extend_from_slice(sealed.body);
                legacy::apply(stream.as_mut()?, out);
                let tag = out.split_off(out.len().checked_sub(mac.len)?);
                mac.find(sequences, sealed, out, &tag)
            }
        }
    }

    /// Take note of a record, decrypted or not: in CBC the next record depends on it.
    pub(super) fn passed(&mut self, sealed: Sealed<'_>) {
        let mac_len = match &self.key {
            Key::Cbc(_, mac) if self.encrypt_then_mac => mac.len,
            _ => 0,
        };
        let blocks = sealed.body.len().checked_sub(mac_len).and_then(|end| sealed.body.get(..end));
        self.chain = blocks.and_then(<[u8]>::last_chunk).copied();
    }

    /// Take note of a fragment of this length that lacks bytes.
    pub(super) fn damaged(&mut self, fragment: usize) {
        self.chain = None;
        if let Key::Rc4(Some(stream), _) = &mut self.key {
            legacy::apply(stream, &mut vec![0; fragment]);
        }
    }

    /// Take note of a loss of unknown length.
    pub(super) fn lost(&mut self) {
        self.chain = None;
        if let Key::Rc4(stream, _) = &mut self.key {
            *stream = None;
        }
    }
}

/// The part of the nonce that the record carries, and the rest of the record.
fn split(nonce: Nonce, body: &[u8]) -> Option<(&[u8], &[u8])> {
    match nonce {
        Nonce::Counted => Some((&[], body)),
        Nonce::Explicit => body.split_at_checked(8),
    }
}

fn nonce(iv: &[u8], explicit: &[u8], sequence: u64) -> Option<[u8; 12]> {
    let mut nonce = [0; 12];
    if explicit.is_empty() {
        nonce.copy_from_slice(iv.get(..12)?);
        nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(n, s)| *n ^= s);
    } else {
        nonce[..4].copy_from_slice(iv.get(..4)?);
        nonce[4..].copy_from_slice(explicit);
    }
    Some(nonce)
}

/// The additional authenticated data: in TLS 1.3 the record header, before it the sequence number and the
/// header with the content's length.
fn additional(version: Version, sealed: Sealed<'_>, sequence: u64, inner: usize) -> Vec<u8> {
    let [hi, lo] = sealed.version;
    if version.is_tls13() {
        let len = (sealed.body.len() as u16).to_be_bytes();
        return if version.authenticates_header() { vec![sealed.kind, hi, lo, len[0], len[1]] } else { Vec::new() };
    }
    let len = (inner as u16).to_be_bytes();
    let mut out = sequence.to_be_bytes().to_vec();
    out.extend_from_slice(&[sealed.kind, hi, lo, len[0], len[1]]);
    out
}

impl Mac {
    /// The sequence number with which `tag` is the HMAC of `content` (RFC 5246 section 6.2.3.1).
    fn find(&self, sequences: std::ops::Range<u64>, sealed: Sealed<'_>, content: &[u8], tag: &[u8]) -> Option<u64> {
        let algorithm = match self.len {
            16 => None,
            20 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            32 => Some(hmac::HMAC_SHA256),
            _ => Some(hmac::HMAC_SHA384),
        };
        let key = algorithm.map(|a| hmac::Key::new(a, &self.key));
        sequences.into_iter().find(|sequence| {
            let head = additional(Version(0x0303), sealed, *sequence, content.len());
            match &key {
                None => legacy::md5_hmac(&self.key, &[&head, content]).is_some_and(|sum| sum == tag),
                Some(key) => {
                    let mut context = hmac::Context::with_key(key);
                    context.update(&head);
                    context.update(content);
                    context.sign().as_ref() == tag
                }
            }
        })
    }
}

/// Undoes CBC and its padding (RFC 5246 section 6.2.3.2). Without `iv`, the IV is the first block of `body`.
fn cbc(key: &DecryptingKey, iv: Option<[u8; 16]>, body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (iv, blocks) = match &iv {
        Some(iv) => (&iv[..], body),
        None => body.split_at_checked(16)?,
    };
    if blocks.is_empty() || blocks.len() % 16 != 0 {
        return None;
    }
    out.clear();
    out.extend_from_slice(blocks);
    key.decrypt(out, DecryptionContext::None).ok()?;
    for (i, byte) in out.iter_mut().enumerate() {
        *byte ^= if i < 16 { iv[i] } else { blocks[i - 16] };
    }
    let padding = usize::from(*out.last()?) + 1;
    let content = out.len().checked_sub(padding)?;
    if out[content..].iter().any(|b| usize::from(*b) + 1 != padding) {
        return None;
    }
    out.truncate(content);
    Some(())
}
