//! Classic pcap: a 24-byte header, then records. Microseconds and nanoseconds, both byte orders, and the
//! modified ("Kuznetzov") records. Source: draft-ietf-opsawg-pcap, pcap-savefile(5).

use super::buffer::Buffer;
use super::step::{Found, Step};
use crate::time::Timestamp;

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;
/// Longest packet in bytes: BIG TCP ends at 512 KiB, libpcap's own limit is 256 KiB. A record that claims
/// more is damaged.
const MAX_RECORD: u32 = 1 << 20;

/// The contents of the file header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    big: bool,
    nanos: bool,
    /// Length of a record header: 16, or 24 in modified files.
    record: usize,
    link: u32,
    /// Version, which has been 2.4 since 1998.
    pub(super) version: (u16, u16),
}

impl Header {
    /// Whether these four bytes begin a pcap file: (big-endian, nanoseconds, length of a record header).
    pub(super) fn magic(b: [u8; 4]) -> Option<(bool, bool, usize)> {
        let one = |n: u32| match n {
            0xa1b2_c3d4 => Some((false, 16)),
            0xa1b2_3c4d => Some((true, 16)),
            0xa1b2_cd34 => Some((false, 24)),
            _ => None,
        };
        let (big, found) = match one(u32::from_le_bytes(b)) {
            Some(f) => (false, f),
            None => (true, one(u32::from_be_bytes(b))?),
        };
        Some((big, found.0, found.1))
    }

    /// Parse the whole file header.
    pub(super) fn parse(b: &[u8]) -> Option<Header> {
        let b: &[u8; HEADER] = b.first_chunk()?;
        let (big, nanos, record) = Header::magic([b[0], b[1], b[2], b[3]])?;
        // the upper bits of the link type are the FCS length and reserved
        let link = word(b, 20, big) & 0x03ff_ffff;
        let half = |at: usize| {
            if big { u16::from_be_bytes([b[at], b[at + 1]]) } else { u16::from_le_bytes([b[at], b[at + 1]]) }
        };
        Some(Header { big, nanos, record, link, version: (half(4), half(6)) })
    }

    /// The next record.
    pub(super) fn step(&self, buffer: &mut Buffer) -> Step {
        if !buffer.want(self.record) {
            return match buffer.seen().len() {
                0 => Step::End,
                _ => Step::Cut { need: self.record },
            };
        }
        let b = buffer.seen();
        let (secs, fraction, len, wire_len) =
            (word(b, 0, self.big), word(b, 4, self.big), word(b, 8, self.big), word(b, 12, self.big));
        if len > MAX_RECORD {
            let what = format!("a packet that claims {len} bytes; the limit is {MAX_RECORD}");
            return Step::Impossible { at: buffer.offset(), what };
        }
        let whole = self.record + len as usize;
        if !buffer.want(whole) {
            return Step::Cut { need: whole };
        }
        let range = buffer.take(whole);
        let nanos = i64::from(fraction) * if self.nanos { 1 } else { 1000 };
        Step::Packet(Found {
            at: Some(Timestamp::from_parts(i64::from(secs), nanos)),
            link: self.link,
            device: 0,
            wire_len,
            data: range.start + self.record..range.end,
        })
    }
}

/// Four bytes at an offset that the caller has checked.
#[inline]
fn word(b: &[u8], at: usize, big: bool) -> u32 {
    let four = [b[at], b[at + 1], b[at + 2], b[at + 3]];
    if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
