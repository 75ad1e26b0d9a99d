//! Rules about the blocks of an event stream: where an event begins and ends, and which blocks are not events.

use super::in_llm_streams;
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::framing::sse as odd;
use crate::http::event::MessageEnd;
use crate::time::Span;

/// A client that leaves sooner after the last byte did not wait for an empty line.
const GAVE_UP: Span = Span::from_secs(1);

/// Every event ends with an empty line.
pub static SSE_001: Rule = Rule {
    code: "SSE-001",
    name: "unfinished-event",
    level: Level::Error,
    summary: "Every event ends with an empty line; nothing is pending at the end of the stream",
    why: "An event exists only once its empty line has come. The standard's algorithm and most clients throw away \
        what is pending at the end. So the last event is lost without an error: the finish reason, the [DONE], or, \
        with LitServe, the error message itself.",
    source: "WHATWG HTML 9.2.6 (end of file: the pending block is discarded); LitServe's error frame has no line end",
    breaks: &[
        "openai-python",
        "openai-node 6",
        "langchain",
        "groq-python",
        "mistral-js",
        "hf-js",
        "httpx-sse",
        "fetch-event-source",
        "eventsource",
        "ai-sdk",
        "google-genai js",
    ],
    fix: "Write `\\n\\n` after every event, the last one and error frames included.",
    bad: &[
        r#"chat; role; word; stop; <chunk data: [DONE]\n
           last"#,
        "chat; role; word; stop; <chunk data: [DONE]
         last",
        r#"chat; send data: $word\n
           wait 20s; !fin >"#,
        r#"chat; role; word; <chunk data: $stop\n
           last"#,
    ],
    good: &[
        "good-chat",
        r#"chat; role; send data: $word\n
           wait 20ms; !fin >"#,
    ],
    // A client that leaves in the middle.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        match response.end {
            MessageEnd::Complete => case.tell(odd::PENDING_AT_END, None, push, |odd, _| {
                format!("the stream ends inside an event, which is lost: {}", odd.found)
            }),
            // The client waited in vain for the empty line: a whole event was there, and nothing was dispatched.
            MessageEnd::CutByClient if case.ended.silence.is_some_and(|silence| silence >= GAVE_UP) => {
                case.tell(odd::WAITING_AT_END, None, push, |odd, _| {
                    format!(
                        "an event is pending, its empty line never came, and the client gave up waiting: {}",
                        odd.found
                    )
                });
            }
            // Another cut naturally leaves something pending: then the cut is the finding.
            _ => {}
        }
    },
    ..Rule::DEFAULT
};

/// One data line per event.
pub static SSE_005: Rule = Rule {
    code: "SSE-005",
    name: "several-data-lines",
    level: Level::Warning,
    summary: "An event of a language model's stream has one `data:` line",
    why: "The standard joins several data lines with line feeds, and an EventSource reads such an event well. But \
        many readers that were written for OpenAI's streams parse each line by itself: the first is half a JSON \
        document.",
    source: "WHATWG HTML 9.2.6 (legal); OpenAI streaming guide (always one line per event); docs/laboratory.md, run \
        `multiline`",
    breaks: &[
        "huggingface_hub",
        "google-genai js",
        "go-openai",
        "Zed",
        "Copilot Chat",
        "Continue",
        "Open WebUI",
        "readers that go line by line",
    ],
    fix: "Serialise the JSON on one line and write one `data:` line for it.",
    bad: &[r#"chat; role
           send data: {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion.chunk","created":1764124490,\ndata: "model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n
           stop; done; last"#],
    good: &[
        "good-chat",
        r#"news; send data: one\ndata: two\n\n
           last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        if case.llm_stream().is_some() {
            case.tell(odd::MULTIPLE_DATA_LINES, None, push, |odd, n| {
                format!("{} of several data lines; the first has {}", many(n, "event", "events"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// Events are apart.
pub static SSE_006: Rule = Rule {
    code: "SSE-006",
    name: "missing-blank-line",
    level: Level::Error,
    summary: "Events are separated by an empty line, not by one line end",
    why: "Without the empty line the event does not end: the data lines of two events become one event with two JSON \
        documents in it, or the whole stream becomes one event that is never dispatched. A reader that goes line by \
        line shows the answer, so the server's author sees nothing wrong, while every client that follows the \
        standard shows none.",
    source: "WHATWG HTML 9.2.6 (an event is dispatched at an empty line); llama.cpp issue 14268",
    breaks: &["openai-python", "openai-node", "eventsource", "every client that follows the standard"],
    fix: "Write `\\n\\n` after each event; where a template adds one line end, add the other.",
    bad: &[r#"chat; role; send data: $word\n
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        // Even if the stream was cut: an event that was dispatched is complete.
        case.tell(odd::MERGED_EVENTS, None, push, |odd, n| {
            format!(
                "{} without an empty line between them: {}",
                many(n, "place with events", "places with events"),
                odd.found
            )
        });
    },
    ..Rule::DEFAULT
};

/// No block without data.
pub static SSE_012: Rule = Rule {
    code: "SSE-012",
    name: "block-without-data",
    level: Level::Warning,
    summary: "No block of fields lacks `data`, such as `event: ping` alone (info only, outside of streams of \
        language models)",
    why: "The standard dispatches nothing for such a block, but several SDKs dispatch an event with empty data and \
        fail to parse it as JSON. A comment (`: ping`) keeps a connection alive without that risk.",
    source: "WHATWG HTML 9.2.6 (empty data buffer: no event)",
    breaks: &["openai-python", "langchain", "groq-python", "litellm", "httpx-sse", "fetch-event-source"],
    fix: "Use comments (`: keep-alive`) for keep-alive; leave out blocks that have only `event:`, `id:` or `retry:`.",
    bad: &[r#"chat; role; <chunk event: ping\n\n
           word; stop; done; last"#],
    good: &[r#"chat; <chunk : ping\n\n
           role; word; stop; done; last"#],
    // Comments are reported as info wherever they are.
    also: &[("SSE-021", Level::Info)],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(odd::BLOCK_WITHOUT_DATA, in_llm_streams(case), push, |odd, n| {
            format!("{} without data: {}", many(n, "block", "blocks"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// No event with empty data.
pub static SSE_013: Rule = Rule {
    code: "SSE-013",
    name: "empty-data",
    level: Level::Error,
    summary: "No event of a language model's stream has empty data",
    why: "By the standard and in the browser, an empty `data:` line is an event whose data is the empty string. \
        Clients hand it to their JSON parser and raise in the middle of the answer: 23 of 27 tested.",
    source: "WHATWG HTML 9.2.6",
    breaks: &["openai-python", "openai-node", "langchain", "mistral-python", "ai-sdk", "groq-python", "litellm"],
    fix: "Send a comment (`: keep-alive`) instead.",
    bad: &[r#"chat; role; <chunk data:\n\n
           word; stop; done; last"#],
    good: &[
        "good-chat",
        // Outside of model streams it is legal, and MCP opens its streams with one.
        r#"plain /events; <chunk id: 1\ndata:\n\n
           apart; <chunk data: news\n\n
           last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        if case.llm_stream().is_some() {
            case.tell(odd::EMPTY_DATA, None, push, |_, n| {
                format!("{} with empty data, which is not JSON", many(n, "event", "events"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// No event ids.
pub static SSE_014: Rule = Rule {
    code: "SSE-014",
    name: "event-ids",
    level: Level::Info,
    summary: "Streams of language models have no `id:` lines (a warning if a blank line without an event follows one)",
    why: "An id promises that the stream can be taken up again with Last-Event-ID, which no LLM server offers. By \
        itself it does no harm. But an id lasts from event to event. While one is set, several SDKs dispatch an \
        empty event at each blank line, for example at a second one or at the one after a comment, and fail to parse \
        it as JSON.",
    source: "WHATWG HTML 9.2.6 (the id buffer persists; no data: no event); \
          docs/laboratory.md, runs `idfield` (harmless) and `idfield_blank`",
    breaks: &["openai-python", "langchain", "groq-python", "litellm", "httpx-sse"],
    fix: "Leave `id:` out, or write exactly one blank line after each event and no comments.",
    bad: &[r#"chat; send id: 1\ndata: $role\n\n\n
           word; stop; done; last"#],
    good: &[
        "good-chat",
        r#"news; send id: 1\ndata: one\n\n\n
           last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        if case.llm_stream().is_none() {
            return;
        }
        if case.exchange.oddities.find(odd::BLANK_WITH_ID).is_some() {
            case.tell(odd::BLANK_WITH_ID, Some(Level::Warning), push, |_, n| {
                format!(
                    "{} after an id: some SDKs take it for an event",
                    many(n, "blank line without an event", "blank lines without events")
                )
            });
        } else {
            case.tell(odd::ID_FIELD, None, push, |odd, _| format!("events have ids, the first {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};
