//! Rules about field names and event types.

use super::in_llm_streams;
use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::anthropic::kinds as anthropic;
use crate::dialect::cohere;
use crate::dialect::openai_chat::kinds as chat;
use crate::dialect::openai_completions;
use crate::dialect::openai_responses::kinds as responses;
use crate::framing::sse as odd;

/// No field names but those of the standard.
pub static SSE_008: Rule = Rule {
    code: "SSE-008",
    name: "unknown-field",
    level: Level::Warning,
    summary: "Lines have only the field names `data`, `event`, `id` and `retry`",
    why: "Unknown fields are ignored, and with them what they say. llama.cpp sent its errors as `error: {…}` until \
        September 2025: the stream ended without a finish reason, and every client took it for a short but complete \
        answer.",
    source: "WHATWG HTML 9.2.6 (otherwise: the field is ignored); llama.cpp pull request 16109",
    breaks: &["openai-python", "openai-node", "every client that follows the standard"],
    fix: "Send it as `data:`; an error is `data: {\"error\":{\"message\":…}}`.",
    bad: &[r#"chat; role; word; send error: {"message":"context full","code":500}\n\n
           done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::UNKNOWN_FIELD, in_llm_streams(case), push, |odd, n| {
            format!("{} that no client reads: {}", many(n, "unknown field", "unknown fields"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// No event types in chat.
pub static SSE_010: Rule = Rule {
    code: "SSE-010",
    name: "event-field-in-chat",
    level: Level::Warning,
    summary: "Chat and completion streams have no `event:` lines",
    why: "OpenAI's chat streams have data lines only. An event type sends the record to another handler: EventSource \
        does not call onmessage for it, openai-node 4 and Groq's SDK for Python look for types that \
        begin with `thread.` and skip the rest, and MacPaw's Swift client raises. The answer is empty, without an \
        error.",
    source: "OpenAI streaming guide (chat completions: data only); docs/laboratory.md, runs `event_msg`, \
        `event_after`, `event_ping_data`",
    breaks: &["groq-python", "openai-node 4", "eventsource", "MacPaw/OpenAI", "Dify plugins", "google-genai"],
    fix: "Leave the `event:` line out; only Anthropic's and OpenAI's Responses streams have one.",
    bad: &[
        r#"chat; send event: message\ndata: $role-and-word\n\n
           stop; done; last"#,
        r#"chat; send event: chunk\ndata: $role-and-word\n\n
           stop; done; last"#,
    ],
    good: &["good-chat", "good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        for kind in [chat::EVENT_FIELD, openai_completions::EVENT_FIELD] {
            case.tell(kind, None, push, |odd, n| {
                format!("{} with an event type, the first `{}`", many(n, "record", "records"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// The event type says what the payload is.
pub static SSE_011: Rule = Rule {
    code: "SSE-011",
    name: "event-differs-from-type",
    level: Level::Error,
    summary: "Anthropic streams have `event:` and it equals `type`; in Responses streams it equals `type` if it is \
        there",
    why: "Anthropic's SDKs look at the event type to choose what to parse. Without it they yield nothing at all and \
        raise nothing; with a wrong one they parse one thing as another. OpenAI's Responses SDKs read `type`, other \
        readers read `event:`, and a difference makes two readers see two streams.",
    source: "Anthropic documentation, streaming: named events; anthropic-sdk-python, _streaming.py; OpenAI API \
        reference, responses streaming",
    breaks: &["anthropic-python", "anthropic-typescript"],
    fix: "Write `event: ` with the payload's `type` before each `data:` line.",
    bad: &["messages; data $message-start
         text-block; message-delta end_turn; message-stop; last"],
    good: &["good-message"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(anthropic::NO_EVENT, None, push, |_, n| format!("{} without `event:`", many(n, "record", "records")));
        for kind in
            [anthropic::EVENT_DIFFERS_FROM_TYPE, responses::EVENT_DIFFERS_FROM_TYPE, cohere::EVENT_DIFFERS_FROM_TYPE]
        {
            case.tell(kind, None, push, |odd, n| {
                format!("{} with another event type than the payload's: {}", many(n, "record", "records"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// Field names are spelled as the standard spells them.
pub static SSE_019: Rule = Rule {
    code: "SSE-019",
    name: "field-name-spelling",
    level: Level::Warning,
    summary: "Field names are lower case, without spaces around them",
    why: "`Data:` and `data :` are not `data:` but unknown fields. Clients drop the whole stream and show an empty \
        answer.",
    source: "WHATWG HTML 9.2.6 (field names are compared literally); docs/laboratory.md, runs `upper_field` and \
        `space_before_colon`",
    breaks: &["every client that follows the standard"],
    fix: "Write `data:` in lower case, at the start of the line, the colon right after it.",
    bad: &[r#"chat; role; send Data: $word\n\n
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::FIELD_NAME_CASE, None, push, |odd, n| {
            format!("{} misspelled and dropped: {}", many(n, "field name", "field names"), odd.found)
        });
    },
    ..Rule::DEFAULT
};
