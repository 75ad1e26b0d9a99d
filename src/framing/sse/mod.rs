//! Server-sent events exactly as WHATWG HTML, section 9.2.6, interprets them; what the standard ignores
//! silently is reported as oddities.
//!
//! A whole event within one piece is never copied: its record borrows from the piece. What spans pieces is copied once.

use super::carry::{Carry, MAX_RECORD};
use super::{Framed, Framer, Placed, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use block::Block;
use ends::{End, LineEnds};
use line::{Field, Line, set};
use memchr::memchr2;
use std::borrow::Cow;

mod block;
mod ends;
mod kinds;
mod line;

#[cfg(test)]
mod tests;

pub use kinds::*;

/// A line longer than this breaks common readers.
const LONG: usize = 64 << 10;
/// … and a line longer than this breaks even readers made for long lines.
const HUGE: usize = 32 << 20;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// ```text
/// Start ─mark or not─▶ Held ─gap─▶ Behind ─line that blocks of this stream begin with─▶ Held
///                                    └─any other line─▶ Lost ─blank line─▶ Held
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sync {
    /// Before the first byte that is not part of a byte order mark; number of bytes of a mark that were seen.
    #[default]
    Start,
    /// Lines are whole.
    Held,
    /// Right after a gap: the next line may be the rest of one.
    Behind,
    /// Inside a block whose beginning is missing.
    Lost,
}

/// Framer of an event stream.
#[derive(Debug, Default)]
pub(super) struct Sse {
    sync: Sync,
    /// The unfinished line of earlier pieces, and where it began.
    line: Carry,
    line_start: u64,
    line_at: Timestamp,
    block: Block,
    event: String,
    id: String,
    retry: Option<u64>,
    n: u64,
    ends: LineEnds,
    /// The field that blocks of this stream begin with, as the last dispatched one did.
    opening: Option<Field>,
    id_said: bool,
}

/// Time and packet of the current line, and whether its bytes need a second check.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Timestamp,
    frame: u64,
    suspect: bool,
}

impl Framer for Sse {
    fn held(&self) -> usize {
        let block = self.block.data.capacity() + self.block.stray.capacity();
        self.line.held() + block + self.event.capacity() + self.id.capacity()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let bytes = piece.bytes;
        // One fast pass over the piece: records of clean pieces need no closer check.
        let suspect = !bytes.is_ascii() || memchr2(0x0b, 0x0c, bytes).is_some();
        let seen = Seen { at: piece.at, frame: piece.frame, suspect };
        let mut single: Option<&[u8]> = None;
        let mut i = 0;
        if self.sync == Sync::Start {
            i = self.start(&piece, sink);
        }
        if self.ends.behind_cr() && i < bytes.len() {
            let lf = bytes[i] == b'\n';
            self.ends.settle_cr(lf, sink);
            i += usize::from(lf);
        }
        while i < bytes.len() {
            let rest = &bytes[i..];
            if self.line.is_empty() {
                (self.line_start, self.line_at) = (piece.pos(i), piece.at);
            }
            let Some(n) = memchr2(b'\n', b'\r', rest) else {
                self.keep_line(rest, suspect);
                break;
            };
            let next = i + n + 1;
            let (end, len) = match (rest[n], bytes.get(next)) {
                (b'\n', _) => (End::Lf, 1),
                (_, Some(b'\n')) => (End::CrLf, 2),
                (_, Some(_)) => (End::Cr, 1),
                (_, None) => (End::Open, 1),
            };
            let blank = n == 0 && self.line.is_empty();
            if blank {
                let behind = piece.pos(next).saturating_add(u64::from(self.ends.is_wide(end)));
                self.blank(single.take(), seen, behind, sink);
            } else if self.line.is_empty() {
                let value = self.line(&rest[..n], seen, sink);
                self.add_value(value, &mut single);
            } else {
                self.carried_line(&rest[..n], seen, &mut single, sink);
            }
            self.ends.note(end, blank, piece.at, piece.pos(i + n), sink);
            i += n + len;
        }
        if let Some(value) = single {
            self.block.data.extend_from_slice(value);
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        let dropped = self.line.len() + self.block.data.len();
        if dropped > 0 || self.block.open {
            sink(Framed::Oddity(lost(at, offset, len, dropped).record(self.n)));
        }
        self.ends.forget_cr();
        self.line.clear();
        self.reset();
        self.sync = Sync::Behind;
    }

    fn finish(&mut self, at: Timestamp, _: u64, _: bool, sink: &mut Sink<'_>) {
        self.ends.settle_cr(false, sink);
        if matches!(self.sync, Sync::Behind | Sync::Lost) {
            return;
        }
        if self.line.is_over() || self.block.over {
            self.odd(TOO_LONG, at, self.line_start, format!("an event of more than {MAX_RECORD} bytes"), sink);
            return;
        }
        let tail = self.line.bytes();
        if !tail.is_empty() && matches!(Line::read(tail), Line::Other(_)) {
            self.block.keep_stray(tail);
        }
        self.stray(at, sink);
        let tail = self.line.bytes();
        let value = match Line::read(tail) {
            Line::Field { field: Field::Data, value, .. } => tail.get(value..),
            _ => None,
        };
        let pending = self.block.data.get(self.block.from..).unwrap_or_default();
        if self.block.data_lines > 0 {
            let whole = value.map_or(pending.to_vec(), |value| [pending, b"\n", value].concat());
            self.merged(&whole, at, sink);
        }
        let found = match value {
            Some(value) if self.block.data_lines > 0 => excerpt(&[pending, b"\n", value].concat()),
            Some(value) => excerpt(value),
            None if self.block.data_lines > 0 => excerpt(pending),
            None if self.block.first.is_none() && (tail.is_empty() || tail.starts_with(b":")) => return,
            None => excerpt(tail),
        };
        let start = if self.block.open { self.block.start } else { self.line_start };
        if self.block.data_lines > 0 && tail.is_empty() {
            sink(Framed::Oddity(Oddity::new(WAITING_AT_END, at, found.clone()).offset(start).record(self.n)));
        }
        sink(Framed::Oddity(Oddity::new(PENDING_AT_END, at, found).offset(start).record(self.n)));
    }

    fn retry(&self) -> Option<u64> {
        self.retry
    }
}

impl Sse {
    /// The start of the body: drops a byte order mark, even if it is cut over pieces. Returns the index after it.
    fn start(&mut self, piece: &Placed<'_>, sink: &mut Sink<'_>) -> usize {
        for (i, b) in piece.bytes.iter().enumerate() {
            if MARK.get(self.line.len()) != Some(b) {
                self.sync = Sync::Held;
                return i;
            }
            if self.line.is_empty() {
                (self.line_start, self.line_at) = (piece.pos(i), piece.at);
            }
            self.line.keep(std::slice::from_ref(b));
            if self.line.len() == MARK.len() {
                self.line.clear();
                self.sync = Sync::Held;
                sink(Framed::Oddity(Oddity::new(BOM, piece.at, "EF BB BF").offset(0)));
                return i + 1;
            }
        }
        piece.bytes.len()
    }

    fn keep_line(&mut self, rest: &[u8], suspect: bool) {
        self.line.keep(rest);
        self.block.suspect |= suspect;
    }

    /// A line whose beginning is carried. If it is the block's first data, its buffer is taken over instead
    /// of copied.
    fn carried_line(&mut self, tail: &[u8], seen: Seen, single: &mut Option<&[u8]>, sink: &mut Sink<'_>) {
        self.line.keep(tail);
        if self.line.is_over() {
            self.line.clear();
            (self.block.open, self.block.over) = (true, true);
            return;
        }
        let mut line = Vec::new();
        self.line.swap(&mut line);
        match self.line(&line, seen, sink) {
            Some(value) if self.block.data_lines == 1 => {
                self.block.from = line.len() - value.len();
                std::mem::swap(&mut self.block.data, &mut line);
            }
            value => self.add_carried(value, single),
        }
        self.line.swap(&mut line);
        self.line.clear();
    }

    /// A value from this piece: borrowed while it is the only one.
    fn add_value<'p>(&mut self, value: Option<&'p [u8]>, single: &mut Option<&'p [u8]>) {
        match value {
            Some(_) if self.block.data_lines == 1 => *single = value,
            _ => self.add_carried(value, single),
        }
    }

    fn add_carried(&mut self, value: Option<&[u8]>, single: &mut Option<&[u8]>) {
        let Some(value) = value else { return };
        if let Some(first) = single.take() {
            self.block.data.extend_from_slice(first);
        }
        if self.block.data.len().saturating_add(value.len()) >= MAX_RECORD {
            self.block.over = true;
            self.block.data = Vec::new();
            self.block.from = 0;
        } else {
            self.block.data.push(b'\n');
            self.block.data.extend_from_slice(value);
        }
    }

    /// A complete line that is not blank; the value if it is data.
    fn line<'l>(&mut self, line: &'l [u8], seen: Seen, sink: &mut Sink<'_>) -> Option<&'l [u8]> {
        let (start, at) = (self.line_start, seen.at);
        let kind = Line::read(line);
        if self.sync != Sync::Held && !self.hold(kind, seen.at, sink) {
            return None;
        }
        if line.len() > LONG {
            let kind = if line.len() > HUGE { HUGE_LINE } else { LONG_LINE };
            self.odd(kind, at, start, format!("{} bytes", line.len()), sink);
        }
        if !self.block.open {
            (self.block.open, self.block.start, self.block.first_at) = (true, start, self.line_at);
        }
        self.block.suspect |= seen.suspect;
        let (field, value, colon) = match kind {
            Line::Comment => {
                sink(Framed::Comment { at, start, text: line.get(1..).unwrap_or_default() });
                return None;
            }
            Line::Other(kind) => {
                // After data of the same event it is the rest of a payload that a raw line end broke.
                let kind = if kind == NOT_A_FIELD_LINE && self.block.data_lines > 0 { RAW_NEWLINE } else { kind };
                self.odd(kind, at, start, excerpt(line), sink);
                self.block.keep_stray(line);
                return None;
            }
            Line::Field { field, value, colon } => (field, value, colon),
        };
        self.block.first.get_or_insert(field);
        let text = line.get(value..).unwrap_or_default();
        match field {
            Field::Data => {
                self.block.data_lines += 1;
                if self.block.data_lines == 1 && colon && !text.is_empty() {
                    match (text[0], value) {
                        (b' ' | b'\t', _) => self.odd(EXTRA_SPACE, at, start, excerpt(line), sink),
                        (_, 5) => self.odd(DATA_WITHOUT_SPACE, at, start, "no space after `data:`", sink),
                        _ => {}
                    }
                }
                return Some(text);
            }
            Field::Event => set(&mut self.event, text),
            Field::Id => self.set_id(text, at, start, sink),
            Field::Retry => self.set_retry(text, at, start, sink),
        }
        None
    }

    fn set_id(&mut self, text: &[u8], at: Timestamp, start: u64, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.id_said, true) {
            self.odd(ID_FIELD, at, start, excerpt(text), sink);
        }
        if !text.contains(&0) {
            set(&mut self.id, text);
        }
    }

    fn set_retry(&mut self, text: &[u8], at: Timestamp, start: u64, sink: &mut Sink<'_>) {
        let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        match std::str::from_utf8(text).ok().filter(|_| digits) {
            Some(text) => self.retry = Some(text.parse().unwrap_or(u64::MAX)),
            None => self.odd(BAD_RETRY, at, start, excerpt(text), sink),
        }
    }

    /// After a gap: checks whether this line is the first of a block, by how blocks of this stream begin.
    fn hold(&mut self, line: Line, at: Timestamp, sink: &mut Sink<'_>) -> bool {
        if self.sync == Sync::Behind {
            if let Line::Field { field, colon: true, .. } = line
                && self.opening.is_none_or(|o| o == field)
            {
                self.sync = Sync::Held;
                return true;
            }
            self.odd(super::LOST_SYNC, at, self.line_start, "a block whose beginning is missing", sink);
            self.sync = Sync::Lost;
        }
        false
    }

    fn odd(&self, kind: Kind, at: Timestamp, offset: u64, found: impl Into<Cow<'static, str>>, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(Oddity::new(kind, at, found).offset(offset).record(self.n)));
    }
}
