//! Rules about OpenAI chat completion streams.

use crate::conformance::case::{answered, many};
use crate::conformance::{Case, Finding, Level, Rule, kinds};
use crate::exchange::Response;
use crate::http::event::MessageEnd;
use crate::oddity::{Kind, Oddity};

/// The stream ends with `[DONE]`.
pub static OAI_CHAT_001: Rule = Rule {
    code: "OAI-CHAT-001",
    name: "missing-done",
    level: Level::Warning,
    summary: "The stream ends with `data: [DONE]` (an error where the body stayed open too, or no finish reason came)",
    why: "[DONE] tells a client that the answer is whole. Alone its absence is survived by every SDK tested, as long as the body then ends. Without \
          it and with the connection left open, all of them wait for their timeout. Agents and benchmarks that ask for it report a broken stream.",
    source: "OpenAI API reference, chat completions, `stream`; a forum report of an iFlow stream that Xcode could not read",
    breaks: &["HF inference-benchmarker", "agents and proxies that demand it", "every client, where the body stays open"],
    fix: "Write `data: [DONE]` and an empty line behind the last chunk, then end the body.",
    bad: &[
        concat!(chat!(), role!(), word!(), stop!(), "<last\n"),
        concat!(chat!(), role!(), word!(), "<last\n"),
        // The client gives up after a minute of silence.
        concat!(chat!(), role!(), word!(), stop!(), "@ +60s\n!fin >\n"),
    ],
    good: &[
        good_chat!(),
        // The client left in the middle: nobody knows what the server would have sent.
        concat!(chat!(), role!(), word!(), "!rst >\n"),
        concat!(chat!(), role!(), word!(), "!end\n"),
        ERROR_AND_END,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case) else { return };
        let answer = &response.answer;
        if answer.terminator.own || answer.error.is_some() {
            return;
        }
        let finished = !answer.finish_reasons.is_empty();
        let open = response.end != MessageEnd::Complete;
        let more = match (open, finished) {
            (true, _) => ", and the body was not ended either: clients wait for their timeout",
            (false, false) => ", and no finish reason came: nothing says that the answer is whole",
            (false, true) => "; the finish reason came and the body ended properly",
        };
        let finding = at_end(response, format!("the stream has no [DONE]{more}"));
        push(if open || !finished { finding.level(Level::Error) } else { finding });
    },
};

/// One terminator only.
pub static OAI_CHAT_003: Rule = Rule {
    code: "OAI-CHAT-003",
    name: "repeated-done",
    level: Level::Warning,
    summary: "`[DONE]` is sent once",
    why: "A second [DONE] shows that two layers (server and gateway, say) both end the stream. Clients that read on find a line that is no JSON.",
    source: "OpenAI API reference, chat completions, `stream`",
    breaks: &["readers that do not stop at the first [DONE]"],
    fix: "Let one layer end the stream: a gateway passes the upstream's [DONE] on and adds none.",
    bad: &[concat!(chat!(), role!(), word!(), stop!(), done!(), done!(), "<last\n")],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_DUPLICATE_TERMINATOR, push, |_, n| format!("[DONE] came {} times", n + 1));
    },
};

/// Nothing behind the terminator.
pub static OAI_CHAT_004: Rule = Rule {
    code: "OAI-CHAT-004",
    name: "data-after-done",
    level: Level::Error,
    summary: "No data follows `[DONE]`",
    why: "Clients that stop at [DONE] never see it; clients that read to the end of the body append it to the answer. So the same stream gives \
          different answers.",
    source: "OpenAI API reference, chat completions, `stream`",
    breaks: &["ai-sdk"],
    fix: "Write [DONE] last; send usage before it.",
    bad: &[concat!(chat!(), role!(), word!(), stop!(), done!(), word!(), "<last\n")],
    good: &[good_chat!(), concat!(chat!(), role!(), word!(), stop!(), done!(), "<chunk : bye\\n\\n\n<last\n")],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_DATA_AFTER_TERMINATOR, push, |odd, n| {
            format!("{} behind [DONE]: {}", many(n, "record", "records"), odd.found)
        });
    },
};

/// Every choice finishes.
pub static OAI_CHAT_005: Rule = Rule {
    code: "OAI-CHAT-005",
    name: "missing-finish-reason",
    level: Level::Error,
    summary: "Each choice gets a finish_reason that is not null (a warning where it gets several)",
    why: "The finish reason tells a complete answer from one that was cut at a limit or lost. Without it helpers raise, and agents don't know whether \
          to run a tool call.",
    source: "OpenAI API reference, the chat completion chunk object: `finish_reason`",
    breaks: &["openai-node helper", "ai-sdk openai-compatible"],
    fix: "Send a last chunk for each choice with `\"delta\":{}` and `\"finish_reason\":\"stop\"` (length, tool_calls, content_filter).",
    bad: &[
        concat!(chat!(), role!(), word!(), done!(), "<last\n"),
        concat!(
            chat!(),
            choices!(
                "[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null},{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]"
            ),
            stop!(),
            done!(),
            "<last\n"
        ),
    ],
    good: &[good_chat!(), concat!(chat!(), role!(), word!(), "!rst >\n"), ERROR_AND_END],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001", "SSE-004"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = ended_chat(case) else { return };
        let answer = &response.answer;
        // Left open with the finish reason still to come is a client that left, not a fault.
        if answer.error.is_some() || response.end != MessageEnd::Complete {
            return;
        }
        let unfinished: Vec<String> = answer.texts.keys().filter(|i| !answer.finish_reasons.contains_key(i)).map(u32::to_string).collect();
        if answer.finish_reasons.is_empty() && !(answer.texts.is_empty() && response.deltas.is_empty()) {
            push(at_end(response, "no choice got a finish_reason".into()));
        } else if !unfinished.is_empty() {
            push(at_end(response, format!("no finish_reason for choice {}", unfinished.join(", "))));
        }
        case.tell(kinds::CHAT_FINISH_REASON_REPEATED, Some(Level::Warning), push, |odd, _| {
            format!("a choice got a second finish_reason, and loops that stop at the first miss what follows: {}", odd.found)
        });
    },
};

/// The key is there, if only as null.
pub static OAI_CHAT_006: Rule = Rule {
    code: "OAI-CHAT-006",
    name: "missing-finish-reason-key",
    level: Level::Warning,
    summary: "Every choice of every chunk has the key `finish_reason`, null until the end",
    why: "The published schema requires the key. Clients with strict types reject the first chunk without it.",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: required; LocalAI issue 1194",
    breaks: &["mistral-python", "mistral-js", "AnythingLLM", "alfred-openai-workflow", "LibreChat"],
    fix: "Write `\"finish_reason\":null` in every choice that has not finished.",
    bad: &[concat!(chat!(), role!(), choices!("[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]"), stop!(), done!(), "<last\n")],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_NO_FINISH_REASON_KEY, push, |_, n| {
            format!("{} without the key finish_reason", many(n, "choice", "choices"))
        });
    },
};

/// The id is unique.
pub static OAI_CHAT_020: Rule = Rule {
    code: "OAI-CHAT-020",
    name: "id-not-unique",
    level: Level::Warning,
    summary: "The id is unique to the response (not a constant, not three digits)",
    why: "Logs, traces and caches join on the id. iFlow sends \"chat\" for every answer, older Ollama one of 999 numbers, so different answers become \
          one.",
    source: "OpenAI API reference: `id` is a unique identifier for the chat completion",
    breaks: &["tracing", "caches", "billing joins"],
    fix: "Use a random id of at least 64 bits, as `chatcmpl-` and a UUID.",
    bad: &[concat!(
        chat!(),
        "<chunk data: {\"id\":\"chat\",\"object\":\"chat.completion.chunk\",\"created\":1764124495,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":null}]}\\n\\n\n",
        "<chunk data: {\"id\":\"chat\",\"object\":\"chat.completion.chunk\",\"created\":1764124495,\"model\":\"m\",",
        "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\\n\\n\n",
        done!(),
        "<last\n"
    )],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_ID_SHORT, push, |odd, _| format!("the id can't be unique: {}", odd.found));
    },
};

/// No fields of one's own.
pub static OAI_CHAT_024: Rule = Rule {
    code: "OAI-CHAT-024",
    name: "unknown-top-level-field",
    level: Level::Info,
    summary: "Chunks have no top-level fields that the published schema lacks",
    why: "Most clients ignore unknown fields, decoders with closed types do not. Providers add them all the same (extend_fields, provider, timings).",
    source: "OpenAI OpenAPI document, CreateChatCompletionStreamResponse: properties",
    breaks: &["decoders with closed types"],
    fix: "Move provider data into a response header, or accept that strict clients refuse.",
    bad: &[concat!(
        chat!(),
        role!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",",
        "\"extend_fields\":{\"traceId\":\"2104cabb\"},",
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\\n\\n\n",
        stop!(),
        done!(),
        "<last\n"
    )],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_UNKNOWN_FIELD, push, |odd, _| format!("top-level fields that the schema lacks: {}", odd.found));
    },
};

/// Usage adds up.
pub static OAI_CHAT_031: Rule = Rule {
    code: "OAI-CHAT-031",
    name: "impossible-usage",
    level: Level::Warning,
    summary: "Usage adds up: total = prompt + completion, cached not over prompt, reasoning not over completion",
    why: "These figures are what is billed and what tokens per second are computed from. Figures that cannot all be true (29 cached of 21 prompt tokens, \
          as iFlow sent) make both wrong.",
    source: "OpenAI OpenAPI document, CompletionUsage",
    breaks: &["billing", "token statistics"],
    fix: "Count prompt and completion once, and derive the total; a cached count is a part of the prompt's.",
    bad: &[concat!(
        chat!(),
        role!(),
        word!(),
        stop!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[],",
        "\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":10,\"total_tokens\":31,\"prompt_tokens_details\":{\"cached_tokens\":29}}}\\n\\n\n",
        done!(),
        "<last\n"
    )],
    good: &[concat!(
        chat!(),
        role!(),
        word!(),
        stop!(),
        "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,\"model\":\"m\",\"choices\":[],",
        "\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":10,\"total_tokens\":31,\"prompt_tokens_details\":{\"cached_tokens\":21},",
        "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\\n\\n\n",
        done!(),
        "<last\n"
    )],
    silenced_by: &[],
    needs_all_bytes: false,
    check: |case, push| {
        tell(case, kinds::CHAT_USAGE_ARITHMETIC, push, |odd, _| format!("usage can't be true: {}", odd.found));
    },
};

/// No runs of chunks that carry nothing.
pub static OAI_CHAT_036: Rule = Rule {
    code: "OAI-CHAT-036",
    name: "run-of-empty-deltas",
    level: Level::Info,
    summary: "No two chunks in a row that carry nothing",
    why: "Empty chunks make interfaces redraw for nothing and spoil figures that take every chunk for a token.",
    source: "Ollama issue 12420; observed on iFlow",
    breaks: &["benchmarks that count chunks", "interfaces that redraw for each chunk"],
    fix: "Send a chunk only when it has text, a tool call, a finish reason or usage.",
    bad: &[concat!(
        chat!(),
        role!(),
        word!(),
        choices!("[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}]"),
        choices!("[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":null}]"),
        stop!(),
        done!(),
        "<last\n"
    )],
    good: &[good_chat!()],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        tell(case, kinds::CHAT_EMPTY_DELTAS_RUN, push, |odd, _| format!("several chunks in a row carry nothing: {}", odd.found));
    },
};

/// The server reports an error and ends: that is an end, if no good one.
const ERROR_AND_END: &str = concat!(
    chat!(),
    role!(),
    "<chunk data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\\n\\n\n<last\n"
);

/// A chat stream of which it can be said what is missing at its end: the server ended it, or it was left open behind a finish reason.
/// A transport cut by the server is its own finding (HTTP-006, HTTP-007, DLV-010); a client that left early and a capture that ended prove nothing.
fn ended_chat<'a>(case: &Case<'a>) -> Option<&'a Response> {
    let response = case.stream_of("openai.chat")?;
    match response.end {
        MessageEnd::Complete => Some(response),
        MessageEnd::CutByClient if !response.answer.finish_reasons.is_empty() && !answered(response) => Some(response),
        MessageEnd::CutByClient | MessageEnd::CutByServer | MessageEnd::CutByCapture => None,
    }
}

/// [`Case::tell`] at the rule's own level, for chat streams only: the reader of single documents notices some of the same.
fn tell(case: &Case<'_>, kind: Kind, push: &mut dyn FnMut(Finding), say: impl FnOnce(&Oddity, u64) -> String) {
    if case.stream_of("openai.chat").is_some() {
        case.tell(kind, None, push, say);
    }
}

/// A finding at the last record.
fn at_end(response: &Response, message: String) -> Finding {
    Finding { at: response.last_record_at.or(Some(response.last_at)), ..Finding::at_end(response, message) }
}
