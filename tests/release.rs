//! What is published with the program: lists of the software of others, versions, and what packages are made from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{installed, program};

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
    // The wheel takes it from Cargo.toml.
    assert_eq!(manifest("release/wheel/pyproject.toml")["project"]["dynamic"][0].as_str(), Some("version"));
}

#[test]
fn what_packages_are_made_from_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let cargo = manifest("Cargo.toml");
    let deb = &cargo["package"]["metadata"]["deb"];
    let assets = program("sh")
        .args(["release/assets.sh", env!("CARGO_BIN_EXE_sniff")])
        .current_dir(top())
        .env("ASSETS", folder.path())
        .output()
        .unwrap();
    assert!(assets.status.success(), "{}", String::from_utf8_lossy(&assets.stderr));
    for asset in deb["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        let path = match source.strip_prefix("target/assets/") {
            Some(made) => folder.path().join(made),
            None => top().join(source),
        };
        let there = match source.rsplit_once("*.") {
            Some((_, kind)) => std::fs::read_dir(path.parent().unwrap())
                .unwrap()
                .any(|e| e.unwrap().path().extension().is_some_and(|e| e == kind)),
            None => path.exists() || source == "target/release/sniff",
        };
        assert!(there, "{source} is packed and not there");
    }
    for script in ["release/deb/postinst", "release/deb/prerm", "release/assets.sh"] {
        assert!(program("sh").args(["-n", script]).current_dir(top()).status().unwrap().success(), "{script}");
    }
    let features = manifest("release/wheel/pyproject.toml")["tool"]["maturin"]["features"].clone();
    for feature in features.as_array().unwrap() {
        assert!(cargo["features"].get(feature.as_str().unwrap()).is_some(), "the wheel asks for {feature:?}");
    }
}

/// The service runs the program with options that it has.
#[test]
fn the_service_starts_the_program_with_options_that_exist() {
    let unit = read("release/sniff.service");
    let of = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
    let options = of("Environment=\"SNIFF_OPTIONS=").trim_end_matches('"');
    let command = of("ExecStart=/usr/bin/").replace("$SNIFF_OPTIONS", options);
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    assert_eq!(sniff::internal::cli::parses(&words), Ok(()), "{command}");
}
