//! How a body arrived: deliveries, bursts, silences and cuts, as figures of constant size that remain after
//! the bytes are dropped.

use crate::time::{Span, Timestamp};

/// Deliveries less than this apart are one burst.
pub const TOGETHER: Span = Span::from_millis(1);
/// Buffer sizes that proxies and compressors fill before they send, in bytes.
pub const BLOCKS: [u64; 5] = [2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10];

/// How one body arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    /// Number of deliveries: packets, TLS records or reads of the proxy.
    pub deliveries: u64,
    /// Bursts: runs of deliveries with less than [`TOGETHER`] between neighbours. The last burst is not
    /// counted.
    pub bursts: u64,
    /// Number of bursts that are about as large as each of [`BLOCKS`].
    pub blocks: [u64; BLOCKS.len()],
    /// Deliveries that end inside a UTF-8 character.
    pub split_characters: u64,
    /// Deliveries that end between CR and LF.
    pub split_line_ends: u64,
    /// Records that came in several deliveries.
    pub split_records: u64,
    /// The longest silence before the first delta (between the head, body bytes and that delta), and when it ended.
    pub quiet: Option<(Span, Timestamp)>,
    burst_bytes: u64,
    last: Option<(Timestamp, u64)>,
    tail: Tail,
}

/// What the bytes so far end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tail {
    #[default]
    Whole,
    InCharacter,
    Cr,
}

impl Arrival {
    /// Count the next bytes, which came in this packet.
    pub fn push(&mut self, at: Timestamp, frame: u64, bytes: &[u8]) {
        if self.last != Some((at, frame)) {
            self.deliveries += 1;
            match self.tail {
                // Only text goes on with the character: a checksum may end with what looks like the beginning of one.
                Tail::InCharacter if bytes.first().is_some_and(|b| b & 0xc0 == 0x80) => self.split_characters += 1,
                Tail::Cr if bytes.first() == Some(&b'\n') => self.split_line_ends += 1,
                Tail::InCharacter | Tail::Cr | Tail::Whole => {}
            }
        }
        if self.last.is_some_and(|(last, _)| at.since(last) >= TOGETHER) {
            self.end_burst();
        }
        self.burst_bytes += bytes.len() as u64;
        self.last = Some((at, frame));
        self.tail = tail(bytes);
    }

    /// Take note of a silence before the first delta that ended with bytes.
    pub fn silent(&mut self, span: Span, until: Timestamp) {
        if self.quiet.is_none_or(|(longest, _)| span > longest) {
            self.quiet = Some((span, until));
        }
    }

    /// The block size that most bursts have, if most have one.
    pub fn block(&self) -> Option<u64> {
        let (size, count) = BLOCKS.into_iter().zip(self.blocks).max_by_key(|(_, n)| *n)?;
        (count >= 2 && count * 2 > self.bursts).then_some(size)
    }

    fn end_burst(&mut self) {
        self.bursts += 1;
        let bytes = std::mem::take(&mut self.burst_bytes);
        // A buffer also holds the bytes of the transfer framing, and is sent when the next write no longer
        // fits.
        for (size, count) in BLOCKS.into_iter().zip(&mut self.blocks) {
            *count += u64::from(bytes * 100 >= size * 88 && bytes * 100 <= size * 102);
        }
    }
}

fn tail(bytes: &[u8]) -> Tail {
    let last = &bytes[bytes.len().saturating_sub(3)..];
    // A character that begins in the last three bytes and is longer than its captured part.
    let begun = last.iter().rposition(|b| b & 0xc0 != 0x80).map(|i| (last[i], last.len() - i));
    match begun {
        Some((b'\r', 1)) => Tail::Cr,
        Some((0xc2..=0xdf, 1) | (0xe0..=0xef, 1 | 2) | (0xf0..=0xf4, 1..=3)) => Tail::InCharacter,
        _ => Tail::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(deliveries: &[(i64, &[u8])]) -> Arrival {
        let mut a = Arrival::default();
        for (n, (ms, bytes)) in deliveries.iter().enumerate() {
            a.push(Timestamp(0).plus(Span::from_millis(*ms)), n as u64 + 1, bytes);
        }
        a
    }

    #[test]
    fn bursts_as_large_as_a_buffer_are_told() {
        let block = [b'x'; 16 << 10];
        let a = arrival(&[(0, &block), (500, &block[..8000]), (500, &block[8000..]), (1000, &block), (1500, b"rest")]);
        assert_eq!((a.deliveries, a.bursts, a.block()), (5, 3, Some(16 << 10)));
        assert_eq!(arrival(&[(0, b"a"), (20, b"b"), (40, b"c")]).block(), None);
    }

    #[test]
    fn cuts_inside_characters_and_line_ends() {
        let euro = "€".as_bytes();
        let a = arrival(&[(0, &euro[..1]), (1, &euro[1..2]), (2, &euro[2..]), (3, b"a\r"), (4, b"\nb\r"), (5, b"c")]);
        assert_eq!((a.split_characters, a.split_line_ends), (1, 1));
        let emoji = "😀".as_bytes();
        assert_eq!(arrival(&[(0, &emoji[..3]), (1, &emoji[3..])]).split_characters, 1);
        // The end of a binary message, and the length of the next one.
        assert_eq!(arrival(&[(0, b"\x07\xe3"), (1, b"\0\0\0\x51")]).split_characters, 0);
    }

    #[test]
    fn deliveries_a_millisecond_apart_are_two_bursts() {
        let bursts = |ns: i64| {
            let mut a = Arrival::default();
            a.push(Timestamp(0), 1, b"a");
            a.push(Timestamp(ns), 2, b"b");
            a.bursts
        };
        assert_eq!([0, 999_999, 1_000_000].map(bursts), [0, 0, 1]);
    }

    #[test]
    fn the_longest_silence_is_kept() {
        let (ms, at) = (Span::from_millis, |n| Timestamp(0).plus(Span::from_millis(n)));
        let longest = |spans: &[i64]| {
            let mut a = Arrival::default();
            spans.iter().zip(1..).for_each(|(span, n)| a.silent(ms(*span), at(n)));
            a.quiet
        };
        assert_eq!(longest(&[]), None);
        assert_eq!(longest(&[5, 3]), Some((ms(5), at(1))));
        assert_eq!(longest(&[5, 7, 6]), Some((ms(7), at(2))));
        assert_eq!(longest(&[5, 5]), Some((ms(5), at(1))), "the first of equal ones");
    }

    #[test]
    fn a_block_is_what_two_and_more_than_half_of_the_bursts_have() {
        let block = |blocks: [u64; 5], bursts: u64| Arrival { blocks, bursts, ..Arrival::default() }.block();
        assert_eq!(block([0, 0, 0, 1, 0], 1), None, "one may be chance");
        assert_eq!(block([0, 0, 0, 2, 0], 2), Some(16 << 10));
        assert_eq!(block([0, 0, 2, 0, 0], 3), Some(8 << 10));
        assert_eq!(block([0, 2, 0, 0, 0], 4), None, "half of them");
        assert_eq!(block([0, 0, 0, 1, 3], 5), Some(32 << 10));
    }

    #[test]
    fn a_burst_is_about_a_block_from_88_to_102_hundredths_of_it() {
        let blocks = |size: usize| arrival(&[(0, &vec![b'x'; size]), (10, b"rest")]).blocks;
        assert_eq!([14_417, 14_418, 16_711, 16_712].map(|size| blocks(size)[3]), [0, 1, 1, 0]);
        assert_eq!(blocks(4096), [0, 1, 0, 0, 0]);
        assert_eq!(blocks(2048), [1, 0, 0, 0, 0]);
        assert_eq!(blocks(32 << 10), [0, 0, 0, 0, 1]);
    }
}
