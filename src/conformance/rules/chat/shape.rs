//! Rules about the shape of chunks: choices, deltas, roles, content.

use super::tell;
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};
use crate::oddity::Oddity;

/// Each chunk has choices.
pub static OAI_CHAT_011: Rule = Rule {
    code: "OAI-CHAT-011",
    name: "missing-choices",
    level: Level::Error,
    summary: "`choices` is an array in every chunk; a payload is a chunk or an error",
    why: "Clients iterate over choices without a check: null, an absent key, `{}` or a string in their place raises \
        in the middle of the answer.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: choices, required; \
          docs/laboratory.md, runs `choices_missing`, `choices_null`, \
          `emptyobj`",
    breaks: &["ai-sdk", "mistral-python", "mistral-js", "openai-python helper", "openai-node helper", "Zed"],
    fix: "Send `\"choices\":[]` if there is none; keep pings and provider data out of data lines.",
    bad: &[
        r#"chat; role
           data {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion.chunk","created":1764124490,"model":"m"}
           word; stop; done; last"#,
        "chat; role; data {}
         word; stop; done; last",
    ],
    good: &[
        "good-chat",
        r#"chat; role; word; stop
           chunk "choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}
           done; last"#,
    ],
    // Usage that the request did not ask for.
    also: &[("OAI-CHAT-029", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::CHOICES_MISSING, push, |odd, n| {
            format!("choices is {} in {}", odd.found, many(n, "chunk", "chunks"))
        });
        tell(case, odd::CHOICE_TYPE, push, |odd, _| format!("a choice is {}, not an object", odd.found));
        tell(case, odd::NOT_A_CHUNK, push, |odd, n| {
            format!("{} with nothing that a chunk has: {}", many(n, "object", "objects"), odd.found)
        });
        tell(case, odd::NOT_OBJECT, push, |odd, _| format!("a payload is not an object: {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// Empty choices mean usage or a filter.
pub static OAI_CHAT_012: Rule = Rule {
    code: "OAI-CHAT-012",
    name: "empty-choices",
    level: Level::Info,
    summary: "`choices` is empty only in the chunk with usage and in Azure's chunk with filter results",
    why: "Much code takes `choices[0]` without a check and fails at an empty array. Usage and filter results are \
        worth that; an empty chunk is not.",
    source: "OpenAI API reference, stream_options; Azure OpenAI, content filtering; langfuse issue 2833",
    breaks: &["code that takes choices[0]"],
    fix: "Do not send chunks that carry nothing.",
    bad: &[r#"chat; role; chunk "choices":[]
           word; stop; done; last"#],
    good: &[
        "good-chat",
        r#"chat; chunk "choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]
           role; word; stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::CHOICES_EMPTY, push, |_, n| {
            format!("{} without choices, usage or filter results", many(n, "chunk", "chunks"))
        });
    },
    ..Rule::DEFAULT
};

/// Choices have numbers.
pub static OAI_CHAT_013: Rule = Rule {
    code: "OAI-CHAT-013",
    name: "missing-choice-index",
    level: Level::Error,
    summary: "Each choice has an integer `index`",
    why: "The index is the key under which clients collect the text. Without it helpers raise, or collect under \
        undefined.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: choices.index, required; \
        docs/laboratory.md, run `index_missing`",
    breaks: &["openai-python helper", "openai-node helper", "ai-sdk", "mistral-python", "mistral-js", "Zed"],
    fix: "Write `\"index\":0` in each choice.",
    bad: &[r#"chat; role; choices [{"delta":{"content":"word "},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::CHOICE_INDEX_MISSING, push, |_, n| {
            format!("{} without an integer index", many(n, "choice", "choices"))
        });
    },
    ..Rule::DEFAULT
};

/// Each choice has a delta.
pub static OAI_CHAT_014: Rule = Rule {
    code: "OAI-CHAT-014",
    name: "missing-delta",
    level: Level::Warning,
    summary: "`delta` is an object in every choice, `{}` if it is empty (info: in chunks of Azure's content filter)",
    why: "Clients read `delta.content` without a check. With null or an absent key they raise, or skip the chunk and \
        lose the finish reason in it. Azure's asynchronous content filter documents chunks that have only its results: \
        a client of it must check, and clients of OpenAI do not.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: choices.delta, required; \
        docs/laboratory.md, run `delta_null`",
    breaks: &["openai-python helper", "mistral-python", "mistral-js", "langchain", "langchain-js"],
    fix: "Write `\"delta\":{}`; a serialiser that drops empty objects needs an exception here.",
    bad: &[r#"chat; role; word; choices [{"index":0,"delta":null,"finish_reason":"stop"}]
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::DELTA_MISSING, push, |odd, n| {
            format!("delta is {} in {}", odd.found, many(n, "choice", "choices"))
        });
        if case.stream_of(&openai_chat::DIALECT).is_some() {
            case.tell(odd::ANNOTATION_WITHOUT_DELTA, Some(Level::Info), push, |_, n| {
                format!("no delta in {} with results of a content filter only", many(n, "choice", "choices"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// The role comes first.
pub static OAI_CHAT_015: Rule = Rule {
    code: "OAI-CHAT-015",
    name: "missing-role",
    level: Level::Warning,
    summary: "The first delta of each choice has `\"role\":\"assistant\"`",
    why: "Helpers that build a message from the stream take its role from there; openai-node's raises \"missing role\".",
    source: "OpenAI API reference, the chat completion chunk object; docs/laboratory.md, run `role_missing`",
    breaks: &["openai-node helper"],
    fix: "Begin each choice with a chunk `\"delta\":{\"role\":\"assistant\",\"content\":\"\"}`.",
    bad: &["chat; word; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, odd::ROLE_MISSING, push, |odd, _| format!("no role in the first delta of {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// The role comes once.
pub static OAI_CHAT_016: Rule = Rule {
    code: "OAI-CHAT-016",
    name: "repeated-role",
    level: Level::Info,
    summary: "`role` is in the first delta only, and never null (a warning if it is an empty string)",
    why: "Readers that join deltas key by key append it: `assistantassistant`. Most readers don't, so repeating it \
        is only untidy. An empty role fails in readers with an enumeration.",
    source: "OpenAI API reference, the chat completion chunk object; TGI and LitServe repeat it; \
          docs/laboratory.md, runs `role_empty`, `role_null`",
    breaks: &["ai-sdk (empty or null)", "readers that join deltas key by key"],
    fix: "Leave the key out of all deltas but the first.",
    bad: &[
        r#"chat; role
           choices [{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}]
           stop; done; last"#,
        r#"chat; role; choices [{"index":0,"delta":{"role":"","content":"word "},"finish_reason":null}]
           stop; done; last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ROLE_REPEATED, push, |_, n| format!("the role comes again in {}", many(n, "delta", "deltas")));
        if case.stream_of(&openai_chat::DIALECT).is_some() {
            let level = |odd: &Oddity| (odd.found == "\"\"").then_some(Level::Warning);
            let level = case.exchange.oddities.find(odd::ROLE_EMPTY).and_then(|(odd, _)| level(odd));
            case.tell(odd::ROLE_EMPTY, level, push, |odd, n| {
                format!("role is {} in {}", odd.found, many(n, "delta", "deltas"))
            });
        }
    },
    ..Rule::DEFAULT
};

/// Content is text.
pub static OAI_CHAT_017: Rule = Rule {
    code: "OAI-CHAT-017",
    name: "content-not-text",
    level: Level::Warning,
    summary: "`content` of a delta is a string or null (info only in Mistral's streams, which are documented so)",
    why: "Clients append it to a string: an array of parts becomes `[object Object]`, or raises.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: delta.content, string or null; \
          docs/laboratory.md, run `content_array`",
    breaks: &["openai-python", "openai-node", "langchain", "ai-sdk", "most clients"],
    fix: "Send text as a string, and reasoning in its own field.",
    bad: &[r#"chat; role
           choices [{"index":0,"delta":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        let level = (response.answer.variant == Some("mistral")).then_some(Level::Info);
        case.tell(odd::CONTENT_TYPE, level, push, |odd, n| {
            format!("content is {} in {}", odd.found, many(n, "delta", "deltas"))
        });
    },
    ..Rule::DEFAULT
};

/// A stream has deltas.
pub static OAI_CHAT_043: Rule = Rule {
    code: "OAI-CHAT-043",
    name: "message-for-delta",
    level: Level::Error,
    summary: "Choices of a stream have `delta`; `message` belongs to the plain answer",
    why: "Clients read `choices[].delta` in a stream and find nothing there: an empty answer, or an exception. Servers \
        that make one serialiser do both send it.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: choices.delta, required",
    breaks: &["most clients"],
    fix: "Send what is new as `delta`, with the object chat.completion.chunk.",
    bad: &[r#"chat; choices [{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":null}]
           choices [{"index":0,"message":{},"finish_reason":"stop"}]
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::MESSAGE_FOR_DELTA, push, |_, n| {
            format!("message stands in the place of delta in {}: clients find no text", many(n, "choice", "choices"))
        });
    },
    ..Rule::DEFAULT
};
