//! What the parser of a file format found: between `file`, which reads, and `pcap` and `pcapng`, which parse.

use crate::time::Timestamp;
use std::ops::Range;

/// What a format's parser found next.
pub(super) enum Step {
    /// A packet.
    Packet(Found),
    /// TLS key log lines.
    Secrets(Range<usize>),
    /// A record that Wireshark counts as a frame and that is no packet.
    Numbered,
    /// Nothing to hand out.
    Nothing,
    /// Damage, passed over.
    Notice(String),
    /// The proper end.
    End,
    /// The file ends inside a record of `need` bytes that begins at the buffer's offset.
    Cut { need: usize },
    /// What stands at byte `at` cannot be read, nor what follows.
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
