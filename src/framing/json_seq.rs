//! JSON text sequences (RFC 7464): RS, a JSON text, LF. A record reaches from its RS to the end of the text,
//! without the LF.

use super::split::{begins_value, is_blank, is_value};
use super::value::{Taken, Value};
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// A text ends (at the next RS or at the end) before its value does, or a number or literal lacks the LF that
/// proves it complete (RFC 7464, section 2.4). It is not a record.
pub const TRUNCATED: Kind = Kind("json-seq.truncated");
/// The bytes between two RS are not one JSON text. They are skipped (RFC 7464, section 2.3).
pub const BAD_TEXT: Kind = Kind("json-seq.bad-text");
/// Bytes before the first RS.
pub const OUTSIDE: Kind = Kind("json-seq.outside");
/// A text is not followed by LF (RFC 7464, section 2.2).
pub const NO_LINE_END: Kind = Kind("json-seq.no-line-end");

const RS: u8 = 0x1e;

/// ```text
/// Outside ─RS─▶ Opened ─value byte─▶ Inside ─closed─▶ After ─RS─▶ Opened
///                 └─other─▶ Skipping ◀─broken─┘         RS anywhere ─▶ Opened
/// ```
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the first RS.
    Outside,
    /// After RS, before the text.
    Opened,
    /// Inside the text.
    Inside,
    /// After a complete text.
    After {
        /// Its LF was seen.
        line_end: bool,
    },
    /// Skipping to the next RS.
    Skipping,
}

/// Framer of a JSON text sequence.
#[derive(Debug)]
pub(super) struct JsonSeq {
    state: State,
    value: Value,
    n: u64,
    start: u64,
    first_at: Timestamp,
}

impl Default for JsonSeq {
    fn default() -> Self {
        JsonSeq { state: State::Outside, value: Value::default(), n: 0, start: 0, first_at: Timestamp::default() }
    }
}

impl Framer for JsonSeq {
    fn held(&self) -> usize {
        self.value.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let mut i = 0;
        while let Some(&b) = piece.bytes.get(i) {
            if b == RS {
                self.open(piece.at, piece.pos(i), sink);
                i += 1;
                continue;
            }
            match self.state {
                State::Inside => {
                    i = self.inside(&piece, i, sink);
                    continue;
                }
                State::Skipping => {
                    i = memchr(RS, &piece.bytes[i..]).map_or(piece.bytes.len(), |n| i + n);
                    continue;
                }
                State::Opened if begins_value(b) => {
                    self.state = State::Inside;
                    continue;
                }
                State::After { .. } if b == b'\n' => self.state = State::After { line_end: true },
                _ if is_blank(b) => {}
                State::Outside => self.skip(OUTSIDE, piece.at, piece.pos(i), excerpt(&[b]), sink),
                State::Opened | State::After { .. } => self.skip(BAD_TEXT, piece.at, piece.pos(i), excerpt(&[b]), sink),
            }
            i += 1;
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(lost(at, offset, len, self.value.drop_open())));
        self.state = State::Skipping;
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        match self.state {
            State::Inside => self.truncated(at, offset, sink),
            State::After { line_end: false } => self.no_line_end(at, offset, sink),
            _ => {}
        }
        self.state = State::Skipping;
    }
}

impl JsonSeq {
    /// An RS ends the open text, in any state.
    fn open(&mut self, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
        match self.state {
            State::Inside => self.truncated(at, offset, sink),
            State::After { line_end: false } => self.no_line_end(at, offset, sink),
            _ => {}
        }
        (self.state, self.start, self.first_at) = (State::Opened, offset, at);
    }

    fn inside(&mut self, piece: &Placed<'_>, i: usize, sink: &mut Sink<'_>) -> usize {
        // RS can't be inside JSON, not even in a string: the text ends there, whatever state the splitter
        // has.
        let stop = memchr(RS, &piece.bytes[i..]).map_or(piece.bytes.len(), |n| i + n);
        let part = Placed { bytes: &piece.bytes[..stop], ..*piece };
        let (n, start, first_at) = (self.n, self.start, self.first_at);
        match self.value.take(&part, i) {
            Taken::More => stop,
            Taken::Broken(next) => {
                self.skip(BAD_TEXT, piece.at, piece.pos(next), "another value begins inside".to_owned(), sink);
                next
            }
            Taken::Whole { next, record } => {
                match record {
                    Err(odd) => sink(Framed::Oddity(odd.record(n))),
                    Ok(record) if is_value(record.data) => {
                        sink(Framed::Record(Record { n, start, first_at, ..record }));
                        self.n += 1;
                    }
                    Ok(record) => {
                        let odd = Oddity::new(BAD_TEXT, record.at, excerpt(record.data));
                        sink(Framed::Oddity(odd.offset(record.start).record(n)));
                    }
                }
                self.state = State::After { line_end: false };
                next
            }
        }
    }

    fn skip(&mut self, kind: Kind, at: Timestamp, offset: u64, found: String, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(Oddity::new(kind, at, found).offset(offset).record(self.n)));
        self.state = State::Skipping;
    }

    fn truncated(&mut self, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
        let found = excerpt(self.value.pending());
        sink(Framed::Oddity(Oddity::new(TRUNCATED, at, found).offset(offset).record(self.n)));
        self.value.drop_open();
    }

    fn no_line_end(&self, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(
            Oddity::new(NO_LINE_END, at, "no LF after the text").offset(offset).record(self.n.saturating_sub(1)),
        ));
    }
}
