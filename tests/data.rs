//! What the tests rely on: captures that nobody changes, and a list of the tests that are left out unless somebody asks for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `captures/SHA256SUMS` (the format of sha256sum) holds `real`, `lab` and `field`: their truth was made by other programs and is argued
/// about in a README, never edited. Whoever adds a file adds its line.
#[test]
fn captures_are_those_of_the_checksums() {
    let captures = support::captures();
    let sums = std::fs::read_to_string(captures.join("SHA256SUMS")).unwrap();
    let listed: BTreeMap<String, String> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap_or_else(|| panic!("not SUM and NAME: {line:?}")))
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect();
    let there: BTreeMap<String, String> = ["real", "lab", "field"]
        .iter()
        .flat_map(|family| files(&captures.join(family)))
        .map(|path| {
            let name = path.strip_prefix(&captures).unwrap().to_str().expect("UTF-8").to_owned();
            (name, sum(&std::fs::read(&path).unwrap()))
        })
        .collect();
    assert_eq!(listed.len(), sums.lines().count(), "a name is listed twice");
    let missing: Vec<_> = listed.keys().filter(|name| !there.contains_key(*name)).collect();
    let added: Vec<_> = there.keys().filter(|name| !listed.contains_key(*name)).collect();
    let changed: Vec<_> = there.iter().filter(|(name, sum)| listed.get(*name).is_some_and(|s| s != *sum)).map(|(name, _)| name).collect();
    assert!(
        missing.is_empty() && added.is_empty() && changed.is_empty(),
        "captures/SHA256SUMS: missing {missing:?}, not listed {added:?}, changed {changed:?}"
    );
    assert!(listed.len() > 600, "only {} files", listed.len());
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    entries.map(|e| e.expect("entry").path()).flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Tests that a plain `cargo test` leaves out: file, name, reason. `tests/run.sh` runs them where what they need is there.
const IGNORED: &[(&str, &str, &str)] = &[
    ("src/capture/tests/corpus.rs", "public_captures_have_the_frames_and_times_that_tshark_saw", "needs public data"),
    ("src/capture/tests/corpus.rs", "pcapng_suite_agrees_frame_by_frame", "needs public data"),
    ("src/capture/tests/corpus.rs", "crashers_of_other_readers_are_read_as_far_as_tshark_reads_them", "needs public data"),
    ("src/framing/sse/tests.rs", "cases_of_other_libraries", "needs public data"),
    ("src/http/h1/tests/cases.rs", "public_cases", "needs public data"),
    ("src/http/h2/hpack/tests.rs", "stories_of_public_encoders", "needs public data"),
    ("src/net/tests/corpus.rs", "segments_and_bytes_are_those_of_tsharks_streams", "needs public data"),
    ("src/net/tests/corpus.rs", "equal_addresses_in_several_vlans_and_tunnels_stay_apart", "needs public data"),
    ("src/tcp/tests/corpus.rs", "bytes_are_those_that_tshark_follows", "needs public data"),
    ("tests/hostile.rs", "hostile_captures_end_within_bounds", "needs public data"),
    ("tests/provider_findings.rs", "each_error_is_argued", "needs public data"),
    ("tests/public.rs", "exchanges_agree_with_other_programs", "needs public data"),
    ("tests/public.rs", "tls_connections_are_named", "needs public data"),
    ("tests/public.rs", "exit_codes_are_those_promised", "needs public data"),
];

#[test]
fn tests_that_are_left_out_are_listed() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for path in ["src", "tests"].iter().flat_map(|folder| files(&top.join(folder))).filter(|p| p.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().to_str().expect("UTF-8").to_owned();
        found.extend(ignored(&text).into_iter().map(|(test, reason)| (name.clone(), test, reason)));
    }
    let listed: BTreeSet<_> = IGNORED.iter().map(|(f, t, r)| ((*f).to_owned(), (*t).to_owned(), (*r).to_owned())).collect();
    let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(new.is_empty() && gone.is_empty(), "ignored and not listed in IGNORED: {new:#?}\nlisted and not ignored: {gone:#?}");
}

/// Name and reason of each test with the attribute; the reason is empty where it gives none.
fn ignored(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut reason = None;
    for line in text.lines().map(str::trim_start) {
        let code = line.split("//").next().unwrap_or_default();
        if let Some((_, after)) = code.split_once(concat!("ign", "ore")).filter(|(before, _)| before.starts_with("#[")) {
            let quoted = after.split('"').nth(1).unwrap_or_default();
            reason = Some(quoted.to_owned());
        } else if let Some((_, after)) = line.split_once("fn ").filter(|_| reason.is_some()) {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            out.push((name.to_owned(), reason.take().unwrap_or_default()));
        }
    }
    out
}

#[test]
fn the_scanner_sees_each_way_to_leave_a_test_out() {
    let attribute = |inner: &str| format!("#[test]\n    #[{inner}]\n    async fn a() {{}}\n#[test]\nfn b() {{}}\n");
    let bare = concat!("ign", "ore");
    let one = |reason: &str| vec![("a".to_owned(), reason.to_owned())];
    assert_eq!(ignored(&attribute(bare)), one(""));
    assert_eq!(ignored(&attribute(&format!("{bare} = \"why\""))), one("why"));
    assert_eq!(ignored(&attribute(&format!("cfg_attr(miri, {bare} = \"why\")"))), one("why"));
    assert_eq!(ignored(&format!("// #[{bare}]\nfn a() {{}}\n")), vec![]);
}
