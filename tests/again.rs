//! What was recorded comes back: whole from the store, and over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conformance::{self, Limits};
use sniff::conn::ConnId;
use sniff::exchange::Body;
use sniff::exchange::{Exchange, ExchangeId};
use sniff::http::event::{MessageEnd, Transfer, Version};
use sniff::pipeline::{Config, Output, Pipeline, exchanges_of};
use sniff::replay::matching::{Asked, Repeat};
use sniff::replay::serve::Service;
use sniff::replay::{Book, MatchBy, Pace, Script};
use sniff::store::write::Message;
use sniff::store::{Finished, Reader, Selector, Session, Writer};
use sniff::time::Timestamp;
use sniff::{metrics, wire};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every capture at hand: our own cases and the shared corpus.
fn captures() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        support::cases().iter().flat_map(|c| std::fs::read_dir(c).expect("case")).map(|e| e.expect("entry").path()).collect();
    let real = support::shared("corpus/real");
    all.extend(real.iter().flat_map(|d| std::fs::read_dir(d).expect("corpus")).map(|e| e.expect("entry").path()));
    all.retain(|p| p.extension().is_some_and(|e| e == "wire" || e == "pcap" || e == "pcapng"));
    all.sort();
    assert!(all.len() > 20, "only {} captures", all.len());
    all
}

fn transcript(path: &Path) -> Option<wire::Transcript> {
    path.extension().filter(|e| *e == "wire")?;
    Some(wire::parse(&std::fs::read_to_string(path).expect("text")).expect("a transcript"))
}

fn exchanges(path: &Path) -> Vec<Exchange> {
    match transcript(path) {
        Some(transcript) => exchanges_of(|sink| transcript.replay(ConnId(0), sink)),
        None => support::read::read(path).exchanges,
    }
}

fn finished(exchange: Exchange) -> Message {
    let metrics = metrics::of(&exchange);
    let findings = conformance::judge(&exchange, &metrics, &Limits::default());
    Message::Finished(Box::new(Finished { exchange: Box::new(exchange), metrics, findings }))
}

/// Everything about an exchange but its number, which the database gives anew.
fn all_of(exchange: &Exchange) -> String {
    format!("{:#?}", Exchange { id: ExchangeId(0), ..exchange.clone() })
}

/// Written and read back.
fn through_the_store(messages: Vec<Message>) -> Vec<Exchange> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let session = Session { source: "test".into(), started: Timestamp(0), options: serde_json::json!({}) };
    let mut writer = Writer::start(&path, session).unwrap();
    messages.into_iter().for_each(|m| writer.send(m).unwrap());
    writer.finish(Timestamp(1), Default::default()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut ids: Vec<i64> = reader.list(&Selector::default()).unwrap().iter().map(|s| s.id).collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| reader.exchange(id).unwrap()).collect()
}

fn assert_same(name: &str, have: &[Exchange], wanted: &[Exchange]) {
    assert_eq!(have.len(), wanted.len(), "{name}");
    for (have, wanted) in have.iter().zip(wanted) {
        let (have, wanted) = (all_of(have), all_of(wanted));
        if have != wanted {
            let differ = have.lines().zip(wanted.lines()).enumerate().filter(|(_, (h, w))| h != w);
            let shown: Vec<String> = differ.take(8).map(|(n, (h, w))| format!("line {n}: have {h}\n  wanted {w}")).collect();
            panic!("{name}:\n{}", shown.join("\n"));
        }
    }
}

#[test]
fn the_store_gives_back_what_the_pipeline_made() {
    let mut seen = 0;
    for path in captures() {
        let wanted = exchanges(&path);
        let have = through_the_store(wanted.iter().cloned().map(finished).collect());
        assert_same(&path.display().to_string(), &have, &wanted);
        seen += wanted.len();
    }
    assert!(seen > 30, "only {seen} exchanges");
}

#[test]
fn an_exchange_written_in_parts_comes_back_whole() {
    let mut parts = 0;
    for path in captures() {
        let Some(transcript) = transcript(&path) else { continue };
        let mut pipeline = Pipeline::new(Config { part_bytes: 40, part_items: 2, ..Config::default() });
        transcript.replay(ConnId(0), &mut |event| pipeline.feed(&event));
        pipeline.finish();
        let mut messages = Vec::new();
        pipeline.drain(&mut |output| match output {
            Output::Begun(id) => messages.push(Message::Begun(id)),
            Output::Part(part) => messages.push(Message::Part(part)),
            Output::Exchange(exchange) => messages.push(finished(*exchange)),
            Output::Connection(c) => messages.push(Message::Connection(c)),
        });
        parts += messages.iter().filter(|m| matches!(m, Message::Part(_))).count();
        assert_same(&path.display().to_string(), &through_the_store(messages), &exchanges(&path));
    }
    assert!(parts > 20, "only {parts} parts");
}

/// Exchanges as a server, until it is dropped.
struct Replay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Replay {
    /// They answer in their order, each once, as fast as it goes.
    fn of<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Replay {
        let mut book = Book::new(MatchBy::Sequence, Repeat::Once, Vec::new());
        for exchange in exchanges {
            book.add(Asked::default(), Script::new(exchange, false).unwrap_or_else(|e| panic!("{e}")));
        }
        Replay::start(book, Pace { speed: f64::INFINITY, ..Pace::default() })
    }

    fn start(book: Book, pace: Pace) -> Replay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let service = Service::start(book, pace, None, Box::new(|_| ())).unwrap();
        let thread = std::thread::spawn(move || {
            service.listen(&listener, &theirs).unwrap();
            service.finish();
        });
        Replay { address, stop, thread: Some(thread) }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more client, so that it notices at once.
        drop(TcpStream::connect(self.address));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn is_whole(exchange: &Exchange) -> bool {
    let Some(response) = &exchange.response else { return false };
    let whole = response.end == MessageEnd::Complete && response.head.as_ref().is_some_and(|h| h.status != 101);
    whole && !exchange.gap && exchange.request.as_ref().is_some_and(|r| r.head.method != "CONNECT")
}

/// Lengths of the transfer units; of the deliveries where there are none.
fn units(body: &Body) -> Vec<u64> {
    let mut units: Vec<u64> = Vec::new();
    for run in body.pieces.chunk_by(|a, b| a.unit == b.unit) {
        units.push(run.iter().map(|p| u64::from(p.len)).sum());
    }
    units
}

/// What both ends of an HTTP/1 connection sent, as TCP delivered it: (client's bytes, server's bytes), by connection.
fn streams(path: &Path) -> std::collections::BTreeMap<ConnId, [Vec<u8>; 2]> {
    let mut all: std::collections::BTreeMap<ConnId, [Vec<u8>; 2]> = Default::default();
    let mut keep = |event: sniff::conn::ByteEvent<'_>| {
        if let sniff::conn::What::Data(bytes) = event.what {
            all.entry(event.conn).or_default()[event.dir.index()].extend_from_slice(bytes);
        }
    };
    match transcript(path) {
        Some(transcript) => transcript.replay(ConnId(0), &mut keep),
        None => {
            let Ok(mut reader) = sniff::capture::file::Reader::open(&path.display().to_string()) else { return all };
            let (mut net, mut table) = (sniff::net::Decoder::new(), sniff::tcp::Table::new(sniff::tcp::Limits::default()));
            while let Ok(Some(item)) = reader.next() {
                if let sniff::capture::Item::Packet(packet) = item {
                    net.push(&packet, &mut |segment| table.push(segment, &mut keep));
                }
            }
            table.finish(&mut keep);
        }
    }
    all
}

/// The server's side of every connection that was captured whole comes again byte for byte: status lines, fields, chunk lines, extensions, trailers.
#[test]
fn http1_comes_again_byte_for_byte() {
    let mut compared = 0;
    for path in captures() {
        let exchanges = exchanges(&path);
        for (conn, [client, server]) in streams(&path) {
            let of_it: Vec<&Exchange> = exchanges.iter().filter(|e| e.conn == conn).collect();
            let http1 = |e: &&Exchange| {
                let head = e.response.as_ref().and_then(|r| r.head.as_ref());
                is_whole(e) && e.tls.is_none() && head.is_some_and(|h| h.version != Version::H2)
            };
            // Half a request, or what is no HTTP, has no answer that could be compared.
            let bytes: usize = of_it.iter().filter_map(|e| e.request.as_ref()).map(|r| r.head.fields.raw().len()).sum();
            if of_it.is_empty() || !of_it.iter().all(http1) || client.len() < bytes {
                continue;
            }
            let replay = Replay::of(of_it.iter().copied());
            let mut socket = TcpStream::connect(replay.address).unwrap();
            socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            let mut writing = socket.try_clone().unwrap();
            let sent = std::thread::spawn(move || writing.write_all(&client));
            let mut have = vec![0; server.len()];
            let read = socket.read_exact(&mut have);
            let _ = sent.join();
            let differ = have.iter().zip(&server).position(|(a, b)| a != b);
            let shown = |b: &[u8]| differ.map(|at| sniff::oddity::excerpt(&b[at.saturating_sub(20)..]));
            assert!(read.is_ok() && differ.is_none(), "{} {conn:?}: {read:?}\n{:?}\n{:?}", path.display(), shown(&have), shown(&server));
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} connections");
}

/// Read back with h11 and h2 of PyPI, whichever version it was recorded over.
#[test]
fn every_whole_exchange_comes_again_over_http1_and_http2() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/clients/bin/python");
    if !python.exists() {
        return support::unavailable("h11 and h2 of PyPI");
    }
    let all: Vec<(PathBuf, Exchange)> =
        captures().into_iter().flat_map(|p| exchanges(&p).into_iter().filter(is_whole).map(move |e| (p.clone(), e))).collect();
    for protocol in ["h11", "h2"] {
        let replay = Replay::of(all.iter().map(|(_, e)| e));
        let asks: Vec<serde_json::Value> = all.iter().map(|(_, e)| ask(e)).collect();
        let mut client = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/replay_client.py"))
            .args([protocol, &replay.address.ip().to_string(), &replay.address.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(serde_json::to_string(&asks).unwrap().as_bytes()).unwrap();
        let out = client.wait_with_output().unwrap();
        let answers: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(answers.len(), all.len());
        let mut wrong = Vec::new();
        for ((path, exchange), have) in all.iter().zip(&answers) {
            let differs = differences(exchange, have, protocol == "h2");
            wrong.extend(
                (!differs.is_empty())
                    .then(|| format!("{} exchange {} over {protocol}: {}", path.display(), exchange.id.0, differs.join("; "))),
            );
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
        eprintln!("{} exchanges over {protocol}", all.len());
    }
}

fn ask(exchange: &Exchange) -> serde_json::Value {
    let request = exchange.request.as_ref().unwrap();
    let body: String = request.body.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let target = if request.head.target.starts_with('/') { request.head.target.as_str() } else { "/" };
    serde_json::json!({"method": request.head.method, "target": target, "body": body})
}

fn differences(exchange: &Exchange, have: &serde_json::Value, h2: bool) -> Vec<String> {
    let response = exchange.response.as_ref().unwrap();
    let head = response.head.as_ref().unwrap();
    let mut all = Vec::new();
    let mut equal = |what: &str, have: &serde_json::Value, wanted: serde_json::Value| {
        if *have != wanted {
            all.push(format!("{what}: {have} instead of {wanted}"));
        }
    };
    if have.get("failed").is_some() {
        return vec![have["failed"].to_string()];
    }
    equal("status", &have["status"], head.status.into());
    equal("end", &have["end"], "clean".into());
    let hash: String = response.body.wire_sha256.unwrap().iter().map(|b| format!("{b:02x}")).collect();
    equal("sha256", &have["sha256"], hash.into());
    let recorded_h2 = head.version == Version::H2;
    // Fields of the connection go where the version changes; a length goes where chunks come.
    let of_the_connection = ["connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "content-length"];
    let text = |b: &[u8]| b.iter().map(|b| char::from(*b)).collect::<String>();
    let list = |name: &[u8], value: &[u8]| {
        let name = text(name);
        let kept = h2 == recorded_h2 || !of_the_connection.contains(&name.to_ascii_lowercase().as_str());
        kept.then(|| serde_json::json!([if h2 { name.to_ascii_lowercase() } else { name }, text(value)]))
    };
    let wanted: Vec<_> = head.fields.iter().filter_map(|(n, v)| list(n, v)).collect();
    let kept = |f: &&serde_json::Value| {
        h2 == recorded_h2 || !of_the_connection.contains(&f[0].as_str().unwrap_or_default().to_ascii_lowercase().as_str())
    };
    let got: Vec<_> = have["headers"].as_array().unwrap().iter().filter(kept).cloned().collect();
    equal("headers", &got.into(), wanted.into());
    let trailers: Vec<_> = response
        .trailers
        .iter()
        .map(|(n, v)| serde_json::json!([if h2 { text(n).to_ascii_lowercase() } else { text(n) }, text(v)]))
        .collect();
    equal("trailers", &have["trailers"], trailers.into());
    let lengths = |h: &serde_json::Value| {
        h.as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).filter(|n| *n > 0).collect::<Vec<_>>()
    };
    let has_units = matches!(head.transfer, Transfer::Chunked | Transfer::H2);
    // Without units HTTP/1 has no boundaries: the client reads what TCP brings.
    if h2 || has_units {
        let wanted: Vec<u64> = units(&response.body).into_iter().filter(|n| *n > 0).collect();
        equal("units", &lengths(&have["units"]).into(), wanted.into());
    }
    all
}
