//! One JSON value that is collected over pieces: shared by the four JSON framings.

use super::carry::Carry;
use super::split::{Splitter, Step};
use super::{Placed, Record, TOO_LONG};
use crate::oddity::Oddity;
use crate::time::Timestamp;

/// The current value.
#[derive(Debug, Default)]
pub(super) struct Value {
    split: Splitter,
    carry: Carry,
    start: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    last_frame: u64,
    end: u64,
}

/// Result of some bytes.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    /// All bytes are consumed and the value continues.
    More,
    /// The value is complete; reading continues at `next`. The caller sets the record's number.
    Whole {
        /// Index in the piece.
        next: usize,
        /// The value, or the oddity if it was too long to keep.
        record: Result<Record<'a>, Oddity>,
    },
    /// The value is cut at this index, where another token begins that can't belong to it. It is dropped.
    Broken(usize),
}

impl Value {
    /// A collector that counts brackets only.
    pub(super) fn lenient() -> Self {
        Value { split: Splitter::lenient(), ..Value::default() }
    }

    /// A value has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.split.is_open()
    }

    /// The bytes of an open value so far.
    pub(super) fn pending(&self) -> &[u8] {
        self.carry.bytes()
    }

    /// Drops the open value; returns its number of bytes.
    pub(super) fn drop_open(&mut self) -> usize {
        let dropped = if self.is_open() { self.carry.len() } else { 0 };
        self.carry.clear();
        self.split.reset();
        dropped
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.carry.held()
    }

    /// Consumes the piece's bytes from index `i` on. If no value is open, one begins there.
    pub(super) fn take<'a>(&'a mut self, piece: &Placed<'a>, i: usize) -> Taken<'a> {
        if !self.split.is_open() {
            self.carry.clear();
            self.start = piece.pos(i);
            self.first_at = piece.at;
        }
        let rest = piece.bytes.get(i..).unwrap_or_default();
        match self.split.scan(rest) {
            Step::Open => {
                self.note_last(piece, i + rest.len());
                self.carry.keep(rest);
                Taken::More
            }
            Step::Broken(n) => {
                self.drop_open();
                Taken::Broken(i + n)
            }
            Step::Closed(n) => {
                if n > 0 {
                    self.note_last(piece, i + n);
                }
                Taken::Whole { next: i + n, record: self.whole(&rest[..n]) }
            }
        }
    }

    /// The end of input: it completes only a top-level number or literal.
    pub(super) fn finish(&mut self) -> Option<Result<Record<'_>, Oddity>> {
        if !self.split.is_scalar() {
            return None;
        }
        self.split.reset();
        Some(self.whole(&[]))
    }

    fn note_last(&mut self, piece: &Placed<'_>, end: usize) {
        self.last_at = piece.at;
        self.last_frame = piece.frame;
        self.end = piece.pos(end);
    }

    #[allow(clippy::result_large_err)] // this path is rare: at most once per body
    fn whole<'a>(&'a mut self, tail: &'a [u8]) -> Result<Record<'a>, Oddity> {
        let (start, end, at) = (self.start, self.end, self.last_at);
        if !self.carry.is_empty() {
            self.carry.keep(tail);
        }
        if self.carry.is_over() {
            return Err(
                Oddity::new(TOO_LONG, at, format!("a value of {} bytes", end.saturating_sub(start))).offset(start)
            );
        }
        let data = if self.carry.is_empty() { tail } else { self.carry.bytes() };
        Ok(Record { at, first_at: self.first_at, frame: self.last_frame, start, end, data, ..Record::default() })
    }
}
