//! `sniff list --follow`: what is there, then each exchange once it is in the database, by any recorder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use support::place::Place;

const PATIENCE: Duration = Duration::from_secs(60);

/// A follower, and the lines of its two outputs.
struct Follower {
    child: Child,
    out: Receiver<String>,
    said: Receiver<String>,
}

impl Follower {
    fn start(place: &Place, args: &[&str]) -> Follower {
        let mut command = place.command(&[&["list", "--follow"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, said) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Follower { child, out, said }
    }

    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line")
    }

    fn object(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// No line comes within the time of several looks.
    fn is_quiet(&self) {
        assert_eq!(self.out.recv_timeout(Duration::from_millis(700)), Err(RecvTimeoutError::Timeout));
    }

    fn signal(&self, signal: i32) {
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = to.send(line);
        }
    });
    lines
}

fn code(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn seed(place: &Place) {
    let file = support::captures().join("seed/iflow/input.pcap");
    place.want(0, &["-q", "--read", file.to_str().unwrap()]);
}

#[test]
fn a_follower_waits_for_the_first_recording_and_prints_those_that_follow() {
    let place = Place::new();
    let mut f = Follower::start(&place, &["--format", "jsonl"]);
    let said = f.said.recv_timeout(PATIENCE).unwrap();
    assert!(said.contains("waiting for a recording in sniff.db"), "{said}");
    seed(&place);
    let first = f.object();
    seed(&place);
    let second = f.object();
    assert_eq!([&first["session"], &second["session"]], [1, 2], "a new session is followed too");
    // The objects are those of a list.
    let mut listed: Vec<Value> =
        place.out(&["list", "--format", "jsonl"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    listed.sort_by_key(|x| x["id"].as_i64());
    assert_eq!(vec![first, second], listed);
    f.is_quiet();
    f.signal(libc::SIGINT);
    assert_eq!(code(&mut f.child), Some(0));
}

#[test]
fn it_begins_with_what_is_there_and_takes_the_selectors_of_a_list() {
    let place = Place::new();
    seed(&place);
    seed(&place);
    for (args, want) in [
        (&[][..], &[1, 2][..]),
        (&["--limit", "1"], &[2]),
        (&["--limit", "0"], &[]),
        (&["--session", "1"], &[1]),
        (&["--session", "last"], &[2]),
        (&["--model", "no-such"], &[]),
        (&["--grep", "no such text"], &[]),
        (&["--status", "200", "--streaming"], &[1, 2]),
    ] {
        let f = Follower::start(&place, &[&["--format", "jsonl"], args].concat());
        let ids: Vec<i64> = want.iter().map(|_| f.object()["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, want, "{args:?}");
        f.is_quiet();
    }
    let table = Follower::start(&place, &[]);
    let (head, line) = (table.line(), table.line());
    assert!(head.contains("server") && head.contains("model"), "{head}");
    assert!(line.contains("tstars2.0"), "{line}");
    let filtered = [
        Follower::start(&place, &["--format", "jsonl", "--limit", "0", "--status", "5xx"]),
        Follower::start(&place, &["--format", "jsonl", "--limit", "0", "--grep", "no such text"]),
    ];
    let last = Follower::start(&place, &["--format", "jsonl", "--limit", "0", "--session", "last"]);
    std::thread::sleep(Duration::from_millis(500));
    seed(&place);
    assert_eq!(last.object()["session"], 3);
    filtered.iter().for_each(Follower::is_quiet);
}

#[test]
fn a_reader_that_goes_and_a_signal_end_it() {
    let place = Place::new();
    seed(&place);
    let mut command = place.command(&["list", "--follow", "--format", "jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    assert_eq!(code(&mut child), Some(0), "without another exchange");
    let mut f = Follower::start(&place, &["--format", "jsonl"]);
    f.object();
    f.signal(libc::SIGTERM);
    assert_eq!(code(&mut f.child), Some(0));
}

/// Its reader takes nothing, so that the pipe is full and it can never write its last line.
#[test]
fn a_reader_that_sleeps_locks_no_recorder_out_and_a_signal_still_ends_it() {
    let place = Place::new();
    (0..12).for_each(|_| seed(&place));
    let mut command = place.command(&["list", "--follow", "--format", "jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let filled = || {
        let mut waiting = 0;
        // SAFETY: FIONREAD writes one integer, which lives during the call.
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&out), libc::FIONREAD, &raw mut waiting) };
        waiting
    };
    // SAFETY: fcntl(2) with numbers only.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&out), libc::F_SETPIPE_SZ, 4096) };
    let end = Instant::now() + PATIENCE;
    while filled() == 0 {
        assert!(Instant::now() < end, "nothing in the pipe");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    seed(&place);
    // The recorder's last step folds the log into the database, which no open read of another process allows.
    assert_eq!(std::fs::metadata(place.path("sniff.db-wal")).map_or(0, |meta| meta.len()), 0);
    // SAFETY: kill(2) with the pid of a child that has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    assert_eq!(code(&mut child), Some(0));
}

#[test]
fn a_database_that_is_replaced_is_followed() {
    let place = Place::new();
    seed(&place);
    let f = Follower::start(&place, &["--format", "jsonl", "--limit", "0"]);
    f.is_quiet();
    for name in ["sniff.db", "sniff.db-wal", "sniff.db-shm"] {
        let _ = std::fs::remove_file(place.path(name));
    }
    let said = f.said.recv_timeout(PATIENCE).unwrap();
    assert!(said.contains("is gone or was replaced"), "{said}");
    seed(&place);
    assert_eq!(f.object()["id"], 1);
}

#[test]
fn what_has_an_end_cannot_be_followed() {
    let place = Place::new();
    seed(&place);
    for (args, words) in [
        (&["--format", "csv"][..], "table or jsonl"),
        (&["-o", "x"], "standard output only"),
        (&["--sort", "ttft"], "cannot be used with"),
        (&["--sessions"], "cannot be used with"),
        (&["--db", "none/x.db"], "there is no folder none"),
        (&["--session", "no-such-name"], "no-such-name"),
    ] {
        let (out, said) = place.want(2, &[&["list", "--follow"], args].concat());
        assert!(out.is_empty() && said.contains(words), "{args:?}: {said}");
    }
}
