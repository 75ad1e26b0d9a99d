//! Faults and real clients: what OpenAI's libraries of PyPI and npm make of a replay with a fault is what the
//! client models say of its recording.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conn::ConnId;
use sniff::exchange::Exchange;
use sniff::internal::clients::{self, Outcome, Stream};
use sniff::internal::http::event::MessageEnd;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::replay::matching::{Asked, Repeat};
use sniff::internal::replay::{Book, MatchBy, Pace, Script, fault};
use sniff::internal::wire;
use sniff::time::Span;
use std::path::Path;
use std::process::Command;
use support::replay_server::Replay;

/// One or more kinds of each fault: where it is inserted decides what a client makes of it. Some are combined, as
/// in real servers.
const FAULTS: &[&[&str]] = &[
    &[],
    &["drop-terminator"],
    &["duplicate-terminator"],
    &["truncate=1"],
    &["truncate=60%"],
    &["truncate=99%"],
    &["reset=60%"],
    &["stall=2:1s"],
    &["coalesce=3"],
    &["coalesce=1000"],
    &["split=bytes:1"],
    &["split=bytes:7"],
    &["split-utf8"],
    &["buffer"],
    &["content-type=application/x-ndjson"],
    &["content-type=application/json"],
    &["content-type=text/plain; charset=iso-8859-1"],
    &["content-type=text/html"],
    &["no-space"],
    &["crlf"],
    &["bom"],
    &["inject-error"],
    &["keepalive-comments"],
    &["hang"],
    &["drop-terminator", "hang"],
    &["crlf", "split=bytes:5"],
    &["no-space", "bom", "keepalive-comments"],
    &["drop-terminator", "content-type=text/plain"],
];

/// A client: its name among the models, and its command line.
struct Client {
    model: &'static str,
    command: Vec<String>,
}

/// A stream with a fault, its recording, and what the application would get without the fault.
struct Bent {
    name: String,
    replay: Replay,
    recorded: Exchange,
    text: String,
}

#[test]
fn bent_replays_do_to_real_clients_what_the_model_says() {
    let clients = clients();
    let bent: Vec<Bent> = streams().iter().flat_map(|(case, exchange, text)| bend(case, exchange, text)).collect();
    let faults: std::collections::BTreeSet<&str> =
        FAULTS.iter().flat_map(|f| f.iter().map(|f| f.split('=').next().unwrap())).collect();
    assert_eq!(faults.len(), fault::ALL.len(), "this test does not try every fault");
    std::thread::scope(|scope| {
        clients.iter().for_each(|client| drop(scope.spawn(|| compare(client, &bent))));
    });
}

fn compare(client: &Client, bent: &[Bent]) {
    let out = Command::new(&client.command[0])
        .args(&client.command[1..])
        .args(bent.iter().map(|b| format!("http://{}", b.replay.address)))
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let lines: Vec<Value> =
        String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), bent.len(), "{}: {}", client.model, String::from_utf8_lossy(&out.stderr));
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for (bent, did) in bent.iter().zip(&lines) {
        let stream = Stream::of(&bent.recorded).unwrap_or_else(|e| panic!("{}: {}", bent.name, e.text()));
        let said = clients::judge(&stream).into_iter().find(|v| v.client == client.model);
        let did_so = outcome(did, &bent.text);
        *seen.entry(did_so.as_str()).or_insert(0) += 1;
        match said {
            Some(v) if v.outcome == did_so => {}
            Some(v) => wrong.push(format!("{}: predicted {} ({}), but {did}", bent.name, v.outcome.as_str(), v.why)),
            None => wrong.push(format!("{}: read as {}, of which the client has no model", bent.name, stream.dialect)),
        }
    }
    eprintln!("{}: {} streams, {seen:?}", client.model, bent.len());
    assert!(seen.len() == 4, "{}: not every outcome occurred: {seen:?}", client.model);
    assert!(wrong.is_empty(), "{}: {} of {}:\n{}", client.model, wrong.len(), bent.len(), wrong.join("\n"));
}

fn clients() -> Vec<Client> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = support::installed("venv/clients/bin/python");
    let script = top.join("tests/support/replay_outcomes.py");
    support::installed("npm/node_modules/openai");
    // Node.js looks for modules beside the script.
    let module = top.join("target/npm/replay_outcomes.mjs");
    std::fs::copy(top.join("tests/support/replay_outcomes.mjs"), &module).unwrap();
    vec![
        Client {
            model: "openai-python 3.54",
            command: vec![python.display().to_string(), script.display().to_string()],
        },
        Client { model: "openai-node 6.49", command: vec!["node".into(), module.display().to_string()] },
    ]
}

/// Streams of several servers that end properly, each with the text of its truth. A body that ends with the
/// connection can be cut without any client noticing.
fn streams() -> Vec<(&'static str, Exchange, String)> {
    let cases =
        ["delivery/thirty-deltas", "dialect/openai-chat", "dialect/deepseek-chat", "body/gzip", "http1/until-close"];
    let read = |case: &'static str| {
        let dir = support::captures().join(case);
        let exchange = match dir.join("input.wire") {
            path if path.exists() => {
                let transcript = wire::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
                exchanges_of(|sink| transcript.replay(ConnId(0), sink)).remove(0)
            }
            _ => support::read::read(&dir.join("input.pcap")).exchanges.remove(0),
        };
        assert!(exchange.response.as_ref().is_some_and(|r| r.end == MessageEnd::Complete), "{case}");
        let truth: Value = serde_json::from_slice(&std::fs::read(dir.join("expect.json")).unwrap()).unwrap();
        (case, exchange, truth.pointer("/0/response/text").and_then(Value::as_str).expect(case).to_owned())
    };
    cases.into_iter().map(read).collect()
}

/// Every fault that fits this stream, served, and recorded once from there.
fn bend(case: &str, exchange: &Exchange, text: &str) -> Vec<Bent> {
    let decoded = exchange.response.as_ref().unwrap().body.decoded_bytes;
    let bend = |faults: &&[&str]| {
        let parse = |f: &&str| percent(f, decoded).parse().unwrap_or_else(|e| panic!("{f}: {e}"));
        let faults: Vec<fault::Fault> = faults.iter().map(parse).collect();
        let script = fault::apply(Script::new(exchange, false).unwrap(), exchange, &faults).ok()?;
        let stalls = faults.iter().any(|f| matches!(f, fault::Fault::Stall(..)));
        let (speed, lasts) = if stalls { (1.0, Span::from_secs(9)) } else { (f64::INFINITY, Span(0)) };
        let mut book = Book::new(MatchBy::Sequence, Repeat::Last, Vec::new());
        book.add(Asked::default(), script);
        let replay = Replay::start(book, Pace { speed, ..Pace::default() });
        let recorded =
            sniff::internal::replay::serve::probe::ask(replay.address, exchange, lasts).unwrap().expect("an answer");
        Some(Bent { name: format!("{case} {faults:?}"), replay, recorded, text: text.to_owned() })
    };
    FAULTS.iter().filter_map(bend).collect()
}

/// `truncate=60%` in bytes of this body.
fn percent(fault: &str, len: u64) -> String {
    match fault.strip_suffix('%').and_then(|f| f.split_once('=')) {
        Some((name, part)) => format!("{name}={}", len * part.parse::<u64>().unwrap() / 100),
        None => fault.to_owned(),
    }
}

fn outcome(did: &Value, text: &str) -> Outcome {
    match (&did["hangs"], &did["error"]) {
        (Value::Bool(true), _) => Outcome::Hangs,
        (_, Value::String(_)) => Outcome::Raises,
        _ if did["text"] == text && did["finish"].is_string() => Outcome::Fine,
        _ => Outcome::Changed,
    }
}
