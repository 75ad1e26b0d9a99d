//! Content coding zstd (RFC 8878), frames one after another, windows up to the 8 MiB of RFC 9659.

use super::coding::{Coding, Progress, Status};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// log2 of the largest window.
const WINDOW_LOG: u32 = 23;

/// Decoder of Zstandard. `None` if no context could be allocated.
pub(super) struct Zstd(Option<Decoder<'static>>);

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zstd")
    }
}

impl Zstd {
    pub(super) fn new() -> Self {
        let decoder = Decoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
            Ok(decoder)
        });
        Zstd(decoder.ok())
    }
}

impl Coding for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn weight(&self) -> (usize, usize) {
        (256 << 10, 1 << WINDOW_LOG)
    }

    fn probe(&self) -> usize {
        4
    }

    fn begin(&mut self, first: &[u8]) -> bool {
        matches!(first, [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18])
    }

    fn repeats(&self) -> bool {
        true
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let Some(decoder) = &mut self.0 else {
            return Progress { used: 0, made: 0, status: Status::Broken("no memory".to_owned()) };
        };
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let result = decoder.run(&mut source, &mut target);
        let status = match result {
            Ok(0) => Status::Ended,
            Ok(_) => Status::Going,
            Err(error) => Status::Broken(error.to_string()),
        };
        Progress { used: source.pos(), made: target.pos(), status }
    }
}
