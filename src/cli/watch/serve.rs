//! `GET /metrics` over HTTP/1.1. One answer for each connection; few connections, and little time for each.

use anyhow::{Context, Result};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections at a time. More are closed.
const MOST: usize = 8;
/// How long one connection may take, from its first byte to the last of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest head of a request.
const LONGEST: usize = 8 << 10;
/// Bytes written before the time is looked at.
const SLICE: usize = 16 << 10;

/// Serves what `text` returns. The threads end with the process.
pub(super) fn start(listener: TcpListener, text: impl Fn() -> String + Send + Sync + 'static) -> Result<()> {
    let text = Arc::new(text);
    let open = Arc::new(AtomicUsize::new(0));
    let accept = move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else {
                // Out of descriptors, as a rule: others have to be closed first.
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            if open.fetch_add(1, Ordering::SeqCst) >= MOST {
                open.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            let (text, open_too) = (text.clone(), open.clone());
            let serve = move || {
                // A client that breaks off, or takes too long, gets nothing.
                let _ = answer(&connection, &*text);
                open_too.fetch_sub(1, Ordering::SeqCst);
            };
            if std::thread::Builder::new().name("metrics".into()).spawn(serve).is_err() {
                open.fetch_sub(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::Builder::new().name("metrics".into()).spawn(accept).map(drop).context("cannot start a thread")
}

fn answer(mut connection: &TcpStream, text: &dyn Fn() -> String) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    let left = || match end.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok::<_, io::Error>(Some(left)),
    };
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    let reply = loop {
        if let Some(reply) = reply(&head, text) {
            break reply;
        }
        connection.set_read_timeout(left()?)?;
        match connection.read(&mut bytes)? {
            0 => return Ok(()),
            n => head.extend_from_slice(&bytes[..n]),
        }
    };
    for slice in reply.as_bytes().chunks(SLICE) {
        connection.set_write_timeout(left()?)?;
        connection.write_all(slice)?;
    }
    connection.flush()?;
    // What the client still sends must not turn the answer into a reset.
    connection.shutdown(std::net::Shutdown::Write)?;
    connection.set_read_timeout(left()?)?;
    while connection.read(&mut bytes)? > 0 {
        connection.set_read_timeout(left()?)?;
    }
    Ok(())
}

/// The answer to a request; none if its head is not complete.
fn reply(head: &[u8], text: &dyn Fn() -> String) -> Option<String> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let short = |status: &str, fields: &str, said: &str| {
        let length = said.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n{fields}\
             Connection: close\r\n\r\n{said}"
        )
    };
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() <= LONGEST => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => return Some(short("400 Bad Request", "", "no request\n")),
    }
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    Some(match (path, request.method) {
        ("/metrics", Some(method @ ("GET" | "HEAD"))) => {
            let body = text();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
                 Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                body.len()
            );
            if method == "GET" { head + &body } else { head }
        }
        ("/metrics", _) => short("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD\n"),
        _ => short("404 Not Found", "", "the metrics are at /metrics\n"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(head: &str) -> Option<String> {
        reply(head.as_bytes(), &|| "x 1\n".to_owned())
    }

    #[test]
    fn only_the_metrics_are_served() {
        let line = |head: &str| asked(head).map(|reply| reply.lines().next().unwrap().to_owned());
        for (head, want) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", Some("HTTP/1.1 200 OK")),
            ("GET /metrics?x HTTP/1.0\r\n\r\n", Some("HTTP/1.1 200 OK")),
            ("POST /metrics HTTP/1.1\r\n\r\n", Some("HTTP/1.1 405 Method Not Allowed")),
            ("GET / HTTP/1.1\r\n\r\n", Some("HTTP/1.1 404 Not Found")),
            ("GET /metrics/x HTTP/1.1\r\n\r\n", Some("HTTP/1.1 404 Not Found")),
            ("GET /metrics HTTP/1.1\r\n", None),
            ("\x16\x03\x01 tls", Some("HTTP/1.1 400 Bad Request")),
        ] {
            assert_eq!(line(head).as_deref(), want, "{head:?}");
        }
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(LONGEST));
        assert_eq!(line(&long).as_deref(), Some("HTTP/1.1 400 Bad Request"), "no end of a head is waited for");
        assert!(asked("GET /metrics HTTP/1.1\r\n\r\n").unwrap().ends_with("\r\n\r\nx 1\n"));
        assert!(asked("HEAD /metrics HTTP/1.1\r\n\r\n").unwrap().ends_with("\r\n\r\n"));
    }

    #[test]
    fn clients_that_say_nothing_are_few_and_do_not_stay() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        start(listener, || "x 1\n".to_owned()).unwrap();
        let idle: Vec<TcpStream> = (0..MOST).map(|_| TcpStream::connect(address).unwrap()).collect();
        let get = || -> io::Result<String> {
            let mut client = TcpStream::connect(address)?;
            client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")?;
            let mut said = String::new();
            client.read_to_string(&mut said)?;
            Ok(said)
        };
        std::thread::sleep(Duration::from_millis(100));
        assert!(!get().unwrap_or_default().contains("x 1"), "one more than there is room for is closed");
        drop(idle);
        let end = Instant::now() + PATIENCE;
        while !get().unwrap_or_default().contains("x 1") {
            assert!(Instant::now() < end, "no room after they have gone");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
