//! Rules about streams of generated text in any dialect.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&LLM_001, &LLM_002];

/// A delta adds to what came before.
pub static LLM_001: Rule = Rule {
    code: "LLM-001",
    name: "cumulative-deltas",
    level: Level::Error,
    summary: "Each delta is an increment: it does not repeat the text that came before it",
    why: "Clients join the deltas. If each delta has the whole text so far, the answer shows its first words many \
        times over, and arguments of tool calls are no JSON. The same holds if the last delta has the whole answer \
        again. A gateway that passes on the events of an API which repeats the text by design does this.",
    source: "OpenAI API reference, the chat completion chunk object: delta; qwen-code issues 3896, 3279, 1184",
    breaks: &["every client that joins deltas"],
    fix: "Send only what is new: cut off the part that was sent before. At DashScope set incremental_output to true.",
    bad: &[
        r#"chat; role
           choices [{"index":0,"delta":{"content":"The sky"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"The sky is"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"The sky is blue"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"The sky is blue."},"finish_reason":null}]
           stop; done; last"#,
        r#"chat; role; word*8
           choices [{"index":0,"delta":{"content":"word word word word word word word word "},"finish_reason":null}]
           stop; done; last"#,
        r#"messages; message-start; block-start
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"The sky"}
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"The sky is"}
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"The sky is blue"}
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"The sky is blue."}
           block-stop; stopped end_turn"#,
    ],
    good: &[
        "good-chat",
        "chat; role; word*8; stop; done; last",
        r#"chat; role
           choices [{"index":0,"delta":{"content":"ha"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"haha"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"hahaha"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"hahahaha"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"hahahahaha"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"hahahahahaha"},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_none() {
            return;
        }
        case.tell(dialect::CUMULATIVE, None, push, |odd, _| {
            format!("the deltas are cumulative: each has the whole text so far, not only what is new ({})", odd.found)
        });
        case.tell(dialect::WHOLE_AGAIN, None, push, |odd, _| {
            format!("after its increments the whole text comes again in one delta ({})", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Errors in the form of the dialect.
pub static LLM_002: Rule = Rule {
    code: "LLM-002",
    name: "foreign-error",
    level: Level::Error,
    summary: "An error in a stream has the form of the API that was asked",
    why: "Clients know the errors of their API only. They skip an object of another form, or take it for a part of the \
        answer without text: the answer ends early, and its message is lost. Gateways that pass on the error of \
        the server behind them do this.",
    source: "error pages of the vendors; docs/dialects.md a.27",
    breaks: &["most clients"],
    fix: "Translate the error into the form of the API that you offer, with its message.",
    bad: &[
        r#"gemini; crlf data: $candidate
           crlf data: {"detail":"upstream timed out"}
           last"#,
        r#"ollama; hi; line {"success":false,"errors":[{"code":7003,"message":"no route"}]}
           last"#,
        r#"cohere; cohere-text
           data {"error":{"message":"overloaded","type":"server_error"}}
           last"#,
    ],
    good: &["good-gemini", "good-ollama"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(dialect::FOREIGN_ERROR, None, push, |odd, n| {
                format!("{} in the form of another API: {}", many(n, "error", "errors"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};
