//! `sniff replay` as its users meet it: with certificates of the local authority, with recordings whose secrets
//! were hidden, with clients that read slowly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::{ConnId, Endpoints};
use sniff::exchange::Exchange;
use sniff::internal::interchange::pcapng;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::replay::matching::{Asked, Repeat};
use sniff::internal::replay::{Book, MatchBy, Pace, Script};
use sniff::internal::wire;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::replay_server::Replay;

/// The program in a temporary folder, with its database and authority.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn sniff(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sniff"));
        command.arg("--db").arg(self.0.path().join("a.db")).args(args).env("XDG_DATA_HOME", self.0.path());
        command
    }

    fn record(&self, transcript: &wire::Transcript) {
        let endpoints = Endpoints { client: "10.0.0.1:40000".parse().unwrap(), server: "10.0.0.2:80".parse().unwrap() };
        let file = self.0.path().join("input.pcapng");
        std::fs::write(&file, pcapng::file([(endpoints, transcript)])).unwrap();
        assert!(self.sniff(&["-q", "--read"]).arg(&file).status().unwrap().success());
        std::fs::remove_file(file).unwrap();
    }

    fn serve(&self, args: &[&str]) -> Server {
        let mut child =
            self.sniff(&["replay", "last", "--speed", "max"]).args(args).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address =
            line.split("http://").nth(1).and_then(|l| l.split_whitespace().next()).unwrap_or_else(|| panic!("{line}"));
        Server { address: address.parse().unwrap(), child, _said: said }
    }
}

struct Server {
    address: SocketAddr,
    child: Child,
    /// Kept open, so that the program can continue to write to it.
    _said: BufReader<std::process::ChildStderr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn transcript(text: &str) -> wire::Transcript {
    wire::parse(text).unwrap()
}

fn of_case(case: &str) -> (wire::Transcript, Exchange) {
    let transcript = transcript(&std::fs::read_to_string(support::captures().join(case).join("input.wire")).unwrap());
    let exchange = exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0);
    (transcript, exchange)
}

/// A client that trusts the authority of `sniff ca` gets the answer, by name or by address, over the version that
/// is negotiated.
#[test]
fn tls_by_the_local_authority() {
    let home = Home::new();
    let (input, exchange) = of_case("delivery/thirty-deltas");
    home.record(&input);
    let server = home.serve(&["--match", "sequence"]);
    let ca = home.sniff(&["ca", "path"]).output().unwrap();
    let ca = String::from_utf8(ca.stdout).unwrap().trim().to_owned();
    let body = &exchange.response.as_ref().unwrap().body.bytes;
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for host in ["localhost", "127.0.0.1"] {
            let url = format!("https://{host}:{}/v1/chat/completions", server.address.port());
            let args = [
                "-s",
                "-S",
                "--noproxy",
                "*",
                option,
                "--cacert",
                &ca,
                "-d",
                "{}",
                "-w",
                "%{stderr}%{http_version}",
                &url,
            ];
            let out = support::program("curl").args(args).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stderr), version, "{url}");
            assert!(out.stdout == *body, "{url} over {version}: another body");
        }
    }
    let python = support::installed("venv/clients/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/replay_sdk.py");
    let url = format!("https://localhost:{}", server.address.port());
    let out = Command::new(python)
        .arg(script)
        .args(["openai", &url])
        .env("SSL_CERT_FILE", &ca)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let got: serde_json::Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(support::captures().join("delivery/thirty-deltas/expect.json")).unwrap())
            .unwrap();
    assert_eq!(got["text"], *truth.pointer("/0/response/text").unwrap());
}

/// A key in the request's body was masked when it was recorded. The original request is answered nevertheless, and
/// no other request is.
#[test]
fn a_hidden_secret_fits() {
    const KEY: &str = "tok-0123456789abcdefghijkl";
    let home = Home::new();
    let ask = |model: &str, key: &str| {
        format!(r#"{{"model":"{model}","tools":[{{"type":"mcp","authorization_token":"{key}"}}]}}"#)
    };
    let answer = "@ +5ms\n< HTTP/1.1 200 OK\n< Content-Length: 2\n<\n<| ok\n";
    let asked = ask("m", KEY);
    let head = format!("> POST /v1/x?key={KEY} HTTP/1.1\n> Host: h\n> Authorization: Bearer {KEY}\n>json {asked}\n");
    home.record(&transcript(&(head + answer)));
    let names = std::fs::read_dir(home.0.path()).unwrap().map(|e| e.unwrap().path());
    for path in names.filter(|p| p.to_string_lossy().contains("a.db")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|w| w == KEY.as_bytes()), "the key is in {}", path.display());
    }
    for by in ["body", "exact"] {
        let server = home.serve(&["--match", by]);
        let status = |body: &str| {
            let mut socket = TcpStream::connect(server.address).unwrap();
            let len = body.len();
            write!(
                socket,
                "POST /v1/x?key={KEY} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: \
                    application/json\r\nContent-Length: {len}\r\n\r\n{body}"
            )
            .unwrap();
            let mut status = [0; 12];
            socket.read_exact(&mut status).unwrap();
            String::from_utf8_lossy(&status[9..]).into_owned()
        };
        assert_eq!(status(&asked), "200", "--match {by}");
        assert_eq!(
            status(&ask("m", "tok-another-key-0123456789")),
            "200",
            "--match {by}: authorization is never needed"
        );
        assert_eq!(status(&ask("other", KEY)), "404", "--match {by}");
    }
}

/// The server waits for a client whose window is closed and serves others meanwhile; when the client opens its
/// window, it gets the rest.
#[test]
fn a_closed_window_stops_nobody_else() {
    const WINDOW: u32 = 100;
    let (_, exchange) = of_case("delivery/thirty-deltas");
    let body = &exchange.response.as_ref().unwrap().body.bytes;
    let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
    book.add(Asked::default(), Script::new(&exchange, false).unwrap());
    let replay = Replay::start(book, Pace { speed: f64::INFINITY, ..Pace::default() });
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let len = payload.len() as u32;
        [&len.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let connect = || {
        let socket = TcpStream::connect(replay.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    };
    let mut slow = connect();
    // SETTINGS_INITIAL_WINDOW_SIZE; POST http / with an authority, as RFC 7541 encodes them (static table).
    let settings = frame(4, 0, 0, &[&[0, 4][..], &WINDOW.to_be_bytes()].concat());
    let ask = frame(1, 0x5, 1, &[0x83, 0x86, 0x84, 0x41, 1, b'h']);
    slow.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings, &ask].concat()).unwrap();
    let mut have = Vec::new();
    data(&mut slow, &mut have, WINDOW as usize);
    assert_eq!(have.len(), WINDOW as usize);
    let mut other = connect();
    other.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n0\r\n\r\n") {
        let mut buffer = [0; 4096];
        let n = other.read(&mut buffer).expect("the other client is answered");
        assert!(n > 0);
        answer.extend_from_slice(&buffer[..n]);
    }
    slow.write_all(&frame(8, 0, 1, &1_000_000u32.to_be_bytes())).unwrap();
    data(&mut slow, &mut have, body.len());
    assert!(have == *body, "another body");
}

/// Clients of a replay may be strangers: what they send is bounded, and the user learns that they can.
#[test]
fn strangers_are_bounded() {
    let home = Home::new();
    let (transcript, _) = of_case("delivery/thirty-deltas");
    home.record(&transcript);
    let server = home.serve(&["--listen", "0.0.0.0:0"]);
    let ask = |bytes: &[u8]| {
        let mut client = TcpStream::connect(("127.0.0.1", server.address.port())).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The server may answer, and close, before it was sent everything.
        let _ = client.write_all(bytes);
        let mut said = [0; 12];
        let _ = client.read_exact(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    };
    let long = vec![b'x'; 5 << 20];
    assert_eq!(ask(&[b"GET / HTTP/1.1\r\nHost: ", long.as_slice()].concat()), "HTTP/1.1 431");
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", long.len());
    assert_eq!(ask(&[head.as_bytes(), long.as_slice()].concat()), "HTTP/1.1 413");
    assert_eq!(ask(b"POST /elsewhere HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), "HTTP/1.1 404");
}

#[test]
fn other_machines_that_can_reach_it_are_named() {
    let home = Home::new();
    let (transcript, _) = of_case("delivery/thirty-deltas");
    home.record(&transcript);
    for (listen, warns) in [("0.0.0.0:0", true), ("127.0.0.1:0", false), ("127.0.0.2:0", false)] {
        let mut child = home.sniff(&["replay", "last", "--listen", listen]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut ready = String::new();
        said.read_line(&mut ready).unwrap();
        assert!(ready.contains("sniff: replaying 1 exchange on http://"), "{ready}");
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.contains("other machines can reach"), warns, "{listen}: {rest}");
        child.wait().unwrap();
    }
}

/// Reads DATA until this many bytes were received.
fn data(socket: &mut TcpStream, have: &mut Vec<u8>, until: usize) {
    while have.len() < until {
        let mut head = [0; 9];
        socket.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        socket.read_exact(&mut payload).unwrap();
        if head[3] == 0 {
            have.append(&mut payload);
        }
    }
}

/// The verification is the same for both ways of measuring: from a capture if that is allowed, otherwise by the
/// client.
#[test]
fn the_proof_holds_for_every_end_and_says_who_heard_it() {
    for case in
        ["http1/cut-by-server", "http1/reset-by-server", "http1/cut-by-client", "http1/chunk-extensions-trailers"]
    {
        let home = Home::new();
        home.record(&of_case(case).0);
        let out = home.sniff(&["replay", "last", "--verify", "--speed", "max", "--format", "json"]).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{case}: {e}"));
        for equal in ["bytes_equal", "boundaries_equal", "heads_equal", "end_equal"] {
            assert_eq!(found[0][equal], true, "{case}: {found}");
        }
        // SAFETY: geteuid has no preconditions.
        let root = cfg!(target_os = "linux") && unsafe { libc::geteuid() } == 0;
        assert!(!root || !cfg!(feature = "live") || found[0]["heard_by"] == "capture", "{case}: {found}");
        assert!(["capture", "client"].iter().any(|by| found[0]["heard_by"] == *by), "{case}: {found}");
    }
}
