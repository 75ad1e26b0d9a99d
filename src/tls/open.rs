//! Opens protected records of one direction under one key, and finds the sequence number again after a loss.

use super::cipher::Cipher;
use super::derive::Keys;
use super::suite::Suite;
use super::version::Version;

/// A record as it stands on the wire: content type, version, protected fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'a> {
    pub(super) kind: u8,
    pub(super) version: [u8; 2],
    pub(super) body: &'a [u8],
}

/// Bytes that may be decrypted in search of one record's sequence number: some thousand records of a stream of tokens.
const SEARCH_BYTES: u64 = 1 << 20;
/// Sequence numbers that are tried whatever the length of the record.
const SEARCH_LEAST: u64 = 64;
/// Records in a row whose sequence number was searched and not found; behind them nothing will open any more.
const SEARCHES: u32 = 64;

/// One direction's key with its sequence number.
pub(super) struct Opener {
    cipher: Cipher,
    version: Version,
    sequence: u64,
    /// Records were lost since the last one that opened: the sequence number has to be searched.
    lost: bool,
    failed: u32,
}

impl Opener {
    pub(super) fn new(suite: Suite, keys: &Keys, version: Version, encrypt_then_mac: bool) -> Option<Opener> {
        let cipher = Cipher::new(suite, keys, version, encrypt_then_mac)?;
        Some(Opener { cipher, version, sequence: 0, lost: false, failed: 0 })
    }

    /// The content type and plaintext of a record, left in `out`. `None` where it does not open under this key.
    pub(super) fn open(&mut self, sealed: Sealed<'_>, out: &mut Vec<u8>) -> Option<u8> {
        let tries = match self.lost {
            false => 1,
            true if self.failed < SEARCHES => (SEARCH_BYTES / (sealed.body.len() as u64 + 1)).max(SEARCH_LEAST),
            true => return None,
        };
        let Some(found) = self.cipher.open(sealed, self.sequence..self.sequence.saturating_add(tries), out) else {
            self.failed += u32::from(self.lost);
            return None;
        };
        self.cipher.passed(sealed);
        self.sequence = found + 1;
        self.lost = false;
        self.failed = 0;
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
        self.failed = 0;
    }
}
