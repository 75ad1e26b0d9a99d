//! Checks what the tests rely on: captures that do not change, and a list of the tests that run only on request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `captures/SHA256SUMS` (the format of sha256sum) lists `real`, `lab`, `field` and `reports`: this program did not
/// make their truth, a README argues for it, and it is never edited. A new file needs its line.
#[test]
fn captures_are_those_of_the_checksums() {
    let captures = support::captures();
    let sums = std::fs::read_to_string(captures.join("SHA256SUMS")).unwrap();
    let listed: BTreeMap<String, String> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap_or_else(|| panic!("not SUM and NAME: {line:?}")))
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect();
    let there: BTreeMap<String, String> = ["real", "lab", "field", "reports"]
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
    let changed: Vec<_> =
        there.iter().filter(|(name, sum)| listed.get(*name).is_some_and(|s| s != *sum)).map(|(name, _)| name).collect();
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
    entries
        .map(|e| e.expect("entry").path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// Tests that a plain `cargo test` leaves out. `tests/run.sh` reads the list too, and runs those whose requirements
/// it finds.
const IGNORED: &str = include_str!("ignored.txt");

#[test]
fn tests_that_are_left_out_are_listed() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for path in ["src", "tests"]
        .iter()
        .flat_map(|folder| files(&top.join(folder)))
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().to_str().expect("UTF-8").to_owned();
        found.extend(ignored(&text).into_iter().map(|(test, reason)| format!("{reason}: {name} {test}")));
    }
    let listed: BTreeSet<String> =
        IGNORED.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
    let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(
        new.is_empty() && gone.is_empty(),
        "ignored, but not in tests/ignored.txt: {new:#?}\nthere, but not ignored: {gone:#?}"
    );
    let runner = include_str!("run.sh");
    let unknown: Vec<_> = found
        .iter()
        .filter(|l| !runner.contains(&format!("\"{}\"", l.split(": ").next().unwrap_or_default())))
        .collect();
    assert!(unknown.is_empty(), "tests/run.sh does not know when to run these: {unknown:#?}");
}

/// Name and reason of each ignored test; the reason is empty if the attribute has none.
fn ignored(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut reason = None;
    for line in text.lines().map(str::trim_start) {
        let code = line.split("//").next().unwrap_or_default();
        if let Some((_, after)) = code.split_once(concat!("ign", "ore")).filter(|(before, _)| before.starts_with("#["))
        {
            let quoted = after.split('"').nth(1).unwrap_or_default();
            reason = Some(quoted.to_owned());
        } else if let Some((_, after)) = line.split_once("fn ").filter(|_| reason.is_some()) {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            out.push((name.to_owned(), reason.take().unwrap_or_default()));
        }
    }
    out
}

/// A test that returns early because something is missing passes without a check: it must fail, or be ignored.
#[test]
fn no_test_skips_itself() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let skips = [concat!("\"skip", "ped"), concat!("SNIFF_NO", "_SKIP")];
    let sources = ["src", "tests"].iter().flat_map(|folder| files(&top.join(folder)));
    let wrong: Vec<_> = sources
        .filter(|path| path.extension().is_some_and(|e| ["rs", "sh", "py"].iter().any(|known| e == *known)))
        .filter(|path| std::fs::read_to_string(path).is_ok_and(|text| skips.iter().any(|s| text.contains(s))))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
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
