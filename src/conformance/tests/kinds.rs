//! Every kind of oddity that a layer declares is judged by a rule, or is in a list with the reason why not.

use crate::conformance::{Limits, RULES, judge, sample};
use crate::metrics;
use crate::oddity::ASKED;
use std::collections::BTreeSet;
use std::path::Path;

/// The kinds that the sources declare: each is a constant.
fn declared() -> BTreeSet<String> {
    fn walk(dir: &Path, out: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).expect("a folder of sources").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let names = text.split(": Kind = Kind(\"").skip(1).filter_map(|rest| rest.split('"').next());
                out.extend(names.map(str::to_owned));
            }
        }
    }
    let mut out = BTreeSet::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

/// The kinds, and the endings of kinds, that some rule looks for while it judges the samples of all rules.
fn asked() -> BTreeSet<String> {
    let samples = RULES.iter().flat_map(|rule| rule.bad.iter().chain(rule.good));
    let exchanges: Vec<_> = samples.flat_map(|sample| sample::exchanges(sample).expect("a sample")).collect();
    ASKED.take();
    for exchange in &exchanges {
        judge(exchange, &metrics::of(exchange), &Limits::default());
    }
    ASKED.take().into_iter().map(|kind| kind.0.to_owned()).collect()
}

#[test]
fn every_kind_is_judged_or_listed() {
    let (declared, asked) = (declared(), asked());
    assert!(declared.len() > 300, "the scanner finds the kinds");
    let endings: Vec<_> = asked.iter().filter(|kind| kind.starts_with('.')).collect();
    let judged = |kind: &&String| asked.contains(*kind) || endings.iter().any(|e| kind.ends_with(*e));
    let unjudged: BTreeSet<&str> = declared.iter().filter(|kind| !judged(kind)).map(String::as_str).collect();
    let listed: BTreeSet<&str> = UNJUDGED.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(unjudged, listed, "a kind needs a rule, or a reason in UNJUDGED why it has none");
    assert!(listed.len() <= 20, "too many kinds without a rule");
    assert!(UNJUDGED.iter().all(|(_, why)| why.len() > 20));
}

/// Kinds that no rule looks for, and why.
const UNJUDGED: &[(&str, &str)] = &[
    ("body.dropped", "a count that goes with body.broken, body.bomb, body.trailing or body.gap, which are judged"),
    ("body.gap", "the capture lacks bytes: DLV-015 says so of the exchange"),
    ("chat.list-limited", "a bound of this reader; the answer is not at fault"),
    ("coded-lines.pending-at-end", "the body was cut: DLV-010 and the rules about its end say so"),
    ("framing.lost-sync", "the capture lacks bytes: DLV-015 says so of the exchange"),
    ("framing.record-too-long", "a bound of this reader (64 MiB); SSE-022 judges long lines"),
    ("grpc.compressed", "lawful; the record holds the compressed bytes"),
    ("h1.head-cut", "the verdict and its reasons say who cut the connection in a head"),
    ("h1.head-gap", "the capture lacks bytes: DLV-015 says so of the exchange"),
    ("h1.unanswered", "a bound of this reader; requests without an answer have a verdict of their own"),
    ("h2.unknown-table-entry", "the capture joined late; what could not be read is neither absent nor wrong"),
    ("multipart.pending-at-end", "the body was cut: DLV-010 and the rules about its end say so"),
    ("ndjson.pending-at-end", "the body was cut: DLV-010 and the rules about its end say so"),
    ("pipeline.more-interim", "a bound of this reader (256); the answer is not at fault"),
    ("pipeline.request-body-not-read", "a bound of this reader; rules about the request are silent then"),
    ("pipeline.too-many-open", "a bound of this reader; the exchange says that the rest of it was given up"),
    ("tcp.data-after-reset", "packets that overtook each other look alike; TCP-002 judges a reset that was ignored"),
    ("tcp.delayed-ack", "one may be chance; DLV-014 judges the pattern over the whole stream"),
    ("tcp.late", "bytes that the capture had given up; DLV-015 says that bytes are missing"),
    ("tcp.out-of-window", "no receiver takes such a segment: it changes nothing that a client reads"),
];
