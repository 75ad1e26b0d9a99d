//! Compares `captures/`: each case with its `expect.json`, the real captures with their truth, the cases from the
//! field with their conditions.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::analyzer::{Analyzed, Analyzer, Options, Output};
use sniff::capture::{Item, file::Reader};
use sniff::conformance::Level;
use sniff::conn::ConnId;
use sniff::internal::summary::Summary;
use sniff::internal::{tls, wire};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

/// All exchanges of a case as `list` shows them, with the codes of their findings by level.
fn read(case: &Path) -> Vec<(Value, Vec<(Level, &'static str)>)> {
    let keys = tls::Keys::default();
    let mut analyzer = Analyzer::new(Options { keys: keys.clone(), ..Options::default() });
    let (mut exchanges, mut facts): (Vec<Analyzed>, _) = (Vec::new(), HashMap::new());
    let mut sink = |output| match output {
        Output::Exchange(analyzed) => exchanges.push(*analyzed),
        Output::Connection(c) => {
            facts.insert(c.id, c.facts);
        }
        _ => {}
    };
    let wire_file = case.join("input.wire");
    if wire_file.exists() {
        let text = std::fs::read_to_string(&wire_file).unwrap();
        let transcript = wire::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", wire_file.display()));
        transcript.replay(ConnId(0), &mut |event| analyzer.event(&event, &mut sink));
    } else {
        let file = ["input.pcap", "input.pcapng"].iter().map(|f| case.join(f)).find(|f| f.exists());
        let file = file.unwrap_or_else(|| panic!("{}: neither input.wire nor input.pcap", case.display()));
        let mut reader = Reader::open(&file.display().to_string()).expect("readable");
        while let Some(item) = reader.next().expect("readable") {
            match item {
                Item::Packet(packet) => analyzer.packet(&packet, &mut sink),
                Item::Secrets(lines) => keys.push(lines),
                Item::Notice(_) => {}
            }
        }
    }
    analyzer.finish(&mut sink);
    exchanges.sort_by_key(|a| a.exchange.id);
    exchanges
        .iter()
        .map(|Analyzed { exchange: e, metrics, findings }| {
            let codes = findings.iter().map(|f| (f.level.expect("judged"), f.rule)).collect();
            let summary = Summary::new(1, e.id.0 as i64, e, metrics, findings, facts.get(&e.conn));
            (serde_json::to_value(summary).unwrap(), codes)
        })
        .collect()
}

/// Compares every field of `want`; objects, and the answers of a WebSocket, are compared member by
/// member.
fn compare(path: &str, want: &Value, have: &Value, out: &mut Vec<String>) {
    match (want, have) {
        (Value::Object(w), _) => {
            for (k, v) in w {
                compare(&format!("{path}.{k}"), v, have.get(k).unwrap_or(&Value::Null), out);
            }
        }
        (Value::Number(w), Value::Number(h)) if path.ends_with("_ms") => {
            if (w.as_f64().unwrap() - h.as_f64().unwrap()).abs() > 0.0101 {
                out.push(format!("{path}: want {w}, have {h}"));
            }
        }
        (Value::Array(w), Value::Array(h)) if path.ends_with(".answers") && w.len() == h.len() => {
            for (n, (w, h)) in w.iter().zip(h).enumerate() {
                compare(&format!("{path}.{n}"), w, h, out);
            }
        }
        _ if want == have => {}
        _ => out.push(format!("{path}: want {want}, have {have}")),
    }
}

#[test]
fn cases_are_as_expected() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in support::cases() {
        let name = case.strip_prefix(support::captures()).unwrap().display().to_string();
        let text =
            std::fs::read_to_string(case.join("expect.json")).unwrap_or_else(|e| panic!("{name}/expect.json: {e}"));
        assert!(case.join("README.md").exists(), "{name}: no README.md");
        let want: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}/expect.json: {e}"));
        let want = want.as_array().expect("an array of exchanges");
        let have = read(&case);
        let mut diffs = Vec::new();
        if want.len() != have.len() {
            diffs.push(format!("{} exchanges, expected {}", have.len(), want.len()));
        }
        for (i, (want, (have, codes))) in want.iter().zip(&have).enumerate() {
            let mut want = want.as_object().expect("object").clone();
            for (key, info) in [("findings", false), ("findings_info", true)] {
                let Some(list) = want.remove(key) else { continue };
                let mut list: Vec<String> = serde_json::from_value(list).expect("a list of rule codes");
                let mut got: Vec<String> =
                    codes.iter().filter(|(l, _)| (*l == Level::Info) == info).map(|(_, c)| (*c).to_string()).collect();
                list.sort();
                got.sort();
                got.dedup();
                // `expect.json` has the exact set of findings of level warning and above, and some of those of
                // level info.
                let as_stated = if info { list.iter().all(|c| got.contains(c)) } else { list == got };
                if !as_stated {
                    diffs.push(format!("#{i} {key}: want {list:?}, have {got:?}"));
                }
            }
            compare(&format!("#{i}"), &Value::Object(want), have, &mut diffs);
        }
        checked += 1;
        if !diffs.is_empty() {
            wrong.push(format!("{name}\n    {}", diffs.join("\n    ")));
        }
    }
    assert!(checked >= 30, "only {checked} cases");
    assert!(wrong.is_empty(), "{} of {checked} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a program of `tests/tools/` prints about `sniff`.
fn judged_by(tool: &str, folder: &Path, options: &[&str]) -> String {
    let mut python = Command::new("python3");
    python.arg(support::tool(tool)).arg(folder).args(["--sniff", env!("CARGO_BIN_EXE_sniff")]).args(options);
    let out = python.output().expect("python3");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    println!("{said}");
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// The real captures agree with their truth in every field, and in the place and time of every record.
#[test]
fn real_captures_agree_with_their_truth() {
    let said = judged_by(
        "corpus_check.py",
        &support::real(),
        &["--min-captures", "1.0", "--show", "200", "--more", "--records"],
    );
    assert!(said.contains("202 of 202 captures exact"), "{said}");
}

/// The cases from the field and those of later reports are right, except for those in a list, which are wrong.
#[test]
fn cases_of_reports_are_right_but_for_those_listed() {
    for (folder, cases, wrong) in [("field", 46, FIELD_WRONG), ("reports", 60, REPORTS_WRONG)] {
        let said = judged_by("field_check.py", &support::captures().join(folder), &["--min", "0"]);
        let have: BTreeSet<&str> = said.lines().filter_map(|l| l.strip_prefix("FAIL ")?.split(' ').next()).collect();
        let listed: BTreeSet<&str> = wrong.iter().copied().collect();
        let (new, right): (Vec<_>, Vec<_>) = (have.difference(&listed).collect(), listed.difference(&have).collect());
        assert!(new.is_empty(), "{folder}: these cases were right before: {new:?}");
        assert!(right.is_empty(), "{folder}: these cases are right now: take them out of the list: {right:?}");
        assert!(said.contains(&format!("{} of {cases} cases right", cases - wrong.len())), "{said}");
    }
}

/// Cases of `captures/field` that `sniff` does not judge right yet. The list may only shrink.
const FIELD_WRONG: &[&str] = &[];
/// The same of `captures/reports`.
const REPORTS_WRONG: &[&str] = &[];
