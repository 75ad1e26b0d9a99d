//! Inputs of all kinds in memory, and damage to them by a seeded generator: bytes flipped, cut, doubled and swapped,
//! directions lost, times shifted.

use sniff::capture::{Item, file::Reader};
use sniff::conn::{Direction, End};
use sniff::internal::wire::{self, Event, Transcript, What};
use sniff::time::{Span, Timestamp};
use std::path::{Path, PathBuf};

/// One input.
#[derive(Clone)]
pub struct Input {
    pub name: String,
    pub kept: Kept,
    /// Lines of a key log.
    pub keys: Vec<u8>,
}

/// What an input has.
#[derive(Clone)]
pub enum Kept {
    Packets(Vec<OnePacket>),
    /// One transcript for each connection.
    Wires(Vec<Transcript>),
}

/// A packet, owned.
#[derive(Clone)]
pub struct OnePacket {
    pub at: Timestamp,
    pub link: u32,
    pub data: Vec<u8>,
}

/// Every file below a folder, in order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path());
    let mut all: Vec<PathBuf> = entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect();
    all.sort();
    all
}

impl Input {
    pub fn of_wires(name: String, wires: Vec<Transcript>) -> Input {
        Input { name, kept: Kept::Wires(wires), keys: Vec::new() }
    }

    /// A capture or a transcript; none if the file is neither.
    pub fn read(file: &Path) -> Option<Input> {
        let name = file.display().to_string();
        match file.extension()?.to_str()? {
            "wire" => {
                let text = std::fs::read_to_string(file).expect("readable");
                Some(Input::of_wires(name, vec![wire::parse(&text).expect("a transcript")]))
            }
            "pcap" | "pcapng" => {
                let beside = [PathBuf::from(format!("{name}.keys")), file.with_extension("keys")];
                let mut keys = beside.iter().find_map(|p| std::fs::read(p).ok()).unwrap_or_default();
                let mut reader = Reader::open(&name).ok()?;
                let mut packets = Vec::new();
                while let Ok(Some(item)) = reader.next() {
                    match item {
                        Item::Packet(p) => packets.push(OnePacket { at: p.at, link: p.link, data: p.data.to_vec() }),
                        Item::Secrets(lines) => keys.extend_from_slice(lines),
                        Item::Notice(_) => {}
                    }
                }
                Some(Input { name, kept: Kept::Packets(packets), keys })
            }
            _ => None,
        }
    }

    pub fn bytes(&self) -> usize {
        match &self.kept {
            Kept::Packets(packets) => packets.iter().map(|p| p.data.len()).sum(),
            Kept::Wires(wires) => wires
                .iter()
                .flat_map(|w| &w.events)
                .map(|e| if let What::Data(bytes) = &e.what { bytes.len() } else { 0 })
                .sum(),
        }
    }

    /// Prints what can be read.
    #[allow(clippy::print_stdout)] // asked for by hand
    pub fn show(&self) {
        match &self.kept {
            Kept::Packets(packets) => packets.iter().for_each(|p| println!("{} {} bytes", p.at, p.data.len())),
            Kept::Wires(wires) => wires.iter().for_each(|wire| println!("{}", wire::write(wire))),
        }
    }

    /// Its times never step back.
    pub fn is_orderly(&self) -> bool {
        let times: Vec<Timestamp> = match &self.kept {
            Kept::Packets(packets) => packets.iter().map(|p| p.at).collect(),
            Kept::Wires(wires) => wires.iter().flat_map(|w| &w.events).map(|e| e.at).collect(),
        };
        times.is_sorted()
    }
}

/// Numbers that look random and are those of the seed (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Chance {
        Chance(seed)
    }

    /// A number below `n`; 0 if there is none.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    pub fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// One of these inputs with one to four damages.
pub fn damaged(all: &[&Input], chance: &mut Chance) -> Input {
    let mut input = (*chance.one(all)).clone();
    for _ in 0..=chance.below(4) {
        match &mut input.kept {
            Kept::Packets(packets) => damage_packets(packets, chance),
            Kept::Wires(wires) => {
                let n = chance.below(wires.len());
                if let Some(wire) = wires.get_mut(n) {
                    damage_wire(wire, chance);
                }
            }
        }
    }
    input
}

/// Shifts of time between two taps, and between the ticks of a clock, in nanoseconds.
const SHIFTS: [i64; 5] = [3_000_000, -3_000_000, 1_000, -1_000, -1];

/// Silences before an end that have a meaning: limits of gateways and clients.
const SILENCES: [i64; 7] = [5, 15, 30, 60, 100, 300, 600];

/// Pieces that mean something to some reader.
const PIECES: [&[u8]; 12] = [
    b"\r\n",
    b"\n\n",
    b"data: [DONE]\n\n",
    b"data: {\"error\":{\"message\":\"m\"}}\n\n",
    b"\"finish_reason\":\"stop\"",
    b"\xef\xbf\xbd",
    b"0\r\n\r\n",
    b": ping\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"null",
    b"data: data: ",
    b"\"index\":1",
];

fn damage_bytes(data: &mut Vec<u8>, chance: &mut Chance) {
    if data.is_empty() {
        return;
    }
    let (at, len) = (chance.below(data.len()), 1 + chance.below(40));
    let end = data.len().min(at + len);
    match chance.below(8) {
        0 => data[at] ^= 1 << chance.below(8),
        1 => data.truncate(at.max(1)),
        2 => drop(data.drain(at..end)),
        3 => {
            let again = data[at..end].to_vec();
            drop(data.splice(at..at, again));
        }
        4 => {
            let piece = chance.one(&PIECES).to_vec();
            drop(data.splice(at..at, piece));
        }
        5 => {
            let piece = chance.one(&PIECES).to_vec();
            drop(data.splice(at..end, piece));
        }
        6 => {
            let other = chance.below(data.len());
            data.swap(at, other);
        }
        // A digit is a length, an index, a status, a count.
        _ => {
            if let Some(digit) = data[at..].iter_mut().find(|b| b.is_ascii_digit()) {
                *digit = b'0' + chance.below(10) as u8;
            }
        }
    }
}

fn damage_wire(wire: &mut Transcript, chance: &mut Chance) {
    let events = &mut wire.events;
    if events.len() < 2 {
        return;
    }
    // The first opens the connection.
    let at = 1 + chance.below(events.len() - 1);
    match chance.below(14) {
        0..=4 => {
            let datas: Vec<&mut Vec<u8>> = events
                .iter_mut()
                .filter_map(|e| if let What::Data(bytes) = &mut e.what { Some(bytes) } else { None })
                .collect();
            let n = chance.below(datas.len());
            if let Some(bytes) = datas.into_iter().nth(n) {
                damage_bytes(bytes, chance);
                if bytes.is_empty() {
                    bytes.push(b' ');
                }
            }
        }
        5 => drop(events.remove(at)),
        6 => {
            let again = events[at].clone();
            events.insert(at, again);
        }
        7 => {
            let other = (at + 1).min(events.len() - 1);
            let (a, b) = (events[at].what.clone(), events[other].what.clone());
            let (da, db) = (events[at].dir, events[other].dir);
            (events[at].what, events[at].dir, events[other].what, events[other].dir) = (b, db, a, da);
        }
        8 => {
            let lost = *chance.one(&[Direction::ToServer, Direction::ToClient]);
            let mut n = 0;
            events.retain(|e| {
                n += 1;
                n == 1 || e.dir != lost
            });
        }
        9 => {
            let gap = What::Gap(1 + chance.below(300) as u64);
            let Event { at: time, dir, .. } = events[at];
            events.insert(at, Event { at: time, dir, what: gap });
        }
        10 => end_early(events, at, chance),
        11 => {
            let span = Span::from_secs(*chance.one(&SILENCES));
            events[at..].iter_mut().for_each(|e| e.at = e.at.plus(span));
        }
        12 => {
            let (dir, shift) = (events[at].dir, Span(*chance.one(&SHIFTS)));
            events.iter_mut().filter(|e| e.dir == dir).for_each(|e| e.at = e.at.plus(shift));
            if chance.below(2) == 0 {
                events[1..].sort_by_key(|e| e.at);
                events[0].at = events[0].at.min(events[1].at);
            }
        }
        _ => {
            if let What::Open { joined } = &mut events[0].what {
                *joined = !*joined;
            }
        }
    }
    if events.len() < 2 {
        events.push(Event { what: What::End(End::Capture), ..events[0].clone() });
    }
}

/// An end here; what follows in its direction is gone, or all that follows.
fn end_early(events: &mut Vec<Event>, at: usize, chance: &mut Chance) {
    let Event { at: time, dir, .. } = events[at];
    let end = *chance.one(&[End::Fin, End::Reset, End::Capture, End::Idle]);
    let both = chance.below(2) == 0;
    let mut n = 0;
    events.retain(|e| {
        n += 1;
        n <= at || (!both && e.dir != dir)
    });
    events.insert(at, Event { at: time, dir, what: What::End(end) });
    if both {
        events.push(Event { at: time, dir: dir.other(), what: What::End(end) });
    }
}

fn damage_packets(packets: &mut Vec<OnePacket>, chance: &mut Chance) {
    if packets.len() < 2 {
        return;
    }
    let at = chance.below(packets.len());
    match chance.below(10) {
        0 | 1 => {
            // Behind the heads of the network, for the most part.
            let data = &mut packets[at].data;
            let from = data.len().min(60);
            let mut payload = data.split_off(from);
            damage_bytes(&mut payload, chance);
            data.append(&mut payload);
        }
        2 => drop(packets.remove(at)),
        3 => {
            let again = packets[at].clone();
            packets.insert(at, again);
        }
        4 => {
            let other = (at + 1).min(packets.len() - 1);
            packets.swap(at, other);
        }
        5 => packets.truncate(at.max(1)),
        6 => {
            packets.drain(..at);
        }
        7 => {
            let span = Span::from_secs(*chance.one(&SILENCES));
            packets[at..].iter_mut().for_each(|p| p.at = p.at.plus(span));
        }
        8 => {
            let flow = flow(&packets[at], chance);
            packets.retain(|p| !is_of(p, &flow));
        }
        _ => {
            let (flow, shift) = (flow(&packets[at], chance), Span(*chance.one(&SHIFTS)));
            packets.iter_mut().filter(|p| is_of(p, &flow)).for_each(|p| p.at = p.at.plus(shift));
            if chance.below(2) == 0 {
                packets.sort_by_key(|p| p.at);
            }
        }
    }
}

/// Offset of IPv4's source address under some link layers: none, null, Ethernet, Linux cooked (1 and 2).
const ADDRESSES: [usize; 5] = [12, 16, 26, 28, 32];

/// Bytes that tell one direction of one connection, with their place.
fn flow(packet: &OnePacket, chance: &mut Chance) -> (usize, Vec<u8>) {
    let usual = match packet.link {
        0 => 16,
        1 => 26,
        101 => 12,
        113 => 28,
        276 => 32,
        _ => *chance.one(&ADDRESSES),
    };
    (usual, packet.data.iter().skip(usual).take(12).copied().collect())
}

fn is_of(packet: &OnePacket, (at, bytes): &(usize, Vec<u8>)) -> bool {
    packet.data.get(*at..at + bytes.len()) == Some(bytes)
}
