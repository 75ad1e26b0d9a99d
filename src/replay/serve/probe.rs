//! A client that repeats a recorded request and receives like a capture: every read has the time at which the
//! kernel received it.

use super::{clock, socket};
use crate::analyzer::{Analyzer, Options, Output};
use crate::conn::{ByteEvent, ConnId, Direction, End, Endpoints, What};
use crate::exchange::{Exchange, Request};
use crate::http::event::{Transfer, Version};
use crate::replay::h2;
use crate::time::{Span, Timestamp};
use anyhow::{Context, Result};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long after the last recorded byte the response may still arrive.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends the recorded request over the recorded HTTP version, and returns the response with monotonic times.
/// `lasts`: duration of the response as it will be played.
///
/// # Errors
/// The server cannot be reached.
pub fn ask(server: SocketAddr, recorded: &Exchange, lasts: Span) -> Result<Option<Exchange>> {
    let mut socket = TcpStream::connect(server).with_context(|| format!("cannot connect to {server}"))?;
    socket.set_nodelay(true)?;
    socket::stamp_arrivals(&socket);
    let wait = Duration::from_nanos(lasts.0.max(0) as u64) + PATIENCE;
    let endpoints = Endpoints { client: socket.local_addr()?, server };
    let mut listener = Listener { analyzer: Analyzer::new(Options::whole()), received: None };
    listener.event(clock::now(), Direction::ToServer, What::Open { endpoints, joined: false });
    let request = recorded.request.as_ref();
    let version = recorded.response.as_ref().and_then(|r| r.head.as_ref()).map_or(Version::H11, |h| h.version);
    let bytes = match (version, request) {
        (Version::H2, Some(request)) => h2::request(request),
        (_, Some(request)) if request.head.version != Version::H2 => as_sent(request),
        _ => b"GET / HTTP/1.1\r\nHost: replay\r\n\r\n".to_vec(),
    };
    socket.write_all(&bytes)?;
    listener.event(clock::now(), Direction::ToServer, What::Data(&bytes));
    let mut buffer = vec![0; 256 << 10];
    let end = clock::now().saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
    while listener.received.is_none() {
        let left = end.saturating_sub(clock::now());
        if left <= 0 {
            break;
        }
        socket.set_read_timeout(Some(Duration::from_nanos(left as u64)))?;
        match socket::receive(&socket, &mut buffer) {
            Ok((0, at)) => {
                listener.event(at, Direction::ToClient, What::End(End::Fin));
                break;
            }
            Ok((n, at)) => listener.event(at, Direction::ToClient, What::Data(&buffer[..n])),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {
                listener.event(clock::now(), Direction::ToClient, What::End(End::Reset));
                break;
            }
            Err(_) => break,
        }
    }
    listener.finish();
    Ok(listener.received)
}

struct Listener {
    analyzer: Analyzer,
    received: Option<Exchange>,
}

impl Listener {
    fn event(&mut self, at: i64, dir: Direction, what: What<'_>) {
        let Listener { analyzer, received } = self;
        analyzer.event(&ByteEvent { at: Timestamp(at), frame: 0, conn: ConnId(0), dir, what }, &mut |output| {
            keep(received, output)
        });
    }

    fn finish(&mut self) {
        let Listener { analyzer, received } = self;
        analyzer.finish(&mut |output| keep(received, output));
    }
}

/// Keeps the first exchange only.
fn keep(received: &mut Option<Exchange>, output: Output) {
    if let Output::Exchange(analyzed) = output {
        received.get_or_insert(*analyzed.exchange);
    }
}

/// An HTTP/1 request in the bytes in which it was sent.
fn as_sent(request: &Request) -> Vec<u8> {
    let mut bytes = request.head.fields.raw().to_vec();
    let body = &request.body.bytes;
    match request.head.transfer {
        Transfer::Chunked if body.is_empty() => bytes.extend_from_slice(b"0\r\n\r\n"),
        Transfer::Chunked => {
            bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\r\n0\r\n\r\n");
        }
        _ => bytes.extend_from_slice(body),
    }
    bytes
}
