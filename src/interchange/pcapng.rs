//! Writes a capture file (pcapng) of a conversation that was never packets, or was inside TLS: Ethernet, IP and TCP
//! around its bytes.

use crate::conn::{Direction, End, Endpoints};
use crate::time::Timestamp;
use crate::wire::{Transcript, What};
use etherparse::PacketBuilder;
use std::net::SocketAddr;

/// Most payload bytes of one packet: loopback devices carry it and every dissector accepts it.
const SEGMENT: usize = 32_768;
const WINDOW: u16 = 65_535;

/// The bytes of the file. Times keep their nanoseconds.
pub fn file<'t>(conversations: impl IntoIterator<Item = (Endpoints, &'t Transcript)>) -> Vec<u8> {
    let mut out = Vec::new();
    section(&mut out);
    let mut packets: Vec<(Timestamp, Vec<u8>)> = Vec::new();
    for (endpoints, transcript) in conversations {
        Talk { endpoints, next: [1000, 5000], packets: &mut packets }.play(transcript);
    }
    packets.sort_by_key(|(at, _)| *at);
    packets.iter().for_each(|(at, bytes)| packet(&mut out, *at, bytes));
    out
}

/// Converts one connection into packets.
struct Talk<'p> {
    endpoints: Endpoints,
    /// Next sequence number of each direction.
    next: [u32; 2],
    packets: &'p mut Vec<(Timestamp, Vec<u8>)>,
}

impl Talk<'_> {
    fn play(&mut self, transcript: &Transcript) {
        for event in &transcript.events {
            match &event.what {
                What::Open { joined: true } => {}
                What::Open { joined: false } => {
                    self.segment(event.at, Direction::ToServer, Flags { syn: true, ..Flags::default() }, &[]);
                    self.segment(
                        event.at,
                        Direction::ToClient,
                        Flags { syn: true, ack: true, ..Flags::default() },
                        &[],
                    );
                    self.segment(event.at, Direction::ToServer, Flags { ack: true, ..Flags::default() }, &[]);
                }
                What::Data(bytes) => {
                    for part in bytes.chunks(SEGMENT) {
                        self.segment(event.at, event.dir, Flags { ack: true, psh: true, ..Flags::default() }, part);
                    }
                    self.segment(event.at, event.dir.other(), Flags { ack: true, ..Flags::default() }, &[]);
                }
                // Bytes that were not captured leave a hole in the sequence numbers.
                What::Gap(len) => self.next[event.dir.index()] = self.next[event.dir.index()].wrapping_add(*len as u32),
                What::End(End::Fin | End::CloseNotify) => {
                    self.segment(event.at, event.dir, Flags { fin: true, ack: true, ..Flags::default() }, &[]);
                    self.segment(event.at, event.dir.other(), Flags { ack: true, ..Flags::default() }, &[]);
                }
                What::End(End::Reset) => {
                    self.segment(event.at, event.dir, Flags { rst: true, ack: true, ..Flags::default() }, &[])
                }
                What::Odd(_) | What::End(End::Idle | End::Capture) => {}
            }
        }
    }

    fn segment(&mut self, at: Timestamp, dir: Direction, flags: Flags, payload: &[u8]) {
        let (from, to) = match dir {
            Direction::ToServer => (self.endpoints.client, self.endpoints.server),
            Direction::ToClient => (self.endpoints.server, self.endpoints.client),
        };
        let sequence = self.next[dir.index()];
        let acked = self.next[dir.other().index()];
        self.next[dir.index()] =
            sequence.wrapping_add(payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin));
        let mac = |n: u8| [2, 0, 0, 0, 0, n];
        let ethernet = PacketBuilder::ethernet2(mac(dir.index() as u8), mac(1 - dir.index() as u8));
        let ip = match (from, to) {
            (SocketAddr::V4(a), SocketAddr::V4(b)) => ethernet.ipv4(a.ip().octets(), b.ip().octets(), 64),
            (a, b) => ethernet.ipv6(v6(a), v6(b), 64),
        };
        let mut tcp = ip.tcp(from.port(), to.port(), sequence, WINDOW);
        if flags.syn {
            tcp = tcp.syn();
        }
        if flags.ack {
            tcp = tcp.ack(acked);
        }
        if flags.psh {
            tcp = tcp.psh();
        }
        if flags.fin {
            tcp = tcp.fin();
        }
        if flags.rst {
            tcp = tcp.rst();
        }
        let mut bytes = Vec::with_capacity(tcp.size(payload.len()));
        // Writing into memory fails only if the payload is too long for IP, and payloads are cut before.
        if tcp.write(&mut bytes, payload).is_ok() {
            self.packets.push((at, bytes));
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    syn: bool,
    ack: bool,
    psh: bool,
    fin: bool,
    rst: bool,
}

fn v6(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(a) => a.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(a) => a.ip().octets(),
    }
}

/// Section header, and one interface with nanosecond times (draft-ietf-opsawg-pcapng sections 4.1 and 4.2).
fn section(out: &mut Vec<u8>) {
    let mut body = Vec::new();
    body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
    body.extend_from_slice(&[1, 0, 0, 0]);
    body.extend_from_slice(&(-1i64).to_le_bytes());
    option(&mut body, 4, b"sniff");
    option(&mut body, 0, b"");
    block(out, 0x0a0d_0d0a, &body);
    let mut body = vec![1, 0, 0, 0];
    body.extend_from_slice(&262_144u32.to_le_bytes());
    option(&mut body, 9, &[9]);
    option(&mut body, 0, b"");
    block(out, 1, &body);
}

/// Enhanced packet block (draft-ietf-opsawg-pcapng section 4.3).
fn packet(out: &mut Vec<u8>, at: Timestamp, bytes: &[u8]) {
    let at = at.nanos() as u64;
    let len = bytes.len() as u32;
    let mut body = Vec::with_capacity(bytes.len() + 24);
    for word in [0, (at >> 32) as u32, at as u32, len, len] {
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.extend_from_slice(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    block(out, 6, &body);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let len = body.len() as u32 + 12;
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(&len.to_le_bytes());
}
