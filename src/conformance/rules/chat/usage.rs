//! Rules about usage.

use super::{asked, at_end, ended_chat, tell};
use crate::conformance::{Case, Finding, Level, Rule};
use crate::dialect::openai_chat::{self, kinds as odd};
use crate::exchange::Response;
use crate::oddity::Oddity;

/// Usage as asked for.
pub static OAI_CHAT_028: Rule = Rule {
    code: "OAI-CHAT-028",
    name: "missing-usage",
    level: Level::Warning,
    summary: "If the request asks for `include_usage`, one chunk with usage and empty choices comes before [DONE] \
        (info if it has choices)",
    why: "The caller's accounting and rate limits depend on it. Readers that look for empty choices miss it in a \
        chunk with choices.",
    source: "OpenAI API reference, stream_options.include_usage",
    breaks: &["accounting", "langchain (usage_metadata)", "LiteLLM cost tracking"],
    fix: "Count the tokens and send a last chunk `\"choices\":[],\"usage\":{…}`.",
    bad: &[r#"ask "stream_options":{"include_usage":true}
           typed text/event-stream; charset=utf-8
           role; word; stop; done; last"#],
    good: &[
        "good-chat",
        r#"ask "stream_options":{"include_usage":true}
           typed text/event-stream; charset=utf-8
           role; word; stop
           chunk "choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}
           done; last"#,
    ],
    // Usage without the nulls before it.
    also: &[("OAI-CHAT-029", Level::Info)],
    argued: &[(
        "langchain (usage_metadata)",
        "The client models compare text, tool calls and finish reasons, not \
        usage.",
    )],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-006"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case).filter(|r| r.answer.error.is_none()) else { return };
        if asked(case).and_then(|a| a.usage) != Some(true) {
            return;
        }
        if response.answer.usage.is_none() {
            push(at_end(response, "usage was asked for (stream_options.include_usage), and none came".into()));
        } else if let Some((odd, _)) = case.exchange.oddities.find(odd::USAGE_ELSEWHERE) {
            push(Finding::of(odd, 1, format!("usage was asked for, and comes in {} only", odd.found)));
        } else {
            let remark = |odd: &Oddity| format!("usage was asked for and comes in chunks with choices ({})", odd.found);
            case.tell(odd::USAGE_WITH_CHOICES, Some(Level::Info), push, |odd, _| remark(odd));
        }
    },
};

/// Usage only as asked for.
pub static OAI_CHAT_029: Rule = Rule {
    code: "OAI-CHAT-029",
    name: "unasked-usage",
    level: Level::Info,
    summary: "`usage` is in the stream only if the request asks for `include_usage`, and then null in all chunks but \
        the last",
    why: "OpenAI sends no `usage` key unless asked to. Mistral's JavaScript SDK refuses null; other clients count a \
        usage that they did not expect twice. vLLM leaves the nulls out, and no client needs them.",
    source: "OpenAI API reference, stream_options.include_usage; docs/laboratory.md, run `usage_null`",
    breaks: &["mistral-js (null)"],
    fix: "Look at `stream_options.include_usage` in the request.",
    bad: &[r#"chat
           chunk "choices":[{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}],"usage":null
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream_of(&openai_chat::DIALECT) else { return };
        let asked_for = asked(case).and_then(|a| a.usage) == Some(true);
        let nulls = case.exchange.oddities.find(odd::USAGE_NULL);
        let unknown = asked(case).is_none();
        match (asked_for, nulls) {
            // The request is not known: only what is unusual in any case is reported.
            _ if unknown => {}
            (false, Some((odd, _))) => {
                push(Finding::of(odd, 1, format!("\"usage\": null, which was not asked for, in {}", odd.found)))
            }
            (false, None) if has_usage(case, response) => {
                push(at_end(response, "usage came and was not asked for".into()))
            }
            (true, None) if has_usage(case, response) => {
                push(at_end(response, "usage was asked for, and the chunks before it have no \"usage\": null".into()));
            }
            _ => {}
        }
    },
    ..Rule::DEFAULT
};

/// Usage has its place.
pub static OAI_CHAT_030: Rule = Rule {
    code: "OAI-CHAT-030",
    name: "usage-in-choice",
    level: Level::Warning,
    summary: "Usage is at the top level, not in `choices[0]` (info: not only in `x_groq` or `timings`)",
    why: "No client looks for it in a choice, so it is lost: the cost is shown as zero. Moonshot puts it there. Groq \
        documents `x_groq.usage`, and llama.cpp counts in `timings`: only clients that know them find it there.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: usage; pi issue 2017, higress issue 1568",
    breaks: &["accounting", "langchain", "LiteLLM cost tracking"],
    fix: "Write it at the top level as well.",
    bad: &[
        r#"chat; role; word
           choices [{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}]
           done; last"#,
        r#"chat; role; word
           chunk "choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}
           done; last"#,
    ],
    good: &["good-chat"],
    argued: &[("langchain", "The client models compare text, tool calls and finish reasons, not usage.")],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::USAGE_IN_CHOICE, push, |odd, _| format!("usage is in {}", odd.found));
        if case.stream_of(&openai_chat::DIALECT).is_some() {
            case.tell(odd::USAGE_ELSEWHERE, Some(Level::Info), push, |odd, _| {
                format!("usage is in {} only", odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// Counts came in `usage`.
fn has_usage(case: &Case<'_>, response: &Response) -> bool {
    response.answer.usage.is_some() && case.exchange.oddities.find(odd::USAGE_ELSEWHERE).is_none()
}

/// Usage adds up.
pub static OAI_CHAT_031: Rule = Rule {
    code: "OAI-CHAT-031",
    name: "impossible-usage",
    level: Level::Warning,
    summary: "Usage is whole numbers that add up: total = prompt + completion, cached not over prompt, reasoning not \
        over completion",
    why: "These figures are what is billed and what tokens per second are computed from. If they cannot all be true \
        (29 cached of 21 prompt tokens, as iFlow sent), both are wrong.",
    source: "OpenAI OpenAPI document, CompletionUsage",
    breaks: &["billing", "token statistics"],
    fix: "Count prompt and completion once, and derive the total; a cached count is a part of the prompt's.",
    bad: &[r#"chat; role; word; stop
           <chunk data: {$same"choices":[],"usage":{"prompt_tokens":21,"completion_tokens":10,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":29}}}\n\n
           done; last"#],
    good: &[r#"chat; role; word; stop
           <chunk data: {$same"choices":[],"usage":{"prompt_tokens":21,"completion_tokens":10,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":21},"completion_tokens_details":{"reasoning_tokens":0}}}\n\n
           done; last"#],
    // Usage that the request did not ask for.
    also: &[("OAI-CHAT-029", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::USAGE_TYPE, push, |odd, _| format!("usage is not whole numbers: {}", odd.found));
        tell(case, odd::USAGE_ARITHMETIC, push, |odd, _| format!("usage can't be true: {}", odd.found));
    },
    ..Rule::DEFAULT
};
