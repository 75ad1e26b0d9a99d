//! Captures that nobody on the project wrote, compared with what other programs read from them; and those that were made to break parsers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::oracle::{Compared, compare};
use support::read::read;

/// Every difference that is left, with its reason.
const LISTED: &str = include_str!("public_differences.txt");
/// Share of exchanges that must agree in every field.
const SHARE: f64 = 0.97;
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

/// Captures: whatever has an oracle, and in `fuzz-bulk` everything else too.
fn captures(dir: &Path) -> Vec<PathBuf> {
    let extra = [".json", ".keys", ".md", ".txt"];
    files(dir).into_iter().filter(|f| !extra.iter().any(|e| f.display().to_string().ends_with(e))).collect()
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

#[test]
fn exchanges_agree_with_other_programs() {
    let Some(dir) = support::shared("corpus/public/pcap") else { return };
    // Those that the oracle itself doubts can be looked at, and decide nothing.
    let doubted = std::env::var_os("SNIFF_PUBLIC_DOUBTED").is_some();
    let mut found: BTreeMap<(String, String, String), String> = BTreeMap::new();
    let mut families: BTreeMap<String, Compared> = BTreeMap::new();
    for file in files(&dir).iter().filter(|f| name(f).ends_with(ORACLE)) {
        let oracle: Value = serde_json::from_slice(&std::fs::read(file).expect("readable")).expect("JSON");
        if oracle["doubts"].as_array().is_some_and(|d| !d.is_empty()) != doubted {
            continue;
        }
        let capture = file.with_file_name(name(file).trim_end_matches(ORACLE));
        let one = compare(&oracle, &read(&capture));
        let family = families.entry(name(file.parent().expect("a folder"))).or_default();
        family.all += one.all;
        family.equal += one.equal;
        for ((exchange, field), text) in one.differences {
            family.differences.insert((field.clone(), format!("{}{exchange}", name(&capture))), String::new());
            found.insert((name(&capture), exchange, field), text);
        }
    }
    table(&families);
    let listed = listed();
    let keys: BTreeSet<_> = found.keys().cloned().collect();
    let lines = |keys: Vec<&(String, String, String)>| {
        let line = |k: &(String, String, String)| format!("{} {} {}: {}", k.0, k.1, k.2, found.get(k).map_or("", String::as_str));
        keys.into_iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let (all, equal) = families.values().fold((0, 0), |(a, e), f| (a + f.all, e + f.equal));
    if doubted {
        println!("{}", lines(keys.iter().collect()));
        return;
    }
    let unlisted: Vec<_> = keys.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&keys).collect();
    assert!(unlisted.is_empty(), "{} differences are not listed in tests/public_differences.txt:\n{}", unlisted.len(), lines(unlisted));
    assert!(gone.is_empty(), "{} listed differences are no more: take them out\n{}", gone.len(), lines(gone));
    assert!(all >= 200 && equal as f64 >= SHARE * all as f64, "{equal} of {all} exchanges are equal");
}

fn table(families: &BTreeMap<String, Compared>) {
    let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
    println!("{:<14} {:>6} {:>6}", "family", "equal", "all");
    for (family, c) in families {
        println!("{family:<14} {:>6} {:>6}", c.equal, c.all);
        c.differences.keys().for_each(|(field, _)| *fields.entry(field).or_default() += 1);
    }
    let (all, equal) = families.values().fold((0, 0), |(a, e), f| (a + f.all, e + f.equal));
    println!("{:<14} {equal:>6} {all:>6}", "all");
    for (field, n) in fields {
        println!("{n:>6} {field}");
    }
}

/// `capture exchange field: reason`, one per line; `#` begins a remark.
fn listed() -> BTreeSet<(String, String, String)> {
    let lines = LISTED.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let (key, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason in {line:?}"));
            assert!(reason.len() > 10, "no reason in {line:?}");
            let mut words = key.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_else(|| panic!("capture exchange field: reason, not {line:?}"));
            (next(), next(), next())
        })
        .collect()
}

/// Damaged, hostile and odd files: everything ends, nothing is left in a table, and what the capture library of the reader says is an error is one.
#[test]
fn hostile_captures_end() {
    let Some(dir) = support::shared("corpus/public/pcap") else { return };
    let mut checked = 0;
    for folder in ["fuzz", "fuzz-bulk", "format", "pcapng-suite", "tls"] {
        for file in captures(&dir.join(folder)) {
            let seen = read(&file);
            assert_eq!(seen.left, 0, "{}: connections are left", file.display());
            let sum = seen.net.tcp + seen.net.unknown_link + seen.net.other + seen.net.malformed + seen.net.fragments;
            assert_eq!(seen.net.packets, sum, "{}: every packet became something", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 250, "only {checked} captures");
}

/// 0 for a capture, 2 for what is none or gives nothing; never anything else.
#[test]
fn exit_codes_are_those_promised() {
    let Some(dir) = support::shared("corpus/public/pcap") else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    for folder in ["fuzz", "format"] {
        for file in captures(&dir.join(folder)) {
            let seen = read(&file);
            let db = scratch.path().join("sniff.db");
            let out = Command::new(env!("CARGO_BIN_EXE_sniff")).arg("--db").arg(&db).arg("--read").arg(&file).output().expect("sniff");
            let said = String::from_utf8_lossy(&out.stderr);
            let code = out.status.code();
            assert!(matches!(code, Some(0 | 2)), "{}: {code:?}\n{said}", file.display());
            if seen.error.is_some() {
                assert_eq!(code, Some(2), "{}: {said}", file.display());
            }
            if seen.net.tcp > 0 && seen.error.is_none() {
                assert_eq!(code, Some(0), "{}: {said}", file.display());
            }
            assert!(code == Some(0) || said.contains(&name(&file)), "{}: an error names the file: {said}", file.display());
        }
    }
}
