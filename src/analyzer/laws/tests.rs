//! Each law sees the fault that it is there for: true statements, and one of them made false.

use super::{Heard, Statements, all};
use crate::analyzer::Analyzed;
use crate::conformance::{Finding, Level, Limits, sample};
use crate::exchange::ending::Party;
use crate::exchange::{Exchange, MessageEnd};
use crate::http::event::{EndSignal, Fields};
use crate::time::{Span, Timestamp};
use crate::verdict::{Closed, Kind, Limit, Race, Unseen, Verdict};
use std::collections::BTreeSet;

const HEARD: Heard = Heard { all_findings: true, orderly: true };

/// The first exchange of a sample, judged.
fn judged(script: &str) -> Analyzed {
    let exchange = sample::exchanges(script).unwrap().remove(0);
    Analyzed::new(exchange, &Limits::default())
}

/// The laws that are broken once this is done to what was read, and the statements were made again.
fn after(script: &str, fault: impl FnOnce(&mut Exchange)) -> Vec<String> {
    let mut analyzed = judged(script);
    fault(&mut analyzed.exchange);
    super::broken(&analyzed, HEARD)
}

/// The laws that are broken once this is done to the statements.
fn said(script: &str, fault: impl FnOnce(&mut Statements<'_>)) -> Vec<String> {
    let analyzed = judged(script);
    let mut statements = Statements::of(&analyzed, HEARD);
    fault(&mut statements);
    statements.broken()
}

/// The laws that are broken once there is this finding.
fn found(script: &str, finding: Finding) -> Vec<String> {
    let mut analyzed = judged(script);
    analyzed.findings.push(finding);
    super::broken(&analyzed, HEARD)
}

fn finding(rule: &'static str, message: &str) -> Finding {
    Finding { rule, level: Some(Level::Error), ..Finding::new(message) }
}

const CHAT: &str = "chat; role; word; stop; done; last";
const CUT: &str = "chat; role; word; !fin <";
const LEFT: &str = "chat; role; word; wait 2s; !fin >; wait 2s; !fin <";
const SILENT: &str = "chat; role; word; wait 60s; !fin <";
const UNANSWERED: &str = "ask; wait 1s; !fin <; !fin >";

fn delta_times(x: &mut Exchange, change: impl Fn(usize, Timestamp) -> Timestamp) {
    let deltas = &mut x.response.as_mut().unwrap().deltas;
    deltas.iter_mut().enumerate().for_each(|(n, d)| d.at = change(n, d.at));
}

/// A fault for every law, with a part of the law's name.
fn faults() -> Vec<(&'static str, Vec<String>)> {
    let words = "chat; role; word; word; word; stop; done; last";
    vec![
        // The end of the body was the end of any answer.
        ("complete: something", said("ask; events; last", |s| s.judged.verdict = Verdict::Complete)),
        // The finding was made from other facts than the verdict.
        ("complete: no finding", found(CHAT, finding("DLV-010", "truncated after 3 records"))),
        (
            "complete: no finding",
            found(
                "get /v1/models; < HTTP/1.1 200 OK\n<json {}",
                finding("OAI-RESP-001", "the stream ends without response.completed"),
            ),
        ),
        ("not complete", said("chat; role; word; last", |s| s.findings = Some(&[]))),
        ("not complete", said(CUT, |s| s.judged.why.clear())),
        ("not complete", said(SILENT, |s| (s.judged.limit, s.judged.why) = (None, Vec::new()))),
        // The reason of one choice counted for all.
        (
            "each choice",
            said("chat; role; word; stop; last", |s| {
                let mut other = s.exchange.clone();
                other.response.as_mut().unwrap().answer.texts.insert(1, "x".into());
                s.exchange = Box::leak(Box::new(other));
            }),
        ),
        ("an error in a success", said(CHAT, |s| s.judged.verdict = Verdict::ErrorInside200)),
        // The end of a body that lasts until the close was always the server's.
        ("who closed", after(LEFT, |x| x.ending.by = Party::Server)),
        ("cut by the client", said(LEFT, |s| s.facts.unseen = Some(Unseen::Gap))),
        ("cut by the client", said(CUT, |s| s.judged.verdict = Verdict::ClientCancelled)),
        ("not captured", said(UNANSWERED, |s| s.facts.unseen = Some(Unseen::OneSided))),
        // nginx was blamed for a client that closed after 60 s.
        ("a default time-out", said(SILENT, |s| s.facts.by = Party::Client)),
        (
            "a time-out in all",
            said(SILENT, |s| s.judged.limit = s.judged.limit.map(|l| Limit { kind: Kind::Total, ..l })),
        ),
        ("a request that came too late", said(UNANSWERED, |s| s.facts.race = Some(Race::Closed(Span::from_secs(1))))),
        (
            "a Close frame",
            said("get /v1/models; < HTTP/1.1 200 OK\n<json {}", |s| {
                s.facts.closed = Some(Closed { by: Party::Server, well: false });
            }),
        ),
        ("a message is whole", after(CHAT, |x| x.ending.told = Some(EndSignal::Fin))),
        ("a message is whole", after(CUT, |x| x.response.as_mut().unwrap().end = MessageEnd::Complete)),
        // TTFT of a stream that held an error only.
        (
            "nothing generated",
            said(CHAT, |s| {
                let mut other = s.exchange.clone();
                other.response.as_mut().unwrap().deltas.clear();
                s.exchange = Box::leak(Box::new(other));
            }),
        ),
        ("nothing generated", after(CHAT, |x| x.response.as_mut().unwrap().answer.texts.clear())),
        ("counts", after(CHAT, |x| x.response.as_mut().unwrap().answer.content_deltas += 1)),
        ("counts", after(CHAT, |x| x.response.as_mut().unwrap().first_record_at = None)),
        ("records and deltas", after(words, |x| delta_times(x, |n, at| at.plus(Span(-(n as i64) << 30))))),
        ("records and deltas", after(words, |x| x.response.as_mut().unwrap().deltas[1].record = 0)),
        (
            "no time is before",
            said(CHAT, |s| {
                let mut other = s.metrics.clone();
                other.response_end = Some(Timestamp(1));
                s.metrics = Box::leak(Box::new(other));
            }),
        ),
        (
            "no duration",
            said(CHAT, |s| {
                let mut other = s.metrics.clone();
                other.tpot = Some(Span(-1));
                s.metrics = Box::leak(Box::new(other));
            }),
        ),
        ("each finding", found(CHAT, finding("DLV-999", "x"))),
        ("each finding", found(CHAT, Finding { record: Some(99), ..finding("SSE-001", "x") })),
        (
            "collected before",
            said(CHAT, |s| {
                s.delivery = vec!["9 deltas, one by one".into(), format!("so {}", super::delivery::COLLECTED)]
            }),
        ),
        (
            "a field that could not be read",
            said("chat; role; word; last", |s| {
                let mut other = s.exchange.clone();
                let head = other.response.as_mut().unwrap().head.as_mut().unwrap();
                head.fields = Fields::new(b"?: ?".to_vec(), vec![(0..1, 3..4)]);
                s.exchange = Box::leak(Box::new(other));
                s.findings = Some(Box::leak(Box::new([finding("HTTP-003", "no Content-Type")])));
            }),
        ),
        (
            "a gap",
            after(CHAT, |x| {
                let body = &mut x.response.as_mut().unwrap().body;
                body.pieces.iter_mut().for_each(|p| p.gap = true);
                body.wire_sha256 = Some([0; 32]);
            }),
        ),
    ]
}

#[test]
fn each_law_sees_its_fault() {
    let faults = faults();
    let blind: Vec<_> = faults.iter().filter(|(law, broken)| !broken.iter().any(|b| b.starts_with(law))).collect();
    assert!(blind.is_empty(), "{blind:#?}");
    let seen: BTreeSet<&str> = faults.iter().map(|(law, _)| *law).collect();
    let without: Vec<_> = all().map(|law| law.name).filter(|name| !seen.iter().any(|s| name.starts_with(s))).collect();
    assert!(without.is_empty(), "laws without a fault: {without:?}");
}

#[test]
fn true_statements_break_no_law() {
    for script in [CHAT, CUT, LEFT, SILENT, UNANSWERED, "chat; role; word; last", "ask; events; last"] {
        assert_eq!(super::broken(&judged(script), HEARD), [""; 0], "{script}");
    }
}
