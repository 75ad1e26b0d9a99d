//! Rules about streams of generated text in any dialect.

use crate::conformance::case::many;
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::{self, anthropic, openai_chat};
use crate::exchange::Response;
use crate::framing::Framing;
use crate::http::event::MessageEnd;
use serde_json::Value;

mod text;

use text::bytes;
pub use text::{LLM_007, LLM_008, LLM_009, LLM_010, LLM_011};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] =
    &[&LLM_001, &LLM_002, &LLM_003, &LLM_004, &LLM_005, &LLM_006, &LLM_007, &LLM_008, &LLM_009, &LLM_010, &LLM_011];

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

/// Characters come whole.
pub static LLM_003: Rule = Rule {
    code: "LLM-003",
    name: "characters-lost",
    level: Level::Warning,
    summary: "No text has U+FFFD several times in a row: no character was decoded in pieces",
    why: "A character of two to four bytes was cut, and each piece was decoded by itself: a token that ends inside a \
        character, a cached answer that is cut by bytes, a proxy that decodes each read. Each piece became U+FFFD, the \
        replacement character, before it was written as JSON, so that the stream is valid and the character is lost.",
    source: "Unicode standard, section 3.9 (U+FFFD for each part of a sequence that is cut); WHATWG Encoding, decode \
        with `stream`",
    breaks: &["every client: the characters are lost"],
    fix: "Decode with a decoder that keeps the incomplete bytes for the next piece, or cut text between characters.",
    bad: &[
        r#"chat; role
           choices [{"index":0,"delta":{"content":"天\\ufffd"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"\\ufffd\\ufffd很好"},"finish_reason":null}]
           stop; done; last"#,
        // A proxy that decodes each read has both halves in one delta.
        r#"chat; role
           choices [{"index":0,"delta":{"content":"caf\u{fffd}\u{fffd}"},"finish_reason":null}]
           stop; done; last"#,
        r#"messages; message-start; block-start
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"The \\ufffd"}
           event content_block_delta "index":0,"delta":{"type":"text_delta","text":"\\ufffd sun"}
           block-stop; stopped end_turn"#,
        r#"chat; role
           choices [{"index":0,"delta":{"reasoning_content":"适\\ufffd"},"finish_reason":null}]
           choices [{"index":0,"delta":{"reasoning_content":"\\ufffd"},"finish_reason":null}]
           word; stop; done; last"#,
    ],
    good: &[
        "good-chat",
        // What the model wrote.
        r#"chat; role
           choices [{"index":0,"delta":{"content":"U+FFFD is \\ufffd, "},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"and \\ufffd again"},"finish_reason":null}]
           stop; done; last"#,
    ],
    silenced_by: &["SSE-016", "SSE-024"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(dialect::CHARACTERS_LOST, None, push, |_, n| {
                format!(
                    "{} with U+FFFD several times in a row: the replacement character stands for a character that was \
                        cut and decoded in pieces",
                    many(n, "record", "records")
                )
            });
        }
    },
    ..Rule::DEFAULT
};

/// Refusals in the form of the dialect.
pub static LLM_004: Rule = Rule {
    code: "LLM-004",
    name: "refusal-without-shape",
    level: Level::Warning,
    summary: "A refusal (4xx, 5xx) in JSON has the error form of the API that was asked",
    why: "Clients see the status and raise. But they look for message, type and code where their API has them, to \
        decide whether to try again and to say why. From a framework's `{\"detail\":…}`, or a gateway's \
        `{\"message\":…}`, they report a bare status, and all refusals look alike.",
    source: "the vendors' error pages: OpenAI (`error` with message, type, code), Anthropic (`type` error with \
        `error`), Google (`error` with code, message, status); FastAPI, HTTPException (`detail`); AWS API \
        Gateway (`message`)",
    breaks: &["retry logic", "clients that show error.message"],
    fix: "Make the error of the framework or the gateway into that of the API: an exception handler, an error page.",
    bad: &[
        r#"ask; < HTTP/1.1 503 Service Unavailable
           <json {"detail":"no healthy upstream"}"#,
        r#"ask; < HTTP/1.1 504 Gateway Timeout
           <json {"message":"Endpoint request timed out"}"#,
        r#"post /v1/messages {"model":"m","max_tokens":9,"stream":true,"messages":[]}
           < HTTP/1.1 422 Unprocessable Entity
           <json {"detail":[{"loc":["body","x"],"msg":"field required","type":"value_error.missing"}]}"#,
        r#"post /v1/responses {"model":"m","stream":true,"input":"Hi"}
           < HTTP/1.1 503 Service Unavailable
           <json {"detail":"no healthy upstream"}"#,
    ],
    good: &[
        "good-chat",
        r#"ask; < HTTP/1.1 429 Too Many Requests
           <json {"error":{"message":"slow down","type":"rate_limit_error","code":null}}"#,
        r#"post /v1/messages {"model":"m","max_tokens":9,"stream":true,"messages":[]}
           < HTTP/1.1 529 Overloaded
           <json {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        // The refusal of a hop that cannot pass a stream on (RFC 10036); it knows no API.
        r#"ask; < HTTP/1.1 501 Not Implemented
           < Proxy-Status: edge; error=incremental_refused
           <json {"detail":"cannot forward incrementally"}"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let json = |r: &&Response| r.framing == Framing::Json && !case.is_refused_by_hop();
        let Some(response) = case.response().filter(json) else { return };
        let Some(status) = response.head.as_ref().map(|h| h.status).filter(|status| *status >= 400) else { return };
        let kinds = [dialect::FOREIGN_ERROR, openai_chat::kinds::ERROR_SHAPE, anthropic::kinds::ERROR_SHAPE];
        let seen = kinds.into_iter().find(|kind| case.exchange.oddities.find(*kind).is_some());
        if let Some(kind) = seen.filter(|_| case.dialect().is_some_and(|d| d.generates)) {
            case.tell(kind, None, push, |odd, _| {
                format!("status {status} with an error that has not the form of this API: {}", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// The text of an answer counts.
pub static LLM_005: Rule = Rule {
    code: "LLM-005",
    name: "usage-without-output-tokens",
    level: Level::Warning,
    summary: "Usage of an answer with text or a call has output tokens",
    why: "Accounts, limits and dashboards count nothing, and tokens per second cannot be told. Gateways that make one \
        API's stream of another's write their last event before the figures have come.",
    source: "the vendors' descriptions of usage: output_tokens, completion_tokens; neutree pull request 404",
    breaks: &["usage accounts", "rate limits by tokens"],
    fix: "Wait for the usage of the server behind, or count; leave usage out where it is not known.",
    bad: &[
        r#"messages; message-start; text-block
           event message_delta "delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":0}
           message-stop; last"#,
        r#"ask "stream_options":{"include_usage":true}
           typed text/event-stream; charset=utf-8
           role; word; stop
           chunk "choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0,"total_tokens":9}
           done; last"#,
    ],
    good: &["good-message", "good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case) else { return };
        let answer = &response.answer;
        let deltas = answer.content_deltas + answer.reasoning_deltas + answer.tool_deltas;
        if answer.output_tokens == Some(0) && deltas > 0 && bytes(answer) > 0 {
            let came = many(deltas, "delta", "deltas");
            let found =
                Finding::at_end(response, format!("usage reports no output tokens, and {came} with output came"));
            // Where all figures are 0, the server does not count.
            let counts = answer.usage.as_ref().is_some_and(any_above_zero);
            push(if counts { found } else { Finding { level: Some(Level::Info), ..found } });
        }
    },
    ..Rule::DEFAULT
};

/// The tokens that count have come.
pub static LLM_006: Rule = Rule {
    code: "LLM-006",
    name: "tokens-without-output",
    level: Level::Info,
    summary: "Usage does not report many more output tokens than bytes of output came",
    why: "A token stands for a byte at least, mostly for three or four. If far more are charged than came, deltas were \
        lost on the way, or the model reasoned and neither its reasoning nor `reasoning_tokens` was passed on.",
    source: "opencode issue 43379: 859 tokens, one delta of eight words; BPE tokenizers begin with the single bytes",
    breaks: &["usage accounts", "figures per token"],
    fix: "Pass on every delta, or say in usage which tokens were reasoning.",
    bad: &[r#"ask "stream_options":{"include_usage":true}
           typed text/event-stream; charset=utf-8
           role; word; stop
           chunk "choices":[],"usage":{"prompt_tokens":9,"completion_tokens":859,"total_tokens":868}
           done; last"#],
    // Usage without the nulls before it.
    also: &[("OAI-CHAT-029", Level::Info)],
    good: &[
        "good-chat",
        r#"ask "stream_options":{"include_usage":true}
           typed text/event-stream; charset=utf-8
           role; word; stop
           chunk "choices":[],"usage":{"completion_tokens":859,"completion_tokens_details":{"reasoning_tokens":850}}
           done; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case) else { return };
        let answer = &response.answer;
        // Reasoning was hidden, and said so.
        if answer.reasoning_sign.is_some() && answer.reasoning_deltas == 0 {
            return;
        }
        let Some(tokens) = answer.streamed_tokens() else { return };
        let came = bytes(answer) as u64;
        if tokens > 2 * came + TOKENS_BESIDE {
            let found = format!("usage reports {tokens} output tokens, and {came} bytes of output came");
            push(Finding::at_end(response, found));
        }
    },
    ..Rule::DEFAULT
};

/// Tokens without text that an answer may have: marks of turns and calls, an end.
const TOKENS_BESIDE: u64 = 50;

/// A stream of generated text that came to its end without an error, all of its output as text.
fn whole<'a>(case: &Case<'a>) -> Option<&'a Response> {
    let response = case.stream().filter(|r| r.end == MessageEnd::Complete)?;
    let answer = &response.answer;
    let plain = answer.error.is_none() && answer.media == 0 && !answer.text_limited && answer.turns.is_empty();
    (plain && case.dialect().is_some_and(|d| d.generates)).then_some(response)
}

/// Whether a figure of usage is more than 0.
fn any_above_zero(usage: &Value) -> bool {
    match usage {
        Value::Object(members) => members.values().any(any_above_zero),
        Value::Number(n) => n.as_f64().is_some_and(|n| n > 0.0),
        _ => false,
    }
}
