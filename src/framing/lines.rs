//! Lines ended by LF, put together from pieces: shared by NDJSON and coded lines.

use super::carry::Carry;
use super::{Framed, Placed, Record, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// A line without its LF; as a record, with its place in the body.
pub(super) type Line<'a> = Record<'a>;

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Carry,
    start: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    last_frame: u64,
}

impl Lines {
    /// The next bytes; emits every line that ends in them.
    pub(super) fn push(
        &mut self,
        piece: Placed<'_>,
        sink: &mut Sink<'_>,
        each: &mut dyn FnMut(Line<'_>, &mut Sink<'_>),
    ) {
        let mut i = 0;
        while i < piece.bytes.len() {
            let rest = &piece.bytes[i..];
            if self.line.is_empty() {
                (self.start, self.first_at) = (piece.pos(i), piece.at);
            }
            (self.last_at, self.last_frame) = (piece.at, piece.frame);
            let Some(n) = memchr(b'\n', rest) else {
                self.line.keep(rest);
                return;
            };
            self.over(&rest[..n], piece.pos(i + n + 1), sink, each);
            i += n + 1;
        }
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.line.held()
    }

    /// Bytes are missing, and with them the rest of the current line.
    pub(super) fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if !self.line.is_empty() {
            sink(Framed::Oddity(lost(at, offset, len, self.line.len())));
            self.line.clear();
        }
    }

    /// No more bytes. Bytes after the last LF are a line if the body is complete. `odd` reports them; `n` is
    /// the number that their record would have.
    pub(super) fn finish(
        &mut self,
        (at, offset): (Timestamp, u64),
        complete: bool,
        (odd, n): (Kind, u64),
        sink: &mut Sink<'_>,
        each: &mut dyn FnMut(Line<'_>, &mut Sink<'_>),
    ) {
        if self.line.is_empty() {
            return;
        }
        sink(Framed::Oddity(Oddity::new(odd, at, excerpt(self.line.bytes())).offset(self.start).record(n)));
        if complete {
            self.over(&[], offset, sink, each);
        }
        self.line.clear();
    }

    /// A line is over: `tail` is the part that is not in the carry, `end` the offset after the line end.
    fn over(&mut self, tail: &[u8], end: u64, sink: &mut Sink<'_>, each: &mut dyn FnMut(Line<'_>, &mut Sink<'_>)) {
        let Lines { start, first_at, last_at: at, last_frame: frame, .. } = *self;
        if !self.line.is_empty() {
            self.line.keep(tail);
        }
        if self.line.is_over() {
            sink(Framed::Oddity(
                Oddity::new(TOO_LONG, at, format!("a line of {} bytes", end.saturating_sub(start))).offset(start),
            ));
        } else {
            let data = if self.line.is_empty() { tail } else { self.line.bytes() };
            each(Line { at, first_at, frame, start, end, data, ..Line::default() }, sink);
        }
        self.line.clear();
    }
}
