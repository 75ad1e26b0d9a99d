//! The head of a frame (RFC 6455 section 5.2).

use super::Opcode;

/// Longest head: two bytes, a length of eight, a mask of four.
pub(super) const MAX: usize = 14;

/// A frame's head, byte by byte.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Partial {
    bytes: [u8; MAX],
    have: usize,
}

/// A complete head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    pub(super) rsv: bool,
    pub(super) kind: Kind,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) len: u64,
}

/// Meaning of the four bits of the opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation,
    Of(Opcode),
    Unknown(u8),
}

impl Kind {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Kind::Of(Opcode::Close | Opcode::Ping | Opcode::Pong) | Kind::Unknown(8..))
    }
}

impl Partial {
    /// No byte of a head has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.have == 0
    }

    /// Number of bytes that have arrived.
    pub(super) fn have(&self) -> usize {
        self.have
    }

    /// One more byte; returns the head when it is the last.
    pub(super) fn push(&mut self, byte: u8) -> Option<Head> {
        if let Some(place) = self.bytes.get_mut(self.have) {
            *place = byte;
            self.have += 1;
        }
        let [first, second, rest @ ..] = self.bytes;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = second & 0x80 != 0;
        if self.have < 2 + extended + if masked { 4 } else { 0 } {
            return None;
        }
        let len = match extended {
            0 => u64::from(second & 0x7f),
            n => rest.iter().take(n).fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let mask = rest.get(extended..).and_then(|rest| rest.first_chunk::<4>()).copied().filter(|_| masked);
        let kind = match first & 0x0f {
            0 => Kind::Continuation,
            1 => Kind::Of(Opcode::Text),
            2 => Kind::Of(Opcode::Binary),
            8 => Kind::Of(Opcode::Close),
            9 => Kind::Of(Opcode::Ping),
            10 => Kind::Of(Opcode::Pong),
            other => Kind::Unknown(other),
        };
        *self = Partial::default();
        Some(Head { fin: first & 0x80 != 0, rsv1: first & 0x40 != 0, rsv: first & 0x30 != 0, kind, mask, len })
    }
}
