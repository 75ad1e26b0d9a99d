//! Every fuzz target over its corpus, and over a number of mutations of it that are the same in each run. `MUTATIONS=N`
//! makes N for each, and `SEED=N` others.
#![cfg(feature = "proxy")]
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use bodies::{TARGETS, Target};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Mutations for each target.
const MUTATIONS: usize = 600;
/// The same where each run writes a database.
const SLOW: usize = 60;
/// Bytes of all corpora together.
const CORPORA: u64 = 2 << 20;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.2);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut all: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Numbers that are the same in each run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Up to four changes: a byte, a bit, a cut, a piece again, a piece away, a piece of another input.
fn mutated(numbers: &mut Numbers, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut data = from.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(data.len() + 1);
        let to = (at + numbers.below(64)).min(data.len());
        match numbers.below(7) {
            0 => data.truncate(at),
            1 if at < data.len() => data[at] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b'9'][numbers.below(8)],
            2 if at < data.len() => data[at] ^= 1 << numbers.below(8),
            3 => {
                let again = data[at..to].to_vec();
                data.splice(at..at, again);
            }
            4 => drop(data.drain(at..to)),
            5 => {
                let from = numbers.below(other.len() + 1);
                let piece = &other[from..(from + numbers.below(64)).min(other.len())];
                data.splice(at..to, piece.iter().copied());
            }
            _ => data.insert(at, numbers.below(256) as u8),
        }
    }
    data
}

/// Runs one input, and leaves it in a file if it fails.
fn one(target: &Target, data: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| target.1(data))).is_err() {
        let path = std::env::temp_dir().join(format!("sniff-fuzz-{}-{what}", target.0));
        fs::write(&path, data).unwrap();
        panic!("{}: {what} fails; the input is in {}", target.0, path.display());
    }
}

fn smoke(name: &str) {
    let target = TARGETS.iter().find(|t| t.0 == name).unwrap();
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "{name} has a corpus");
    for (path, data) in &corpus {
        one(target, data, &path.file_name().unwrap().to_string_lossy());
    }
    let set = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ set("SEED").unwrap_or(0));
    let times = set("MUTATIONS").map_or(if name == "again" { SLOW } else { MUTATIONS }, |n| n as usize);
    for n in 0..times {
        let (from, other) = (&corpus[numbers.below(corpus.len())].1, &corpus[numbers.below(corpus.len())].1);
        one(target, &mutated(&mut numbers, from, other), &format!("mutation-{n}"));
    }
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { smoke(stringify!($name)) })+

        /// The tests above, by name.
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}
targets!(
    again,
    body,
    capture,
    clients,
    config,
    conversation,
    cuts,
    exports,
    h2,
    har,
    keylog,
    proxy,
    redaction,
    sealed,
    selectors,
    wire,
);

#[test]
fn every_target_is_tested_and_can_run_for_longer() {
    let names: Vec<&str> = TARGETS.iter().map(|t| t.0).collect();
    assert_eq!(names, TESTED);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for (name, ..) in TARGETS {
        let file = root.join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(text.contains(&format!("t.0 == \"{name}\"")), "{}", file.display());
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
}

#[test]
fn the_corpora_are_small() {
    let mut folders: Vec<&str> = TARGETS.iter().map(|t| t.2).collect();
    folders.sort_unstable();
    folders.dedup();
    let of = |folder: &&str| TARGETS.iter().find(|t| t.2 == *folder).unwrap();
    let bytes: u64 = folders.iter().flat_map(|folder| corpus(of(folder))).map(|(_, data)| data.len() as u64).sum();
    assert!(bytes < CORPORA, "{bytes} bytes");
}
