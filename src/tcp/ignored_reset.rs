//! A reset that its receiver ignored because it was forged or had a wrong sequence number (RFC 5961 section
//! 3): the sender sends more bytes and the receiver acknowledges them. A sender that had really reset would
//! not send more, and a receiver that had accepted the reset would not acknowledge it.

use super::kept::Kept;
use super::seq::extend;
use crate::net::Segment;

/// Payload bytes after a reset that are kept until the receiver answers.
const BYTES: usize = 256 << 10;
/// Segments after a reset that are kept until the receiver answers.
const SEGMENTS: usize = 64;

/// The segments that a sender sent after its reset.
#[derive(Debug)]
pub(super) struct IgnoredReset {
    side: usize,
    /// Position at which the reset ended the direction.
    end: u64,
    bytes: usize,
    kept: Vec<Kept>,
}

impl IgnoredReset {
    /// The first segment with payload after the end of `side`, which is at `end`. `None` if the segment has
    /// no bytes after `end`.
    pub(super) fn new(side: usize, end: u64, segment: &Segment<'_>) -> Option<IgnoredReset> {
        let mut ignored = IgnoredReset { side, end, bytes: 0, kept: Vec::new() };
        ignored.push(side, segment);
        (!ignored.kept.is_empty()).then_some(ignored)
    }

    /// Keep the next segment, if it has new bytes and fits the limits.
    pub(super) fn push(&mut self, side: usize, segment: &Segment<'_>) {
        let Segment { payload, missing, seq, .. } = *segment;
        let ahead = extend(seq, self.end).checked_sub(self.end).is_some_and(|n| n <= BYTES as u64);
        let room = self.kept.len() < SEGMENTS && self.bytes + payload.len() <= BYTES;
        if side == self.side && ahead && room && payload.len() as u64 + u64::from(missing) > 0 {
            self.bytes += payload.len();
            self.kept.push(Kept::of(segment));
        }
    }

    /// Whether this acknowledgement of the other side covers some of the bytes.
    pub(super) fn is_taken_by(&self, side: usize, ack: u32) -> bool {
        let at = extend(ack, self.end);
        side != self.side && at > self.end && at <= self.end + BYTES as u64
    }

    /// Memory of the kept segments, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes + self.kept.len() * size_of::<Kept>()
    }

    /// The side that sent the reset.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// The kept segments in order of arrival.
    pub(super) fn each(&self) -> impl Iterator<Item = Segment<'_>> {
        self.kept.iter().map(Kept::segment)
    }
}
