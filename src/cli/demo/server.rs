//! The demo's server: one streamed answer, as LitServe 0.2.4 sent its own.

use anyhow::{Context, Result};
use serde_json::json;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The words of the answer, one per event.
const WORDS: &[&str] = &["The", " bytes", " are", " right", ",", " but", " the", " label", " is", " wrong", "."];

/// Pause before each event, in ms: the prompt is read, then the words come, with one hitch; and with --fast, where each
/// still arrives by itself.
const PAUSES: &[u64] = &[160, 90, 70, 80, 75, 90, 420, 70, 85, 80, 75, 80, 70, 30];
const SHORT: u64 = 10;

/// Most bytes of a request's head and body that are read.
const MOST: u64 = 64 << 10;

/// Listens for one client and answers it: with these events, under this content type.
///
/// # Errors
/// There is no port on loopback.
pub(super) fn start(content_type: &'static str, fast: bool) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on 127.0.0.1")?;
    let address = listener.local_addr()?;
    let serve = move || -> io::Result<()> {
        let (socket, _) = listener.accept()?;
        answer(socket, content_type, fast)
    };
    // What fails here is seen by the client, whose answer is cut.
    std::thread::Builder::new().name("demo-server".into()).spawn(move || drop(serve()))?;
    Ok(address)
}

fn answer(mut socket: TcpStream, content_type: &str, fast: bool) -> io::Result<()> {
    socket.set_nodelay(true)?;
    read_request(&socket)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: {content_type}\r\ncache-control: no-cache\r\n\
            x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    for (event, pause) in events().iter().zip(PAUSES.iter().cycle()) {
        std::thread::sleep(Duration::from_millis(if fast { SHORT } else { *pause }));
        socket.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    socket.write_all(b"0\r\n\r\n")
}

fn read_request(socket: &TcpStream) -> io::Result<()> {
    let mut input = BufReader::new(socket.take(MOST));
    let (mut line, mut length) = (String::new(), 0);
    while input.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    io::copy(&mut input.take(length), &mut io::sink()).map(drop)
}

/// The events of a chat stream of OpenAI's API: the role, the words, the finish reason, the terminator.
fn events() -> Vec<String> {
    let event = |delta: serde_json::Value, finish: Option<&str>| {
        let choices = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let chunk = json!({ "id": "chatcmpl-0f3a9c52e1b84d06a5f0c3d2", "object": "chat.completion.chunk",
            "created": 1_732_000_000, "model": "lit", "choices": choices });
        format!("data: {chunk}\n\n")
    };
    let role = event(json!({ "role": "assistant", "content": "" }), None);
    let words = WORDS.iter().map(|word| event(json!({ "content": word }), None));
    let end = [event(json!({}), Some("stop")), "data: [DONE]\n\n".to_owned()];
    [role].into_iter().chain(words).chain(end).collect()
}
