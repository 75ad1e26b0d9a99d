//! Writes a capture file (pcapng) of a conversation that was never packets, or was inside TLS: Ethernet, IP and TCP
//! around its bytes.

use crate::conn::{Direction, End, Endpoints};
use crate::time::Timestamp;
use crate::wire::{Transcript, What};
use etherparse::PacketBuilder;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

/// Most payload bytes of one packet: loopback devices carry it and every dissector accepts it.
const SEGMENT: usize = 32_768;
/// Most bytes of a gap that are written as packets.
const GAP: u64 = 1 << 20;
const WINDOW: u16 = 65_535;

/// The bytes of the file. Times keep their nanoseconds.
pub fn file<'t>(conversations: impl IntoIterator<Item = (Endpoints, &'t Transcript)>) -> Vec<u8> {
    let mut out = Vec::new();
    section(&mut out);
    let mut packets: Vec<Packet> = Vec::new();
    for (endpoints, transcript) in conversations {
        Talk { endpoints, next: [1000, 5000], packets: &mut packets }.play(transcript);
    }
    packets.sort_by_key(|packet| packet.at);
    packets.iter().for_each(|packet| block_of(&mut out, packet));
    out
}

/// A packet of the file.
struct Packet {
    at: Timestamp,
    bytes: Vec<u8>,
    /// Those of its bytes that are in the file, from the first on.
    captured: usize,
}

/// Gives every conversation after the first between the same two addresses and ports another port of the client, so
/// that each is a connection of its own.
pub fn own_ports(conversations: &mut [(Endpoints, Transcript)]) {
    let tuple = |e: &Endpoints| (e.client, e.server);
    let mut taken: HashSet<_> = HashSet::new();
    // Where the search for a free port goes on, so that many exchanges of one connection cost no more than few.
    let mut next: HashMap<_, u16> = HashMap::new();
    let used: HashSet<_> = conversations.iter().map(|(e, _)| tuple(e)).collect();
    for (endpoints, _) in conversations {
        let asked = tuple(endpoints);
        if taken.insert(asked) {
            continue;
        }
        let port = next.entry(asked).or_insert(asked.0.port());
        for _ in 0..=u16::MAX {
            *port = port.wrapping_add(1).max(1024);
            endpoints.client.set_port(*port);
            if !used.contains(&tuple(endpoints)) && taken.insert(tuple(endpoints)) {
                break;
            }
        }
    }
}

/// Converts one connection into packets.
struct Talk<'p> {
    endpoints: Endpoints,
    /// Next sequence number of each direction.
    next: [u32; 2],
    packets: &'p mut Vec<Packet>,
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
                // Bytes that were not captured are packets of which only the head was; too many of them are a hole in
                // the sequence numbers.
                What::Gap(len) if *len > GAP => {
                    self.next[event.dir.index()] = self.next[event.dir.index()].wrapping_add(*len as u32)
                }
                What::Gap(len) => {
                    for part in vec![0; *len as usize].chunks(SEGMENT) {
                        self.segment(event.at, event.dir, Flags { ack: true, ..Flags::default() }, part);
                        if let Some(packet) = self.packets.last_mut() {
                            packet.captured -= part.len();
                        }
                    }
                }
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
            self.packets.push(Packet { at, captured: bytes.len(), bytes });
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
fn block_of(out: &mut Vec<u8>, packet: &Packet) {
    let at = packet.at.nanos() as u64;
    let captured = packet.bytes.get(..packet.captured).unwrap_or_default();
    let mut body = Vec::with_capacity(captured.len() + 24);
    for word in [0, (at >> 32) as u32, at as u32, captured.len() as u32, packet.bytes.len() as u32] {
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.extend_from_slice(captured);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use crate::wire::Event;
    use Direction::{ToClient, ToServer};

    const CLIENT: u16 = 40_000;
    const SERVER: u16 = 8000;

    /// The blocks of a file: type and body.
    fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let (mut out, mut at) = (Vec::new(), 0);
        while at < file.len() {
            let len = word(at + 4) as usize;
            assert_eq!(word(at + len - 4) as usize, len, "the length is at both ends");
            out.push((word(at), &file[at + 8..at + len - 4]));
            at += len;
        }
        out
    }

    /// What a packet says: time in ns, port of the sender, TCP flags, sequence and acknowledgment number, payload.
    type Said = (u64, u16, u8, u32, u32, Vec<u8>);

    /// The packets of a file with IPv4 addresses, read at the offsets of RFC 791 and RFC 9293.
    fn packets(file: &[u8]) -> Vec<Said> {
        let mut out = Vec::new();
        for (_, body) in blocks(file).into_iter().filter(|(kind, _)| *kind == 6) {
            let word = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
            let at = u64::from(word(4)) << 32 | u64::from(word(8));
            assert_eq!(word(0), 0, "the only interface");
            let frame = &body[20..20 + word(12) as usize];
            let short = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
            let long = |at: usize| u32::from(short(at)) << 16 | u32::from(short(at + 2));
            let (begin, end) = (34 + usize::from(frame[46] >> 4) * 4, 14 + usize::from(short(16)));
            // Of some packets only the head was captured.
            assert!(word(16) as usize == end && (frame.len() == end || frame.len() == begin), "{}", word(16));
            let end = end.min(frame.len());
            out.push((at, short(34), frame[47], long(38), long(42), frame[begin..end].to_vec()));
        }
        out
    }

    fn ends(port: u16) -> Endpoints {
        Endpoints { client: ([10, 0, 0, 1], port).into(), server: ([10, 0, 0, 2], SERVER).into() }
    }

    /// Events, each with its time in ns.
    fn transcript(all: Vec<(i64, Direction, What)>) -> Transcript {
        Transcript { events: all.into_iter().map(|(at, dir, what)| Event { at: Timestamp(at), dir, what }).collect() }
    }

    #[test]
    fn packets_have_the_time_numbers_and_bytes_of_what_was_said() {
        // Both halves of the time differ, and its last digits are less than a microsecond.
        const T: i64 = 1_795_390_276_000_000_007;
        let told = transcript(vec![
            (T, ToServer, What::Open { joined: false }),
            (T + 1, ToServer, What::Data(b"ask".to_vec())),
            (T + 2, ToClient, What::Data(b"answer".to_vec())),
            (T + 3, ToClient, What::Gap(100)),
            (T + 4, ToClient, What::Data(b"more".to_vec())),
            (T + 5, ToClient, What::End(End::Fin)),
            (T + 6, ToServer, What::End(End::Fin)),
        ]);
        let file = file([(ends(CLIENT), &told)]);
        let (fin, syn, push, ack) = (1, 2, 8, 16);
        let said =
            |n: i64, port, flags, seq, acked, text: &[u8]| ((T + n) as u64, port, flags, seq, acked, text.to_vec());
        let want = [
            said(0, CLIENT, syn, 1000, 0, b""),
            said(0, SERVER, syn | ack, 5000, 1001, b""),
            said(0, CLIENT, ack, 1001, 5001, b""),
            said(1, CLIENT, push | ack, 1001, 5001, b"ask"),
            said(1, SERVER, ack, 5001, 1004, b""),
            said(2, SERVER, push | ack, 5001, 1004, b"answer"),
            said(2, CLIENT, ack, 1004, 5007, b""),
            said(3, SERVER, ack, 5007, 1004, b""),
            said(4, SERVER, push | ack, 5107, 1004, b"more"),
            said(4, CLIENT, ack, 1004, 5111, b""),
            said(5, SERVER, fin | ack, 5111, 1004, b""),
            said(5, CLIENT, ack, 1004, 5112, b""),
            said(6, CLIENT, fin | ack, 1004, 5112, b""),
            said(6, SERVER, ack, 5112, 1005, b""),
        ];
        assert_eq!(packets(&file), want);
        // Ethernet, up to 262144 bytes of a packet; option 9 (if_tsresol) says units of 10^-9 s, option 0 ends.
        let interface = blocks(&file).into_iter().find(|(kind, _)| *kind == 1).unwrap().1;
        assert_eq!(interface, [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_connection_without_beginning_has_no_handshake_and_a_reset_one_no_fin() {
        let told = transcript(vec![
            (1, ToServer, What::Open { joined: true }),
            (2, ToServer, What::Data(b"x".to_vec())),
            (3, ToClient, What::End(End::Reset)),
            (4, ToServer, What::End(End::Capture)),
        ]);
        let flags: Vec<(u64, u8)> = packets(&file([(ends(CLIENT), &told)])).iter().map(|p| (p.0, p.2)).collect();
        assert_eq!(flags, [(2, 8 | 16), (2, 16), (3, 4 | 16)]);
    }

    #[test]
    fn each_conversation_gets_a_connection_of_its_own() {
        let mut all: Vec<_> = [7, 7, 8, 7, 65_535, 65_535].map(|port| (ends(port), Transcript::default())).into();
        own_ports(&mut all);
        let ports: Vec<u16> = all.iter().map(|(e, _)| e.client.port()).collect();
        assert_eq!(ports, [7, 1024, 8, 1025, 65_535, 1026]);
    }

    #[test]
    fn packets_of_several_conversations_are_in_order_of_time() {
        let said = |times: &[i64]| {
            let data = |at: &i64| (*at, ToServer, What::Data(b"x".to_vec()));
            transcript(
                [(times[0], ToServer, What::Open { joined: true })].into_iter().chain(times.iter().map(data)).collect(),
            )
        };
        let file = file([(ends(1), &said(&[10, 40])), (ends(2), &said(&[5, 20])), (ends(3), &said(&[30]))]);
        let sent: Vec<(u64, u16)> = packets(&file).iter().filter(|p| p.1 != SERVER).map(|p| (p.0, p.1)).collect();
        assert_eq!(sent, [(5, 2), (10, 1), (20, 2), (30, 3), (40, 1)]);
    }

    #[test]
    fn long_data_is_cut_into_packets_that_continue_each_other() {
        let data = |len: usize| transcript(vec![(1, ToServer, What::Data(vec![b'x'; len]))]);
        for (len, want) in
            [(SEGMENT, vec![(1000, SEGMENT)]), (SEGMENT + 1, vec![(1000, SEGMENT), (1000 + SEGMENT as u32, 1)])]
        {
            let sent = packets(&file([(ends(CLIENT), &data(len))]));
            let sent: Vec<_> = sent.iter().filter(|p| p.1 == CLIENT).map(|p| (p.3, p.5.len())).collect();
            assert_eq!(sent, want, "{len}");
        }
    }
}
