//! The order in which packets of two directions stand in a capture changes nothing: one direction some milliseconds
//! earlier or later, as with two taps, or neighbouring packets swapped, as with several queues of a device, gives the
//! same exchanges.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzed, Analyzer, Options, Output, ReassemblyLimits};
use sniff::capture::{Item, Packet, file::Reader};
use sniff::internal::tls;
use sniff::time::{Span, Timestamp};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Captures in which the order does change something, and why that is right.
const ARGUED: &[(&str, &str)] = &[
    (
        "real/nginx-gzip-buffered.pcap",
        "both sides of a gateway: the shift moves its downstream request before or behind its upstream one (DLV-011)",
    ),
    ("real/nginx-incremental-buffering-on.pcap", "both sides of a gateway, as above"),
    (
        "reports/g14-h2-window-empty-for-12-s/input.pcap",
        "its handshake backwards: the connection counts as joined, and then nothing is known of HTTP/2's windows (DLV-012)",
    ),
];

/// Not compared where the packets of one direction change places. The truth of tcp/shuffled-file gives bytes behind a
/// hole the time of the packet that fills it, also where that packet is the older one: swapped neighbours come together
/// then, and these rules count what comes together.
const OF_TIMES: &[&str] = &["DLV-003", "DLV-004"];

/// Shift of a direction, in ns.
const SHIFT: i64 = 3_000_000;

/// A packet of a capture.
struct Sent {
    at: i64,
    link: u32,
    device: u32,
    wire_len: u32,
    data: Vec<u8>,
    /// Whether the lower address and port sent it.
    lower: Option<bool>,
}

struct Capture {
    packets: Vec<Sent>,
    keys: tls::Keys,
}

/// All captures with packets, of every family.
fn captures() -> Vec<PathBuf> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "pcap" || e == "pcapng") {
                out.push(path);
            }
        }
    }
    let mut all = Vec::new();
    walk(&support::captures(), &mut all);
    all.sort();
    assert!(all.len() > 250, "only {} captures", all.len());
    all
}

fn read(path: &Path) -> Capture {
    let keys = tls::Keys::default();
    let beside = [PathBuf::from(format!("{}.keys", path.display())), path.with_extension("keys")];
    if let Some(log) = beside.iter().find_map(|p| std::fs::read(p).ok()) {
        keys.push(&log);
    }
    let mut packets = Vec::new();
    if let Ok(mut reader) = Reader::open(&path.display().to_string()) {
        while let Ok(Some(item)) = reader.next() {
            match item {
                Item::Packet(p) => {
                    let Packet { link, device, wire_len, .. } = p;
                    packets.push(Sent { at: p.at.0, link, device, wire_len, data: p.data.to_vec(), lower: lower(&p) });
                }
                Item::Secrets(lines) => keys.push(lines),
                Item::Notice(_) => {}
            }
        }
    }
    keys.finish();
    Capture { packets, keys }
}

/// Whether the lower end sent the packet: from the addresses and ports behind the usual link headers.
fn lower(p: &Packet<'_>) -> Option<bool> {
    let tag = |at: usize| p.data.get(at..at + 2).is_some_and(|t| matches!(t, [0x81, 0] | [0x88, 0xa8]));
    let start = match p.link {
        1 if tag(12) && tag(16) => 22,
        1 if tag(12) => 18,
        1 => 14,
        113 => 16,
        276 => 20,
        0 | 108 => 4,
        _ => 0,
    };
    let ip = p.data.get(start..)?;
    let (from, to, ports) = match ip.first()? >> 4 {
        4 => (ip.get(12..16)?, ip.get(16..20)?, usize::from(ip[0] & 15) * 4),
        6 => (ip.get(8..24)?, ip.get(24..40)?, 40),
        _ => return None,
    };
    Some((from, ip.get(ports..ports + 2)?) < (to, ip.get(ports + 2..ports + 4)?))
}

/// An order of the packets, and how much later than in the file each is.
type Order = Vec<(usize, i64)>;

/// One direction of every connection, shifted by `by`. Each direction keeps its order.
fn shifted(c: &Capture, lower: bool, by: i64) -> Order {
    let mut latest = i64::MIN;
    let mut all: Vec<(i64, usize, i64)> = Vec::new();
    for (i, p) in c.packets.iter().enumerate() {
        latest = latest.max(p.at);
        let shift = if p.lower == Some(lower) { by } else { 0 };
        all.push((latest + shift, i, shift));
    }
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter().map(|(_, i, shift)| (i, shift)).collect()
}

/// Neighbours swapped: those at even places, at odd places, or chosen by a seed.
fn swapped(c: &Capture, seed: u64) -> Order {
    let mut order: Order = (0..c.packets.len()).map(|i| (i, 0)).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut i = usize::from(seed == 1);
    while i + 1 < order.len() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Packets further apart show a clock that steps back (CAP-001).
        let near = (c.packets[i + 1].at - c.packets[i].at).abs() <= 50_000_000;
        if near && (seed < 2 || state.is_multiple_of(3)) {
            order.swap(i, i + 1);
            i += 1;
        }
        i += 1;
    }
    order
}

/// Places moved by up to 3 ms: an order in which no clock is wrong.
fn shuffled(c: &Capture, seed: u64) -> Order {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut latest = i64::MIN;
    let mut all: Vec<(i64, usize)> = Vec::new();
    for (i, p) in c.packets.iter().enumerate() {
        latest = latest.max(p.at);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.push((latest + (state % SHIFT.unsigned_abs()) as i64, i));
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, i)| (i, 0)).collect()
}

/// What must be equal, exchange by exchange.
fn exchanges(c: &Capture, order: &Order, early: Span, shifted: bool) -> Vec<String> {
    let reassembly = ReassemblyLimits { early, ..ReassemblyLimits::default() };
    let mut analyzer = Analyzer::new(Options { keys: c.keys.clone(), reassembly, ..Options::whole() });
    let mut all = Vec::new();
    let mut sink = |output| {
        if let Output::Exchange(analyzed) = output {
            all.push(told(&analyzed, shifted));
        }
    };
    for (n, (i, shift)) in order.iter().enumerate() {
        let Sent { at, link, device, wire_len, data, .. } = &c.packets[*i];
        let (at, frame) = (Timestamp(at + shift), n as u64 + 1);
        analyzer.packet(&Packet { at, frame, link: *link, device: *device, wire_len: *wire_len, data }, &mut sink);
    }
    analyzer.finish(&mut sink);
    all.sort();
    all
}

fn told(a: &Analyzed, shifted: bool) -> String {
    let x = &a.exchange;
    let mut rules: Vec<&str> = a.findings.iter().map(|f| f.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.retain(|rule| !OF_TIMES.contains(rule) || shifted);
    let request = x.request.as_ref().map(|r| (&r.head.method, &r.head.target, r.body.wire_bytes, r.body.decoded_bytes));
    let response = x.response.as_ref().map(|r| {
        let status = r.head.as_ref().map(|h| h.status);
        let text: Vec<_> = r.answer.texts.iter().map(|(n, text)| (n, text.len(), digest(text))).collect();
        (status, r.end, r.body.wire_bytes, r.body.decoded_bytes, r.record_count, r.deltas.len(), text)
    });
    let verdict = sniff::internal::verdict::of(x);
    let ends = (x.endpoints.client, x.endpoints.server);
    format!("{ends:?} {request:?} {response:?} {:?} by {:?} {rules:?}", verdict.verdict, x.ending.by)
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The orders of a capture that are tried, by name.
fn orders(c: &Capture) -> Vec<(String, Order)> {
    let mut all = Vec::new();
    for lower in [false, true] {
        for by in [SHIFT, -SHIFT] {
            all.push((
                format!("{} end {:+} ms", if lower { "lower" } else { "higher" }, by / 1_000_000),
                shifted(c, lower, by),
            ));
        }
    }
    all.extend((0..4).map(|seed| (format!("shuffle {seed}"), shuffled(c, seed))));
    all.extend((0..6).map(|seed| (format!("swap {seed}"), swapped(c, seed))));
    all
}

/// Name of the capture, order, and the first exchanges that differ, for each order that changes something. One of so
/// many captures is read.
fn violations(early: Span, one_of: usize) -> (usize, Vec<String>) {
    let (mut tried, mut out) = (0, Vec::new());
    for path in captures().iter().step_by(one_of) {
        let name = path.strip_prefix(support::captures()).unwrap().display().to_string();
        let c = read(path);
        let plain = (0..c.packets.len()).map(|i| (i, 0)).collect();
        let wanted = [false, true].map(|shifted| exchanges(&c, &plain, early, shifted));
        for (how, order) in orders(&c) {
            tried += 1;
            let shifted = how.ends_with(" ms");
            let (have, want) = (exchanges(&c, &order, early, shifted), &wanted[usize::from(shifted)]);
            if have != *want && !ARGUED.iter().any(|(argued, _)| name == *argued) {
                let lost = want.iter().filter(|w| !have.contains(w)).take(2).collect::<Vec<_>>();
                let new = have.iter().filter(|h| !want.contains(h)).take(2).collect::<Vec<_>>();
                out.push(format!("{name}: {how}\n  - {lost:?}\n  + {new:?}"));
            }
        }
    }
    (tried, out)
}

#[test]
fn the_order_of_the_directions_changes_nothing() {
    let (tried, wrong) = violations(ReassemblyLimits::default().early, 1);
    println!("{tried} orders");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The test above can fail: if segments do not wait, every sixth order changes something.
#[test]
fn without_waiting_it_would() {
    let (tried, wrong) = violations(Span(0), 5);
    println!("{} of {tried} orders", wrong.len());
    assert!(wrong.len() * 10 > tried, "{} of {tried} orders", wrong.len());
}
