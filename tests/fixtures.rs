//! The packages of `release/python` and `release/node` with this program: their own tests, types and lints, installed
//! as their users install them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "proxy")]

#[path = "support/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{installed, program};

fn package(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("release").join(name)
}

/// Runs it in the package with this program; what it said, if it succeeds and said this many times that a test passed.
fn run(package: &Path, command: &mut Command, passed: Option<(&str, usize)>) {
    command.current_dir(package).env("SNIFF", env!("CARGO_BIN_EXE_sniff")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("NO_PROXY", "*").env("NO_COLOR", "1").env_remove("SNIFF_CONFIG");
    let out = command.output().unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(out.status.success(), "{command:?}\n{said}");
    if let Some((mark, at_least)) = passed {
        assert!(said.matches(mark).count() >= at_least, "{command:?}: too few tests ran\n{said}");
    }
}

fn python(module: &str, args: &[&str]) -> Command {
    let mut python = Command::new(installed("venv/fixtures/bin/python"));
    python.args(["-m", module]).args(args);
    python
}

#[test]
fn the_package_for_pytest_passes_its_tests() {
    let package = package("python");
    let site = tempfile::tempdir().unwrap();
    let place = site.path().to_str().unwrap();
    let options = ["install", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"];
    let target = ["--no-cache-dir", "--target", place, "."];
    run(&package, &mut python("pip", &[options.as_slice(), &target].concat()), None);
    // The plugin is found by its entry point.
    let mut pytest = python("pytest", &["-v", "-p", "no:cacheprovider"]);
    run(&package, pytest.env("PYTHONPATH", site.path()), Some((" PASSED ", 25)));
}

#[test]
fn the_package_for_pytest_has_types_and_no_lints() {
    let package = package("python");
    run(&package, &mut python("mypy", &["--cache-dir=/dev/null"]), None);
    run(&package, &mut python("ruff", &["check", "--no-cache"]), None);
    run(&package, &mut python("ruff", &["format", "--no-cache", "--check"]), None);
}

/// `node` with a script of a dependency of the package.
fn node(script: &str, args: &[&str]) -> Command {
    let package = package("node");
    let modules = package.join("node_modules");
    if !modules.exists() {
        // Another test may have made it meanwhile.
        let _ = std::os::unix::fs::symlink(installed("npm-fixtures/node_modules"), &modules);
    }
    let mut node = program("node");
    node.arg(modules.join(script)).args(args);
    node
}

#[test]
fn the_package_for_vitest_passes_its_tests() {
    run(&package("node"), &mut node("vitest/vitest.mjs", &["run", "--reporter=verbose"]), Some(("✓ ", 15)));
}

#[test]
fn the_package_for_vitest_has_types() {
    run(&package("node"), &mut node("typescript/bin/tsc", &["-p", "."]), None);
}
