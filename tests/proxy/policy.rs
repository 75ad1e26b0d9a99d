//! The proxy applies the same rules as a recording: options first, then `sniff.toml`.

use crate::door::{Door, listed, read_head, server, sniff};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A chat completion that ends without its `[DONE]` (OAI-CHAT-001: a warning, because it has its finish reason).
fn upstream() -> SocketAddr {
    server(|mut stream: TcpStream| {
        read_head(&mut stream);
        let delta = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}]}"#;
        let last = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        let body = format!("{delta}\n\n{last}\n\n");
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    })
}

const BODY: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

fn ask(door: &Door, to: SocketAddr) {
    let (_, mut client) = door.tunnel(&to.to_string());
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: \
            {}\r\n\r\n",
        BODY.len()
    );
    client.write_all(format!("{head}{BODY}").as_bytes()).unwrap();
    let _ = client.read_to_end(&mut Vec::new());
}

/// The level of the finding about the missing terminator.
fn level(list: &[Value]) -> Option<String> {
    let findings = list[0]["findings"].as_array().unwrap();
    findings.iter().find(|f| f["rule"] == "OAI-CHAT-001").map(|f| f["level"].as_str().unwrap().to_owned())
}

#[test]
fn options_and_the_file_count_in_the_proxy() {
    let to = upstream();
    for (options, file, wanted) in [
        (&[][..], None, Some("warning")),
        (&["--rule", "missing-done=info"], None, Some("info")),
        (&["--allow", "OAI-CHAT-001"], None, None),
        (&[], Some("[levels]\nmissing-done = \"error\"\n"), Some("error")),
        (&["--rule", "missing-done=info"], Some("[levels]\nmissing-done = \"error\"\n"), Some("info")),
        (&[], Some("[[allow]]\nrules = [\"missing-done\"]\nhost = \"127.0.0.1\"\n"), None),
        (&[], Some("[[allow]]\nrules = [\"missing-done\"]\nhost = \"elsewhere.example\"\n"), Some("warning")),
    ] {
        let home = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(home.path().join("sniff.toml"), text).unwrap();
        }
        let door = Door::open_in(home, options);
        ask(&door, to);
        assert_eq!(level(&door.close()).as_deref(), wanted, "{options:?} {file:?}");
    }
}

#[test]
fn a_mistake_in_the_file_is_told_before_anything_begins() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("sniff.toml"), "[levels]\nno-such-rule = \"off\"\n").unwrap();
    for command in [&["proxy", "--listen", "127.0.0.1:0"][..], &["run", "--", "true"]] {
        let out = sniff(home.path()).args(command).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.code() == Some(2) && said.contains("sniff.toml:2:1: ") && said.contains("unknown rule"),
            "{command:?}: {said}"
        );
    }
    assert!(!home.path().join("sniff.db").exists());
}

#[test]
fn run_takes_them_too() {
    let to = upstream();
    for (options, wanted) in [
        (&[][..], Some("warning")),
        (&["--rule", "missing-done=error"], Some("error")),
        (&["--allow", "missing-done"], None),
    ] {
        let home = tempfile::tempdir().unwrap();
        let url = format!("http://{to}/v1/chat/completions");
        // Loopback is removed from NO_PROXY for this one: curl would go there directly.
        let script =
            format!("curl -sS --noproxy '' -x \"$http_proxy\" -H 'Content-Type: application/json' -d '{BODY}' {url}");
        let out = sniff(home.path()).arg("run").args(options).args(["--", "sh", "-c", &script]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(level(&listed(home.path())).as_deref(), wanted, "{options:?}");
    }
}
