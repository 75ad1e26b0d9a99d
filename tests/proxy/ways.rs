//! Routes: several servers on one connection, a chain of two proxies, IPv6, HTTP/2 in reverse mode.

use crate::door::{Door, PATIENCE, read_head, server};
use crate::tls::{Identity, ask, client, tls_server};
use rustls::{ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// Answers every request in chunks, slowly, with its own name.
fn slow(name: &'static str) -> SocketAddr {
    server(move |mut stream| {
        while !read_head(&mut stream).is_empty() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for _ in 0..5 {
                let _ = stream.write_all(format!("{:x}\r\n{name}\r\n", name.len()).as_bytes());
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    })
}

fn read_chunked(stream: &mut TcpStream) -> String {
    let (mut all, mut byte) = (read_head(stream), [0]);
    while !all.ends_with("\r\n0\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "cut short: {all}");
        all.push(char::from(byte[0]));
    }
    all
}

#[test]
fn pipelined_requests_to_different_servers_are_all_answered_whole_and_in_order() {
    let (a, b) = (slow("first"), slow("second"));
    let door = Door::open(&[]);
    let mut client = door.connect();
    let request = |to: SocketAddr, path: &str| format!("GET http://{to}{path} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    let all = [request(a, "/1"), request(a, "/2"), request(b, "/3"), request(a, "/4")].concat();
    client.write_all(all.as_bytes()).unwrap();
    for name in ["first", "first", "second", "first"] {
        let answer = read_chunked(&mut client);
        assert_eq!(answer.matches(name).count(), 5, "{answer}");
    }
    drop(client);
    let list = door.close();
    let paths: Vec<_> = list.iter().map(|e| e["request"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/1", "/2", "/3", "/4"]);
    assert!(list.iter().all(|e| e["response"]["complete"] == true && e["response"]["chunks"] == 5), "{list:#?}");
}

/// A proxy that connects every tunnel and every request to `to`, and reports the requests that it got.
fn parent(to: SocketAddr) -> (SocketAddr, mpsc::Receiver<String>) {
    let (tx, rx) = mpsc::channel();
    let address = server(move |mut near| {
        let head = read_head(&mut near);
        let tunnel = head.starts_with("CONNECT ");
        let admitted = head.contains("Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n"); // base64 of "user:pass word"
        tx.send(head.clone()).unwrap();
        if !admitted {
            let _ = near.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        let mut far = TcpStream::connect(to).unwrap();
        match tunnel {
            true => near.write_all(b"HTTP/1.1 200 OK\r\nVia: a test\r\n\r\n").unwrap(),
            false => far.write_all(head.as_bytes()).unwrap(),
        }
        let (mut from, mut into) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut into));
        let _ = std::io::copy(&mut far, &mut near);
        let _ = near.shutdown(std::net::Shutdown::Both);
    });
    (address, rx)
}

#[test]
fn a_tunnel_through_the_proxy_beyond_with_its_credentials() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), crate::tls::answer);
    let (beyond, asked) = parent(upstream);
    let open = |user: &str| {
        let url = format!("http://{user}@{beyond}");
        Door::open_with(identity.folder(), &["--upstream-ca", "upstream-ca.pem"], &[("HTTPS_PROXY", &url)])
    };
    let door = open("user:pass%20word");
    let (status, tcp) = door.tunnel("api.example.test:443");
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    let head = asked.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("CONNECT api.example.test:443 HTTP/1.1\r\nHost: api.example.test:443\r\n"), "{head}");
    let mut stream = client(&[&door.ca()], &[], tcp, "api.example.test");
    assert!(ask(&mut stream).unwrap().ends_with("[DONE]\n\n"));
    let list = door.close();
    let e = &list[0];
    assert_eq!(
        (&e["sni"], &e["tls"], &e["response"]["complete"]),
        (&"api.example.test".into(), &true.into(), &true.into()),
        "{e:#?}"
    );

    let refused = open("user:wrong");
    let (status, _) = refused.tunnel("api.example.test:443");
    assert!(status.starts_with("HTTP/1.1 502"), "{status}");
    refused.wait_for("the next proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) answered: HTTP/1.1 407");
}

#[test]
fn plain_requests_through_the_proxy_beyond_keep_their_form() {
    let (tx, rx) = mpsc::channel();
    let upstream = server(move |mut stream| {
        tx.send(read_head(&mut stream)).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let (beyond, _asked) = parent(upstream);
    let url = format!("http://user:pass%20word@{beyond}");
    let door = Door::open_with(tempfile::tempdir().unwrap(), &[], &[("HTTP_PROXY", &url)]);
    let mut client = door.connect();
    client.write_all(b"GET http://api.example.test/v1?x HTTP/1.1\r\nHost: api.example.test\r\n\r\n").unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 200"));
    let head = rx.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("GET http://api.example.test/v1?x HTTP/1.1\r\n"), "{head}");
}

#[test]
#[ignore = "needs IPv6"]
fn ipv6_addresses_are_reached_and_certified() {
    let listener = TcpListener::bind("[::1]:0").expect("IPv6 on loopback");
    let identity = Identity::new();
    let to = listener.local_addr().unwrap();
    let config = identity.server(&["http/1.1"]);
    std::thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            crate::tls::answer(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp));
        }
    });
    let door = Door::open_in(identity.folder(), &["--upstream-ca", "upstream-ca.pem"]);
    let (status, tcp) = door.tunnel(&to.to_string());
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    let mut stream = client(&[&door.ca()], &["http/1.1"], tcp, "::1");
    assert!(ask(&mut stream).unwrap().ends_with("[DONE]\n\n"));
    let list = door.close();
    assert_eq!((&list[0]["server_ip"], &list[0]["server_port"]), (&"::1".into(), &to.port().into()), "{:#?}", list[0]);

    // The same for the address on which the proxy listens.
    let door = Door::open_in(
        identity.folder(),
        &["--upstream-ca", "upstream-ca.pem", "--upstream", &format!("https://{to}"), "--listen", "[::1]:0"],
    );
    assert!(door.address.is_ipv6());
    let answer = ask(&mut door.connect()).unwrap();
    assert!(answer.ends_with("[DONE]\n\n"), "{answer}");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Reason and text of the GOAWAY that an HTTP/2 client gets.
fn goaway(mut stream: impl Read + Write) -> (u32, String) {
    stream.write_all(PREFACE).unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let mut rest = all.as_slice();
    while rest.len() >= 9 {
        let len = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        let (kind, payload) = (rest[3], &rest[9..9 + len]);
        if kind == 7 {
            return (
                u32::from_be_bytes(payload[4..8].try_into().unwrap()),
                String::from_utf8_lossy(&payload[8..]).into_owned(),
            );
        }
        rest = &rest[9 + len..];
    }
    panic!("no GOAWAY: {all:?}");
}

#[test]
fn http2_in_reverse_mode_passes_as_it_is_or_is_refused_in_its_own_words() {
    let (tx, rx) = mpsc::channel();
    let plain = server(move |mut stream| {
        let mut all = vec![0; PREFACE.len()];
        stream.read_exact(&mut all).unwrap();
        tx.send(all).unwrap();
        let _ = stream.write_all(b"\0\0\0\x04\0\0\0\0\0");
    });
    let door = Door::open(&["--upstream", &format!("http://{plain}")]);
    let mut client = door.connect();
    client.write_all(PREFACE).unwrap();
    assert_eq!(rx.recv_timeout(PATIENCE).unwrap(), PREFACE);
    let mut settings = [0; 9];
    client.read_exact(&mut settings).unwrap();
    assert_eq!(&settings, b"\0\0\0\x04\0\0\0\0\0");
    door.wait_for("upstream sees the client's :authority");

    let door = Door::open(&["--upstream", &format!("http://{plain}/base")]);
    let (reason, why) = goaway(door.connect());
    assert!(reason == 0xd && why.contains("--upstream with a path is not supported with HTTP/2"), "{reason} {why}");
    door.wait_for("is not supported with HTTP/2");
}

#[test]
fn who_may_use_reverse_mode_is_asked_inside_of_tls_too() {
    let identity = Identity::new();
    let upstream = tls_server(identity.server(&[]), crate::tls::answer);
    let to = format!("https://localhost:{}", upstream.port());
    let door = Door::open_in(
        identity.folder(),
        &["--upstream-ca", "upstream-ca.pem", "--upstream", &to, "--auth", "user:open sesame"],
    );
    let status = |credentials: &str| {
        let mut stream = client(&[&door.ca()], &[], door.connect(), "localhost");
        write!(stream, "GET /v1 HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n").unwrap();
        read_head(&mut stream).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status(""), "407");
    assert_eq!(status("Proxy-Authorization: Basic dXNlcjp4\r\n"), "407");
    // base64 of "user:open sesame"
    assert_eq!(status("Proxy-Authorization: Basic dXNlcjpvcGVuIHNlc2FtZQ==\r\n"), "200");
    let list = door.close();
    assert_eq!(list.len(), 1, "what was refused did not get upstream: {list:#?}");
}

#[test]
fn clients_that_speak_http2_only_are_served_in_reverse_mode_over_tls() {
    let identity = Identity::new();
    let (tx, rx) = mpsc::channel();
    let upstream = tls_server(identity.server(&["h2"]), move |mut stream| {
        let mut all = vec![0; PREFACE.len()];
        stream.read_exact(&mut all).unwrap();
        tx.send(all).unwrap();
    });
    let door = Door::open_in(
        identity.folder(),
        &["--upstream-ca", "upstream-ca.pem", "--upstream", &format!("https://localhost:{}", upstream.port())],
    );
    let mut stream = client(&[&door.ca()], &["h2"], door.connect(), "localhost");
    stream.write_all(PREFACE).unwrap();
    stream.flush().unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(rx.recv_timeout(PATIENCE).unwrap(), PREFACE);

    let old = tls_server(identity.server(&["http/1.1"]), crate::tls::answer);
    let door = Door::open_in(
        identity.folder(),
        &["--upstream-ca", "upstream-ca.pem", "--upstream", &format!("https://localhost:{}", old.port())],
    );
    let (_, why) = goaway(client(&[&door.ca()], &["h2"], door.connect(), "localhost"));
    assert!(why.contains("HTTP/2"), "{why}");
}
