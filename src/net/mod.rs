//! Link layers, IPv4, IPv6, fragments, tunnels: a packet becomes at most one TCP segment or UDP datagram,
//! borrowed from the packet.
//!
//! One layer at a time: `link::strip` finds the first, `Decoder::layer` continues until TCP or an unsupported
//! layer. Each layer is a [`view::View`], which knows how many bytes of the wire the capture lacks, so that
//! cut bytes are not mistaken for the end of the packet. Checksums are verified only on request: a capture on
//! the sender's host has packets whose checksums the device fills in later.
//!
//! To add one more link type: one arm in `link::strip`. One more EtherType: one arm in `link::ethertype`. One
//! more tunnel: one arm in `Decoder::transport`.

mod checksum;
mod fragments;
mod ip;
mod link;
mod segment;
#[cfg(test)]
mod tests;
mod tunnel;
mod view;
mod wlan;

use crate::capture::Packet;
use crate::time::Timestamp;
use fragments::Fragments;
use ip::Datagram;
use std::net::SocketAddr;
use view::View;

/// TCP flag bits as on the wire (RFC 9293 section 3.1).
pub mod flags {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
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
    /// Sender. Addresses stay as on the wire: an IPv4-mapped IPv6 address is not the IPv4 address.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// Distinguishes equal addresses in different VLANs or tunnels: 0 without any, else a hash of the tags
    /// that both directions share (VLAN ids, VXLAN and Geneve network ids, PPPoE sessions, tunnel ends, but
    /// not MPLS labels, which differ by direction).
    pub realm: u64,
    /// Where the packet was seen, so that copies of one packet can be distinguished from retransmissions: the
    /// kernel's interface index in SLL2 captures, else the capture's device number (pcapng interface,
    /// `--iface`). `None` if the capture does not have it (SLL version 1). Compare within one direction only:
    /// a tap may deliver each direction on its own device.
    pub device: Option<u32>,
    /// IPv4 identification, or that of an IPv6 fragment header, else 0 for unknown. A copy of a packet has
    /// the same value, a retransmission usually another. Senders may use 0 for all (RFC 6864).
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
    /// Number of payload bytes that were on the wire after `payload` and are not in the capture (snaplen).
    pub missing: u32,
}

/// One UDP datagram as captured that is none of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// Capture time of the packet (of the last fragment that completed it).
    pub at: Timestamp,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// As [`Segment::realm`].
    pub realm: u64,
    /// Payload as captured.
    pub payload: &'a [u8],
    /// Number of payload bytes that were on the wire and are not in the capture (snaplen).
    pub missing: u32,
}

/// Who takes what packets turn out to hold.
struct Sinks<'s> {
    tcp: &'s mut dyn FnMut(&Segment<'_>),
    udp: &'s mut dyn FnMut(&UdpDatagram<'_>),
}

/// What became of the packets. `packets` is the sum of `tcp`, `unknown_link`, `other`, `malformed`,
/// `bad_checksum` and `fragments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetStats {
    /// Packets seen.
    pub packets: u64,
    /// Packets that gave a TCP segment.
    pub tcp: u64,
    /// Packets of an unsupported link type.
    pub unknown_link: u64,
    /// The last unsupported link type.
    pub unknown_link_type: Option<u32>,
    /// Packets without TCP (other protocols).
    pub other: u64,
    /// Packets too short or broken in their headers.
    pub malformed: u64,
    /// Packets dropped because of a wrong IPv4 or TCP checksum (`Decoder::verify_checksums`).
    pub bad_checksum: u64,
    /// IP fragments that waited for the rest of their datagram. The fragment that completes the datagram is
    /// counted by what the whole datagram gives.
    pub fragments: u64,
    /// IP fragments that never became whole: timed out, evicted by the memory limit, or still waiting.
    pub lost_fragments: u64,
}

/// Most headers inside each other. More is an attack or damage.
const MAX_LAYERS: u8 = 16;

/// Turns packets into segments. Its only state are IP fragments and counters.
#[derive(Debug, Default)]
pub struct Decoder {
    stats: NetStats,
    fragments: Fragments,
    verify: bool,
}

/// What one packet turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Tcp,
    Other,
    Malformed,
    BadChecksum,
    Fragment,
    UnknownLink,
}

/// What the outer layers gave.
#[derive(Debug, Clone, Copy)]
struct Outside {
    at: Timestamp,
    frame: u64,
    device: Option<u32>,
    realm: u64,
    depth: u8,
}

impl Outside {
    /// The same inside one more tag or tunnel.
    fn within(mut self, kind: u8, tag: u64) -> Self {
        self.realm = mix(self.realm, kind, tag);
        self
    }
}

/// What comes next in a packet.
#[derive(Debug, Clone, Copy)]
enum Layer<'a> {
    /// Something with an EtherType.
    Ether(u16, View<'a>),
    /// An Ethernet header.
    Ethernet(View<'a>),
    /// IPv4 or IPv6, as its first nibble says.
    Ip(View<'a>),
    /// A PPP protocol number.
    Ppp(View<'a>),
    /// An unsupported protocol.
    Other,
    /// Its bytes contradict its type.
    Malformed,
}

impl Decoder {
    /// Bytes of memory in use: fragments that wait.
    pub fn held(&self) -> usize {
        self.fragments.held()
    }

    /// An empty decoder.
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Drop packets with a wrong checksum, as a receiver does: IPv4 headers, and TCP segments that were
    /// captured whole.
    #[must_use]
    pub fn verify_checksums(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Process one packet without UDP. Calls `sink` at most once.
    #[cfg(test)]
    pub fn push(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(&Segment<'_>)) {
        self.push_both(packet, sink, &mut |_| {});
    }

    /// Process one packet. Calls one of both sinks at most once.
    pub fn push_both(
        &mut self,
        packet: &Packet<'_>,
        tcp: &mut dyn FnMut(&Segment<'_>),
        udp: &mut dyn FnMut(&UdpDatagram<'_>),
    ) {
        let sink = &mut Sinks { tcp, udp };
        let mut out = Outside { at: packet.at, frame: packet.frame, device: Some(packet.device), realm: 0, depth: 0 };
        let view = View::new(packet.data, packet.wire_len);
        let became = match link::strip(packet.link, view, &mut out) {
            Some(first) => self.layer(first, out, sink),
            None => Became::UnknownLink,
        };
        self.stats.packets += 1;
        match became {
            Became::Tcp => self.stats.tcp += 1,
            Became::Other => self.stats.other += 1,
            Became::Malformed => self.stats.malformed += 1,
            Became::BadChecksum => self.stats.bad_checksum += 1,
            Became::Fragment => self.stats.fragments += 1,
            Became::UnknownLink => {
                self.stats.unknown_link += 1;
                self.stats.unknown_link_type = Some(packet.link);
            }
        }
    }

    /// What became of the packets so far.
    pub fn stats(&self) -> NetStats {
        NetStats { lost_fragments: self.fragments.lost(), ..self.stats }
    }

    /// Walk inwards from `layer`.
    fn layer(&mut self, mut layer: Layer<'_>, mut out: Outside, sink: &mut Sinks<'_>) -> Became {
        while out.depth < MAX_LAYERS {
            out.depth += 1;
            layer = match layer {
                Layer::Ethernet(v) => link::ethernet(v),
                Layer::Ether(kind, v) => link::ethertype(kind, v, &mut out),
                Layer::Ppp(v) => link::ppp(v),
                Layer::Ip(v) if self.verify && !checksum::ipv4(v.data) => return Became::BadChecksum,
                Layer::Ip(v) => {
                    return match ip::parse(v) {
                        Some(datagram) => self.datagram(datagram, out, sink),
                        None => Became::Malformed,
                    };
                }
                Layer::Other => return Became::Other,
                Layer::Malformed => return Became::Malformed,
            };
        }
        Became::Malformed
    }

    fn datagram(&mut self, d: Datagram<'_>, out: Outside, sink: &mut Sinks<'_>) -> Became {
        let Some(part) = d.fragment else { return self.transport(&d, out, sink) };
        match self.fragments.push(&d, part, &out) {
            fragments::Pushed::Whole(protocol, whole) => {
                let payload = View::new(&whole, whole.len() as u32);
                self.transport(&Datagram { protocol, payload, fragment: None, ..d }, out, sink)
            }
            fragments::Pushed::Kept => Became::Fragment,
            fragments::Pushed::Malformed => Became::Malformed,
        }
    }

    fn transport(&mut self, d: &Datagram<'_>, out: Outside, sink: &mut Sinks<'_>) -> Became {
        let Some((protocol, payload)) = ip::skip_extensions(d.protocol, d.payload) else { return Became::Malformed };
        let inside = match protocol {
            6 if self.verify && !checksum::tcp(d, payload) => return Became::BadChecksum,
            6 => return segment::tcp(d, payload, &out, sink.tcp),
            4 | 41 => Some((Layer::Ip(payload), out.within(b'i', tunnel::ends(d)))), // RFC 2003, RFC 4213
            17 => tunnel::udp(d, payload, out),
            47 => tunnel::gre(payload, out.within(b'g', tunnel::ends(d))),
            137 => Some((Layer::Ether(0x8847, payload), out)), // MPLS in IP, RFC 4023
            _ => None,
        };
        match inside {
            Some((layer, out)) => self.layer(layer, out, sink),
            None => {
                if protocol == 17 {
                    segment::udp(d, payload, &out, sink.udp);
                }
                Became::Other
            }
        }
    }
}

/// Add one more tag to a realm. Never returns 0, which means no tag.
fn mix(realm: u64, kind: u8, tag: u64) -> u64 {
    let mut h = realm ^ tag.wrapping_add(u64::from(kind) << 56);
    // the finaliser of MurmurHash3: every input bit affects every output bit
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h ^ (h >> 33)).max(1)
}
