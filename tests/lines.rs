//! `--format jsonl` of a recording: one object per finished exchange, once it is durable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use support::place::Place;

/// The objects, without what is known only after the connection has ended.
fn values(text: &str) -> Vec<Value> {
    let mut all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    all.iter_mut().for_each(|x| x["tcp"] = Value::Null);
    all
}

fn seed() -> String {
    support::captures().join("seed/iflow/input.pcap").to_str().unwrap().to_owned()
}

#[test]
fn lines_are_those_of_list() {
    let place = Place::new();
    let (lines, said) = place.want(0, &["--read", &seed(), "--format", "jsonl"]);
    assert!(said.contains("session 1 in sniff.db"), "{said}");
    let lines = values(&lines);
    assert!(!lines.is_empty());
    assert_eq!(lines, values(&place.out(&["list", "--format", "jsonl"])));
    let (out, _) = place.want(0, &["-q", "--db", "b.db", "--read", &seed(), "--format", "jsonl", "-o", "b.jsonl"]);
    assert_eq!(out, "");
    let written = std::fs::read_to_string(place.path("b.jsonl")).unwrap();
    assert_eq!(values(&written), values(&place.out(&["list", "--db", "b.db", "--format", "jsonl"])));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(place.path("b.jsonl")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_line_comes_while_the_recording_goes_on_and_a_reader_that_goes_ends_it() {
    let place = Place::new();
    let file = std::fs::read(seed()).unwrap();
    let mut child = place
        .command(&["-q", "--read", "-", "--format", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut packets = child.stdin.take().unwrap();
    packets.write_all(&file).unwrap();
    packets.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(serde_json::from_str::<Value>(&line).unwrap()["id"].is_i64(), "{line}");
    assert!(child.try_wait().unwrap().is_none(), "the recording has ended");
    // What is printed is in the database.
    assert!(!values(&place.out(&["list", "--format", "jsonl"])).is_empty());
    drop(lines);
    drop(packets);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_a_recording_cannot_print_is_said() {
    let place = Place::new();
    let refused = |args: &[&str], words: &str| {
        let (out, said) = place.want(2, &[&["--read", &seed()], args].concat());
        assert!(out.is_empty() && said.contains(words), "{args:?}: {said}");
    };
    refused(&["--format", "csv"], "sniff list --format csv");
    refused(&["-o", "x"], "with --format jsonl only");
    refused(&["--format", "jsonl", "--store-secrets"], "--store-secrets keeps");
    assert!(!place.path("sniff.db").exists() && !place.path("x").exists());
}
