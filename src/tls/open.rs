//! Decrypts the records of one direction with one key, and finds the sequence number again after a loss.

use super::cipher::Cipher;
use super::derive::Keys;
use super::sealed::Sealed;
use super::suite::Suite;
use super::version::Version;

/// Bytes that may be decrypted in search of one record's sequence number: enough for some thousand records of
/// a stream of tokens.
const SEARCH: u64 = 2 << 20;
/// Cost of a try in bytes, in addition to the bytes of the record.
const TRY: u64 = 64;

/// Search budget of one direction in bytes. It grows with each record that decrypts, so that undecryptable
/// input costs at most a multiple of decryptable input.
#[derive(Debug)]
pub(super) struct Credit(u64);

impl Credit {
    const MOST: u64 = 32 << 20;
    /// Bytes of budget for each decrypted byte.
    const EARNED: u64 = 64;
}

impl Default for Credit {
    /// Two searches: a loss that hid new keys needs one under the old and one under the new.
    fn default() -> Self {
        Credit(2 * SEARCH)
    }
}

impl Credit {
    /// How many sequence numbers may be tried on a record of this length: at least the expected one.
    fn tries(&self, len: usize) -> u64 {
        (self.0.min(SEARCH) / (len as u64 + TRY)).max(1)
    }

    fn spend(&mut self, tries: u64, len: usize) {
        self.0 = self.0.saturating_sub(tries.saturating_mul(len as u64 + TRY));
    }

    fn earn(&mut self, len: usize) {
        self.0 = self.0.saturating_add(Credit::EARNED * len as u64).min(Credit::MOST);
    }
}

/// One direction's key with its sequence number.
pub(super) struct Opener {
    cipher: Cipher,
    version: Version,
    sequence: u64,
    /// Records were lost since the last one that opened: the sequence number has to be searched.
    lost: bool,
}

impl Opener {
    pub(super) fn new(suite: Suite, keys: &Keys, version: Version, encrypt_then_mac: bool) -> Option<Opener> {
        let cipher = Cipher::new(suite, keys, version, encrypt_then_mac)?;
        Some(Opener { cipher, version, sequence: 0, lost: false })
    }

    /// Decrypt a record into `out`. Returns its content type; `None` if it does not decrypt with this key.
    pub(super) fn open(&mut self, sealed: Sealed<'_>, credit: &mut Credit, out: &mut Vec<u8>) -> Option<u8> {
        let len = sealed.body.len();
        let tries = if self.lost { credit.tries(len) } else { 1 };
        let found = self.cipher.open(sealed, self.sequence..self.sequence.saturating_add(tries), out);
        if self.lost {
            credit.spend(found.map_or(tries, |found| found - self.sequence + 1), len);
        }
        let found = found?;
        credit.earn(len);
        self.cipher.passed(sealed);
        self.sequence = found + 1;
        self.lost = false;
        if !self.version.is_tls13() {
            return Some(sealed.kind);
        }
        // TLSInnerPlaintext: content, type, zeros (RFC 8446 section 5.2). Zeros alone have no type.
        let end = out.iter().rposition(|b| *b != 0).unwrap_or(0);
        let kind = out.get(end).copied().unwrap_or(0);
        out.truncate(end);
        Some(kind)
    }

    /// Take note of a record that did not decrypt.
    pub(super) fn skip(&mut self, sealed: Sealed<'_>) {
        self.cipher.passed(sealed);
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Take note of a record with a fragment of this length that lacks bytes.
    pub(super) fn damaged(&mut self, fragment: usize) {
        self.cipher.damaged(fragment);
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Take note of a loss of any number of records.
    pub(super) fn lose(&mut self) {
        self.cipher.lost();
        self.lost = true;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tls::suite::suite;

    /// After losses the work is bounded by the bytes that were sent, and the expected record still decrypts.
    #[test]
    fn searching_is_paid_for() {
        let keys = Keys { key: vec![1; 16], iv: vec![2; 12], mac: Vec::new() };
        let mut opener = Opener::new(suite(0x1301).unwrap(), &keys, Version(0x0304), false).unwrap();
        let (mut credit, mut out) = (Credit::default(), Vec::new());
        let mut spent = 0;
        for _ in 0..100 {
            opener.lose();
            let before = credit.0;
            assert_eq!(opener.open(Sealed { kind: 23, version: [3, 3], body: &[0; 40] }, &mut credit, &mut out), None);
            spent += before - credit.0;
        }
        assert!(spent <= Credit::MOST && credit.tries(40) == 1, "{spent} bytes for 100 records");
        credit.earn(1000);
        assert_eq!(credit.tries(40), 1000 * Credit::EARNED / (40 + TRY));
    }

    /// RFC 8446 section 5.2 and 5.3: content, its type, zeros; the nonce is the IV with the sequence number.
    #[test]
    fn padding_is_no_content() {
        use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
        let keys = Keys { key: vec![1; 16], iv: vec![2; 12], mac: Vec::new() };
        let seal = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &keys.key).unwrap());
        let mut opener = Opener::new(suite(0x1301).unwrap(), &keys, Version(0x0304), false).unwrap();
        let mut credit = Credit::default();
        for (n, inner, kind, content) in [
            (0, &b"hi\x17"[..], 23, &b"hi"[..]),
            (1, b"hi\x17\0\0\0", 23, b"hi"),
            (2, b"h\0\x16\0", 22, b"h\0"),
            (3, b"\x15\0", 21, b""),
            (4, b"\0\0", 0, b""),
        ] {
            let mut body = inner.to_vec();
            let mut nonce = [2; 12];
            nonce[11] ^= n;
            let header = [23, 3, 3, 0, (inner.len() + 16) as u8];
            seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut body).unwrap();
            let mut out = Vec::new();
            let opened = opener.open(Sealed { kind: 23, version: [3, 3], body: &body }, &mut credit, &mut out);
            assert_eq!((opened, &out[..]), (Some(kind), content), "{n}");
        }
    }
}
