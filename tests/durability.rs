//! What was printed is in the database, whatever ends the recording; and databases in places that cannot be written.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SNIFF: &str = env!("CARGO_BIN_EXE_sniff");

/// Runs `tests/tools/kill.py`, which ends recordings and compares. A share of 60 %: an unoptimised program on a busy
/// machine may be late, but never before its time.
fn kills(args: &[&str]) {
    let mut script = support::program("python3");
    let done = script
        .arg(support::tool("kill.py"))
        .args(["--sniff", SNIFF, "--seconds", "2", "--share", "60"])
        .args(args)
        .output();
    let done = done.unwrap();
    let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    assert!(done.status.success(), "{said}");
}

#[test]
fn what_a_reader_of_files_printed_is_kept() {
    kills(&["-n", "5", "--door", "file"]);
}

#[test]
fn what_a_proxy_printed_is_kept() {
    kills(&["-n", "5", "--door", "proxy"]);
}

#[test]
#[ignore = "needs root"]
fn what_was_captured_and_printed_is_kept_and_a_full_disk_is_said() {
    kills(&["-n", "5", "--door", "live", "--full-disk"]);
    kills(&["-n", "1", "--door", "file", "--full-disk"]);
}

#[test]
fn a_killed_session_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = sniff(folder.path(), &["--read", "-", "-v"]);
    let mut child = recording.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let capture = std::fs::read(support::captures().join("seed/iflow/input.pcap")).unwrap();
    child.stdin.as_mut().unwrap().write_all(&capture).unwrap();
    child.stdin.as_mut().unwrap().flush().unwrap();
    // The pipe stays open, so the session runs until it is killed: its connection is written, or a part of it.
    let states = || {
        let list = sniff(folder.path(), &["list", "--sessions", "--format", "jsonl"]).output().unwrap();
        String::from_utf8(list.stdout).unwrap()
    };
    let begun = Instant::now();
    while !states().contains(r#""state":"running""#) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", states());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(states().contains(r#""state":"killed""#), "{}", states());
    for command in [&["list"][..], &["report", "latency"]] {
        assert!(said(&sniff(folder.path(), command).output().unwrap()).contains("session 1 was killed"));
    }
}

fn sniff(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(SNIFF);
    command.current_dir(folder).args(args).env_remove("SNIFF_DB").env("NO_COLOR", "1");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with a recording, in which only root may write.
fn read_only(suffix: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let capture = support::captures().join("seed/iflow/input.pcap");
    let recorded = sniff(folder.path(), &["--read", capture.to_str().unwrap(), "--db", "a ?#%.db"]).output().unwrap();
    assert!(recorded.status.success(), "{}", said(&recorded));
    let db = folder.path().join("a ?#%.db");
    std::fs::set_permissions(&db, std::fs::Permissions::from_mode(0o444)).unwrap();
    if !suffix.is_empty() {
        std::fs::write(folder.path().join(format!("a ?#%.db{suffix}")), [7; 100]).unwrap();
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    folder
}

/// `sniff list` there, as a user who may not write there: root becomes user 65534.
fn list(folder: &Path) -> Output {
    let mut command = sniff(folder, &["list", "--db", "a ?#%.db", "--format", "json"]);
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        // The program itself must be where that user may read it.
        let program = folder.join("sniff");
        std::fs::copy(SNIFF, &program).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut other = Command::new(&program);
        other.current_dir(folder).args(command.get_args()).uid(65534).gid(65534).env_remove("SNIFF_DB");
        command = other;
    }
    let done = support::run_copy(&mut command);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    done
}

#[test]
fn a_database_in_a_read_only_folder_can_be_read() {
    let folder = read_only("");
    let done = list(folder.path());
    assert!(done.status.success(), "{}", said(&done));
    let all: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn a_database_whose_log_cannot_be_used_says_why() {
    let folder = read_only("-wal");
    let done = list(folder.path());
    let said = said(&done);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("its newest rows are in a ?#%.db-wal") && !said.contains("Error code"), "{said}");
}

#[test]
fn a_database_that_would_not_be_kept_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let capture = support::captures().join("seed/iflow/input.pcap");
    for name in [":memory:", "file:x?mode=memory", "file::memory:", ""] {
        let done = sniff(folder.path(), &["--read", capture.to_str().unwrap(), "--db", name]).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{name}");
        assert!(said(&done).contains("the path of a file is needed") || name.is_empty(), "{}", said(&done));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
