//! Classic pcap: a 24-byte header, then records. Microseconds and nanoseconds, both byte orders, and the
//! modified ("Kuznetzov") records. Source: draft-ietf-opsawg-pcap, pcap-savefile(5).
//!
//! A record has no mark by which it could be known. After one with an impossible length reading continues at the next
//! place from which several records follow each other, each with lengths and a time that fit.

use super::buffer::Buffer;
use super::step::{Found, Step};
use crate::time::Timestamp;

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;
/// Longest packet in bytes: BIG TCP ends at 512 KiB, libpcap's own limit is 256 KiB. A record that claims
/// more is damaged.
const MAX_RECORD: u32 = 1 << 20;

/// Records that must follow each other at a place where reading continues; fewer only at the end of the file.
const CHAIN: usize = 3;
/// Seconds between the last good packet and the first one after damage: clocks are set, recordings pause.
const APART: u32 = 7 * 86_400;
/// Bytes after damage in which a record is looked for: each of them costs a few comparisons.
const SEARCH: u64 = 64 << 20;

/// The contents of the file header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    big: bool,
    nanos: bool,
    /// Length of a record header: 16, or 24 in modified files.
    record: usize,
    link: u32,
    /// Seconds of the last packet.
    last: Option<u32>,
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
        Some(Header { big, nanos, record, link, last: None, version: (half(4), half(6)) })
    }

    /// The next record.
    pub(super) fn step(&mut self, buffer: &mut Buffer) -> Step {
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
            return self.resume(buffer, len);
        }
        let whole = self.record + len as usize;
        if !buffer.want(whole) {
            return Step::Cut { need: whole };
        }
        let range = buffer.take(whole);
        self.last = Some(secs);
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

impl Header {
    /// Finds the next plausible record after one that claims `len` bytes.
    #[cold]
    fn resume(&self, buffer: &mut Buffer, len: u32) -> Step {
        let from = buffer.offset();
        let why = format!("a packet that claims {len} bytes; the limit is {MAX_RECORD}");
        if self.last.is_none() {
            // The very first record is bad: this is hardly the file that its header claims.
            return Step::Impossible { at: from, what: why };
        }
        let mut at = 1;
        while buffer.offset() + at as u64 - from < SEARCH && buffer.want(at + self.record) {
            if self.plausible(buffer, at) {
                buffer.take(at);
                let to = buffer.offset();
                let skipped = to - from;
                return Step::Notice(format!(
                    "damaged at byte {from}: {why}; {skipped} bytes were skipped, reading continues at byte {to}"
                ));
            }
            at += 1;
            if at >= 1 << 16 {
                buffer.take(at - 1);
                at = 1;
            }
        }
        Step::Impossible { at: from, what: why }
    }

    /// Whether records follow each other from `at` bytes after the buffer's start.
    fn plausible(&self, buffer: &mut Buffer, mut at: usize) -> bool {
        let mut last = self.last;
        for n in 0..CHAIN {
            if n > 0 && buffer.seen().len() == at && !buffer.want(at + 1) {
                return true; // the file ends with a whole record
            }
            if !buffer.want(at + self.record) {
                return false;
            }
            let b = &buffer.seen()[at..];
            let [secs, fraction, len, wire_len] = [0, 4, 8, 12].map(|place| word(b, place, self.big));
            let fractions = if self.nanos { 1_000_000_000 } else { 1_000_000 };
            // A record without bytes fits into any run of zeros.
            let fits = (1..=MAX_RECORD).contains(&len) && len <= wire_len && wire_len <= MAX_RECORD;
            if !fits || fraction >= fractions || last.is_some_and(|last| secs.abs_diff(last) > APART) {
                return false;
            }
            last = Some(secs);
            at += self.record + len as usize;
        }
        true
    }
}

/// Four bytes at an offset that the caller has checked.
#[inline]
fn word(b: &[u8], at: usize, big: bool) -> u32 {
    let four = [b[at], b[at + 1], b[at + 2], b[at + 3]];
    if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
