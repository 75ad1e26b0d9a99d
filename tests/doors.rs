//! One path: whichever door a conversation comes through, however it is cut, the exchanges are equal but for times.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::capture::{Item, file::Reader};
use sniff::conn::{ByteEvent, ConnId, Direction, End, What};
use sniff::exchange::Exchange;
use sniff::pipeline::exchanges_of;
use sniff::wire::{self, Transcript};
use sniff::{net, tcp};
use std::path::Path;
use support::packets::{Frame, Talk, pcap};
use support::shape::shape;

/// A step of a transcript that can be sent through any door.
enum Step {
    Data(Direction, Vec<u8>),
    Fin(Direction),
    Rst(Direction),
}

/// Transcripts that begin at the beginning and lose nothing: those that every door can carry.
fn transcripts() -> Vec<(String, Transcript, Vec<Step>)> {
    let mut out = Vec::new();
    for case in support::cases() {
        let Ok(text) = std::fs::read_to_string(case.join("input.wire")) else { continue };
        let transcript = wire::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        let mut steps = Vec::new();
        let mut whole = true;
        transcript.replay(ConnId(0), &mut |event| match event.what {
            What::Open { joined, .. } => whole &= !joined,
            What::Data(bytes) => steps.push(Step::Data(event.dir, bytes.to_vec())),
            What::End(End::Fin) => steps.push(Step::Fin(event.dir)),
            What::End(End::Reset) => steps.push(Step::Rst(event.dir)),
            What::Gap(_) => whole = false,
            _ => {}
        });
        if whole {
            out.push((case.strip_prefix(support::captures()).unwrap().display().to_string(), transcript, steps));
        }
    }
    assert!(out.len() >= 20, "only {} transcripts for the doors", out.len());
    out
}

fn shapes(exchanges: &[Exchange]) -> String {
    exchanges.iter().map(shape).collect::<Vec<_>>().join("\n")
}

fn reference(transcript: &Transcript) -> String {
    shapes(&exchanges_of(|sink| transcript.replay(ConnId(0), sink)))
}

/// The same with every delivery cut into pieces of `size` bytes.
fn cut(transcript: &Transcript, size: usize) -> String {
    shapes(&exchanges_of(|sink| {
        transcript.replay(ConnId(0), &mut |event| match event.what {
            What::Data(bytes) => bytes.chunks(size).for_each(|part| sink(ByteEvent { what: What::Data(part), ..event.clone() })),
            _ => sink(event),
        });
    }))
}

/// Through the packet door: a capture in memory, read as a file is.
fn packets(frames: &[Frame]) -> String {
    let bytes = pcap(frames);
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(bytes)), "in memory");
    let mut net = net::Decoder::new();
    let mut table = tcp::Table::new(tcp::Limits::default());
    shapes(&exchanges_of(|sink| {
        while let Some(item) = reader.next().expect("readable") {
            if let Item::Packet(packet) = item {
                net.push(&packet, &mut |segment| table.push(segment, sink));
            }
        }
        table.finish(sink);
    }))
}

/// How hard the network was.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Calm,
    Reordered,
    Retransmitted,
    Overlapping,
}

/// The transcript as packets. Segments of one delivery get disturbed; the order between the directions stays.
fn frames(steps: &[Step], mss: usize, weather: Weather) -> Vec<Frame> {
    let mut talk = Talk::open(1_700_000_000_000_000_000);
    for step in steps {
        talk.now += 1_000_000;
        match step {
            Step::Data(dir, bytes) => {
                let before = talk.frames.len();
                talk.data(*dir, bytes, mss);
                let sent = talk.frames.split_off(before);
                talk.frames.extend(disturb(sent, weather));
            }
            Step::Fin(dir) => talk.fin(*dir),
            Step::Rst(dir) => talk.rst(*dir),
        }
    }
    talk.frames
}

fn disturb(mut sent: Vec<Frame>, weather: Weather) -> Vec<Frame> {
    match weather {
        Weather::Calm => sent,
        Weather::Reordered => {
            sent.chunks_mut(3).for_each(<[Frame]>::reverse);
            sent
        }
        Weather::Retransmitted => sent.iter().flat_map(|f| [f.clone(), f.clone()]).collect(),
        Weather::Overlapping => {
            // Every segment comes again together with the one before it.
            let mut out: Vec<Frame> = Vec::new();
            let payload = |f: &Frame| f.1[54..].to_vec();
            for pair in sent.windows(2) {
                out.push(pair[0].clone());
                let mut joined = pair[0].clone();
                joined.1.extend(payload(&pair[1]));
                let total = (joined.1.len() - 14) as u16;
                joined.1[16..18].copy_from_slice(&total.to_be_bytes());
                out.push(joined);
            }
            out.extend(sent.last().cloned());
            out
        }
    }
}

fn same(case: &str, door: &str, want: &str, have: &str) {
    if want != have {
        let line = want.lines().zip(have.lines()).find(|(a, b)| a != b);
        panic!("{case} through {door} differs:\n{line:#?}\n--- want\n{want}\n--- have\n{have}");
    }
}

#[test]
fn cut_anywhere() {
    for (case, transcript, _) in transcripts() {
        let want = reference(&transcript);
        for size in [1, 2, 3, 7, 64] {
            same(&case, &format!("pieces of {size}"), &want, &cut(&transcript, size));
        }
    }
}

#[test]
fn as_packets_in_any_weather() {
    for (case, transcript, steps) in transcripts() {
        let want = reference(&transcript);
        for mss in [1, 17, 1448] {
            for weather in [Weather::Calm, Weather::Reordered, Weather::Retransmitted, Weather::Overlapping] {
                same(&case, &format!("packets of {mss}, {weather:?}"), &want, &packets(&frames(&steps, mss, weather)));
            }
        }
    }
}

/// Every transcript says something: at least one exchange comes out of it.
#[test]
fn no_transcript_is_mute() {
    for (case, transcript, _) in transcripts() {
        assert!(!reference(&transcript).trim().is_empty(), "{case}: no exchange");
    }
    assert!(Path::new(&support::captures()).is_dir());
}
