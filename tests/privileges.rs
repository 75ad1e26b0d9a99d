//! The threads that read captured bytes have no capabilities, gain none, and make only the system calls of reading,
//! in every command that records or replays. What they try to escape is in the unit test of `cli/sandbox.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sniff(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
    command.args(args).current_dir(folder).env_remove("SNIFF_DB").env("XDG_DATA_HOME", folder.join("data"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Starts a command and waits until it reports that it is ready.
fn ready(folder: &Path, args: &[&str], says: &str) -> Running {
    let mut child = sniff(folder, args).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.by_ref().map(Result::unwrap).find(|line| line.contains(says));
    assert!(said.is_some(), "{args:?} did not say {says:?}");
    // The pipe stays open: a later message must not end the program.
    std::mem::forget(lines);
    Running(child)
}

/// Each thread of a process by its name, with the value of these lines of its status.
fn threads(pid: u32) -> Vec<(String, [String; 3])> {
    let mut all = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let task = task.unwrap().path();
        let (Ok(name), Ok(status)) =
            (std::fs::read_to_string(task.join("comm")), std::fs::read_to_string(task.join("status")))
        else {
            continue; // it has just ended
        };
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().trim_start_matches('0').to_owned()
        };
        all.push((name.trim().to_owned(), ["CapEff:", "NoNewPrivs:", "Seccomp:"].map(value)));
    }
    all
}

/// All threads that read are restricted; `others` are those that relay.
fn restricted(pid: u32, others: &[&str]) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let all = threads(pid);
        let open: Vec<_> = all
            .iter()
            .filter(|(name, status)| !others.contains(&name.as_str()) && *status != ["", "1", "2"].map(str::to_owned))
            .collect();
        if open.is_empty() && !all.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "not restricted: {open:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn capture() -> PathBuf {
    support::captures().join("seed/iflow/input.pcap")
}

#[test]
fn files_are_read_without_rights() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for args in [&["--read", "pipe"][..], &["check", "pipe"]] {
        let mut child = sniff(folder.path(), args).spawn().unwrap();
        // The writer opens first, and sends all but the last packet: the program waits in the middle.
        let bytes = std::fs::read(capture()).unwrap();
        let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        std::io::Write::write_all(&mut writer, &bytes[..bytes.len() - 10]).unwrap();
        restricted(child.id(), &[]);
        drop(writer);
        let _ = child.kill();
        child.wait().unwrap();
    }
}

/// The status of a process that has ended: its system keeps it until its parent asks.
fn ended(mut child: Child) -> [String; 3] {
    let end = Instant::now() + Duration::from_secs(20);
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    while !state().rsplit(')').next().unwrap().trim().starts_with('Z') {
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_, status) = threads(child.id()).remove(0);
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    status
}

/// A database has the bytes of strangers too.
#[test]
fn databases_are_read_without_rights() {
    let folder = tempfile::tempdir().unwrap();
    let file = capture();
    assert!(sniff(folder.path(), &["--read", file.to_str().unwrap()]).status().unwrap().success());
    for args in [
        &["list"][..],
        &["list", "--connections", "--format", "csv"],
        &["show", "last"],
        &["show", "last", "--play", "--speed", "1000"],
        &["report", "clients"],
        &["report", "compliance", "-o", "report.txt"],
        &["export", "last", "--format", "har", "-o", "a.har"],
        &["import", "har", "a.har"],
        &["redact", "--text", "sniff.db", "copy.db"],
        &["session", "list"],
        &["db", "info"],
        &["db", "check"],
        &["db", "vacuum"],
        &["db", "forget", "last"],
        &["db", "prune", "--older-than", "1d"],
        &["session", "note", "last", "a note"],
        &["--db", "copy.db", "list"],
    ] {
        let status = ended(sniff(folder.path(), args).spawn().unwrap());
        assert_eq!(status, ["", "1", "2"].map(str::to_owned), "{args:?}");
        let status = ended(sniff(folder.path(), &["list", "--no-sandbox"]).spawn().unwrap());
        assert_eq!(status[2], "", "--no-sandbox");
    }
}

#[test]
fn a_replay_serves_without_rights() {
    let folder = tempfile::tempdir().unwrap();
    let file = capture();
    assert!(sniff(folder.path(), &["--read", file.to_str().unwrap()]).status().unwrap().success());
    let replay = ready(folder.path(), &["replay", "last"], "replaying 1 exchange");
    restricted(replay.0.id(), &[]);
}

#[cfg(feature = "proxy")]
#[test]
fn a_proxy_reads_without_rights_what_it_relays() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = ready(folder.path(), &["proxy", "--listen", "127.0.0.1:0"], "clients must trust");
    restricted(proxy.0.id(), &["relay", "lookup"]);
}

#[cfg(feature = "proxy")]
#[test]
fn a_command_keeps_the_rights_of_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |text: &str, key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    let mut run = sniff(folder.path(), &["run", "--", "cat", "/proc/self/status"]);
    let seen = String::from_utf8(run.stdout(Stdio::piped()).output().unwrap().stdout).unwrap();
    for key in ["NoNewPrivs:", "Seccomp:", "CapEff:", "CapBnd:", "Uid:"] {
        assert_eq!(line(&seen, key), line(&own, key));
    }
    let run = ready(folder.path(), &["run", "--", "sh", "-c", "echo begun >&2; sleep 5"], "begun");
    restricted(run.0.id(), &["relay", "lookup"]);
}

#[cfg(feature = "live")]
#[test]
#[ignore = "needs root"]
fn a_live_recording_has_no_rights() {
    let folder = tempfile::tempdir().unwrap();
    let live = ready(folder.path(), &["--iface", "lo", "--port", "9", "--keylog", "keys.txt"], "recording on");
    restricted(live.0.id(), &[]);
}

/// What was recorded is for its owner, whatever the umask; reports are ordinary files.
#[test]
fn recordings_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = capture();
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let sh = |line: &str| {
        let program = format!("umask 022; exec \"$0\" {line}");
        let mut command = Command::new("sh");
        command.args(["-c", &program, env!("CARGO_BIN_EXE_sniff"), file.to_str().unwrap()]);
        let o = command.current_dir(folder.path()).env_remove("SNIFF_DB").output().unwrap();
        assert!(o.status.success(), "{line}: {}", String::from_utf8_lossy(&o.stderr));
    };
    sh("--db a.db --read \"$1\"");
    sh("--db b.db --db-mode 0640 --read \"$1\"");
    assert_eq!((mode("a.db"), mode("b.db")), (0o600, 0o640));
    sh("--db a.db export last --format har -o a.har");
    sh("--db a.db export last --format raw -o a.raw");
    sh("--db a.db report latency --format json -o a.json");
    assert_eq!((mode("a.har"), mode("a.raw"), mode("a.json")), (0o600, 0o600, 0o644));
}

/// Root by `sudo` becomes the caller, in every command that writes a database, and hands over what root made before.
#[test]
#[ignore = "needs root"]
fn sudo_leaves_no_files_of_root() {
    use std::os::unix::fs::{MetadataExt, chown};
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let input = folder.path().join("a.pcap");
    std::fs::copy(capture(), &input).unwrap();
    std::fs::set_permissions(&input, std::fs::Permissions::from_mode(0o644)).unwrap();
    // Any user can run this copy, wherever the project is.
    let program = folder.path().join("sniff");
    std::fs::copy(env!("CARGO_BIN_EXE_sniff"), &program).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(args).current_dir(folder.path()).env_remove("SNIFF_DB");
        command.envs([("SUDO_UID", "65534"), ("SUDO_GID", "65534")]);
        support::run_copy(&mut command)
    };
    let o = run(&["--read", "a.pcap"]);
    let said = String::from_utf8_lossy(&o.stderr);
    assert!(!o.status.success() && said.contains("user 65534 cannot write in"), "{said}");
    assert!(run(&["--user", "root", "--read", "a.pcap"]).status.success());
    let owner = || std::fs::metadata(folder.path().join("sniff.db")).unwrap().uid();
    assert_eq!(owner(), 0);
    chown(folder.path(), Some(65534), Some(65534)).unwrap();
    let o = run(&["--read", "a.pcap"]);
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    assert_eq!(owner(), 65534);
}
