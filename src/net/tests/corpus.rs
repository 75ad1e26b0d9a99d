//! Real packets of every sort against tshark's streams: how many segments, how many bytes each way.

use super::Owned;
use crate::capture::Item;
use crate::capture::file::Reader;
use crate::net::flags::SYN;
use crate::net::{Decoder, NetStats};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The project's captures of real servers and clients.
fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/real")
}

/// Captures of other projects, in a folder next to the repository.
fn public(sub: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/public/pcap").join(sub)
}

fn decode(path: &Path) -> (Vec<Owned>, NetStats) {
    let mut reader = Reader::open(path.to_str().unwrap()).unwrap();
    let (mut decoder, mut all) = (Decoder::new(), Vec::new());
    while let Ok(Some(item)) = reader.next() {
        if let Item::Packet(p) = item {
            decoder.push(&p, &mut |s| all.push(Owned::from(s)));
        }
    }
    (all, decoder.stats())
}

/// "::1:80", as tshark's oracle writes both versions.
fn end(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(ip.trim_matches(['[', ']']).parse::<IpAddr>().ok()?, port.parse().ok()?))
}

/// Bytes each way, each sequence number once.
fn bytes(all: &[Owned]) -> HashMap<(SocketAddr, SocketAddr), u64> {
    let mut seen: HashMap<_, BTreeMap<u32, u32>> = HashMap::new();
    for s in all {
        let from = s.seq.wrapping_add(u32::from(s.flags & SYN != 0));
        let way = seen.entry((s.src, s.dst)).or_default();
        let len = way.entry(from).or_default();
        *len = (*len).max(s.payload.len() as u32);
    }
    let union = |way: BTreeMap<u32, u32>| {
        let (mut sum, mut upto) = (0u64, 0u64);
        for (from, len) in way {
            let (from, to) = (u64::from(from), u64::from(from) + u64::from(len));
            sum += to.saturating_sub(from.max(upto));
            upto = upto.max(to);
        }
        sum
    };
    seen.into_iter().map(|(k, way)| (k, union(way))).collect()
}

#[test]
#[ignore = "needs public data"]
fn segments_and_bytes_are_those_of_tsharks_streams() {
    let mut differ = Vec::new();
    let (mut frames_judged, mut bytes_judged) = (0, 0);
    for sub in ["link", "http1", "http2", "tcp", "tls", "tls-keys", "format"] {
        let dir = public(sub);
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy().into_owned();
            let Ok(text) = fs::read(format!("{name}.tshark.json")) else { continue };
            let oracle: Value = serde_json::from_slice(&text).unwrap();
            let (all, stats) = decode(&path);
            if stats.packets == stats.unknown_link {
                continue; // 802.11, snoop
            }
            // tshark numbers what it calls malformed, and a reused pair of ports is two streams to it; its
            // bytes have no holes, no keep-alive bytes
            let odd = |keys: &[&str]| keys.iter().any(|k| !oracle["tcp_analysis"][*k].is_null());
            let (odd_frames, odd_bytes) =
                (["malformed", "reused_ports"], ["lost_segment", "keep_alive", "payload_in_syn", "flag_urg"]);
            let got = bytes(&all);
            let streams = oracle["streams"].as_array().cloned().unwrap_or_default();
            let ends = |s: &Value| Some((end(s["client"].as_str()?)?, end(s["server"].as_str()?)?));
            let mut once = HashSet::new();
            let reused: HashSet<_> = streams.iter().filter_map(ends).filter(|e| !once.insert(*e)).collect();
            for s in &streams {
                let e = ends(s).expect("two ends");
                if reused.contains(&e) || odd(&odd_frames) {
                    continue;
                }
                frames_judged += 1;
                let frames = all.iter().filter(|o| (o.src, o.dst) == e || (o.dst, o.src) == e).count() as u64;
                if Some(frames) != s["frames"].as_u64() {
                    differ.push(format!("{name}: {frames} segments of {} {}", s["frames"], s["client"]));
                }
                for (way, key) in [(e, "c2s"), ((e.1, e.0), "s2c")] {
                    if odd(&odd_bytes) || (s["syn"] != true && frames > 1) {
                        continue;
                    }
                    bytes_judged += 1;
                    let n = got.get(&way).copied().unwrap_or(0);
                    if Some(n) != s[key]["bytes"].as_u64() {
                        differ.push(format!(
                            "{name}: {n} bytes of {} {key} {} {}",
                            s[key], s["client"], oracle["tcp_analysis"]
                        ));
                    }
                }
            }
        }
    }
    assert!(differ.is_empty(), "{frames_judged} streams, {} differ\n{}", differ.len(), differ.join("\n"));
    assert!(frames_judged > 400 && bytes_judged > 400, "{frames_judged} {bytes_judged}");
}

#[test]
fn our_own_captures_hold_the_bytes_that_their_truth_counts() {
    let dir = real();
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().contains(".pcap") {
            continue;
        }
        let text = fs::read(path.with_extension("truth.json")).expect("a truth file");
        let truth: Value = serde_json::from_slice(&text).unwrap();
        if truth["broken"] == true {
            continue;
        }
        let (all, stats) = decode(&path);
        // tcpdump was asked for TCP only, but for these
        let noise = ["noise-mixed", "quic-"].iter().any(|name| path.to_string_lossy().contains(name));
        assert_eq!((stats.malformed, stats.unknown_link, stats.other > 0), (0, 0, noise), "{}", path.display());
        assert_eq!(Some(stats.tcp + stats.other), truth["capture"]["packets"].as_u64(), "{}", path.display());
        let short = all.iter().any(|s| s.missing > 0);
        assert_eq!(short, path.to_string_lossy().contains("snaplen"), "{}", path.display());
        let ends: HashSet<_> = all.iter().map(|s| (s.src.min(s.dst), s.src.max(s.dst))).collect();
        assert!(truth["tcp_stream_count"].as_u64().is_none_or(|n| n >= ends.len() as u64), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn snap_length_leaves_the_sequence_whole() {
    let dir = real();
    let sum = |name: &str| {
        let (all, _) = decode(&dir.join(name));
        let (there, missing) =
            all.iter().fold((0, 0), |(t, m), s| (t + s.payload.len() as u64, m + u64::from(s.missing)));
        (there, missing)
    };
    let whole = sum("openai-chat-clean-openai-py.pcap"); // fmt-snaplen96 was made from it
    let cut = sum("fmt-snaplen96.pcap");
    assert_eq!((whole.0, whole.1), (cut.0 + cut.1, 0));
    assert!(cut.1 > cut.0);
}

#[test]
#[ignore = "needs public data"]
fn equal_addresses_in_several_vlans_and_tunnels_stay_apart() {
    let dir = public("link");
    for name in ["zeek-vlan-collisions.pcap", "zeek-vxlan-overlapping-http-get.pcap"] {
        let (all, _) = decode(&dir.join(name));
        // the same connection of 14 packets, three times
        let realms: HashSet<u64> = all.iter().map(|s| s.realm).collect();
        assert_eq!((all.len(), realms.len()), (42, 3), "{name}");
        for realm in realms {
            let mine: Vec<_> = all.iter().filter(|s| s.realm == realm).cloned().collect();
            let mut ways: Vec<u64> = bytes(&mine).into_values().collect();
            ways.sort_unstable();
            assert_eq!(ways, [136, 5007], "{name}");
        }
    }
}
