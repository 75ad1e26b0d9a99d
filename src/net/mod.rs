//! Link layers, IPv4, IPv6, fragments: a packet becomes at most one TCP segment, borrowed from the packet.
//!
//! To add one more link type: one arm in `link::strip`.

use crate::capture::Packet;
use crate::time::Timestamp;
use std::net::SocketAddr;

/// TCP flag bits as on the wire (RFC 9293 section 3.1).
pub mod flags {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is significant.
    pub const URG: u8 = 0x20;
}

/// One TCP segment as captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Capture time of the packet (of the last fragment that completed it).
    pub at: Timestamp,
    /// Number of that packet, from 1.
    pub frame: u64,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// Keeps equal addresses apart that live in different VLANs or tunnels: 0 without any, else a hash of the tags.
    pub realm: u64,
    /// Where the same packet may be seen more than once because the capture covers several devices (`any`): the device, so that copies can be told.
    pub device: Option<u32>,
    /// IPv4 identification; 0 where there is none.
    pub ident: u32,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; meaningful with [`flags::ACK`].
    pub ack: u32,
    /// Flag bits, see [`flags`].
    pub flags: u8,
    /// Window, unscaled.
    pub window: u16,
    /// Payload as captured.
    pub payload: &'a [u8],
    /// Payload bytes that were on the wire behind `payload` and are not in the capture (snaplen).
    pub missing: u32,
}

/// What became of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetStats {
    /// Packets seen.
    pub packets: u64,
    /// Packets that gave a TCP segment.
    pub tcp: u64,
    /// Packets of a link type that is not read, and the last such type.
    pub unknown_link: u64,
    /// The last link type that is not read.
    pub unknown_link_type: Option<u32>,
    /// Packets without TCP (other protocols).
    pub other: u64,
    /// Packets too short or broken in their headers.
    pub malformed: u64,
    /// IP fragments that never became whole.
    pub lost_fragments: u64,
}

/// From packets to segments; holds IP fragments, nothing else.
#[derive(Debug, Default)]
pub struct Decoder;

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Decoder
    }

    /// One packet. Calls `sink` at most once.
    pub fn push(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(&Segment<'_>)) {
        let _ = (packet, sink);
    }

    /// What became of the packets so far.
    pub fn stats(&self) -> NetStats {
        NetStats::default()
    }
}
