//! What the tests share: packets made by hand, lists of captures, exchanges in a form that can be compared.
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod damage;
pub mod frames;
pub mod native;
pub mod oracle;
pub mod packets;
pub mod place;
pub mod read;
pub mod replay_server;
pub mod sealed;
pub mod shape;
pub mod stored;
pub mod tools;
pub mod variants;

use std::path::{Path, PathBuf};
pub use tools::{installed, program};

/// The project's own captures.
pub fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// Captures of real servers and clients with their truth: `NAME.pcap` or `NAME.pcapng`, `NAME.truth.json`,
/// sometimes `NAME.keys`.
pub fn real() -> PathBuf {
    captures().join("real")
}

/// A program of `tests/tools/`, which judges `sniff` from outside.
pub fn tool(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Files of other projects, which we may not publish: a folder beside the repository. Tests that read it are
/// ignored unless they are requested (`tests/run.sh` does if the folder exists), so a missing folder is a failure.
pub fn public(what: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/public").join(what);
    assert!(path.exists(), "{} does not exist: leave out the tests that need public data", path.display());
    path
}

/// Runs a program that this test has copied. A child of another test, forked while the copy was written, has its
/// descriptor until it executes, and until then the copy cannot be run.
pub fn run_copy(command: &mut std::process::Command) -> std::process::Output {
    loop {
        match command.output() {
            Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            done => return done.unwrap(),
        }
    }
}

/// Makes a close send RST.
pub fn reset_on_close(stream: &std::net::TcpStream) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, len) = (std::ptr::from_ref(&linger).cast(), size_of::<libc::linger>() as u32);
    // SAFETY: the descriptor is open, and pointer and length describe a live value.
    unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, len) };
}

/// Whether the case is TLS that can be read only with the feature `legacy-tls`.
pub fn is_legacy_tls(case: &Path) -> bool {
    let name = case.file_name().unwrap_or_default().to_string_lossy();
    case.parent().is_some_and(|family| family.ends_with("tls"))
        && ["tls10", "tls11", "ccm", "rc4"].iter().any(|word| name.contains(word))
}

/// Every `captures/<family>/<case>` folder whose `expect.json` lists exchanges. The cases of `field` state
/// conditions instead, which `tests/tools/field_check.py` reads.
pub fn cases() -> Vec<PathBuf> {
    let mut out = Vec::new();
    for family in std::fs::read_dir(captures()).expect("captures/") {
        let family = family.expect("entry").path();
        if !family.is_dir() || family.ends_with("field") || family.ends_with("reports") {
            continue;
        }
        for case in std::fs::read_dir(&family).expect("family") {
            let case = case.expect("entry").path();
            if case.is_dir() && (cfg!(feature = "legacy-tls") || !is_legacy_tls(&case)) {
                out.push(case);
            }
        }
    }
    out.sort();
    out
}
