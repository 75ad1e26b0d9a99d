//! Rules about finish reasons.

use super::{at_end, choice_of, ended_chat, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};

/// How many choices are checked at most; real servers send fewer.
const MOST_CHOICES: u64 = 1024;

/// The key is there, even if it is null.
pub static OAI_CHAT_006: Rule = Rule {
    code: "OAI-CHAT-006",
    name: "missing-finish-reason-key",
    level: Level::Warning,
    summary: "Every choice of every chunk has the key `finish_reason`, null until the end",
    why: "The published schema requires the key. Clients with strict types reject the first chunk without it.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: required; LocalAI issue 1194",
    breaks: &["mistral-python", "mistral-js", "AnythingLLM", "alfred-openai-workflow", "LibreChat"],
    fix: "Write `\"finish_reason\":null` in every choice that has not finished.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"word "}}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::NO_FINISH_REASON_KEY, push, |_, n| {
            format!("{} without the key finish_reason", many(n, "choice", "choices"))
        });
    },
    ..Rule::DEFAULT
};

/// Null, not empty.
pub static OAI_CHAT_007: Rule = Rule {
    code: "OAI-CHAT-007",
    name: "empty-finish-reason",
    level: Level::Warning,
    summary: "`finish_reason` is null until the end, not an empty string",
    why: "Clients with an enumeration refuse the empty string, and loops that wait for a finish reason that is not \
        null stop at the first chunk, or never, as AnythingLLM did with another server.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: finish_reason, an enumeration or null; \
        SGLang issue 3912, Ollama issue 4357",
    breaks: &["AnythingLLM", "decoders with enumerations"],
    fix: "Write null; in Go use a pointer without omitempty, in C++ and templates, check the default string.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"word "},"finish_reason":""}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::FINISH_REASON_EMPTY, push, |_, n| {
            format!("{} with finish_reason \"\"", many(n, "choice", "choices"))
        });
    },
    ..Rule::DEFAULT
};

/// A reason that clients know.
pub static OAI_CHAT_008: Rule = Rule {
    code: "OAI-CHAT-008",
    name: "unknown-finish-reason",
    level: Level::Warning,
    summary: "`finish_reason` is one of stop, length, tool_calls, content_filter, function_call",
    why: "Other values (`STOP`, `eos_token`, `error`) become \"other\" or \"unknown\": agents do not run the tool \
        call, interfaces show a warning under a complete answer.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: finish_reason; docs/laboratory.md, run \
        `finish_odd`",
    breaks: &["ai-sdk", "decoders with enumerations"],
    fix: "Map the model server's own reasons to the five; keep the original in a field of another name.",
    bad: &[r#"chat; role; word; choices [{"index":0,"delta":{},"finish_reason":"eos_token"}]
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::FINISH_REASON_UNKNOWN, push, |odd, _| format!("finish_reason is {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// Nothing after the finish reason.
pub static OAI_CHAT_009: Rule = Rule {
    code: "OAI-CHAT-009",
    name: "content-after-finish",
    level: Level::Error,
    summary: "No content of a choice follows its finish_reason",
    why: "A client that stops at the finish reason loses the rest of the answer; one that reads on shows it: two \
        clients, two answers. Proxies that translate Gemini put `stop` on each chunk.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse; gcli2api issue 403, LiteLLM issue 2195, \
        new-api issue 378",
    breaks: &["loops that stop at the first finish_reason", "agents"],
    fix: "Send the finish reason with the last chunk of the choice only.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"word "},"finish_reason":"stop"}]
           word; stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::CONTENT_AFTER_FINISH, push, |odd, n| {
            format!("{} after the finish_reason, the first in {}", many(n, "delta", "deltas"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Tool calls say so at the end.
pub static OAI_CHAT_010: Rule = Rule {
    code: "OAI-CHAT-010",
    name: "tool-calls-finish-stop",
    level: Level::Warning,
    summary: "A choice that called tools finishes with `tool_calls` (if the request names the tool to call: `stop`)",
    why: "Agents run the calls when the finish reason says so; with `stop` many consider the turn over and drop the \
        calls. OpenAI itself answers `stop` if tool_choice names a function, so that is not a finding.",
    source: "OpenAI API reference, finish_reason and tool_choice; vLLM, serving_chat.py (named tool choice); \
          docs/laboratory.md, run `tool_finstop`",
    breaks: &["agents that wait for tool_calls"],
    fix: "Set the finish reason from what was generated: any tool call makes it `tool_calls`.",
    bad: &["chat; role; tool-call; stop; done; last"],
    good: &[
        "good-tool-chat",
        r#"ask "tool_choice":{"type":"function","function":{"name":"f"}}
           typed text/event-stream; charset=utf-8
           role; tool-call; stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        let forced = case.exchange.request.as_ref().and_then(|r| r.asked).is_none_or(|a| a.forced_tool);
        for (choice, reason) in &response.answer.finish_reasons {
            if !forced
                && reason == "stop"
                && response.answer.tool_arguments.keys().any(|call| choice_of(call) == *choice)
            {
                push(at_end(response, format!("choice {choice} called tools and finished with \"stop\"")));
            }
        }
    },
    ..Rule::DEFAULT
};

/// The calls that the finish reason announces are there.
pub static OAI_CHAT_041: Rule = Rule {
    code: "OAI-CHAT-041",
    name: "tool-calls-without-call",
    level: Level::Warning,
    summary: "A choice that finishes with `tool_calls` has called a tool",
    why: "Agents go to run the calls, find none, and stop, or ask again with the same words, or raise. The call was \
        lost on the way: a parser of tool calls dropped it, or a gateway dropped the chunk.",
    source: "OpenAI API reference, finish_reason: tool_calls if the model called a tool; vLLM issue 44326",
    breaks: &["agents that run the calls", "most clients"],
    fix: "Set the finish reason from what was sent; look for the parser that dropped the call.",
    bad: &["chat; role; tool-stop; done; last"],
    good: &["good-tool-chat", "good-chat"],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-004", "SSE-016"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        for (choice, reason) in &response.answer.finish_reasons {
            if matches!(reason.as_str(), "tool_calls" | "function_call")
                && !response.answer.tool_arguments.keys().any(|call| choice_of(call) == *choice)
            {
                push(at_end(response, format!("choice {choice} finished with \"{reason}\" and no tool call came")));
            }
        }
    },
    ..Rule::DEFAULT
};

/// The last chunk is empty.
pub static OAI_CHAT_037: Rule = Rule {
    code: "OAI-CHAT-037",
    name: "finish-with-content",
    level: Level::Info,
    summary: "The chunk with the finish_reason has an empty delta",
    why: "OpenAI sends the finish reason in its own chunk. Readers that leave the loop at the finish reason before \
        they look at the delta lose the last text.",
    source: "OpenAI API reference, the chat completion chunk object (example); envoy ai-gateway issue 2107",
    breaks: &[],
    fix: "Send the last text first, then a chunk with `\"delta\":{}` and the finish reason.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"word "},"finish_reason":"stop"}]
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::FINISH_WITH_DELTA, push, |odd, _| {
            format!("the finish_reason comes together with text or a tool call ({})", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// As many choices as the request asks for.
pub static OAI_CHAT_040: Rule = Rule {
    code: "OAI-CHAT-040",
    name: "missing-choice",
    level: Level::Warning,
    summary: "If the request asks for n choices, the indexes 0 to n−1 all come and finish",
    why: "A client that asked for three answers and gets two raises at an index or shows a gap. A choice that was \
        begun and never finishes is OAI-CHAT-005.",
    source: "OpenAI API reference, `n`: how many choices to generate",
    breaks: &["clients that index the choices they asked for"],
    fix: "If the model server can't do n over 1, refuse it with status 400; never ignore it.",
    bad: &[r#"ask "n":2
           typed text/event-stream; charset=utf-8
           role; word; stop; done; last"#],
    good: &["good-chat"],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case).filter(|r| r.answer.error.is_none()) else { return };
        let Some(wanted) = case.exchange.request.as_ref().and_then(|r| r.asked?.choices) else { return };
        let answer = &response.answer;
        let came = |i: &u32| answer.texts.contains_key(i) || answer.finish_reasons.contains_key(i);
        let missing: Vec<String> =
            (0..wanted.min(MOST_CHOICES) as u32).filter(|i| !came(i)).map(|i| i.to_string()).collect();
        // That no choice finished is another finding.
        if !missing.is_empty() && !answer.finish_reasons.is_empty() {
            push(at_end(response, format!("{wanted} choices were asked for; {} did not come", missing.join(", "))));
        }
    },
    ..Rule::DEFAULT
};
