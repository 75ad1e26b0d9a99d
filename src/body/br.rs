//! Content coding br: Brotli (RFC 7932), without large windows.

use super::coding::{Coding, Progress, Status};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

/// Decoder of Brotli.
pub(super) struct Br(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>);

impl std::fmt::Debug for Br {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Br")
    }
}

impl Br {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Br(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
    }
}

impl Coding for Br {
    fn name(&self) -> &'static str {
        "br"
    }

    fn weight(&self) -> (usize, usize) {
        (256 << 10, 16 << 20)
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let (mut left, mut used, mut room, mut made, mut total) = (input.len(), 0, output.len(), 0, 0);
        let result =
            BrotliDecompressStream(&mut left, &mut used, input, &mut room, &mut made, output, &mut total, &mut self.0);
        let status = match result {
            BrotliResult::ResultSuccess => Status::Ended,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Status::Going,
            BrotliResult::ResultFailure => Status::Broken(format!("{:?}", self.0.error_code)),
        };
        Progress { used, made, status }
    }
}
