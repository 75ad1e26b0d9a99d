//! Content coding deflate: the zlib format (RFC 1950) as the standard says, or raw deflate (RFC 1951) as some
//! servers send.

use super::coding::{Coding, Progress, Status};
use flate2::{Decompress, FlushDecompress};

/// Bytes of memory of an inflater: its window and its tables.
pub(super) const WEIGHT: usize = 48 << 10;

/// Decoder of both variants of deflate.
#[derive(Debug)]
pub(super) struct Deflate(Decompress);

impl Deflate {
    pub(super) fn new() -> Self {
        Deflate(Decompress::new(true))
    }
}

impl Coding for Deflate {
    fn name(&self) -> &'static str {
        "deflate"
    }

    fn weight(&self) -> (usize, usize) {
        (WEIGHT, 0)
    }

    fn probe(&self) -> usize {
        2
    }

    fn begin(&mut self, first: &[u8]) -> bool {
        self.0 = Decompress::new(is_zlib(first));
        true
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        inflate(&mut self.0, input, output)
    }
}

/// The two bytes of a zlib header: method 8, a window of at most 32 KiB, the check sum of RFC 1950 section 2.2.
fn is_zlib(first: &[u8]) -> bool {
    match first {
        [cmf, flg] => cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31),
        _ => false,
    }
}

/// These bytes may be the beginning of zlib data that is not text: the usual header of a 32 KiB window.
pub(super) fn may_begin(seen: &[u8]) -> bool {
    matches!(seen, [] | [0x78] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// These bytes begin zlib data: the header, and a first block that can be inflated so far.
pub(super) fn begins(seen: &[u8]) -> bool {
    let text = seen.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    if seen.len() < 12 || !may_begin(seen) || text {
        return false;
    }
    let progress = inflate(&mut Decompress::new(true), seen, &mut [0; 256]);
    !matches!(progress.status, Status::Broken(_))
}

/// One call of inflate; everything that the input allows comes out.
pub(super) fn inflate(inflater: &mut Decompress, input: &[u8], output: &mut [u8]) -> Progress {
    let before = (inflater.total_in(), inflater.total_out());
    let result = inflater.decompress(input, output, FlushDecompress::Sync);
    let used = inflater.total_in().saturating_sub(before.0) as usize;
    let made = inflater.total_out().saturating_sub(before.1) as usize;
    let status = match result {
        Ok(flate2::Status::StreamEnd) => Status::Ended,
        Ok(flate2::Status::Ok | flate2::Status::BufError) => Status::Going,
        Err(error) => Status::Broken(error.to_string()),
    };
    Progress { used: used.min(input.len()), made: made.min(output.len()), status }
}
