//! Reading a capture beside `tcpdump -r FILE -w /dev/null`: CPU seconds as ratios, measured in one run, and peak
//! memory.
//!
//! `cargo bench --bench read [-- FILE]`. Without FILE a synthetic capture is made by the shared generator, where that
//! is present.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

const ROUNDS: usize = 5;

/// CPU seconds (user and system) and peak resident MiB of one run.
#[allow(clippy::zombie_processes)] // waited for by wait4, which tells what it used
fn run(command: &mut Command) -> (f64, f64) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let mut status = 0;
    // SAFETY: rusage is plain data for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pid is that of a child that only this code waits for; both pointers are to live locals.
    let pid = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert!(pid > 0, "wait4");
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0)
}

/// The smallest of several runs: noise only ever adds.
fn best(mut command: impl FnMut() -> Command) -> (f64, f64) {
    (0..ROUNDS).map(|_| run(&mut command())).fold((f64::MAX, 0.0), |(t, m), (s, r)| (t.min(s), m.max(r)))
}

fn capture() -> Option<PathBuf> {
    if let Some(file) = std::env::args().skip(1).find(|a| !a.starts_with("--")) {
        return Some(file.into());
    }
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let generator = top.join("../shared/tools/mkpcap.py");
    if !generator.exists() {
        eprintln!("skipped: no FILE given and {} is not here", generator.display());
        return None;
    }
    let file = top.join("target/bench.pcap");
    if !file.exists() {
        let made = Command::new("python3")
            .arg(generator)
            .arg(&file)
            .args(["--exchanges", "2000", "--events", "300", "--concurrency", "200"])
            .status();
        assert!(made.is_ok_and(|s| s.success()), "the generator failed");
    }
    Some(file)
}

fn main() {
    let Some(file) = capture() else { return };
    let sniff = env!("CARGO_BIN_EXE_sniff");
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("bench.db");
    let tcpdump = best(|| {
        let mut c = Command::new("tcpdump");
        c.arg("-r").arg(&file).args(["-w", "/dev/null"]);
        c
    });
    let check = best(|| {
        let mut c = Command::new(sniff);
        c.args(["check", "-q", "--fail-on", "never"]).arg(&file);
        c
    });
    let record = best(|| {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", db.display()));
        }
        let mut c = Command::new(sniff);
        c.args(["-q", "--db"]).arg(&db).arg("--read").arg(&file);
        c
    });
    let size = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
    println!("{} ({size:.0} MB), best of {ROUNDS}", file.display());
    println!("{:<24} {:>9} {:>9} {:>9}", "", "CPU s", "ratio", "MiB");
    for (name, (seconds, memory)) in
        [("tcpdump -w /dev/null", tcpdump), ("check (no database)", check), ("record every chunk", record)]
    {
        println!("{name:<24} {seconds:>9.2} {:>8.1}x {memory:>9.0}", seconds / tcpdump.0);
    }
}
