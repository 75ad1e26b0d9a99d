//! What the parser of a file format found: between `file`, which reads, and `pcap` and `pcapng`, which parse.

use crate::time::Timestamp;
use std::ops::Range;

/// What a format's parser found next.
pub(super) enum Step {
    /// A packet.
    Packet(Found),
    /// TLS key log lines.
    Secrets(Range<usize>),
    /// A record that Wireshark counts as a frame but that is not a packet.
    Numbered,
    /// A record without packet or message.
    Nothing,
    /// Damage that was skipped.
    Notice(String),
    /// The regular end.
    End,
    /// The file ends inside a record of `need` bytes that begins at the buffer's offset.
    Cut { need: usize },
    /// The bytes at offset `at` and all after them cannot be read.
    Impossible { at: u64, what: String },
}

/// A packet as a format's parser found it.
pub(super) struct Found {
    pub(super) at: Option<Timestamp>,
    pub(super) link: u32,
    pub(super) device: u32,
    pub(super) wire_len: u32,
    pub(super) data: Range<usize>,
}
