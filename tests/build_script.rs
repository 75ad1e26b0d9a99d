//! The build script recognises a missing library and says what to install.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../build.rs"]
#[allow(dead_code)]
mod build;

use std::path::Path;
use std::process::Command;

#[test]
fn a_missing_library_is_seen_and_one_in_a_folder_of_its_own_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (cc, output) = ("cc".into(), dir.path().join("linked"));
    assert_eq!(build::links(&cc, "m", &[], &output), Some(true));
    assert_eq!(build::links(&cc, "of_nobody", &[], &output), Some(false));
    assert_eq!(build::links(&"no-such-linker".into(), "m", &[], &output), None);
    assert_eq!(build::links(&"false".into(), "m", &[], &output), None, "it failed, and named no library");
    let mut compiler = Command::new("cc");
    compiler.args(["-x", "c", "-shared", "-o"]).arg(dir.path().join("libof_nobody.so")).arg("/dev/null");
    assert!(compiler.status().unwrap().success());
    assert_eq!(build::links(&cc, "of_nobody", &[dir.path().to_owned()], &output), Some(true));
}

#[test]
fn the_message_names_packages_and_the_way_without() {
    let said = build::missing();
    for wanted in ["Debian", "libpcap-dev", "Fedora", "libpcap-devel", "Alpine", "macOS", "LIBPCAP_LIBDIR"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // The alternative that it names does build: these features exist.
    assert!(said.contains("--no-default-features --features proxy"), "{said}");
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nproxy = ["));
}
