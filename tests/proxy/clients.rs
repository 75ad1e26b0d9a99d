//! Real clients: what they make of an answer through `sniff proxy` and `sniff run` equals what they make of it
//! directly, byte by byte; and the recording equals a capture of the same moment.

use crate::door::{Door, PATIENCE, listed, shown, sniff};
use crate::tls::Identity;
use crate::tools::{installed, program};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that is killed at the end of its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server of `peer.mjs` over TLS.
struct Peer {
    port: u16,
    identity: tempfile::TempDir,
    _running: Running,
}

impl Peer {
    fn start() -> Peer {
        let identity = Identity::new().folder();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name: &str| identity.path().join(name);
        let mut node = program("node");
        node.arg(support("peer.mjs")).arg(port.to_string()).args([file("key.pem"), file("cert.pem"), file("keys.txt")]);
        let running = Running(node.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("peer.mjs", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Peer { port, identity, _running: running }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.identity.path().join(name)
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < end, "{what} did not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn support(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

/// A client as a command line.
type Client = fn(&Peer) -> Vec<OsString>;

fn curl(peer: &Peer, version: &str) -> Vec<OsString> {
    let body = r#"{"model":"peer-1","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let url = format!("{}/v1/chat/completions", peer.url());
    ["curl", "-sN", version, "-H", "Content-Type: application/json", "-d", body, &url].map(OsString::from).to_vec()
}

fn python(peer: &Peer, script: &str) -> Vec<OsString> {
    vec![installed("venv/clients/bin/python").into(), support(script).into(), peer.url().into()]
}

const CLIENTS: &[(&str, Client)] = &[
    ("curl over HTTP/1.1", |p| curl(p, "--http1.1")),
    ("curl over HTTP/2", |p| curl(p, "--http2")),
    ("openai-python", |p| python(p, "client_openai.py")),
    ("anthropic", |p| python(p, "client_anthropic.py")),
    ("openai (npm)", |p| {
        installed("npm/node_modules/openai");
        vec!["node".into(), support("client_openai.mjs").into(), p.url().into()]
    }),
];

/// Runs a client with these certificates, through this proxy or directly. Its output is what it made of the answer.
fn ask(command: &[OsString], ca: &Path, proxy: Option<&str>) -> String {
    let mut run = Command::new(&command[0]);
    run.args(&command[1..]);
    for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        run.env(name, ca);
    }
    for name in ["HTTPS_PROXY", "https_proxy"] {
        run.env(name, proxy.unwrap_or_default());
    }
    run.env("NO_PROXY", if proxy.is_some() { "" } else { "*" }).env("no_proxy", if proxy.is_some() { "" } else { "*" });
    output(run, command)
}

fn output(mut run: Command, command: &[OsString]) -> String {
    let out = run.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(out.status.success(), "{command:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn clients_get_what_they_get_without_it() {
    let peer = Peer::start();
    let home = tempfile::tempdir().unwrap();
    std::fs::copy(peer.file("upstream-ca.pem"), home.path().join("upstream-ca.pem")).unwrap();
    let door = Door::open_in(home, &["--upstream-ca", "upstream-ca.pem"]);
    let ran = tempfile::tempdir().unwrap();
    for (name, client) in CLIENTS {
        let command = client(&peer);
        let direct = ask(&command, &peer.file("upstream-ca.pem"), None);
        assert!(direct.contains("größer") && direct.lines().count() >= 9, "{name} directly: {direct}");
        assert_eq!(ask(&command, &door.ca(), Some(&door.url())), direct, "{name} through sniff proxy");
        let mut run = sniff(ran.path());
        run.arg("run").arg("--upstream-ca").arg(peer.file("upstream-ca.pem")).arg("--").args(&command);
        assert_eq!(output(run, &command), direct, "{name} through sniff run");
    }
    for (door, list) in [("sniff proxy", door.close()), ("sniff run", listed(ran.path()))] {
        assert_eq!(list.len(), CLIENTS.len(), "{door} recorded {list:#?}");
        for e in &list {
            assert_eq!((e["tls"].as_bool(), e["sni"].as_str()), (Some(true), Some("localhost")));
            // Some clients close as soon as they have read [DONE].
            assert!(e["response"]["complete"] == true || e["response"]["cut_by"] == "client", "{door}: {e:#}");
            assert_eq!(e["response"]["text"], "The quick brown fox – größer als 🦊.", "{door}: {e:#}");
            assert!(e["findings"].as_array().unwrap().iter().all(|f| f["level"] != "error"), "{door}: {e:#}");
        }
    }
}

/// The exchange without the fields that may differ between doors: who captured it, times, TCP counters, and what is
/// judged from times and deliveries only.
fn apart_from_times(mut e: Value) -> Value {
    // The proxy's TLS does not say which extensions a hello had.
    for field in ["ech", "id", "session", "stream", "client_ip", "client_port", "tcp", "timing", "delivery"] {
        e.as_object_mut().unwrap().remove(field);
    }
    let of_times = |f: &Value| f["rule"].as_str().is_some_and(|rule| rule.starts_with("DLV-"));
    e["findings"].as_array_mut().unwrap().retain(|f| !of_times(f));
    e
}

#[test]
#[ignore = "needs root"]
#[cfg(feature = "live")]
fn the_recording_equals_a_capture_of_the_same_moment() {
    let peer = Peer::start();
    let wire = tempfile::tempdir().unwrap();
    std::fs::write(peer.file("keys.txt"), "").unwrap();
    let mut capture = sniff(wire.path());
    capture.args(["--iface", "lo", "--port", &peer.port.to_string(), "--keylog"]).arg(peer.file("keys.txt"));
    let mut capture = Running(capture.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(capture.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("recording")), "the capture ended at once");
    std::thread::spawn(move || lines.for_each(drop));

    let home = tempfile::tempdir().unwrap();
    std::fs::copy(peer.file("upstream-ca.pem"), home.path().join("upstream-ca.pem")).unwrap();
    let door = Door::open_in(home, &["--upstream-ca", "upstream-ca.pem"]);
    for version in ["--http1.1", "--http2"] {
        let command = curl(&peer, version);
        ask(&command, &door.ca(), Some(&door.url()));
    }
    let (through, home) = door.close_keeping();
    // The kernel delivers the rest of the capture within its own time.
    wait_for("both exchanges in the capture", || listed(wire.path()).len() >= 2);
    // SAFETY: kill(2) with the pid of a child that has not been waited for.
    unsafe { libc::kill(capture.0.id() as i32, libc::SIGINT) };
    assert!(capture.0.wait().unwrap().success());
    let captured = listed(wire.path());
    assert_eq!(captured.len(), 2);
    for (a, b) in through.iter().zip(&captured) {
        let [chunks_a, chunks_b] = [(home.path(), a), (wire.path(), b)]
            .map(|(home, e)| shown(home, e["id"].as_i64().unwrap())["chunks"].clone());
        let [times_a, times_b] = [&chunks_a, &chunks_b].map(|c| c.as_array().unwrap().clone());
        assert_eq!(times_a.len(), times_b.len());
        for (a, b) in times_a.iter().zip(&times_b) {
            assert_eq!(
                ["n", "offset", "len", "gap"].map(|f| a[f].clone()),
                ["n", "offset", "len", "gap"].map(|f| b[f].clone())
            );
        }
        assert_eq!(apart_from_times(a.clone()), apart_from_times(b.clone()));
    }
}

#[test]
fn chromium_reads_an_event_source_alike() {
    let peer = Peer::start();
    program("chromium");
    let home = tempfile::tempdir().unwrap();
    std::fs::copy(peer.file("upstream-ca.pem"), home.path().join("upstream-ca.pem")).unwrap();
    let door = Door::open_in(home, &["--upstream-ca", "upstream-ca.pem"]);
    let direct = browse(&peer, &peer.file("upstream-ca.pem"), |command| command.into());
    assert!(direct.contains("größer| als 🦊|."), "{direct}");
    let through = browse(&peer, &door.ca(), |command| {
        format!("{command} --proxy-server={} --proxy-bypass-list='<-loopback>'", door.url())
    });
    assert_eq!(through, direct, "through sniff proxy");
    let ran = tempfile::tempdir().unwrap();
    sniff(ran.path()).args(["ca", "path"]).output().unwrap();
    let run = |command: &str| {
        let sniff = format!(
            "env XDG_DATA_HOME={0} SNIFF_DB={0}/sniff.db {1}",
            ran.path().display(),
            env!("CARGO_BIN_EXE_sniff")
        );
        let browser = format!("exec {command} --proxy-server=$HTTPS_PROXY --proxy-bypass-list=\"<-loopback>\"");
        format!("{sniff} run --upstream-ca {} -- sh -c '{browser}'", peer.file("upstream-ca.pem").display())
    };
    assert_eq!(browse(&peer, &ran.path().join("sniff/ca.pem"), run), direct, "through sniff run");
    let events = |list: Vec<Value>| list.into_iter().filter(|e| e["request"]["path"] == "/events").count();
    assert_eq!((events(door.close()), events(listed(ran.path()))), (1, 1));
}

/// What the page of the peer received, with a browser profile that trusts `ca`.
fn browse(peer: &Peer, ca: &Path, around: impl Fn(&str) -> String) -> String {
    let profile = tempfile::tempdir().unwrap();
    let nss = format!("sql:{}/.pki/nssdb", profile.path().display());
    std::fs::create_dir_all(profile.path().join(".pki/nssdb")).unwrap();
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "test", "-i", ca.to_str().unwrap()]] {
        let done = program("certutil").args(["-d", &nss]).args(arguments).status().unwrap();
        assert!(done.success());
    }
    let quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-extensions";
    let command = around(&format!("chromium {quiet} --user-data-dir={} {}/page", profile.path().display(), peer.url()));
    let before = reports(peer);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]).env("HOME", profile.path());
    let browser = Running(shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("the page's report", || reports(peer).len() > before.len());
    // SAFETY: kill(2) with the pid of a child that has not been waited for.
    unsafe { libc::kill(browser.0.id() as i32, libc::SIGTERM) };
    let mut browser = browser;
    let end = Instant::now() + Duration::from_secs(20);
    while browser.0.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    reports(peer).pop().unwrap()
}

/// What pages have reported to the peer.
fn reports(peer: &Peer) -> Vec<String> {
    let told = std::fs::read_to_string(peer.file("keys.txt.reports")).unwrap_or_default();
    told.lines().map(str::to_owned).collect()
}
