//! Rules about the transport: content type, and whether the body came to its end.

use crate::conformance::case::{answered, many};
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect;
use crate::exchange::Response;
use crate::framing::Framing;
use crate::http::event::{MessageEnd, ResponseHead, Transfer};

/// The content type is the one that the dialect promises.
pub static HTTP_001: Rule = Rule {
    code: "HTTP-001",
    name: "wrong-content-type",
    level: Level::Error,
    summary: "A streamed answer is sent under the content type that its dialect promises",
    why: "Clients choose their parser by the Content-Type of the response. OpenAI and Anthropic streams are text/event-stream, Ollama's are \
          application/x-ndjson. Under another type a strict client raises before it has read a byte, and a tolerant one takes the stream for one \
          document and waits for its end. LitServe sent correct events under application/x-ndjson up to 0.2.4, and Open WebUI showed nothing.",
    source: "WHATWG HTML 9.2 (server-sent events need text/event-stream); OpenAI streaming guide; LitServe issue 359, fixed in 0.2.5",
    breaks: TYPE_BREAKS,
    fix: "Send `Content-Type: text/event-stream` (OpenAI, Anthropic) or `application/x-ndjson` (Ollama); in frameworks: the media_type of the streaming response.",
    bad: &[LITSERVE_024, concat!(chat_as!("< Content-Type: text/plain; charset=utf-8\n"), role!(), word!(), stop!(), done!(), "<last\n")],
    good: &[
        good_chat!(),
        concat!(chat_as!("< content-type:   Text/Event-Stream;charset=\"utf-8\"\n"), role!(), word!(), stop!(), done!(), "<last\n"),
        // No stream: an error answers with JSON, and rightly so.
        concat!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n>json {\"model\":\"m\",\"stream\":true,\"messages\":[]}\n",
            "< HTTP/1.1 400 Bad Request\n<json {\"error\":{\"message\":\"messages is empty\",\"type\":\"invalid_request_error\",\"code\":null}}\n"
        ),
    ],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.stream_head() else { return };
        let Some(dialect) = response.dialect.filter(|d| *d != "none").and_then(dialect::by_name) else { return };
        if let Some(finding) = wrong_type(head, dialect.name, dialect.content_types) {
            push(finding);
        }
    },
};

/// Declared and actual framing agree.
pub static HTTP_002: Rule = Rule {
    code: "HTTP-002",
    name: "content-type-contradicts-body",
    level: Level::Error,
    summary: "The declared content type and the framing of the bytes agree",
    why: "The header says one framing and the body has another, so whoever believes the header cuts the body at the wrong places: an NDJSON reader \
          tries to parse `data: {…}` as JSON, an event-stream reader drops lines that are no fields. What the bytes are is told here from the bytes \
          alone.",
    source: "RFC 9110 section 8.3; WHATWG HTML 9.2; LitServe commit e23469c4 (application/x-ndjson over server-sent events)",
    breaks: TYPE_BREAKS,
    fix: "Declare what is sent: text/event-stream for `data:` lines, application/x-ndjson for one JSON value a line, application/json for one array.",
    bad: &[
        LITSERVE_024,
        concat!(
            "> POST /api/chat HTTP/1.1\n> Host: localhost:11434\n>json {\"model\":\"m\",\"messages\":[]}\n",
            "< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n<chunk ",
            ollama_word!(),
            "\\n\n",
            ollama_done!(),
            "<last\n"
        ),
    ],
    good: &[good_chat!(), concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n", ollama_done!(), "<last\n")],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.stream_head() else { return };
        let Some(declared) = essence(head) else { return };
        if !fits(&declared, response.framing) {
            let message = format!("declared {declared}, but the bytes are {}", response.framing.as_str());
            push(Finding { at: response.first_record_at, ..Finding::in_head(&head.fields, "content-type", message) });
        }
    },
};

/// A content type is there.
pub static HTTP_003: Rule = Rule {
    code: "HTTP-003",
    name: "missing-content-type",
    level: Level::Warning,
    summary: "A streamed answer has a Content-Type",
    why: "Without a content type a client has to guess, and many refuse instead. Frameworks leave it out when a generator is returned without a media \
          type: LitServe's plain streaming did.",
    source: "RFC 9110 section 8.3 (a sender that knows the type should say it); LitServe without an API specification",
    breaks: TYPE_BREAKS,
    fix: "Set the media type where the streaming response is made.",
    bad: &[concat!(chat_as!(""), role!(), word!(), stop!(), done!(), "<last\n")],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.stream_head() else { return };
        if essence(head).is_none() {
            let message = format!("no Content-Type; the bytes are {}", response.framing.as_str());
            push(Finding { at: Some(head.first_at), ..Finding::new(message) });
        }
    },
};

/// A chunked body has its last chunk.
pub static HTTP_006: Rule = Rule {
    code: "HTTP-006",
    name: "missing-last-chunk",
    level: Level::Error,
    summary: "A chunked body ends with the chunk of length zero",
    why: "The zero chunk is the only proof that a chunked body is whole. When the server closes or resets the connection before it, most clients \
          raise (\"incomplete chunked read\", \"socket hang up\"), even after a complete answer. A client that closes is another matter: openai-python \
          stops at [DONE], often before the zero chunk has come. That answer is complete, and this rule then only remarks on it.",
    source: "RFC 9112 sections 7.1 and 8",
    breaks: &["openai-node", "openai-python", "groq-python", "groq-js", "ai-sdk", "langchain-js", "fetch-event-source"],
    fix: "Let the handler return instead of dying; look for a worker timeout, a crash, or a proxy's read timeout at the time of the cut.",
    bad: &[
        concat!(chat!(), role!(), word!(), "!fin <\n"),
        concat!(chat!(), role!(), word!(), "!rst <\n"),
        // Complete for the reader, and still an exception for most clients.
        concat!(chat!(), role!(), word!(), stop!(), done!(), "!fin <\n"),
    ],
    good: &[good_chat!(), concat!(chat!(), role!(), word!(), "!end\n")],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if transfer(response) == Some(Transfer::Chunked) {
            cut(case, response, "before the last chunk", push);
        }
    },
};

/// As many bytes as announced.
pub static HTTP_007: Rule = Rule {
    code: "HTTP-007",
    name: "short-body",
    level: Level::Error,
    summary: "A body has as many bytes as its Content-Length announces",
    why: "A body that is shorter than announced is incomplete by definition; clients raise, or wait for the rest until their timeout.",
    source: "RFC 9112 sections 6.3 and 8",
    breaks: &["openai-node", "groq-python", "groq-js", "ai-sdk", "langchain-js", "fetch-event-source", "sseclient-py"],
    fix: "Compute Content-Length from the bytes that are really sent (after compression), or send a stream chunked.",
    bad: &[
        "> GET /v1/models HTTP/1.1\n> Host: api.example\n>\n\n< HTTP/1.1 200 OK\n< Content-Type: application/json\n< Content-Length: 40\n<\n<| {\"object\":\"list\",\n!fin <\n",
    ],
    good: &[
        "> GET /v1/models HTTP/1.1\n> Host: api.example\n>\n\n< HTTP/1.1 200 OK\n<json {\"object\":\"list\",\"data\":[]}\n",
        // An answer to HEAD announces what GET would get, and has no body.
        "> HEAD /v1/models HTTP/1.1\n> Host: api.example\n>\n\n< HTTP/1.1 200 OK\n< Content-Length: 40\n<\n",
    ],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.response() else { return };
        if let Some(Transfer::Length(announced)) = transfer(response) {
            cut(case, response, &format!("after {} of {}", response.body.wire_bytes, many(announced, "byte", "bytes")), push);
        }
    },
};

const TYPE_BREAKS: &[&str] =
    &["mistral-python", "mistral-js", "hf-js", "httpx-sse", "fetch-event-source", "eventsource", "okhttp-sse", "Open WebUI", "NextChat"];

/// Correct events under the type that LitServe up to 0.2.4 gave them.
const LITSERVE_024: &str = concat!(chat_as!("< Content-Type: application/x-ndjson\n"), role!(), word!(), stop!(), done!(), "<last\n");

/// The finding of a body that was cut at this place. A client that left is no fault of the server's.
fn cut(case: &Case<'_>, response: &Response, place: &str, push: &mut dyn FnMut(Finding)) {
    let at = Some(response.last_at);
    match response.end {
        MessageEnd::CutByServer => {
            let whole = if case.stream().is_some_and(answered) { "; the answer was complete" } else { "" };
            let message = format!("the server closed or reset {place}{whole}");
            push(Finding { at, ..Finding::at_end(response, message) });
        }
        MessageEnd::CutByClient if case.stream().is_some_and(answered) => {
            let message = format!("the client closed {place}, but behind the end of the answer: it is complete, not truncated");
            push(Finding { at, ..Finding::new(message) }.level(Level::Info));
        }
        MessageEnd::CutByClient | MessageEnd::CutByCapture | MessageEnd::Complete => {}
    }
}

fn transfer(response: &Response) -> Option<Transfer> {
    response.head.as_ref().map(|h| h.transfer)
}

/// The media type without parameters in lower case; none where the field is absent or empty.
pub(super) fn essence(head: &ResponseHead) -> Option<String> {
    let value = head.fields.text("content-type")?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

/// The declared type is none of those that the dialect promises. A suffix (`application/grpc+proto`) is the same type.
pub(crate) fn wrong_type(head: &ResponseHead, dialect: &str, promised: &[&str]) -> Option<Finding> {
    let declared = essence(head)?;
    let same = |t: &str| declared.strip_prefix(t).is_some_and(|rest| rest.is_empty() || rest.starts_with('+'));
    if promised.is_empty() || promised.iter().any(|t| same(t)) {
        return None;
    }
    let message = format!("Content-Type is {declared}; {dialect} promises {}", promised.join(" or "));
    Some(Finding { at: Some(head.first_at), ..Finding::in_head(&head.fields, "content-type", message) })
}

/// This media type may carry this framing.
fn fits(declared: &str, framing: Framing) -> bool {
    const LINES: &[&str] = &[
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
        "application/json-lines",
        "application/stream+json",
        "application/x-json-stream",
    ];
    let json = declared == "application/json" || declared == "text/json" || declared.ends_with("+json");
    match framing {
        Framing::Sse => declared == "text/event-stream",
        Framing::Ndjson => LINES.contains(&declared),
        Framing::JsonArray => json,
        // No type is registered for values without a delimiter; any JSON type may carry them, one of lines may not.
        Framing::ConcatJson => json,
        Framing::JsonSeq => declared == "application/json-seq" || declared.ends_with("+json-seq"),
        Framing::AwsEventStream => declared == "application/vnd.amazon.eventstream",
        Framing::Grpc => declared.starts_with("application/grpc") || declared.starts_with("application/connect+"),
        Framing::Json | Framing::Text | Framing::Binary | Framing::Empty => true,
    }
}
