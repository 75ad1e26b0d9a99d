//! Every capture of the corpus against tshark's frame counts and times.

use super::{All, drain};
use crate::capture::file::Reader;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The project's captures of real servers and clients.
fn real() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/real")
}

/// Captures of other projects, in a folder next to the repository.
fn public(sub: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/public/pcap").join(sub)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    all.sort();
    all.into_iter().flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

fn load(path: &Path) -> All {
    drain(&mut Reader::open(path.to_str().unwrap()).unwrap())
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// "1439753853.065611000" in nanoseconds; none for times before 1970 and for those that 64 bits cannot hold.
fn nanos(text: &str) -> Option<i64> {
    let (secs, fraction) = text.split_once('.')?;
    (fraction.len() == 9 && !text.starts_with('-')).then_some(())?;
    secs.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction.parse().ok()?)
}

#[test]
fn our_own_captures_have_the_packets_that_tcpdump_counted() {
    let dir = real();
    let mut seen = 0;
    for path in files(&dir) {
        let name = path.to_string_lossy().into_owned();
        if !name.contains(".pcap") {
            continue;
        }
        let truth = json(&path.with_extension("truth.json")).expect("a truth file");
        let all = load(&path);
        if truth["broken"] == true {
            continue; // see `broken_files_say_so`
        }
        assert_eq!(all.error, None, "{name}");
        assert_eq!(all.packets.len() as u64, truth["capture"]["packets"].as_u64().expect("a count"), "{name}");
        assert_eq!(all.notices.is_empty(), !name.contains("cut-file"), "{name} {:?}", all.notices);
        assert_eq!(all.secrets.is_empty(), !name.contains("-dsb-"), "{name}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn broken_files_say_so() {
    let dir = real();
    let says = |name: &str| load(&dir.join(name)).error.unwrap_or_else(|| panic!("{name} gave no error"));
    assert!(says("bad-empty-file.pcap").contains("is empty (0 bytes)"));
    assert!(says("bad-half-header.pcap").contains("byte 13"));
    assert!(says("bad-huge-caplen.pcap").contains("byte 24"));
    assert!(says("bad-magic.pcap").contains("is not a capture file"));
    assert!(says("bad-text.pcap").contains("looks like text"));
    let empty = load(&dir.join("bad-header-only.pcap"));
    assert_eq!((empty.error, empty.packets.len()), (None, 0));
    let unread = load(&dir.join("bad-linktype.pcap"));
    assert!(unread.error.is_none() && unread.packets.iter().all(|p| p.link == 147));
}

#[test]
#[ignore = "needs public data"]
fn public_captures_have_the_frames_and_times_that_tshark_saw() {
    let dir = public("");
    let mut seen = 0;
    for path in files(&dir) {
        let name = path.to_string_lossy().into_owned();
        let Some(oracle) = json(Path::new(&format!("{name}.tshark.json"))) else { continue };
        let all = load(&path);
        let capture = &oracle["capture"];
        let Some(frames) = capture["frames"].as_u64() else { continue };
        if name.ends_with(".snoop") {
            assert!(all.error.expect("not read").contains("snoop"), "{name}");
            continue;
        }
        seen += 1;
        if capture["tshark_exit"] != 0 {
            // tshark stopped there; this reader may continue, and must report the damage
            assert!(all.packets.len() as u64 >= frames, "{name}: {} of {frames}", all.packets.len());
            let read_on = all.packets.len() as u64 > frames;
            assert!(read_on || all.error.is_some() || !all.notices.is_empty(), "{name}");
        } else {
            assert_eq!(all.error, None, "{name}");
            assert_eq!(all.packets.last().map_or(0, |p| p.frame), frames, "{name} {:?}", all.notices);
        }
        let (first, last) = (all.packets.first(), all.packets.get(frames.saturating_sub(1) as usize));
        for (packet, key) in [(first, "first_time"), (last, "last_time")] {
            if let (Some(packet), Some(time)) = (packet, capture[key].as_str().and_then(nanos)) {
                assert_eq!(packet.at.nanos(), time, "{name} {key}");
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

#[test]
#[ignore = "needs public data"]
fn pcapng_suite_agrees_frame_by_frame() {
    let dir = public("pcapng-suite");
    let mut seen = 0;
    for path in files(&dir) {
        let name = path.to_string_lossy().into_owned();
        let Some(oracle) = json(Path::new(&format!("{name}.tshark.json"))) else { continue };
        let all = load(&path);
        let text = |f: &Value, k: &str| f[k].as_str().unwrap_or_default().to_string();
        // frames without an interface are blocks that Wireshark numbers and that are not packets
        let frames: Vec<&Value> =
            oracle["frames"].as_array().unwrap().iter().filter(|f| f["interface_id"] != "").collect();
        let mut last = String::from("0.000000000");
        let mut interfaces = BTreeMap::new();
        for (frame, packet) in frames.iter().zip(&all.packets) {
            assert_eq!(text(frame, "number"), packet.frame.to_string(), "{name}");
            assert_eq!(text(frame, "cap_len"), packet.data.len().to_string(), "{name} {}", packet.frame);
            assert_eq!(text(frame, "len"), packet.wire_len.to_string(), "{name} {}", packet.frame);
            let time = match text(frame, "time_epoch") {
                // a simple packet block: ours has the time of the packet before
                none if none.is_empty() => last.clone(),
                some => some,
            };
            assert_eq!(Some(packet.at.nanos()), nanos(&time), "{name} {}", packet.frame);
            last = time;
            // The oracle counts them anew in every section, we do not: one of ours is one of its.
            let id = text(frame, "interface_id");
            assert_eq!(interfaces.entry(packet.device).or_insert(id.clone()), &id, "{name} {}", packet.frame);
        }
        if oracle["tshark_exit"] == 0 {
            assert_eq!(frames.len(), all.packets.len(), "{name} {:?} {:?}", all.notices, all.error);
        }
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
#[ignore = "needs public data"]
fn crashers_of_other_readers_are_read_as_far_as_tshark_reads_them() {
    let dir = public("fuzz-bulk");
    let index = json(&dir.join("INDEX.json")).unwrap();
    let mut differ = Vec::new();
    for case in index.as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let all = load(&dir.join(name));
        let frames = case["tshark_frames"].as_u64().unwrap_or(0);
        let got = all.packets.last().map_or(0, |p| p.frame);
        if got < frames || (case["tshark_exit"] == 0 && got != frames) {
            differ.push(format!("{name}: {got} of {frames} {:?} {:?}", all.notices, all.error));
        }
    }
    assert!(differ.is_empty(), "{} of {}\n{}", differ.len(), index.as_array().unwrap().len(), differ.join("\n"));
}
