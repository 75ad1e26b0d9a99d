//! Content codings dcb and dcz (RFC 9842): Brotli and zstd with a dictionary that the client has from an earlier
//! response. The capture need not have it, so that nothing is decoded; the head of the body says which one it is.

use super::coding::{Coding, Progress, Status};
use crate::encoding::to_hex;

/// Length of the hash that follows the magic bytes: SHA-256 of the dictionary.
const HASH: usize = 32;

/// A coding whose dictionary is not here.
#[derive(Debug)]
pub(super) struct Dictionary {
    name: &'static str,
    /// The coding that uses the dictionary.
    under: &'static str,
    /// What the body begins with.
    magic: &'static [u8],
    hash: String,
}

impl Dictionary {
    /// Dictionary-compressed Brotli (RFC 9842 section 4).
    pub(super) fn brotli() -> Self {
        Dictionary { name: "dcb", under: "Brotli", magic: b"\xffDCB", hash: String::new() }
    }

    /// Dictionary-compressed zstd (RFC 9842 section 5): the magic bytes are those of a skippable frame.
    pub(super) fn zstd() -> Self {
        Dictionary { name: "dcz", under: "zstd", magic: b"\x5e\x2a\x4d\x18\x20\0\0\0", hash: String::new() }
    }
}

impl Coding for Dictionary {
    fn name(&self) -> &'static str {
        self.name
    }

    fn probe(&self) -> usize {
        self.magic.len() + HASH
    }

    fn begin(&mut self, first: &[u8]) -> bool {
        let Some(hash) = first.strip_prefix(self.magic) else { return false };
        self.hash = to_hex(hash);
        true
    }

    fn is_locked(&self) -> bool {
        true
    }

    fn weight(&self) -> (usize, usize) {
        (2 * HASH, 0)
    }

    fn step(&mut self, _input: &[u8], _output: &mut [u8]) -> Progress {
        let what = format!("{}: {} with the dictionary whose SHA-256 is {}", self.name, self.under, self.hash);
        Progress { used: 0, made: 0, status: Status::Locked(what) }
    }
}
