//! What a dependency may be (`deny.toml`): its licence, its source, one version of each. cargo-deny checks the same
//! and the advisories; this needs only the packages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn deny() -> toml::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// All packages that a build on this machine has, tests included.
fn packages() -> Vec<Value> {
    let version = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: Value = serde_json::from_slice(&out.stdout).unwrap();
    let all = all["packages"].as_array().unwrap().clone();
    assert!(all.len() > 100, "only {} packages", all.len());
    all
}

fn name(package: &Value) -> String {
    format!("{}@{}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
}

/// Whether an SPDX expression can be met with these licences. A slash is an old form of OR.
fn met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (value, rest) = either(&words, allowed);
    assert!(rest.is_empty(), "{expression}");
    value
}

fn either<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut value, mut rest) = both(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, left) = both(after, allowed);
        (value, rest) = (value | other, left);
    }
    (value, rest)
}

fn both<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut value, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, left) = one(after, allowed);
        (value, rest) = (value & other, left);
    }
    (value, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => match either(inner, allowed) {
            (value, [")", rest @ ..]) => (value, rest),
            _ => panic!("a parenthesis stays open: {words:?}"),
        },
        [licence, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{licence} WITH {exception}")), rest),
        [licence, rest @ ..] => (allowed.contains(*licence), rest),
        [] => panic!("a licence is missing"),
    }
}

#[test]
fn expressions_of_licences() {
    let allowed = ["MIT", "ISC"].map(str::to_owned).into();
    for (expression, wanted) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("ISC AND (GPL-3.0 OR BSD-3-Clause)", false),
        ("MIT OR ISC AND GPL-3.0", true),
        ("MIT WITH Classpath-exception-2.0", false),
    ] {
        assert_eq!(met(expression, &allowed), wanted, "{expression}");
    }
}

#[test]
fn every_dependency_may_be_one() {
    let deny = deny();
    let licences = texts(&deny["licenses"]["allow"]);
    let sources: BTreeSet<String> =
        texts(&deny["sources"]["allow-registry"]).iter().map(|url| format!("registry+{url}")).collect();
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|p| p["name"] != env!("CARGO_PKG_NAME")) {
        let licence = package["license"].as_str().unwrap_or_default();
        if licence.is_empty() || !met(licence, &licences) {
            wrong.push(format!("{}: licence {licence:?}", name(package)));
        }
        let source = package["source"].as_str().unwrap_or("a folder");
        if !sources.contains(source) {
            wrong.push(format!("{}: from {source}", name(package)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_version_of_each() {
    let deny = deny();
    let skip = deny["bans"]["skip"].as_array().unwrap().iter().map(|s| s["crate"].as_str().unwrap().to_owned());
    let skip: BTreeSet<String> = skip.collect();
    let all = packages();
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in all.iter().filter(|p| !skip.contains(&name(p))) {
        versions.entry(package["name"].as_str().unwrap()).or_default().push(name(package));
    }
    let twice: Vec<_> = versions.values().filter(|all| all.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let gone: Vec<_> = skip.iter().filter(|s| !all.iter().any(|p| name(p) == **s)).collect();
    assert!(gone.is_empty(), "deny.toml skips what is not there: {gone:?}");
}
