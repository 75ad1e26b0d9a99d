//! Positions of segments: sequence numbers as 64-bit positions, and which part of a range is new. Works on
//! offsets and holds no bytes.
//!
//! A position is a sequence number that does not wrap: its low 32 bits are the sequence number (RFC 9293 section 3.4).

use std::ops::Range;

/// The largest window there is (RFC 7323 section 2.3): a segment or acknowledgement beyond it cannot belong
/// to the connection.
pub(super) const WINDOW: u64 = 1 << 30;
/// Largest distance in bytes between a RST and the sender's position at which the RST is accepted. Wide
/// enough for bytes in flight, narrow for a blind guess.
pub(super) const RESET_REACH: u64 = 16 << 20;

/// The position of a sequence number of which nothing else is known. One turn above zero, so that earlier
/// positions exist.
pub(super) fn anchor(seq: u32) -> u64 {
    (1 << 32) | u64::from(seq)
}

/// The position of `seq` that is nearest to `near`.
pub(super) fn extend(seq: u32, near: u64) -> u64 {
    near.wrapping_add_signed(i64::from(seq.wrapping_sub(near as u32) as i32))
}

/// How a range of positions relates to the next one expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Wholly before the expected position.
    Old,
    /// Contains the expected position.
    Due,
    /// Begins after the expected position and leaves a hole.
    Ahead,
}

/// The place of `range`, which is not empty.
pub(super) fn place(range: &Range<u64>, next: u64) -> Place {
    if range.start > next {
        Place::Ahead
    } else if range.end > next {
        Place::Due
    } else {
        Place::Old
    }
}

/// The parts of `range` that none of `known` covers; `known` ascends and is disjoint.
pub(super) fn uncovered(range: Range<u64>, known: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut from = range.start;
    for k in known {
        if k.start > from && from < range.end {
            parts.push(from..k.start.min(range.end));
        }
        from = from.max(k.end);
    }
    if from < range.end {
        parts.push(from..range.end);
    }
    parts
}

/// The common part of two ranges; empty if they have none.
pub(super) fn common(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of ranges are what is tested
mod tests {
    use super::*;

    #[test]
    fn position_continues_over_the_wrap() {
        let near = anchor(u32::MAX - 1);
        assert_eq!(extend(3, near), near + 5);
        assert_eq!(extend(u32::MAX - 11, near), near - 10);
        assert_eq!(extend(7, extend(7, near)), extend(7, near));
    }

    #[test]
    fn position_before_the_first_sequence_number() {
        assert_eq!(extend(u32::MAX, anchor(0)), anchor(0) - 1);
    }

    #[test]
    fn place_around_the_edge() {
        assert_eq!(place(&(5..10), 10), Place::Old);
        assert_eq!(place(&(5..11), 10), Place::Due);
        assert_eq!(place(&(10..11), 10), Place::Due);
        assert_eq!(place(&(11..12), 10), Place::Ahead);
    }

    #[test]
    fn uncovered_head_middle_tail() {
        let parts = |r, k: &[Range<u64>]| uncovered(r, k.iter().cloned());
        assert_eq!(parts(0..10, &[]), [0..10]);
        assert_eq!(parts(0..10, &[0..10]), []);
        assert_eq!(parts(0..10, &[2..4, 6..8]), [0..2, 4..6, 8..10]);
        assert_eq!(parts(3..7, &[0..4, 6..20]), [4..6]);
        assert_eq!(parts(3..7, &[0..1, 9..20]), [3..7]);
    }
}
