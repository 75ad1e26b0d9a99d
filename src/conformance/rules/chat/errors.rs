//! Rules about errors in a chat stream.

use super::{ERROR_AND_END, at_end, left_open, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};
use crate::http::event::MessageEnd;

/// Without an error there is no `error` key.
pub static OAI_CHAT_025: Rule = Rule {
    code: "OAI-CHAT-025",
    name: "error-null",
    level: Level::Error,
    summary: "Chunks have no `\"error\": null`",
    why: "Several clients ask whether the key is there, not what it holds: openai-go's JSON library counts null as \
        present, Jackson has a node for it. They raise at the first chunk of a good answer.",
    source: "openai-go, packages/ssestream; openai-java, SseHandler.kt; docs/laboratory.md, run `error_null`",
    breaks: &[
        "openai-go",
        "go-openai",
        "openai-java",
        "MacPaw/OpenAI",
        "ai-sdk openai-compatible",
        "ai-sdk openrouter",
        "hf-js",
    ],
    fix: "Leave the key out if there is no error (pydantic: exclude_none; Go: omitempty; Jackson: NON_NULL for this \
        field).",
    bad: &[r#"chat; role
           chunk "choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}],"error":null
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ERROR_NULL, push, |_, n| format!("{} with \"error\": null", many(n, "chunk", "chunks")));
    },
    ..Rule::DEFAULT
};

/// Errors in the form that clients look for.
pub static OAI_CHAT_026: Rule = Rule {
    code: "OAI-CHAT-026",
    name: "odd-error-shape",
    level: Level::Error,
    summary: "An error in the stream is `data: {\"error\":{\"message\":…,\"type\":…,\"code\":…}}`",
    why: "SDKs look for a key `error` that is an object with a message. If it is a string, many raise their own \
        error text (openai-python: \"An error occurred during streaming\"), and others see no error. They take \
        `{\"detail\":…}` and `{\"object\":\"error\"}` for a chunk without choices: the answer just ends early. In \
        each case the message is lost.",
    source: "openai-python, _streaming.py; openai-node, streaming.ts; docs/laboratory.md, runs `err_string`, \
        `err_detail`, `err_vllm`",
    breaks: &["openai-python", "openai-node", "groq-python", "huggingface_hub", "langchain", "most clients"],
    fix: "Catch exceptions of the generator and send the error as an event of that form, then `[DONE]` or the end of \
        the body.",
    bad: &[
        r#"chat; role; word; data {"error":"boom"}
           done; last"#,
        r#"chat; role; word; data {"detail":"boom"}
           done; last"#,
    ],
    good: &["good-chat", ERROR_AND_END],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ERROR_SHAPE, push, |odd, _| {
            format!("an error in a form that loses its message: {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// An error is followed by the end.
pub static OAI_CHAT_027: Rule = Rule {
    code: "OAI-CHAT-027",
    name: "no-end-behind-error",
    level: Level::Warning,
    summary: "After an error the stream ends: [DONE], or a proper end of the body",
    why: "A client that has the error still waits for the end. If the connection is cut instead, the client reports \
        a network error in place of the message; if it stays open, the client hangs.",
    source: "vLLM and SGLang (error, then [DONE]); LiteLLM issue 39748",
    breaks: &["openai-python", "clients that wait for the end"],
    fix: "Return from the handler after the error event.",
    bad: &["chat; role; word; mid-error; !rst <", "chat; role; word; mid-error; wait 20s; !fin >"],
    good: &["good-chat", ERROR_AND_END, "chat; role; word; mid-error; done; last"],
    argued: &[(
        "most clients",
        "They raise at the error itself, which is right; without the end their report is worse, or later.",
    )],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) =
            case.stream_of(&openai_chat::DIALECT).filter(|r| r.answer.error.is_some() && !r.answer.terminator.seen)
        else {
            return;
        };
        match response.end {
            MessageEnd::CutByServer => push(at_end(response, "the connection was cut after the error".into())),
            MessageEnd::CutByClient if left_open(case, response) => {
                push(at_end(response, "the body was left open after the error".into()))
            }
            _ => {}
        }
    },
    ..Rule::DEFAULT
};
