//! Payload that waits after a hole: disjoint pieces by position. The copy that came first wins.

use super::seq::{common, uncovered};
use crate::conn::Stamp;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of memory that a piece costs in addition to its payload: map entry and allocation. With it, tiny
/// segments cannot evade the memory limit.
const OVERHEAD: usize = 128;
/// Bytes of memory of the first node of the map, which has room for eleven pieces.
pub(super) const NODE: usize = 11 * size_of::<(u64, Piece)>() + 32;

/// Consecutive bytes with the packet that brought them.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its packet.
    pub(super) stamp: Stamp,
    /// Its captured bytes.
    pub(super) bytes: Box<[u8]>,
    /// Number of bytes after `bytes` that the snaplen cut off.
    pub(super) missing: u64,
}

/// The pieces of one direction.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pieces: BTreeMap<u64, Piece>,
    bytes: usize,
}

impl Piece {
    fn range(&self, start: u64) -> Range<u64> {
        start..start + self.bytes.len() as u64 + self.missing
    }
}

impl Waiting {
    /// Copy the new bytes of `payload` and of the `missing` bytes after it. Returns whether any were new.
    pub(super) fn insert(&mut self, start: u64, payload: &[u8], missing: u64, stamp: Stamp) -> bool {
        let range = start..start + payload.len() as u64 + missing;
        let new = uncovered(range.clone(), self.overlapping(&range).map(|(at, piece)| piece.range(at)));
        for part in &new {
            let bytes: Box<[u8]> = slice(payload, start, part).into();
            let missing = part.end - part.start - bytes.len() as u64;
            self.bytes += bytes.len();
            self.pieces.insert(part.start, Piece { stamp, bytes, missing });
        }
        !new.is_empty()
    }

    /// Position of the first byte of `payload`, which begins at `start`, that differs from the waiting byte
    /// at the same position.
    pub(super) fn differs(&self, start: u64, payload: &[u8]) -> Option<u64> {
        let range = start..start + payload.len() as u64;
        self.overlapping(&range).find_map(|(at, piece)| {
            let both = common(&range, &(at..at + piece.bytes.len() as u64));
            let (ours, theirs) = (slice(&piece.bytes, at, &both), slice(payload, start, &both));
            ours.iter().zip(theirs).position(|(a, b)| a != b).map(|i| both.start + i as u64)
        })
    }

    /// Take the piece that begins at `position`.
    pub(super) fn take(&mut self, position: u64) -> Option<Piece> {
        let piece = self.pieces.remove(&position)?;
        self.bytes -= piece.bytes.len();
        Some(piece)
    }

    /// Drop everything from `position` on. Returns whether anything was dropped.
    pub(super) fn cut(&mut self, position: u64) -> bool {
        let mut any = false;
        while let Some((&at, piece)) = self.pieces.last_key_value() {
            if piece.range(at).end <= position {
                break;
            }
            let Some(mut piece) = self.take(at) else { break };
            any = true;
            if at < position {
                let keep = position - at;
                let captured = piece.bytes.len().min(keep as usize);
                piece.missing = keep - captured as u64;
                piece.bytes = piece.bytes[..captured].into();
                self.bytes += captured;
                self.pieces.insert(at, piece);
            }
        }
        any
    }

    /// Position and packet of the first piece.
    pub(super) fn first(&self) -> Option<(u64, Stamp)> {
        self.pieces.first_key_value().map(|(&at, piece)| (at, piece.stamp))
    }

    /// Position after the last piece.
    pub(super) fn end(&self) -> Option<u64> {
        self.pieces.last_key_value().map(|(&at, piece)| piece.range(at).end)
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Payload bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Pieces that wait.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Approximate memory in use, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes + self.pieces.len() * OVERHEAD + if self.pieces.is_empty() { 0 } else { NODE }
    }

    /// Pieces that share a position with `range`, ascending.
    fn overlapping(&self, range: &Range<u64>) -> impl Iterator<Item = (u64, &Piece)> + use<'_> {
        let from = match self.pieces.range(..range.start).next_back() {
            Some((&at, piece)) if piece.range(at).end > range.start => at,
            _ => range.start,
        };
        self.pieces.range(from..range.end.max(from)).map(|(&at, piece)| (at, piece))
    }
}

/// The part `both` of `bytes`, which begin at position `start`.
fn slice<'b>(bytes: &'b [u8], start: u64, both: &Range<u64>) -> &'b [u8] {
    let index = |p: u64| (p.saturating_sub(start) as usize).min(bytes.len());
    &bytes[index(both.start)..index(both.end)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn stamp(frame: u64) -> Stamp {
        Stamp { at: Timestamp(0), frame }
    }

    fn drained(mut w: Waiting) -> Vec<(u64, Vec<u8>, u64, u64)> {
        let mut out = Vec::new();
        while let Some((at, _)) = w.first() {
            let piece = w.take(at).unwrap();
            out.push((at, piece.bytes.to_vec(), piece.missing, piece.stamp.frame));
        }
        assert_eq!((w.bytes(), w.held_bytes()), (0, 0));
        out
    }

    #[test]
    fn second_copy_around_the_first_brings_only_its_ends() {
        let mut w = Waiting::default();
        w.insert(12, b"cd", 0, stamp(1));
        assert_eq!(w.differs(10, b"abXXef"), Some(12));
        assert!(w.insert(10, b"abXXef", 0, stamp(2)));
        assert_eq!(drained(w), [(10, b"ab".to_vec(), 0, 2), (12, b"cd".to_vec(), 0, 1), (14, b"ef".to_vec(), 0, 2)]);
    }

    #[test]
    fn copy_inside_a_piece_brings_nothing() {
        let mut w = Waiting::default();
        w.insert(10, b"abcdef", 0, stamp(1));
        assert!(!w.insert(11, b"bc", 0, stamp(2)));
        assert_eq!(w.differs(11, b"bc"), None);
        assert_eq!(w.len(), 1);
    }

    #[test]
    fn cut_off_bytes_take_their_place() {
        let mut w = Waiting::default();
        w.insert(10, b"ab", 4, stamp(1));
        w.insert(14, b"XXyz", 0, stamp(2));
        w.insert(5, b"p", 20, stamp(3));
        assert_eq!(
            drained(w),
            [(5, b"p".to_vec(), 4, 3), (10, b"ab".to_vec(), 4, 1), (16, b"yz".to_vec(), 0, 2), (18, vec![], 8, 3)]
        );
    }

    #[test]
    fn cut_drops_everything_from_the_position_on() {
        let mut w = Waiting::default();
        w.insert(10, b"abcd", 0, stamp(1));
        w.insert(20, b"xy", 0, stamp(1));
        assert!(w.cut(12));
        assert!(!w.cut(12));
        assert_eq!(w.end(), Some(12));
        assert_eq!(drained(w), [(10, b"ab".to_vec(), 0, 1)]);
    }
}
