//! Rules about how a chat stream ends.

use super::{ERROR_AND_END, at_end, at_last_delta, ended_chat, tell};
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_chat::kinds as odd;
use crate::http::event::MessageEnd;

/// The stream ends with `[DONE]`.
pub static OAI_CHAT_001: Rule = Rule {
    code: "OAI-CHAT-001",
    name: "missing-done",
    level: Level::Warning,
    summary: "The stream ends with `data: [DONE]` (an error if the body also stayed open, or no finish reason came)",
    why: "[DONE] tells a client that the answer is whole. Every tested SDK copes if only [DONE] is missing and the \
        body then ends. If the connection stays open too, all of them wait for their timeout. Agents and benchmarks \
        that demand [DONE] report a broken stream.",
    source: "OpenAI API reference, chat completions, `stream`; a forum report of an iFlow stream that Xcode could not \
        read",
    breaks: &[
        "HF inference-benchmarker",
        "agents and proxies that demand it",
        "every client, where the body stays open",
    ],
    fix: "Write `data: [DONE]` and an empty line after the last chunk, then end the body.",
    bad: &[
        "chat; role; word; stop; last",
        "chat; role; word; last",
        // The client gives up after a minute of silence.
        "chat; role; word; stop; wait 60s; !fin >",
    ],
    good: &[
        "good-chat",
        // The client left in the middle: what the server would have sent is unknown.
        "chat; role; word; !rst >",
        "chat; role; word; !end",
        // A client that stops at the finish reason leaves at once, with the body open: what the server would still
        // have sent is unknown.
        "chat; role; word; stop; wait 2ms; !fin >",
        ERROR_AND_END,
    ],
    // A client that gives up in the middle is reported as info, and so is a recording that ends there.
    also: &[("DLV-010", Level::Info), ("DLV-015", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-006"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case) else { return };
        let answer = &response.answer;
        // A misspelled one came too: OAI-CHAT-002.
        if answer.terminator.seen || answer.error.is_some() {
            return;
        }
        let finished = !answer.finish_reasons.is_empty();
        let open = response.end != MessageEnd::Complete;
        let more = match (open, finished) {
            (true, _) => ", and the body was left open: clients wait for their timeout",
            (false, false) => ", and no finish reason came: nothing says that the answer is whole",
            (false, true) => "; the finish reason came and the body ended properly",
        };
        let finding = at_end(response, format!("the stream has no [DONE]{more}"));
        push(if open || !finished { finding.level(Level::Error) } else { finding });
    },
    ..Rule::DEFAULT
};

/// The terminator is spelled right.
pub static OAI_CHAT_002: Rule = Rule {
    code: "OAI-CHAT-002",
    name: "misspelled-done",
    level: Level::Warning,
    summary: "The terminator is exactly `[DONE]`: upper case, no spaces, not in quotes",
    why: "Clients compare the data with `[DONE]`, some only its beginning, some all of it. Data that does not match \
        goes to the JSON parser, which raises at the end of a good answer.",
    source: "OpenAI API reference, chat completions, `stream`; docs/laboratory.md, runs `done_lower`, `done_trail`, \
        `done_json`",
    breaks: &[
        "openai-node 7",
        "ai-sdk",
        "mistral-python",
        "httpx-sse",
        "hf-js",
        "openai-python (lower case, quotes)",
        "most clients",
    ],
    fix: "Write the constant `data: [DONE]\\n\\n`; do not send it through the JSON serialiser.",
    bad: &[
        "chat; role; word; stop; data [done]
         last",
        r#"chat; role; word; stop; data "[DONE]"
           last"#,
        r#"chat; role; word; stop; send data: [DONE] \n\n
           last"#,
    ],
    good: &["good-chat"],
    silenced_by: &["SSE-003"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::TERMINATOR_SPELLING, push, |odd, _| format!("the terminator is spelled {}", odd.found));
    },
    ..Rule::DEFAULT
};

/// One terminator only.
pub static OAI_CHAT_003: Rule = Rule {
    code: "OAI-CHAT-003",
    name: "repeated-done",
    level: Level::Warning,
    summary: "`[DONE]` is sent once",
    why: "A second [DONE] shows that two layers (for example server and gateway) both end the stream. Clients that \
        read on find a line that is not JSON.",
    source: "OpenAI API reference, chat completions, `stream`",
    breaks: &["readers that do not stop at the first [DONE]"],
    fix: "Let one layer end the stream: a gateway passes the upstream's [DONE] on and does not add its own.",
    bad: &["chat; role; word; stop; done*2; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::DUPLICATE_TERMINATOR, push, |_, n| format!("[DONE] came {} times", n + 1));
    },
    ..Rule::DEFAULT
};

/// Nothing after the terminator.
pub static OAI_CHAT_004: Rule = Rule {
    code: "OAI-CHAT-004",
    name: "data-after-done",
    level: Level::Error,
    summary: "No data follows `[DONE]`",
    why: "Clients that stop at [DONE] never see it; clients that read to the end of the body append it to the \
        answer. So the same stream gives different answers.",
    source: "OpenAI API reference, chat completions, `stream`",
    breaks: &["ai-sdk"],
    fix: "Write [DONE] last; send usage before it.",
    bad: &["chat; role; word; stop; done; word; last"],
    good: &[
        "good-chat",
        r#"chat; role; word; stop; done; <chunk : bye\n\n
           last"#,
    ],
    // Comments are reported as info wherever they are.
    also: &[("SSE-021", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, odd::DATA_AFTER_TERMINATOR, push, |odd, n| {
            format!("{} after [DONE]: {}", many(n, "record", "records"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Every choice finishes.
pub static OAI_CHAT_005: Rule = Rule {
    code: "OAI-CHAT-005",
    name: "missing-finish-reason",
    level: Level::Error,
    summary: "Each choice gets a finish_reason that is not null (a warning if it gets several)",
    why: "The finish reason tells a complete answer from one that was cut at a limit or lost. Without it helpers \
        raise, and agents don't know whether to run a tool call.",
    source: "OpenAI API reference, the chat completion chunk object: `finish_reason`",
    breaks: &["openai-node helper", "ai-sdk openai-compatible", "most clients (no finish reason)"],
    fix: "Send a last chunk for each choice with `\"delta\":{}` and `\"finish_reason\":\"stop\"` (length, tool_calls, \
        content_filter).",
    bad: &[
        "chat; role; word; done; last",
        r#"chat
           choices [{"index":0,"delta":{"content":"a"},"finish_reason":null},{"index":1,"delta":{"content":"b"},"finish_reason":null}]
           stop; done; last"#,
    ],
    good: &["good-chat", "chat; role; word; !rst >", ERROR_AND_END],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-004", "SSE-006"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case) else { return };
        let answer = &response.answer;
        // If the body was still open and no finish reason had come, the client left: not a fault.
        if answer.error.is_some() || response.end != MessageEnd::Complete {
            return;
        }
        let unfinished: Vec<String> =
            answer.texts.keys().filter(|i| !answer.finish_reasons.contains_key(i)).map(u32::to_string).collect();
        if answer.finish_reasons.is_empty() && !(answer.texts.is_empty() && response.deltas.is_empty()) {
            push(at_last_delta(response, "no choice got a finish_reason".into()));
        } else if !unfinished.is_empty() {
            push(at_last_delta(response, format!("no finish_reason for choice {}", unfinished.join(", "))));
        }
        case.tell(odd::FINISH_REASON_REPEATED, Some(Level::Warning), push, |odd, _| {
            format!(
                "a choice got a second finish_reason, and loops that stop at the first miss what follows: {}",
                odd.found
            )
        });
    },
    ..Rule::DEFAULT
};
