//! A lawful stream that is cut is not complete, wherever it is cut and however its body ends: by the dialect's own
//! words, not by the transport's alone.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use sniff::conn::ConnId;
use sniff::internal::pipeline::exchanges_of;
use sniff::internal::verdict::{self, Verdict};
use sniff::internal::wire;
use std::collections::{BTreeMap, BTreeSet};

/// Dialects whose answers are whole when their body is.
const WITHOUT_AN_END: &[&str] = &["none", "litserve.plain", "koboldcpp.generate", "mcp", "grpc"];
/// In its chunks are events of a model whose own dialect is not known, and so is how they end.
const UNKNOWN_INSIDE: &[&str] = &["bedrock-invoke-llama"];

/// The lines of a case with one exchange in chunks: those before the first chunk, and each chunk with the
/// line that moves the time before it.
fn chunks(text: &str) -> Option<(String, Vec<String>)> {
    let (mut head, mut chunks, mut time) = (String::new(), Vec::new(), String::new());
    for line in text.lines() {
        match () {
            () if line.starts_with("<chunk ") => chunks.push(format!("{time}{line}\n")),
            () if line.starts_with('@') && !chunks.is_empty() => time = format!("{line}\n"),
            () if line.starts_with("<last") => return Some((head, chunks)),
            () if chunks.is_empty() => head += &format!("{line}\n"),
            () if line.is_empty() || line.starts_with('#') => {}
            () => return None,
        }
    }
    None
}

/// What is said of the one exchange of a transcript: the verdict, whether a part of an answer came, and its end.
fn judged(text: &str) -> Option<(&'static str, Verdict, bool, bool)> {
    let transcript = wire::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut exchanges = exchanges_of(|sink| transcript.replay(ConnId(0), sink));
    let exchange = exchanges.pop().filter(|_| exchanges.is_empty())?;
    let response = exchange.response.as_ref()?;
    let a = &response.answer;
    let came = a.content_deltas + a.reasoning_deltas + a.tool_deltas > 0;
    Some((response.dialect?, verdict::of(&exchange).verdict, came, a.terminator.own || a.finishes > 0))
}

#[test]
fn cut_at_three_places_no_answer_is_complete() {
    let (mut wrong, mut tried) = (Vec::new(), BTreeMap::new());
    for case in support::cases().into_iter().filter(|case| case.starts_with(support::captures().join("dialect"))) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read_to_string(case.join("input.wire")) else { continue };
        if UNKNOWN_INSIDE.contains(&name.as_str()) {
            continue;
        }
        let Some((head, chunks)) = chunks(&text).filter(|(_, chunks)| chunks.len() >= 3) else { continue };
        let Some((dialect, Verdict::Complete, true, true)) = judged(&text) else { continue };
        for keep in BTreeSet::from([1, chunks.len() / 2, chunks.len() - 2]) {
            let kept = chunks[..keep].concat();
            for (how, end) in [("ends in good order", "\n<last\n"), ("breaks off", "\n!rst <\n")] {
                let Some((_, verdict, came, ended)) = judged(&format!("{head}{kept}{end}")) else { continue };
                // The end may stand before the last two records.
                if ended || WITHOUT_AN_END.contains(&dialect) {
                    continue;
                }
                *tried.entry(dialect).or_insert(0) += 1;
                let right = match verdict {
                    Verdict::ServerTruncated => true,
                    // Nothing of an answer came yet: that it is one is not known.
                    Verdict::Complete => !came && how == "ends in good order",
                    _ => false,
                };
                if !right {
                    wrong.push(format!("{name}, {keep} of {} chunks, {how}: {verdict:?}", chunks.len()));
                }
            }
        }
    }
    assert!(tried.len() >= 22, "only {tried:?}");
    assert!(wrong.is_empty(), "{} wrong, of {tried:?}:\n{}", wrong.len(), wrong.join("\n"));
}
