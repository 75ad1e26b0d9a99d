//! Rules about what happens to a stream on its way: caches, proxies, compressors, and connections that stay open.

use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule};
use crate::exchange::Response;
use crate::exchange::ending::Party;
use crate::framing::Framing;
use crate::http::event::{Known, MessageEnd, RequestHead, ResponseHead};
use crate::time::Span;

/// A body that ends within this after its terminator ends promptly.
const PROMPT: Span = Span::from_secs(1);
/// A compressor that gives only its header for this long is not flushed.
const HELD: Span = Span::from_secs(1);
/// Fewer deltas than this say nothing about how they were sent.
const LEAST_DELTAS: usize = 5;

/// Not to be stored or changed on the way.
pub static HTTP_012: Rule = Rule {
    code: "HTTP-012",
    name: "cacheable-stream",
    level: Level::Info,
    summary: "An event stream says `Cache-Control: no-cache` (or no-store, or no-transform)",
    why: "Without it a cache may keep the answer, and compressors on the way may collect it. `no-transform` also \
        stops compression in Express and Cloudflare.",
    source: "WHATWG HTML 9.2.7 (authoring notes); RFC 9111 section 5.2.2; rootjs issue 1231",
    breaks: &["caching proxies", "compressing middleware"],
    fix: "Send `Cache-Control: no-cache, no-transform`.",
    bad: &["ask; < HTTP/1.1 200 OK
         < Content-Type: text/event-stream
         chunked; role; word; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.llm_stream().and(case.stream_head()) else { return };
        if response.framing == Framing::Sse && is_cacheable(head) {
            let said = match head.fields.known("cache-control") {
                Known::Sent(value) => format!("Cache-Control is {}", String::from_utf8_lossy(value)),
                Known::Absent => "no Cache-Control".to_owned(),
                Known::Unread => return,
            };
            push(Finding { at: Some(head.first_at), ..Finding::new(said) });
        }
    },
    ..Rule::DEFAULT
};

/// No field says that the answer is not to be kept or changed on the way.
pub(super) fn is_cacheable(head: &ResponseHead) -> bool {
    let says = |v: &[u8]| ["no-cache", "no-store", "no-transform"].iter().any(|w| contains(v, w));
    !head.fields.all("cache-control").any(says) && head.fields.known("cache-control") != Known::Unread
}

/// The response asks the proxy not to buffer.
pub static HTTP_013: Rule = Rule {
    code: "HTTP-013",
    name: "proxy-not-told",
    level: Level::Info,
    summary: "Behind a proxy (the request names one) an event stream says `X-Accel-Buffering: no`",
    why: "nginx collects answers by default, and this field switches that off for one answer. nginx takes the field \
        out, so it shows only between server and proxy: there the request says that a proxy is on the way (Via, \
        Forwarded, X-Forwarded-For, X-Real-IP).",
    source: "nginx documentation, proxy_buffering; llama.cpp pull request 24774",
    breaks: &["nginx with proxy_buffering on"],
    fix: "Send `X-Accel-Buffering: no` with each event stream; it does no harm.",
    bad: &[r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           > X-Forwarded-For: 192.0.2.7
           >json {"model":"m","stream":true,"messages":[]}
           events-now; role; word; stop; done; last"#],
    good: &[
        "good-chat",
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           > X-Forwarded-For: 192.0.2.7
           >json {"model":"m","stream":true,"messages":[]}
           < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < X-Accel-Buffering: no
           chunked; role; word; stop; done; last"#,
    ],
    // It tells nginx, and no other hop.
    also: &[("HTTP-029", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.llm_stream().and(case.stream_head()) else { return };
        let Some(request) = &case.exchange.request else { return };
        let proxy = proxy_named(&request.head);
        let told = head.fields.known("x-accel-buffering") == Known::Unread
            || head.fields.all("x-accel-buffering").any(|v| v.eq_ignore_ascii_case(b"no"));
        if let Some(field) = proxy.filter(|_| response.framing == Framing::Sse && !told) {
            push(Finding {
                at: Some(head.first_at),
                ..Finding::new(format!(
                    "the request came through a proxy ({field}), and the answer does not say X-Accel-Buffering: no"
                ))
            });
        }
    },
    ..Rule::DEFAULT
};

/// Compressed and flushed.
pub static HTTP_014: Rule = Rule {
    code: "HTTP-014",
    name: "compressor-not-flushed",
    level: Level::Warning,
    summary: "A compressed stream is flushed after each event",
    why: "A compressor collects until it has enough to compress; without a flush after each event it holds the \
        answer back. Starlette's GZipMiddleware, Express compression, tower-http, Next.js and Django have all done \
        it. Compression itself is not a fault: every SDK tested reads gzip.",
    source: "tower-http issue 419; Starlette changes, GZipMiddleware excludes text/event-stream",
    breaks: &["interactive use", "latency figures"],
    fix: "Leave event streams out of compression, or flush (Z_SYNC_FLUSH) after each event.",
    bad: &[
        "ask; wait 3s; < HTTP/1.1 200 OK
         < Content-Type: text/event-stream
         no-cache; < Content-Encoding: gzip
         chunked; gzip-chat; last",
        r#"ask; ok; < Content-Type: text/event-stream
           no-cache; < Content-Encoding: gzip
           chunked; <chunk \x1f\x8b\x08\0\0\0\0\0\0\x03
           wait 86s; !fin <"#,
    ],
    good: &["good-chat", "chat; wait 3s; role; word-now*10; stop; done; last"],
    // Without compression, and still in one delivery.
    also: &[("DLV-003", Level::Info)],
    needs_all_bytes: true,
    check: |case, push| {
        let Some((response, head)) = case.stream_head() else { return };
        let Known::Sent(coding) = head.fields.known("content-encoding") else { return };
        let coding = String::from_utf8_lossy(coding.trim_ascii());
        if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
            return;
        }
        let body = &response.body;
        let waited = body.first_at.map_or(Span(0), |first| case.exchange.ending.at.since(first));
        let undecoded = body.decoded_bytes == 0 && body.wire_bytes > 0 && !case.is_unread_coding();
        if undecoded && waited >= HELD && response.end != MessageEnd::Complete {
            let message = format!(
                "{} of {coding} came, and in {waited} nothing that decodes: the compressor holds the answer back",
                many(body.wire_bytes, "byte", "bytes")
            );
            push(Finding { at: body.first_at, ..Finding::new(message) });
            return;
        }
        if case.llm_stream().is_none() {
            return;
        }
        let (deltas, deliveries) = (response.deltas.len(), deliveries(response));
        // An answer that was made within the burst window could not have come in pieces.
        let took = case.metrics.duration.is_some_and(|d| d >= case.limits.burst_window);
        if took && deltas >= LEAST_DELTAS && deliveries * 4 <= deltas {
            let message = format!(
                "{deltas} deltas came in {} under Content-Encoding {coding}: the compressor is not flushed after each \
                    event",
                many(deliveries as u64, "delivery", "deliveries")
            );
            push(Finding { at: response.first_record_at, ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// Ends when it is over.
pub static HTTP_021: Rule = Rule {
    code: "HTTP-021",
    name: "open-after-done",
    level: Level::Warning,
    summary: "The server ends the body within a second of the terminator",
    why: "Half of the SDKs stop reading at [DONE], half read on to the end of the body and hang while it stays open: \
        the user has the answer, and the program waits for its timeout.",
    source: "docs/laboratory.md, run `done_hang`; openai-node commit 77221711 (2026-08-14) stops at [DONE]",
    breaks: &["openai-node 4 and 6", "groq-python", "groq-js", "ai-sdk", "fetch-event-source", "eventsource"],
    fix: "Return from the handler right after the last event; do accounting and clean-up in the background.",
    bad: &["chat; role; word; stop; done; wait 3s; last", "chat; role; word; stop; done; wait 30s; !fin >"],
    good: &["good-chat", "chat; role; word; stop; done; wait 300ms; last", "chat; role; word; stop; done; !fin >"],
    // A client that closes after a complete answer is reported as info.
    also: &[("HTTP-006", Level::Info)],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.llm_stream() else { return };
        let terminator = &response.answer.terminator;
        if !terminator.own || terminator.is_last_record != Some(true) {
            return;
        }
        let ending = &case.exchange.ending;
        let Some(tail) = ending.open_after_terminator().filter(|tail| *tail > PROMPT) else { return };
        let until = match ending.by {
            Party::Client => "until the client gave up",
            Party::Server => "until the server ended it",
            Party::Capture => "and was still open when the recording ended",
        };
        push(Finding {
            at: ending.terminator_at,
            ..Finding::new(format!("the body stayed open for {tail} after the terminator, {until}"))
        });
    },
    ..Rule::DEFAULT
};

/// The field of a request that names a proxy on the way.
pub(super) fn proxy_named(request: &RequestHead) -> Option<&'static str> {
    let names = ["via", "forwarded", "x-forwarded-for", "x-real-ip"];
    names.into_iter().find(|name| request.fields.all(name).next().is_some())
}

/// Deliveries that brought deltas: however fast a model is, a flush after each event gives each its own.
fn deliveries(response: &Response) -> usize {
    response.deltas.chunk_by(|a, b| a.at == b.at).count()
}

/// A field value names this directive.
fn contains(value: &[u8], directive: &str) -> bool {
    value.split(|b| *b == b',').any(|d| d.trim_ascii().eq_ignore_ascii_case(directive.as_bytes()))
}
