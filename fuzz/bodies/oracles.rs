//! Laws of the whole pipeline: any input, and what must be equal.

use super::{conversation, shape::shape};
use sniff::analyzer::{Analyzer, Options, Output};
use sniff::conformance::{self, Limits};
use sniff::conn::{ByteEvent, ConnId, Direction, What};
use sniff::exchange::{Exchange, ExchangeId, Transfer};
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::store::{Reader, Secrets, Selector, Session, Writer};
use sniff::internal::wire::{self, Event, Transcript};
use sniff::metrics;
use sniff::time::Timestamp;

/// Kinds of oddities that name an exchange whose messages are over.
const AFTER_THE_END: &[&str] = &["h1.bytes-after-body"];

/// Kinds of oddities after which the next message is searched for at the beginnings of deliveries.
const FOUND_AGAIN: &[&str] = &["h1.not-http", "h1.head-too-long", "h1.chunk-size", "h2.bad-frame"];

/// However the bytes are cut, the exchanges are the same but for times. The last byte says where they are cut. Where a
/// connection was joined in the middle, or bytes are missing or no HTTP, messages are found again at the beginnings of
/// deliveries.
pub fn cuts(data: &[u8]) {
    let Some((size, data)) = data.split_last() else { return };
    let conversation = conversation::of(data);
    let lost = |event: &Event| matches!(event.what, wire::What::Gap(_) | wire::What::Open { joined: true });
    if conversation.events.iter().any(lost) || !begins_as_http(&conversation) {
        return;
    }
    let whole = conversation::exchanges(&conversation);
    let found_again = |x: &Exchange| x.oddities.iter().any(|(oddity, _)| FOUND_AGAIN.contains(&oddity.kind.0));
    if whole.iter().any(found_again) {
        return;
    }
    let whole = shapes(&whole);
    for size in [usize::from(*size).max(1), 1] {
        let parts = exchanges_of(|sink| {
            conversation.replay(ConnId(0), &mut |event| match event.what {
                What::Data(bytes) => {
                    bytes.chunks(size).for_each(|part| sink(ByteEvent { what: What::Data(part), ..event.clone() }))
                }
                _ => sink(event),
            });
        });
        same(&format!("cut each {size} bytes"), &shapes(&parts), &whole);
    }
}

/// The client's first line is a request line, or the preface, and the server's a status line, or a frame.
fn begins_as_http(conversation: &Transcript) -> bool {
    let said = |dir: Direction| -> Vec<u8> {
        let data = conversation.events.iter().filter(|event| event.dir == dir).filter_map(|event| match &event.what {
            wire::What::Data(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        data.flatten().copied().take(8 << 10).collect()
    };
    let (client, server) = (said(Direction::ToServer), said(Direction::ToClient));
    let line = client.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_end();
    match client.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        true => server.is_empty() || server.get(3) == Some(&4),
        false => {
            let method = line.split(|b| *b == b' ').next().unwrap_or_default();
            let asks = line.ends_with(b" HTTP/1.1") && !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
            asks && (server.is_empty() || server.starts_with(b"HTTP/1.1 "))
        }
    }
}

/// Recorded in parts, read back and judged again: the same exchanges with the same findings. Where an answer began
/// before its request's head was whole, what is stored has the head first, and the dialect may be known by another
/// mark.
pub fn again(data: &[u8]) {
    let conversation = conversation::of(data);
    let whole = conversation::exchanges(&conversation);
    if whole.iter().any(|x| answered_before_it_asked(x) || opens_a_websocket_with_a_body(x)) {
        return;
    }
    let back = recorded(&conversation);
    same("read back", &everything(&back), &everything(&whole));
}

fn answered_before_it_asked(x: &Exchange) -> bool {
    let asked = x.request.as_ref().map(|r| r.head_at);
    asked.zip(x.response.as_ref()).is_some_and(|(asked, r)| asked >= r.first_at)
}

/// The messages take the place of the body, of which a part may be stored.
fn opens_a_websocket_with_a_body(x: &Exchange) -> bool {
    let transfer = x.request.as_ref().map(|r| r.head.transfer);
    x.websocket.is_some() && transfer.is_some_and(|transfer| transfer != Transfer::None)
}

/// Without what was noticed after the end of an exchange: what came with its last byte is known in time, and what came
/// later is not.
fn shapes(exchanges: &[Exchange]) -> String {
    let timely = |x: &Exchange| {
        let mut x = x.clone();
        let all: Vec<_> = x.oddities.iter().map(|(oddity, n)| (oddity.clone(), n)).collect();
        x.oddities = Default::default();
        all.into_iter()
            .filter(|(oddity, _)| !AFTER_THE_END.contains(&oddity.kind.0))
            .for_each(|(oddity, n)| x.oddities.push_many(oddity, n));
        // Whether a record ends before or after the second byte of a line end is known with that byte.
        x.response.iter_mut().flat_map(|r| &mut r.records).for_each(|record| record.end = record.start);
        shape(&x)
    };
    exchanges.iter().map(timely).collect::<Vec<_>>().join("\n")
}

/// Everything about exchanges except their numbers, which the database assigns anew, and what is found in them.
fn everything(exchanges: &[Exchange]) -> String {
    let all = exchanges.iter().map(|x| {
        let findings = conformance::judge(x, &metrics::of(x), &Limits::default());
        format!("{:#?}\n{findings:#?}\n", Exchange { id: ExchangeId(0), ..x.clone() })
    });
    all.collect()
}

fn recorded(conversation: &Transcript) -> Vec<Exchange> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.db");
    let session =
        Session { source: "fuzz".into(), started: Timestamp(0), options: serde_json::json!({}), process: None };
    let mut writer = Writer::start(&path, session, Secrets::Keep).expect("a database");
    let mut analyzer = Analyzer::new(Options { part_bytes: 40, part_items: 2, ..Options::default() });
    let mut keep = |output: Output| writer.send(output).expect("written");
    conversation.replay(ConnId(0), &mut |event| analyzer.event(&event, &mut keep));
    analyzer.finish(&mut keep);
    writer.finish(Timestamp(1), Default::default()).expect("written");
    let reader = Reader::open(&path).expect("a database");
    let mut ids: Vec<i64> = reader.list(&Selector::default()).expect("read").iter().map(|s| s.id).collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| reader.exchange(id).expect("read")).collect()
}

fn same(what: &str, have: &str, wanted: &str) {
    if have != wanted {
        let differ = have.lines().zip(wanted.lines()).enumerate().filter(|(_, (h, w))| h != w);
        let shown: Vec<String> = differ.take(6).map(|(n, (h, w))| format!("line {n}: {h}\n    not: {w}")).collect();
        panic!("{what}: {} lines, not {}\n{}", have.lines().count(), wanted.lines().count(), shown.join("\n"));
    }
}
