//! TLS against other implementations: rustls in the same process, and the traces of RFC 8448. (`captures/tls` has
//! those of OpenSSL.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use proptest::prelude::*;
use rustls::crypto::aws_lc_rs::{ALL_CIPHER_SUITES, kx_group};
use rustls::version::{TLS12, TLS13};
use sniff::analyzer::{Analyzer, Options, Output};
use sniff::capture::{Item, file};
use sniff::conn::Direction::{self, ToClient, ToServer};
use sniff::conn::{ByteEvent, ConnId, End, UNKNOWN_GAP, What};
use sniff::internal::tls::{Info, Keys, Reading, Session};
use sniff::time::Timestamp;
use std::io::{Read, Write};
use std::sync::Arc;
use support::sealed::{Ends, Tunnel};

/// What happens on the wire, at the n-th second.
#[derive(Clone)]
enum On {
    Bytes(Direction, Vec<u8>),
    Gap(Direction, u64),
    /// More of the key log was written.
    Keys(String),
    Fin(Direction),
}

/// What a listener reads: the plaintext of each direction, with `[gap]` and `[end]`; the times of the plaintext;
/// facts.
#[derive(Default)]
struct Heard {
    said: [Vec<u8>; 2],
    at: [Vec<i64>; 2],
    info: Info,
}

impl Heard {
    fn text(&self, dir: Direction) -> String {
        String::from_utf8_lossy(&self.said[dir.index()]).into_owned()
    }
}

fn hear(happens: &[On], size: usize) -> Heard {
    let keys = Keys::default();
    keys.expect();
    hear_with(&keys, happens, size)
}

fn hear_with(keys: &Keys, happens: &[On], size: usize) -> Heard {
    let mut session = Session::new(ConnId(0), keys.clone());
    let mut heard = Heard::default();
    for (second, on) in happens.iter().enumerate() {
        let mut push = |dir, what| {
            session.push(
                &ByteEvent { at: Timestamp(second as i64), frame: 0, conn: ConnId(0), dir, what },
                &mut |event| {
                    let said = &mut heard.said[event.dir.index()];
                    match event.what {
                        What::Data(bytes) => {
                            heard.at[event.dir.index()].push(event.at.nanos());
                            said.extend(bytes);
                        }
                        What::Gap(UNKNOWN_GAP) => said.extend(b"[gap]"),
                        What::End(_) => said.extend(b"[end]"),
                        _ => {}
                    }
                },
            );
        };
        match on {
            On::Bytes(dir, bytes) => bytes.chunks(size).for_each(|part| push(*dir, What::Data(part))),
            On::Gap(dir, len) => push(*dir, What::Gap(*len)),
            On::Fin(dir) => push(*dir, What::End(End::Fin)),
            On::Keys(text) => keys.push(text.as_bytes()),
        }
    }
    heard.info = session.info().clone();
    heard
}

/// The key log first, then everything on the wire.
fn known(log: &str, wire: Vec<(Direction, Vec<u8>)>) -> Vec<On> {
    let mut out = vec![On::Keys(log.to_owned())];
    out.extend(wire.into_iter().map(|(dir, bytes)| On::Bytes(dir, bytes)));
    out
}

/// A connection over which both sides have sent data.
fn talked(ends: &Ends) -> Tunnel {
    let mut tunnel = ends.connect();
    tunnel.settle();
    tunnel.send(ToServer, b"question ");
    tunnel.send(ToClient, b"answer ");
    tunnel
}

/// All suites that the certificate (of an elliptic curve) allows; those of RSA protect records in the same way.
fn suites() -> impl Iterator<Item = rustls::SupportedCipherSuite> {
    ALL_CIPHER_SUITES.iter().copied().filter(|suite| !format!("{suite:?}").contains("_RSA_"))
}

#[test]
fn every_suite_however_it_is_cut() {
    for suite in suites() {
        let ends = Ends::of_suite(suite);
        let mut tunnel = talked(&ends);
        let long = "of many records ".repeat(3000);
        tunnel.send(ToClient, long.as_bytes());
        tunnel.close(ToClient);
        tunnel.close(ToServer);
        let wire = tunnel.take();
        for size in [1, 2, 5, 100, usize::MAX] {
            let heard = hear(&known(&ends.log.text(), wire.clone()), size);
            assert_eq!(heard.text(ToServer), "question [end]", "{suite:?} in pieces of {size}");
            assert_eq!(heard.text(ToClient), format!("answer {long}[end]"), "{suite:?} in pieces of {size}");
            assert_eq!(heard.info.suite, Some(u16::from(suite.suite())));
            assert_eq!(heard.info.reading, Reading::Open);
        }
        // Everything of a direction in one delivery, which has several records.
        let one: Vec<u8> = wire.iter().filter(|(dir, _)| *dir == ToClient).flat_map(|(_, b)| b.clone()).collect();
        let hello = wire[0].clone();
        assert!(
            hear(&known(&ends.log.text(), vec![hello, (ToClient, one)]), usize::MAX)
                .text(ToClient)
                .ends_with("records [end]")
        );
    }
}

#[test]
fn keys_are_updated() {
    let ends = Ends::new(&[&TLS13]);
    let mut tunnel = talked(&ends);
    for n in 0..3 {
        tunnel.server.refresh_traffic_keys().unwrap();
        tunnel.send(ToClient, format!("answer {n} ").as_bytes());
        tunnel.client.refresh_traffic_keys().unwrap();
        tunnel.send(ToServer, format!("question {n} ").as_bytes());
    }
    let heard = hear(&known(&ends.log.text(), tunnel.take()), usize::MAX);
    assert_eq!(heard.text(ToClient), "answer answer 0 answer 1 answer 2 ");
    assert_eq!(heard.text(ToServer), "question question 0 question 1 question 2 ");
}

#[test]
fn a_hello_is_asked_for_again() {
    let mut ends = Ends::new(&[&TLS13]);
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::SECP384R1];
    ends.server = Ends::rebuilt(&ends, provider);
    let mut tunnel = talked(&ends);
    let wire = tunnel.take();
    assert!(wire.iter().filter(|(dir, _)| *dir == ToServer).count() >= 3, "two hellos, then the rest");
    let heard = hear(&known(&ends.log.text(), wire), usize::MAX);
    assert_eq!((heard.text(ToServer), heard.text(ToClient)), ("question ".into(), "answer ".into()));
}

#[test]
fn sessions_are_resumed() {
    for version in [&TLS12, &TLS13] {
        let ends = Ends::new(&[version]);
        talked(&ends);
        let mut again = talked(&ends);
        assert_eq!(again.client.handshake_kind(), Some(rustls::HandshakeKind::Resumed), "{version:?}");
        let heard = hear(&known(&ends.log.text(), again.take()), usize::MAX);
        assert_eq!((heard.text(ToServer), heard.text(ToClient)), ("question ".into(), "answer ".into()), "{version:?}");
    }
}

#[test]
fn data_before_the_handshake_is_over() {
    for accepted in [true, false] {
        let mut ends = Ends::new(&[&TLS13]);
        ends.client.enable_early_data = true;
        ends.server.max_early_data_size = 16_384;
        talked(&ends);
        if !accepted {
            ends.server.max_early_data_size = 0;
        }
        let mut tunnel = ends.connect();
        tunnel.client.early_data().expect("a ticket that allows it").write_all(b"early ").unwrap();
        tunnel.settle();
        assert_eq!(tunnel.client.is_early_data_accepted(), accepted);
        if accepted {
            let mut early = [0; 6];
            tunnel.server.early_data().unwrap().read_exact(&mut early).unwrap();
        }
        tunnel.send(ToServer, b"late ");
        tunnel.send(ToClient, b"answer ");
        let heard = hear(&known(&ends.log.text(), tunnel.take()), usize::MAX);
        // It was sent whether it was refused or not, so a listener reads it.
        assert_eq!(heard.text(ToServer), "early late ", "accepted: {accepted}");
        assert_eq!(heard.text(ToClient), "answer ", "accepted: {accepted}");
    }
}

/// Whenever the secrets arrive, the plaintext is the same and has the times of its records.
#[test]
fn a_key_log_that_comes_late() {
    for version in [&TLS12, &TLS13] {
        let ends = Ends::new(&[version]);
        let mut tunnel = talked(&ends);
        tunnel.send(ToServer, b"and again");
        tunnel.close(ToClient);
        let wire = known("", tunnel.take());
        let log = ends.log.text();
        let early = hear(&[&[On::Keys(log.clone())], &wire[1..]].concat(), usize::MAX);
        for moment in 1..=wire.len() {
            let mut late = wire.clone();
            late.push(On::Fin(ToServer));
            // In two parts, split in the middle of a line.
            let (first, rest) = log.split_at(log.len() / 2);
            late.insert(moment, On::Keys(rest.to_owned()));
            late.insert(moment, On::Keys(first.to_owned()));
            let heard = hear(&late, usize::MAX);
            assert_eq!(heard.text(ToServer), "question and again[end]", "{version:?} at {moment}");
            assert_eq!(heard.text(ToClient), "answer [end]", "{version:?} at {moment}");
            if moment == wire.len() {
                assert_eq!(heard.at, early.at, "as old as its records");
            }
        }
    }
}

/// One record in each element.
fn records(wire: &[(Direction, Vec<u8>)]) -> Vec<(Direction, Vec<u8>)> {
    let mut out = Vec::new();
    for (dir, bytes) in wire {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let len = 5 + usize::from(rest[3]) * 256 + usize::from(rest[4]);
            out.push((*dir, rest[..len].to_vec()));
            rest = &rest[len..];
        }
    }
    out
}

#[test]
fn behind_a_loss_reading_goes_on() {
    for suite in suites() {
        let ends = Ends::of_suite(suite);
        let mut tunnel = talked(&ends);
        let before = tunnel.take();
        let tokens: Vec<String> = (0..1000).map(|n| format!("token {n} ")).collect();
        tokens.iter().for_each(|t| tunnel.send(ToClient, t.as_bytes()));
        let sealed = tunnel.take();
        for (from, to) in [(10, 11), (10, 12), (0, 1), (5, 300), (1, 999)] {
            let lost: u64 = sealed[from..to].iter().map(|(_, b)| b.len() as u64).sum();
            let rest = |happens: &mut Vec<On>, from: usize| {
                happens.extend(known("", sealed[from..].to_vec()).into_iter().skip(1))
            };
            let want = format!("answer {}[gap]{}", tokens[..from].concat(), tokens[to..].concat());
            // First complete records are missing; then from the middle of one to the middle of another, which loses
            // both.
            let mut whole = known(&ends.log.text(), [&before[..], &sealed[..from]].concat());
            let mut torn = whole.clone();
            whole.push(On::Gap(ToClient, lost));
            rest(&mut whole, to);
            assert_eq!(hear(&whole, usize::MAX).text(ToClient), want, "{suite:?} without {from}..{to}");
            let (head, tail) = (&sealed[from].1[..9], &sealed[to - 1].1[9..]);
            let hole = lost - (head.len() + tail.len()) as u64;
            torn.extend([
                On::Bytes(ToClient, head.to_vec()),
                On::Gap(ToClient, hole),
                On::Bytes(ToClient, tail.to_vec()),
            ]);
            rest(&mut torn, to);
            assert_eq!(hear(&torn, usize::MAX).text(ToClient), want, "{suite:?} with a hole in {from}..{to}");
        }
    }
}

#[test]
fn a_loss_may_hide_new_keys() {
    // A KeyUpdate is among the missing records.
    let ends = Ends::new(&[&TLS13]);
    let mut tunnel = talked(&ends);
    let mut happens = known(&ends.log.text(), tunnel.take());
    tunnel.server.refresh_traffic_keys().unwrap();
    tunnel.send(ToClient, b"lost");
    let lost = tunnel.take().iter().filter(|(dir, _)| *dir == ToClient).map(|(_, b)| b.len() as u64).sum();
    tunnel.send(ToClient, b"new keys");
    happens.push(On::Gap(ToClient, lost));
    happens.extend(known("", tunnel.take()));
    assert_eq!(hear(&happens, usize::MAX).text(ToClient), "answer [gap]new keys");

    // The end of the handshake and the first answer.
    let mut tunnel = ends.connect();
    tunnel.settle();
    tunnel.send(ToClient, b"lost");
    tunnel.send(ToClient, b"read");
    let all = records(&tunnel.take());
    let server: Vec<usize> = (0..all.len()).filter(|i| all[*i].0 == ToClient).collect();
    let lost = &server[2..server.len() - 1]; // all but ServerHello, the compatibility record, and the last
    let mut happens = known(&ends.log.text(), Vec::new());
    for (i, (dir, bytes)) in all.iter().enumerate() {
        match lost.contains(&i) {
            true if i == lost[0] => happens.push(On::Gap(ToClient, lost.iter().map(|i| all[*i].1.len() as u64).sum())),
            true => {}
            false => happens.push(On::Bytes(*dir, bytes.clone())),
        }
    }
    assert_eq!(hear(&happens, usize::MAX).text(ToClient).trim_start_matches("[gap]"), "read");
}

#[test]
fn without_keys_the_names_are_known() {
    for version in [&TLS12, &TLS13] {
        let mut ends = Ends::new(&[version]);
        ends.client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        ends.server.alpn_protocols = vec![b"h2".to_vec()];
        let wire = talked(&ends).take();
        let heard = hear(&known("CLIENT_RANDOM of another\n", wire.clone()), usize::MAX);
        assert_eq!((heard.text(ToServer), heard.text(ToClient)), (String::new(), String::new()));
        assert_eq!(heard.info.sni.as_deref(), Some("api.example"));
        assert_eq!(heard.info.offered, ["h2", "http/1.1"]);
        assert_eq!(heard.info.version, Some(u16::from(version.version)));
        // With keys the agreed protocol is known in TLS 1.3 too.
        assert_eq!(hear(&known(&ends.log.text(), wire), usize::MAX).info.alpn.as_deref(), Some("h2"));
    }
}

/// The content of a capture: its packets and its key log.
fn opened(case: &str) -> (Vec<(i64, Vec<u8>)>, Vec<u8>) {
    let (mut packets, mut keys) = (Vec::new(), Vec::new());
    let path = support::captures().join("tls").join(case).join("input.pcapng");
    let mut reader = file::Reader::open(&path.display().to_string()).unwrap();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Packet(packet) => packets.push((packet.at.nanos(), packet.data.to_vec())),
            Item::Secrets(lines) => keys.extend_from_slice(lines),
            Item::Notice(_) => {}
        }
    }
    (packets, keys)
}

/// Secrets that were not announced, or that came after more records than wait for them: what comes after them is read,
/// and the loss before it is said.
#[test]
fn records_after_late_secrets_are_read() {
    for suite in suites() {
        let ends = Ends::of_suite(suite);
        let mut tunnel = talked(&ends);
        let early = tunnel.take();
        tunnel.send(ToClient, &b"more than waits. ".repeat(300_000));
        let flood = tunnel.take();
        tunnel.send(ToClient, b"the rest");
        tunnel.close(ToClient);
        let rest = tunnel.take();
        let bytes = |wire: &[(Direction, Vec<u8>)]| -> Vec<On> {
            wire.iter().map(|(dir, bytes)| On::Bytes(*dir, bytes.clone())).collect()
        };
        let log = || vec![On::Keys(ends.log.text())];
        let unannounced = [bytes(&early), log(), bytes(&rest)].concat();
        let got = hear_with(&Keys::default(), &unannounced, usize::MAX);
        assert_eq!(got.text(ToClient), "[gap]the rest[end]", "{suite:?}, not announced");
        assert_eq!(got.info.reading, Reading::Open);
        let flooded = [bytes(&early), bytes(&flood), log(), bytes(&rest)].concat();
        let text = hear(&flooded, usize::MAX).text(ToClient);
        assert!(text.starts_with("answer more than waits. "), "{suite:?}: {}", &text[..60]);
        assert!(text.ends_with("[gap]the rest[end]"), "{suite:?}: {}", &text[text.len() - 60..]);
        assert!(text.len() > 4_000_000, "{suite:?}: what waited is read");
    }
}

/// Law: wherever the secrets stand in a file, the exchanges are the same.
#[test]
fn secrets_may_stand_anywhere_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let listed = |file: &[u8], piped: bool, name: &str| -> Vec<serde_json::Value> {
        let (path, db) = (dir.path().join("in.pcapng"), dir.path().join("out.db"));
        std::fs::write(&path, file).unwrap();
        let _ = std::fs::remove_file(&db);
        let command = |args: &[&str]| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sniff"));
            command.args(args).env_remove("SSLKEYLOGFILE").env("SNIFF_DB", &db);
            command
        };
        let mut read = command(&["-q", "--read", if piped { "-" } else { path.to_str().unwrap() }]);
        if piped {
            read.stdin(std::fs::File::open(&path).unwrap());
        }
        let out = read.output().unwrap();
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let out = command(&["list", "--format", "json"]).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap()
    };
    for name in ["tls13-ccm", "tls13-resumption", "tls12-gcm"] {
        let case = support::captures().join("tls").join(name).join("input.pcapng");
        let blocks = blocks(&std::fs::read(&case).unwrap());
        let kind = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let (secrets, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|b| kind(b) == 10);
        assert_eq!(secrets.len(), 1, "{name}");
        let at = |n: usize| [&others[..n], &secrets[..], &others[n..]].concat().concat();
        let want = listed(&at(2), false, name);
        assert!(!want.is_empty(), "{name}");
        for n in [others.len() / 3, others.len() / 2, others.len() * 2 / 3, others.len()] {
            assert_eq!(listed(&at(n), false, name), want, "{name}: secrets before block {n}");
        }
        // A pipe has no second pass; so few records wait.
        assert_eq!(listed(&at(others.len()), true, name), want, "{name}: from a pipe");
    }
}

/// The blocks of a little-endian pcapng file.
fn blocks(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(len) = bytes.get(4..8) {
        let (block, rest) = bytes.split_at(u32::from_le_bytes(len.try_into().unwrap()) as usize);
        all.push(block.to_vec());
        bytes = rest;
    }
    all
}

/// A recording of TLS without keys explains how to get them.
#[test]
fn without_keys_a_person_learns_how_to_get_them() {
    let (packets, keys) = opened("tls12-resumption");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sealed.pcap"), support::packets::pcap(&packets)).unwrap();
    std::fs::write(dir.path().join("keys.log"), keys).unwrap();
    let sniff = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sniff"));
        let out = command
            .args(args)
            .current_dir(dir.path())
            .env_remove("SSLKEYLOGFILE")
            .env_remove("SNIFF_DB")
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let told = |said: &str| {
        assert!(said.contains("not read: 2 TLS connections: 2 × api.example TLS 1.2\n"), "{said}");
        assert!(said.contains("SSLKEYLOGFILE") && said.contains("--keylog"), "{said}");
    };
    told(&sniff(&["--read", "sealed.pcap"]).1);
    told(&sniff(&["list"]).1);
    told(&sniff(&["check", "sealed.pcap"]).1);
    assert_eq!(sniff(&["-q", "list"]).1, "");
    let all: serde_json::Value =
        serde_json::from_str(&sniff(&["list", "--connections", "--format", "json"]).0).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    for (field, value) in
        [("sni", "api.example".into()), ("tls_version", "1.2".into()), ("tls_suite", serde_json::Value::from(0xc030))]
    {
        assert_eq!(all[1][field], value, "{field}");
    }
    assert!(all[0]["unread"].as_str().unwrap().contains("--keylog"));
    // With the key log there is nothing to explain.
    let (_, said) = sniff(&["--db", "read.db", "--read", "sealed.pcap", "--keylog", "keys.log"]);
    assert!(said.contains("2 exchanges") && !said.contains("not read"), "{said}");
}

/// The cases of OpenSSL without one packet of the answer: what follows it is read, with every cipher.
#[test]
fn a_lost_packet_costs_its_words_only() {
    let mut read = 0;
    for case in support::cases().into_iter().filter(|c| c.parent().is_some_and(|family| family.ends_with("tls"))) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("re") {
            continue; // renegotiation, resumption: two answers
        }
        let (mut packets, log) = opened(&name);
        let keys = Keys::default();
        keys.push(&log);
        // From the end: close_notify, last chunk, [DONE], the finish reason, " read.", " and".
        let answer = packets.iter().enumerate().filter(|(_, p)| p.1.len() > 54 && p.1[34..36] == 443u16.to_be_bytes());
        let lost = answer.map(|(i, _)| i).rev().nth(if name.contains("rc4") { 4 } else { 5 }).unwrap();
        packets.remove(lost);
        let capture = support::packets::pcap(&packets);
        let mut reader = file::Reader::new(Box::new(std::io::Cursor::new(capture)), "in memory");
        let mut analyzer = Analyzer::new(Options { keys, ..Options::default() });
        let mut texts = Vec::new();
        let mut sink = |output| {
            if let Output::Exchange(analyzed) = output {
                assert!(analyzed.exchange.gap, "{name}: the gap is reported");
                texts.push(analyzed.exchange.response.unwrap().answer.texts[&0].clone());
            }
        };
        while let Some(item) = reader.next().unwrap() {
            if let Item::Packet(packet) = item {
                analyzer.packet(&packet, &mut sink);
            }
        }
        analyzer.finish(&mut sink);
        // The position in RC4's key stream cannot be found again. TLS 1.0 chains its records; OpenSSL sends an
        // empty one before each, and that one is lost.
        let want = if name.contains("rc4") { "Sealed" } else { "Sealed read." };
        assert_eq!(texts, [want], "{name}");
        read += 1;
    }
    assert!(read >= if cfg!(feature = "legacy-tls") { 10 } else { 4 }, "only {read} cases");
}

/// A build without the feature `legacy-tls` names the connections that need it as not read.
#[test]
#[cfg(not(feature = "legacy-tls"))]
fn legacy_tls_is_named_as_not_read() {
    let folder = support::captures().join("tls");
    let cases =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|case| support::is_legacy_tls(case));
    let mut seen = 0;
    for case in cases {
        let read = support::read::read(&case.join("input.pcapng"));
        let unread: Vec<_> = read.connections.iter().filter_map(|c| c.tls.as_ref()?.unread).collect();
        assert_eq!(
            (unread, read.exchanges.len()),
            (vec!["this cipher suite or TLS version is not read"], 0),
            "{}",
            case.display()
        );
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} cases");
}

/// Sections 3 to 7: 1-RTT, resumption with early data, HelloRetryRequest, client authentication, compatibility
/// mode.
#[test]
fn traces_of_rfc_8448() {
    let counted: String = (0..50).map(char::from).collect();
    let want = [
        ("3", [format!("{counted}[end]"), format!("{counted}[end]")]),
        ("4", [format!("ABCDEF{counted}[end]"), format!("{counted}[end]")]),
        ("5", ["[end]".into(), "[end]".into()]),
        ("6", ["[end]".into(), "[end]".into()]),
        ("7", ["[end]".into(), "[end]".into()]),
    ];
    let sections: Vec<&str> = include_str!("support/rfc8448.txt").split("\nsection ").skip(1).collect();
    assert_eq!(sections.len(), want.len());
    for (section, (number, want)) in sections.iter().zip(want) {
        assert!(section.starts_with(number));
        let mut happens = Vec::new();
        for line in section.lines().skip(1).filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let hex = |s: &str| {
                (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect::<Vec<u8>>()
            };
            match (line.split_at(2), happens.last_mut()) {
                (("> ", bytes), _) => happens.push(On::Bytes(ToServer, hex(bytes))),
                (("< ", bytes), _) => happens.push(On::Bytes(ToClient, hex(bytes))),
                (("  ", more), Some(On::Bytes(_, bytes))) => bytes.extend(hex(more)),
                _ => happens.push(On::Keys(format!("{line}\n"))),
            }
        }
        for size in [1, 7, usize::MAX] {
            let heard = hear(&happens, size);
            assert_eq!([heard.text(ToServer), heard.text(ToClient)], want, "section {number} in pieces of {size}");
            assert_eq!((heard.info.version, heard.info.suite), (Some(0x0304), Some(0x1301)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is done to the records: reading ends, and every plaintext was sent by the peer.
    #[test]
    fn hostile_records(
        version in prop::sample::select(vec![&TLS12, &TLS13]),
        harm in prop::collection::vec((0usize..40, 0u8..5, any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        static ENDS: std::sync::OnceLock<[Ends; 2]> = std::sync::OnceLock::new();
        let ends = ENDS.get_or_init(|| [Ends::new(&[&TLS12]), Ends::new(&[&TLS13])]);
        let ends = &ends[usize::from(version.version == rustls::ProtocolVersion::TLSv1_3)];
        let mut tunnel = talked(ends);
        let words: Vec<String> = (0..20).map(|n| format!("<{n}>")).collect();
        words.iter().for_each(|w| tunnel.send(ToClient, w.as_bytes()));
        let mut happens = known(&ends.log.text(), records(&tunnel.take()));
        for (at, how, place, byte) in harm {
            let at = at % happens.len();
            let On::Bytes(dir, bytes) = happens[at].clone() else { continue };
            let place = place.index(bytes.len());
            happens[at] = match how {
                0 => On::Gap(dir, bytes.len() as u64),
                1 => On::Gap(dir, u64::from(byte) + 1),
                2 => On::Bytes(dir, bytes[..place.max(1)].to_vec()),
                3 => On::Bytes(dir, [&bytes[..], &bytes[place..]].concat()),
                _ => On::Bytes(dir, bytes.iter().enumerate().map(|(i, b)| if i == place { byte } else { *b }).collect()),
            };
        }
        let said = hear(&happens, usize::MAX).text(ToClient).replace("answer ", "").replace("[end]", "[gap]");
        let mut last = None;
        for word in said.split("[gap]").flat_map(|part| part.split_inclusive('>')) {
            let n = words.iter().position(|w| w == word);
            prop_assert!(n.is_some(), "{word:?} was not read: {said:?}");
            prop_assert!(n > last, "{word:?} out of order: {said:?}");
            last = n;
        }
    }
}

impl Ends {
    /// A configuration like this server's with another provider.
    fn rebuilt(ends: &Ends, provider: rustls::crypto::CryptoProvider) -> rustls::ServerConfig {
        let builder =
            rustls::ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]).unwrap();
        builder.with_no_client_auth().with_cert_resolver(ends.server.cert_resolver.clone())
    }
}
