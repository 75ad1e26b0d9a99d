//! JSON values one after another, with or without blank space between them.

use super::classify::is_mark;
use super::split::{begins_value, is_blank};
use super::value::{Taken, Value};
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;

/// A value is cut: the next one begins inside it. It was dropped.
pub const MALFORMED: Kind = Kind("concat-json.malformed");
/// Bytes that are not a JSON value are between two values.
pub const JUNK: Kind = Kind("concat-json.junk");
/// A comma is between two values.
pub const COMMA: Kind = Kind("concat-json.comma");
/// The body ends inside a value.
pub const TRUNCATED: Kind = Kind("concat-json.truncated");

/// ```text
/// Between ─value byte─▶ Inside ─closed─▶ Between
///    │                    │
///    └─junk─▶ Lost ◀─gap, broken─┘      Lost ─`{` after `}` or LF─▶ Inside
/// ```
#[derive(Debug)]
enum State {
    /// Between two values.
    Between,
    /// Inside a value.
    Inside,
    /// At an unknown place. `before`: the last byte that was not blank, or a line feed.
    Lost {
        /// That byte; 0 at first.
        before: u8,
    },
}

/// Framer of concatenated JSON.
#[derive(Debug)]
pub(super) struct Concat {
    state: State,
    value: Value,
    n: u64,
}

impl Default for Concat {
    fn default() -> Self {
        Concat { state: State::Between, value: Value::default(), n: 0 }
    }
}

impl Framer for Concat {
    fn held(&self) -> usize {
        self.value.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let mut i = 0;
        while let Some(&b) = piece.bytes.get(i) {
            match &mut self.state {
                State::Inside => i = self.inside(&piece, i, sink),
                State::Lost { before } => {
                    if b == b'{' && matches!(before, b'}' | b'\n') {
                        self.state = State::Inside;
                        continue;
                    }
                    if b == b'\n' || !is_blank(b) {
                        *before = b;
                    }
                    i += 1;
                }
                State::Between if is_blank(b) || is_mark(piece.pos(i), b) => i += 1,
                State::Between if begins_value(b) => self.state = State::Inside,
                State::Between if b == b',' => {
                    self.odd(Oddity::new(COMMA, piece.at, ",").offset(piece.pos(i)), sink);
                    i += 1;
                }
                State::Between => {
                    self.odd(Oddity::new(JUNK, piece.at, excerpt(&[b])).offset(piece.pos(i)), sink);
                    self.state = State::Lost { before: b };
                    i += 1;
                }
            }
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        let dropped = self.value.drop_open();
        sink(Framed::Oddity(lost(at, offset, len, dropped)));
        self.state = State::Lost { before: 0 };
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        let n = self.n;
        if let Some(record) = self.value.finish() {
            say(record, n, sink);
        } else if self.value.is_open() {
            let found = excerpt(self.value.pending());
            sink(Framed::Oddity(Oddity::new(TRUNCATED, at, found).offset(offset).record(n)));
            self.value.drop_open();
        }
    }
}

impl Concat {
    fn inside(&mut self, piece: &Placed<'_>, i: usize, sink: &mut Sink<'_>) -> usize {
        match self.value.take(piece, i) {
            Taken::More => piece.bytes.len(),
            Taken::Whole { next, record } => {
                say(record, self.n, sink);
                self.n += 1;
                self.state = State::Between;
                next
            }
            Taken::Broken(next) => {
                let begins = matches!(piece.bytes.get(next), Some(b'{'));
                self.state = if begins { State::Inside } else { State::Lost { before: 0 } };
                self.odd(Oddity::new(MALFORMED, piece.at, "another value begins inside").offset(piece.pos(next)), sink);
                next
            }
        }
    }

    fn odd(&self, odd: Oddity, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(odd.record(self.n)));
    }
}

fn say(record: Result<Record<'_>, Oddity>, n: u64, sink: &mut Sink<'_>) {
    match record {
        Ok(record) => sink(Framed::Record(Record { n, ..record })),
        Err(odd) => sink(Framed::Oddity(odd.record(n))),
    }
}
