//! What is published with the program: lists of the software of others, and versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "support/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;
use tools::installed;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(top().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn manifest(name: &str) -> toml::Value {
    toml::from_str(&read(name)).unwrap()
}

/// Runs a script of Python and expects this exit code; what it said.
fn python(code: i32, interpreter: &Path, args: &[&str]) -> String {
    let out = Command::new(interpreter).args(args).current_dir(top()).env("CARGO", env!("CARGO")).output().unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(out.status.code(), Some(code), "{args:?}\n{said}");
    said
}

#[test]
fn the_list_of_other_software_is_up_to_date() {
    python(0, &installed("venv/fixtures/bin/python"), &["release/third_party.py", "--check"]);
    let list = read("release/THIRD-PARTY.md");
    for package in manifest("Cargo.toml")["dependencies"].as_table().unwrap().keys() {
        assert!(list.contains(&format!("\n| {package} ")), "{package} is linked and not in the list");
    }
    // What only tests and builds the program is not distributed.
    for package in ["proptest", "serde_derive", "cc"] {
        assert!(!list.contains(&format!("\n| {package} ")), "{package} is in the list");
    }
}

/// The schema is the one that CycloneDX publishes.
#[test]
fn the_bill_of_materials_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sniff.cdx.json");
    let (python3, path) = (installed("venv/fixtures/bin/python"), file.to_str().unwrap());
    python(0, &python3, &["release/third_party.py", "--sbom", path]);
    let script = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(f'not valid: {wrong}' if wrong else 0)";
    python(0, &python3, &["-c", script, path]);
    let whole: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let components = whole["components"].as_array().unwrap();
    assert!(components.len() > 80, "{}", components.len());
    assert!(components.iter().all(|c| c["hashes"][0]["content"].is_string() && c["licenses"][0].is_object()));
    // The validator refuses what is wrong.
    std::fs::write(&file, whole.to_string().replace("\"library\"", "\"libary\"")).unwrap();
    assert!(python(1, &python3, &["-c", script, path]).contains("libary"));
}

#[test]
fn packages_have_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let node: serde_json::Value = serde_json::from_str(&read("release/node/package.json")).unwrap();
    assert_eq!(node["version"], version);
    assert_eq!(manifest("release/python/pyproject.toml")["project"]["version"].as_str(), Some(version));
}
