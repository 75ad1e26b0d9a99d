//! Rules about what deltas carry: reasoning, nothing at all, log probabilities, text that looks like the protocol.

use super::{asked, at_end, ended_chat, tell};
use crate::conformance::{Finding, Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};

/// Where the reasoning is.
pub static OAI_CHAT_035: Rule = Rule {
    code: "OAI-CHAT-035",
    name: "reasoning-field",
    level: Level::Info,
    summary: "Reasoning, which the published schema lacks, is in one field, and that field is not empty in each delta",
    why: "Half of the clients read `reasoning_content`, the other half `reasoning`, so it is chance whether a client \
        shows the reasoning. An empty field in each delta opens an empty box in some interfaces.",
    source: "vLLM RFC 27755 (renaming); DeepSeek documentation, reasoning_content; observed on iFlow (empty in each \
        delta)",
    breaks: &[],
    fix: "Send the field only when there is reasoning, and document its name.",
    bad: &[r#"chat; role
           choices [{"index":0,"delta":{"content":"word ","reasoning_content":""},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::REASONING_FIELD, push, |odd, _| format!("reasoning comes as {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// No runs of chunks that carry nothing.
pub static OAI_CHAT_036: Rule = Rule {
    code: "OAI-CHAT-036",
    name: "run-of-empty-deltas",
    level: Level::Info,
    summary: "No two chunks in a row that carry nothing",
    why: "Empty chunks make interfaces redraw for nothing and falsify figures that take every chunk for a token.",
    source: "Ollama issue 12420; observed on iFlow",
    breaks: &["benchmarks that count chunks", "interfaces that redraw for each chunk"],
    fix: "Send a chunk only when it has text, a tool call, a finish reason or usage.",
    bad: &[r#"chat; role; word; choices [{"index":0,"delta":{"content":""},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":""},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, odd::EMPTY_DELTAS_RUN, push, |odd, _| {
            format!("several chunks in a row carry nothing: {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Log probabilities as asked for.
pub static OAI_CHAT_038: Rule = Rule {
    code: "OAI-CHAT-038",
    name: "missing-logprobs",
    level: Level::Info,
    summary: "If the request asks for `logprobs`, choices have them",
    why: "An evaluation that asked for them fails at null, often an hour later. Servers that can't send them should \
        say so.",
    source: "OpenAI API reference, logprobs",
    breaks: &["evaluation harnesses"],
    fix: "Send them, or refuse the request with status 400.",
    bad: &[r#"ask "logprobs":true
           typed text/event-stream; charset=utf-8
           role; word; stop; done; last"#],
    good: &[
        "good-chat",
        r#"ask "logprobs":true
           typed text/event-stream; charset=utf-8
           role
           choices [{"index":0,"delta":{"content":"word "},"logprobs":{"content":[{"token":"Hi","logprob":-0.1,"bytes":[72,105],"top_logprobs":[]}]},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = ended_chat(case).filter(|r| r.answer.content_deltas > 0) else { return };
        if asked(case).is_some_and(|a| a.logprobs) && !response.answer.logprobs {
            push(at_end(response, "logprobs were asked for, and none came".into()));
        }
    },
    ..Rule::DEFAULT
};

/// Text that looks like the protocol.
pub static OAI_CHAT_039: Rule = Rule {
    code: "OAI-CHAT-039",
    name: "protocol-in-content",
    level: Level::Info,
    summary: "The text of the answer does not contain `[DONE]`, nor a line that begins with `data:`",
    why: "This is not a fault: a model that explains event streams writes them. But readers that look for the \
        substring stop there: LiteLLM's generic iterator takes any line with `[DONE]` in it for the end, Open WebUI \
        marks the answer as done.",
    source: "LiteLLM, base_model_iterator.py; Open WebUI, routers/openai.py",
    breaks: &["litellm", "Open WebUI", "readers that look for substrings"],
    fix: "In the client: compare the whole data with `[DONE]`, never a part of it.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"It ends with [DONE]."},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    argued: &[
        (
            "litellm",
            "The iterator of LiteLLM's generic providers does this; the client model is of its OpenAI \
            provider.",
        ),
        (
            "Open WebUI",
            "It marks the answer as done too early but shows all of it; the client models compare what is \
            shown.",
        ),
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        let looks = |text: &str| match () {
            () if text.contains("[DONE]") => Some("[DONE]"),
            () if text.starts_with("data:") || text.contains("\ndata:") => Some("a line that begins with data:"),
            () => None,
        };
        if let Some(what) = response.answer.texts.values().find_map(|t| looks(t)) {
            push(Finding::new(format!("the text contains {what}: readers that look for a substring stop there")));
        }
    },
    ..Rule::DEFAULT
};
