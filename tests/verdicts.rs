//! Compares verdicts and findings with the real captures, whose truth another program made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod support;

use serde_json::Value;
use sniff::conformance::{self, Level, Limits};
use sniff::exchange::Exchange;
use sniff::internal::http::event::EndSignal;
use sniff::internal::verdict::{self, Verdict};
use sniff::metrics;
use std::path::Path;

/// Every capture with exchanges that the truth describes completely: name, what was read, the truth's exchanges.
fn corpus() -> Vec<(String, Vec<Exchange>, Vec<Value>)> {
    let dir = support::real();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".truth.json")) else {
            continue;
        };
        let truth: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if truth["broken"] == true || truth["lossy"] == true {
            continue;
        }
        let capture =
            ["pcap", "pcapng"].map(|e| path.with_file_name(format!("{name}.{e}"))).into_iter().find(|p| p.exists());
        let seen = support::read::read(&capture.expect("a capture"));
        let told = truth["exchanges"].as_array().cloned().unwrap_or_default();
        if seen.exchanges.len() == told.len() {
            all.push((name.to_owned(), seen.exchanges, told));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(all.len() > 150, "only {} captures", all.len());
    all
}

/// The verdict that results from the truth's facts. A stream that must have a terminator, carried text and has
/// neither terminator nor finish reason was cut, however its transport ended.
fn expected(truth: &Value) -> Verdict {
    let r = &truth["response"];
    let ended = r["terminator"]["seen"] == true;
    let finished = !r["finish_reason"].is_null();
    let success = r["status"].as_u64().is_some_and(|s| (200..300).contains(&s));
    let begun = r["content_deltas"].as_u64() > Some(0);
    match r["cut_by"].as_str() {
        _ if success && !r["error_in_stream"].is_null() => Verdict::ErrorInside200,
        _ if ended || (finished && r["complete"] == true) => Verdict::Complete,
        Some("client") => Verdict::ClientCancelled,
        Some("server") => Verdict::ServerTruncated,
        Some("capture") => Verdict::CaptureIncomplete,
        _ if begun && !r["terminator"]["expected"].is_null() => Verdict::ServerTruncated,
        _ => Verdict::Complete,
    }
}

#[test]
fn verdicts_agree_with_the_truth() {
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for (name, exchanges, told) in corpus() {
        for (x, truth) in exchanges.iter().zip(&told) {
            let have = verdict::of(x);
            judged += 1;
            if have.verdict != expected(truth) {
                wrong.push(format!("{name} #{}: want {:?}, have {have:?}", truth["n"], expected(truth)));
            }
        }
    }
    assert_eq!(judged, 300, "verdicts");
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A server without a fault in the truth has no finding against it.
#[test]
fn no_error_on_an_exchange_without_facts() {
    let (mut wrong, mut clean) = (Vec::new(), 0);
    for (name, exchanges, told) in corpus() {
        for (x, truth) in exchanges.iter().zip(&told) {
            if truth["response"]["facts"].as_array().is_none_or(|facts| !facts.is_empty()) {
                continue;
            }
            clean += 1;
            let found = conformance::judge(x, &metrics::of(x), &Limits::default());
            let errors = found.iter().filter(|f| f.level == Some(Level::Error));
            wrong.extend(errors.map(|f| format!("{name} #{}: {} {}", truth["n"], f.rule, f.message)));
        }
    }
    assert_eq!(clean, 237, "exchanges without facts");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The transport's end in the truth: RST_STREAM with its code and sender, close_notify.
#[test]
fn endings_agree_with_the_truth() {
    let mut compared = 0;
    for (name, exchanges, told) in corpus() {
        for (x, truth) in exchanges.iter().zip(&told) {
            let reset = &truth["response"]["h2_rst"];
            if let (Some(code), Some(EndSignal::RstStream(have))) = (reset["code"].as_u64(), x.ending.told) {
                assert_eq!(
                    (u64::from(have), x.ending.by.as_str().starts_with(reset["by"].as_str().unwrap())),
                    (code, true),
                    "{name}"
                );
                compared += 1;
            }
            let whole = truth["response"]["complete"] == true && !matches!(x.ending.told, Some(EndSignal::NotCaptured));
            let cuts = matches!(
                x.ending.told,
                Some(
                    EndSignal::Fin
                        | EndSignal::Reset
                        | EndSignal::CloseNotify
                        | EndSignal::RstStream(_)
                        | EndSignal::GoAway { .. }
                )
            );
            assert!(!(whole && cuts), "{name}: {:?}", x.ending);
        }
    }
    assert!(compared > 0);
}

/// Every finding of the project's own cases can be shown: a place in the body has its bytes.
#[test]
fn findings_show_their_bytes() {
    let mut without = Vec::new();
    let mut shown = 0;
    for case in support::cases() {
        let Some(x) = first(&case) else { continue };
        for f in conformance::judge(&x, &metrics::of(&x), &Limits::default()) {
            match (&f.excerpt, f.offset) {
                (Some(_), _) => shown += 1,
                (None, Some(_)) => without.push(format!("{}: {} {}", case.display(), f.rule, f.message)),
                (None, None) => {}
            }
        }
    }
    assert!(shown > 30, "{shown}");
    // Offsets of the transfer coding and of TCP count other bytes than those of the body.
    assert!(without.len() * 5 < shown, "{shown} shown, not:\n{}", without.join("\n"));
}

fn first(case: &Path) -> Option<Exchange> {
    let text = std::fs::read_to_string(case.join("input.wire")).ok()?;
    let transcript = sniff::internal::wire::parse(&text).ok()?;
    sniff::internal::pipeline::exchanges_of(|sink| transcript.replay(sniff::conn::ConnId(0), sink)).into_iter().next()
}
