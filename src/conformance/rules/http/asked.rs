//! Rules about whether the answer is what the request asked for.

use super::{essence, is_lines, is_untyped};
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::StreamsBy;
use crate::exchange::Response;
use crate::framing::Framing;
use crate::oddity::excerpt;

/// A stream was asked for.
pub static HTTP_017: Rule = Rule {
    code: "HTTP-017",
    name: "stream-not-streamed",
    level: Level::Warning,
    summary: "A request with `\"stream\": true` gets a stream, not one JSON document",
    why: "SDKs that asked for a stream look for events, find none and report an empty answer: 16 of 27 tested say \
        nothing at all. Mock servers do this, and gateways that don't support streaming for a model.",
    source: "OpenAI API reference, `stream`; docs/laboratory.md, run `nonstream_body`",
    breaks: &["openai-python", "openai-node", "groq-python", "langchain"],
    fix: "Stream, or refuse with status 400 and say that streaming is not supported.",
    bad: &["ask; < HTTP/1.1 200 OK
         <json $chat-document"],
    good: &[
        "good-chat",
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           >json {"model":"m","messages":[]}
           < HTTP/1.1 200 OK
           <json $chat-document"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = succeeded(case) else { return };
        let streamed = case.exchange.request.as_ref().and_then(|r| r.stream) == Some(true);
        let document =
            response.framing == Framing::Json && response.record_count == 1 && response.answer.error.is_none();
        let declared = response.head.as_ref().and_then(essence).unwrap_or_default();
        if streamed && document && declared.ends_with("json") && !is_lines(&declared) && case.dialect().is_some() {
            push(Finding {
                at: Some(response.first_at),
                ..Finding::new("a stream was asked for, and one JSON document came")
            });
        }
    },
    ..Rule::DEFAULT
};

/// No stream was asked for.
pub static HTTP_018: Rule = Rule {
    code: "HTTP-018",
    name: "unasked-stream",
    level: Level::Warning,
    summary: "A request without `\"stream\": true` gets one JSON document, not a stream",
    why: "A client that did not ask for a stream parses the whole body as JSON and raises at the first `data:`. \
        Gateways that always stream do this.",
    source: "OpenAI API reference, `stream` (default false); 9router issue 3492, OmniRoute issue 6740",
    breaks: &["openai-python", "openai-node", "every client that did not ask"],
    fix: "Collect the answer where the request does not ask for a stream.",
    bad: &[
        r#"> POST /v1/chat/completions HTTP/1.1
           > Host: api.example
           >json {"model":"m","stream":false,"messages":[]}
           events; role; word; stop; done; last"#,
        r#"> POST /v2/chat HTTP/1.1
           > Host: api.example
           >json {"model":"command-r","messages":[]}
           events; cohere-text; cohere-end; last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case
            .stream()
            .filter(|r| r.framing == Framing::Sse && case.dialect().is_some_and(|d| d.streams_by == StreamsBy::Flag))
        else {
            return;
        };
        let Some(request) = case.exchange.request.as_ref().filter(|r| r.asked.is_some()) else { return };
        if request.stream != Some(true) {
            let said = if request.stream.is_none() { "without `stream`" } else { "with `\"stream\":false`" };
            push(Finding {
                at: response.first_record_at,
                ..Finding::new(format!("a request {said} was answered with an event stream"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// A status of success means success.
pub static HTTP_019: Rule = Rule {
    code: "HTTP-019",
    name: "error-under-200",
    level: Level::Error,
    summary: "A response with status 200 is not an error object or an HTML page",
    why: "SDKs trust the status: they look for events in the error or the login page, find none, and return an empty \
        answer without raising. Retry logic does not see it either. Proxies, captive portals and gateways do this.",
    source: "RFC 9110 section 15.3; docs/laboratory.md, runs `plain_body_err` and `html_body`",
    breaks: &["openai-python", "openai-node", "langchain", "ai-sdk", "retry logic"],
    fix: "Answer with 4xx or 5xx and `{\"error\":{…}}` as application/json; check the base URL if a page comes back.",
    bad: &[
        r#"ask; < HTTP/1.1 200 OK
           <json {"error":{"message":"model not loaded","type":"server_error","code":null}}"#,
        "ask; < HTTP/1.1 200 OK
         < Content-Type: text/html
         < Content-Length: 41
         <
         <| <html><body>502 Bad Gateway</body></html>",
    ],
    good: &[
        r#"ask; < HTTP/1.1 500 Internal Server Error
           <json {"error":{"message":"model not loaded","type":"server_error","code":null}}"#,
        "good-chat",
        "get /; < HTTP/1.1 200 OK
         < Content-Type: text/html
         < Content-Length: 39
         <
         <| <html><body>Ollama is here</body></html>",
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = succeeded(case).filter(|_| generates(case)) else { return };
        let what = match (&response.answer.error, response.framing) {
            (Some(error), Framing::Json) => format!("an error under a success status: {error}"),
            (_, Framing::Text) => {
                let text = response.answer.texts.get(&0).map_or("", |t| t.trim_start());
                if !text.starts_with('<') {
                    return;
                }
                format!("a page under a success status: {}", excerpt(text.as_bytes()))
            }
            _ => return,
        };
        push(Finding { at: Some(response.first_at), ..Finding::new(what) });
    },
    ..Rule::DEFAULT
};

/// Failures are JSON.
pub static HTTP_020: Rule = Rule {
    code: "HTTP-020",
    name: "failure-not-json",
    level: Level::Info,
    summary: "A failure before the stream begins is 4xx or 5xx with a JSON body",
    why: "Clients read `error.message`, `error.type` and `error.code` to decide whether to retry and what to show. \
        From an HTML page or plain text they show nothing useful.",
    source: "OpenAI API reference, error codes; llama.cpp pull request 16486",
    breaks: &[],
    fix: "Give the gateway's error pages a JSON body for API paths.",
    bad: &["ask; < HTTP/1.1 502 Bad Gateway
         < Content-Type: text/html
         < Content-Length: 41
         <
         <| <html><body>502 Bad Gateway</body></html>"],
    good: &[
        "good-chat",
        r#"ask; < HTTP/1.1 429 Too Many Requests
           <json {"error":{"message":"slow down","type":"rate_limit_error","code":null}}"#,
        // A hop that cannot pass a stream on, with its reason in a field (RFC 10036).
        "ask; < HTTP/1.1 501 Not Implemented
         < Proxy-Status: edge; error=incremental_refused
         < Content-Length: 0
         <",
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.response().filter(|_| generates(case) && !case.is_refused_by_hop()) else { return };
        let Some(head) = response.head.as_ref().filter(|h| h.status >= 400) else { return };
        let declared = essence(head);
        if declared.is_none() && !is_untyped(head) {
            return;
        }
        if !declared.as_deref().is_some_and(|t| t.ends_with("json")) {
            let what = declared.map_or("no Content-Type".into(), |t| format!("Content-Type {t}"));
            push(Finding { at: Some(head.first_at), ..Finding::new(format!("status {} with {what}", head.status)) });
        }
    },
    ..Rule::DEFAULT
};

/// The response, if its status says success.
fn succeeded<'a>(case: &Case<'a>) -> Option<&'a Response> {
    case.response().filter(|r| r.head.as_ref().is_some_and(|h| (200..300).contains(&h.status)))
}

/// The request asks a model for something: its JSON body names one, or says whether to stream.
fn generates(case: &Case<'_>) -> bool {
    case.exchange.request.as_ref().is_some_and(|r| r.model.is_some() || r.stream.is_some())
}
