//! Packets in, byte events out: link and IP layers, the choice of ports, TCP; and what is seen of QUIC.

use super::chosen::Chosen;
use crate::capture::Packet;
use crate::conn::{ByteEvent, ConnId};
use crate::net::{self, NetStats};
use crate::quic::{self, Quic};
use crate::tcp;
use crate::time::Timestamp;
use std::net::SocketAddr;

/// The layers below HTTP, for one capture.
#[derive(Debug)]
pub struct Reassembly {
    net: net::Decoder,
    tcp: tcp::Table,
    quic: quic::Flows,
    /// Only these ports; empty: all.
    ports: Vec<u16>,
    /// Only these connections; none: all.
    only: Option<Chosen>,
}

impl Default for Reassembly {
    /// Usual bounds, all ports, no check of checksums.
    fn default() -> Self {
        Reassembly::new(tcp::Limits::default(), false, Vec::new())
    }
}

impl Reassembly {
    /// `ports`: only TCP and QUIC to or from these; empty: all. `verify_checksums`: drop packets whose IPv4 or TCP
    /// checksum is wrong.
    pub fn new(limits: tcp::Limits, verify_checksums: bool, ports: Vec<u16>) -> Reassembly {
        let (net, tcp) = (net::Decoder::new().verify_checksums(verify_checksums), tcp::Table::new(limits));
        Reassembly { net, tcp, quic: quic::Flows::default(), ports, only: None }
    }

    /// The next packet.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.packet_or_quic(packet, sink, &mut |_| {});
    }

    /// The next packet; `over` gets the QUIC connections that ended.
    pub(super) fn packet_or_quic(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut dyn FnMut(ByteEvent<'_>),
        over: &mut dyn FnMut(Quic),
    ) {
        let Reassembly { net, tcp, quic, ports, only } = self;
        let wanted = |src: SocketAddr, dst: SocketAddr| {
            (ports.is_empty() || ports.contains(&src.port()) || ports.contains(&dst.port()))
                && only.as_ref().is_none_or(|only| only.has(src, dst))
        };
        net.push_both(
            packet,
            &mut |segment| {
                if wanted(segment.src, segment.dst) {
                    tcp.push(segment, sink);
                }
            },
            &mut |datagram| {
                if wanted(datagram.src, datagram.dst) {
                    quic.push(datagram, over);
                }
            },
        );
    }

    /// QUIC connections that are idle at `now` end; without a time all do.
    pub(super) fn end_quic(&mut self, now: Option<Timestamp>, over: &mut dyn FnMut(Quic)) {
        match now {
            Some(now) => self.quic.advance(now, over),
            None => self.quic.finish(over),
        }
    }

    /// What is seen of QUIC shares this budget.
    pub(super) fn within(mut self, budget: usize) -> Reassembly {
        self.quic = quic::Flows::new(budget);
        self
    }

    /// Reads these connections only.
    pub(super) fn only(mut self, only: Option<Chosen>) -> Reassembly {
        self.only = only;
        self
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
        self.net.held() + self.tcp.held() + self.quic.held()
    }

    /// What each connection holds, by number: with its slot, and bytes of memory.
    pub(super) fn holders(&self) -> Vec<(ConnId, usize, usize)> {
        self.tcp.holders()
    }

    /// The memory of all is short: the connection in this slot ends here.
    pub(super) fn give_way(&mut self, slot: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        self.tcp.give_way(slot, sink);
    }

    /// The memory of all is short: tables that connections have left give their memory back.
    pub(super) fn trim(&mut self) {
        self.tcp.trim();
    }

    /// Number of connections that are held, including those that ended a few seconds ago.
    pub fn connections(&self) -> usize {
        self.tcp.len()
    }
}
