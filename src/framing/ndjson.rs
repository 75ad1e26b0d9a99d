//! One JSON value a line, each line ended by LF (a CR before it is allowed), no LF inside a value.

use super::carry::Carry;
use super::split::is_value;
use super::{Framed, Framer, Placed, Record, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// The last line has no LF; at a complete end it counts as whole.
pub const NO_FINAL_NEWLINE: Kind = Kind("ndjson.no-final-newline");
/// The body was cut off inside a line; that is no record.
pub const PENDING_AT_END: Kind = Kind("ndjson.pending-at-end");
/// A line without anything on it.
pub const BLANK_LINE: Kind = Kind("ndjson.blank-line");
/// A byte order mark before the first line.
pub const BOM: Kind = Kind("ndjson.bom");
/// A line is not JSON; it is a record nevertheless.
pub const NOT_JSON: Kind = Kind("ndjson.not-json");
/// A line holds more than one JSON value; it is one record nevertheless.
pub const SEVERAL_VALUES: Kind = Kind("ndjson.several-values");

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where the line at hand stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sync {
    /// Lines are whole.
    #[default]
    Held,
    /// The line at hand began in a gap, or right behind one: it counts only where it is one JSON object or array.
    Doubtful,
}

/// Framer of newline-delimited JSON.
#[derive(Debug, Default)]
pub(super) struct Ndjson {
    n: u64,
    line: Carry,
    start: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    last_frame: u64,
    sync: Sync,
}

impl Framer for Ndjson {
    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
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
            self.line(&rest[..n], piece.pos(i + n + 1), sink);
            i += n + 1;
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if !self.line.is_empty() {
            sink(Framed::Oddity(lost(at, offset, len, self.line.len())));
            self.line.clear();
        }
        self.sync = Sync::Doubtful;
    }

    fn finish(&mut self, at: Timestamp, offset: u64, complete: bool, sink: &mut Sink<'_>) {
        if self.line.is_empty() {
            return;
        }
        let kind = if complete { NO_FINAL_NEWLINE } else { PENDING_AT_END };
        sink(Framed::Oddity(Oddity::new(kind, at, excerpt(self.line.bytes())).offset(self.start).record(self.n)));
        if complete {
            self.line(&[], offset, sink);
        }
        self.line.clear();
    }
}

impl Ndjson {
    /// A line is over: `tail` is what the carry has not got, `end` the offset behind the line end.
    fn line(&mut self, tail: &[u8], end: u64, sink: &mut Sink<'_>) {
        let (n, start, at) = (self.n, self.start, self.last_at);
        let doubtful = std::mem::take(&mut self.sync) == Sync::Doubtful;
        if !self.line.is_empty() {
            self.line.keep(tail);
        }
        if self.line.is_over() {
            sink(Framed::Oddity(Oddity::new(TOO_LONG, at, format!("a line of {} bytes", end.saturating_sub(start))).offset(start)));
            self.line.clear();
            return;
        }
        let mut data = if self.line.is_empty() { tail } else { self.line.bytes() };
        data = data.strip_suffix(b"\r").unwrap_or(data);
        let mut odd = |kind, found| sink(Framed::Oddity(Oddity::new(kind, at, found).offset(start).record(n)));
        if start == 0
            && let Some(rest) = data.strip_prefix(MARK)
        {
            odd(BOM, "EF BB BF".to_owned());
            data = rest;
        }
        if data.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
            if !doubtful {
                odd(BLANK_LINE, String::new());
            }
        } else if doubtful && !(matches!(data.first(), Some(b'{' | b'[')) && is_value(data)) {
            sink(Framed::Oddity(lost(at, start, None, data.len())));
        } else {
            if !is_value(data) {
                odd(if begins_with_value(data) { SEVERAL_VALUES } else { NOT_JSON }, excerpt(data));
            }
            let (first_at, frame) = (self.first_at, self.last_frame);
            sink(Framed::Record(Record { n, at, first_at, frame, start, end, data, ..Record::default() }));
            self.n += 1;
        }
        self.line.clear();
    }
}

/// A whole value with more behind it that is not blank and begins another.
fn begins_with_value(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<serde::de::IgnoredAny>();
    matches!((values.next(), values.next()), (Some(Ok(_)), Some(Ok(_))))
}
