//! All doors lead to one path: whichever door a conversation comes through and however it is cut, the exchanges are
//! equal except for times. The same conversation over HTTP/2, or in TLS with its keys, gives the same exchanges as
//! in plain HTTP/1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzer, Options, Output};
use sniff::capture::{Item, file::Reader};
use sniff::conn::{ByteEvent, ConnId, Direction, End, Endpoints, What};
use sniff::exchange::Exchange;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::tls;
use sniff::internal::wire::{self, Transcript};
use sniff::time::Timestamp;
use std::path::Path;
use support::frames;
use support::packets::{Frame, Talk, pcap};
use support::sealed::Ends;
use support::shape::{content, shape};

/// A step of a transcript that every door can carry.
#[derive(Clone)]
enum Step {
    Data(Direction, Vec<u8>),
    Fin(Direction),
    Rst(Direction),
}

/// Transcripts that are complete from the beginning and lose nothing: those that every door can carry.
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
            What::Data(bytes) => {
                bytes.chunks(size).for_each(|part| sink(ByteEvent { what: What::Data(part), ..event.clone() }))
            }
            _ => sink(event),
        });
    }))
}

/// Complete exchanges of an analyzer with this key log.
fn exchanges_with(keylog: &str, give: impl FnOnce(&mut Analyzer, &mut dyn FnMut(Output))) -> Vec<Exchange> {
    let keys = tls::Keys::default();
    keys.push(keylog.as_bytes());
    keys.finish();
    let mut analyzer = Analyzer::new(Options { keys, ..Options::whole() });
    let mut all = Vec::new();
    let mut keep = |output| {
        if let Output::Exchange(analyzed) = output {
            all.push(*analyzed.exchange);
        }
    };
    give(&mut analyzer, &mut keep);
    analyzer.finish(&mut keep);
    all.sort_by_key(|e| e.id);
    all
}

/// Through the packet door: a capture in memory that is read like a file.
fn packets(frames: &[Frame], keylog: &str) -> String {
    let bytes = pcap(frames);
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(bytes)), "in memory");
    shapes(&exchanges_with(keylog, |analyzer, sink| {
        while let Some(item) = reader.next().expect("readable") {
            if let Item::Packet(packet) = item {
                analyzer.packet(&packet, sink);
            }
        }
    }))
}

/// How badly the network behaves.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Calm,
    Reordered,
    Retransmitted,
    Overlapping,
}

/// The transcript as packets. Segments of one delivery are disturbed; the order between the directions stays.
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
            // Every segment is sent again, together with the one before it.
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
                same(
                    &case,
                    &format!("packets of {mss}, {weather:?}"),
                    &want,
                    &packets(&frames(&steps, mss, weather), ""),
                );
            }
        }
    }
}

fn open() -> ByteEvent<'static> {
    let endpoints = Endpoints { client: ([10, 0, 0, 1], 1).into(), server: ([10, 0, 0, 2], 443).into() };
    ByteEvent {
        at: wire::START,
        frame: 0,
        conn: ConnId(0),
        dir: Direction::ToServer,
        what: What::Open { endpoints, joined: false },
    }
}

/// Bytes in pieces of `size`.
fn deliver(at: i64, dir: Direction, bytes: &[u8], size: usize, sink: &mut dyn FnMut(ByteEvent<'_>)) {
    for part in bytes.chunks(size) {
        sink(ByteEvent { at: Timestamp(at), frame: 0, conn: ConnId(0), dir, what: What::Data(part) });
    }
}

/// Multiplexed frames instead of messages in sequence: a chunk is a DATA frame, and times are equal too.
#[test]
fn as_http2() {
    let mut told = 0;
    for (case, transcript, _) in transcripts() {
        let exchanges = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
        if !exchanges.iter().all(frames::can_tell) {
            continue;
        }
        told += 1;
        let contents = |all: &[Exchange]| all.iter().map(content).collect::<Vec<_>>().join("\n");
        let want = contents(&exchanges);
        let (sent, cut) = frames::retell(&exchanges);
        for size in [1, 2, 3, 7, 64, usize::MAX] {
            let have = exchanges_of(|sink| {
                sink(open());
                sent.iter().for_each(|(at, dir, bytes)| deliver(*at, *dir, bytes, size, sink));
                let last = Timestamp(sent.last().map_or(0, |s| s.0));
                for dir in [Direction::ToServer, Direction::ToClient].into_iter().filter(|_| !cut) {
                    sink(ByteEvent { at: last, dir, what: What::End(End::Fin), ..open() });
                }
            });
            same(&case, &format!("HTTP/2 in pieces of {size}"), &want, &contents(&have));
            for (h1, h2) in exchanges.iter().zip(&have) {
                let units = |e: &Exchange| e.response.as_ref().and_then(|r| r.body.units).filter(|n| *n > 0);
                assert!(
                    units(h1).is_none() || units(h1) == units(h2),
                    "{case}: {:?} chunks, {:?} frames",
                    units(h1),
                    units(h2)
                );
            }
        }
    }
    assert!(told >= 40, "only {told} transcripts can be told as HTTP/2");
}

/// HTTP/2 inside TLS, as most HTTP/2 is.
#[test]
fn as_http2_inside_tls() {
    for (case, transcript, _) in transcripts() {
        let exchanges = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
        if !exchanges.iter().all(frames::can_tell) {
            continue;
        }
        let contents = |sent: &[frames::Sent], keylog: &str, size: usize| {
            let all = exchanges_with(keylog, |analyzer, output| {
                let sink = &mut |event: ByteEvent<'_>| analyzer.event(&event, output);
                sink(open());
                sent.iter().for_each(|(at, dir, bytes)| deliver(*at, *dir, bytes, size, sink));
            });
            all.iter().map(content).collect::<Vec<_>>().join("\n")
        };
        let (sent, _) = frames::retell(&exchanges);
        let steps: Vec<Step> = sent.iter().map(|(_, dir, bytes)| Step::Data(*dir, bytes.clone())).collect();
        let (steps, keylog) = sealed(&steps, &rustls::version::TLS13);
        let mut times = sent.iter().map(|s| s.0);
        // The handshake comes first; then one record for each thing sent, at its time.
        let handshake = steps.len().saturating_sub(sent.len());
        let start = sent.first().map_or(0, |s| s.0);
        let mut wire: Vec<frames::Sent> = Vec::new();
        for (n, step) in steps.into_iter().enumerate() {
            let Step::Data(dir, bytes) = step else { continue };
            wire.push((if n < handshake { start } else { times.next().unwrap_or(start) }, dir, bytes));
        }
        let want = contents(&sent, "", usize::MAX);
        for size in [1, 97, usize::MAX] {
            same(&case, &format!("HTTP/2 inside TLS in pieces of {size}"), &want, &contents(&wire, &keylog, size));
        }
    }
}

/// The steps encrypted by rustls: the handshake first, every delivery in its own records, close_notify before a
/// FIN; with the key log.
fn sealed(steps: &[Step], version: &'static rustls::SupportedProtocolVersion) -> (Vec<Step>, String) {
    let ends = Ends::new(&[version]);
    let mut tunnel = ends.connect();
    let mut out = Vec::new();
    tunnel.settle();
    for step in steps {
        match step {
            Step::Data(dir, bytes) => tunnel.send(*dir, bytes),
            Step::Fin(dir) => tunnel.close(*dir),
            Step::Rst(_) => {}
        }
        out.extend(tunnel.take().into_iter().map(|(dir, bytes)| Step::Data(dir, bytes)));
        if !matches!(step, Step::Data(..)) {
            out.push(step.clone());
        }
    }
    (out, ends.log.text())
}

#[test]
fn inside_tls() {
    for (case, transcript, steps) in transcripts() {
        let want = reference(&transcript);
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let (steps, keylog) = sealed(&steps, version);
            for size in [1, 7, usize::MAX] {
                let have = exchanges_with(&keylog, |analyzer, output| {
                    let sink = &mut |event: ByteEvent<'_>| analyzer.event(&event, output);
                    sink(open());
                    for step in &steps {
                        match step {
                            Step::Data(dir, bytes) => deliver(0, *dir, bytes, size, sink),
                            Step::Fin(dir) => sink(ByteEvent { dir: *dir, what: What::End(End::Fin), ..open() }),
                            Step::Rst(dir) => sink(ByteEvent { dir: *dir, what: What::End(End::Reset), ..open() }),
                        }
                    }
                });
                assert!(
                    have.iter().all(|e| e.tls.as_ref().is_some_and(|t| t.unread.is_none())),
                    "{case}: facts of TLS"
                );
                same(&case, &format!("{version:?} in pieces of {size}"), &want, &shapes(&have));
            }
            for (mss, weather) in [
                (17, Weather::Calm),
                (97, Weather::Reordered),
                (300, Weather::Overlapping),
                (1448, Weather::Retransmitted),
            ] {
                let door = format!("{version:?} in packets of {mss}, {weather:?}");
                same(&case, &door, &want, &packets(&frames(&steps, mss, weather), &keylog));
            }
        }
    }
}

/// Through the proxy door: both ends on loopback, the steps are played in order, and each is read before the next
/// is written.
#[cfg(feature = "proxy")]
fn proxied(steps: &[Step], folder: &Path) -> String {
    use sniff::internal::proxy::{Authority, Beyond, Config, Hosts, Roots, Server, Tee, bind, provider};
    use std::io::{Read, Write};
    let config = Config {
        upstream: None,
        authority: Authority::open(folder, provider()).unwrap(),
        roots: Roots::load(&[] as &[&str], &provider()).unwrap(),
        insecure: Hosts::default(),
        passthrough: Hosts::default(),
        beyond: Beyond::default(),
        credentials: None,
        targets: Hosts::default(),
        strict: false,
        listens: Vec::new(),
    };
    let tee = Tee::new(64 << 20);
    let mut door = Server::start(bind("127.0.0.1:0".parse().unwrap()).unwrap(), config, tee.clone()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(door.address()).unwrap();
    write!(client, "CONNECT {} HTTP/1.1\r\n\r\n", listener.local_addr().unwrap()).unwrap();
    let mut answer = [0; 39];
    client.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\n"));
    // By direction: the end that sends.
    let mut ends = [Some(client), Some(listener.accept().unwrap().0)];
    for step in steps {
        let (Step::Data(dir, _) | Step::Fin(dir) | Step::Rst(dir)) = step;
        let [Some(client), Some(server)] = &mut ends else { break };
        let (from, to) = if *dir == Direction::ToServer { (client, server) } else { (server, client) };
        match step {
            Step::Data(_, bytes) => std::thread::scope(|scope| {
                scope.spawn(|| from.write_all(bytes).unwrap());
                let mut read = vec![0; bytes.len()];
                to.read_exact(&mut read).unwrap();
                assert_eq!(read, *bytes);
            }),
            Step::Fin(_) => {
                from.shutdown(std::net::Shutdown::Write).unwrap();
                assert_eq!(to.read(&mut [0]).unwrap(), 0);
            }
            Step::Rst(_) => {
                support::reset_on_close(from);
                ends[dir.index()] = None;
                assert!(ends.iter_mut().flatten().all(|end| end.read(&mut [0]).is_err()), "the reset did not pass");
            }
        }
    }
    // Only what the transcript ends has ended.
    door.stop();
    let mut told = Vec::new();
    let notices = tee.take(&mut told, &mut Vec::new(), std::time::Duration::ZERO);
    assert_eq!((notices, tee.lost()), (Vec::<String>::new(), 0));
    shapes(&exchanges_of(|sink| told.iter().map(|one| one.event()).for_each(sink)))
}

#[test]
#[cfg(feature = "proxy")]
fn through_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    for (case, transcript, steps) in transcripts() {
        same(&case, "a proxy", &reference(&transcript), &proxied(&steps, folder.path()));
    }
}

/// Every transcript has content: at least one exchange results from it.
#[test]
fn no_transcript_is_mute() {
    for (case, transcript, _) in transcripts() {
        assert!(!reference(&transcript).trim().is_empty(), "{case}: no exchange");
    }
    assert!(Path::new(&support::captures()).is_dir());
}
