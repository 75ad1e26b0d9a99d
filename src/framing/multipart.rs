//! Multipart bodies that are streamed part by part (RFC 2046 section 5.1): `multipart/mixed` of GraphQL's incremental
//! delivery, `x-mixed-replace`.
//!
//! The boundary is read from the body's first delimiter line. A part ends with the delimiter after it, or
//! earlier if it states its length.

use super::carry::Carry;
use super::{Framed, Framer, Placed, Record, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use memchr::memchr;

/// The body ended properly without the closing delimiter; the bytes after the last delimiter count as a part.
pub const NO_CLOSE: Kind = Kind("multipart.no-close-delimiter");
/// The body was cut inside a part; that is not a record.
pub const PENDING_AT_END: Kind = Kind("multipart.pending-at-end");

/// Longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY: usize = 70;
/// The delimiter line and the first part's head are looked for in this many bytes.
const HEAD: usize = 4 << 10;
/// Bytes of a line that are kept to identify it.
const LINE: usize = 1 << 10;

/// Whether a body begins with a delimiter and a head with a `Content-` field; `None` while they are
/// incomplete.
pub(super) fn begins(all: &[u8]) -> Option<bool> {
    let head = all.get(..HEAD).unwrap_or(all);
    let (mut rest, mut content) = (head, false);
    for n in 0.. {
        let Some(end) = memchr(b'\n', rest) else { break };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        match n {
            0 if delimiter(line).is_none() => return Some(false),
            0 => {}
            _ if line.is_empty() => return Some(content),
            _ if !is_field(line) => return Some(false),
            _ => content |= line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-")),
        }
        rest = &rest[end + 1..];
    }
    let short = b"--".starts_with(head.get(..2).unwrap_or(head));
    if !short || all.len() >= HEAD { Some(false) } else { None }
}

/// `--` and a boundary, without white space after them.
fn delimiter(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_end();
    let boundary = line.strip_prefix(b"--")?;
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
    (!boundary.is_empty() && boundary.len() <= BOUNDARY && boundary.iter().all(fits)).then_some(line)
}

fn is_field(line: &[u8]) -> bool {
    let name = memchr(b':', line).map(|colon| &line[..colon]);
    name.is_some_and(|n| !n.is_empty() && n.iter().all(|b| b.is_ascii_graphic()))
}

/// ```text
/// Outside ─delimiter─▶ Head ─empty line─▶ Body ─delimiter─▶ Head
///    ▲                                     │└─close delimiter─▶ Closed
///    └───────────── its length is there ───┘
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter, or after a part that stated its length.
    #[default]
    Outside,
    /// In a part's head, which may state its length.
    Head { length: Option<usize> },
    /// In a part's body.
    Body { length: Option<usize> },
    /// After the closing delimiter, where bytes do not count.
    Closed,
}

/// Framer of multipart bodies.
#[derive(Debug, Default)]
pub(super) struct Multipart {
    n: u64,
    state: State,
    /// `--` and the boundary; empty until one was seen.
    delimiter: Vec<u8>,
    body: Carry,
    /// The current line: its beginning, its whole length, its place.
    line: Vec<u8>,
    line_len: usize,
    line_start: u64,
    /// Where the part's head began.
    start: u64,
    first_at: Timestamp,
}

impl Framer for Multipart {
    fn held(&self) -> usize {
        self.delimiter.capacity() + self.body.held() + self.line.capacity()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let mut i = 0;
        while i < piece.bytes.len() && self.state != State::Closed {
            let take = self.step(&piece.bytes[i..]);
            if self.line_len == 0 {
                self.line_start = piece.pos(i);
            }
            if self.line_start == self.start && matches!(self.state, State::Head { .. }) && self.line_len == 0 {
                self.first_at = piece.at;
            }
            let bytes = &piece.bytes[i..i + take];
            i += take;
            self.line_len += take;
            self.line.extend_from_slice(&bytes[..take.min(LINE.saturating_sub(self.line.len()))]);
            if let State::Body { .. } = self.state {
                self.body.keep(bytes);
            }
            self.after(Placed { bytes, ..piece }, piece.pos(i), sink);
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if self.state != State::Closed {
            sink(Framed::Oddity(lost(at, offset, len, self.body.len())));
            self.body.clear();
            // What follows is the rest of some line.
            (self.state, self.line_len) = (State::Outside, 1);
            self.line.clear();
            self.line.push(b'?');
        }
    }

    fn finish(&mut self, at: Timestamp, offset: u64, complete: bool, sink: &mut Sink<'_>) {
        let begun = self.n > 0 || self.state != State::Outside;
        if self.state == State::Closed || !begun {
            return;
        }
        let odd = |kind, found| Framed::Oddity(Oddity::new(kind, at, found).offset(offset).record(self.n));
        if complete {
            sink(odd(NO_CLOSE, "the body ended".to_owned()));
            if matches!(self.state, State::Body { length: None }) && !self.body.is_empty() {
                self.part(0, (at, 0), offset, sink);
            }
        } else if self.state != State::Outside {
            sink(odd(PENDING_AT_END, excerpt(self.body.bytes())));
        }
        self.state = State::Closed;
    }
}

impl Multipart {
    /// Number of these bytes that can be consumed before a decision: at a line's end, where a delimiter shows
    /// whether it closes, and where a part that stated its length is complete.
    fn step(&self, rest: &[u8]) -> usize {
        let mut take = memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
        let close = self.delimiter.len() + 2;
        if self.line_len < close {
            take = take.min(close - self.line_len);
        }
        if let State::Body { length: Some(length) } = self.state {
            take = take.min(length.saturating_sub(self.body.len()).max(1));
        }
        take
    }

    /// Decides by the bytes so far; `end` is the offset after them.
    fn after(&mut self, piece: Placed<'_>, end: u64, sink: &mut Sink<'_>) {
        let at = (piece.at, piece.frame);
        if let State::Body { length: Some(length) } = self.state {
            if self.body.len() >= length || self.body.is_over() {
                self.part(0, at, end, sink);
                (self.state, self.line_len) = (State::Outside, 0);
                self.line.clear();
            }
            return;
        }
        let looks = matches!(self.state, State::Outside | State::Body { .. }) && !self.delimiter.is_empty();
        let closes = || self.line.strip_prefix(self.delimiter.as_slice()) == Some(b"--");
        if looks && self.line_len == self.delimiter.len() + 2 && closes() {
            self.part_before_line(at, sink);
            self.state = State::Closed;
            sink(Framed::Closed { at: piece.at, offset: self.line_start, said: &[] });
            return;
        }
        if piece.bytes.last() == Some(&b'\n') {
            self.line(at, sink);
            self.line_len = 0;
            self.line.clear();
        }
    }

    /// A line is over.
    fn line(&mut self, at: (Timestamp, u64), sink: &mut Sink<'_>) {
        let line = self.line.trim_ascii_end();
        match self.state {
            State::Outside | State::Body { .. } => {
                let first = self.delimiter.is_empty();
                let opens =
                    if first { delimiter(line).is_some() } else { line == self.delimiter && self.line_len <= LINE };
                if !opens {
                    return;
                }
                if first {
                    self.delimiter = line.to_vec();
                }
                self.part_before_line(at, sink);
                self.start = self.line_start + self.line_len as u64;
                self.state = State::Head { length: None };
            }
            State::Head { length: Some(0) } if line.is_empty() => {
                self.part(0, at, self.line_start + self.line_len as u64, sink);
                self.state = State::Outside;
            }
            State::Head { length } if line.is_empty() => self.state = State::Body { length },
            State::Head { length } => self.state = State::Head { length: length_of(line).or(length) },
            State::Closed => {}
        }
    }

    /// The current delimiter line ends a part: the line and the line end before it belong to the delimiter.
    fn part_before_line(&mut self, at: (Timestamp, u64), sink: &mut Sink<'_>) {
        if matches!(self.state, State::Body { .. }) {
            self.part(self.line_len, at, self.line_start, sink);
        }
    }

    /// The part is complete except for these last bytes.
    fn part(&mut self, not: usize, (at, frame): (Timestamp, u64), end: u64, sink: &mut Sink<'_>) {
        let Multipart { n, start, first_at, .. } = *self;
        if self.body.is_over() {
            sink(Framed::Oddity(
                Oddity::new(TOO_LONG, at, format!("a part of {} bytes", end.saturating_sub(start))).offset(start),
            ));
        } else {
            let body = self.body.bytes();
            let body = &body[..body.len().saturating_sub(not)];
            let data = body.strip_suffix(b"\n").map_or(body, |b| b.strip_suffix(b"\r").unwrap_or(b));
            let data = if not > 0 { data } else { body };
            sink(Framed::Record(Record { n, at, first_at, frame, start, end, data, ..Record::default() }));
            self.n += 1;
        }
        self.body.clear();
    }
}

/// The value of a `Content-Length` line.
fn length_of(line: &[u8]) -> Option<usize> {
    let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
    let value = std::str::from_utf8(value.get(1..)?).ok()?;
    name.eq_ignore_ascii_case(b"content-length").then(|| value.trim().parse().ok())?
}
