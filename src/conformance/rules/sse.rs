//! Rules about the grammar of server-sent events (WHATWG HTML, section 9.2).

use crate::conformance::case::many;
use crate::conformance::{Level, Rule, kinds};
use crate::http::event::MessageEnd;

/// Every event ends with an empty line.
pub static SSE_001: Rule = Rule {
    code: "SSE-001",
    name: "unfinished-event",
    level: Level::Error,
    summary: "Every event ends with an empty line; nothing is pending at the end of the stream",
    why: "An event exists only once its empty line has come; what is pending at the end is thrown away by the standard's algorithm and by most \
          clients. So the last event is lost in silence: the finish reason, the [DONE], or, with LitServe, the error message itself.",
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
    fix: "Write `\\n\\n` behind every event, the last one and error frames included.",
    bad: &[
        concat!(chat!(), role!(), word!(), stop!(), "<chunk data: [DONE]\\n\n<last\n"),
        concat!(chat!(), role!(), word!(), stop!(), "<chunk data: [DONE]\n<last\n"),
    ],
    good: &[good_chat!()],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        // A cut leaves something pending as a matter of course: the cut is the finding then.
        if case.stream().is_none_or(|r| r.end != MessageEnd::Complete) {
            return;
        }
        case.tell(kinds::SSE_PENDING_AT_END, None, push, |odd, _| format!("the stream ends inside an event, which is lost: {}", odd.found));
    },
};

/// A space behind `data:`.
pub static SSE_002: Rule = Rule {
    code: "SSE-002",
    name: "data-without-space",
    level: Level::Info,
    summary: "A space follows the colon of `data:` (a warning in streams of language models)",
    why: "The standard allows `data:{…}` as well as `data: {…}`. But OpenAI's documentation shows the space, and readers written after it look for the \
          six characters `data: `. They skip every line of such a stream and show an empty answer. iFlow, old TGI and Spring servers leave it out.",
    source: "WHATWG HTML 9.2.6 (one space is optional); OpenAI streaming guide (always shown)",
    breaks: &["google-genai", "huggingface_hub (on [DONE])", "Dify plugins", "vLLM bench", "loops that test for \"data: \""],
    fix: "Write `data: ` with one space.",
    bad: &[concat!(
        chat!(),
        role!(),
        "<chunk data:{\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\\n\\n\n",
        stop!(),
        done!(),
        "<last\n"
    )],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let level = if case.llm_stream().is_some() { Level::Warning } else { Level::Info };
        case.tell(kinds::SSE_DATA_WITHOUT_SPACE, Some(level), push, |odd, n| {
            format!("{} without a space behind the colon: {}", many(n, "data line", "data lines"), odd.found)
        });
    },
};

/// A payload does not break its line.
pub static SSE_004: Rule = Rule {
    code: "SSE-004",
    name: "raw-newline-in-data",
    level: Level::Error,
    summary: "A payload stands on one `data:` line, or each of its lines has a `data:` of its own",
    why: "A line end inside the payload ends the field. What follows is no field and is dropped, so the client gets half a JSON document and raises, \
          or skips the event. It comes from pretty-printed JSON, from text pasted into a template without escaping, or from a line (an error, often) \
          that was written without `data:`.",
    source: "WHATWG HTML 9.2.6",
    breaks: &["every client that follows the standard"],
    fix: "Serialise the JSON on one line (line ends inside strings escaped as \\n).",
    bad: &[concat!(
        chat!(),
        role!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]\\n}\\n\\n\n",
        stop!(),
        done!(),
        "<last\n"
    )],
    good: &[
        good_chat!(),
        // The same line end with a field name of its own: one payload.
        "> GET /news HTTP/1.1\n> Host: api.example\n>\n\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n<chunk data: one\\ndata: two\\n\\n\n<last\n",
    ],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(kinds::SSE_NOT_A_FIELD_LINE, None, push, |odd, n| {
            format!("{} dropped: {}", many(n, "line that is no field is", "lines that are no fields are"), odd.found)
        });
    },
};

/// No block without data.
pub static SSE_012: Rule = Rule {
    code: "SSE-012",
    name: "block-without-data",
    level: Level::Warning,
    summary: "No block of fields without `data`, as `event: ping` alone (remarked on only, outside of streams of language models)",
    why: "The standard dispatches nothing for such a block, but several SDKs dispatch an event with empty data and fail to parse it as JSON. A comment \
          (`: ping`) keeps a connection alive without that risk.",
    source: "WHATWG HTML 9.2.6 (empty data buffer: no event)",
    breaks: &["openai-python", "langchain", "groq-python", "litellm", "httpx-sse", "fetch-event-source"],
    fix: "Use comments (`: keep-alive`) for keep-alive; leave out `event:`, `id:` and `retry:` blocks of their own.",
    bad: &[concat!(chat!(), role!(), "<chunk event: ping\\n\\n\n", word!(), stop!(), done!(), "<last\n")],
    good: &[concat!(chat!(), "<chunk : ping\\n\\n\n", role!(), word!(), stop!(), done!(), "<last\n")],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        let level = if case.llm_stream().is_some() { Level::Warning } else { Level::Info };
        case.tell(kinds::SSE_BLOCK_WITHOUT_DATA, Some(level), push, |odd, n| {
            format!("{} without data: {}", many(n, "block", "blocks"), odd.found)
        });
    },
};

/// No event with empty data.
pub static SSE_013: Rule = Rule {
    code: "SSE-013",
    name: "empty-data",
    level: Level::Error,
    summary: "No event with empty data in a stream of a language model",
    why: "An empty `data:` line is an event whose data is the empty string, by the standard and in the browser. Clients hand it to their JSON parser \
          and raise in the middle of the answer: 23 of 27 tested.",
    source: "WHATWG HTML 9.2.6",
    breaks: &["openai-python", "openai-node", "langchain", "mistral-python", "ai-sdk", "groq-python", "litellm"],
    fix: "Send a comment (`: keep-alive`) instead.",
    bad: &[concat!(chat!(), role!(), "<chunk data:\\n\\n\n", word!(), stop!(), done!(), "<last\n")],
    good: &[
        good_chat!(),
        // Outside of model streams it is legal, and MCP opens its streams with one.
        "> GET /events HTTP/1.1\n> Host: api.example\n>\n\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n<chunk id: 1\\ndata:\\n\\n\n\n<chunk data: news\\n\\n\n<last\n",
    ],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        if case.llm_stream().is_some() {
            case.tell(kinds::SSE_EMPTY_DATA, None, push, |_, n| {
                format!("{} with empty data, which is no JSON", many(n, "event", "events"))
            });
        }
    },
};

/// The stream is UTF-8.
pub static SSE_016: Rule = Rule {
    code: "SSE-016",
    name: "invalid-utf8",
    level: Level::Error,
    summary: "The stream is valid UTF-8",
    why: "An event stream is UTF-8 whatever the charset parameter says. Where a token ends inside a character, a server that sends its bytes as they \
          come, or cuts text by bytes, writes half a character and then something else. Python clients raise, browsers show U+FFFD.",
    source: "WHATWG HTML 9.2.6; RFC 8259 section 8.1",
    breaks: &["openai-python", "mistral-python", "langchain", "groq-python", "sseclient-py"],
    fix: "Hold incomplete characters back until their last byte has been generated.",
    bad: &[concat!(
        chat!(),
        role!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\xe2\\x82\"},\"finish_reason\":null}]}\\n\\n\n",
        stop!(),
        done!(),
        "<last\n"
    )],
    // A character that is cut between two chunks is whole all the same.
    good: &[concat!(
        chat!(),
        role!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\xe2\n\n",
        "<chunk \\x82\\xac\"},\"finish_reason\":null}]}\\n\\n\n\n",
        stop!(),
        done!(),
        "<last\n"
    )],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(kinds::SSE_INVALID_UTF8, None, push, |odd, n| {
            format!("bytes that are no UTF-8 at {}: {}", many(n, "place", "places"), odd.found)
        });
    },
};
