//! Length-prefixed messages: gRPC (`application/grpc`), gRPC-Web (`application/grpc-web`, as base64 in
//! `…-web-text`) and the streams of Connect (`application/connect+json`, `…+proto`). Sources: gRPC over HTTP2
//! and gRPC Web protocol documents; Connect protocol, "Streaming RPCs".
//!
//! ```text
//! flags u8 | length u32, big-endian | payload
//! ```
//! Flag 0x01: the payload is compressed (it stays so in the record). The last frame is not a message: 0x80 is
//! gRPC-Web's trailer section as text, 0x02 Connect's end of the stream as JSON; both are reported as
//! [`Framed::Closed`].
//!
//! In base64 a record's offsets are those of its digits in the body; a digit with bits of two messages belongs to the
//! first.

use super::carry::{Carry, MAX_RECORD};
use super::{Framed, Framer, Placed, Record, Sink, TOO_LONG, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;
use text::{Digit, Digits};

mod text;

#[cfg(test)]
pub(in crate::framing) mod tests;

/// A message is compressed; its record holds the compressed bytes.
pub const COMPRESSED: Kind = Kind("grpc.compressed");
/// The body ends inside a message.
pub const TRUNCATED: Kind = Kind("grpc.truncated");
/// Flags that no protocol defines: the rest of the body can't be read.
pub const BAD_FLAGS: Kind = Kind("grpc.bad-flags");
/// Bytes that should be base64 are not: the rest of the body can't be read.
pub const BAD_BASE64: Kind = Kind("grpc.bad-base64");
/// Bytes after the frame that ends the stream.
pub const AFTER_END: Kind = Kind("grpc.after-end");

/// Bytes before a payload.
const HEAD: usize = 5;
/// The payload is compressed.
const IS_COMPRESSED: u8 = 0x01;
/// The frame that ends the stream: Connect's, gRPC-Web's.
const IS_END: u8 = 0x02 | 0x80;

/// ```text
/// Head ─5 bytes─▶ Payload ─all there─▶ Head
///  │  └─over the limit─▶ Skip ─passed─▶ Head
///  └─unknown flags, gap of unknown extent─▶ Lost      Payload ─gap within─▶ Skip
/// ```
#[derive(Debug, Clone, Copy)]
enum State {
    /// `have` bytes of a head have arrived.
    Head { have: usize },
    /// Waiting for a payload of this length.
    Payload { flags: u8, len: usize },
    /// Skipping a payload that is not kept.
    Skip { left: u64 },
    /// Nothing marks the beginning of a message: reading can't resume.
    Lost,
}

/// Framer of length-prefixed messages; the first byte shows whether they are in base64.
#[derive(Debug)]
pub(super) struct Grpc {
    messages: Messages,
    coding: Coding,
}

/// How the frames are encoded.
#[derive(Debug)]
enum Coding {
    Unknown,
    Raw,
    Base64(Digits),
}

impl Default for Grpc {
    fn default() -> Self {
        Grpc { messages: Messages::default(), coding: Coding::Unknown }
    }
}

/// A body with a declared type of this family begins with a frame; `None`: more bytes are needed. Text and HTML,
/// which proxies answer with, never begin like a frame.
pub(super) fn begins(bytes: &[u8]) -> Option<bool> {
    let first = *bytes.first()?;
    if is_flags(first) {
        return Some(true);
    }
    if !matches!(first, b'A' | b'g') {
        return Some(false);
    }
    // Flags and the uppermost byte of the length, in three digits: real first messages are below 16 MiB.
    let mut bits = 0u32;
    for i in 0..3 {
        match bytes.get(i).copied().map(text::value) {
            Some(Some(digit)) => bits = bits << 6 | u32::from(digit),
            Some(None) => return Some(false),
            None => return None,
        }
    }
    let [_, _, high, low] = (bits >> 2).to_be_bytes();
    Some(is_flags(high) && low == 0)
}

fn is_flags(flags: u8) -> bool {
    matches!(flags & !IS_COMPRESSED, 0 | 0x02 | 0x80)
}

impl Framer for Grpc {
    fn held(&self) -> usize {
        self.messages.carry.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        if let (Coding::Unknown, Some(first)) = (&self.coding, piece.bytes.first()) {
            self.coding = if is_flags(*first) { Coding::Raw } else { Coding::Base64(Digits::default()) };
        }
        let Grpc { messages, coding } = self;
        let Coding::Base64(digits) = coding else { return messages.read(&piece, (piece.offset, piece.at), sink) };
        for (i, &digit) in piece.bytes.iter().enumerate() {
            match digits.push(digit, (piece.pos(i), piece.at)) {
                Digit::More => {}
                Digit::Byte { byte, began } => {
                    messages.read(&Placed { offset: piece.pos(i), bytes: &[byte], ..piece }, began, sink)
                }
                Digit::Bad => {
                    if !matches!(messages.state, State::Lost) {
                        let found = excerpt(&[digit]);
                        sink(Framed::Oddity(
                            Oddity::new(BAD_BASE64, piece.at, found).offset(piece.pos(i)).record(messages.n),
                        ));
                    }
                    return messages.lose();
                }
            }
        }
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        let known = if matches!(self.coding, Coding::Raw) { len } else { None };
        self.messages.gap(at, offset, len, known, sink);
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        let dangling = matches!(&self.coding, Coding::Base64(digits) if digits.dangling());
        self.messages.finish(at, offset, dangling, sink);
    }
}

/// Cutter of frames.
#[derive(Debug)]
struct Messages {
    state: State,
    head: [u8; HEAD],
    carry: Carry,
    start: u64,
    first_at: Timestamp,
    n: u64,
    ended: bool,
}

impl Default for Messages {
    fn default() -> Self {
        let (start, first_at) = (0, Timestamp::default());
        Messages {
            state: State::Head { have: 0 },
            head: [0; HEAD],
            carry: Carry::default(),
            start,
            first_at,
            n: 0,
            ended: false,
        }
    }
}

impl Messages {
    /// `began`: place and time of the digit or byte that starts the first byte.
    fn read(&mut self, piece: &Placed<'_>, began: (u64, Timestamp), sink: &mut Sink<'_>) {
        let mut i = 0;
        while i < piece.bytes.len() {
            let rest = &piece.bytes[i..];
            i += match self.state {
                State::Lost => return,
                State::Head { have } => {
                    if have == 0 {
                        (self.start, self.first_at) = if i == 0 { began } else { (piece.pos(i), piece.at) };
                    }
                    let n = rest.len().min(HEAD - have);
                    self.head[have..have + n].copy_from_slice(&rest[..n]);
                    self.state = State::Head { have: have + n };
                    if have + n == HEAD {
                        self.begin(piece, i + n, sink);
                    }
                    n
                }
                State::Payload { flags, len } => {
                    let missing = len.saturating_sub(self.carry.len());
                    if rest.len() < missing {
                        return self.carry.keep(rest);
                    }
                    let mut carry = std::mem::take(&mut self.carry);
                    self.frame(flags, carry.join(&rest[..missing]), piece, i + missing, sink);
                    carry.clear();
                    self.carry = carry;
                    missing
                }
                State::Skip { left } => {
                    let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.skip(left - n as u64);
                    n
                }
            };
        }
    }

    /// The head is complete and ends before `end` of the piece.
    fn begin(&mut self, piece: &Placed<'_>, end: usize, sink: &mut Sink<'_>) {
        let [flags, len @ ..] = self.head;
        let len = u32::from_be_bytes(len);
        if self.ended {
            self.odd(AFTER_END, piece.at, format!("flags {flags:#04x}, {len} bytes"), sink);
        }
        if !is_flags(flags) {
            self.odd(BAD_FLAGS, piece.at, format!("{flags:#04x}, length {len}"), sink);
            return self.lose();
        }
        if flags & IS_COMPRESSED != 0 {
            self.odd(COMPRESSED, piece.at, format!("flags {flags:#04x}, {len} bytes"), sink);
        }
        match usize::try_from(len).ok().filter(|len| *len <= MAX_RECORD) {
            Some(0) => self.frame(flags, b"", piece, end, sink),
            Some(len) => self.state = State::Payload { flags, len },
            None => {
                self.odd(TOO_LONG, piece.at, format!("{len} bytes"), sink);
                self.skip(u64::from(len));
            }
        }
    }

    /// A frame is complete and ends before `end` of the piece.
    fn frame(&mut self, flags: u8, data: &[u8], piece: &Placed<'_>, end: usize, sink: &mut Sink<'_>) {
        self.state = State::Head { have: 0 };
        let (at, frame) = (piece.at, piece.frame);
        if flags & IS_END != 0 {
            self.ended = true;
            return sink(Framed::Closed { at, offset: self.start, said: data });
        }
        let (n, start, first_at, end) = (self.n, self.start, self.first_at, piece.pos(end));
        self.n += 1;
        sink(Framed::Record(Record { n, at, first_at, frame, start, end, data, ..Record::default() }));
    }

    fn skip(&mut self, left: u64) {
        self.state = if left == 0 { State::Head { have: 0 } } else { State::Skip { left } };
    }

    fn lose(&mut self) {
        self.carry.clear();
        self.state = State::Lost;
    }

    /// Reports `len` missing bytes; `known`: number of bytes of frames, if known.
    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, known: Option<u64>, sink: &mut Sink<'_>) {
        let dropped = match self.state {
            State::Lost => return,
            State::Head { have } => have,
            State::Payload { .. } => HEAD + self.carry.len(),
            State::Skip { .. } => 0,
        };
        let left = match self.state {
            State::Payload { len, .. } => (len - self.carry.len().min(len)) as u64,
            State::Skip { left } => left,
            State::Head { .. } | State::Lost => 0,
        };
        match known.filter(|known| *known <= left) {
            Some(0) => return,
            Some(known) => {
                self.carry.clear();
                self.skip(left - known);
            }
            None => self.lose(),
        }
        sink(Framed::Oddity(lost(at, offset, len, dropped).record(self.n)));
    }

    fn finish(&mut self, at: Timestamp, offset: u64, dangling: bool, sink: &mut Sink<'_>) {
        let found = match self.state {
            State::Lost | State::Head { have: 0 } if !dangling => return,
            State::Lost => return,
            State::Head { have } => format!("{have} of {HEAD} bytes of a head"),
            State::Payload { len, .. } => format!("{} of {len} bytes of a message", self.carry.len()),
            State::Skip { left } => format!("{left} bytes missing"),
        };
        sink(Framed::Oddity(Oddity::new(TRUNCATED, at, found).offset(offset).record(self.n)));
        self.carry.clear();
    }

    fn odd(&self, kind: Kind, at: Timestamp, found: String, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(Oddity::new(kind, at, found).offset(self.start).record(self.n)));
    }
}
