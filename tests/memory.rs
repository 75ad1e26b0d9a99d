//! Hostile captures in small: whatever comes, what is held stays within the budget, and two honest exchanges beside it
//! come out whole: a short one at the end, and one long record that is under way all the time.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzed, Analyzer, Budget, Options, Output};
use sniff::capture::Packet;
use sniff::time::Timestamp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::packets::{ACK, FIN, Peer, SYN, frame};

/// The system's allocator, with a count of the allocated bytes. This file has only one test, so that no other test
/// is counted.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system allocator does everything; the counters do not touch its memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // A large block grows in place: it is not held twice.
        HELD.fetch_sub(layout.size(), Relaxed);
        PEAK.fetch_max(HELD.fetch_add(size, Relaxed) + size, Relaxed);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The budget. The honest record is an eighth of it.
const BUDGET: usize = 16 << 20;
/// Memory beyond the budget: what one event may add (a quarter), and buffers that are always there. Twice that where
/// thousands of exchanges end at once.
const BEYOND: usize = BUDGET / 2;

/// Frames of one connection, each as it is on the wire.
struct Conn {
    client: Peer,
    server: Peer,
    frames: Vec<Vec<u8>>,
}

impl Conn {
    /// A connection after its handshake; `n` gives its addresses.
    fn open(n: usize) -> Conn {
        let ip = (n as u32 / 50_000).to_be_bytes();
        let client = Peer { ip: [10, 1, ip[2], ip[3]], port: 10_000 + (n % 50_000) as u16, seq: 1000 };
        let server = Peer { ip: [10, 0, 0, 2], port: 8000, seq: 5000 };
        let mut conn = Conn { client, server, frames: vec![frame(client, Peer { seq: 0, ..server }, SYN, 1, b"")] };
        conn.client.seq += 1;
        conn.frames.push(frame(conn.server, conn.client, SYN | ACK, 1, b""));
        conn.server.seq += 1;
        conn
    }

    fn up(mut self, bytes: &[u8]) -> Conn {
        for part in bytes.chunks(60_000) {
            self.frames.push(frame(self.client, self.server, ACK, 2, part));
            self.client.seq = self.client.seq.wrapping_add(part.len() as u32);
        }
        self
    }

    fn down(mut self, bytes: &[u8], mss: usize) -> Conn {
        for part in bytes.chunks(mss) {
            self.frames.push(frame(self.server, self.client, ACK, 2, part));
            self.server.seq = self.server.seq.wrapping_add(part.len() as u32);
        }
        self
    }

    fn close(mut self) -> Conn {
        self.frames.push(frame(self.server, self.client, FIN | ACK, 3, b""));
        self.server.seq = self.server.seq.wrapping_add(1);
        self.frames.push(frame(self.client, self.server, FIN | ACK, 3, b""));
        self
    }
}

const ASK: &[u8] =
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n\
    {\"model\":\"m\",\"stream\":true}";

fn head(more: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{more}\r\n").into_bytes()
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn delta(text: &str) -> String {
    format!(
        "data: {{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":\
            {{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

/// An honest answer of one record.
fn honest(n: usize, text: &str) -> Conn {
    let conn = Conn::open(n).up(ASK).down(&head("Transfer-Encoding: chunked\r\n"), 1400);
    conn.down(&chunk(&delta(text)), 1400)
        .down(&[chunk("data: [DONE]\n\n"), b"0\r\n\r\n".to_vec()].concat(), 1400)
        .close()
}

/// A frame of HTTP/2.
fn h2(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SWITCH: &[u8] = b"GET /v1/realtime HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn gzip(times: usize, of: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(b"data: ").unwrap();
    (0..times).for_each(|_| out.write_all(of).unwrap());
    out.finish().unwrap()
}

fn gzip_of(text: &str, times: usize) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..times).for_each(|_| out.write_all(text.as_bytes()).unwrap());
    out.finish().unwrap()
}

/// A message of permessage-deflate that inflates to this many bytes.
fn deflated(len: usize) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(&vec![b'a'; len]).unwrap();
    out.flush().unwrap();
    let all = out.get_ref().clone();
    all[..all.len() - 4].to_vec()
}

/// The frames of the connections of an attack, one of each in turn.
fn in_turn(conns: Vec<Conn>) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = conns.into_iter().map(|c| c.frames.into_iter()).collect();
    let mut out = Vec::new();
    while !all.is_empty() {
        all.retain_mut(|frames| frames.next().map(|f| out.push(f)).is_some());
    }
    out
}

/// The attacks, each as frames.
fn attacks() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let many = |n: usize, make: &dyn Fn(Conn) -> Conn| in_turn((0..n).map(|i| make(Conn::open(i))).collect());
    let one_by_one =
        |n: usize, make: &dyn Fn(Conn) -> Conn| (0..n).flat_map(|i| make(Conn::open(i)).frames).collect::<Vec<_>>();
    let coded = [head("Content-Encoding: gzip\r\n"), gzip(20, &[b'a'; 1 << 20])].concat();
    let events = [head("Content-Encoding: gzip\r\n"), gzip(10_000, b"data: a\n\n")].concat();
    let streams = (0..1500).map(|i| h2(1, 5, 1 + 2 * i, b"\x83\x86\x84\x41\x01a")).collect::<Vec<_>>().concat();
    let message = [&b"\x81\x7f\0\0\0\0\0\xff\xff\xff"[..], &[b'a'; 1 << 20]].concat();
    let squeezed = [&SWITCHED[..SWITCHED.len() - 2], b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"].concat();
    let inflates = deflated(60 << 20);
    let swells = [&b"\xc1\x7f"[..], &(inflates.len() as u64).to_be_bytes(), &inflates].concat();
    let masked = [&b"\xc1\xff"[..], &(inflates.len() as u64).to_be_bytes(), &[0; 4], &inflates].concat();
    let grpc = [h2(1, 4, 1, b"\x88\x40\x0ccontent-type\x10application/grpc")];
    let nothings = h2(0, 0, 1, &[0; 1400]).repeat(4000);
    let texts = [head("Content-Encoding: gzip\r\n"), gzip_of(&delta(&"a".repeat(100_000)), 60)].concat();
    let text = [head("Transfer-Encoding: chunked\r\n"), chunk(&delta(&"a".repeat(700_000)))].concat();
    vec![
        (
            "heads that do not end",
            many(100, &|c| c.up(ASK).down(b"HTTP/1.1 200 OK\r\nX: ", 60_000).down(&[b'b'; 300_000], 60_000)),
        ),
        ("a long line, decoded", many(5, &|c| c.up(ASK).down(&coded, 60_000))),
        ("many events, decoded", many(4, &|c| c.up(ASK).down(&events, 60_000))),
        ("texts of answers", one_by_one(50, &|c| c.up(ASK).down(&text, 60_000))),
        ("streams of HTTP/2", many(8, &|c| c.up(&[PREFACE, &h2(4, 0, 0, b""), &streams].concat()))),
        ("requests without answers", many(3, &|c| c.up(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4000)))),
        ("interim answers", many(1, &|c| c.up(ASK).down(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000), 60_000))),
        ("messages that do not end", one_by_one(30, &|c| c.up(SWITCH).down(SWITCHED, 1400).down(&message, 60_000))),
        (
            "holes",
            one_by_one(30, &|mut c| {
                c = c.up(ASK);
                c.server.seq += 1000;
                c.down(&[b'a'; 1 << 20], 60_000)
            }),
        ),
        (
            "packets of many connections",
            one_by_one(40_000, &|c| Conn { frames: Vec::new(), ..c }.up(b"GET /x HTTP/1.1\r\nHost: a\r\n")),
        ),
        (
            "connections that only begin",
            one_by_one(60_000, &|mut c| {
                c.frames.truncate(1);
                c
            }),
        ),
        (
            "holes of one byte",
            one_by_one(30_000, &|mut c| {
                c.server.seq += 1000;
                c.down(b"a", 1)
            }),
        ),
        (
            "messages of nothing",
            many(1, &|c| {
                let c = c.up(&[PREFACE, &h2(4, 0, 0, b""), &h2(1, 5, 1, b"\x83\x86\x84\x41\x01a")].concat());
                c.down(&[h2(4, 0, 0, b""), grpc.concat(), nothings.clone()].concat(), 60_000)
            }),
        ),
        ("messages that inflate", one_by_one(3, &|c| c.up(SWITCH).down(&squeezed, 1400).down(&swells, 60_000))),
        ("messages of clients that inflate", one_by_one(3, &|c| c.up(SWITCH).down(&squeezed, 1400).up(&masked))),
        ("texts of answers, decoded", one_by_one(20, &|c| c.up(ASK).down(&texts, 60_000))),
    ]
}

/// The figures of one run: the most memory, and what came out of each exchange that is of interest.
struct Run {
    peak: usize,
    exchanges: usize,
    gave_way: usize,
    honest: Vec<(usize, bool, bool)>,
}

fn gave_way(one: &Analyzed) -> bool {
    one.exchange.oddities.iter().any(|(o, _)| o.kind.0 == "memory.limit-reached")
}

fn run(frames: &[Vec<u8>], contents: bool) -> Run {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut analyzer = Analyzer::new(Options { contents, budget: Budget::new(BUDGET), ..Options::default() });
    let mut run = Run { peak: 0, exchanges: 0, gave_way: 0, honest: Vec::new() };
    let mut sink = |output: Output| {
        let Output::Exchange(one) = output else { return };
        run.exchanges += 1;
        run.gave_way += usize::from(gave_way(&one));
        let port = one.exchange.endpoints.client.port();
        if let (9_000..9_100, Some(r)) = (port, &one.exchange.response) {
            let text = r.answer.texts.get(&0).map_or(0, String::len);
            run.honest.push((text, r.answer.terminator.seen, gave_way(&one)));
        }
    };
    for (n, data) in (1..).zip(frames) {
        let at = Timestamp(1_795_390_276_000_000_000 + n * 1000);
        let packet = Packet { at, frame: n as u64, link: 1, device: 0, wire_len: data.len() as u32, data };
        analyzer.packet(&packet, &mut sink);
    }
    analyzer.finish(&mut sink);
    assert_eq!(analyzer.connections(), 0);
    Run { peak: PEAK.load(Relaxed) - before, ..run }
}

/// The honest connections have ports of their own.
fn with_port(port: u16, conn: Conn) -> Vec<Vec<u8>> {
    let from = conn.client.port.to_be_bytes();
    let to = port.to_be_bytes();
    let change = |mut f: Vec<u8>| {
        [34, 36]
            .into_iter()
            .filter(|i| f[*i..*i + 2] == from)
            .collect::<Vec<_>>()
            .iter()
            .for_each(|i| f[*i..*i + 2].copy_from_slice(&to));
        f
    };
    conn.frames.into_iter().map(change).collect()
}

#[test]
fn hostile_captures_stay_within_the_budget_and_honest_exchanges_come_out() {
    let long = BUDGET / 8;
    for (name, attack) in attacks() {
        let record = with_port(9_001, honest(1, &"h".repeat(long)));
        let short = with_port(9_002, honest(2, "canary"));
        // The record is under way all the time: its packets are spread evenly among those of the attack.
        let mut frames: Vec<((usize, usize), Vec<u8>)> = Vec::new();
        let (ours, theirs) = (record.len(), attack.len());
        frames.extend(record.into_iter().enumerate().map(|(i, f)| ((i * theirs, 1), f)));
        frames.extend(attack.into_iter().enumerate().map(|(i, f)| ((i * ours, 0), f)));
        frames.sort_by_key(|(place, _)| *place);
        let frames: Vec<Vec<u8>> = frames.into_iter().map(|(_, f)| f).chain(short).collect();
        for contents in [false, true] {
            let Run { peak, exchanges, gave_way, mut honest } = run(&frames, contents);
            honest.sort_unstable();
            let bytes = frames.iter().map(Vec::len).sum::<usize>();
            println!("{name}: {bytes} bytes, peak {} KiB, {exchanges} exchanges, {gave_way} gave way", peak >> 10);
            let beyond = if name == "requests without answers" { 2 * BEYOND } else { BEYOND };
            assert!(peak <= BUDGET + beyond, "{name}: {} KiB", peak >> 10);
            assert_eq!(honest, [(6, true, false), (long, true, false)], "{name}: text, terminator, gave way");
            // Each attack but these is more than the budget holds.
            let small = ["many events, decoded", "interim answers"].contains(&name);
            // What gives way has no exchange yet.
            let bare = ["packets of many connections", "connections that only begin", "holes of one byte"];
            assert!(small || bare.contains(&name) || gave_way > 0, "{name}: no exchange says that it gave way");
        }
    }
}
