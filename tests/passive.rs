//! `sniff run --passive`: what packets and a key log give is what the proxy gives, of real clients over TLS and in
//! clear. Connections of other programs are not in it, however short those of the command are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(all(feature = "live", feature = "proxy", target_os = "linux"))]

#[path = "support/tools.rs"]
#[allow(unreachable_pub)]
mod tools;

use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Peer {
    child: Child,
    home: tempfile::TempDir,
    url: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn support(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

impl Peer {
    /// A server that speaks as language models do.
    fn start(tls: bool) -> Peer {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut node = tools::program("node");
        node.arg(support("peer.mjs")).arg(port.to_string());
        if tls {
            // An authority of itself: clients differ in whether they trust another self-signed certificate.
            let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let own = rcgen::KeyPair::generate().unwrap();
            let made = params.self_signed(&own).unwrap();
            let (key, cert) = (home.path().join("key.pem"), home.path().join("cert.pem"));
            std::fs::write(&key, own.serialize_pem()).unwrap();
            std::fs::write(&cert, made.pem()).unwrap();
            node.arg(key).arg(cert);
        }
        let child = node.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the peer does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        let scheme = if tls { "https" } else { "http" };
        Peer { child, home, url: format!("{scheme}://localhost:{port}") }
    }

    fn cert(&self) -> String {
        self.home.path().join("cert.pem").display().to_string()
    }

    /// Runs a command under `sniff run` with these options; its exchanges by `list`, and what was said.
    fn run(&self, db: &str, options: &[&str], command: &[&str]) -> (Vec<Value>, Output) {
        let sniff = || {
            let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
            sniff.current_dir(self.home.path()).env("HOME", self.home.path()).env("XDG_DATA_HOME", self.home.path());
            for name in ["SSLKEYLOGFILE", "NODE_OPTIONS", "SUDO_UID", "HTTPS_PROXY", "NO_PROXY"] {
                sniff.env_remove(name);
            }
            // The clients trust the server; through the proxy `run` replaces these.
            for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                match self.url.starts_with("https") {
                    true => sniff.env(name, self.cert()),
                    false => sniff.env_remove(name),
                };
            }
            sniff
        };
        let out = sniff().args(["run", "--db", db]).args(options).arg("--").args(command).output().unwrap();
        let list = sniff().args(["list", "--format", "json", "--db", db]).output().unwrap();
        (serde_json::from_slice(&list.stdout).unwrap_or_default(), out)
    }
}

/// What must not depend on how an exchange was recorded.
fn essence(exchange: &Value) -> Value {
    let r = &exchange["response"];
    let rules: Vec<&Value> = exchange["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["rule"])
        // How it was delivered is measured, not sent.
        .filter(|rule| !rule.as_str().unwrap().starts_with("DLV"))
        // openai-python leaves at [DONE]: whether the last chunk still comes depends on the moment.
        .filter(|rule| *rule != "HTTP-006")
        .collect();
    serde_json::json!({
        "path": exchange["request"]["path"], "body": exchange["request"]["body_sha256"], "status": r["status"],
        "bytes": r["decoded_sha256"], "text": r["text"], "verdict": exchange["verdict"], "rules": rules,
        "tls": exchange["tls"], "http": exchange["http_version"],
    })
}

const FETCH: &str = "fetch(process.argv[1] + '/v1/chat/completions', { method: 'POST', headers: { 'content-type': \
    'application/json' }, body: JSON.stringify({ model: 'peer-1', stream: true, messages: [] }) })\
    .then((r) => r.text())";

#[test]
#[ignore = "needs root"]
fn packets_and_secrets_give_what_the_proxy_gives() {
    for tls in [true, false] {
        let peer = Peer::start(tls);
        let python = tools::installed("venv/clients/bin/python").display().to_string();
        let client = support("client_openai.py").display().to_string();
        let chat = format!("{}/v1/chat/completions", peer.url);
        let body = "{\"model\":\"peer-1\",\"stream\":true,\"messages\":[]}";
        let commands: [&[&str]; 3] = [
            &["curl", "-sf", "-o", "got", "-H", "content-type: application/json", "-d", body, &chat],
            &[&python, &client, &peer.url],
            &["node", "-e", FETCH, &peer.url],
        ];
        for (n, command) in commands.iter().enumerate() {
            let ca = peer.cert();
            let trust: &[&str] = if tls { &["--upstream-ca", &ca] } else { &[] };
            let (proxied, said) = peer.run(&format!("proxy{n}.db"), trust, command);
            assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
            let (passive, said) = peer.run(&format!("passive{n}.db"), &["--passive"], command);
            let said = (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned());
            assert_eq!((said.0, passive.len()), (Some(0), 1), "{command:?}: {}", said.1);
            assert_eq!(essence(&passive[0]), essence(&proxied[0]), "{command:?}");
            assert!(!passive[0]["response"]["text"].as_str().unwrap().is_empty(), "{command:?}");
            assert!(!said.1.contains("no keys"), "{}", said.1);
        }
    }
}

#[test]
#[ignore = "needs root"]
fn every_connection_of_the_command_and_no_other() {
    let peer = Peer::start(false);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (list, said) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = tools::program("curl").args(["-s", "-o", "/dev/null", &format!("{}/other", peer.url)]).status();
            }
        });
        // Children of children, each with one short connection.
        let script = format!("for i in 1 2 3 4 5 6 7 8 9 10; do (curl -s -o /dev/null {}/own$i); done", peer.url);
        let done = peer.run("own.db", &["--passive"], &["sh", "-c", &script]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    });
    let mut paths: Vec<String> = list.iter().map(|e| e["request"]["path"].as_str().unwrap().to_owned()).collect();
    paths.sort();
    let mut want: Vec<String> = (1..=10).map(|n| format!("/own{n}")).collect();
    want.sort();
    assert_eq!(paths, want, "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
#[ignore = "needs root"]
fn what_gave_no_keys_is_named() {
    let peer = Peer::start(true);
    // A context that is not the default one: Python reads SSLKEYLOGFILE only for those.
    let script = "import socket, ssl, sys\nc = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n\
        c.load_verify_locations(sys.argv[1])\n\
        s = c.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2]))), server_hostname='localhost')\n\
        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\ns.recv(9)\n";
    let port = peer.url.rsplit(':').next().unwrap();
    let (list, said) = peer.run("none.db", &["--passive"], &["python3", "-c", script, &peer.cert(), port]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(list.is_empty(), "{list:?}");
    assert!(said.contains("no keys: python3 to localhost (1 connection)"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn the_commands_status_is_its_own() {
    let peer = Peer::start(false);
    let (_, out) = peer.run("code.db", &["--passive"], &["sh", "-c", "exit 7"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(7), "{said}");
    assert!(said.contains("the command made no TCP connection"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn without_the_right_to_capture_it_says_how_to_get_it() {
    let home = tempfile::tempdir().unwrap();
    let mut setpriv = tools::program("setpriv");
    setpriv.arg("--bounding-set=-net_raw").arg(env!("CARGO_BIN_EXE_sniff")).current_dir(home.path());
    let out = setpriv.args(["run", "--passive", "--", "touch", "started"]).env("HOME", home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && said.contains("setcap"), "{said}");
    assert!(!home.path().join("started").exists(), "the command must not start without a recording");
}

#[test]
fn options_of_the_proxy_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut sniff = Command::new(env!("CARGO_BIN_EXE_sniff"));
    sniff.args(["run", "--passive", "--insecure", "h.example", "--", "true"]).current_dir(home.path());
    let out = sniff.env("HOME", home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && said.contains("--insecure is for the proxy"), "{said}");
}
