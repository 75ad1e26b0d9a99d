//! Compares the facts of the real captures with the findings: each fact has the rules that must report it, and
//! without a fact there is no error.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conformance::{self, Finding, Level, Limits, RULES};
use sniff::metrics;
use std::path::{Path, PathBuf};

/// A fact of a truth file, the dialects for which the line holds (empty: all), and the rules of which at least one
/// must report it. No rules: the fact alone is not a fault, for the reason in the comment.
const FACTS: &[(&str, &[&str], &[&str])] = &[
    ("content-type-mismatch", &[], &["HTTP-001", "HTTP-002"]),
    ("content-type-missing", &[], &["HTTP-003"]),
    // A charset parameter has no effect on event streams.
    ("sse-charset-absent", &[], &[]),
    // An error that is reported correctly is not a fault of the stream; its form is judged (OAI-CHAT-026, ANT-007).
    ("error-in-stream", &[], &[]),
    // The same holds for a status; a body of it that is not JSON would be HTTP-020.
    ("http-error", &[], &[]),
    // A [DONE] that is pending at the end is lost, and that is the finding.
    (
        "terminator-missing",
        &["openai.chat"],
        &["OAI-CHAT-001", "SSE-001", "HTTP-006", "HTTP-007", "HTTP-015", "DLV-010"],
    ),
    // No terminator follows an error: anthropic-overloaded-midstream.
    (
        "terminator-missing",
        &["anthropic.messages", "openai.responses"],
        &["ANT-001", "OAI-RESP-001", "HTTP-006", "HTTP-015", "DLV-010", ERROR],
    ),
    ("terminator-missing", &["ollama.chat", "ollama.generate"], &["OLLAMA-001", "HTTP-006", "HTTP-015", "DLV-010"]),
    ("terminator-missing", &["bedrock"], &["AWS-001", "AWS-003", "HTTP-006", "HTTP-015", "DLV-010"]),
    ("terminator-missing", &[], &["HTTP-006", "HTTP-007", "HTTP-015", "DLV-010"]),
    ("foreign-terminator", &["openai.responses"], &["OAI-RESP-007"]),
    ("foreign-terminator", &["anthropic.messages"], &["ANT-009"]),
    ("records-after-terminator", &["openai.chat"], &["OAI-CHAT-004"]),
    ("records-after-terminator", &["openai.responses"], &["OAI-RESP-007"]),
    // A client that closes or cancels has read enough: at most level info, and no finding if it read the whole
    // answer.
    ("truncated-by-client", &[], &["HTTP-006", "DLV-010", "AWS-001"]),
    ("truncated-by-server", &[], &["HTTP-006", "HTTP-007", "HTTP-015", "DLV-010"]),
    ("truncated-by-capture", &[], &["DLV-015"]),
    ("sse-data-without-space", &[], &["SSE-002"]),
    // If the transport was cut, pending data is a consequence of the cut.
    ("sse-undispatched-tail", &[], &["SSE-001", "HTTP-006"]),
    ("sse-comments", &[], &["SSE-021"]),
    ("sse-bom", &[], &["SSE-015"]),
    ("openai-id-changes", &[], &["OAI-CHAT-019"]),
    ("openai-role-repeated", &[], &["OAI-CHAT-016"]),
    ("openai-no-finish_reason-key", &[], &["OAI-CHAT-006"]),
    // Usage in a choice is an extra field too.
    ("openai-extra-fields", &[], &["OAI-CHAT-024", "OAI-CHAT-030"]),
    ("openai-missing-fields", &[], &["OAI-CHAT-018", "OAI-CHAT-021", "OAI-CHAT-022", "OAI-CHAT-023", "OAI-CHAT-011"]),
    ("openai-object-wrong", &[], &["OAI-CHAT-022"]),
    ("incremental-held-back", &[], &["DLV-017"]),
];

/// Means "the stream contains an error, which explains the rest".
const ERROR: &str = "error-in-stream";

/// Facts that are not faults.
const HARMLESS: &[&str] = &["sse-charset-absent"];

/// The captures whose truth lists exchanges one by one.
fn truths(corpus: &Path) -> Vec<(PathBuf, Vec<Value>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(corpus).expect("captures/real") {
        let path = entry.expect("entry").path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".truth.json")) else {
            continue;
        };
        let truth: Value = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
        let exchanges = truth["exchanges"].as_array().cloned().unwrap_or_default();
        let capture = ["pcap", "pcapng"].iter().map(|e| corpus.join(format!("{name}.{e}"))).find(|p| p.exists());
        if let Some(capture) = capture.filter(|_| !exchanges.is_empty()) {
            out.push((capture, exchanges));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn judge(exchange: &sniff::exchange::Exchange) -> Vec<Finding> {
    conformance::judge(exchange, &metrics::of(exchange), &Limits::default())
}

/// The line of the table for a fact about a dialect; the first that fits.
fn wanted(fact: &str, dialect: &str) -> Option<&'static [&'static str]> {
    FACTS
        .iter()
        .find(|(f, dialects, _)| *f == fact && (dialects.is_empty() || dialects.contains(&dialect)))
        .map(|(_, _, rules)| *rules)
}

/// Whether the rule is in the catalogue.
fn landed(code: &str) -> bool {
    RULES.iter().any(|r| r.code == code)
}

#[test]
fn every_fact_is_said_and_nothing_else_is_an_error() {
    let corpus = support::real();
    let (mut wrong, mut waiting, mut exchanges, mut facts_seen) = (Vec::new(), Vec::new(), 0, 0);
    for (capture, truth) in truths(&corpus) {
        let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
        let seen = support::read::read(&capture).exchanges;
        if seen.len() != truth.len() {
            wrong.push(format!("{name}: {} exchanges, the truth has {}", seen.len(), truth.len()));
            continue;
        }
        for (n, (exchange, truth)) in seen.iter().zip(&truth).enumerate() {
            exchanges += 1;
            let found = judge(exchange);
            let said: String =
                found.iter().map(|f| format!("\n      {} {:?} {}", f.rule, f.level.unwrap(), f.message)).collect();
            let facts: Vec<&str> =
                truth["response"]["facts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let dialect = truth["response"]["dialect"].as_str().unwrap_or_default();
            for fact in &facts {
                facts_seen += 1;
                let Some(rules) = wanted(fact, dialect) else {
                    wrong.push(format!("{name}#{n}: the table has no line for {fact} of {dialect}"));
                    continue;
                };
                let explained = rules.contains(&ERROR) && facts.contains(&ERROR);
                if rules.is_empty() || explained || found.iter().any(|f| rules.contains(&f.rule)) {
                    continue;
                }
                if rules.iter().all(|r| !landed(r)) {
                    waiting.push(format!("{name}#{n}: {fact} waits for {}", rules.join(", ")));
                } else {
                    wrong.push(format!("{name}#{n}: {fact} ({dialect}) needs one of {rules:?}, found{said}"));
                }
            }
            let innocent = facts.iter().all(|f| HARMLESS.contains(f));
            if innocent && found.iter().any(|f| f.level == Some(Level::Error)) {
                wrong.push(format!("{name}#{n}: an error without a fact:{said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(waiting.is_empty(), "{waiting:#?}");
    assert_eq!((exchanges, facts_seen), (300, 119), "exchanges, facts");
}

/// The two streams for which this program was first made.
#[test]
fn the_seeds() {
    let corpus = support::real();
    let codes = |name: &str, least: Level| -> Vec<&'static str> {
        let seen = support::read::read(&corpus.join(name)).exchanges;
        let mut codes: Vec<_> =
            seen.iter().flat_map(judge).filter(|f| f.level >= Some(least)).map(|f| f.rule).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let iflow: Vec<_> =
        codes("seed-iflow-nodone-curl.pcap", Level::Info).into_iter().filter(|c| !c.starts_with("DLV")).collect();
    println!("iflow: {iflow:?}; aliyun: {:?}", codes("seed-aliyun-ok-curl.pcap", Level::Info));
    for code in [
        "SSE-002",
        "OAI-CHAT-001",
        "OAI-CHAT-006",
        "OAI-CHAT-020",
        "OAI-CHAT-024",
        "OAI-CHAT-029",
        "OAI-CHAT-031",
        "OAI-CHAT-035",
        "OAI-CHAT-036",
    ] {
        assert!(iflow.contains(&code), "{code} of {iflow:?}");
    }
    let warned = codes("seed-iflow-nodone-curl.pcap", Level::Warning);
    assert_eq!(warned, ["OAI-CHAT-001", "OAI-CHAT-006", "OAI-CHAT-020", "OAI-CHAT-031", "SSE-002"]);
    assert_eq!(codes("seed-aliyun-ok-curl.pcap", Level::Warning), [""; 0]);
}
