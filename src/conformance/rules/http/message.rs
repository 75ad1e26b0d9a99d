//! Rules about where messages begin and end on a connection, and about the frames that carry them.

use super::transfer;
use crate::conformance::case::{answered, many};
use crate::conformance::{Case, Finding, Level, Rule};
use crate::exchange::Response;
use crate::framing::sse;
use crate::http::event::{MessageEnd, Transfer, Version};
use crate::http::{h1, h2};

/// The announced length is that of the body.
pub static HTTP_025: Rule = Rule {
    code: "HTTP-025",
    name: "body-longer-than-length",
    level: Level::Error,
    summary: "A body ends where its Content-Length says: no byte follows, and no answer breaks off there",
    why: "A reader takes as many bytes as announced and stops. The rest of the answer is lost, and it stands where \
        the next response should begin, so that the next request on the connection fails too. The length is usually \
        that of another body: before compression, before a proxy changed the text, or counted in characters.",
    source: "RFC 9112 sections 6.2 and 6.3; RFC 9110 section 8.6",
    breaks: &["every client: the answer is cut", "the next request on the connection"],
    fix: "Leave Content-Length out and send the stream chunked; else count the bytes that are really sent.",
    bad: &[
        r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Content-Length: 184
           <
           <| data: $role\n\ndata: $word\n\ndata: $stop\n\ndata: [DONE]\n\n"#,
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           < Content-Length: 8
           <
           <| {"a": 1}, and more
           <| \n"#,
    ],
    good: &["models", "good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        let Some(Transfer::Length(length)) = transfer(response) else { return };
        let length = many(length, "byte", "bytes");
        if let Some((odd, _)) = case.exchange.oddities.find(h1::SURPLUS) {
            let message = format!("Content-Length is too short: after {length} the body goes on: {}", odd.found);
            push(Finding { offset: None, ..Finding::of(odd, 1, message) });
        } else if let Some(sign) = breaks_off(case, response) {
            let message = format!("Content-Length is too short, or of another body: after {length} {sign}");
            push(Finding { at: Some(response.last_at), ..Finding::at_end(response, message) });
        }
    },
    ..Rule::DEFAULT
};

/// One transfer coding.
pub static HTTP_026: Rule = Rule {
    code: "HTTP-026",
    name: "odd-transfer-encoding",
    level: Level::Error,
    summary: "Transfer-Encoding comes once and is `chunked` (a warning for other codings, and in HTTP/1.0: there is none)",
    why: "A message is chunked once. Two fields, from the server and from a proxy or a handler that sets its own, \
        read as `chunked, chunked`: Go, nginx, Node and Bun refuse the response, and others look for chunks inside \
        of chunks. A client of HTTP/1.0, as nginx was to its upstreams by default for long, takes the sizes of \
        chunks for text.",
    source: "RFC 9112 section 6.1 (chunked MUST NOT be applied more than once, nor sent unless the request says HTTP/1.1 \
        or later); Go net/http, too many transfer encodings; nginx, duplicate header line",
    breaks: &["Go net/http", "nginx as a proxy", "Bun"],
    fix: "Let only the HTTP library set Transfer-Encoding; a proxy that copies fields must leave this one out.",
    bad: &[
        "ask; ok; < Content-Type: text/event-stream
         no-cache; < transfer-encoding: chunked
         chunked; role; word; stop; done; last",
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           < Transfer-Encoding: gzip
           <
           <| {}
           !fin <"#,
        r#"> GET /v1/models HTTP/1.0
           >
           < HTTP/1.1 200 OK
           < Content-Type: application/json
           < Transfer-Encoding: chunked
           <
           <chunk {}
           <last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let old = case.exchange.request.as_ref().is_some_and(|r| r.head.version == Version::H10);
        let head = case.response().and_then(|r| r.head.as_ref()).filter(|h| h.transfer == Transfer::Chunked);
        if let Some(head) = head.filter(|_| old) {
            let message = "the answer to a request in HTTP/1.0 is chunked, which that version does not know";
            push(Finding { at: Some(head.first_at), ..Finding::new(message) }.level(Level::Warning));
        }
        let Some((odd, _)) = case.exchange.oddities.find(h1::TRANSFER_ENCODING) else { return };
        let twice = odd.found.to_ascii_lowercase().matches("chunked").count() > 1;
        let level = if twice { Level::Error } else { Level::Warning };
        push(Finding { offset: None, ..Finding::of(odd, 1, format!("Transfer-Encoding: {}", odd.found)) }.level(level));
    },
    ..Rule::DEFAULT
};

/// A response answers a request.
pub static HTTP_027: Rule = Rule {
    code: "HTTP-027",
    name: "unasked-response",
    level: Level::Warning,
    summary: "A response answers a request (info for a 408, which tells that an idle connection is closed)",
    why: "A client that reads a response which it did not ask for takes it for the answer to its next request, or \
        closes the connection. The cause is a server that answers twice, or a proxy that mixes connections up.",
    source: "RFC 9112 section 9.2 (a client that receives such data must not take it for a response)",
    breaks: &["connection reuse", "the next request on the connection"],
    fix: "Answer each request once; a handler that failed after its head was sent must not send another one.",
    bad: &["models; < HTTP/1.1 500 Internal Server Error
         <json {\x22error\x22:{\x22message\x22:\x22late\x22}}"],
    good: &["models"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(h1::UNASKED, None, &mut |finding| push(leveled(finding)), |odd, _| {
            format!("status {} without a request", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Frames by the grammar.
pub static HTTP_028: Rule = Rule {
    code: "HTTP-028",
    name: "bad-h2-frame",
    level: Level::Error,
    summary: "HTTP/2 frames and field blocks follow the grammar",
    why: "A field block that can't be read to its end leaves both sides with different header tables, so a client \
        must close the connection, with every other answer on it. So it is with a frame of impossible size.",
    source: "RFC 9113 sections 4.2, 4.3 and 5.4.1; RFC 7541 section 3.3",
    breaks: &["nghttp2", "Go net/http", "hyper", "every answer on the connection"],
    fix: "Let the HTTP/2 library write frames; look for a device that changes bytes on the way.",
    bad: &["h2-begin; h2-head
         wait 20ms; <h2 frame 1 4 1 \\xff\\xff\\xff\\xff\\xff\\xff\\xff
         wait 20ms; <h2 data+end 1 data: $stop\\n\\ndata: [DONE]\\n\\n"],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        for (kind, what) in [(h2::BAD_BLOCK, "a field block can't be read"), (h2::BAD_FRAME, "a bad frame")] {
            case.tell(kind, None, push, |odd, _| format!("{what}: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// The announced length is shorter than the body.
pub(super) fn is_too_short(case: &Case<'_>, response: &Response) -> bool {
    case.exchange.oddities.find(h1::SURPLUS).is_some() || breaks_off(case, response).is_some()
}

/// What shows that this body is whole by its length, and its content is not.
fn breaks_off(case: &Case<'_>, response: &Response) -> Option<&'static str> {
    if response.end != MessageEnd::Complete || case.llm_stream().is_none() {
        return None;
    }
    let promised = response.answer.terminator.expected.is_some() || response.answer.end.is_promised();
    let pending = case.exchange.oddities.find(sse::PENDING_AT_END).is_some();
    let ended = answered(response) || !response.answer.finish_reasons.is_empty() || response.answer.error.is_some();
    match (pending, ended) {
        (true, _) => Some("the body stops inside an event"),
        (_, false) if promised => Some("the body stops before the end of the answer"),
        _ => None,
    }
}

/// A 408 on an idle connection is lawful (RFC 9110 section 15.5.9).
fn leveled(finding: Finding) -> Finding {
    match finding.message.starts_with("status 408") {
        true => finding.level(Level::Info),
        false => finding,
    }
}
