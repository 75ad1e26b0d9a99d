//! Packets in, byte events out: link and IP layers, the choice of ports, TCP.

use crate::capture::Packet;
use crate::conn::{ByteEvent, ConnId};
use crate::net::{self, NetStats};
use crate::tcp;
use crate::time::Timestamp;

/// The layers below HTTP, for one capture.
#[derive(Debug)]
pub struct Reassembly {
    net: net::Decoder,
    tcp: tcp::Table,
    /// Only these ports; empty: all.
    ports: Vec<u16>,
}

impl Default for Reassembly {
    /// Usual bounds, all ports, no check of checksums.
    fn default() -> Self {
        Reassembly::new(tcp::Limits::default(), false, Vec::new())
    }
}

impl Reassembly {
    /// `ports`: only TCP to or from these; empty: all. `verify_checksums`: drop packets whose IPv4 or TCP checksum is
    /// wrong.
    pub fn new(limits: tcp::Limits, verify_checksums: bool, ports: Vec<u16>) -> Reassembly {
        Reassembly { net: net::Decoder::new().verify_checksums(verify_checksums), tcp: tcp::Table::new(limits), ports }
    }

    /// The next packet.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let Reassembly { net, tcp, ports } = self;
        net.push(packet, &mut |segment| {
            if ports.is_empty() || ports.contains(&segment.src.port()) || ports.contains(&segment.dst.port()) {
                tcp.push(segment, sink);
            }
        });
    }

    /// The time is `now`, and no packet came.
    pub fn advance(&mut self, now: Timestamp, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.tcp.advance(now, sink);
    }

    /// The capture is over: waiting bytes are delivered with their gaps, and every connection ends. Returns the
    /// counts of packets by kind.
    pub fn finish(&mut self, sink: &mut dyn FnMut(ByteEvent<'_>)) -> NetStats {
        self.tcp.finish(sink);
        self.net.stats()
    }

    /// Bytes of memory in use, about.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.net.held() + self.tcp.held()
    }

    /// What each connection holds, by number: with its slot, and bytes of memory.
    pub(super) fn holders(&self) -> Vec<(ConnId, usize, usize)> {
        self.tcp.holders()
    }

    /// The memory of all is short: the connection in this slot ends here.
    pub(super) fn give_way(&mut self, slot: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.tcp.give_way(slot, sink);
    }

    /// Number of connections that are held, including those that ended a few seconds ago.
    pub fn connections(&self) -> usize {
        self.tcp.len()
    }
}
