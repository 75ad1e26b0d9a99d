//! One JSON value per line, each line ended by LF (a CR before it is allowed), no LF inside a value.

use super::lines::{Line, Lines};
use super::split::is_value;
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;

/// The last line has no LF; at a complete end it counts as complete.
pub const NO_FINAL_NEWLINE: Kind = Kind("ndjson.no-final-newline");
/// The body was cut inside a line; that is not a record.
pub const PENDING_AT_END: Kind = Kind("ndjson.pending-at-end");
/// An empty line.
pub const BLANK_LINE: Kind = Kind("ndjson.blank-line");
/// A byte order mark before the first line.
pub const BOM: Kind = Kind("ndjson.bom");
/// A line is not JSON; it is a record nevertheless.
pub const NOT_JSON: Kind = Kind("ndjson.not-json");
/// A line holds more than one JSON value; it is one record nevertheless.
pub const SEVERAL_VALUES: Kind = Kind("ndjson.several-values");

const MARK: &[u8] = b"\xef\xbb\xbf";

/// State of the current line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sync {
    /// Lines are whole.
    #[default]
    Held,
    /// The current line began in a gap, or right after one: it counts only if it is one JSON object or array.
    Doubtful,
}

/// Framer of newline-delimited JSON.
#[derive(Debug, Default)]
pub(super) struct Ndjson {
    lines: Lines,
    records: Records,
}

/// Handles the lines.
#[derive(Debug, Default)]
struct Records {
    n: u64,
    sync: Sync,
}

impl Framer for Ndjson {
    fn held(&self) -> usize {
        self.lines.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        self.lines.push(piece, sink, &mut |line, sink| self.records.line(line, sink));
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        self.lines.gap(at, offset, len, sink);
        self.records.sync = Sync::Doubtful;
    }

    fn finish(&mut self, at: Timestamp, offset: u64, complete: bool, sink: &mut Sink<'_>) {
        let kind = if complete { NO_FINAL_NEWLINE } else { PENDING_AT_END };
        let n = self.records.n;
        self.lines.finish((at, offset), complete, (kind, n), sink, &mut |line, sink| self.records.line(line, sink));
    }
}

impl Records {
    fn line(&mut self, line: Line<'_>, sink: &mut Sink<'_>) {
        let (n, start, at) = (self.n, line.start, line.at);
        let doubtful = std::mem::take(&mut self.sync) == Sync::Doubtful;
        let mut data = line.data.strip_suffix(b"\r").unwrap_or(line.data);
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
            sink(Framed::Record(Record { n, data, ..line }));
            self.n += 1;
        }
    }
}

/// A complete value, then more that is not blank and begins another.
fn begins_with_value(line: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<serde::de::IgnoredAny>();
    matches!((values.next(), values.next()), (Some(Ok(_)), Some(Ok(_))))
}
