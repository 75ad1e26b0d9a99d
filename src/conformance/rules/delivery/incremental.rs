//! The rule about a promise of delivery: `Incremental: ?1` (RFC 10036), and what came of it.

use super::{buffered, pace};
use crate::conformance::hop::Side;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::delivery::{self, Cause};
use crate::http::incremental::Declared;
use crate::time::Span;

/// What is declared incremental comes as it is made.
pub static DLV_017: Rule = Rule {
    code: "DLV-017",
    name: "incremental-held-back",
    level: Level::Error,
    summary: "A response that says `Incremental: ?1` is not held back",
    why: "The field asks each hop, and the HTTP library of the sender, to pass content on at once or in small amounts. \
        When the deltas of such a response come in blocks or in one burst after a silence, somebody did what it was \
        asked not to do, and passed the field on. Where both sides of the hop were captured, the finding names it; \
        else it is the sender itself or any hop before this place. A hop that cannot forward incrementally should \
        refuse (501, Proxy-Status with error=incremental_refused).",
    source: "RFC 10036 (Incremental Forwarding of HTTP Messages)",
    breaks: &["interactive use", "latency figures"],
    fix: "Switch buffering off on the hop that is named, or have it refuse; flush after each event in the sender.",
    bad: &[
        r#"incremental; wait 3s; <chunk : all at once\n\n
           word-now*30; stop; done; last"#,
        "incremental; role; wait 500ms; word-now*20; wait 500ms; word-now*20; wait 500ms; word-now*20; wait 500ms
         word-now*20; stop; done; last",
        "incremental; wait 1s; role; word-now*10; stop; done; last
         !next
         wait 1ms; incremental; role; word*10; stop; done; last",
    ],
    good: &[
        "good-chat",
        "incremental; role; word*30; stop; done; last",
        // All at once, but no client waited: a cached answer.
        "incremental; role; word-now*30; stop; done; last",
        // It did not declare it: that is DLV-001's.
        "chat; wait 3s; role; word-now*30; stop; done; last",
    ],
    also: &[("DLV-001", Level::Warning), ("DLV-003", Level::Info)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some((response, head)) = case.llm_stream().and(case.stream_head()) else { return };
        if Declared::of(&head.fields) != Declared::Yes || is_of_transport(case) {
            return;
        }
        let hop = hop(case);
        let shape = buffered(case).or_else(|| pace::blocks(case));
        let message = match (shape, hop) {
            (Some(shape), Some(hop)) => format!("{DECLARED}, and {shape}; {hop}"),
            (Some(shape), None) => format!("{DECLARED}, and {shape}"),
            (None, Some(hop)) => format!("{DECLARED}, and {hop}"),
            (None, None) => return,
        };
        let first = response.deltas.first();
        push(Finding { record: first.map(|d| d.record), at: first.map(|d| d.at), ..Finding::new(message) });
    },
    ..Rule::DEFAULT
};

const DECLARED: &str = "Incremental: ?1 is declared";

/// The hop that held the answer back, and for how long, if both of its sides were captured.
fn hop(case: &Case<'_>) -> Option<String> {
    let upstream = case.upstream?;
    let downstream = Side::new(case.exchange, case.metrics).filter(|downstream| downstream.holds_back(upstream))?;
    Some(format!(
        "the hop {} held the first token back for {}: upstream of it ({} → {}) it came after {}",
        downstream.ends.server,
        Span(downstream.ttft.0 - upstream.ttft.0),
        upstream.ends.client,
        upstream.ends.server,
        upstream.ttft
    ))
}

/// TCP or flow control made the sender wait: no hop held anything back.
fn is_of_transport(case: &Case<'_>) -> bool {
    let transport = |cause| matches!(cause, Cause::Transport(_));
    let x = case.exchange;
    let first = x.response.as_ref().and_then(|r| r.deltas.first());
    let began = x.request.as_ref().map(|r| r.last_at);
    let before_first = first.zip(began).is_some_and(|(first, began)| transport(delivery::cause(x, began, first.at)));
    before_first || delivery::longest_pause(x).is_some_and(|pause| transport(pause.cause))
}
