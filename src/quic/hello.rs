//! The ClientHello from CRYPTO frames (RFC 9000 section 19.6), which may lie in several packets, in any order, and
//! overlap.

use super::initial::varint;

/// Longest ClientHello that is gathered, with the header of its message, in bytes. With post-quantum keys and ECH
/// clients send 2 to 4 KiB.
const LONGEST: usize = 16 << 10;
/// Length of a handshake message's header (RFC 8446 section 4).
const HEADER: usize = 4;
/// Its type.
const CLIENT_HELLO: u8 = 1;

/// Bytes of the client's first CRYPTO stream.
#[derive(Debug, Default)]
pub(super) struct Hello {
    bytes: Vec<u8>,
    /// A bit for each byte: it came.
    came: Vec<u64>,
    /// All bytes before this offset came.
    whole: usize,
    given_up: bool,
}

impl Hello {
    /// The frames of one packet. What is no frame that an Initial may have ends the reading of it.
    pub(super) fn take(&mut self, frames: &[u8]) {
        self.frames(frames);
        while self.came.get(self.whole / 64).is_some_and(|bits| bits >> (self.whole % 64) & 1 == 1) {
            self.whole += 1;
        }
    }

    fn frames(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((kind, after)) = rest.split_first() {
            rest = after;
            match kind {
                // PADDING, PING.
                0 | 1 => {}
                // ACK, with and without counts of ECN.
                2 | 3 => {
                    varint(&mut rest)?;
                    varint(&mut rest)?;
                    let ranges = varint(&mut rest)?;
                    let counts = if *kind == 3 { 3 } else { 0 };
                    // Each takes two bytes at least: hostile numbers end with the packet.
                    for _ in 0..ranges.saturating_mul(2).saturating_add(1 + counts) {
                        varint(&mut rest)?;
                    }
                }
                6 => {
                    let offset = usize::try_from(varint(&mut rest)?).ok()?;
                    let len = usize::try_from(varint(&mut rest)?).ok()?;
                    let (data, after) = rest.split_at_checked(len)?;
                    rest = after;
                    self.put(offset, data);
                }
                // CONNECTION_CLOSE, and what does not belong here.
                _ => return None,
            }
        }
        Some(())
    }

    fn put(&mut self, offset: usize, data: &[u8]) {
        let end = offset.saturating_add(data.len());
        if end > LONGEST {
            self.given_up = true;
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
            self.came.resize(end.div_ceil(64), 0);
        }
        for (at, byte) in (offset..).zip(data) {
            // Of what came twice the first copy counts, as in TCP.
            let (bits, bit) = (&mut self.came[at / 64], 1 << (at % 64));
            if *bits & bit == 0 {
                *bits |= bit;
                self.bytes[at] = *byte;
            }
        }
    }

    /// The body of the ClientHello, if all of it came.
    pub(super) fn whole(&mut self) -> Option<Vec<u8>> {
        let len = self.wanted()?;
        (self.whole >= len).then(|| self.bytes[HEADER..len].to_vec())
    }

    /// The message can't be had: it is too long, or no ClientHello.
    pub(super) fn is_given_up(&self) -> bool {
        let first = self.bytes.first().filter(|_| self.whole > 0);
        self.given_up || first.is_some_and(|kind| *kind != CLIENT_HELLO) || self.wanted().is_some_and(|n| n > LONGEST)
    }

    /// Length of the message with its header, once that is known.
    fn wanted(&self) -> Option<usize> {
        let head: &[u8; HEADER] = self.bytes[..self.whole].first_chunk()?;
        Some(HEADER + u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize).filter(|_| head[0] == CLIENT_HELLO)
    }

    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.came.capacity() * 8
    }
}
