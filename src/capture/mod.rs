//! Sources of packets: files (`file`) and devices (`live`).
//!
//! A file passes `source` (plain, gzip, zstd; regular, pipe), `buffer`, then `pcap` or `pcapng` (one record
//! or block each). To add one more file format: its magic number in `Reader::begin`, one file with a `step`,
//! one arm in `Reader::step`.

#[forbid(unsafe_code)]
mod buffer;
#[forbid(unsafe_code)]
pub mod file;
#[cfg(feature = "live")]
pub mod live;
#[forbid(unsafe_code)]
mod pcap;
#[forbid(unsafe_code)]
mod pcapng;
pub mod privileges;
mod source;
#[forbid(unsafe_code)]
mod step;
#[cfg(test)]
mod tests;

use crate::time::Timestamp;

/// One captured packet, borrowed from the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Capture time. May step backwards.
    pub at: Timestamp,
    /// Number of the packet, from 1, over all devices of the capture.
    pub frame: u64,
    /// Link type (`LINKTYPE_` registry number as in the file).
    pub link: u32,
    /// Device or pcapng interface, from 0.
    pub device: u32,
    /// Length on the wire; `data` may be shorter (snaplen).
    pub wire_len: u32,
    /// Captured bytes.
    pub data: &'a [u8],
}

/// An item of a capture.
#[derive(Debug)]
pub enum Item<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// TLS key log lines from a pcapng Decryption Secrets Block.
    Secrets(&'a [u8]),
    /// A message about the file for the user: what, and at which byte offset. Reading continues.
    Notice(String),
}

/// What the capture point counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Packets delivered.
    pub packets: u64,
    /// Packet bytes delivered.
    pub bytes: u64,
    /// Packets that the kernel dropped for lack of buffer space; `None` if they are not counted.
    pub dropped_kernel: Option<u64>,
    /// Packets that the device or its driver dropped; `None` if they are not counted.
    pub dropped_device: Option<u64>,
}
