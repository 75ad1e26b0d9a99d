//! Lines of one character, a colon and a JSON value: the data stream of the AI SDK's version 4, `0:"Hi"` (DIALECTS.md a.24).

use super::carry::Carry;
use super::split::is_value;
use super::{Framed, Framer, Placed, Record, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// The last line has no LF; at a complete end it counts as whole.
pub const NO_FINAL_NEWLINE: Kind = Kind("coded-lines.no-final-newline");
/// The body was cut off inside a line; that is no record.
pub const PENDING_AT_END: Kind = Kind("coded-lines.pending-at-end");
/// A line without a code or without a JSON value behind it; it is no record.
pub const NOT_CODED: Kind = Kind("coded-lines.not-coded");

/// Characters that are codes.
const CODES: &[u8] = b"0123456789abcdefghijk";

/// The code of a line (without its end) and the JSON behind it.
pub(super) fn coded(line: &[u8]) -> Option<(&str, &[u8])> {
    let (code, rest) = line.split_first_chunk::<2>()?;
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let name = std::str::from_utf8(&code[..1]).ok()?;
    (CODES.contains(&code[0]) && code[1] == b':' && is_value(rest)).then_some((name, rest))
}

/// Whether a body begins so: none while its first line is not whole.
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
    line: Carry,
    start: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    last_frame: u64,
}

impl Framer for CodedLines {
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
        // A line that lost its beginning has no code and tells so itself.
        if !self.line.is_empty() {
            sink(Framed::Oddity(lost(at, offset, len, self.line.len())));
            self.line.clear();
        }
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

impl CodedLines {
    /// A line is over: `tail` is what the carry has not got, `end` the offset behind the line end.
    fn line(&mut self, tail: &[u8], end: u64, sink: &mut Sink<'_>) {
        let (n, start, at) = (self.n, self.start, self.last_at);
        if !self.line.is_empty() {
            self.line.keep(tail);
        }
        if self.line.is_over() {
            sink(Framed::Oddity(Oddity::new(TOO_LONG, at, format!("a line of {} bytes", end.saturating_sub(start))).offset(start)));
            self.line.clear();
            return;
        }
        let line = if self.line.is_empty() { tail } else { self.line.bytes() };
        match coded(line) {
            Some((event, data)) => {
                let (first_at, frame) = (self.first_at, self.last_frame);
                sink(Framed::Record(Record { n, at, first_at, frame, start, end, data, event, ..Record::default() }));
                self.n += 1;
            }
            None => sink(Framed::Oddity(Oddity::new(NOT_CODED, at, excerpt(line)).offset(start))),
        }
        self.line.clear();
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
                Framed::Record(r) => said.push(format!("{}:{} {}..{}", r.event, String::from_utf8_lossy(r.data), r.start, r.end)),
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
