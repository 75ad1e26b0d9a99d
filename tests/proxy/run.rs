//! `sniff run`: the command's environment, its signals, its end.

use crate::door::{PATIENCE, listed, server, sniff};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn run(home: &Path, command: &[&str]) -> Command {
    let mut run = sniff(home);
    run.args(["run", "--"]).args(command);
    run
}

#[test]
fn the_exit_status_is_the_commands() {
    let home = tempfile::tempdir().unwrap();
    let status = |script: &str| run(home.path(), &["sh", "-c", script]).output().unwrap().status.code();
    assert_eq!(
        (status("exit 0"), status("exit 7"), status("kill -KILL $$")),
        (Some(0), Some(7), Some(128 + libc::SIGKILL))
    );
    let absent = run(home.path(), &["/no/such/command"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot run /no/such/command"));
}

/// Waits until the child has written a line to standard output.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    line
}

#[test]
fn signals_go_to_the_command() {
    let home = tempfile::tempdir().unwrap();
    for (signal, name) in
        [(libc::SIGTERM, "TERM"), (libc::SIGINT, "INT"), (libc::SIGHUP, "HUP"), (libc::SIGUSR1, "USR1")]
    {
        let script = format!("trap 'exit 42' {name}; echo ready; while :; do sleep 0.05; done");
        let mut child =
            run(home.path(), &["sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(first_line(&mut child), "ready");
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "SIG{name} did not get there");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(42), "SIG{name}");
    }
}

#[test]
fn a_command_is_recorded_and_its_output_is_its_own() {
    let upstream = server(|mut stream| {
        crate::door::read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
    });
    crate::tools::program("curl");
    let home = tempfile::tempdir().unwrap();
    let out = run(home.path(), &["curl", "-s", &format!("http://{upstream}/x")]).output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned()), (Some(0), "hello\n".into()));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("GET /x") && said.contains("1 exchange") && !said.contains("no connection"), "{said}");
    // Request and answer, each to its last byte: the answer alone has 44.
    let relayed = said.lines().find_map(|line| line.split_once(" B relayed")?.0.parse::<u64>().ok());
    assert!(relayed.is_some_and(|n| n > 100), "{said}");
    let list = listed(home.path());
    assert_eq!((list.len(), &list[0]["request"]["path"]), (1, &"/x".into()));
}

/// Like Node.js before 22.21: the variables are set but ignored.
#[test]
fn a_command_that_goes_past_the_proxy_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let out = run(home.path(), &["sh", "-c", "exit 3"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("no connection through the proxy") && said.contains("before 22.21"), "{said}");
    assert!(said.contains("sniff proxy --upstream https://api.example.com"), "{said}");
    let mut quiet = sniff(home.path());
    let out = quiet.args(["run", "-q", "--", "true"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
#[ignore = "needs Java"]
fn java_finds_proxy_and_roots() {
    let home = tempfile::tempdir().unwrap();
    // keytool is Java's own reader of trust stores; it also reads JAVA_TOOL_OPTIONS and reports it.
    let script = "store=${JAVA_TOOL_OPTIONS##*trustStore=}; keytool -list -keystore \"$store\" -storepass changeit";
    let out = run(home.path(), &["sh", "-c", script]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("trustedCertEntry"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let certificates = std::fs::read_to_string(home.path().join("sniff/ca.pem")).unwrap();
    assert!(certificates.contains("BEGIN CERTIFICATE"));
}
