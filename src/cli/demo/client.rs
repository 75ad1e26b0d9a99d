//! The demo's client: sends the request, and passes each chunk on when it has come.

use crate::time::Span;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The request's target and body.
pub(super) const TARGET: &str = "/v1/chat/completions";
pub(super) const BODY: &str = r#"{"model":"lit","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// How long the client waits for bytes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of the head, of a line, and of a chunk.
const MOST: u64 = 64 << 10;

/// A part of an answer that has come.
pub(super) enum Came<'a> {
    /// A line of the head: status line or field.
    Head(&'a str),
    /// A chunk, with its time since the request's last byte.
    Chunk(Span, &'a str),
}

/// Asks, and reads the answer to its end.
///
/// # Errors
/// No answer, or one without chunks.
pub(super) fn ask(address: SocketAddr, came: &mut dyn FnMut(Came<'_>) -> Result<()>) -> Result<()> {
    let mut socket = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let request = format!(
        "POST {TARGET} HTTP/1.1\r\nhost: {address}\r\nuser-agent: sniff-demo\r\ncontent-type: application/json\r\n\
            accept: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    socket.write_all(request.as_bytes())?;
    let began = Instant::now();
    let mut input = BufReader::new(socket);
    loop {
        let line = line(&mut input).context("no answer came")?;
        if line.is_empty() {
            break;
        }
        came(Came::Head(&line))?;
    }
    loop {
        let size = line(&mut input).context("the answer was cut")?;
        let Some(length) = usize::from_str_radix(&size, 16).ok().filter(|n| *n as u64 <= MOST) else {
            bail!("the answer has a chunk of length {size:?}")
        };
        let mut chunk = vec![0; length + 2];
        input.read_exact(&mut chunk).context("the answer was cut")?;
        if length == 0 {
            return Ok(());
        }
        let at = Span(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX));
        came(Came::Chunk(at, String::from_utf8_lossy(&chunk).trim_end()))?;
    }
}

/// A line without its end.
fn line(input: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if input.take(MOST).read_line(&mut line)? == 0 {
        bail!("the connection was closed");
    }
    Ok(line.trim_end().to_owned())
}
