//! Opens protected records of one direction under one key, and finds the sequence number again after a loss.

use super::cipher::Cipher;
use super::derive::Keys;
use super::sealed::Sealed;
use super::suite::Suite;
use super::version::Version;

/// Bytes that may be decrypted in search of one record's sequence number: some thousand records of a stream of tokens.
const SEARCH: u64 = 2 << 20;
/// What a try costs beside the bytes of the record.
const TRY: u64 = 64;

/// Bytes that one direction may spend on searching. It is earned by what opens: hostile records cost no more than a multiple of honest ones.
#[derive(Debug)]
pub(super) struct Credit(u64);

impl Credit {
    const MOST: u64 = 32 << 20;
    /// For each byte that opened.
    const EARNED: u64 = 64;
}

impl Default for Credit {
    /// Two searches: a loss that hid new keys needs one under the old and one under the new.
    fn default() -> Self {
        Credit(2 * SEARCH)
    }
}

impl Credit {
    /// How many sequence numbers may be tried on a record of this length: at least the one that is due.
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

    /// The content type and plaintext of a record, left in `out`. `None` where it does not open under this key.
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
        // TLSInnerPlaintext: content, type, zeros (RFC 8446 section 5.2). Zeros alone are of no type.
        let end = out.iter().rposition(|b| *b != 0).unwrap_or(0);
        let kind = out.get(end).copied().unwrap_or(0);
        out.truncate(end);
        Some(kind)
    }

    /// A record of this direction was there and did not open.
    pub(super) fn skip(&mut self, sealed: Sealed<'_>) {
        self.cipher.passed(sealed);
        self.sequence = self.sequence.saturating_add(1);
    }

    /// A record with a fragment of this length was there and lacks bytes.
    pub(super) fn damaged(&mut self, fragment: usize) {
        self.cipher.damaged(fragment);
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Any number of records are missing here.
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

    /// Whatever comes behind losses, the work is bounded by what was sent; and what is due in its turn opens still.
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
}
