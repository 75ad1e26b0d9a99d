//! `application/vnd.amazon.eventstream`: length-prefixed binary messages with typed headers and two checksums (Smithy
//! event stream
//! specification; lengths and checksums are big-endian).
//!
//! ```text
//! total u32 | headers u32 | CRC32 of these 8 bytes | headers | payload | CRC32 of everything before it
//! ```

use super::carry::Carry;
use super::{Framed, Framer, Placed, Record, Sink, lost};
use crate::oddity::{Kind, Oddity, excerpt};
use crate::time::Timestamp;

pub mod header;

#[cfg(test)]
pub(in crate::framing) mod tests;

pub use header::{Headers, Value};

/// The checksum of the prelude does not match the two lengths.
pub const BAD_PRELUDE_CRC: Kind = Kind("aws.bad-prelude-crc");
/// The checksum of a message does not match it.
pub const BAD_MESSAGE_CRC: Kind = Kind("aws.bad-message-crc");
/// Impossible lengths: under 16 bytes, over 16 MiB, or headers longer than the message. Reading continues at
/// the next valid prelude.
pub const BAD_LENGTH: Kind = Kind("aws.bad-length");
/// The headers can't be read to their end.
pub const BAD_HEADER: Kind = Kind("aws.bad-header");
/// The body ends inside a message.
pub const TRUNCATED: Kind = Kind("aws.truncated-message");

/// Bytes before the headers.
pub(super) const PRELUDE: usize = 12;
/// Length of a message without headers and payload.
const MIN_MESSAGE: usize = 16;
/// Longest message that is accepted.
const MAX_MESSAGE: usize = 16 << 20;

/// ```text
/// Prelude ─12 bytes, lengths sane─▶ Message ─all there─▶ Prelude
///    └─lengths not sane, gap─▶ Lost ─valid prelude─▶ Prelude
/// ```
#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// Waiting for the prelude.
    #[default]
    Prelude,
    /// Waiting for the message.
    Message {
        /// Length of the message, prelude included.
        total: usize,
    },
    /// Looking for a prelude with a valid checksum. The carry holds the last bytes, too few for a prelude.
    Lost,
}

/// Framer of an event stream.
#[derive(Debug, Default)]
pub(super) struct Aws {
    state: State,
    carry: Carry,
    start: u64,
    first_at: Timestamp,
    n: u64,
}

/// The two lengths of a prelude, and whether its checksum matches.
pub(super) struct Prelude {
    /// Length of the message, everything included.
    pub(super) total: usize,
    /// Length of its headers.
    pub(super) headers: usize,
    /// The checksum matches.
    pub(super) valid: bool,
}

impl Prelude {
    /// Parses its twelve bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Prelude> {
        let (total, headers, crc) = (u32_at(bytes, 0)?, u32_at(bytes, 4)?, u32_at(bytes, 8)?);
        let valid = crc32fast::hash(bytes.get(..8)?) == crc;
        Some(Prelude { total: total as usize, headers: headers as usize, valid })
    }

    /// The lengths are possible.
    pub(super) fn is_sane(&self) -> bool {
        (MIN_MESSAGE..=MAX_MESSAGE).contains(&self.total) && self.headers <= self.total - MIN_MESSAGE
    }
}

impl Framer for Aws {
    fn held(&self) -> usize {
        self.carry.held()
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        self.read(&piece, sink);
    }

    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if !self.carry.is_empty() {
            sink(Framed::Oddity(lost(at, offset, len, self.carry.len())));
            self.carry.clear();
        }
        self.state = State::Lost;
    }

    fn finish(&mut self, at: Timestamp, offset: u64, _: bool, sink: &mut Sink<'_>) {
        if !self.carry.is_empty() && !matches!(self.state, State::Lost) {
            let found = match self.state {
                State::Message { total } => format!("{} of {total} bytes", self.carry.len()),
                _ => format!("{} bytes", self.carry.len()),
            };
            sink(Framed::Oddity(Oddity::new(TRUNCATED, at, found).offset(offset).record(self.n)));
        }
        self.carry.clear();
    }
}

impl Aws {
    fn read(&mut self, piece: &Placed<'_>, sink: &mut Sink<'_>) {
        let mut i = 0;
        while i < piece.bytes.len() {
            let rest = &piece.bytes[i..];
            if matches!(self.state, State::Lost) && !self.carry.is_empty() {
                // At most eleven bytes: join them once, so that a prelude over the cut is found.
                let mut joined = self.carry.bytes().to_vec();
                let offset = piece.pos(i).saturating_sub(joined.len() as u64);
                joined.extend_from_slice(rest);
                self.carry.clear();
                return self.read(&Placed { offset, bytes: &joined, ..*piece }, sink);
            }
            if self.carry.is_empty() {
                (self.start, self.first_at) = (piece.pos(i), piece.at);
            }
            let need = match self.state {
                State::Prelude => PRELUDE,
                State::Message { total } => total,
                State::Lost => match find_prelude(rest) {
                    Ok(n) => {
                        self.state = State::Prelude;
                        i += n;
                        continue;
                    }
                    Err(tail) => return self.carry.keep(&rest[tail..]),
                },
            };
            let missing = need.saturating_sub(self.carry.len());
            if rest.len() < missing {
                return self.carry.keep(rest);
            }
            i += match self.state {
                State::Prelude => self.prelude(piece, i, missing, sink),
                _ => self.message(piece, i, missing, sink),
            };
        }
    }

    /// The prelude is complete; returns how many bytes of the piece are consumed.
    fn prelude(&mut self, piece: &Placed<'_>, i: usize, missing: usize, sink: &mut Sink<'_>) -> usize {
        let mut bytes = [0; PRELUDE];
        let (carried, fresh) = bytes.split_at_mut(PRELUDE - missing);
        carried.copy_from_slice(self.carry.bytes().get(..carried.len()).unwrap_or(&[0; PRELUDE][..carried.len()]));
        fresh.copy_from_slice(&piece.bytes[i..i + missing]);
        let Some(prelude) = Prelude::read(&bytes) else { return missing };
        if !prelude.valid {
            let (found, fits) = (u32_at(&bytes, 8).unwrap_or(0), crc32fast::hash(&bytes[..8]));
            self.odd(BAD_PRELUDE_CRC, piece.at, format!("{found:08x} instead of {fits:08x}"), sink);
        }
        if !prelude.is_sane() {
            self.odd(BAD_LENGTH, piece.at, format!("message {}, headers {}", prelude.total, prelude.headers), sink);
            self.state = State::Lost; // continue at the byte after the first
            if self.carry.is_empty() {
                return 1;
            }
            self.carry.clear();
            self.carry.keep(&bytes[1..]);
            return missing;
        }
        self.state = State::Message { total: prelude.total };
        if self.carry.is_empty() {
            return 0; // the message may be whole in this piece: nothing is copied yet
        }
        self.carry.keep(&piece.bytes[i..i + missing]);
        missing
    }

    /// The message is complete.
    fn message(&mut self, piece: &Placed<'_>, i: usize, missing: usize, sink: &mut Sink<'_>) -> usize {
        let end = piece.pos(i + missing);
        let mut carry = std::mem::take(&mut self.carry);
        self.record(carry.join(&piece.bytes[i..i + missing]), piece, end, sink);
        carry.clear();
        self.carry = carry;
        self.n += 1;
        self.state = State::Prelude;
        missing
    }

    fn record(&self, message: &[u8], piece: &Placed<'_>, end: u64, sink: &mut Sink<'_>) {
        let Some(prelude) = Prelude::read(message) else { return };
        let body_end = message.len().saturating_sub(4);
        let headers = PRELUDE + prelude.headers;
        let (Some(head), Some(data)) = (message.get(PRELUDE..headers), message.get(headers..body_end)) else { return };
        let (found, fits) = (u32_at(message, body_end).unwrap_or(0), crc32fast::hash(&message[..body_end]));
        if found != fits {
            self.odd(BAD_MESSAGE_CRC, piece.at, format!("{found:08x} instead of {fits:08x}"), sink);
        }
        let (mut kind, mut event, mut error) = ("", "", "");
        for header in Headers::new(head) {
            match header {
                Ok((b":message-type", Value::Text(v))) => kind = v,
                Ok((b":event-type" | b":exception-type", Value::Text(v))) => event = v,
                Ok((b":error-code", Value::Text(v))) => error = v,
                Ok(_) => {}
                Err(at) => self.odd(BAD_HEADER, piece.at, excerpt(head.get(at..).unwrap_or_default()), sink),
            }
        }
        let exception = matches!(kind, "exception" | "error");
        let event = if event.is_empty() { error } else { event };
        let (n, start, first_at, at, frame) = (self.n, self.start, self.first_at, piece.at, piece.frame);
        sink(Framed::Record(Record {
            n,
            at,
            first_at,
            frame,
            start,
            end,
            data,
            event,
            exception,
            ..Record::default()
        }));
    }

    fn odd(&self, kind: Kind, at: Timestamp, found: String, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(Oddity::new(kind, at, found).offset(self.start).record(self.n)));
    }
}

/// Where a valid prelude begins; else from where on bytes must be kept because a prelude may have begun.
fn find_prelude(bytes: &[u8]) -> Result<usize, usize> {
    for (i, window) in bytes.windows(PRELUDE).enumerate() {
        // Lengths under 16 MiB: cheap to rule out before a checksum is computed.
        if window[0] <= 1 && window[4] <= 1 && Prelude::read(window).is_some_and(|p| p.valid && p.is_sane()) {
            return Ok(i);
        }
    }
    Err(bytes.len().saturating_sub(PRELUDE - 1))
}

fn u32_at(bytes: &[u8], i: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(i..i + 4)?.try_into().ok()?))
}
