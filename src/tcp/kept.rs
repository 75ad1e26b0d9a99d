//! A segment that outlives its packet.

use crate::net::Segment;

/// A segment with its own copy of the payload.
#[derive(Debug)]
pub(super) struct Kept {
    head: Segment<'static>,
    payload: Box<[u8]>,
}

impl Kept {
    /// A copy.
    pub(super) fn of(segment: &Segment<'_>) -> Kept {
        let Segment { at, frame, src, dst, realm, device, ident, seq, ack, flags, window, payload, missing } = *segment;
        let head =
            Segment { at, frame, src, dst, realm, device, ident, seq, ack, flags, window, payload: &[], missing };
        Kept { head, payload: payload.into() }
    }

    /// The segment as it came.
    pub(super) fn segment(&self) -> Segment<'_> {
        Segment { payload: &self.payload, ..self.head.clone() }
    }

    /// Bytes of its payload.
    pub(super) fn payload_bytes(&self) -> usize {
        self.payload.len()
    }
}
