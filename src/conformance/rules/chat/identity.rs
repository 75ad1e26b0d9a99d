//! Rules about what names a response: id, time, object, model, and additional fields.

use super::tell;
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::kinds as odd;

/// The id is there.
pub static OAI_CHAT_018: Rule = Rule {
    code: "OAI-CHAT-018",
    name: "missing-id",
    level: Level::Warning,
    summary: "`id` is a string and not empty in every chunk",
    why: "Strict clients refuse a chunk without it, and logs have nothing to join on. TGI sends an empty one.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: id, required; \
          docs/laboratory.md, runs `id_missing`, `id_null`, `id_int`",
    breaks: &["mistral-python", "mistral-js", "ai-sdk (integer, null)"],
    fix: "Make one random id per response and write it into each chunk.",
    bad: &[
        r#"chat
           data {"object":"chat.completion.chunk","created":1764124490,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}]}
           stop; done; last"#,
        r#"chat; role
           data {"id":7,"object":"chat.completion.chunk","created":1764124490,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ID_MISSING, push, |odd, n| format!("id is {} in {}", odd.found, many(n, "chunk", "chunks")));
    },
    ..Rule::DEFAULT
};

/// All chunks have one id.
pub static OAI_CHAT_019: Rule = Rule {
    code: "OAI-CHAT-019",
    name: "changing-id",
    level: Level::Warning,
    summary: "All chunks of a response have the same id",
    why: "The schema says so. For traces, caches and interfaces that collect chunks by id, each token becomes its \
        own answer. LitServe makes a new id for each chunk.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: \"Each chunk has the same ID\"; LitServe, \
        every version up to 0.2.19",
    breaks: &["tracing", "caches", "interfaces that collect by id"],
    fix: "Make the id where the response begins, not where a chunk is made (a default factory of the chunk class).",
    bad: &[r#"chat; role
           data {"id":"chatcmpl-77aa4edf8b024db393e8","object":"chat.completion.chunk","created":1764124490,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ID_CHANGES, push, |odd, _| odd.found.to_string());
    },
    ..Rule::DEFAULT
};

/// The id is unique.
pub static OAI_CHAT_020: Rule = Rule {
    code: "OAI-CHAT-020",
    name: "id-not-unique",
    level: Level::Warning,
    summary: "The id is unique to the response (not a constant, not three digits)",
    why: "Logs, traces and caches join on the id. iFlow sends \"chat\" for every answer, and older Ollama versions \
        send one of 999 numbers, so different answers become one.",
    source: "OpenAI API reference: `id` is a unique identifier for the chat completion",
    breaks: &["tracing", "caches", "billing joins"],
    fix: "Use a random id of at least 64 bits, as `chatcmpl-` and a UUID.",
    bad: &[r#"chat
           <chunk data: {"id":"chat","object":"chat.completion.chunk","created":1764124495,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}]}\n\n
           <chunk data: {"id":"chat","object":"chat.completion.chunk","created":1764124495,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::ID_SHORT, push, |odd, _| format!("the id can't be unique: {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// One time, in seconds.
pub static OAI_CHAT_021: Rule = Rule {
    code: "OAI-CHAT-021",
    name: "bad-created",
    level: Level::Warning,
    summary: "`created` is an integer of seconds since 1970, the same in all chunks",
    why: "Typed clients refuse strings, null and fractions; milliseconds show the year 57000. If each chunk has its \
        own value, chunk and response are probably one class in the server.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: created; \
          docs/laboratory.md, runs `created_str`, `created_null`, `created_ms`; \
          TGI takes the time of each chunk",
    breaks: &["ai-sdk (string)", "mistral-js"],
    fix: "Take the time once, as integer seconds: `int(time.time())`.",
    bad: &[
        r#"chat; role
           data {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion.chunk","created":"1764124490","model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#,
        r#"chat; role
           data {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion.chunk","created":1764124491,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::CREATED_TYPE, push, |odd, n| {
            format!("created is {} in {}", odd.found, many(n, "chunk", "chunks"))
        });
        tell(case, odd::CREATED_CHANGES, push, |odd, _| format!("created changes: {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// The object is named.
pub static OAI_CHAT_022: Rule = Rule {
    code: "OAI-CHAT-022",
    name: "wrong-object",
    level: Level::Warning,
    summary: "`object` is `chat.completion.chunk` in every chunk",
    why: "Clients that read several sorts of objects from one connection choose by it; openai-python's helper asserts \
        it.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: object, always `chat.completion.chunk`; \
          docs/laboratory.md, run `object_wrong`",
    breaks: &["openai-python helper"],
    fix: "Write the constant; `chat.completion` is the document's name, not the chunk's.",
    bad: &[r#"chat; role
           data {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion","created":1764124490,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::OBJECT_WRONG, push, |odd, n| {
            format!("object is {} in {}", odd.found, many(n, "chunk", "chunks"))
        });
    },
    ..Rule::DEFAULT
};

/// One model.
pub static OAI_CHAT_023: Rule = Rule {
    code: "OAI-CHAT-023",
    name: "missing-or-changing-model",
    level: Level::Info,
    summary: "`model` is there and the same in every chunk (except in Azure's first)",
    why: "Cost is booked by it. Strict clients refuse a chunk without it.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: model, required",
    breaks: &["mistral-python (absent)", "mistral-js (absent)", "cost per model"],
    fix: "Write the name of the model that answers into each chunk.",
    bad: &[r#"chat; role
           data {"id":"chatcmpl-152e4edf8b024db393e7","object":"chat.completion.chunk","created":1764124490,"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}
           stop; done; last"#],
    good: &[
        "good-chat",
        r#"chat
           data {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}
           role; word; stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::MODEL_MISSING, push, |odd, n| {
            format!("model is {} in {}", odd.found, many(n, "chunk", "chunks"))
        });
        tell(case, odd::MODEL_CHANGES, push, |odd, _| format!("model changes: {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// No additional fields.
pub static OAI_CHAT_024: Rule = Rule {
    code: "OAI-CHAT-024",
    name: "unknown-top-level-field",
    level: Level::Info,
    summary: "Chunks have no top-level fields that the published schema lacks",
    why: "Most clients ignore unknown fields, but decoders with closed types do not. Providers still add them \
        (extend_fields, provider, timings).",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: properties",
    breaks: &["decoders with closed types"],
    fix: "Move provider data into a response header, or accept that strict clients refuse.",
    bad: &[r#"chat; role
           <chunk data: {$same"extend_fields":{"traceId":"2104cabb"},"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::UNKNOWN_FIELD, push, |odd, _| format!("top-level fields that the schema lacks: {}", odd.found));
    },
    ..Rule::DEFAULT
};
