//! Against captures of real stacks: counts and times must equal those of the truth files, bytes those that
//! tshark follows.

use super::super::{Limits, Table};
use super::pcap;
use crate::conn::{ConnFacts, Direction, Endpoints, What};
use crate::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The result of one connection.
#[derive(Default)]
struct Heard {
    endpoints: Option<Endpoints>,
    facts: ConnFacts,
    /// Bytes per direction.
    bytes: [Vec<u8>; 2],
    /// Per direction: offset after a delivery, and its time.
    times: [Vec<(usize, Timestamp)>; 2],
    gaps: [u64; 2],
    /// Server bytes before the first gap.
    first_gap: Option<u64>,
}

fn hear(file: &[u8]) -> Option<BTreeMap<u64, Heard>> {
    let mut all: BTreeMap<u64, Heard> = BTreeMap::new();
    let mut table = Table::new(Limits::default());
    let mut sink = |event: crate::conn::ByteEvent<'_>| {
        let conn = all.entry(u64::from(event.conn.0)).or_default();
        let side = event.dir.index();
        match event.what {
            What::Open { endpoints, .. } => conn.endpoints = Some(endpoints),
            What::Flip => conn.endpoints = conn.endpoints.map(|e| Endpoints { client: e.server, server: e.client }),
            What::Data(bytes) => {
                conn.bytes[side].extend(bytes);
                conn.times[side].push((conn.bytes[side].len(), event.at));
            }
            What::Gap(n) => {
                conn.gaps[side] += n;
                if side == 1 {
                    conn.first_gap.get_or_insert(conn.bytes[1].len() as u64);
                }
            }
            What::Closed(facts) => conn.facts = *facts,
            _ => {}
        }
    };
    for segment in pcap::segments(file)? {
        table.push(&segment, &mut sink);
    }
    table.finish(&mut sink);
    Some(all)
}

/// Captures of the folder DIR, relative to the repository, with the JSON file of each.
fn captures(dir: &str, suffix: &str) -> Vec<(String, Vec<u8>, Value)> {
    let dir: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut out = Vec::new();
    for path in entries.flatten().map(|e| e.path()) {
        let Some(name) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(suffix)) else {
            continue;
        };
        let Some(bytes) =
            ["", ".pcap", ".pcapng"].iter().find_map(|end| std::fs::read(dir.join(format!("{name}{end}"))).ok())
        else {
            continue;
        };
        let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        out.push((name.to_string(), bytes, json));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_i64().map(Timestamp)
}

#[test]
fn counts_are_those_of_the_truth_files() {
    let (mut files, mut exchanges) = (0, 0);
    for (name, bytes, truth) in captures("captures/real", ".truth.json") {
        let Some(list) = truth["exchanges"].as_array().filter(|l| !l.is_empty() && truth["lossy"] != true) else {
            continue;
        };
        let Some(heard) = hear(&bytes) else { continue };
        files += 1;
        for exchange in list {
            exchanges += 1;
            let conn = &heard[&exchange["stream"].as_u64().unwrap()];
            let client = conn.endpoints.unwrap().client;
            assert_eq!(Some(client.ip().to_string().as_str()), exchange["client_ip"].as_str(), "{name}");
            assert_eq!(Some(u64::from(client.port())), exchange["client_port"].as_u64(), "{name}");
            let (f, t) = (conn.facts, &exchange["tcp"]);
            let have = serde_json::to_value(f).unwrap();
            for (key, want) in t.as_object().unwrap().iter().filter(|(k, _)| *k != "first_closer") {
                assert_eq!(&have[key], want, "{name} stream {}: {key}", exchange["stream"]);
            }
            assert_eq!(conn.gaps, [0, 0], "{name}");
        }
    }
    eprintln!("{exchanges} exchanges in {files} captures");
    assert!(files > 100);
}

/// Cut files, lost packets, late starts, short snaplens: every captured byte comes out, none is invented.
#[test]
fn lossy_captures_give_the_bytes_they_hold() {
    let mut connections = 0;
    for (name, bytes, truth) in captures("captures/real", ".truth.json") {
        let Some([original]) = truth["original_exchanges"].as_array().map(Vec::as_slice) else { continue };
        let present = truth["present"].get(0).unwrap_or(&truth["present"]);
        let Some(heard) = hear(&bytes) else { continue };
        let Some(conn) = heard
            .values()
            .find(|c| c.endpoints.map(|e| u64::from(e.client.port())) == original["client_port"].as_u64())
        else {
            panic!("{name}: connection not seen");
        };
        connections += 1;
        let have = [conn.facts.client_bytes, conn.facts.server_bytes].map(Value::from);
        assert_eq!(have, [present["request_bytes_present"].clone(), present["server_bytes_present"].clone()], "{name}");
        if conn.facts.handshake_seen {
            let first_gap = conn.first_gap.unwrap_or(conn.facts.server_bytes);
            assert_eq!(Some(first_gap), present["server_contiguous_from_start"].as_u64(), "{name}");
        }
        if conn.facts.handshake_seen && conn.facts.server_fin {
            assert_eq!(Some(conn.facts.server_bytes + conn.gaps[1]), present["server_bytes_total"].as_u64(), "{name}");
        }
    }
    eprintln!("{connections} lossy connections");
    assert!(connections > 5);
}

/// Wire offsets after each decoded byte of a chunked body that begins at `at`.
fn chunked(wire: &[u8], mut at: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    while let Some(line) = wire[at..].windows(2).position(|w| w == b"\r\n") {
        let size = String::from_utf8_lossy(&wire[at..at + line]);
        let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap_or(0);
        at += line + 2;
        if size == 0 {
            break;
        }
        ends.extend((at + 1..=at + size).take_while(|&end| end <= wire.len()));
        at = (at + size + 2).min(wire.len());
    }
    ends
}

#[test]
fn records_have_the_times_of_the_truth_files() {
    let mut records = 0;
    for (name, bytes, truth) in captures("captures/real", ".truth.json") {
        let Some([exchange]) = truth["exchanges"].as_array().map(Vec::as_slice) else { continue };
        let response = &exchange["response"];
        let plain =
            exchange["tls"] == false && response["transfer"] == "chunked" && response["content_encoding"].is_null();
        if truth["lossy"] == true
            || !plain
            || !exchange["tunnel_to"].is_null()
            || response["informational"].as_array().is_some_and(|l| !l.is_empty())
        {
            continue;
        }
        let Some(heard) = hear(&bytes) else { continue };
        let conn = &heard[&exchange["stream"].as_u64().unwrap()];
        let (request, answer) = (Direction::ToServer.index(), Direction::ToClient.index());
        let at = |side: usize, end: usize| conn.times[side].iter().find(|(e, _)| *e >= end).map(|(_, at)| *at);
        let timing = &exchange["timing"];
        assert_eq!(at(request, 1), time(&timing["t_request_start_ns"]), "{name}");
        assert_eq!(at(request, conn.bytes[request].len()), time(&timing["t_request_end_ns"]), "{name}");
        assert_eq!(at(answer, 1), time(&timing["t_response_start_ns"]), "{name}");
        let wire = &conn.bytes[answer];
        let body = wire.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let ends = chunked(wire, body);
        for event in exchange["events"].as_array().unwrap() {
            let end = event["end"].as_u64().unwrap() as usize;
            assert_eq!(at(answer, ends[end - 1]), time(&event["t_wire_ns"]), "{name} record {}", event["i"]);
            records += 1;
        }
    }
    eprintln!("{records} records");
    assert!(records > 500);
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Captures in which tshark and this table differ in what a connection is or which bytes it has.
const OTHER_MEANING: &[(&str, &str)] = &[
    ("arkime-tcp_handshake_synthetic", "a SYN that the peer answers with the old connection's numbers opens nothing"),
    ("arkime-tcpseq_synthetic", "a segment far ahead, still within the largest window, counts"),
    ("pcpp-tcp-malformed", "no payload, and header lengths that contradict each other"),
    ("sv-bug-3286-02", "a RST that answers the SYN ends the connection; what follows is the next one"),
    ("sv-tcp-split-handshake", "both SYNs of a split handshake open one connection"),
    (
        "tcpflow-test1-out-of-order",
        "a segment from before the file's first one is put in its place; tshark leaves it out",
    ),
    (
        "tcpflow-test5-lines-randomized",
        "all bytes come out, in the connection that the late SYN-ACK opens; tshark loses them",
    ),
    ("tcpdump-tcp_rst_data", "the payload of a RST is not data"),
];

#[test]
#[ignore = "needs public data"]
fn bytes_are_those_that_tshark_follows() {
    let (mut streams, mut differ) = (0, Vec::new());
    for (name, bytes, oracle) in ["../shared/corpus/public/pcap/tcp", "../shared/corpus/public/pcap/http1"]
        .into_iter()
        .flat_map(|d| captures(d, ".tshark.json"))
    {
        // This reader does not handle snaplen cuts, tunnels, tags and fragments.
        let layers = ["vlan", "ipv6.fraghdr", "gre", "ip.fragment", "vxlan"];
        let nested =
            oracle["capture"]["protocols"].as_array().is_some_and(|l| l.iter().any(|p| layers.iter().any(|n| p == n)));
        if oracle["capture"]["frames_cut_by_snaplen"] != 0
            || nested
            || OTHER_MEANING.iter().any(|(n, _)| name.starts_with(n))
        {
            continue;
        }
        let Some(mut heard) = hear(&bytes) else { continue };
        for stream in oracle["streams"].as_array().unwrap() {
            // tshark numbers protocols inside others as separate streams, so look for the addresses, in
            // order.
            let ends = [&stream["client"], &stream["server"]].map(|e| e.as_str().unwrap().replace(['[', ']'], ""));
            let said = |e: std::net::SocketAddr| format!("{}:{}", e.ip(), e.port());
            let found = heard.iter().find_map(|(id, conn)| {
                let have = conn.endpoints.map(|e| [said(e.client), said(e.server)])?;
                let swapped = have[0] == ends[1] && have[1] == ends[0];
                (swapped || have == ends).then_some((*id, swapped))
            });
            let Some((id, swapped)) = found else {
                differ.push(format!("{name} {}: not seen", stream["tcp_stream"]));
                continue;
            };
            streams += 1;
            let conn = heard.remove(&id).unwrap();
            for (side, want) in [&stream["c2s"], &stream["s2c"]].into_iter().enumerate() {
                let have = &conn.bytes[if swapped { 1 - side } else { side }];
                // After a hole tshark follows in the order of the file; up to there, and in number, the bytes
                // are the same.
                let before = want["bytes_before_first_gap"].as_u64().map_or(0, |n| n as usize).min(have.len());
                let until_gap =
                    want["bytes"] == have.len() && want["sha256_before_first_gap"] == sha256(&have[..before]).as_str();
                if want["sha256"] != sha256(have).as_str() && !until_gap {
                    differ.push(format!(
                        "{name} {} side {side}: {} bytes, tshark {want}",
                        stream["tcp_stream"],
                        have.len()
                    ));
                }
            }
        }
    }
    eprintln!("{streams} streams");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(streams > 100);
}
