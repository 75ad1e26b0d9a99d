//! What a vendor's client library gets from a server it gets from `sniff replay` too: the server's streams are those
//! of the cases, the recording is made by `sniff proxy` while the library reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::ConnId;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::wire;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::place::Place;

/// The function of `sdk_events.py` that reads it, and the case whose stream it reads.
const READ_BY: &[(&str, &str)] = &[
    ("openai_chat", "openai-chat"),
    ("openai_chat", "openai-chat-tool-call"),
    ("openai_chat", "openai-chat-two-choices"),
    ("openai_chat", "openai-chat-audio"),
    ("openai_chat", "openai-chat-reasoning"),
    ("openai_chat", "azure-chat"),
    ("openai_completions", "openai-completions"),
    ("openai_responses", "openai-responses"),
    ("openai_responses", "openai-responses-tools"),
    ("openai_responses", "openai-responses-image"),
    ("openai_assistants", "openai-assistants"),
    ("openai_assistants", "openai-assistants-tool"),
    ("openai_transcription", "openai-transcription"),
    ("openai_transcription", "openai-transcription-speakers"),
    ("openai_images", "openai-images"),
    ("openai_agents", "openai-agents"),
    ("anthropic_messages", "anthropic-messages"),
    ("anthropic_messages", "anthropic-thinking-and-tool"),
    ("anthropic_messages", "anthropic-hidden-thinking"),
    ("anthropic_messages", "anthropic-compaction"),
    ("anthropic_messages", "anthropic-fallback"),
    ("anthropic_messages", "anthropic-server-tools"),
    ("anthropic_messages", "anthropic-error-in-stream"),
    ("anthropic_sessions", "anthropic-session"),
    ("gemini_generate", "gemini-sse"),
    ("gemini_generate", "gemini-partial-args"),
    ("gemini_generate", "gemini-code-execution"),
    ("gemini_interactions", "gemini-interactions"),
    ("mistral_chat", "mistral-chat"),
    ("mistral_chat", "mistral-chat-failed"),
    ("mistral_conversations", "mistral-conversations"),
    ("mistral_transcription", "mistral-transcription"),
    ("mistral_speech", "mistral-speech"),
    ("cohere_chat", "cohere-chat"),
    ("cohere_chat_v1", "cohere-chat-v1"),
    ("ollama_chat", "ollama-chat"),
    ("ollama_generate", "ollama-generate"),
    ("ollama_generate", "ollama-image"),
    ("ollama_pull", "ollama-pull"),
    ("a2a", "a2a-jsonrpc"),
    ("mcp", ""),
];

/// The answers of a tool's server to the two requests that its client makes.
const MCP: &[(&str, &str, &str)] = &[
    (
        "\"tools/call\"",
        "text/event-stream",
        concat!(
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",",
            "\"params\":{\"progressToken\":1,\"progress\":1}}\r\n\r\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resultType\":\"complete\",",
            "\"content\":[{\"type\":\"text\",\"text\":\"noon\"}],\"isError\":false}}\r\n\r\n",
        ),
    ),
    (
        "\"tools/list\"",
        "application/json",
        concat!(
            "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\",",
            "\"tools\":[{\"name\":\"tides\",\"inputSchema\":{\"type\":\"object\"}}]}}",
        ),
    ),
];

/// The decoded body of a case's response, and its type.
fn stream_of(case: &str) -> (String, Vec<u8>) {
    let text = std::fs::read_to_string(support::captures().join("dialect").join(case).join("input.wire")).unwrap();
    let transcript = wire::parse(&text).unwrap();
    let exchange = exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0);
    let response = exchange.response.expect(case);
    let kind = response.head.expect(case).fields.text("content-type").expect(case).to_owned();
    (kind, response.body.bytes)
}

/// A server that answers requests for `/N/…` with the stream of the case with this number.
fn mock() -> SocketAddr {
    let answers: Vec<_> = READ_BY.iter().map(|(_, case)| (!case.is_empty()).then(|| stream_of(case))).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, answers) = (socket.unwrap(), answers.clone());
            std::thread::spawn(move || drop(answer(socket, &answers)));
        }
    });
    address
}

/// Answers one request, in chunks of odd sizes, and closes.
fn answer(mut socket: TcpStream, answers: &[Option<(String, Vec<u8>)>]) -> std::io::Result<()> {
    let mut input = BufReader::new(socket.try_clone()?);
    let (mut target, mut length, mut chunked) = (String::new(), 0, false);
    input.read_line(&mut target)?;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(':') {
            None => break,
            Some(("content-length", n)) => length = n.trim().parse().unwrap(),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    while chunked {
        let mut size = String::new();
        input.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        input.read_exact(&mut chunk)?;
        chunked = size > 0;
    }
    let number: usize = target.split('/').nth(1).and_then(|n| n.parse().ok()).expect("a number in the path");
    let (kind, stream) = match &answers[number] {
        Some((kind, stream)) => (kind.as_str(), stream.as_slice()),
        None => {
            let body = String::from_utf8_lossy(&body);
            let (_, kind, stream) = MCP.iter().find(|(method, ..)| body.contains(method)).expect("a known method");
            (*kind, stream.as_bytes())
        }
    };
    write!(
        socket,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )?;
    for part in stream.chunks(333) {
        write!(socket, "{:x}\r\n", part.len())?;
        socket.write_all(part)?;
        socket.write_all(b"\r\n")?;
    }
    socket.write_all(b"0\r\n\r\n")
}

/// `sniff` as a server; it says its address on standard error.
struct Server {
    address: String,
    child: Child,
    _said: BufReader<std::process::ChildStderr>,
}

impl Server {
    fn start(place: &Place, args: &[&str]) -> Server {
        let mut child = place.command(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut all) = (String::new(), String::new());
        while !line.contains("127.0.0.1:") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "{args:?} ended: {all}");
            all += &line;
        }
        // The proxy names its upstream first.
        let from = line.rfind("127.0.0.1:").unwrap();
        let address = line[from..].split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).next().unwrap();
        Server { address: address.trim_end_matches(':').to_owned(), child, _said: said }
    }

    /// Ends it as a user does, so that all is in the database.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

/// Python with the vendors' libraries, and a script of the tests.
fn python(script: &str) -> Command {
    let mut command = Command::new(support::installed("venv/vendors/bin/python"));
    command.args(["-W", "ignore"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(script));
    command.env("NO_PROXY", "*").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What the libraries yield; each argument is a function of `sdk_events.py` and an address.
fn read_by_libraries(arguments: &[String]) -> Vec<Value> {
    let out = python("sdk_events.py").args(arguments).output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8_lossy(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), arguments.len(), "{}", String::from_utf8_lossy(&out.stderr));
    lines
}

/// What libraries yield through a proxy before this server, and from the replay of what the proxy recorded.
fn server_and_replay(upstream: &str, arguments: impl Fn(&str) -> Vec<String>) -> [Vec<Value>; 2] {
    let place = Place::new();
    let proxy = Server::start(&place, &["proxy", "--listen", "127.0.0.1:0", "--upstream", upstream]);
    let from_server = read_by_libraries(&arguments(&proxy.address));
    proxy.stop();
    let replay = Server::start(&place, &["replay", "--session", "last", "--speed", "max", "--listen", "127.0.0.1:0"]);
    let from_replay = read_by_libraries(&arguments(&replay.address));
    replay.stop();
    [from_server, from_replay]
}

#[test]
fn libraries_get_from_a_replay_what_they_got_from_the_server() {
    let [from_server, from_replay] = server_and_replay(&format!("http://{}", mock()), |address| {
        READ_BY.iter().enumerate().map(|(n, (kind, _))| format!("{kind}=http://{address}/{n}")).collect()
    });
    let mut wrong = Vec::new();
    for (((kind, case), server), replayed) in READ_BY.iter().zip(&from_server).zip(&from_replay) {
        let events = server["events"].as_array().map_or(0, Vec::len);
        let fails = case.ends_with("error-in-stream");
        if server != replayed {
            wrong.push(format!("{kind}, {case}: {server}\n  from the replay {replayed}"));
        } else if fails != server["error"].is_string() || (!fails && events == 0) {
            wrong.push(format!("{kind}, {case}: {server}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), READ_BY.len(), wrong.join("\n"));
}

/// gRPC over HTTP/2; the server is made with the vendor's classes.
#[test]
fn xais_library_gets_over_grpc_what_it_got() {
    let mut server = python("xai_server.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let [from_server, from_replay] =
        server_and_replay(&format!("http://{}", address.trim()), |address| vec![format!("xai_chat=http://{address}")]);
    drop(server.stdin.take());
    server.wait().unwrap();
    let last = &from_server[0]["events"].as_array().and_then(|events| events.last()).cloned().unwrap_or_default();
    assert_eq!((last["content"].as_str(), last["tokens"].as_u64()), (Some("At noon."), Some(5)), "{from_server:?}");
    assert_eq!(from_server, from_replay);
}
