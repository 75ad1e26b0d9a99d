//! Rules about the content type: there, right, and written as clients compare it.

use super::{essence, fits, is_lines, is_untyped, promises_records};
use crate::body;
use crate::conformance::{Finding, Level, Rule};
use crate::exchange::Response;
use crate::framing::Framing;

use crate::http::event::ResponseHead;

/// The content type is the one that the dialect promises.
pub static HTTP_001: Rule = Rule {
    code: "HTTP-001",
    name: "wrong-content-type",
    level: Level::Error,
    summary: "A streamed answer is sent under the content type that its dialect promises",
    why: "Clients choose their parser by the Content-Type of the response. OpenAI and Anthropic streams are \
        text/event-stream, Ollama's are application/x-ndjson. Under another type a strict client raises before it \
        has read a byte, and a tolerant one takes the stream for one document and waits for its end. LitServe sent \
        correct events under application/x-ndjson up to 0.2.4, and Open WebUI showed nothing.",
    source: "WHATWG HTML 9.2 (server-sent events need text/event-stream); OpenAI streaming guide; LitServe issue 359, \
        fixed in 0.2.5",
    breaks: TYPE_BREAKS,
    fix: "Send `Content-Type: text/event-stream` (OpenAI, Anthropic) or `application/x-ndjson` (Ollama); in \
        frameworks: the media_type of the streaming response.",
    bad: &[
        LITSERVE_024,
        "ask; typed text/plain; charset=utf-8
         role; word; stop; done; last",
    ],
    good: &[
        "good-chat",
        r#"ask; ok; < content-type:   Text/Event-Stream;charset="utf-8"
           no-cache; chunked; role; word; stop; done; last"#,
        // Not a stream: an error answers with JSON, and rightly so.
        r#"ask; < HTTP/1.1 400 Bad Request
           <json {"error":{"message":"messages is empty","type":"invalid_request_error","code":null}}"#,
    ],
    // A type in capitals is the right type, and unusual.
    also: &[("HTTP-005", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((_, head)) = case.stream_head() else { return };
        let Some(dialect) = case.dialect() else { return };
        if let Some(finding) = wrong_type(head, dialect.name, dialect.content_types) {
            push(finding);
        }
    },
    ..Rule::DEFAULT
};

/// Declared and actual framing agree.
pub static HTTP_002: Rule = Rule {
    code: "HTTP-002",
    name: "content-type-contradicts-body",
    level: Level::Error,
    summary: "The declared content type and the framing of the bytes agree",
    why: "The header says one framing and the body has another, so a client that believes the header cuts the body \
        at the wrong places: an NDJSON reader tries to parse `data: {…}` as JSON, an event-stream reader drops lines \
        that are not fields. This rule finds the framing from the bytes alone.",
    source: "RFC 9110 section 8.3; WHATWG HTML 9.2; LitServe commit e23469c4 (application/x-ndjson over server-sent \
        events)",
    breaks: TYPE_BREAKS,
    fix: "Declare what is sent: text/event-stream for `data:` lines, application/x-ndjson for one JSON value per \
        line, application/json for one array.",
    bad: &[
        LITSERVE_024,
        r#"> POST /api/chat HTTP/1.1
           > Host: localhost:11434
           >json {"model":"m","messages":[]}
           < HTTP/1.1 200 OK
           < Content-Type: text/event-stream
           chunked; hi; end; last"#,
        "chat; <chunk upstream connect error or disconnect/reset before headers
         last",
        "chat; <chunk <html><body>Sign in</body></html>
         last",
    ],
    good: &["good-chat", "good-ollama"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.succeeded_head() else { return };
        let Some(declared) = essence(head) else { return };
        let coded = |kind| case.exchange.oddities.find(kind).is_some();
        if coded(body::UNDECLARED) || coded(body::CODED_AS_TEXT) || coded(body::BROKEN) || case.is_unread_coding() {
            return;
        }
        let promised = promises_records(&declared) || (declared.ends_with("json") && !is_lines(&declared));
        let what = match response.framing {
            Framing::WebSocket | Framing::Empty => return,
            Framing::Json if promises_records(&declared) && !is_lines(&declared) => "one JSON document, and no record",
            Framing::Text if promised => "text, and nothing that was declared",
            Framing::Binary if promised => "binary, and nothing that was declared",
            framing if framing.is_stream() && !fits(&declared, framing) => framing.as_str(),
            _ => return,
        };
        let message = format!("declared {declared}, but the bytes are {what}{}", quoted(response));
        let at = response.first_record_at.or(response.body.first_at);
        push(Finding { at, ..Finding::in_head(&head.fields, "content-type", message) });
    },
    ..Rule::DEFAULT
};

/// A content type is there.
pub static HTTP_003: Rule = Rule {
    code: "HTTP-003",
    name: "missing-content-type",
    level: Level::Warning,
    summary: "A streamed answer has a Content-Type",
    why: "Without a content type a client has to guess, and many refuse instead. Frameworks leave it out when a \
        generator is returned without a media type: LitServe's plain streaming did.",
    source: "RFC 9110 section 8.3 (a sender that knows the type should say it); LitServe without an API specification",
    breaks: TYPE_BREAKS,
    fix: "Set the media type where the streaming response is made.",
    bad: &["ask; ok; no-cache; chunked; role; word; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((response, head)) = case.stream_head() else { return };
        if is_untyped(head) {
            let message = format!("no Content-Type; the bytes are {}", response.framing.as_str());
            push(Finding { at: Some(head.first_at), ..Finding::new(message) });
        }
    },
    ..Rule::DEFAULT
};

/// Only UTF-8.
pub static HTTP_004: Rule = Rule {
    code: "HTTP-004",
    name: "charset-not-utf8",
    level: Level::Info,
    summary: "The charset of an event stream or of JSON, if one is given, is utf-8",
    why: "Event streams and JSON are UTF-8 whatever the parameter says. Readers that believe another charset show \
        mojibake: each `é` becomes two letters.",
    source: "WHATWG HTML 9.2.5 (decoded as UTF-8, always); RFC 8259 sections 8.1 and 11; docs/laboratory.md, run \
        `ct_latin1`",
    breaks: &["huggingface_hub", "httpx-sse"],
    fix: "Write `charset=utf-8` or leave the parameter out; in Java and .NET set the response's character encoding.",
    bad: &[
        "ask; typed text/event-stream; charset=ISO-8859-1
         role; word; stop; done; last",
        r#"ask; typed text/event-stream; charset=ISO-8859-1
           role; data {$same"choices":[{"index":0,"delta":{"content":"é"},"finish_reason":null}]}
           stop; done; last"#,
    ],
    good: &[
        "good-chat",
        r#"ask; typed text/event-stream; charset="UTF-8"
           role; word; stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((_, head)) = case.stream_head() else { return };
        let Some(value) = head.fields.text("content-type") else { return };
        let utf8 = ["text/event-stream", "json"].iter().any(|t| value.to_ascii_lowercase().contains(t));
        if let Some(charset) =
            charset(&value).filter(|c| utf8 && !c.eq_ignore_ascii_case("utf-8") && !c.eq_ignore_ascii_case("utf8"))
        {
            push(Finding {
                at: Some(head.first_at),
                ..Finding::new(format!("charset is {charset}, and the bytes are UTF-8"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// Written as the clients compare it.
pub static HTTP_005: Rule = Rule {
    code: "HTTP-005",
    name: "unusual-content-type",
    level: Level::Info,
    summary: "The Content-Type is written once, in lower case, as a single value",
    why: "By the standard a type is compared without case, and there is only one. Several clients compare letter by \
        letter, or look for the type at the start of the value, and refuse `Text/Event-Stream` and \
        `application/json, text/event-stream`.",
    source: "RFC 9110 sections 8.3 and 8.3.1; httpx-sse issue 19; docs/laboratory.md, runs `ct_upper`, `list_ct`, \
        `dup_ct`",
    breaks: &["httpx-sse", "hf-js", "fetch-event-source", "eventsource", "mistral-python"],
    fix: "Write exactly `text/event-stream; charset=utf-8`, and make sure that no middleware adds a second one.",
    bad: &[
        "ask; typed Text/Event-Stream
         role; word; stop; done; last",
        "ask; typed application/json, text/event-stream
         role; word; stop; done; last",
    ],
    good: &[
        "good-chat",
        "ask; ok; < CONTENT-TYPE: text/event-stream; charset=UTF-8
         no-cache; chunked; role; word; stop; done; last",
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some((_, head)) = case.stream_head() else { return };
        let values: Vec<String> =
            head.fields.all("content-type").map(|v| String::from_utf8_lossy(v).into_owned()).collect();
        let Some(first) = values.first() else { return };
        let essence = first.split(';').next().unwrap_or_default();
        let what = match () {
            () if values.len() > 1 => format!("{} Content-Type fields: {}", values.len(), values.join(" and ")),
            () if essence.contains(',') => format!("Content-Type is a list: {first}"),
            () if essence.bytes().any(|b| b.is_ascii_uppercase()) => {
                format!("Content-Type is not lower case: {essence}")
            }
            () => return,
        };
        push(Finding { at: Some(head.first_at), ..Finding::new(what) });
    },
    ..Rule::DEFAULT
};

/// What a body without records says, where that is short.
fn quoted(response: &Response) -> String {
    let tail = response.body.tail.as_deref().filter(|_| !response.framing.is_stream());
    tail.map_or(String::new(), |tail| format!(": {}{}", tail.before, tail.after))
}

const TYPE_BREAKS: &[&str] = &[
    "mistral-python",
    "mistral-js",
    "hf-js",
    "httpx-sse",
    "fetch-event-source",
    "eventsource",
    "okhttp-sse",
    "Open WebUI",
    "NextChat",
];

/// Correct events under the type that LitServe up to 0.2.4 gave them.
const LITSERVE_024: &str = "ask; typed application/x-ndjson
         role; word; stop; done; last";

/// The value of the charset parameter, without quotes.
fn charset(value: &str) -> Option<&str> {
    let named = |p: &'_ str| p.trim().get(..8).is_some_and(|n| n.eq_ignore_ascii_case("charset="));
    value.split(';').skip(1).find(|p| named(p)).map(|p| p.trim()[8..].trim().trim_matches('"'))
}

/// A message if the declared type is not one that the dialect promises. A suffix (`application/grpc+proto`) is the
/// same type.
pub(crate) fn wrong_type(head: &ResponseHead, dialect: &str, promised: &[&str]) -> Option<Finding> {
    let declared = essence(head)?;
    let same = |t: &str| declared.strip_prefix(t).is_some_and(|rest| rest.is_empty() || rest.starts_with('+'));
    if promised.is_empty() || promised.iter().any(|t| same(t)) {
        return None;
    }
    let message = format!("Content-Type is {declared}; {dialect} promises {}", promised.join(" or "));
    Some(Finding { at: Some(head.first_at), ..Finding::in_head(&head.fields, "content-type", message) })
}
