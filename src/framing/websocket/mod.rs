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
