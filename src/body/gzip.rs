//! Content coding gzip (RFC 1952), members one after another.

use super::coding::{Coding, Progress};
use flate2::Decompress;

/// Decoder of gzip.
#[derive(Debug)]
pub(super) struct Gzip(Decompress);

impl Gzip {
    pub(super) fn new() -> Self {
        Gzip(Decompress::new_gzip(15))
    }
}

impl Coding for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn weight(&self) -> (usize, usize) {
        (super::deflate::WEIGHT, 0)
    }

    fn probe(&self) -> usize {
        2
    }

    fn begin(&mut self, first: &[u8]) -> bool {
        *self = Gzip::new();
        first == [0x1f, 0x8b]
    }

    fn repeats(&self) -> bool {
        true
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        super::deflate::inflate(&mut self.0, input, output)
    }
}
