//! Rules about HTTP/2 messages.

use super::transfer;
use crate::conformance::case::answered;
use crate::conformance::{Finding, Level, Rule};
use crate::http::event::{MessageEnd, Transfer, Version};
use crate::http::h2;

/// Fields about the connection, not about the message.
const OF_THE_CONNECTION: &[&str] = &["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Streams end, they are not reset.
pub static HTTP_015: Rule = Rule {
    code: "HTTP-015",
    name: "stream-reset",
    level: Level::Error,
    summary: "An HTTP/2 answer ends with END_STREAM, not with RST_STREAM or a lost connection",
    why: "A reset stream is a truncated answer. Its code says why: INTERNAL_ERROR and ENHANCE_YOUR_CALM are the \
        server's, CANCEL is often a gateway's timeout. A client that cancels is another matter and not a finding.",
    source: "RFC 9113 sections 5.1, 6.4 and 8.1",
    breaks: &["openai-python (http2)", "Go net/http", "every client, in the middle of the answer"],
    fix: "Look at the server and the gateway at the time given; send an error event and end the stream properly if \
        the model fails.",
    bad: &[
        "h2-begin; h2-head
           h2-data $role
           h2-data $word
           wait 20ms; <h2 rst 1 INTERNAL_ERROR",
        "h2-begin; h2-head
         h2-data $word
         wait 20ms; <h2 goaway 0 ENHANCE_YOUR_CALM
         !fin <",
    ],
    good: &["good-chat", H2_WHOLE],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if transfer(response) != Some(Transfer::H2) || response.end != MessageEnd::CutByServer {
            return;
        }
        let how = case
            .exchange
            .oddities
            .find(h2::RESET)
            .map(|(odd, _)| format!("RST_STREAM, {}", odd.found))
            .or_else(|| {
                let (odd, _) = case.exchange.oddities.find(h2::GOAWAY)?;
                Some(format!("GOAWAY, {}, and the connection closed", odd.found))
            })
            .unwrap_or_else(|| "the connection closed".to_owned());
        let whole = if case.stream().is_some_and(answered) { "; the answer was complete" } else { "" };
        push(Finding {
            at: Some(case.exchange.ending.at),
            ..Finding::new(format!("the server cut the stream: {how}{whole}"))
        });
    },
    ..Rule::DEFAULT
};

/// HTTP/2 messages have no connection-specific fields.
pub static HTTP_016: Rule = Rule {
    code: "HTTP-016",
    name: "connection-field-in-h2",
    level: Level::Error,
    summary: "HTTP/2 messages have no connection-specific fields: Connection, Keep-Alive, Proxy-Connection, \
        Transfer-Encoding, Upgrade",
    why: "They mean nothing in HTTP/2 and make the message malformed: libraries reset the stream. They come from \
        handlers that set `Connection: keep-alive` on event streams by hand, which is harmless until the server is \
        put behind HTTP/2.",
    source: "RFC 9113 section 8.2.2",
    breaks: &["nghttp2", "hyper", "Safari", "Go net/http"],
    fix: "Leave these fields to the server; for event streams only Content-Type and Cache-Control are yours.",
    bad: &[r#"h2-begin; wait 150ms
           <h2 headers 1 :status: 200 | content-type: text/event-stream | cache-control: no-cache | connection: keep-alive
           wait 20ms; <h2 data+end 1 data: $role\n\ndata: $word\n\ndata: $stop\n\ndata: [DONE]\n\n"#],
    good: &["good-chat", H2_WHOLE],
    needs_all_bytes: false,
    check: |case, push| {
        let exchange = case.exchange;
        let request = exchange
            .request
            .as_ref()
            .filter(|r| r.head.version == Version::H2)
            .map(|r| ("request", &r.head.fields, r.head.first_at));
        let response = case
            .response()
            .and_then(|r| r.head.as_ref())
            .filter(|h| h.version == Version::H2)
            .map(|h| ("response", &h.fields, h.first_at));
        for (side, fields, at) in request.into_iter().chain(response) {
            let named = |n: &[u8]| OF_THE_CONNECTION.iter().any(|c| n.eq_ignore_ascii_case(c.as_bytes()));
            let te = |n: &[u8], v: &[u8]| n.eq_ignore_ascii_case(b"te") && !v.eq_ignore_ascii_case(b"trailers");
            let found: Vec<String> = fields
                .iter()
                .filter(|(n, v)| named(n) || te(n, v))
                .map(|(n, _)| String::from_utf8_lossy(n).into_owned())
                .collect();
            if !found.is_empty() {
                let fields = if found.len() == 1 { "field" } else { "fields" };
                let message = format!("the {side} has the connection-specific {fields} {}", found.join(", "));
                push(Finding { at: Some(at), ..Finding::new(message) });
            }
        }
    },
    ..Rule::DEFAULT
};

/// A whole answer.
const H2_WHOLE: &str = "h2-begin; h2-head
                        h2-data $role
                        h2-data $word
                        h2-data $stop
                        wait 20ms; <h2 data+end 1 data: [DONE]\\n\\n";
