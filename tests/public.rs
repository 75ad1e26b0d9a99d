//! Captures of other projects, compared with what other programs read from them; and captures that were made to
//! break parsers.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::oracle::{Compared, compare, compare_tls};
use support::read::read;

/// Every remaining difference, with who is right and why.
const LISTED: &str = include_str!("public_differences.txt");
/// Exchanges of the oracle; those that agree in every field (heads, bodies, packets and times) …
const ALL: usize = 292;
const EQUAL: usize = 288;
/// … and those that agree except where the oracle is known to be wrong. Each exchange that only sniff lists needs
/// an argument.
const RIGHT: usize = 291;
const ORACLE: &str = ".tshark.json";

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            out.extend(files(&path));
        } else {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// Captures: all that have an oracle, and everything else in `fuzz-bulk`.
fn captures(dir: &Path) -> Vec<PathBuf> {
    let extra = [".json", ".keys", ".md", ".txt"];
    files(dir).into_iter().filter(|f| !extra.iter().any(|e| f.display().to_string().ends_with(e))).collect()
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

#[test]
#[ignore = "needs public data"]
fn exchanges_agree_with_other_programs() {
    let dir = support::public("pcap");
    // Captures that the oracle itself doubts can be examined, but do not count.
    let doubted = std::env::var_os("SNIFF_PUBLIC_DOUBTED").is_some();
    let doubts = |o: &Value| o["doubts"].as_array().is_some_and(|d| !d.is_empty());
    // For encrypted captures it doubts the strictness of its HTTP reader, not the plaintext.
    let keys = |capture: &Path| capture.parent().is_some_and(|folder| name(folder) == "tls-keys");
    let walk = Walk::new(&dir, |oracle, capture| {
        let decides = keys(capture) || !doubts(oracle);
        (decides != doubted).then(|| compare(oracle, &read(capture)))
    });
    walk.table();
    if doubted {
        println!("{}", walk.lines(walk.found.keys()));
        return;
    }
    let (all, equal) = walk.sum();
    let right = walk.check(|exchange| !exchange.starts_with("tls."));
    let percent = |n: usize| 100.0 * n as f64 / all as f64;
    let extra: usize = walk.families.values().map(|f| f.extra).sum();
    println!(
        "{equal} of {all} exchanges ({:.1} %) are equal in every field; {extra} more are listed by sniff only",
        percent(equal)
    );
    println!("{right} of {all} ({:.1} %) with those where the oracle is wrong, as listed", percent(right));
    assert_eq!((all, equal, right), (ALL, EQUAL, RIGHT), "exchanges, equal ones, right ones");
}

/// Names, versions and cipher suites of TLS connections, with or without keys.
#[test]
#[ignore = "needs public data"]
fn tls_connections_are_named() {
    let dir = support::public("pcap");
    let walk = Walk::new(&dir, |oracle, capture| Some(compare_tls(oracle, &read(capture))));
    let (all, equal) = walk.sum();
    let right = walk.check(|exchange| exchange.starts_with("tls."));
    println!("{equal} of {all} TLS connections are equal, {right} with those where the oracle is wrong");
    assert_eq!((all, equal, right), (167, 165, 166), "TLS connections, equal ones, right ones");
}

/// The comparison of all captures.
struct Walk {
    families: BTreeMap<String, Compared>,
    /// The differences: (capture, exchange, field), and what differs.
    found: BTreeMap<Key, String>,
}

type Key = (String, String, String);

impl Walk {
    fn new(dir: &Path, mut one: impl FnMut(&Value, &Path) -> Option<Compared>) -> Walk {
        let mut walk = Walk { families: BTreeMap::new(), found: BTreeMap::new() };
        for file in files(dir).iter().filter(|f| name(f).ends_with(ORACLE)) {
            let oracle: Value = serde_json::from_slice(&std::fs::read(file).expect("readable")).expect("JSON");
            let capture = file.with_file_name(name(file).trim_end_matches(ORACLE));
            let Some(one) = one(&oracle, &capture) else { continue };
            let family = walk.families.entry(name(file.parent().expect("a folder"))).or_default();
            family.all += one.all;
            family.equal += one.equal;
            family.extra += one.extra;
            for ((exchange, field), text) in one.differences {
                family.differences.insert((field.clone(), format!("{}{exchange}", name(&capture))), String::new());
                walk.found.insert((name(&capture), exchange, field), text);
            }
        }
        walk
    }

    /// Sums over all captures: exchanges, and equal exchanges.
    fn sum(&self) -> (usize, usize) {
        self.families.values().fold((0, 0), |(a, e), f| (a + f.all, e + f.equal))
    }

    /// Checks that every difference is listed, and that every listed one (of these exchanges) exists. Returns the
    /// number of exchanges without a difference that sniff has to fix.
    fn check(&self, of: impl Fn(&str) -> bool) -> usize {
        let mut listed = listed();
        listed.retain(|(_, exchange, _), _| of(exchange));
        let unlisted: Vec<_> = self.found.keys().filter(|k| !listed.contains_key(k)).collect();
        let gone: Vec<_> = listed.keys().filter(|k| !self.found.contains_key(k)).collect();
        let n = (unlisted.len(), gone.len());
        assert!(
            n.0 == 0,
            "{} differences are not listed in tests/public_differences.txt:\n{}",
            n.0,
            self.lines(unlisted)
        );
        assert!(n.1 == 0, "{} listed differences do not exist any more: remove them\n{}", n.1, self.lines(gone));
        let ours: BTreeSet<_> =
            self.found.keys().filter(|k| listed.get(k) != Some(&Right::Sniff)).map(|k| (&k.0, &k.1)).collect();
        self.sum().0 - ours.len()
    }

    fn lines<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> String {
        let line = |k: &Key| format!("{} {} {}: {}\n", k.0, k.1, k.2, self.found.get(k).map_or("", String::as_str));
        keys.into_iter().map(line).collect()
    }

    fn table(&self) {
        let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
        println!("{:<14} {:>6} {:>6} {:>6}", "family", "equal", "all", "extra");
        for (family, c) in &self.families {
            println!("{family:<14} {:>6} {:>6} {:>6}", c.equal, c.all, c.extra);
            c.differences.keys().for_each(|(field, _)| *fields.entry(field).or_default() += 1);
        }
        println!("{:<14} {:>6} {:>6}", "all", self.sum().1, self.sum().0);
        for (field, n) in fields {
            println!("{n:>6} {field}");
        }
    }
}

/// Who is right about a known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Sniff,
    Oracle,
    /// The standards leave it open, or it cannot be decided.
    Either,
}

/// `capture exchange field: who is right: reason`, one per line; `#` begins a comment.
fn listed() -> BTreeMap<Key, Right> {
    let lines = LISTED.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let [key, right, reason] = line.splitn(3, ": ").collect::<Vec<_>>()[..] else {
                panic!("not key: right: reason: {line:?}")
            };
            assert!(reason.len() > 10, "no reason in {line:?}");
            let [capture, exchange, field] = key.split(' ').collect::<Vec<_>>()[..] else {
                panic!("not capture exchange field: {line:?}")
            };
            let right = match right {
                "sniff" => Right::Sniff,
                "oracle" => Right::Oracle,
                "either" => Right::Either,
                _ => panic!("who is right? {line:?}"),
            };
            ((capture.to_owned(), exchange.to_owned(), field.to_owned()), right)
        })
        .collect()
}

/// Exit code 0 for a capture, 2 for a file that is none or is empty; never another one.
#[test]
#[ignore = "needs public data"]
fn exit_codes_are_those_promised() {
    let dir = support::public("pcap");
    let scratch = tempfile::tempdir().expect("a folder");
    for folder in ["fuzz", "format"] {
        for file in captures(&dir.join(folder)) {
            let seen = read(&file);
            let db = scratch.path().join("sniff.db");
            let out = Command::new(env!("CARGO_BIN_EXE_sniff"))
                .arg("--db")
                .arg(&db)
                .arg("--read")
                .arg(&file)
                .output()
                .expect("sniff");
            let said = String::from_utf8_lossy(&out.stderr);
            let code = out.status.code();
            assert!(matches!(code, Some(0 | 2)), "{}: {code:?}\n{said}", file.display());
            if seen.error.is_some() {
                assert_eq!(code, Some(2), "{}: {said}", file.display());
            }
            if seen.net.tcp > 0 && seen.error.is_none() {
                assert_eq!(code, Some(0), "{}: {said}", file.display());
            }
            assert!(
                code == Some(0) || said.contains(&name(&file)),
                "{}: an error names the file: {said}",
                file.display()
            );
        }
    }
}
