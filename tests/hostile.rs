//! Damaged, hostile and odd captures through the whole program: every read ends, no table keeps entries, and memory
//! stays in proportion.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::analyzer::{Analyzer, Options};
use sniff::capture::{Item, file::Reader};
use sniff::internal::net;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that reading needs for any file: buffers of the reader, decompressors, tables.
const ALWAYS: usize = 8 << 20;
/// Further bytes allowed per byte of the file: decoded bodies, records, texts of answers.
const TIMES: usize = 24;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(dir).expect("readable").map(|e| e.expect("entry").path()).collect();
    out.sort();
    out.retain(|f| {
        f.is_file() && ![".json", ".keys", ".md", ".txt"].iter().any(|e| f.display().to_string().ends_with(e))
    });
    out
}

/// Like `check` and recording: exchanges are judged at once and dropped.
fn run(path: &Path, contents: bool) -> net::NetStats {
    let mut analyzer = Analyzer::new(Options { contents, ..Options::default() });
    if let Ok(mut reader) = Reader::open(&path.display().to_string()) {
        while let Ok(Some(item)) = reader.next() {
            if let Item::Packet(packet) = item {
                analyzer.packet(&packet, &mut drop);
            }
        }
    }
    let stats = analyzer.finish(&mut drop);
    assert_eq!(analyzer.connections(), 0, "{}: connections are left", path.display());
    stats
}

#[test]
#[ignore = "needs public data"]
fn hostile_captures_end_within_bounds() {
    let dir = support::public("pcap");
    let (mut checked, mut worst) = (0, (0, PathBuf::new()));
    for file in ["fuzz", "fuzz-bulk", "format", "pcapng-suite", "tls", "tcp", "link"]
        .iter()
        .flat_map(|folder| files(&dir.join(folder)))
    {
        for contents in [false, true] {
            let before = HELD.load(Relaxed);
            PEAK.store(before, Relaxed);
            let n = run(&file, contents);
            let sum = n.tcp + n.unknown_link + n.other + n.malformed + n.bad_checksum + n.fragments;
            assert_eq!(n.packets, sum, "{}: every packet is counted once", file.display());
            let (held, len) = (PEAK.load(Relaxed) - before, file.metadata().expect("a file").len() as usize);
            assert!(held <= ALWAYS + TIMES * len, "{}: {held} bytes in memory for a file of {len}", file.display());
            worst = worst.max((held, file.clone()));
        }
        checked += 1;
    }
    println!("{checked} captures; the most memory was {} KiB, for {}", worst.0 >> 10, worst.1.display());
    assert_eq!(checked, 438, "captures");
}
