//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): messages of both directions from the bytes behind a 101.
//!
//! Not yet joined to the connection: what `list` says of an exchange ends with its 101, and messages behind it have no place in it so far.

mod half;
mod head;
mod inflate;

#[cfg(test)]
mod tests;

use crate::conn::Direction;
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;
use half::Half;

/// A message is longer than 64 MiB, undone compression included; it was dropped.
pub const TOO_LONG: Kind = Kind("ws.too-long");
/// The direction ended inside a message.
pub const TRUNCATED: Kind = Kind("ws.truncated");
/// Bytes were not captured: the message was dropped, and what follows as well unless the gap lies within one frame.
pub const LOST: Kind = Kind("ws.lost");
/// A client's frame without a mask, or a server's with one (RFC 6455 section 5.1).
pub const MASK: Kind = Kind("ws.mask");
/// A reserved bit that no extension gave a meaning, or an opcode that has none (RFC 6455 section 5.2). Such a frame is passed over.
pub const RESERVED: Kind = Kind("ws.reserved");
/// A control frame that is fragmented or longer than 125 bytes (RFC 6455 section 5.5).
pub const CONTROL: Kind = Kind("ws.control");
/// A continuation of nothing, or a message that begins within another (RFC 6455 section 5.4).
pub const FRAGMENTS: Kind = Kind("ws.fragments");
/// Compressed data that can't be undone; that message, and what needs its context, is dropped.
pub const BROKEN: Kind = Kind("ws.broken");

/// The largest message that is kept.
const MAX_MESSAGE: usize = 64 << 20;

/// What a frame is (RFC 6455 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Text, UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// End of the connection: a code of two bytes and a reason.
    Close,
    /// Are you there?
    Ping,
    /// The answer, or a sign of life.
    Pong,
}

/// A whole message, or a control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Which end sent it.
    pub dir: Direction,
    /// What it is.
    pub opcode: Opcode,
    /// Time of its last byte.
    pub at: Timestamp,
    /// Packet of its last byte; 0 without packets.
    pub frame: u64,
    /// Time of its first byte.
    pub first_at: Timestamp,
    /// It was compressed.
    pub compressed: bool,
    /// Payload, all fragments, without mask and compression.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The code of a [`Opcode::Close`], where there is one (RFC 6455 section 5.5.1).
    pub fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>().filter(|_| self.opcode == Opcode::Close)?;
        Some(u16::from_be_bytes(*code))
    }
}

/// What the reader says.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A message.
    Message(Message<'a>),
    /// Something odd; offsets count in the bytes of the direction from the first behind the heads.
    Oddity(Oddity),
}

/// Both directions of a WebSocket connection.
#[derive(Debug)]
pub struct Reader {
    halves: [Half; 2],
}

impl Reader {
    /// Behind a 101 whose `Sec-WebSocket-Extensions` has this value.
    pub fn new(extensions: Option<&str>) -> Self {
        let half = |dir, takeover: &str| {
            let mut deflate = None;
            for extension in extensions.unwrap_or_default().split(',') {
                let mut parts = extension.split(';').map(str::trim);
                if parts.next().is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate")) {
                    deflate = Some(!parts.any(|parameter| parameter.eq_ignore_ascii_case(takeover)));
                }
            }
            Half::new(dir, deflate)
        };
        let client = half(Direction::ToServer, "client_no_context_takeover");
        Reader { halves: [client, half(Direction::ToClient, "server_no_context_takeover")] }
    }

    /// The next bytes of a direction, when and in which packet they came.
    pub fn push(&mut self, dir: Direction, at: Timestamp, frame: u64, bytes: &[u8], sink: &mut dyn FnMut(Heard<'_>)) {
        self.half(dir).push(at, frame, bytes, sink);
    }

    /// So many bytes of a direction were not captured.
    pub fn gap(&mut self, dir: Direction, at: Timestamp, len: u64, sink: &mut dyn FnMut(Heard<'_>)) {
        self.half(dir).gap(at, len, sink);
    }

    /// A direction ends.
    pub fn finish(&mut self, dir: Direction, at: Timestamp, sink: &mut dyn FnMut(Heard<'_>)) {
        self.half(dir).finish(at, sink);
    }

    fn half(&mut self, dir: Direction) -> &mut Half {
        let [client, server] = &mut self.halves;
        match dir {
            Direction::ToServer => client,
            Direction::ToClient => server,
        }
    }
}
