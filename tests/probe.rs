//! `sniff probe` against real servers: a chat endpoint with planted faults, LitServe, a mock of the vendors' APIs, and
//! endpoints that cannot be tested.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "proxy")]

#[path = "support/tools.rs"]
#[allow(dead_code, unreachable_pub)]
mod tools;

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: the process group is that of this child, which has not been waited for.
        unsafe { libc::kill(-(self.0.id() as i32), libc::SIGKILL) };
        let _ = self.0.wait();
    }
}

/// A server on a port of its own, once it answers this path.
fn serve(command: impl FnOnce(u16) -> Command, ready: &str) -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = command(port);
    let child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let running = Running(child);
    let url = format!("http://127.0.0.1:{port}");
    let end = Instant::now() + Duration::from_secs(120);
    let is_up = || {
        let mut curl = tools::program("curl");
        let got = curl.args(["-sf", "-o", "/dev/null", "--noproxy", "*"]).arg(format!("{url}{ready}")).status();
        got.is_ok_and(|status| status.success())
    };
    while !is_up() {
        assert!(Instant::now() < end, "no answer from {url}{ready}");
        std::thread::sleep(Duration::from_millis(100));
    }
    (running, url)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

fn faulty(faults: &str) -> (Running, String) {
    let python = tools::installed("venv/litserve-0.2.5/bin/python");
    serve(
        |port| {
            let mut server = Command::new(python);
            server.arg(script("faulty_server.py")).arg(port.to_string()).arg(faults);
            server
        },
        "/v1/models",
    )
}

fn probe(home: &Path, args: &[&str]) -> Output {
    let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
    sniff.arg("probe").args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    sniff.env("HOME", home).env("XDG_DATA_HOME", home).current_dir(home).output().unwrap()
}

fn json(out: &Output) -> Value {
    let said = String::from_utf8_lossy(&out.stderr);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

/// The rules that are broken, each with its requests.
fn broken(found: &Value) -> Vec<String> {
    let one = |r: &Value| {
        let requests: Vec<&str> = r["requests"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        format!("{} {}", r["rule"].as_str().unwrap(), requests.join(","))
    };
    // How it was delivered is measured, and differs on a busy machine.
    let sent = |r: &&Value| !r["rule"].as_str().unwrap().starts_with("DLV");
    let mut all: Vec<String> = found["rules"].as_array().unwrap().iter().filter(sent).map(one).collect();
    all.sort();
    all
}

#[test]
fn each_planted_fault_is_named_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    for (faults, code, want) in [
        ("", 0, &[][..]),
        ("usage", 1, &["OAI-CHAT-028 usage"]),
        ("done", 1, &["OAI-CHAT-001 stream,usage,tools,gzip"]),
        ("stop", 1, &["PROBE-006 stop"]),
        ("mistakes", 1, &["HTTP-019 bad-field", "PROBE-002 bad-json,bad-field"]),
        ("cancel", 1, &["PROBE-010 after-cancel"]),
    ] {
        let (_server, url) = faulty(faults);
        let timeout = if faults == "cancel" { "3s" } else { "30s" };
        let args = [&url, "--api", "openai.chat", "--fail-on", "warning", "--format", "json", "--timeout", timeout];
        let out = probe(home.path(), &args.map(|a| a as &str));
        let found = json(&out);
        assert_eq!(
            (broken(&found), out.status.code()),
            (want.iter().map(|s| (*s).to_owned()).collect(), Some(code)),
            "{faults}"
        );
        assert_eq!(found["model"], "count", "the only one that the endpoint lists");
        let untested: Vec<&Value> =
            found["requests"].as_array().unwrap().iter().filter(|r| r["tested"] == false).map(|r| &r["name"]).collect();
        assert_eq!(untested, ["http2"], "{faults}: {found:#}");
    }
    assert!(std::fs::read_dir(home.path()).unwrap().all(|f| f.unwrap().file_name() == "sniff"), "nothing is kept");
}

#[test]
fn a_body_that_is_not_coded_as_it_says_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (_server, url) = faulty("gzip");
    let out = probe(home.path(), &[&url, "--api", "openai.chat", "--only", "stream,gzip", "--format", "json"]);
    let found = broken(&json(&out));
    assert!(found.contains(&"HTTP-024 gzip".to_owned()), "{found:?}");
    assert!(found.iter().all(|rule| rule.ends_with(" gzip")), "{found:?}");
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn what_is_kept_what_is_written_and_what_is_secret() {
    let home = tempfile::tempdir().unwrap();
    let (_server, url) = faulty("stop");
    let (db, junit, sarif) = (home.path().join("kept.db"), home.path().join("out.xml"), home.path().join("out.sarif"));
    let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
    sniff.args(["probe", &url, "--api", "openai.chat", "--only", "stop,plain", "--fail-on", "never"]);
    sniff.args(["--key-env", "OWN_KEY"]).arg("--keep").arg(&db).arg("--junit").arg(&junit).arg("--sarif").arg(&sarif);
    sniff.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).env("OWN_KEY", "not-to-be-seen-0123456789");
    let out = sniff.current_dir(home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("PROBE-006") && said.contains("= in: stop") && said.contains("2 requests"), "{said}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("name=\"#2 stop POST /v1/chat/completions 200\"") && xml.contains("PROBE-006"), "{xml}");
    let sarif: Value = serde_json::from_slice(&std::fs::read(&sarif).unwrap()).unwrap();
    let rules = &sarif["runs"][0]["tool"]["driver"]["rules"];
    assert_eq!((&rules[0]["id"], &rules[0]["name"]), (&"PROBE-006".into(), &"StopIgnored".into()));
    // Requests in the order in which they are sent, whatever the order of --only.
    let mut list = Command::new(env!("CARGO_BIN_EXE_sniff"));
    let list = list.args(["list", "--format", "json", "--db"]).arg(&db).output().unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    // The first asks which models there are.
    let paths: Vec<&Value> = list.as_array().unwrap().iter().map(|e| &e["request"]["path"]).collect();
    assert_eq!(paths, ["/v1/models", "/v1/chat/completions", "/v1/chat/completions"]);
    for file in std::fs::read_dir(home.path()).unwrap().map(|f| f.unwrap().path()).filter(|f| f.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(14).any(|w| w == b"not-to-be-seen"), "{}", file.display());
    }
    assert!(!said.contains("not-to-be-seen"));
}

#[test]
fn litserve_as_it_is() {
    for version in ["0.2.4", "0.2.5"] {
        let home = tempfile::tempdir().unwrap();
        let python = tools::installed(&format!("venv/litserve-{version}/bin/python"));
        let folder = home.path().to_owned();
        let (_server, url) = serve(
            |port| {
                let mut server = Command::new(python);
                server.arg(script("litserve_server.py")).arg(port.to_string()).current_dir(folder);
                server
            },
            "/health",
        );
        let out = probe(home.path(), &[&url, "--api", "openai.chat", "--model", "lit", "--format", "json"]);
        let found = json(&out);
        let rules: Vec<&str> = found["rules"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap()).collect();
        // Each chunk has an id of its own, and refusals are FastAPI's: both are in LitServe's source.
        for rule in ["OAI-CHAT-019", "LLM-004", "PROBE-004"] {
            assert!(rules.contains(&rule), "{version}: {rules:?}");
        }
        let own: Vec<&&str> = rules.iter().filter(|r| r.starts_with("PROBE")).collect();
        // 0.2.4 calls its event stream application/x-ndjson, which 0.2.5 mended.
        let mislabelled = version == "0.2.4";
        assert_eq!(rules.contains(&"HTTP-001"), mislabelled, "{version}: {rules:?}");
        assert_eq!((own, out.status.code()), (vec![&"PROBE-004"], Some(i32::from(mislabelled))), "{version}");
    }
}

#[test]
fn http2_is_tested_where_the_server_offers_it() {
    let home = tempfile::tempdir().unwrap();
    let python = tools::installed("venv/h2/bin/python");
    let tls = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (ca, db) = (home.path().join("ca.pem"), home.path().join("h2.db"));
    let file = ca.clone();
    let (_server, _clear) = serve(
        |port| {
            let mut server = Command::new(python);
            server.arg(script("h2_server.py")).args([tls.to_string(), port.to_string()]).arg(file);
            server
        },
        "/",
    );
    let url = format!("https://localhost:{tls}");
    let options = ["--api", "openai.chat", "--model", "m", "--only", "stream,http2", "--format", "json"];
    let trust = [&url, "--upstream-ca", ca.to_str().unwrap(), "--keep", db.to_str().unwrap()];
    let found = json(&probe(home.path(), &[&trust[..], &options].concat()));
    assert!(found["requests"].as_array().unwrap().iter().all(|r| r["tested"] == true), "{found:#}");
    let mut list = Command::new(env!("CARGO_BIN_EXE_sniff"));
    let list = list.args(["list", "--format", "json", "--db"]).arg(&db).output().unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let versions: Vec<&Value> = list.as_array().unwrap().iter().map(|e| &e["http_version"]).collect();
    assert_eq!(versions, ["1.1", "2"]);
    // Without the authority the reason is said, and nothing is judged.
    let out = probe(home.path(), &[&[url.as_str()], &options[..]].concat());
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && said.contains("its certificate is not trusted"), "{said}");
}

/// Reads a head and its body: what is not read turns the end into a reset.
fn read_request(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
    let _ = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
}

/// A server on a thread that answers each connection by this text, or never.
fn answering(text: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().flatten() {
            match text {
                Some(text) => {
                    read_request(&mut stream);
                    let _ = stream.write_all(text.as_bytes());
                }
                None => kept.push(stream),
            }
        }
    });
    address
}

#[test]
fn an_endpoint_that_cannot_be_tested_is_no_finding() {
    let home = tempfile::tempdir().unwrap();
    let said = |url: &str, more: &[&str]| {
        let out =
            probe(home.path(), &[&[url, "--api", "openai.chat", "--timeout", "1s", "--model", "m"], more].concat());
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = |status: &str, kind: &str, body: &str| -> &'static str {
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n");
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).leak()
    };
    let refused = answer("401 Unauthorized", "application/json", "{\"error\":{\"message\":\"no\"}}");
    let absent = answer("404 Not Found", "application/json", "{\"error\":{\"message\":\"none here\"}}");
    let page = answer("200 OK", "text/html; charset=utf-8", "<html></html>");
    for (address, want) in [
        (closed, "Connection refused"),
        (answering(Some(refused)), "401: no; a key is needed, in OPENAI_API_KEY"),
        (answering(Some(absent)), "404: none here; is it the right URL"),
        (answering(Some(page)), "is it the right URL"),
        (answering(None), "no request was answered with success"),
    ] {
        let (code, text) = said(&format!("http://{address}"), &["--only", "plain"]);
        assert!(code == Some(2) && text.contains(want), "{want}: {code:?} {text}");
    }
    for (url, more, want) in [
        ("127.0.0.1:8000", &[][..], "expected a URL"),
        ("http://127.0.0.1:1", &["--key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY is not set"),
        ("http://127.0.0.1:1", &["--only", "nothing"], "unknown request"),
    ] {
        let (code, text) = said(url, more);
        assert!(code == Some(2) && text.contains(want), "{want}: {code:?} {text}");
    }
}

/// A connection that ends is announced by a field, or by the form of the answer; what is not announced is a fault.
#[test]
fn an_end_of_the_connection_is_a_fault_where_it_is_not_announced() {
    let home = tempfile::tempdir().unwrap();
    let body = "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"m\",\
        \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"1 2\"},\"finish_reason\":\"stop\"}]}";
    for (version, fields, fault) in [
        ("1.1", format!("Content-Length: {}\r\n", body.len()), true),
        ("1.1", format!("Content-Length: {}\r\nConnection: close\r\n", body.len()), false),
        ("1.0", format!("Content-Length: {}\r\n", body.len()), false),
        ("1.1", String::new(), false),
    ] {
        let text = format!("HTTP/{version} 200 OK\r\nContent-Type: application/json\r\n{fields}\r\n{body}").leak();
        let url = format!("http://{}", answering(Some(text)));
        let only = ["--only", "plain,reuse", "--format", "json"];
        let out = probe(home.path(), &[&[&url, "--api", "openai.chat", "--model", "m"], &only[..]].concat());
        let found = broken(&json(&out));
        assert_eq!(found.contains(&"PROBE-009 reuse".to_owned()), fault, "{version} {fields}: {found:?}");
    }
}

#[test]
fn what_would_be_sent_is_listed_and_not_sent() {
    let home = tempfile::tempdir().unwrap();
    for (api, requests, path) in [
        ("openai.chat", 14, "/v1/chat/completions"),
        ("openai.responses", 12, "/v1/responses"),
        ("anthropic", 13, "/v1/messages"),
        ("ollama", 12, "/api/chat"),
    ] {
        let out = probe(home.path(), &["http://127.0.0.1:1", "--api", api, "--list"]);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let named = text.lines().skip(3).filter(|l| !l.starts_with(' ')).count();
        assert_eq!((named, out.status.code()), (requests, Some(0)), "{text}");
        assert!(text.starts_with(&format!("POST http://127.0.0.1:1{path}\n")), "{text}");
    }
}
