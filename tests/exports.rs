//! Feeds exports to the programs that they are for: the schema of HTTP archives, vcrpy, WireMock, a shell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::{Value, json};
use sniff::conn::ConnId;
use sniff::exchange::Exchange;
use sniff::internal::interchange::{har, vcr, wiremock};
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::wire;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::place::{Place, asked};

fn target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(path)
}

fn of_case(case: &Path) -> Vec<Exchange> {
    let text = case.join("input.wire");
    match ["input.pcap", "input.pcapng"].map(|n| case.join(n)).into_iter().find(|p| p.exists()) {
        Some(packets) => support::read::read(&packets).exchanges,
        None => {
            let transcript = wire::parse(&std::fs::read_to_string(text).unwrap()).unwrap();
            exchanges_of(|sink| transcript.replay(ConnId(0), sink))
        }
    }
}

/// Exchanges that other tools can play: an answer with a body, to a request that a present-day client would send.
fn playable() -> Vec<Exchange> {
    let names = [
        "dialect/openai-chat",
        "dialect/anthropic-messages",
        "dialect/ollama-chat",
        "delivery/thirty-deltas",
        "framing/json-document",
        "body/gzip",
        "body/br",
    ];
    names.iter().map(|name| of_case(&support::captures().join(name)).remove(0)).collect()
}

/// The body after content decoding, compared by hash and length with the exchange's own, which other tests compare
/// with other decoders.
fn decoded(exchange: &Exchange, have: &[u8]) -> bool {
    use sha2::{Digest, Sha256};
    let body = &exchange.response.as_ref().unwrap().body;
    body.decoded_sha256.map_or(body.bytes == have, |hash| hash[..] == Sha256::digest(have)[..])
}

#[test]
fn archives_are_valid_by_the_published_schema() {
    support::installed("npm-exports/node_modules/har-validator");
    // Node.js looks for modules beside the script.
    let script = target("npm-exports/replay_har.mjs");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/replay_har.mjs"), &script).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("node");
    command.arg(script);
    let cases = support::cases();
    for (n, case) in cases.iter().enumerate() {
        let file = dir.path().join(format!("{n}.har"));
        std::fs::write(&file, har::archive(&of_case(case)).to_string()).unwrap();
        command.arg(file);
    }
    // A file that is not an archive is refused.
    let wrong = dir.path().join("wrong.har");
    std::fs::write(&wrong, r#"{"log":{"version":"1.2","creator":{"name":"x"},"entries":[]}}"#).unwrap();
    let out = command.arg(&wrong).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8(out.stdout).unwrap();
    let named = |line: &str| {
        let n = line.split(".har").next().and_then(|p| p.rsplit('/').next()).and_then(|n| n.parse::<usize>().ok());
        format!("{}: {line}", n.map_or("wrong".into(), |n| cases[n].display().to_string()))
    };
    let lines: Vec<String> = said.lines().map(named).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("wrong"), "{}", lines.join("\n"));
}

#[test]
fn cassettes_play_in_vcrpy() {
    let python = support::installed("venv/exports/bin/python");
    let all = playable();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cassette.yaml");
    std::fs::write(&file, vcr::cassette(&all)).unwrap();
    let asks: Vec<Value> = all.iter().map(ask).collect();
    let mut player = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/replay_vcr.py"))
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    player.stdin.take().unwrap().write_all(json!(asks).to_string().as_bytes()).unwrap();
    let out = player.wait_with_output().unwrap();
    let answers: Vec<Value> =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
    assert_eq!(answers.len(), all.len());
    for (exchange, have) in all.iter().zip(&answers) {
        let head = exchange.response.as_ref().unwrap().head.as_ref().unwrap();
        assert_eq!(have["status"], head.status);
        assert_eq!(have["type"].as_str(), head.fields.text("content-type").as_deref());
        assert!(
            decoded(exchange, &unhex(&have["body"])),
            "another body for {}",
            exchange.request.as_ref().unwrap().head.target
        );
    }
}

fn ask(exchange: &Exchange) -> Value {
    let request = exchange.request.as_ref().unwrap();
    let authority = request.head.authority.clone().unwrap_or_else(|| exchange.endpoints.server.to_string());
    let body: String = request.body.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let kind = request.head.fields.text("content-type").unwrap_or("application/json".into());
    json!({"method": request.head.method, "url": format!("http://{authority}{}", request.head.target), "body": body, "type": kind})
}

fn unhex(text: &Value) -> Vec<u8> {
    text.as_str()
        .unwrap()
        .as_bytes()
        .chunks(2)
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}

#[test]
#[ignore = "needs Java"]
fn mappings_are_served_by_wiremock() {
    let jars = std::fs::read_dir(support::installed("npm-exports/node_modules/wiremock/build")).unwrap();
    let jar =
        jars.map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "jar")).expect("WireMock's jar");
    let all = playable();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("mappings")).unwrap();
    std::fs::write(dir.path().join("mappings/llm.json"), wiremock::mappings(&all).to_string()).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("java")
        .args([
            "-jar",
            &jar.display().to_string(),
            "--disable-banner",
            "--bind-address",
            "127.0.0.1",
            "--port",
            &port.to_string(),
        ])
        .args(["--root-dir", &dir.path().display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let listens = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let asked: Vec<(u16, String, Vec<u8>)> =
        if listens { all.iter().map(|e| from_wiremock(e, port)).collect() } else { Vec::new() };
    let unknown = listens.then(|| get(port, "GET", "/nothing", "", b"").0);
    let _ = server.kill();
    let _ = server.wait();
    assert!(listens, "WireMock does not start");
    assert_eq!(unknown, Some(404));
    for (exchange, (status, kind, body)) in all.iter().zip(asked) {
        let head = exchange.response.as_ref().unwrap().head.as_ref().unwrap();
        let name = &exchange.request.as_ref().unwrap().head.target;
        assert_eq!((status, Some(kind.as_str())), (head.status, head.fields.text("content-type").as_deref()), "{name}");
        assert!(decoded(exchange, &body), "another body for {name}");
    }
}

fn from_wiremock(exchange: &Exchange, port: u16) -> (u16, String, Vec<u8>) {
    let request = exchange.request.as_ref().unwrap();
    let kind = request.head.fields.text("content-type").unwrap_or("application/json".into());
    get(port, &request.head.method, &request.head.target, &kind, &request.body.bytes)
}

/// Status, content type, body.
fn get(port: u16, method: &str, target: &str, kind: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // HTTP/1.0: the body is sent without chunks, up to the close.
    let head = format!(
        "{method} {target} HTTP/1.0\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let kind = head
        .lines()
        .find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case("content-type")))
        .map_or("", |(_, v)| v);
    (head[9..12].parse().unwrap(), kind.to_owned(), answer[split + 4..].to_vec())
}

/// Runs the exported command with `sh`: the arguments that `curl` gets, and its standard input.
fn curl(p: &Place) -> (Vec<String>, Vec<u8>) {
    curl_by("sh", p)
}

/// The same with another shell.
fn curl_by(shell: &str, p: &Place) -> (Vec<String>, Vec<u8>) {
    let stub = "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\0' \"$a\"; done > args\ncat > stdin\n";
    std::fs::create_dir_all(p.path("bin")).unwrap();
    p.write("bin/curl", stub);
    std::fs::set_permissions(p.path("bin/curl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = p.out(&["export", "1", "--reveal", "--format", "curl"]);
    let path = format!("{}:{}", p.path("bin").display(), std::env::var("PATH").unwrap());
    let home = p.path("args").parent().unwrap().to_owned();
    let o = Command::new(shell)
        .args(["-c", &command])
        .env("PATH", path)
        .current_dir(home)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(o.status.success(), "{command}\n{}", String::from_utf8_lossy(&o.stderr));
    let args = String::from_utf8(std::fs::read(p.path("args")).unwrap()).unwrap();
    (args.split_terminator('\0').map(str::to_owned).collect(), std::fs::read(p.path("stdin")).unwrap())
}

#[test]
fn curl_gets_the_bytes_that_were_sent_whatever_a_shell_thinks_of_them() {
    let body = "it's '' $HOME `id` \\ \"q\"\n!! ü";
    let p = asked("POST /a'b?x=1&y=$z", "X-Odd: don't $(echo) 'x'\r\nAuthorization: Bearer k'1\r\n", body.as_bytes());
    let want = [
        "-gN",
        "http://api.example:8000/a'b?x=1&y=$z",
        "-H",
        "X-Odd: don't $(echo) 'x'",
        "-H",
        "Authorization: Bearer k'1",
        "--data-raw",
        body,
    ];
    assert_eq!(curl(&p), (want.map(str::to_owned).to_vec(), Vec::new()));
}

#[test]
fn curl_takes_a_body_that_begins_with_an_at_sign_as_text() {
    // --data-binary would read a file of that name.
    let (args, _) = curl(&asked("POST /x", "", b"@/etc/hostname"));
    assert_eq!(args[2..], ["--data-raw", "@/etc/hostname"]);
}

#[test]
fn curl_reads_bytes_that_no_argument_can_carry_from_a_pipe() {
    for body in [&b"\xff\x00'@\n"[..], b"a\0b"] {
        let (args, stdin) = curl(&asked("POST /x", "", body));
        assert_eq!((&args[2..], stdin.as_slice()), (&["--data-binary".to_owned(), "@-".to_owned()][..], body));
    }
}

/// Who is captured chooses the bytes of the request. None of them may make curl read a file of the user who runs the
/// command.
#[test]
fn curl_reads_no_file_for_the_captured_peer() {
    let p = asked("POST /x{a,b}[1-3]", "@/etc/passwd: 1\r\nX-Empty:\r\n", b"@/etc/hostname");
    let (args, stdin) = curl(&p);
    assert_eq!(args, ["-gN", "http://api.example:8000/x{a,b}[1-3]", "-H", "X-Empty;", "--data-raw", "@/etc/hostname"]);
    assert!(stdin.is_empty());
    let p = asked("GET file:///etc/passwd", "", b"");
    let o = p.run(&["export", "1", "--reveal", "--format", "curl"]);
    let said = String::from_utf8_lossy(&o.stderr);
    assert!(!o.status.success() && o.stdout.is_empty() && said.contains("neither http nor https"), "{said}");
}

/// Pasted into a terminal, the command does not steer it; run by bash, it sends the bytes that were captured.
#[test]
fn curl_has_no_character_that_a_terminal_obeys() {
    let body = "a\u{1b}[2J\u{7}'\\\u{9b}1\u{202e}\u{8}2\r\n";
    let p = asked("POST /x", "X-Odd: \u{9b}2J\r\n", body.as_bytes());
    let command = p.out(&["export", "1", "--reveal", "--format", "curl"]);
    assert!(command.chars().all(|c| !c.is_control() || c == '\n') && !command.contains('\u{202e}'), "{command:?}");
    let (args, _) = curl_by("bash", &p);
    assert_eq!(args[2..], ["-H", "X-Odd: \u{9b}2J", "--data-raw", body]);
}

#[test]
fn curl_names_a_method_only_where_it_would_choose_another() {
    for (start, body, want) in [
        ("GET /x", "", &[][..]),
        ("POST /x", "", &["-X", "POST"]),
        ("POST /x", "b", &["--data-raw", "b"]),
        ("PUT /x", "b", &["-X", "PUT", "--data-raw", "b"]),
        ("GET /x", "b", &["-X", "GET", "--data-raw", "b"]),
    ] {
        let (args, _) = curl(&asked(start, "", body.as_bytes()));
        assert_eq!(args[2..], *want, "{start} {body:?}");
    }
}
