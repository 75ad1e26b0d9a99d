//! What was recorded comes back: whole from the store, and over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use sniff::conformance::{self, Limits};
use sniff::conn::ConnId;
use sniff::exchange::{Exchange, ExchangeId};
use sniff::pipeline::{Config, Output, Pipeline, exchanges_of};
use sniff::store::write::Message;
use sniff::store::{Finished, Reader, Selector, Session, Writer};
use sniff::time::Timestamp;
use sniff::{metrics, wire};
use std::path::{Path, PathBuf};

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
