//! Rules about what a text has in it that is not for its reader: reasoning, calls and marks of the model's own format,
//! which a server has to take out. A model may also write about them, so only their place tells.

use super::whole;
use crate::conformance::{Finding, Level, Rule};
use crate::dialect::Answer;

/// Reasoning is not text.
pub static LLM_007: Rule = Rule {
    code: "LLM-007",
    name: "reasoning-in-text",
    level: Level::Warning,
    summary: "Reasoning has its own field: the text neither begins with `<think>` nor has a `</think>` alone (info for \
        the pair)",
    why: "Interfaces show the reasoning as the answer, agents read it, and it is sent back with the next question. \
        With the end mark alone nobody can tell where it began: the chat template wrote `<think>` into the prompt, \
        and no reasoning parser runs.",
    source: "vLLM documentation, reasoning outputs (--reasoning-parser); SGLang, --reasoning-parser; llama.cpp, \
        --reasoning-format; DeepSeek-R1 chat template",
    breaks: &["interfaces without a think parser", "agents that read the text"],
    fix: "Start the server with the reasoning parser of the model, which sends `reasoning_content` or `reasoning`.",
    bad: &[
        r#"chat; role
           choices [{"index":0,"delta":{"content":"Let me see.</think>"},"finish_reason":null}]
           word; stop; done; last"#,
        r#"chat; role
           choices [{"index":0,"delta":{"content":"<think>"},"finish_reason":null}]
           word
           choices [{"index":0,"delta":{"content":"</think>"},"finish_reason":null}]
           word; stop; done; last"#,
    ],
    good: &[
        "good-chat",
        // The answer is about the tags.
        r#"chat; role
           choices [{"index":0,"delta":{"content":"Models write <think> and </think> around it."},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case) else { return };
        for text in response.answer.texts.values() {
            let Some(end) = text.find(END_OF_THOUGHT) else { continue };
            let Some(begin) = text.find(BEGIN_OF_THOUGHT) else {
                push(Finding::at_last_delta(response, format!("{END_OF_THOUGHT} in the text, and nothing begins it")));
                return;
            };
            if text.trim_start().starts_with(BEGIN_OF_THOUGHT) && begin < end {
                let found = format!("the text begins with reasoning in {BEGIN_OF_THOUGHT} tags");
                push(Finding::at_last_delta(response, found).level(Level::Info));
                return;
            }
        }
    },
    ..Rule::DEFAULT
};

/// A call is not text.
pub static LLM_008: Rule = Rule {
    code: "LLM-008",
    name: "call-in-text",
    level: Level::Warning,
    summary: "A tool call comes as a call, not as text in the model's own format",
    why: "Agents run calls that the API's fields have. A call that stands in the text is shown to the person, and the \
        agent waits, or ends the turn. The server has no tool parser for this model, another one, or one that gave \
        up on what the model wrote.",
    source: "vLLM documentation, tool calling (--tool-call-parser); SGLang, --tool-call-parser; the chat templates of \
        Qwen, Llama 3, DeepSeek, Kimi and Mistral",
    breaks: &["agents: no call is made"],
    fix: "Start the server with the tool parser of the model, and look for its warning about this answer.",
    bad: &[
        r#"ask "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]
           typed text/event-stream; charset=utf-8
           role
           choices [{"index":0,"delta":{"content":"<tool_call>{'name': 'f'}</tool_call>"},"finish_reason":null}]
           stop; done; last"#,
        r#"ask "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]
           typed text/event-stream; charset=utf-8
           role; word
           choices [{"index":0,"delta":{"content":"[TOOL_CALLS][{'name': 'f'}]"},"finish_reason":null}]
           stop; done; last"#,
    ],
    good: &[
        "good-chat",
        // No tools were offered: the answer is about the format.
        r#"chat; role
           choices [{"index":0,"delta":{"content":"Qwen writes <tool_call> before a call."},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case).filter(|r| r.answer.tool_deltas == 0) else { return };
        let offered = case.exchange.request.as_ref().and_then(|r| r.asked).is_some_and(|asked| asked.tools);
        if let Some(mark) = found(&response.answer, CALLS, |text, mark| text.contains(mark)).filter(|_| offered) {
            push(Finding::at_last_delta(
                response,
                format!("a tool call in the text: {mark}; no call came in the API's fields"),
            ));
        }
    },
    ..Rule::DEFAULT
};

/// Marks of the model's format are not text.
pub static LLM_009: Rule = Rule {
    code: "LLM-009",
    name: "special-token-in-text",
    level: Level::Warning,
    summary: "The text neither begins nor ends with a special token of the model (`<|im_end|>`, `<|eot_id|>`)",
    why: "Special tokens mark turns and ends for the model. In the text they are shown to people, break JSON that is \
        asked for, and confuse the model when they are sent back. The server does not know that they end the answer, \
        or does not skip them.",
    source: "the chat templates of Qwen, Llama 3, Gemma, DeepSeek and gpt-oss; vLLM, skip_special_tokens and \
        stop_token_ids",
    breaks: &["interfaces: the mark is shown", "structured output"],
    fix: "Name the token among the stop tokens (generation_config.json: eos_token_id), and skip special tokens.",
    bad: &[
        r#"chat; role; word
           choices [{"index":0,"delta":{"content":"<|im_end|>"},"finish_reason":null}]
           stop; done; last"#,
        r#"chat; role
           choices [{"index":0,"delta":{"content":"<|channel|>analysis<|message|>Let me see."},"finish_reason":null}]
           stop; done; last"#,
    ],
    good: &[
        "good-chat",
        r#"chat; role
           choices [{"index":0,"delta":{"content":"Qwen ends a turn with <|im_end|>, Llama with <|eot_id|>."},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case) else { return };
        let at_an_end = |text: &str, mark: &str| text.trim_end().ends_with(mark) || text.trim_start().starts_with(mark);
        if let Some(mark) = found(&response.answer, SPECIAL, at_an_end) {
            push(Finding::at_last_delta(response, format!("a special token of the model in the text: {mark}")));
        }
    },
    ..Rule::DEFAULT
};

/// Deltas come once.
pub static LLM_010: Rule = Rule {
    code: "LLM-010",
    name: "deltas-twice",
    level: Level::Error,
    summary: "Each delta comes once",
    why: "Clients join the deltas: every word of the answer is there twice. Two handlers write the same event, or a \
        gateway passes on what it has also translated.",
    source: "reports against gateways that register one stream callback twice",
    breaks: &["every client that joins deltas"],
    fix: "Look for the second writer: a callback that is registered twice, a middleware that copies the stream.",
    bad: &[r#"chat; role
           choices [{"index":0,"delta":{"content":"The"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":"The"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" sky"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" sky"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" is"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" is"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" blue"},"finish_reason":null}]
           choices [{"index":0,"delta":{"content":" blue"},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat", "chat; role; word*8; stop; done; last"],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(crate::dialect::TWICE, None, push, |odd, _| format!("each delta comes twice ({})", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// An answer has something in it.
pub static LLM_011: Rule = Rule {
    code: "LLM-011",
    name: "empty-answer",
    level: Level::Warning,
    summary: "An answer that ends of itself has text, reasoning or a call",
    why: "The transport is whole, and so is the stream; the person sees nothing, and agents stop without an error. The \
        model began with its end token, a filter or a parser took all of it, or a gateway dropped what it did not know.",
    source: "reports against vLLM, Ollama and gateways: finish reason stop without content",
    breaks: &["interfaces: an empty message", "agents that stop"],
    fix: "Look at the tokens that usage reports: if there are some, a parser took them; if not, look at the prompt.",
    bad: &["chat; role; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = whole(case) else { return };
        let answer = &response.answer;
        let nothing = answer.content_deltas + answer.reasoning_deltas + answer.tool_deltas == 0 && bytes(answer) == 0;
        let by_itself = answer.finish_reasons.values().all(|reason| ENDS.contains(&reason.as_str()));
        if nothing && by_itself && !answer.finish_reasons.is_empty() && answer.reasoning_sign.is_none() {
            let found = "the answer ended of itself, and neither text, reasoning nor a call came";
            push(Finding::at_end(response, found));
        }
    },
    ..Rule::DEFAULT
};

const END_OF_THOUGHT: &str = "</think>";
const BEGIN_OF_THOUGHT: &str = "<think>";

/// What models write before a call.
const CALLS: &[&str] = &[
    "<tool_call>",
    "[TOOL_CALLS]",
    "<function=",
    "<function_calls>",
    "<|python_tag|>",
    "<|tool_call",
    "<｜tool▁call",
    "<|channel|>commentary",
    "<minimax:tool_call>",
];

/// Special tokens that end or begin a turn.
const SPECIAL: &[&str] = &[
    "<|im_end|>",
    "<|im_start|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",
    "<|return|>",
    "<|channel|>",
    "<|start_header_id|>",
    "<end_of_turn>",
    "<start_of_turn>",
    "<｜end▁of▁sentence｜>",
    "<|end_of_turn|>",
    "</s>",
];

/// Finish reasons that say that the model ended the answer itself.
const ENDS: &[&str] = &["stop", "end_turn", "STOP", "COMPLETE", "eos_token", "completed"];

/// The first mark that a text has in this place.
fn found(answer: &Answer, marks: &[&'static str], has: impl Fn(&str, &str) -> bool) -> Option<&'static str> {
    let texts = answer.texts.values().filter(|text| memchr::memchr2(b'<', b'[', text.as_bytes()).is_some());
    texts.into_iter().find_map(|text| marks.iter().find(|mark| has(text, mark)).copied())
}

/// Bytes of text, reasoning and arguments that came.
pub(super) fn bytes(answer: &Answer) -> usize {
    let texts = answer.texts.values().chain(answer.tool_arguments.values()).map(String::len).sum::<usize>();
    texts + answer.reasoning_text.len()
}
