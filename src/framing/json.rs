//! One JSON document: one record when its value closes. Blank space before it (keep-alive lines) belongs to the
//! document.

use super::classify::is_mark;
use super::split::{begins_value, is_blank, is_value};
use super::value::{Taken, Value};
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;

/// The body ends before its value does.
pub const TRUNCATED: Kind = Kind("json.truncated");
/// The brackets match, but it is not JSON (RFC 8259).
pub const MALFORMED: Kind = Kind("json.malformed");
/// A byte order mark before the document.
pub const BOM: Kind = Kind("json.bom");
/// Bytes that are not a JSON value follow the document.
pub const TRAILING_BYTES: Kind = Kind("json.trailing-bytes");
/// A second value follows, too late to call the body a stream; each gives a record.
pub const SEVERAL_VALUES: Kind = Kind("json.several-values");

/// ```text
/// Before ─value byte─▶ Inside ─closed─▶ After ─junk─▶ Ignoring
///   └────────gap──────────┴──────────────────────────────▲
/// ```
#[derive(Debug, Default)]
enum State {
    /// Blank space so far.
    #[default]
    Before,
    /// Inside the value.
    Inside,
    /// After the value.
    After,
    /// Nothing more of the body can be read.
    Ignoring,
}

/// Framer of one document.
#[derive(Debug)]
pub(super) struct Json {
    state: State,
    value: Value,
    first_at: Option<Timestamp>,
    n: u64,
}

impl Default for Json {
    fn default() -> Self {
        Json { state: State::Before, value: Value::lenient(), first_at: None, n: 0 }
    }
}

impl Framer for Json {
    fn held(&self) -> usize {
        self.value.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        self.first_at.get_or_insert(piece.at);
        let mut i = 0;
        while let Some(&b) = piece.bytes.get(i) {
            match self.state {
                State::Ignoring => return,
                State::Inside => i = self.inside(&piece, i, sink),
                _ if is_blank(b) => i += 1,
                State::Before if is_mark(piece.pos(i), b) => {
                    if piece.pos(i) == 2 {
                        sink(Framed::Oddity(Oddity::new(BOM, piece.at, "EF BB BF").offset(0)));
                    }
                    i += 1;
                }
                State::Before if begins_value(b) => self.state = State::Inside,
                State::After if matches!(b, b'{' | b'[') => {
                    let odd = Oddity::new(SEVERAL_VALUES, piece.at, "a value after the document");
                    sink(Framed::Oddity(odd.offset(piece.pos(i)).record(self.n)));
                    self.state = State::Inside;
                }
                _ => {
                    sink(Framed::Oddity(Oddity::new(TRAILING_BYTES, piece.at, excerpt(&[b])).offset(piece.pos(i))));
                    self.state = State::Ignoring;
                }
            }
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if !matches!(self.state, State::After) {
            sink(Framed::Oddity(lost(at, offset, len, self.value.drop_open())));
            self.state = State::Ignoring;
        }
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        let (first_at, n) = (self.first_at.unwrap_or(at), self.n);
        if let Some(record) = self.value.finish() {
            say(record, n, first_at, sink);
        } else if self.value.is_open() || matches!(self.state, State::Before) {
            let pending = self.value.pending();
            let tail = pending.get(pending.len().saturating_sub(40)..).unwrap_or_default();
            sink(Framed::Oddity(Oddity::new(TRUNCATED, at, excerpt(tail)).offset(offset)));
        }
        self.state = State::Ignoring;
    }
}

impl Json {
    fn inside(&mut self, piece: &Placed<'_>, i: usize, sink: &mut Sink<'_>) -> usize {
        let first_at = self.first_at.unwrap_or(piece.at);
        match self.value.take(piece, i) {
            Taken::More => piece.bytes.len(),
            Taken::Broken(next) => next,
            Taken::Whole { next, record } => {
                say(record, self.n, first_at, sink);
                self.n += 1;
                self.state = State::After;
                next
            }
        }
    }
}

fn say(record: Result<Record<'_>, Oddity>, n: u64, first_at: Timestamp, sink: &mut Sink<'_>) {
    match record {
        Err(odd) => sink(Framed::Oddity(odd.record(n))),
        Ok(mut record) => {
            record.n = n;
            if !is_value(record.data) {
                let odd = Oddity::new(MALFORMED, record.at, excerpt(record.data));
                sink(Framed::Oddity(odd.offset(record.start).record(n)));
            }
            if n == 0 {
                record.start = 0;
                record.first_at = first_at;
            }
            sink(Framed::Record(record));
        }
    }
}
