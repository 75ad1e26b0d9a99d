//! Rules about Gemini and Vertex `streamGenerateContent`.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::gemini;
use crate::exchange::Response;
use crate::http::event::MessageEnd;

/// A request for events and the response head.
macro_rules! gemini {
    () => {
        concat!(
            "> POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1\n> Host: api.example\n",
            ">json {\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// A request for an array and the response head.
macro_rules! array {
    () => {
        concat!(
            "> POST /v1beta/models/m:streamGenerateContent HTTP/1.1\n> Host: api.example\n",
            ">json {\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: application/json; charset=UTF-8\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// A response with a word.
macro_rules! word_json {
    () => {
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"word \"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\"}"
    };
}

/// The last response.
macro_rules! stop_json {
    () => {
        concat!(
            "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"word\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],",
            "\"usageMetadata\":{\"promptTokenCount\":2,\"candidatesTokenCount\":3,\"totalTokenCount\":5},\"modelVersion\":\"m\"}"
        )
    };
}

/// A whole conforming stream of events.
macro_rules! good_gemini {
    () => {
        concat!(gemini!(), "<chunk data: ", word_json!(), "\\r\\n\\r\\n\n@ +20ms\n<chunk data: ", stop_json!(), "\\r\\n\\r\\n\n<last\n")
    };
}

/// A whole conforming array.
macro_rules! good_array {
    () => {
        concat!(array!(), "<chunk [", word_json!(), "\n@ +20ms\n<chunk ,\\r\\n", stop_json!(), "\n@ +20ms\n<chunk ]\n<last\n")
    };
}

/// It says why it stopped.
pub static GEM_001: Rule = Rule {
    code: "GEM-001",
    name: "gemini-without-finish-reason",
    level: Level::Error,
    summary: "A `finishReason` comes before the stream ends",
    why: "The dialect has no terminator: a finishReason is all that tells a whole answer from one that broke off. Clients report INCOMPLETE, or take \
          the half for the whole. A blocked prompt (promptFeedback) and an error end the stream as well.",
    source: "Gemini API reference, GenerateContentResponse: Candidate.finishReason; req_llm issue 638",
    breaks: &["clients that report INCOMPLETE", "req_llm"],
    fix: "Send a last response with finishReason, with or without parts; a relay must not drop responses without text.",
    bad: &[concat!(gemini!(), "<chunk data: ", word_json!(), "\\r\\n\\r\\n\n<last\n")],
    good: &[
        good_gemini!(),
        good_array!(),
        concat!(gemini!(), "<chunk data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\\r\\n\\r\\n\n<last\n"),
        concat!(gemini!(), "<chunk data: ", word_json!(), "\\r\\n\\r\\n\n!rst >\n"),
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if stream(case).is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(gemini::NO_FINISH_REASON, None, push, |_, _| "the stream ends without a finishReason".into());
        }
    },
};

/// The narrow form that Google's SDKs read.
pub static GEM_002: Rule = Rule {
    code: "GEM-002",
    name: "more-than-data-lines",
    level: Level::Warning,
    summary: "Events are `data: ` lines with the space and nothing else: no comments, no `event:`, no `[DONE]`",
    why: "Google's SDKs do not read server-sent events by the standard but cut at blank lines and expect each block to begin with `data: `. Python's \
          raises on a comment, an event line, a missing space or [DONE]; JavaScript's drops a block that begins with anything else, and with it \
          the text, and raises on [DONE].",
    source: "google-genai 3.4.0 (Python) and 2.32 (JavaScript), tested; Gemini API reference, alt=sse",
    breaks: &["google-genai python", "google-genai js"],
    fix: "Write `data: ` and the JSON only; keep the connection alive by other means than comments.",
    bad: &[
        concat!(gemini!(), "<chunk data:", word_json!(), "\\r\\n\\r\\n\n<chunk data:", stop_json!(), "\\r\\n\\r\\n\n<last\n"),
        concat!(gemini!(), "<chunk : ping\\r\\n\\r\\n\n<chunk data: ", stop_json!(), "\\r\\n\\r\\n\n<last\n"),
        concat!(gemini!(), "<chunk event: message\\r\\ndata: ", stop_json!(), "\\r\\n\\r\\n\n<last\n"),
        concat!(gemini!(), "<chunk data: ", stop_json!(), "\\r\\n\\r\\n\n<chunk data: [DONE]\\r\\n\\r\\n\n<last\n"),
    ],
    good: &[good_gemini!(), good_array!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = stream(case) else { return };
        case.tell(crate::framing::sse::DATA_WITHOUT_SPACE, None, push, |_, n| {
            format!("no space behind `data:` in {}", many(n, "line", "lines"))
        });
        case.tell(gemini::EVENT_NAME, None, push, |odd, n| format!("{} with an event line: {}", many(n, "event", "events"), odd.found));
        case.tell(gemini::FOREIGN_TERMINATOR, None, push, |_, _| "`[DONE]` in a Gemini stream".into());
        if response.comments > 0 {
            push(Finding::new(many(response.comments, "comment line", "comment lines")));
        }
    },
};

/// The bracket is closed.
pub static GEM_003: Rule = Rule {
    code: "GEM-003",
    name: "array-not-closed",
    level: Level::Error,
    summary: "The array form ends with its `]`",
    why: "Without the bracket the body is no JSON: a client that reads it whole raises, one that reads element by element waits for more.",
    source: "RFC 8259 section 5; Gemini API reference, streamGenerateContent without alt=sse",
    breaks: &["JSON parsers"],
    fix: "Close the array also when the answer fails: put the error as its last element.",
    bad: &[concat!(array!(), "<chunk [", word_json!(), "\n@ +20ms\n<chunk ,\\r\\n", stop_json!(), "\n<last\n")],
    good: &[good_array!(), concat!(array!(), "<chunk [", word_json!(), "\n!rst >\n")],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = stream(case) else { return };
        let terminator = &response.answer.terminator;
        if response.end == MessageEnd::Complete && terminator.expected == Some("]") && !terminator.own {
            let record = response.record_count.checked_sub(1);
            push(Finding { record, at: Some(response.last_at), ..Finding::new("the array is not closed: no `]` at the end") });
        }
    },
};

/// It stops once.
pub static GEM_004: Rule = Rule {
    code: "GEM-004",
    name: "early-finish-reason",
    level: Level::Info,
    summary: "Only the last response with candidates has a `finishReason`",
    why: "Older Gemini versions put STOP into every response. A loop that stops at the first finishReason shows the first words of the answer.",
    source: "LiteLLM issue 2195; zotero-pdf-translate issue 806; Gemini API reference: empty if the model has not stopped generating",
    breaks: &["loops that stop at the first finishReason"],
    fix: "Servers: leave finishReason out until the end. Clients: read on to the end of the body.",
    bad: &[concat!(
        gemini!(),
        "<chunk data: ",
        stop_json!(),
        "\\r\\n\\r\\n\n@ +20ms\n<chunk data: ",
        stop_json!(),
        "\\r\\n\\r\\n\n<last\n"
    )],
    good: &[good_gemini!(), good_array!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        if stream(case).is_some() {
            case.tell(gemini::FINISH_EARLY, None, push, |_, n| format!("{} behind a finishReason", many(n, "response", "responses")));
        }
    },
};

/// The response if it is a stream of this dialect.
fn stream<'a>(case: &Case<'a>) -> Option<&'a Response> {
    case.stream_of("gemini.generate")
}
