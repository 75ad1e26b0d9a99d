//! Bodies without records: text is passed on as it arrives, other bytes are not inspected.

use super::{Framed, Framer, Placed, Sink};
use crate::time::Timestamp;

/// Text without records.
#[derive(Debug)]
pub(super) struct Text;

impl Framer for Text {
    fn held(&self) -> usize {
        0
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        sink(Framed::Text { at: piece.at, bytes: piece.bytes });
    }

    fn gap(&mut self, _: Timestamp, _: u64, _: Option<u64>, _: &mut Sink<'_>) {}

    fn finish(&mut self, _: Timestamp, _: u64, _: bool, _: &mut Sink<'_>) {}
}

/// Bytes without meaning here.
#[derive(Debug)]
pub(super) struct Opaque;

impl Framer for Opaque {
    fn held(&self) -> usize {
        0
    }

    fn push(&mut self, _: Placed<'_>, _: &mut Sink<'_>) {}

    fn gap(&mut self, _: Timestamp, _: u64, _: Option<u64>, _: &mut Sink<'_>) {}

    fn finish(&mut self, _: Timestamp, _: u64, _: bool, _: &mut Sink<'_>) {}
}
