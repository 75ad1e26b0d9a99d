//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): after the 101 there are two bodies, one in each
//! direction; their messages are records.
//!
//! The record of a message holds its payload, unmasked and decompressed; its range is that of its frames in
//! the body. `event` is `binary` if the message is not text. Pings and pongs are comments; the Close frame is
//! the framing's own end.

mod frames;
mod head;
mod inflate;

#[cfg(test)]
mod tests;

use crate::oddity::Kind;
pub(super) use frames::Frames;
pub(crate) use inflate::Fault;

/// The direction ended inside a message.
pub const TRUNCATED: Kind = Kind("ws.truncated");
/// A client's frame without a mask, or a server's with one (RFC 6455 section 5.1).
pub const MASK: Kind = Kind("ws.mask");
/// A reserved bit that no extension defines, or an undefined opcode (RFC 6455 section 5.2). Such a frame is
/// skipped.
pub const RESERVED: Kind = Kind("ws.reserved");
/// A control frame that is fragmented or longer than 125 bytes (RFC 6455 section 5.5).
pub const CONTROL: Kind = Kind("ws.control");
/// A continuation without a beginning, or a message that begins inside another (RFC 6455 section 5.4).
pub const FRAGMENTS: Kind = Kind("ws.fragments");
/// Compressed data that can't be decompressed; that message, and later ones that need its context, are
/// dropped.
pub const BROKEN: Kind = Kind("ws.broken");
/// Frames after the Close frame (RFC 6455 section 5.5.1).
pub const AFTER_CLOSE: Kind = Kind("ws.after-close");

/// The end that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Masks every frame.
    Client,
    /// Masks no frame.
    Server,
}

/// Kind of a frame (RFC 6455 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// The code of a Close frame's payload, if it has one (RFC 6455 section 5.5.1).
pub fn close_code(payload: &[u8]) -> Option<u16> {
    payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code))
}

/// permessage-deflate as agreed on in `Sec-WebSocket-Extensions` of the response: whether the sender's
/// messages share their context; `None`: not agreed on.
fn deflate(sender: Sender, extensions: Option<&str>) -> Option<bool> {
    let own = match sender {
        Sender::Client => "client_no_context_takeover",
        Sender::Server => "server_no_context_takeover",
    };
    extensions.unwrap_or_default().split(',').find_map(|extension| {
        let mut parts = extension.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate"));
        named.then(|| !parts.any(|parameter| parameter.eq_ignore_ascii_case(own)))
    })
}

/// The head of a frame (RFC 6455 section 5.2), for what reads frames that are already cut out of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameHead {
    /// The last frame of its message.
    pub(crate) fin: bool,
    /// The payload is compressed, if permessage-deflate was agreed on.
    pub(crate) rsv1: bool,
    /// A control frame.
    pub(crate) control: bool,
    /// The mask of the payload.
    pub(crate) mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub(crate) len: u64,
}

impl FrameHead {
    /// The head at the beginning of these bytes, and its length.
    pub(crate) fn read(bytes: &[u8]) -> Option<(FrameHead, usize)> {
        let mut partial = head::Partial::default();
        bytes.iter().take(head::MAX).enumerate().find_map(|(i, byte)| {
            let head::Head { fin, rsv1, kind, mask, len, .. } = partial.push(*byte)?;
            Some((FrameHead { fin, rsv1, control: kind.is_control(), mask, len }, i + 1))
        })
    }
}

/// Decompresses the messages of one direction.
#[derive(Debug)]
pub(crate) struct Inflater {
    inner: inflate::Inflate,
    takeover: bool,
}

impl Inflater {
    /// For a sender after a 101 with this `Sec-WebSocket-Extensions`; `None`: messages are not compressed.
    pub(crate) fn new(sender: Sender, extensions: Option<&str>) -> Option<Inflater> {
        deflate(sender, extensions).map(|takeover| Inflater { inner: inflate::Inflate::new(takeover), takeover })
    }

    /// Whether a message may refer to those before it.
    pub(crate) fn takes_over(&self) -> bool {
        self.takeover
    }

    /// Decompresses a message into `out`, up to `room` bytes.
    ///
    /// # Errors
    /// It cannot be read, or there are more.
    pub(crate) fn message(&mut self, data: &[u8], out: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
        self.inner.message(data, out, room)
    }
}
