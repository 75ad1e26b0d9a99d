//! Clients that hang, leave, smuggle or reach for what is not theirs; and passwords that others could read.

use crate::door::{Door, read_head, reset, server, sniff};
use crate::tls::{Identity, answer, ask, client, tls_server};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A server that reads and never says anything.
fn silent() -> SocketAddr {
    server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
        std::thread::sleep(Duration::from_secs(600));
    })
}

fn descriptors(door: &Door) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", door.pid())).unwrap().count()
}

/// Waits until the proxy has no more descriptors than `wanted`, at most this long.
fn settles(door: &Door, wanted: usize, within: Duration) -> bool {
    let end = Instant::now() + within;
    while descriptors(door) > wanted && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    descriptors(door) <= wanted
}

/// One test for all that takes half a minute: openings have 30 s, a tunnel may be silent for longer.
#[test]
fn openings_end_in_time_and_tunnels_do_not() {
    let to = server(|mut stream| {
        let mut word = [0; 4];
        if stream.read_exact(&mut word).is_ok() {
            let _ = stream.write_all(&word);
        }
    });
    let door = Door::open(&[]);
    let before = descriptors(&door);
    let (status, mut tunnel) = door.tunnel(&to.to_string());
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    let half = |bytes: &[u8]| {
        let mut stream = door.connect();
        stream.write_all(bytes).unwrap();
        stream
    };
    let hello = |bytes: &[u8]| {
        let (_, mut stream) = door.tunnel(&to.to_string());
        stream.write_all(bytes).unwrap();
        stream
    };
    let begun = Instant::now();
    let ends = [
        (half(b""), ""),
        (half(b"GET http://h/ HTTP/1.1\r\nHost: h\r\n"), "HTTP/1.1 408 "),
        (half(&[5, 1]), ""),
        (hello(&[0x16, 3, 1, 2, 0]), ""),
        (hello(&[0x16, 3, 1, 2, 0, 1, 0]), ""),
    ];
    for (n, (mut stream, wanted)) in ends.into_iter().enumerate() {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(String::from_utf8_lossy(&said).starts_with(wanted) && (wanted.is_empty() == said.is_empty()), "{n}");
        assert!(begun.elapsed() >= Duration::from_secs(29), "{n}: after {:?}", begun.elapsed());
    }
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
    // The tunnel that was opened before them was silent for as long.
    tunnel.write_all(b"ping").unwrap();
    let mut word = [0; 4];
    tunnel.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"ping");
    drop(tunnel);
    assert!(settles(&door, before, Duration::from_secs(10)), "{before} before, {} after", descriptors(&door));
}

#[test]
fn a_client_that_is_gone_leaves_nothing_open() {
    let to = silent();
    let door = Door::open(&[]);
    let before = descriptors(&door);
    let mut clients: Vec<TcpStream> = (0..8).map(|_| door.tunnel(&to.to_string()).1).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    // Half-closed connections are lawful: they stay.
    std::thread::sleep(Duration::from_millis(500));
    assert!(descriptors(&door) > before + 8, "{before} before, {} now", descriptors(&door));
    // Now they are gone, which the proxy hears of connections that it does not read any more.
    clients.into_iter().for_each(reset);
    assert!(settles(&door, before, Duration::from_secs(20)), "{before} before, {} after", descriptors(&door));
}

#[test]
fn what_only_this_machine_reaches_is_closed_to_others() {
    let to = server(answer_plain);
    let status = |options: &[&str], target: &str| {
        let options = [&["--listen", "0.0.0.0:0", "--auth", "me:secret"], options].concat();
        let door = Door::open(&options);
        let target = target.replace("OWN", &door.address.port().to_string());
        let mut stream = TcpStream::connect(("127.0.0.1", door.address.port())).unwrap();
        // base64 of "me:secret"
        write!(stream, "CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if status == "403" {
            door.wait_for("--allow-target");
        }
        status
    };
    let port = to.port();
    for target in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254", "[fe80::1]"] {
        assert_eq!(status(&[], &format!("{target}:{port}")), "403", "{target}");
    }
    assert_eq!(status(&["--allow-target", &to.to_string()], &to.to_string()), "200");
    assert_eq!(status(&["--allow-target", "127.0.0.1:1"], &to.to_string()), "403");
    for own in ["127.0.0.1:OWN", "0.0.0.0:OWN", "127.0.0.2:OWN"] {
        assert_eq!(status(&["--allow-target", "*"], own), "508", "{own}");
    }
    // A proxy that only this machine reaches leads there.
    let door = Door::open(&[]);
    assert!(door.tunnel(&to.to_string()).0.starts_with("HTTP/1.1 200"));
    assert!(door.tunnel(&format!("0.0.0.0:{}", door.address.port())).0.starts_with("HTTP/1.1 508"));
}

fn answer_plain(mut stream: TcpStream) {
    read_head(&mut stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

/// The address of an upstream is the user's choice, wherever it is.
#[test]
fn an_upstream_on_this_machine_is_the_users_choice() {
    let to = server(answer_plain);
    let upstream = format!("http://{to}");
    let door = Door::open(&["--listen", "0.0.0.0:0", "--auth", "me:secret", "--upstream", &upstream]);
    let mut stream = TcpStream::connect(("127.0.0.1", door.address.port())).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n").unwrap();
    let mut all = String::new();
    let _ = stream.read_to_string(&mut all);
    assert!(all.starts_with("HTTP/1.1 200") && all.ends_with("ok"), "{all}");
}

#[test]
fn ambiguous_requests_are_found_and_strict_refuses_them() {
    let to = server(answer_plain);
    let url = format!("http://{to}");
    let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let two = "Content-Length: 0\r\nContent-Length: 3\r\n\r\n";
    for (options, target) in [(vec![], format!("{url}/a")), (vec!["--upstream", &url], "/a".into())] {
        for (fields, rule) in [(both, "HTTP-008"), (two, "HTTP-023")] {
            for strict in [false, true] {
                let door = Door::open(&[&options[..], if strict { &["--strict"] } else { &[] }].concat());
                let mut stream = door.connect();
                write!(stream, "POST {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}").unwrap();
                let status = read_head(&mut stream);
                let wanted = if strict { "HTTP/1.1 400" } else { "HTTP/1.1 200" };
                assert!(status.starts_with(wanted), "{target} {fields:?} {strict}: {status}");
                let list = door.close();
                let rules: Vec<&str> = list
                    .iter()
                    .flat_map(|e| e["findings"].as_array().unwrap())
                    .map(|f| f["rule"].as_str().unwrap())
                    .collect();
                assert_eq!(rules.contains(&rule), !strict, "{target} {fields:?}: {rules:?}");
            }
        }
    }
}

#[test]
fn the_password_is_not_among_the_arguments_that_others_see() {
    for auth in [&["--auth", "me:s3cr3t-word"][..], &["--auth=me:s3cr3t-word"]] {
        let door = Door::open(auth);
        let shown = std::fs::read(format!("/proc/{}/cmdline", door.pid())).unwrap();
        let shown = String::from_utf8_lossy(&shown).replace('\0', " ");
        assert!(shown.contains("proxy") && shown.contains("--auth") && !shown.contains("s3cr3t"), "{shown}");
        // It counts all the same.
        assert!(door.tunnel("127.0.0.1:1").0.starts_with("HTTP/1.1 407"));
    }
}

#[test]
fn a_certificate_as_openssl_makes_it_can_be_trusted() {
    let identity = Identity::of_openssl("localhost");
    let to = tls_server(identity.server(&["http/1.1"]), answer);
    let folder = identity.folder();
    let ca = folder.path().join("upstream-ca.pem");
    let through = |options: &[&str], name: &str| {
        let door = Door::open(options);
        let (_, tcp) = door.tunnel(&format!("127.0.0.1:{}", to.port()));
        let said = ask(&mut client(&[&door.ca()], &["http/1.1"], tcp, name));
        (said.is_ok_and(|text| text.contains("data: 1")), door)
    };
    let named = ["--upstream-ca", ca.to_str().unwrap()];
    assert!(through(&named, "localhost").0);
    // For its own name only, and only where the user named it.
    assert!(!through(&named, "api.example.test").0);
    let (fine, door) = through(&[], "localhost");
    assert!(!fine);
    door.wait_for("cannot reach localhost");
}

#[test]
fn a_buffer_that_the_memory_has_no_room_for_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let out = sniff(home.path()).args(["proxy", "--listen", "127.0.0.1:0", "--buffer", "64M"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && said.contains("set --memory to 256M"), "{said}");
}
