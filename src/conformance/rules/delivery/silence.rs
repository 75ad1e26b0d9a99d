//! Rules about silences: before the first token, before a cut, after the end, and those that the transport made.

use crate::conformance::{Case, Finding, Level, Rule};
use crate::delivery::{self, Cause, TRANSPORT_STALLS};
use crate::exchange::Response;
use crate::exchange::ending::Party;
use crate::oddity::Oddity;
use crate::time::Span;
use crate::verdict::{Kind, Verdict};

/// No idle limit ends the answer.
pub static DLV_006: Rule = Rule {
    code: "DLV-006",
    name: "idle-limit-hit",
    level: Level::Error,
    summary: "No silence ends in a cut that looks like an idle limit (30, 50, 60, 100, 120, 125, 230, 300, 350 s)",
    why: "Proxies and load balancers cut what is silent for too long. A cut after a silence as long as a well-known \
        limit is theirs, not the server's: the model was still working, and the answer is lost. A client that closes \
        first has its own time-out; then the verdict names that.",
    source: "nginx proxy_read_timeout (60 s), AWS ALB (60 s) and NLB (350 s), Envoy stream idle (300 s), HAProxy (50 \
        s), CloudFront and Gcore (30 s), Cloudflare (100, later 120 to 125 s), Azure App Service (230 s)",
    breaks: &["users who wait for the answer"],
    fix: "Send a comment every 15 s while nothing is generated, or raise the limit of the hop that is named.",
    bad: &["chat; role; word; wait 60s; !fin <", "chat; role; word; wait 300s; !rst <"],
    good: &["good-chat", "chat; role; word; stop; done; wait 60s; last", "chat; role; word; wait 60s; !fin >"],
    // Left open on purpose, after the end; a client that gave up.
    also: &[("DLV-009", Level::Info), ("DLV-010", Level::Info), ("HTTP-021", Level::Warning)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.verdict == Verdict::GatewayTimeout
            && let Some(limit) = case.ended.limit.filter(|limit| limit.kind == Kind::Idle)
        {
            cut_at(case, format!("cut after a silence of about {} s: the limit of {}", limit.secs, limit.of), push);
        }
    },
    ..Rule::DEFAULT
};

/// No total time-out ends the answer.
pub static DLV_016: Rule = Rule {
    code: "DLV-016",
    name: "total-limit-hit",
    level: Level::Warning,
    summary: "No answer is cut while it flows, at a time after the request that looks like a total time-out (15, 29, \
        30, 60, 300, 900 s)",
    why: "Some hops give the whole answer a deadline, however much is flowing. Long answers are then cut in the \
        middle, always at the same time after the request, and no keep-alive helps. The default that fits is named; a \
        deadline that an operator set has often the same length.",
    source: "Envoy, route timeout (15 s); Google Cloud Functions (60 s) and Run (300 s); AWS API Gateway (29 s), \
        Lambda (900 s); gunicorn, timeout (30 s)",
    breaks: &["users of long answers"],
    fix: "Raise the time-out of the route or function for streams, or switch it off and limit silence instead.",
    bad: &[
        "chat; role; word; wait 9s; word; wait 9s; word; wait 9s; word; wait 9s; word; wait 9s; word; wait 9s; word; \
        wait 5690ms; !fin <",
    ],
    good: &["good-chat", "chat; role; word; wait 9s; word; wait 9s; word; wait 9s; word; wait 3s; !fin >"],
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let cut = matches!(case.verdict, Verdict::ServerTruncated);
        if let Some(limit) = case.ended.limit.filter(|limit| cut && limit.kind == Kind::Total) {
            let message = format!(
                "ended about {} s after the request, with bytes flowing: a total time-out, the default of {}",
                limit.secs, limit.of
            );
            cut_at(case, message, push);
        }
    },
    ..Rule::DEFAULT
};

/// A finding at the time of the cut.
fn cut_at(case: &Case<'_>, message: String, push: &mut dyn FnMut(Finding)) {
    let at = Some(case.exchange.ending.at);
    push(match case.response() {
        Some(response) => Finding { at, ..Finding::at_end(response, message) },
        None => Finding { at, ..Finding::new(message) },
    });
}

/// A comment or ping comes while the model thinks.
pub static DLV_007: Rule = Rule {
    code: "DLV-007",
    name: "no-keep-alive",
    level: Level::Warning,
    summary: "No silence of 15 s or more before the first token (can be set): a comment or ping comes meanwhile",
    why: "Long prompts and reasoning keep a stream silent for minutes. Load balancers and proxies on the way cut \
        silent connections, many after 30 or 60 s, and users take silence for a hang. A comment line costs nothing \
        and every parser skips it.",
    source: "HTML standard, server-sent events, authoring notes (a comment about every 15 s); litellm issue 34374",
    breaks: &["AWS ALB", "nginx", "Cloudflare"],
    fix: "Send `: keep-alive` and an empty line every 10 to 15 s from the moment the head is sent (Anthropic: `event: \
        ping`).",
    bad: &["chat; wait 20s; role; word; stop; done; last"],
    good: &[
        "good-chat",
        r#"chat; wait 10s; <chunk : keep-alive\n\n
           wait 10s; <chunk : keep-alive\n\n
           role; word; stop; done; last"#,
    ],
    // Comments are reported as info, the keep-alive too.
    also: &[("SSE-021", Level::Info)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.is_conversation() {
            return in_conversation(case, push);
        }
        let Some(response) = case.llm_stream() else { return };
        let Some(first) = response.deltas.first() else { return };
        // Other rules judge silences after the first delta and before the head.
        let quiet = response.body.arrival.quiet.filter(|(_, until)| *until <= first.at);
        if let Some((span, until)) = quiet.filter(|(span, _)| *span >= case.limits.keep_alive) {
            let message = format!("{span} without a byte before the first token");
            push(Finding { record: Some(first.record), at: Some(until), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// The first answer of a conversation that was silent for too long before its first token. Messages are its life: pings
/// set back no client's idle timer.
fn in_conversation(case: &Case<'_>, push: &mut dyn FnMut(Finding)) {
    let Some(response) = case.response() else { return };
    let silent = |span: Span| span >= case.limits.keep_alive;
    let quiet = response.answer.turns.iter().zip(0..).find_map(|(turn, n)| {
        let (span, until) = turn.quiet.filter(|(span, _)| turn.first_delta.is_some() && silent(*span))?;
        Some((span, until, n))
    });
    if let Some((span, until, n)) = quiet {
        let message = format!("{span} without a message before the first token of answer {n}");
        let record = response.deltas.iter().find(|d| d.at >= until && d.meaning.turn == n).map(|d| d.record);
        push(Finding { record, at: Some(until), ..Finding::new(message) });
    }
}

/// The head comes at once.
pub static DLV_008: Rule = Rule {
    code: "DLV-008",
    name: "late-head",
    level: Level::Warning,
    summary: "The response head does not wait for the first token (5 s or more; can be set)",
    why: "A server that could send its head at once but waits for the first token shows nothing to the client. Load \
        balancers count that as no response at all, clients' connect and header time-outs run out, and time to first \
        byte says nothing. Gzip middleware and frameworks that peek at the first item do this.",
    source: "litellm issue 37322; Starlette's GZipMiddleware; nginx with default buffering",
    breaks: &["load balancers with a first-byte limit", "clients with a header time-out"],
    fix: "Send the head before the first token; leave compression off for event streams, or flush it.",
    bad: &["ask; wait 8s; < HTTP/1.1 200 OK
         < Content-Type: text/event-stream
         chunked; role; word; stop; done; last"],
    good: &["good-chat", "chat; wait 8s; role; word; stop; done; last"],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let (Some((response, head)), Some(request)) = (case.stream_head(), &case.exchange.request) else { return };
        let Some(first) = response.deltas.first() else { return };
        let (to_head, to_token) = (response.first_at.since(request.last_at), first.at.since(request.last_at));
        // Less than a tenth of the whole wait came after the head.
        if to_head >= case.limits.late_head && to_token.0.saturating_sub(to_head.0).saturating_mul(10) <= to_token.0 {
            let message = format!("the head came after {to_head}, the first token after {to_token}");
            push(Finding { at: Some(head.first_at), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// The body ends with its terminator.
pub static DLV_009: Rule = Rule {
    code: "DLV-009",
    name: "long-tail",
    level: Level::Info,
    summary: "The body ends within 1 s after the terminator (can be set)",
    why: "Clients that read to the end of the body wait as long as it stays open, although the answer is whole. Older \
        SDKs do.",
    source: "openai-node commit 77221711 (issue 2317)",
    breaks: &["openai-node 4 and 6", "groq-js", "ai-sdk", "langchain-js"],
    fix: "End the body right after the terminator; do bookkeeping afterwards.",
    bad: &["chat; role; word; stop; done; wait 5s; last", "chat; role; word; stop; done; wait 30s; !fin >"],
    good: &["good-chat", "chat; role; word; stop; done; !fin >"],
    // A client that closes after a complete answer is reported as info.
    also: &[("HTTP-006", Level::Info)],
    silenced_by: &["CAP-001"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        let e = &case.exchange.ending;
        let Some(open) = e.open_after_terminator().filter(|open| *open >= case.limits.tail) else { return };
        let how = match e.by {
            Party::Server => "the server ended it",
            Party::Client => "the client gave up",
            Party::Capture => "it was still open when the recording ended",
        };
        push(Finding {
            at: Some(e.at),
            ..Finding::at_end(response, format!("the body stayed open for {open} after the terminator: {how}"))
        });
    },
    ..Rule::DEFAULT
};

/// Pauses are the model's, not the network's.
pub static DLV_012: Rule = Rule {
    code: "DLV-012",
    name: "transport-stall",
    level: Level::Warning,
    summary: "No pause of 200 ms or more between deltas is caused by the transport (can be set)",
    why: "Lost packets, a client that does not read (zero window) and a closed HTTP/2 flow-control window hold back \
        what the server wrote long before. Such a pause says nothing about the model, and figures that include it \
        blame the wrong side.",
    source: "RFC 9293 sections 3.8.1 (retransmission) and 3.8.6 (zero window), RFC 9113 section 5.2 (flow control)",
    breaks: &["latency figures"],
    fix: "Look at the network, or at the client's reading; take the pause out of the model's figures.",
    bad: &[SHUT_WINDOW],
    good: &["good-chat", "chat; role; word; wait 3s; word; stop; done; last"],
    silenced_by: &["CAP-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        TRANSPORT_STALLS.iter().filter_map(|(kind, _)| case.exchange.oddities.find(*kind)).for_each(|(odd, count)| {
            if let Some(finding) = stalled(case, response, odd, count) {
                push(finding);
            }
        });
    },
    ..Rule::DEFAULT
};

/// A finding for the pause in which this stall of the transport ended, if the pause is long enough.
fn stalled(case: &Case<'_>, response: &Response, odd: &Oddity, count: u64) -> Option<Finding> {
    let (before, after) =
        response.deltas.windows(2).map(|w| (w[0], w[1])).find(|(a, b)| a.at < odd.at && odd.at <= b.at)?;
    let pause = after.at.since(before.at);
    let Cause::Transport(words) = delivery::cause(case.exchange, before.at, after.at) else { return None };
    let message = format!("{pause} of silence before record {}: {words} ({})", after.record, odd.found);
    (pause >= case.limits.transport_stall)
        .then(|| Finding { record: Some(after.record), ..Finding::of(odd, count, message) })
}

/// A chat answer over HTTP/2 to a client that gives the stream a window of two deltas and opens it again after 2 s.
const SHUT_WINDOW: &str = r#">h2 preface
    >h2 settings INITIAL_WINDOW_SIZE=222
    >h2 headers+end 1 :method: POST | :scheme: http | :path: /v1/chat/completions
    wait 100ms; <h2 settings
    <h2 headers 1 :status: 200 | content-type: text/event-stream
    h2-data $bare-chunk
    h2-data $bare-chunk
    wait 2s; >h2 window_update 1 1000
    wait 1ms; <h2 data 1 data: $bare-chunk\n\n
    wait 20ms; <h2 data+end 1 data: [DONE]\n\n"#;
