//! Rules about delivery: when the bytes came, whether all came, and whether the capture has them.

pub mod incremental;
pub mod pace;
pub mod silence;

use crate::conformance::case::many;
use crate::conformance::hop::Side;
use crate::conformance::{Case, Finding, Level, Limits, Rule};
use crate::delivery;
use crate::exchange::Response;
use crate::exchange::ending::Party;
use crate::http::event::MessageEnd;
use crate::tcp;
use crate::time::Span;
use crate::tls;
use crate::verdict::{Promise, Verdict};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &DLV_001,
    &pace::DLV_002,
    &pace::DLV_003,
    &pace::DLV_004,
    &DLV_005,
    &silence::DLV_006,
    &silence::DLV_007,
    &silence::DLV_008,
    &silence::DLV_009,
    &DLV_010,
    &DLV_011,
    &silence::DLV_012,
    &pace::DLV_013,
    &pace::DLV_014,
    &DLV_015,
    &silence::DLV_016,
    &incremental::DLV_017,
];

/// The stream is delivered as it is generated.
pub static DLV_001: Rule = Rule {
    code: "DLV-001",
    name: "buffered-delivery",
    level: Level::Warning,
    summary: "The deltas of an answer don't all arrive in a few bursts",
    why: "A stream that was generated token by token and arrives at once was held back on its way: by a proxy that \
        buffers, a compressor that does not flush, a framework that collects the body. The user waits for the whole \
        answer, and time to first token equals total time. The sign is that deltas come faster than any model makes \
        them, after a silence in which they were made. A fast model alone shows no such silence.",
    source: "nginx proxy_buffering; measurements of gateways with and without buffering (dstack issue 4269)",
    breaks: &["interactive use", "latency figures"],
    fix: "Switch buffering off on every hop (`X-Accel-Buffering: no`, `proxy_buffering off`), and flush the \
        compressor after each event.",
    bad: &[r#"chat; wait 3s; <chunk : all at once\n\n
           word-now*30; stop; done; last"#],
    good: &[
        "chat; role; word*30; stop; done; last",
        "good-chat",
        // All at once, but no client waited: a cached answer.
        "chat; role; word-now*30; stop; done; last",
        // A small model that is as fast as this, after a long prompt.
        "chat; wait 3s; role; word-fast*30; stop; done; last",
    ],
    // A cached answer comes in one delivery.
    also: &[("DLV-003", Level::Info)],
    silenced_by: &["CAP-001", "HTTP-010", "HTTP-014"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some(message) = buffered(case) {
            let first = case.stream().and_then(|r| r.deltas.first());
            push(Finding { record: first.map(|d| d.record), at: first.map(|d| d.at), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// No long pause between deltas.
pub static DLV_005: Rule = Rule {
    code: "DLV-005",
    name: "stalled-delivery",
    level: Level::Warning,
    summary: "No pause between deltas is 10 s or longer and also over 20 times the median ITL (both limits can be \
        set)",
    why: "A long silence in the middle of an answer looks like a hang to the user, and runs into idle limits on the \
        way (nginx and AWS ALB: 60 s). Causes are a preempted request, a worker that swaps, a lost packet, a proxy.",
    source: "Idle limits of nginx proxy_read_timeout and AWS ALB; vLLM issue 47647",
    breaks: &["proxies with an idle limit", "clients with a read timeout"],
    fix: "Look at the server at the time given; send comments as keep-alive while nothing is generated.",
    bad: &["chat; role; word*10; wait 15s; word*10; stop; done; last"],
    good: &[
        // A slow start is not a stall, and neither is an answer that is slow throughout.
        "chat; wait 30s; role; word*10; stop; done; last",
        "chat; role; wait 11s; word; wait 11s; word; wait 11s; word; stop; done; last",
    ],
    // Slow on purpose.
    also: &[("DLV-007", Level::Warning)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some(response) = case.stream() {
            stalls(response, case.limits, push);
        }
    },
    ..Rule::DEFAULT
};

/// The answer came to its end.
pub static DLV_010: Rule = Rule {
    code: "DLV-010",
    name: "truncated-answer",
    level: Level::Warning,
    summary: "The answer begins and comes to its end: terminator, finish reason, and a transport that was not cut (an \
        error if a JSON document was declared and none came)",
    why: "A truncated answer that looks like success is the worst of failures: it is shown, stored and acted on. \
        This finding says what was promised and did not come (an event, a document, the terminator, a finish reason), \
        and who ended the connection. If the client left by itself, the finding is info. If it closed after the end of \
        the answer, there is no finding.",
    source: "RFC 9112 section 8 (incomplete messages); the terminators of each dialect",
    breaks: &["clients that take the answer for complete"],
    fix: "Find what cut it: a server's crash or worker timeout, a proxy's read timeout, a token limit without a \
        finish reason.",
    bad: &[
        "chat; role; word; !rst <",
        "chat; role; word; !fin <",
        "chat; role; word; last",
        // An answer that never began, and a document that never came.
        r#"chat; <chunk : keep-alive\n\n
           wait 10s; <chunk : keep-alive\n\n
           last"#,
        r#"ask; ok; < Content-Type: application/json
           no-cache; chunked; <chunk \n
           wait 10s; <chunk \n
           last"#,
    ],
    good: &[
        "good-chat",
        // Without [DONE], but finished.
        "chat; role; word; stop; last",
        // openai-python closes at [DONE].
        "chat; role; word; stop; done; !fin >",
    ],
    // A client that closes after a complete answer is reported as info; a stream without [DONE] is whole by its finish
    // reason.
    also: &[("HTTP-006", Level::Info), ("OAI-CHAT-001", Level::Warning)],
    needs_all_bytes: true,
    check: |case, push| {
        if let Some(finding) = truncated(case) {
            push(finding);
        }
    },
    ..Rule::DEFAULT
};

/// A hop passes on what it gets.
pub static DLV_011: Rule = Rule {
    code: "DLV-011",
    name: "hop-holds-back",
    level: Level::Info,
    summary: "A proxy that was captured on both sides passes deltas on as they come",
    why: "The same answer on both sides of a proxy shows what the proxy did. If the first token comes more than \
        twice as late on the client's side, and the ITL there is less than half of that on the server's side, the \
        proxy collects before it sends. Time to first token then measures the proxy, and ITL measures nothing.",
    source: "c8s issue 140 (time to first token rose and gaps between tokens fell, with the same server)",
    breaks: &[],
    fix: "Switch the hop's buffering off for event streams; compare `sniff report delivery` before and after.",
    bad: &["chat; wait 1s; role; word-now*10; stop; done; last
         !next
         wait 1ms; chat; role; word*10; stop; done; last"],
    good: &[
        "good-chat",
        "chat; role; word*10; stop; done; last
         !next
         wait 1ms; chat; role; word*10; stop; done; last",
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let (Some(upstream), Some(response)) = (case.upstream, case.llm_stream()) else { return };
        let Some(downstream) =
            Side::new(case.exchange, case.metrics).filter(|downstream| downstream.holds_back(upstream))
        else {
            return;
        };
        let message = format!(
            "first token after {}, upstream of the hop ({} → {}) after {}; ITL (p50) {}, upstream {}",
            downstream.ttft, upstream.ends.client, upstream.ends.server, upstream.ttft, downstream.gap, upstream.gap
        );
        push(Finding { at: response.deltas.first().map(|d| d.at), ..Finding::new(message) });
    },
    ..Rule::DEFAULT
};

/// The capture holds the whole exchange.
pub static DLV_015: Rule = Rule {
    code: "DLV-015",
    name: "capture-lacks-bytes",
    level: Level::Info,
    summary: "The capture holds every byte of the exchange",
    why: "Packets that the capture lost, cut off (snap length) or started too late to see say nothing about the \
        server. Findings that rest on the missing bytes are marked unsure and are warnings at most.",
    source: "tcpdump manual: packets dropped by the kernel, -s snaplen, -B buffer size",
    breaks: &[],
    fix: "Capture with full length (-s 0) and a larger buffer (-B), start before the request, and filter by port.",
    bad: &["chat; role; !gap < 400; stop; done; last", "chat; role; word; !end"],
    good: &["good-chat", "chat; role; word; !rst <"],
    // The server cuts: that is bad, but the capture lost nothing.
    also: &[("DLV-010", Level::Warning), ("HTTP-006", Level::Error)],
    needs_all_bytes: false,
    check: |case, push| {
        if let (None, Some((odd, _))) = (case.response(), case.exchange.oddities.find(tcp::ONE_SIDED)) {
            push(Finding { at: Some(odd.at), ..Finding::new(format!("one side only was captured: {}", odd.found)) });
        }
        let Some(response) = case.response() else { return };
        let at = Some(response.last_at);
        if case.exchange.gap {
            push(Finding {
                at,
                ..Finding::new("bytes of this exchange are missing in the capture: findings about it are unsure")
            });
        } else if response.head.is_none() {
            push(Finding {
                at,
                ..Finding::new("the capture began inside this response: findings about it are unsure")
            });
        } else if let Some((odd, count)) = case.exchange.oddities.find(tls::UNREADABLE) {
            let records = many(count, "TLS record", "TLS records");
            push(Finding { at, ..Finding::new(format!("{records} could not be decrypted: {}", odd.found)) });
        } else if response.end == MessageEnd::CutByCapture {
            push(Finding { at, ..Finding::new("the recording ended before this response did") });
        }
    },
    ..Rule::DEFAULT
};

/// How this stream shows that it was buffered on its way, if it was.
fn buffered(case: &Case<'_>) -> Option<String> {
    let (response, limits) = (case.stream()?, case.limits);
    // Between the answers of a conversation the user is silent.
    if case.is_conversation() && case.exchange.websocket.is_none() {
        return None;
    }
    let (first, last) = (response.deltas.first()?, response.deltas.last()?);
    let n = response.deltas.len();
    if n <= limits.burst_min_deltas {
        return None;
    }
    let held = delivery::held_back(case.exchange)?;
    if response.last_at.since(first.at) <= limits.burst_window {
        let within = last.at.since(first.at);
        return Some(format!(
            "{n} deltas within {within} of the first, after {} of silence: the answer was held back and came at once",
            held.quiet
        ));
    }
    // Nine of ten deltas in three deliveries or fewer.
    let (in_three, bursts) = (held.in_three, many(held.bursts.min(3) as u64, "burst", "bursts"));
    (in_three * 10 >= n * 9)
        .then(|| format!("{in_three} of {n} deltas came in {bursts}, with {} of silence", held.quiet))
}

/// The longest stall, with the number of stalls.
fn stalls(response: &Response, limits: &Limits, push: &mut dyn FnMut(Finding)) {
    let gaps = || delivery::neighbours(&response.deltas).map(|(a, b)| (b.at.since(a.at), b));
    if !gaps().any(|(gap, _)| gap >= limits.stall) {
        return;
    }
    let mut sorted: Vec<Span> = gaps().map(|(gap, _)| gap).collect();
    sorted.sort_unstable();
    let Some(median) = sorted.len().checked_sub(1).and_then(|last| sorted.get(last / 2)) else { return };
    let long = |gap: Span| gap >= limits.stall && gap.0 as f64 > limits.stall_times_median * median.0 as f64;
    let count = gaps().filter(|(gap, _)| long(*gap)).count() as u64;
    let Some((gap, delta)) = gaps().filter(|(gap, _)| long(*gap)).max_by_key(|(gap, _)| *gap) else { return };
    let message = format!("{gap} of silence before record {} (median ITL: {median})", delta.record);
    push(Finding { record: Some(delta.record), at: Some(delta.at), count, ..Finding::new(message) });
}

/// The finding that the answer is not whole: what was promised and did not come, and who ended it.
fn truncated(case: &Case<'_>) -> Option<Finding> {
    let response = case.response().filter(|r| r.head.as_ref().is_none_or(|h| (200..300).contains(&h.status)))?;
    let cut = Party::cutting(response.end);
    match case.verdict {
        Verdict::Complete | Verdict::CaptureIncomplete | Verdict::ErrorInside200 => return None,
        // Where no stream was promised, a cut is the finding of the transfer's rules.
        _ if cut.is_some() && !response.framing.is_stream() => return None,
        // To close is how it cancels, and no fault of either side.
        Verdict::ClientCancelled if case.cancels_by_close() => return None,
        _ => {}
    }
    let mut signs = Vec::new();
    signs.extend(cut.map(|_| "the transport was cut".to_owned()));
    signs.extend(case.ended.missing().map(str::to_owned));
    if let Promise::Marked(end) = case.ended.promise {
        signs.extend(end.terminator().map(|expected| format!("no terminator ({expected})")));
        signs.extend(response.answer.finish_reasons.is_empty().then(|| "no finish reason".to_owned()));
    }
    if signs.is_empty() {
        signs.push("a choice has no finish reason".to_owned());
    }
    let who = cut.map(|who| format!(" by {}", who.in_words())).unwrap_or_default();
    let records = many(response.record_count, "record", "records");
    let verb = if case.verdict == Verdict::ClientCancelled { "abandoned" } else { "truncated" };
    let message = format!("{verb}{who} after {records}: {}", signs.join(", "));
    let (at, fix) = (Some(response.last_at), Some(who_to_ask(response.end)));
    let finding = Finding { at, fix, ..Finding::at_end(response, message) };
    Some(match case.ended.promise {
        // A client that closes because it has enough, or was interrupted, is not the server's fault.
        _ if case.verdict == Verdict::ClientCancelled => finding.level(Level::Info),
        // Every reader of a document raises.
        Promise::Document => finding.level(Level::Error),
        _ => finding,
    })
}

/// Advice where to look, chosen by who ended the answer.
fn who_to_ask(end: MessageEnd) -> &'static str {
    match end {
        MessageEnd::CutByClient => {
            "Find out why the client left: its own time-out, a user who cancelled, or an error in reading the answer \
                (sniff check --clients)."
        }
        MessageEnd::CutByServer => {
            "Find what cut the connection: a crash or a worker time-out of the server, or the read time-out of a \
                proxy before it."
        }
        MessageEnd::Complete => {
            "The body ended as its framing says, so the server stopped by itself: look for an exception in its \
                generator, and send the finish reason (at a token limit too) and the terminator."
        }
        MessageEnd::CutByCapture => "Record until the answer is over.",
    }
}
