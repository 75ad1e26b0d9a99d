//! Live on the loopback device. Most tests need CAP_NET_RAW and run only with `--ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Live, LiveItem, Options, list_devices, port_filter};
use crate::net::Decoder;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Two ends of a connection.
fn connection() -> (TcpStream, TcpStream, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let one = TcpStream::connect(("127.0.0.1", port)).unwrap();
    one.set_nodelay(true).unwrap();
    (one, listener.accept().unwrap().0, port)
}

/// The result of a capture.
#[derive(Default)]
struct Seen {
    /// Payload to the port, by distance from the first that came.
    bytes: BTreeMap<i32, Vec<u8>>,
    first: Option<u32>,
    packets: u64,
    ticks: Vec<Timestamp>,
    devices: Vec<u32>,
}

impl Seen {
    fn run(live: &mut Live, stop: &AtomicBool, port: u16) -> Seen {
        let (mut seen, mut decoder) = (Seen::default(), Decoder::new());
        live.run(stop, Duration::from_millis(20), &mut |item| match item {
            LiveItem::Packet(p) => {
                seen.packets += 1;
                assert_eq!(p.frame, seen.packets);
                seen.devices.push(p.device);
                decoder.push(&p, &mut |s| {
                    if s.dst.port() == port && !s.payload.is_empty() {
                        let first = *seen.first.get_or_insert(s.seq);
                        seen.bytes.insert(s.seq.wrapping_sub(first) as i32, s.payload.to_vec());
                    }
                });
            }
            LiveItem::Tick(at) => seen.ticks.push(at),
            LiveItem::Notice(n) => panic!("{n}"),
            LiveItem::Counts(_) => panic!("counts that were not asked for"),
        })
        .unwrap();
        seen
    }

    /// The bytes in order, those sent twice once. Ends at a hole.
    fn joined(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let first = self.bytes.keys().next().copied().unwrap_or(0);
        for (seq, bytes) in &self.bytes {
            match all.len().checked_sub((seq - first) as usize) {
                Some(known) => all.extend(bytes.get(known..).unwrap_or_default()),
                None => break,
            }
        }
        all
    }
}

/// Write in pieces while capturing; the last bytes are the last thing before the stop.
fn no_tail_loss(iface: &str, immediate: bool) {
    for round in 0..5u8 {
        let (mut one, mut other, port) = connection();
        let options = Options { filter: Some(port_filter(&[port], None)), immediate, ..Options::default() };
        let mut live = Live::open(&[iface.to_string()], &options).unwrap();
        let stop = AtomicBool::new(false);
        let written: Vec<u8> = (0..200_000u32).map(|i| (i / 7) as u8 ^ round).collect();
        let seen = std::thread::scope(|scope| {
            let capture = scope.spawn(|| Seen::run(&mut live, &stop, port));
            // written is not sent: what counts is what the other end has when the stop comes
            let mut got = vec![0; written.len()];
            let receiver = scope.spawn(move || other.read_exact(&mut got).map(|()| other));
            let (head, tail) = written.split_at(150_000);
            head.chunks(1500).for_each(|c| one.write_all(c).unwrap());
            tail.chunks(10_000).for_each(|c| one.write_all(c).unwrap());
            let open = receiver.join().unwrap().unwrap();
            stop.store(true, Ordering::Relaxed);
            let seen = capture.join().unwrap();
            drop(open);
            seen
        });
        let counts = live.counts();
        assert!(seen.joined() == written, "{iface}: {} of {} bytes, {counts:?}", seen.joined().len(), written.len());
        assert_eq!((counts.packets, counts.dropped_kernel), (seen.packets, Some(0)));
    }
}

#[test]
#[ignore = "needs root"]
fn what_was_sent_before_the_stop_is_captured() {
    no_tail_loss("lo", false);
}

#[test]
#[ignore = "needs root"]
fn on_any_device_too() {
    no_tail_loss("any", false);
}

#[test]
#[ignore = "needs root"]
fn in_immediate_mode_too() {
    no_tail_loss("lo", true);
}

#[test]
#[ignore = "needs root"]
fn ticks_come_without_packets() {
    let (mut one, _other, port) = connection();
    let options = Options { filter: Some(port_filter(&[port], Some("ip"))), ..Options::default() };
    let mut live = Live::open(&["lo".into(), "lo".into()], &options).unwrap();
    assert_eq!(live.devices().map(|d| (d.name.as_str(), d.link)).collect::<Vec<_>>(), [("lo", 1)]);
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let capture = scope.spawn(|| Seen::run(&mut live, &stop, port));
        for _ in 0..30 {
            std::thread::sleep(Duration::from_millis(10));
            one.write_all(b"x").unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        capture.join().unwrap()
    });
    assert!(seen.ticks.len() >= 3, "{}", seen.ticks.len());
    assert!(seen.ticks.is_sorted());
    assert_eq!(seen.joined().len(), 30);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64;
    assert!(seen.ticks.iter().all(|t| (now - 60_000_000_000..now).contains(&t.nanos())));
}

#[test]
#[ignore = "needs root"]
fn several_devices_are_told_apart() {
    let (mut one, _other, port) = connection();
    let options = Options { filter: Some(port_filter(&[port], None)), ..Options::default() };
    let mut live = Live::open(&["lo".into(), "any".into()], &options).unwrap();
    assert_eq!(live.devices().map(|d| d.link).collect::<Vec<_>>(), [1, 276]);
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let capture = scope.spawn(|| Seen::run(&mut live, &stop, port));
        one.write_all(b"twice").unwrap();
        stop.store(true, Ordering::Relaxed);
        capture.join().unwrap()
    });
    assert_eq!(seen.joined(), b"twice");
    let on = |device| seen.devices.iter().filter(|d| **d == device).count();
    assert!(on(0) > 0 && on(0) == on(1), "{:?}", seen.devices);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let no_device = Live::open(&["nosuch0".into()], &Options::default()).err().unwrap().to_string();
    assert!(no_device.contains("no device nosuch0") && no_device.contains("lo"), "{no_device}");
    assert!(Live::open(&[], &Options::default()).err().unwrap().to_string().contains("lo"));
    assert!(list_devices().unwrap().iter().any(|d| d.name == "lo"));
    // A user without the permission to capture gets a clear error.
    if let Err(e) = Live::open(&["lo".into()], &Options { buffer: 1 << 20, ..Options::default() }) {
        assert!(e.is::<crate::capture::live::NotPermitted>(), "{e}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_bad_filter_is_shown() {
    let options = Options { filter: Some("tcp prot 80".into()), ..Options::default() };
    let bad = Live::open(&["lo".into()], &options).err().unwrap().to_string();
    assert!(bad.contains("bad filter \"tcp prot 80\"") && bad.contains("syntax error"), "{bad}");
}

#[test]
fn ports_and_filter_become_one_expression() {
    assert_eq!(port_filter(&[], None), "");
    assert_eq!(port_filter(&[], Some(" host a ")), "host a");
    assert_eq!(port_filter(&[80], None), "tcp port 80 or udp port 80");
    assert_eq!(
        port_filter(&[80, 8080], Some("host a or host b")),
        "(tcp port 80 or udp port 80 or tcp port 8080 or udp port 8080) and (host a or host b)"
    );
    assert_eq!(port_filter(&[80], Some("")), "tcp port 80 or udp port 80");
}
