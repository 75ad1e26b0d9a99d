//! Live capture on loopback of real servers and clients: LitServe before and after its fix, read by curl and
//! openai-python, with tcpdump in parallel; hypercorn over HTTP/2 in TLS, read by openai-python, compared with the
//! same in plain text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "live")]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child process that is killed at the end of its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Servers with workers have their own process group (see LitServe): the whole group is killed.
        // SAFETY: kill(2) takes numbers only; the child has not been waited for, so its pid is its own.
        unsafe { libc::kill(-(self.0.id() as i32), libc::SIGKILL) };
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Sends SIGINT, then waits for a normal end.
    fn interrupt(mut self, name: &str) {
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(self.0.id() as i32, libc::SIGINT) };
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "{name} ended with {status}");
                return;
            }
            assert!(Instant::now() < end, "{name} does not stop on SIGINT");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(90);
    while !ready() {
        assert!(Instant::now() < end, "{what} did not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a recorder and waits until it reports that it listens.
fn start(mut command: Command, says: &str) -> Running {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains(says) => break,
            Some(Ok(_)) => {}
            _ => panic!("{command:?} ended before it said `{says}`"),
        }
    }
    std::thread::spawn(move || lines.for_each(drop)); // keep the pipe drained
    Running(child)
}

fn record(version: &str) -> Vec<(Value, f64)> {
    let python = support::installed(&format!("venv/litserve-{version}/bin/python"));
    let dir = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(&python);
    server.arg(script("litserve_server.py")).arg(port.to_string()).current_dir(dir.path());
    let _server = Running(server.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python"));
    wait_for("LitServe", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    // The worker behind the listening socket needs a moment more.
    let health = format!("http://127.0.0.1:{port}/health");
    wait_for("LitServe's worker", || {
        support::program("curl")
            .args(["-s", "--noproxy", "*", &health])
            .output()
            .is_ok_and(|o| o.stdout == b"ok" || o.stdout == b"\"ok\"")
    });

    let truth = dir.path().join("truth.pcap");
    let db = dir.path().join("live.db");
    let mut tcpdump = support::program("tcpdump");
    tcpdump.args(["-i", "lo", "-U", "--immediate-mode", "-s", "0", "-w"]).arg(&truth).args([
        "tcp",
        "port",
        &port.to_string(),
    ]);
    let tcpdump = start(tcpdump, "listening on");
    let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
    sniff.args(["--iface", "lo", "--port", &port.to_string(), "--db"]).arg(&db).env_remove("SUDO_UID");
    let sniff = start(sniff, "recording");

    let url = format!("http://127.0.0.1:{port}/v1/chat/completions");
    let body = r#"{"model":"lit","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let curl = Command::new("curl")
        .args(["-sN", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", body, &url])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&curl.stdout).contains("[DONE]"),
        "curl got {:?}",
        String::from_utf8_lossy(&curl.stdout)
    );
    let openai = Command::new(&python)
        .arg(script("openai_client.py"))
        .arg(port.to_string())
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&openai.stdout).trim(),
        "The quick brown fox jumps.",
        "{}",
        String::from_utf8_lossy(&openai.stderr)
    );

    sniff.interrupt("sniff");
    // tcpdump may still buffer packets; its file is read again until both answers are in it.
    let mut times = Value::Null;
    wait_for("tcpdump's record of both answers", || {
        let out =
            Command::new("python3").arg(script("ttft_truth.py")).arg(&truth).arg(port.to_string()).output().unwrap();
        times = serde_json::from_slice(&out.stdout).unwrap_or_default();
        times.as_object().is_some_and(|t| t.len() == 2)
    });
    tcpdump.interrupt("tcpdump");
    let truth = times;
    let list =
        Command::new(env!("CARGO_BIN_EXE_sniff")).args(["list", "--format", "json", "--db"]).arg(&db).output().unwrap();
    let list: Value = serde_json::from_slice(&list.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&list.stderr)));
    let list = list.as_array().cloned().or_else(|| list["exchanges"].as_array().cloned()).expect("a list");
    list.into_iter()
        .map(|e| {
            let ttft = truth[e["client_port"].to_string()].as_f64().expect("a true TTFT for every exchange");
            (e, ttft)
        })
        .collect()
}

fn rules(exchange: &Value) -> Vec<&str> {
    exchange["findings"].as_array().unwrap().iter().filter_map(|f| f["rule"].as_str()).collect()
}

fn common(exchanges: &[(Value, f64)]) {
    assert_eq!(exchanges.len(), 2, "curl's and openai-python's: {exchanges:#?}");
    for (e, ttft) in exchanges {
        assert_eq!(e["response"]["text"], "The quick brown fox jumps.");
        assert_eq!(e["response"]["framing"], "sse");
        assert_eq!(e["response"]["dialect"], "openai.chat");
        assert_eq!(e["response"]["terminator"]["own"], true);
        let have = e["timing"]["ttft_ms"].as_f64().expect("a TTFT");
        assert!((have - ttft).abs() < 1.0, "TTFT {have} ms, on the wire {ttft} ms");
    }
}

#[test]
#[ignore = "needs root"]
fn litserve_before_its_fix_is_caught() {
    let exchanges = record("0.2.4");
    common(&exchanges);
    for (e, _) in &exchanges {
        assert!(rules(e).contains(&"HTTP-001") && rules(e).contains(&"HTTP-002"), "{:?}", rules(e));
    }
}

#[test]
#[ignore = "needs root"]
fn litserve_after_its_fix_is_not() {
    let exchanges = record("0.2.5");
    common(&exchanges);
    for (e, _) in &exchanges {
        assert!(!rules(e).contains(&"HTTP-001") && !rules(e).contains(&"HTTP-002"), "{:?}", rules(e));
    }
}

/// openai-python over HTTP/2 and TLS 1.3, with its secrets in the file of `SSLKEYLOGFILE`, which grows while it is
/// recorded; then in plain text over HTTP/1.
#[test]
#[ignore = "needs root"]
fn encrypted_http2_reads_as_in_clear() {
    let python = support::installed("venv/h2/bin/python");
    let dir = tempfile::tempdir().unwrap();
    let [tls, clear] =
        [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).map(|l| l.local_addr().unwrap().port().to_string());
    let [ca, keylog, db] = ["ca.pem", "keys.log", "live.db"].map(|name| dir.path().join(name));
    std::fs::write(&keylog, "").unwrap();
    let mut server = Command::new(&python);
    server.arg(script("h2_server.py")).args([&tls, &clear]).arg(&ca).stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Running(server.spawn().expect("python"));
    wait_for("hypercorn", || [&tls, &clear].iter().all(|port| TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()));

    let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
    sniff
        .args(["--iface", "lo", "--port", &format!("{tls},{clear}"), "--keylog"])
        .arg(&keylog)
        .arg("--db")
        .arg(&db)
        .env_remove("SUDO_UID");
    let sniff = start(sniff, "recording");
    let openai = |url: String, ca: Option<&Path>| {
        let mut client = Command::new(&python);
        client.arg(script("h2_client.py")).arg(url).args(ca).env("SSLKEYLOGFILE", &keylog);
        let out = client.output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.starts_with("The quick brown fox jumps.\n"), "{said}{}", String::from_utf8_lossy(&out.stderr));
        said
    };
    assert!(openai(format!("https://localhost:{tls}/v1"), Some(&ca)).ends_with("HTTP/2\n"));
    assert!(openai(format!("http://localhost:{clear}/v1"), None).ends_with("HTTP/1.1\n"));
    sniff.interrupt("sniff");

    let list =
        Command::new(env!("CARGO_BIN_EXE_sniff")).args(["list", "--format", "json", "--db"]).arg(&db).output().unwrap();
    let list: Vec<Value> = serde_json::from_slice(&list.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&list.stderr)));
    let [sealed, plain] = &list[..] else { panic!("two exchanges: {list:#?}") };
    for (field, value) in
        [("tls", true.into()), ("sni", "localhost".into()), ("alpn", "h2".into()), ("http_version", Value::from("2"))]
    {
        assert_eq!(sealed[field], value, "{field}");
    }
    assert_eq!((&plain["tls"], &plain["http_version"]), (&Value::from(false), &Value::from("1.1")));
    // Everything except times and transport is equal. (hypercorn ends with an empty DATA frame: one more than
    // chunks.)
    let request = ["method", "path", "content_type", "user_agent", "body_bytes", "body_sha256", "model", "stream"];
    let response = [
        "status",
        "content_type",
        "content_encoding",
        "wire_body_bytes",
        "wire_body_sha256",
        "decoded_sha256",
        "framing",
        "dialect",
        "records",
        "content_deltas",
        "text",
        "finish_reason",
        "terminator",
        "complete",
        "cut_by",
    ];
    for (message, fields) in [("request", &request[..]), ("response", &response[..])] {
        for field in fields {
            assert_eq!(sealed[message][field], plain[message][field], "{message}.{field}");
            assert!(
                !sealed[message]
                    .get(field)
                    .is_none_or(|v| v.is_null() && !["content_encoding", "cut_by"].contains(field)),
                "{field} is there"
            );
        }
    }
    assert_eq!(sealed["response"]["text"], "The quick brown fox jumps.");
    assert_eq!(rules(sealed), rules(plain));
    assert!(
        sealed["timing"]["ttft_ms"].as_f64().is_some_and(|ms| ms >= 100.0),
        "the server waits 100 ms: {}",
        sealed["timing"]
    );
}
