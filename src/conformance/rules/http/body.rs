//! Rules about the body: how its end is marked, and whether it came.

use super::message::is_too_short;
use super::{essence, is_lines, is_untyped, transfer};
use crate::body;
use crate::conformance::case::{PATIENCE, answered, many};
use crate::conformance::{Case, Finding, Level, Rule};
use crate::delivery::COLLECTED;
use crate::exchange::Response;
use crate::exchange::arrival::TOGETHER;
use crate::framing::{Framing, json};
use crate::http::event::{Fields, MessageEnd, Transfer};
use crate::http::h1;
use crate::time::Span;

/// A chunked body has its last chunk.
pub static HTTP_006: Rule = Rule {
    code: "HTTP-006",
    name: "missing-last-chunk",
    level: Level::Error,
    summary: "A chunked body ends with the chunk of length zero",
    why: "The zero chunk is the only proof that a chunked body is whole. When the server closes or resets the \
        connection before it, most clients raise (\"incomplete chunked read\", \"socket hang up\"), even after a \
        complete answer. A client that closes is another matter: openai-python stops at [DONE], often before the \
        zero chunk has come. That answer is complete, and the finding is info.",
    source: "RFC 9112 sections 7.1 and 8",
    breaks: &["openai-node", "openai-python", "groq-python", "groq-js", "ai-sdk", "langchain-js", "fetch-event-source"],
    fix: "Let the handler return instead of dying; look for a worker timeout, a crash, or a proxy's read timeout at \
        the time of the cut.",
    bad: &[
        "chat; role; word; !fin <",
        "chat; role; word; !rst <",
        // Complete for the reader, and still an exception for most clients.
        "chat; role; word; stop; done; !fin <",
    ],
    good: &["good-chat", "chat; role; word; !end"],
    // The end of the recording proves nothing against the server; it is reported as info.
    also: &[("DLV-015", Level::Info)],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if transfer(response) == Some(Transfer::Chunked) {
            cut(case, response, "before the last chunk", push);
        }
    },
    ..Rule::DEFAULT
};

/// The body has as many bytes as announced.
pub static HTTP_007: Rule = Rule {
    code: "HTTP-007",
    name: "short-body",
    level: Level::Error,
    summary: "A body has as many bytes as its Content-Length announces",
    why: "A body that is shorter than announced is incomplete by definition; clients raise, or wait for the rest \
        until their timeout.",
    source: "RFC 9112 sections 6.3 and 8",
    breaks: &["openai-node", "groq-python", "groq-js", "ai-sdk", "langchain-js", "fetch-event-source", "sseclient-py"],
    fix: "Compute Content-Length from the bytes that are really sent (after compression), or send a stream chunked.",
    bad: &[
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           < Content-Length: 40
           <
           <| {"object":"list",
           !fin <"#,
        // The length is that of another body: the answer is over, and the client waits for the rest.
        r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Content-Length: 9000
           <
           <| data: $role\n\ndata: $word\n\ndata: $stop\n\ndata: [DONE]\n\n
           wait 60s; !fin >"#,
        r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Content-Length: 9000
           <
           <| data: $role\n\ndata: $word\n\ndata: $stop\n\ndata: [DONE]\n\n
           wait 5s; !rst >"#,
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           < Content-Length: 90
           <
           <| {"object":"list","data":[]}
           wait 30s; !fin >"#,
    ],
    good: &[
        "models",
        // The client has what it wants.
        r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Content-Length: 9000
           <
           <| data: $role\n\ndata: $word\n\ndata: $stop\n\ndata: [DONE]\n\n
           !fin >"#,
        // An answer to HEAD announces what GET would get, and has no body.
        "> HEAD /v1/models HTTP/1.1
         > Host: api.example
         >
         < HTTP/1.1 200 OK
         < Content-Length: 40
         <",
    ],
    // A stream with a length.
    also: &[("HTTP-010", Level::Warning)],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if let Some(Transfer::Length(announced)) = transfer(response) {
            if let Some(waited) = waited_in_vain(case, response) {
                let message = format!(
                    "Content-Length announces {}, and the answer is over after {}: the client waited {waited} for the \
                        rest and gave up, so the length is that of another body",
                    many(announced, "byte", "bytes"),
                    response.body.wire_bytes
                );
                return push(Finding { at: Some(response.last_at), ..Finding::at_end(response, message) });
            }
            cut(
                case,
                response,
                &format!("after {} of {}", response.body.wire_bytes, many(announced, "byte", "bytes")),
                push,
            );
        }
    },
    ..Rule::DEFAULT
};

/// One length only.
pub static HTTP_008: Rule = Rule {
    code: "HTTP-008",
    name: "length-and-chunked",
    level: Level::Error,
    summary: "A message has no Content-Length together with Transfer-Encoding",
    why: "Two lengths are two opinions on where the message ends. If a proxy believes one field and the server the \
        other, they disagree on where the next message begins: this is how requests are smuggled. RFC 9112 lets \
        Transfer-Encoding win, and asks to treat the message as an attack.",
    source: "RFC 9112 sections 6.1 and 6.3",
    breaks: &["proxies that refuse it (HAProxy, Envoy)", "other requests on the connection"],
    fix: "Leave Content-Length out where the body is chunked; look for middleware that sets it by hand.",
    bad: &["get /v1/models; < HTTP/1.1 200 OK
         < Content-Type: application/json
         < Content-Length: 4
         < Transfer-Encoding: chunked
         <
         <chunk {}
         last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let (fields, at) = match case.exchange.oddities.find(h1::TE_AND_CL) {
            Some((odd, _)) => (odd.found.as_ref(), odd.at),
            None => return,
        };
        let both = |f: &Fields| f.all("content-length").next().is_some() && f.all("transfer-encoding").next().is_some();
        let side = if case.response().and_then(|r| r.head.as_ref()).is_some_and(|h| both(&h.fields)) {
            "response"
        } else {
            "request"
        };
        push(Finding { at: Some(at), ..Finding::new(format!("the {side} has {fields}")) });
    },
    ..Rule::DEFAULT
};

/// Chunks by the grammar.
pub static HTTP_009: Rule = Rule {
    code: "HTTP-009",
    name: "bad-chunk",
    level: Level::Error,
    summary: "Chunks follow the grammar: a hexadecimal size, CRLF, the data, CRLF (a warning if all can still be \
        read)",
    why: "If a size does not fit its data, everything after it is read at the wrong place. Lenient readers guess, \
        strict ones close the connection, and a proxy that guesses differently from the server can be fooled.",
    source: "RFC 9112 section 7.1",
    breaks: &["openai-node (undici)", "Go net/http", "hyper", "strict parsers"],
    fix: "Let the HTTP library do the chunking; code that writes chunks by hand must count bytes, not characters.",
    bad: &[
        r#"plain /s; <| 9\r\ndata: 1\n\n\r\n
           <| xyz\r\n
           !fin <"#,
        r#"plain /s; <| 9 x\r\ndata: 1\n\n\r\n
           last"#,
    ],
    good: &[
        "good-chat",
        r#"plain /s; <chunk;name=value data: 1\n\n
           last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        for (kind, level, what) in [
            (h1::CHUNK_SIZE, Level::Error, "a chunk size that can't be read"),
            (h1::CHUNK_END, Level::Error, "no line end after the data of a chunk"),
            (h1::CHUNK_LINE, Level::Warning, "a chunk-size line that breaks the grammar"),
        ] {
            case.tell(kind, Some(level), push, |odd, _| format!("{what}: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// No length known beforehand.
pub static HTTP_010: Rule = Rule {
    code: "HTTP-010",
    name: "length-of-stream",
    level: Level::Warning,
    summary: "A streamed answer has no Content-Length",
    why: "A server that knows the length before the first byte has the whole answer already. The answer was \
        collected somewhere, and time to first token is total time. Recorded answers of mock servers look like this \
        too.",
    source: "RFC 9110 section 8.6 (length of the content, known in advance)",
    breaks: &["interactive use", "latency figures"],
    fix: "Stream from the handler (a generator, a Flusher, res.write) and switch off what collects bodies: \
        compression, ETag, logging middleware.",
    bad: &[r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Content-Length: 184
           <
           <| data: $stop\n\ndata: [DONE]\n\n"#],
    good: &["good-chat", "models"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.llm_stream().and(case.stream_head()) else { return };
        let Transfer::Length(n) = head.transfer else { return };
        // A length that is wrong was not known beforehand: HTTP-025.
        if is_too_short(case, response) || waited_in_vain(case, response).is_some() {
            return;
        }
        let body = &response.body;
        // None: the clock of the capture stepped back.
        let spread = body.first_at.map_or(Some(Span(0)), |first| response.last_at.elapsed(first));
        let message = match spread {
            None => format!("Content-Length {n} was sent before the body"),
            Some(spread) if spread < TOGETHER => {
                format!("Content-Length {n}, and the body came at once: {COLLECTED}")
            }
            Some(spread) => format!(
                "Content-Length {n} was sent before the body, which came in {} over {spread}: the answer, or its \
                    length, was fixed before it was generated",
                many(body.arrival.deliveries, "delivery", "deliveries")
            ),
        };
        push(Finding { at: Some(head.first_at), ..Finding::new(message) });
    },
    ..Rule::DEFAULT
};

/// The end of the body is marked.
pub static HTTP_011: Rule = Rule {
    code: "HTTP-011",
    name: "close-delimited",
    level: Level::Warning,
    summary: "A streamed answer is chunked or HTTP/2, not ended by the close of the connection",
    why: "Where only the close ends the body, a complete answer looks like one that was cut off, and the connection \
        can't be used again. HTTP/1.0 answers like this, so it appears if a proxy speaks 1.0 to the server (nginx \
        does by default) or if chunking was never switched on.",
    source: "RFC 9112 section 6.3 (rule 8) and section 8; nginx documentation, proxy_http_version",
    breaks: &["clients that must tell truncated from complete answers", "connection reuse"],
    fix: "Send `Transfer-Encoding: chunked` (the default of every framework on HTTP/1.1); in nginx \
        `proxy_http_version 1.1;`.",
    bad: &[r#"ask; < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           no-cache; < Connection: close
           <
           <| data: $stop\n\ndata: [DONE]\n\n
           !fin <"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((_, head)) = case.llm_stream().and(case.stream_head()) else { return };
        if head.transfer == Transfer::Close {
            let message = format!(
                "HTTP/{} without Content-Length or chunks: only the close of the connection ends the answer",
                head.version.as_str()
            );
            push(Finding { at: Some(head.first_at), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// Heads by the grammar.
pub static HTTP_023: Rule = Rule {
    code: "HTTP-023",
    name: "bad-head",
    level: Level::Warning,
    summary: "Heads follow the grammar: CRLF after each line, no space before the colon, no folded lines, one \
        Content-Length (info for blank lines before a message and for odd trailer fields)",
    why: "Lenient readers guess what is meant, strict ones refuse the message, and two programs on one path that \
        guess differently read two different messages: this is how requests and responses are smuggled.",
    source: "RFC 9112 sections 2.2, 5 and 5.1; RFC 9110 section 8.6",
    breaks: &["openai-node (undici)", "Go net/http", "hyper", "other requests on the connection"],
    fix: "Let the HTTP library write heads; never put text with line ends into a field value.",
    bad: &["ask; < HTTP/1.1 200 OK
         < Content-Type : text/event-stream
         no-cache; chunked; role; word; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        for (kind, what) in [
            (h1::START_LINE, "a start line"),
            (h1::FIELD_LINE, "a field line"),
            (h1::SPACE_BEFORE_COLON, "blank space before the colon"),
            (h1::OBS_FOLD, "a folded field value"),
            (h1::BARE_LF, "a line that ends with LF alone"),
            (h1::BARE_CR, "a CR without LF"),
            (h1::CONTENT_LENGTH, "a Content-Length that is not a number"),
            (h1::CONTENT_LENGTHS, "several lengths"),
            (h1::VERSION, "an unknown version"),
            (h1::HEAD_TOO_LONG, "a head that is too long to be read"),
            (h1::NOT_HTTP, "bytes that are no message"),
        ] {
            case.tell(kind, None, push, |odd, _| format!("{what}: {}", odd.found));
        }
        for (kind, what) in [
            (h1::TRAILER_FIELD, "a field that must not be in a trailer section"),
            (h1::BLANK_LINES, "blank lines before the start line"),
        ] {
            case.tell(kind, Some(Level::Info), push, |odd, _| format!("{what}: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// What is declared compressed can be decompressed.
pub static HTTP_024: Rule = Rule {
    code: "HTTP-024",
    name: "broken-coding",
    level: Level::Error,
    summary: "The body is coded as Content-Encoding says, whole and undamaged, and only so (a warning for what \
        follows the coded data or exceeds every bound, info for a coding that is not read here)",
    why: "A client that decompresses raises at the damage, at text that is not coded at all, or waits for an end \
        that does not come, often after a good answer. Without the field it shows coded bytes as text. The cause is \
        usually a proxy that removes the coding but not the field or the field but not the coding, compresses twice, \
        or takes coded bytes for text: then each byte that is not UTF-8 became U+FFFD, and nothing can be recovered.",
    source: "RFC 9110 section 8.4; RFC 1952 (gzip: magic bytes, CRC and length at the end); RFC 8878 (zstd); RFC 1950",
    breaks: &["openai-python", "openai-node", "every client that decompresses"],
    fix: "End the compressor when the body ends; a proxy that changes the coding changes the field.",
    bad: &[
        "ask; ok; < Content-Type: text/event-stream
         no-cache; < Content-Encoding: gzip
         chunked; role; word; stop; done; last",
        "ask; ok; < Content-Type: text/event-stream
         no-cache; < Content-Encoding: br
         chunked; role; word; stop; done; last",
        "chat; gzip-chat; last",
        r#"chat; <chunk \x1f\xef\xbf\xbd\x08\0\0\0\0\0\x02\xef\xbf\xbd
           last"#,
        "ask; ok; < Content-Type: text/event-stream
         no-cache; < Content-Encoding: compress
         chunked; role; last",
        // Info: only who has the dictionary can tell.
        r#"ask; ok; < Content-Type: text/event-stream
           no-cache; < Content-Encoding: dcb
           chunked; <chunk \xffDCB0123456789abcdef0123456789abcdef\x1b\x80
           last"#,
    ],
    good: &[
        "good-chat",
        "ask; ok; < Content-Type: text/event-stream
         no-cache; < Content-Encoding: gzip
         chunked; gzip-chat; last",
    ],
    // Compressed, and flushed at the end only.
    also: &[("DLV-003", Level::Info), ("HTTP-014", Level::Warning)],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        let whole = response.end == MessageEnd::Complete;
        for (kind, level, what, asked) in [
            (body::BROKEN, Level::Error, "the coded body is damaged", true),
            (body::INCOMPLETE, Level::Error, "the body ends before its coding does", whole),
            (body::NOT_CODED, Level::Error, "the body is not coded as declared", true),
            (
                body::UNDECLARED,
                Level::Error,
                "the body is coded, and Content-Encoding does not say so",
                is_text(response),
            ),
            (
                body::CODED_AS_TEXT,
                Level::Error,
                "the body was coded, and something took it for text: its bytes are lost",
                is_text(response),
            ),
            (body::TRAILING, Level::Warning, "bytes after the end of the coded data", whole),
            (body::BOMB, Level::Warning, "the body decodes to far more than bodies of its length do", true),
            (body::UNKNOWN, Level::Info, "the content coding is not read here", case.is_unread_coding()),
            (
                body::UNKNOWN,
                Level::Info,
                "Content-Encoding names no coding, and the body is not coded",
                !case.is_unread_coding(),
            ),
        ] {
            if asked {
                case.tell(kind, Some(level), push, |odd, _| format!("{what}: {}", odd.found));
            }
        }
        if let Some((odd, count)) = case.exchange.oddities.find(body::NEEDS_DICTIONARY) {
            let message = format!("the body cannot be decoded without its dictionary, {}", odd.found);
            let fix = Some("Nothing is wrong. To read such answers, have the client send no Available-Dictionary.");
            push(Finding { fix, ..Finding::of(odd, count, message) }.level(Level::Info));
        }
    },
    ..Rule::DEFAULT
};

/// The body claims to be text: its media type says so, or there is none.
fn is_text(response: &Response) -> bool {
    let Some(head) = &response.head else { return false };
    let text = |t: String| t.starts_with("text/") || t.ends_with("json") || is_lines(&t);
    essence(head).map_or(is_untyped(head), text)
}

/// How long the client waited for the rest of a body whose content was over, before it gave up.
fn waited_in_vain(case: &Case<'_>, response: &Response) -> Option<Span> {
    let document = response.framing == Framing::Json
        && response.record_count == 1
        && case.exchange.oddities.find(json::TRUNCATED).is_none();
    let over = case.ended.said_end || document;
    let gave_up = response.end == MessageEnd::CutByClient && over;
    case.ended.silence.filter(|silence| gave_up && *silence >= PATIENCE)
}

/// The finding of a body that was cut at this place. A client that left is not the server's fault.
fn cut(case: &Case<'_>, response: &Response, place: &str, push: &mut dyn FnMut(Finding)) {
    let at = Some(response.last_at);
    match response.end {
        MessageEnd::CutByServer => {
            let whole = if case.stream().is_some_and(answered) { "; the answer was complete" } else { "" };
            let message = format!("the server closed or reset {place}{whole}");
            push(Finding { at, ..Finding::at_end(response, message) });
        }
        MessageEnd::CutByClient if case.stream().is_some_and(answered) => {
            let message =
                format!("the client closed {place}, but after the end of the answer: it is complete, not truncated");
            push(Finding { at, ..Finding::new(message) }.level(Level::Info));
        }
        MessageEnd::CutByClient | MessageEnd::CutByCapture | MessageEnd::Complete => {}
    }
}
