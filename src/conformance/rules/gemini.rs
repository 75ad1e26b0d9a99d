//! Rules about Gemini and Vertex `streamGenerateContent`.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::{gemini, gemini_interactions as interactions};
use crate::exchange::Response;
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&GEM_001, &GEM_002, &GEM_003, &GEM_004, &GEM_005, &GEM_006, &GEM_007];

/// It says why it stopped.
pub static GEM_001: Rule = Rule {
    code: "GEM-001",
    name: "gemini-without-finish-reason",
    level: Level::Error,
    summary: "A `finishReason` comes before the stream ends",
    why: "The dialect has no terminator: a finishReason is the only sign that tells a whole answer from one that \
        broke off. Clients report INCOMPLETE, or take half an answer for the whole. A blocked prompt \
        (promptFeedback) and an error end the stream as well.",
    source: "Gemini API reference, GenerateContentResponse: Candidate.finishReason; req_llm issue 638",
    breaks: &["clients that report INCOMPLETE", "req_llm"],
    fix: "Send a last response with finishReason, with or without parts; a relay must not drop responses without text.",
    bad: &[
        "gemini; crlf data: $candidate
         last",
        // One of two candidates.
        r#"gemini; crlf data: {"candidates":[{"index":0,"content":{"parts":[{"text":"Red"}]}},{"index":1,"content":{"parts":[{"text":"Blue"}]}}]}
           crlf data: {"candidates":[{"index":0,"content":{"parts":[]},"finishReason":"STOP"}]}
           last"#,
    ],
    good: &[
        "good-gemini",
        "good-array",
        r#"gemini; crlf data: {"promptFeedback":{"blockReason":"SAFETY"}}
           last"#,
        "gemini; crlf data: $candidate
         !rst >",
    ],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info), ("GEM-006", Level::Warning)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        if stream(case).is_some_and(|r| r.end == MessageEnd::Complete) {
            case.tell(gemini::NO_FINISH_REASON, None, push, |odd, _| match case.ended.said_end {
                _ if !odd.found.is_empty() => format!("the stream ends without a finishReason of {}", odd.found),
                // A gateway says it as another API does: [DONE].
                true => "no finishReason came, and something else says that the answer is over".into(),
                false => "the stream ends without a finishReason".into(),
            });
        }
    },
    ..Rule::DEFAULT
};

/// The narrow form that Google's SDKs read.
pub static GEM_002: Rule = Rule {
    code: "GEM-002",
    name: "more-than-data-lines",
    level: Level::Warning,
    summary: "Events have only `data: ` lines with the space: no comments, no `event:`, no `[DONE]`",
    why: "Google's SDKs do not read server-sent events by the standard. They cut at blank lines and expect each \
        block to begin with `data: `. The one for Python raises on a comment, an event line, a missing space or \
        [DONE]. The one for JavaScript drops a block that begins with anything else, with its text, and raises on \
        [DONE].",
    source: "google-genai 3.4.0 (Python) and 2.32 (JavaScript), tested; Gemini API reference, alt=sse",
    breaks: &["google-genai python", "google-genai js"],
    fix: "Write `data: ` and the JSON only; keep the connection alive by other means than comments.",
    bad: &[
        "gemini; crlf data:$candidate
         crlf data:$last-candidate
         last",
        "gemini; crlf : ping
         crlf data: $last-candidate
         last",
        r#"gemini; crlf event: message\r\ndata: $last-candidate
           last"#,
        "gemini; crlf data: $last-candidate
         crlf data: [DONE]
         last",
    ],
    good: &["good-gemini", "good-array"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = stream(case) else { return };
        case.tell(crate::framing::sse::DATA_WITHOUT_SPACE, None, push, |_, n| {
            format!("no space after `data:` in {}", many(n, "line", "lines"))
        });
        case.tell(gemini::EVENT_NAME, None, push, |odd, n| {
            format!("{} with an event line: {}", many(n, "event", "events"), odd.found)
        });
        case.tell(gemini::FOREIGN_TERMINATOR, None, push, |_, _| "`[DONE]` in a Gemini stream".into());
        if response.comments > 0 {
            push(Finding::new(many(response.comments, "comment line", "comment lines")));
        }
    },
    ..Rule::DEFAULT
};

/// The bracket is closed.
pub static GEM_003: Rule = Rule {
    code: "GEM-003",
    name: "array-not-closed",
    level: Level::Error,
    summary: "The array form ends with its `]`",
    why: "Without the bracket the body is not JSON: a client that reads it whole raises, one that reads element by \
        element waits for more.",
    source: "RFC 8259 section 5; Gemini API reference, streamGenerateContent without alt=sse",
    breaks: &["JSON parsers"],
    fix: "Close the array also when the answer fails: put the error as its last element.",
    bad: &["array-open; array-rest; last"],
    good: &["good-array", "array-open; !rst >"],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = stream(case) else { return };
        let terminator = &response.answer.terminator;
        if response.end == MessageEnd::Complete && terminator.expected == Some("]") && !terminator.own {
            let record = response.record_count.checked_sub(1);
            push(Finding {
                record,
                at: Some(response.last_at),
                ..Finding::new("the array is not closed: no `]` at the end")
            });
        }
    },
    ..Rule::DEFAULT
};

/// Only the last response has a finish reason.
pub static GEM_004: Rule = Rule {
    code: "GEM-004",
    name: "early-finish-reason",
    level: Level::Info,
    summary: "Only the last response with candidates has a `finishReason`",
    why: "Older Gemini versions put STOP into every response. A loop that stops at the first finishReason shows the \
        first words of the answer.",
    source: "LiteLLM issue 2195; zotero-pdf-translate issue 806; Gemini API reference: empty if the model has not \
        stopped generating",
    breaks: &["loops that stop at the first finishReason"],
    fix: "Servers: leave finishReason out until the end. Clients: read on to the end of the body.",
    bad: &["gemini; crlf data: $last-candidate
         wait 20ms; crlf data: $last-candidate
         last"],
    good: &["good-gemini", "good-array"],
    needs_all_bytes: false,
    check: |case, push| {
        if stream(case).is_some() {
            case.tell(gemini::FINISH_EARLY, None, push, |_, n| {
                format!("{} after a finishReason", many(n, "response", "responses"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// The model's calls can be made.
pub static GEM_005: Rule = Rule {
    code: "GEM-005",
    name: "unusable-call",
    level: Level::Warning,
    summary: "The answer does not finish with MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL or TOO_MANY_TOOL_CALLS",
    why: "The model wrote a call that can't be parsed or is not allowed, and the response has neither the call nor a \
        text. Clients that look for STOP or for parts show an empty answer, and agents stop without a reason.",
    source: "Gemini API reference, Candidate.FinishReason",
    breaks: &["agents", "clients that show the text only"],
    fix: "Ask again; simplify the declarations of functions, and lower the temperature.",
    bad: &[r#"gemini; crlf data: {"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL","index":0}]}
         last"#],
    good: &["good-gemini"],
    needs_all_bytes: false,
    check: |case, push| {
        if stream(case).is_some() {
            case.tell(gemini::CALL_UNUSABLE, None, push, |odd, _| {
                format!("the model's tool call can't be used: finishReason {}", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// The prompt was not blocked.
pub static GEM_006: Rule = Rule {
    code: "GEM-006",
    name: "prompt-blocked",
    level: Level::Warning,
    summary: "The prompt is answered: no `promptFeedback.blockReason`",
    why: "A blocked prompt gets status 200, no candidates and a reason. Clients that look for text find none: \
        `response.text` raises or is empty, and the reason is not shown.",
    source: "Gemini API reference, GenerateContentResponse: PromptFeedback.blockReason",
    breaks: &["clients that read response.text"],
    fix: "Show blockReason to the user; change the prompt or the request's safetySettings.",
    bad: &[r#"gemini; crlf data: {"promptFeedback":{"blockReason":"SAFETY"}}
           last"#],
    good: &["good-gemini"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell_of(&gemini::DIALECT, gemini::PROMPT_BLOCKED, push, |found| {
            format!("the prompt was blocked: {found}")
        });
    },
    ..Rule::DEFAULT
};

/// An interaction says that it is over.
pub static GEM_007: Rule = Rule {
    code: "GEM-007",
    name: "interaction-without-end",
    level: Level::Error,
    summary: "A stream of the Interactions API ends with `interaction.completed` or `error`",
    why: "The status comes with that event only: whether the answer is whole, waits for a function's result, or \
        failed. Clients end in silence on a stream without it, with half an answer. `[DONE]` alone says nothing.",
    source: "google-genai 3.6.1, InteractionCompletedEvent; Gemini API reference, Interactions",
    breaks: &["google-genai: no status", "usage accounts"],
    fix: "Pass the last events on before closing. What is missing can be had with the last `event_id`.",
    bad: &["interactions; interaction-text; last", "interactions; interaction-text; done; last"],
    good: &[
        "interactions; interaction-text; interaction-end; done; last",
        r#"interactions; interaction-text
           data {"event_type":"error","error":{"message":"overloaded"}}
           last"#,
        "interactions; interaction-text; !rst >",
    ],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let message = "the stream ends without `interaction.completed`";
        case.tell_at_end(&interactions::DIALECT, interactions::NO_END, push, message);
    },
    ..Rule::DEFAULT
};

/// The response if it is a stream of this dialect.
fn stream<'a>(case: &Case<'a>) -> Option<&'a Response> {
    case.stream_of(&gemini::DIALECT)
}
