//! A reset that its receiver did not believe, because it was forged or stood in the wrong place (RFC 5961 section 3): its sender goes on with new
//! bytes, and the receiver acknowledges them. Nobody who had reset a connection would do the one, nobody who had believed it the other.

use super::seq::extend;
use crate::net::Segment;

/// So much of what comes behind a reset is kept until the receiver answers.
const BYTES: usize = 256 << 10;
/// … in so many segments.
const SEGMENTS: usize = 64;

/// What a sender that had reset the connection sent behind the reset.
#[derive(Debug)]
pub(super) struct IgnoredReset {
    side: usize,
    /// Position at which the reset ended it.
    end: u64,
    bytes: usize,
    kept: Vec<(Segment<'static>, Vec<u8>)>,
}

impl IgnoredReset {
    /// The first segment with payload behind the end of `side` at `end`; none where it brings nothing that stands there.
    pub(super) fn new(side: usize, end: u64, segment: &Segment<'_>) -> Option<IgnoredReset> {
        let mut ignored = IgnoredReset { side, end, bytes: 0, kept: Vec::new() };
        ignored.push(side, segment);
        (!ignored.kept.is_empty()).then_some(ignored)
    }

    /// The next one.
    pub(super) fn push(&mut self, side: usize, segment: &Segment<'_>) {
        let Segment { payload, missing, seq, .. } = *segment;
        let ahead = extend(seq, self.end).checked_sub(self.end).is_some_and(|n| n <= BYTES as u64);
        let room = self.kept.len() < SEGMENTS && self.bytes + payload.len() <= BYTES;
        if side == self.side && ahead && room && payload.len() as u64 + u64::from(missing) > 0 {
            self.bytes += payload.len();
            let Segment { at, frame, src, dst, realm, device, ident, ack, flags, window, .. } = *segment;
            let bare = Segment { at, frame, src, dst, realm, device, ident, seq, ack, flags, window, payload: &[], missing };
            self.kept.push((bare, payload.to_vec()));
        }
    }

    /// This acknowledgement of the other side takes in some of it.
    pub(super) fn is_taken_by(&self, side: usize, ack: u32) -> bool {
        let at = extend(ack, self.end);
        side != self.side && at > self.end && at <= self.end + BYTES as u64
    }

    /// Memory of it.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.kept.len() * size_of::<(Segment<'_>, Vec<u8>)>()
    }

    /// Which side sent it.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// Each of them.
    pub(super) fn each(&self) -> impl Iterator<Item = Segment<'_>> {
        self.kept.iter().map(|(segment, payload)| Segment { payload, ..segment.clone() })
    }
}
