//! Plain HTTP: peers that behave well and peers that do not each get what they would get directly, and the traffic
//! is recorded.

use crate::door::{self, Door, PATIENCE, read_head, reset, server};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const EVENTS: &[&str] = &["data: {\"a\":1}\n\n", "data: größer\n\n", "data: [DONE]\n\n"];

/// Reads one request and answers with three events in chunks.
fn events(mut stream: TcpStream) {
    read_head(&mut stream);
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for event in EVENTS {
        write!(stream, "{:X};n=1\r\n{event}\r\n", event.len()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.write_all(b"0\r\nX-Trailer: yes\r\n\r\n").unwrap();
    let _ = stream.read(&mut [0]);
}

/// Reads until the end; returns the bytes, and how the connection ended.
fn drain(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&part[..n]),
            Err(e) => return (all, Some(e.kind())),
        }
    }
}

fn cut_by(exchange: &Value) -> &Value {
    &exchange["response"]["cut_by"]
}

#[test]
fn bytes_pass_as_they_are_and_are_recorded_so() {
    let upstream = server(events);
    let door = Door::open(&[]);
    let mut direct = TcpStream::connect(upstream).unwrap();
    let (status, mut through) = door.tunnel(&upstream.to_string());
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    let request = b"GET /v1?key=k-0123456789 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answers = [&mut direct, &mut through].map(|stream| {
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        drain(stream)
    });
    assert_eq!(String::from_utf8_lossy(&answers[1].0), String::from_utf8_lossy(&answers[0].0));
    assert_eq!(answers[1].1, None);
    let (list, home) = door.close_keeping();
    assert_eq!(list.len(), 1, "{list:#?}");
    let e = &list[0];
    assert_eq!(e["response"]["framing"], "sse");
    assert_eq!(e["response"]["chunks"], 3);
    assert_eq!(e["response"]["trailers"]["X-Trailer"], "yes");
    assert_eq!(e["response"]["complete"], true);
    assert_eq!(e["tls"], false);
    assert_eq!(e["server_port"], upstream.port());
    let shown = door::shown(home.path(), e["id"].as_i64().unwrap());
    for chunk in shown["chunks"].as_array().unwrap() {
        let [upstream, client] = ["t_ns", "t_client_ns"].map(|t| chunk[t].as_i64().unwrap());
        assert!(client >= upstream, "both hops: {chunk}");
    }
}

#[test]
fn both_hops_are_known_while_the_connection_stays_open() {
    let upstream = server(events);
    let door = Door::open(&[]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(b"X-Trailer: yes\r\n\r\n") {
        assert_eq!(client.read(&mut byte).unwrap(), 1);
        all.push(byte[0]);
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let list = door::listed(door.home());
        let chunks = list.first().map(|e| door::shown(door.home(), e["id"].as_i64().unwrap())["chunks"].clone());
        let known =
            |c: &Value| c.as_array().is_some_and(|c| c.len() == 3 && c.iter().all(|c| c["t_client_ns"].is_i64()));
        if chunks.as_ref().is_some_and(known) {
            return;
        }
        assert!(Instant::now() < end, "{chunks:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn plain_requests_go_to_the_server_that_they_name() {
    let seen = || {
        let (tx, rx) = mpsc::channel();
        let address = server(move |mut stream| {
            loop {
                let head = read_head(&mut stream);
                if head.is_empty() {
                    return;
                }
                tx.send(head).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            }
        });
        (address, rx)
    };
    let ((a, at_a), (b, at_b)) = (seen(), seen());
    let door = Door::open(&[]);
    let mut client = door.connect();
    for (to, path) in [(a, "/1"), (a, "/2?x"), (b, "/3"), (a, "/4")] {
        write!(
            client,
            "GET http://{to}{path} HTTP/1.1\r\nHost: {to}\r\nProxy-Connection: keep-alive\r\nX-A:  b\r\n\r\n"
        )
        .unwrap();
        assert!(read_head(&mut client).starts_with("HTTP/1.1 200"));
        client.read_exact(&mut [0; 2]).unwrap();
        let head = if to == a { &at_a } else { &at_b }.recv_timeout(PATIENCE).unwrap();
        assert_eq!(head, format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nX-A:  b\r\n\r\n"));
    }
    drop(client);
    let list = door.close();
    let paths: Vec<_> = list.iter().map(|e| e["request"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/1", "/2?x", "/3", "/4"], "recorded as upstream saw them");
}

#[test]
fn reverse_mode_stands_in_for_one_server() {
    let (tx, rx) = mpsc::channel();
    let upstream = server(move |mut stream| {
        tx.send(read_head(&mut stream)).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    });
    let door = Door::open(&["--upstream", &format!("http://{upstream}/base")]);
    let mut client = door.connect();
    write!(client, "GET /v1/models HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer k\r\n\r\n", door.address).unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 204"));
    let head = rx.recv_timeout(PATIENCE).unwrap();
    assert_eq!(head, format!("GET /base/v1/models HTTP/1.1\r\nHost: {upstream}\r\nAuthorization: Bearer k\r\n\r\n"));
    assert_eq!(door.close()[0]["request"]["path"], "/base/v1/models");
}

#[test]
fn socks5_clients_are_served() {
    let upstream = server(events);
    let door = Door::open(&[]);
    let mut client = door.connect();
    client.write_all(&[5, 1, 0]).unwrap();
    let mut two = [0; 2];
    client.read_exact(&mut two).unwrap();
    assert_eq!(two, [5, 0]);
    let host = b"localhost";
    let port = upstream.port().to_be_bytes();
    client.write_all(&[&[5, 1, 0, 3, host.len() as u8], host.as_slice(), &port].concat()).unwrap();
    let mut reply = [0; 10];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..2], [5, 0]);
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(String::from_utf8_lossy(&drain(&mut client).0).contains("[DONE]"));
    assert_eq!(door.close()[0]["response"]["records"], 3);
}

#[test]
fn an_upstream_that_resets_resets_the_client() {
    let upstream = server(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(50));
        reset(stream);
    });
    let door = Door::open(&[]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let (bytes, end) = drain(&mut client);
    assert!(bytes.ends_with(b"hello\r\n"), "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    let list = door.close();
    assert_eq!((cut_by(&list[0]), &list[0]["tcp"]["server_rst"]), (&"server".into(), &true.into()));
}

#[test]
fn a_client_that_resets_resets_upstream() {
    let (tx, rx) = mpsc::channel();
    let upstream = server(move |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").unwrap();
        tx.send(stream.read(&mut [0]).map_err(|e| e.kind())).unwrap();
    });
    let door = Door::open(&[]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_head(&mut client);
    client.read_exact(&mut [0; 10]).unwrap();
    reset(client);
    assert_eq!(rx.recv_timeout(PATIENCE).unwrap(), Err(ErrorKind::ConnectionReset));
    assert_eq!(cut_by(&door.close()[0]), "client");
}

#[test]
fn a_half_closed_client_still_gets_its_answer() {
    let (tx, rx) = mpsc::channel();
    let upstream = server(move |mut stream| {
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        tx.send(request.len()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nto the end").unwrap();
    });
    let door = Door::open(&[]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rx.recv_timeout(PATIENCE).unwrap(), 18);
    assert!(drain(&mut client).0.ends_with(b"to the end"));
    let list = door.close();
    assert_eq!((&list[0]["response"]["complete"], &list[0]["tcp"]["client_fin"]), (&true.into(), &true.into()));
}

#[test]
fn a_stalled_reader_holds_upstream_back_and_nothing_is_lost() {
    const SIZE: usize = 48 << 20;
    let (tx, rx) = mpsc::channel();
    let upstream = server(move |mut stream| {
        read_head(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        stream.write_all(&vec![b'x'; SIZE]).unwrap();
        tx.send(()).unwrap();
    });
    // The buffer has room for everything: the speed of the recording does not matter here.
    let door = Door::open(&["--buffer", "64M", "--memory", "256M"]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_head(&mut client);
    assert!(rx.recv_timeout(Duration::from_millis(500)).is_err(), "upstream was not held back");
    let mut left = SIZE;
    let mut part = vec![0; 1 << 16];
    while left > 0 {
        let n = client.read(&mut part).unwrap();
        assert!(n > 0, "{left} bytes missing");
        left -= n;
    }
    rx.recv_timeout(PATIENCE).unwrap();
    assert!(door.peak_memory() < 300, "{} MiB", door.peak_memory());
    assert_eq!(door.close()[0]["response"]["wire_body_bytes"], SIZE);
}

#[test]
fn a_body_of_ten_gigabytes_passes_whole_in_little_memory() {
    const SIZE: u64 = 10 << 30;
    let upstream = server(|mut stream| {
        read_head(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..SIZE >> 20 {
            stream.write_all(&block).unwrap();
        }
    });
    // What the disk cannot take in time is not recorded; no peer waits for it.
    let door = Door::open(&["--buffer", "16M"]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    read_head(&mut client);
    let (mut all, mut part) = (0, vec![0; 1 << 20]);
    loop {
        match client.read(&mut part).unwrap() {
            0 => break,
            n => all += n as u64,
        }
    }
    assert_eq!(all, SIZE);
    assert!(door.peak_memory() < 300, "{} MiB", door.peak_memory());
}

#[test]
fn other_protocols_pass_untouched_whoever_speaks_first() {
    let upstream = server(|mut stream| {
        stream.write_all(b"220 ready\r\n").unwrap();
        let mut said = [0; 6];
        stream.read_exact(&mut said).unwrap();
        stream.write_all(&said).unwrap();
    });
    let door = Door::open(&[]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    let mut banner = [0; 11];
    client.read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"220 ready\r\n");
    client.write_all(b"\0\xff\x16\x03ab").unwrap();
    assert_eq!(drain(&mut client), (b"\0\xff\x16\x03ab".to_vec(), None));
    assert!(door.close().is_empty());
}

#[test]
fn garbage_and_dead_hosts_get_an_answer_that_says_why() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let door = Door::open(&[]);
    let (answer, mut rest) = door.tunnel(&dead.to_string());
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(String::from_utf8_lossy(&drain(&mut rest).0).contains("refused"));
    door.wait_for(&format!("cannot reach {dead}: Connection refused"));
    let (answer, _) = door.tunnel("no-such-host.invalid:443");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let own = door.address.to_string();
    assert!(door.tunnel(&own).0.starts_with("HTTP/1.1 508 "), "a tunnel to itself");
    for (sent, wanted) in [
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        (format!("GET http://{dead}/ HTTP/1.1\r\n\r\n"), "HTTP/1.1 502 "),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(300 << 10)), "HTTP/1.1 400 "),
    ] {
        let mut client = door.connect();
        let _ = client.write_all(sent.as_bytes());
        let answer = read_head(&mut client);
        assert!(answer.starts_with(wanted), "{:?}…: {answer}", &sent[..20.min(sent.len())]);
    }
    let mut client = door.connect();
    client.write_all(b"\x16\x03\x01\0\x05\x01\0\0\x01\0").unwrap();
    let (alert, _) = drain(&mut client);
    assert_eq!(alert.first(), Some(&0x15), "TLS to the proxy itself gets an alert: {alert:?}");
    assert!(door.close().is_empty());
}

#[test]
fn who_may_use_it_is_asked() {
    let upstream = server(events);
    let door = Door::open(&["--auth", "user:open sesame"]);
    let ask = |credentials: &str| {
        let mut client = door.connect();
        write!(client, "CONNECT {upstream} HTTP/1.1\r\n{credentials}\r\n").unwrap();
        read_head(&mut client)
    };
    for wrong in ["", "Proxy-Authorization: Basic dXNlcjp4\r\n", "Authorization: Basic dXNlcjpvcGVuIHNlc2FtZQ==\r\n"] {
        let answer = ask(wrong);
        assert!(answer.starts_with("HTTP/1.1 407 ") && answer.contains("Proxy-Authenticate: Basic"), "{answer}");
    }
    // base64 of "user:open sesame"
    assert!(ask("Proxy-Authorization: Basic dXNlcjpvcGVuIHNlc2FtZQ==\r\n").starts_with("HTTP/1.1 200 "));
    let home = tempfile::tempdir().unwrap();
    let open = door::sniff(home.path()).args(["proxy", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(open.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&open.stderr).contains("--auth"));
}

#[test]
fn a_recording_that_is_behind_never_slows_traffic_and_says_what_it_lacks() {
    const SIZE: usize = 64 << 20;
    let upstream = server(move |mut stream| {
        read_head(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        stream.write_all(&vec![b'x'; SIZE]).unwrap();
    });
    // The buffer has room for a few deliveries only.
    let door = Door::open(&["--buffer", "256k"]);
    let (_, mut client) = door.tunnel(&upstream.to_string());
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let (bytes, end) = drain(&mut client);
    assert_eq!((bytes.len() - bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() - 4, end), (SIZE, None));
    door.wait_for("were relayed but not recorded");
    let list = door.close();
    let e = &list[0];
    assert!(e["response"]["wire_body_bytes"].as_u64().unwrap() < SIZE as u64);
    assert_eq!((&e["response"]["complete"], &e["tcp"]["hole"]), (&true.into(), &true.into()), "{e:#?}");
    assert!(e["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "DLV-015"), "{e:#?}");
}
