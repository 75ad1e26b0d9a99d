//! Lines of one character, a colon and a JSON value: the data stream of the AI SDK's version 4, `0:"Hi"`
//! (docs/dialects.md a.24).

use super::lines::{Line, Lines};
use super::split::is_value;
use super::{Framed, Framer, Placed, Record, Sink};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// The last line has no LF; at a complete end it counts as complete.
pub const NO_FINAL_NEWLINE: Kind = Kind("coded-lines.no-final-newline");
/// The body was cut inside a line; that is not a record.
pub const PENDING_AT_END: Kind = Kind("coded-lines.pending-at-end");
/// A line without a code or without a JSON value after it; it is not a record.
pub const NOT_CODED: Kind = Kind("coded-lines.not-coded");

/// Characters that are codes.
const CODES: &[u8] = b"0123456789abcdefghijk";

/// The code of a line (without its end) and the JSON after it.
pub(super) fn coded(line: &[u8]) -> Option<(&str, &[u8])> {
    let (code, rest) = line.split_first_chunk::<2>()?;
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let name = std::str::from_utf8(&code[..1]).ok()?;
    (CODES.contains(&code[0]) && code[1] == b':' && is_value(rest)).then_some((name, rest))
}

/// Whether a body begins like this; `None` while its first line is incomplete.
pub(super) fn begins(all: &[u8]) -> Option<bool> {
    match all {
        [code, ..] if !CODES.contains(code) => Some(false),
        [_, colon, ..] if *colon != b':' => Some(false),
        [_, _, first, ..] if !matches!(first, b'"' | b'{' | b'[') => Some(false),
        _ => memchr(b'\n', all).map(|end| coded(&all[..end]).is_some()),
    }
}

/// Framer of coded lines.
#[derive(Debug, Default)]
pub(super) struct CodedLines {
    n: u64,
    lines: Lines,
}

impl Framer for CodedLines {
    fn held(&self) -> usize {
        self.lines.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        self.lines.push(piece, sink, &mut |line, sink| record(line, &mut self.n, sink));
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        // A line without its beginning has no code, so it is noticed.
        self.lines.gap(at, offset, len, sink);
    }

    fn finish(&mut self, at: Timestamp, offset: u64, complete: bool, sink: &mut Sink<'_>) {
        let kind = if complete { NO_FINAL_NEWLINE } else { PENDING_AT_END };
        let n = self.n;
        self.lines.finish((at, offset), complete, (kind, n), sink, &mut |line, sink| record(line, &mut self.n, sink));
    }
}

/// A line as a record, or the reason why it is not one.
fn record(line: Line<'_>, n: &mut u64, sink: &mut Sink<'_>) {
    match coded(line.data) {
        Some((event, data)) => {
            sink(Framed::Record(Record { n: *n, data, event, ..line }));
            *n += 1;
        }
        None => sink(Framed::Oddity(Oddity::new(NOT_CODED, line.at, excerpt(line.data)).offset(line.start))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so() {
        for (text, want) in [
            ("", None),
            ("0", None),
            ("0:", None),
            ("0:\"Hi", None),
            ("0:\"Hi\"\n", Some(true)),
            ("f:{\"messageId\":\"m\"}\r\n0:", Some(true)),
            ("0:\"Hi\n", Some(false)),
            ("0: \"Hi\"", Some(false)),
            ("data: x", Some(false)),
            ("1. One", Some(false)),
            ("z:\"Hi\"\n", Some(false)),
        ] {
            assert_eq!(begins(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn lines_become_records_whatever_the_cuts() {
        let text = b"0:\"Hi\"\nnonsense\r\nd:{}";
        let read = |size: usize| {
            let mut framer = CodedLines::default();
            let mut said = Vec::new();
            let mut sink = |framed: Framed<'_>| match framed {
                Framed::Record(r) => {
                    said.push(format!("{}:{} {}..{}", r.event, String::from_utf8_lossy(r.data), r.start, r.end))
                }
                Framed::Oddity(o) => said.push(o.kind.0.into()),
                _ => {}
            };
            for (i, bytes) in text.chunks(size).enumerate() {
                framer.push(Placed { at: Timestamp(0), frame: 0, offset: (i * size) as u64, bytes }, &mut sink);
            }
            framer.finish(Timestamp(0), text.len() as u64, true, &mut sink);
            said
        };
        let want = ["0:\"Hi\" 0..7", "coded-lines.not-coded", "coded-lines.no-final-newline", "d:{} 17..21"];
        for size in 1..text.len() {
            assert_eq!(read(size), want, "{size}");
        }
    }
}
