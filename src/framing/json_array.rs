//! One JSON array, element by element, as Gemini streams without `alt=sse`.

use super::classify::is_mark;
use super::split::{begins_value, is_blank};
use super::value::{Taken, Value};
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;

/// The body ends without the closing `]`.
pub const NOT_CLOSED: Kind = Kind("json-array.not-closed");
/// Bytes that are not a JSON value are between two elements.
pub const JUNK: Kind = Kind("json-array.junk");
/// Bytes follow the closing `]`.
pub const TRAILING_BYTES: Kind = Kind("json-array.trailing-bytes");

/// ```text
/// Before ─[─▶ Between ─value byte─▶ Inside ─closed─▶ Between ─]─▶ Closed ─more─▶ Ignoring
///   └───────────junk, gap───────────────┴─▶ Lost ─`{` or `]` first on a line─▶ Inside, Closed
/// ```
#[derive(Debug)]
enum State {
    /// Before the `[`.
    Before,
    /// Between elements.
    Between,
    /// Inside an element.
    Inside,
    /// After the `]`.
    Closed,
    /// After unexpected bytes that followed the `]`.
    Ignoring,
    /// At an unknown place. Elements of a printed array begin in the first column; those of a compact one
    /// look like nested values.
    Lost {
        /// Only commas and blank space since the last line feed.
        line_start: bool,
    },
}

/// Framer of a streamed array.
#[derive(Debug)]
pub(super) struct JsonArray {
    state: State,
    value: Value,
    n: u64,
}

impl Default for JsonArray {
    fn default() -> Self {
        JsonArray { state: State::Before, value: Value::lenient(), n: 0 }
    }
}

impl Framer for JsonArray {
    fn held(&self) -> usize {
        self.value.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let mut i = 0;
        while let Some(&b) = piece.bytes.get(i) {
            match self.state {
                State::Ignoring => return,
                State::Inside => {
                    i = self.inside(&piece, i, sink);
                    continue;
                }
                State::Lost { line_start } => match b {
                    b'{' if line_start => {
                        self.state = State::Inside;
                        continue;
                    }
                    b']' if line_start => self.close(piece.at, piece.pos(i), sink),
                    b'\n' => self.state = State::Lost { line_start: true },
                    b',' | b'\r' => {}
                    _ => self.state = State::Lost { line_start: false },
                },
                _ if is_blank(b) => {}
                State::Before if is_mark(piece.pos(i), b) => {}
                State::Before if b == b'[' => self.state = State::Between,
                State::Between if b == b',' => {}
                State::Between if b == b']' => self.close(piece.at, piece.pos(i), sink),
                State::Between if begins_value(b) => {
                    self.state = State::Inside;
                    continue;
                }
                State::Before | State::Between => {
                    sink(Framed::Oddity(
                        Oddity::new(JUNK, piece.at, excerpt(&[b])).offset(piece.pos(i)).record(self.n),
                    ));
                    self.state = State::Lost { line_start: false };
                }
                State::Closed => {
                    sink(Framed::Oddity(Oddity::new(TRAILING_BYTES, piece.at, excerpt(&[b])).offset(piece.pos(i))));
                    self.state = State::Ignoring;
                }
            }
            i += 1;
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if !matches!(self.state, State::Closed | State::Ignoring) {
            sink(Framed::Oddity(lost(at, offset, len, self.value.drop_open())));
            self.state = State::Lost { line_start: false };
        }
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        // The gap may have contained the `]`: nothing can be reported.
        if matches!(self.state, State::Before | State::Between | State::Inside) {
            let found = match self.value.is_open() {
                true => excerpt(self.value.pending()),
                false => "the end instead of `]`".to_owned(),
            };
            sink(Framed::Oddity(Oddity::new(NOT_CLOSED, at, found).offset(offset).record(self.n)));
        }
        self.state = State::Ignoring;
    }
}

impl JsonArray {
    fn inside(&mut self, piece: &Placed<'_>, i: usize, sink: &mut Sink<'_>) -> usize {
        match self.value.take(piece, i) {
            Taken::More => piece.bytes.len(),
            Taken::Broken(next) => next,
            Taken::Whole { next, record } => {
                match record {
                    Ok(record) => sink(Framed::Record(Record { n: self.n, ..record })),
                    Err(odd) => sink(Framed::Oddity(odd.record(self.n))),
                }
                self.n += 1;
                self.state = State::Between;
                next
            }
        }
    }

    fn close(&mut self, at: Timestamp, offset: u64, sink: &mut Sink<'_>) {
        sink(Framed::Closed { at, offset, said: b"" });
        self.state = State::Closed;
    }
}
