//! Rules about the AI SDK's streams.

use crate::conformance::{Level, Rule};
use crate::dialect::{ai_sdk_data, ai_sdk_ui};

/// A request to a route of the AI SDK.
macro_rules! ui {
    ($fields:literal) => {
        post!("/api/chat", "{\"id\":\"c\",\"messages\":[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Hello\"}]}]}", $fields)
    };
}

/// Its text.
macro_rules! ui_text {
    () => {
        concat!(
            data!("{\"type\":\"text-start\",\"id\":\"t\"}"),
            data!("{\"type\":\"text-delta\",\"id\":\"t\",\"delta\":\"Hi\"}"),
            data!("{\"type\":\"text-end\",\"id\":\"t\"}")
        )
    };
}

/// A conforming UI message stream.
macro_rules! good_ui {
    () => {
        concat!(
            ui!("< x-vercel-ai-ui-message-stream: v1\n"),
            data!("{\"type\":\"start\",\"messageId\":\"m1\"}"),
            ui_text!(),
            data!("{\"type\":\"finish\"}"),
            data!("[DONE]"),
            "<last\n"
        )
    };
}

/// The UI stream is framed.
pub static UI_001: Rule = Rule {
    code: "UI-001",
    name: "broken-ui-message-stream",
    level: Level::Warning,
    summary: "`x-vercel-ai-ui-message-stream: v1`, then `start`, parts that are started before their deltas, `finish` and `[DONE]`",
    why: "A back end that is not written in JavaScript has to speak this by hand. useChat builds the message from these parts: a delta for a part that was \
          not started raises, and without finish the message stays in the state \"streaming\".",
    source: "AI SDK UI documentation, stream protocols: data stream protocol; `ai`, ui-message-chunks.ts",
    breaks: &["useChat"],
    fix: "Set the header, send start first and finish last, then `data: [DONE]`; an error or abort part may stand for finish.",
    bad: &[
        concat!(ui!(""), data!("{\"type\":\"start\"}"), ui_text!(), data!("{\"type\":\"finish\"}"), data!("[DONE]"), "<last\n"),
        concat!(
            ui!("< x-vercel-ai-ui-message-stream: v1\n"),
            data!("{\"type\":\"start\"}"),
            data!("{\"type\":\"text-delta\",\"id\":\"t\",\"delta\":\"Hi\"}"),
            data!("[DONE]"),
            "<last\n"
        ),
        concat!(ui!("< x-vercel-ai-ui-message-stream: v1\n"), ui_text!(), data!("{\"type\":\"finish\"}"), "<last\n"),
    ],
    good: &[
        good_ui!(),
        concat!(
            ui!("< x-vercel-ai-ui-message-stream: v1\n"),
            data!("{\"type\":\"start\"}"),
            data!("{\"type\":\"error\",\"errorText\":\"overloaded\"}"),
            data!("[DONE]"),
            "<last\n"
        ),
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        const UI: &str = "ai-sdk.ui";
        case.tell_of(UI, ai_sdk_ui::NO_HEADER, push, |_| "the response lacks x-vercel-ai-ui-message-stream".into());
        case.tell_of(UI, ai_sdk_ui::NO_START, push, |found| format!("the first part is {found}, not start"));
        case.tell_of(UI, ai_sdk_ui::DELTA_WITHOUT_START, push, |found| format!("a delta for a part that was not started: {found}"));
        case.tell_at_end(UI, ai_sdk_ui::NO_FINISH, push, "the stream ends without finish, abort or error");
        case.tell_at_end(UI, ai_sdk_ui::NO_DONE, push, "the stream ends without [DONE]");
    },
};

/// A request to a route of version 4, the response head with these further fields, and a text.
macro_rules! parts {
    ($fields:literal) => {
        concat!(
            "> POST /api/chat HTTP/1.1\n> Host: app.example\n>json {\"id\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/plain; charset=utf-8\n",
            $fields,
            "< Transfer-Encoding: chunked\n<\n\n<chunk f:{\"messageId\":\"m1\"}\\n\n@ +20ms\n<chunk 0:\"Hi\"\\n\n@ +20ms\n"
        )
    };
}

/// The last part of it.
macro_rules! finish_part {
    () => {
        "<chunk d:{\"finishReason\":\"stop\",\"usage\":{\"promptTokens\":9,\"completionTokens\":2}}\\n\n"
    };
}

/// The data stream is framed.
pub static UI_002: Rule = Rule {
    code: "UI-002",
    name: "broken-data-stream",
    level: Level::Warning,
    summary: "Version 4's data stream: `X-Vercel-AI-Data-Stream: v1`, every line a code and JSON of its type, `d:` last",
    why: "useChat of version 4 reads line by line and raises on a code that it does not know or a value of another type. Without `d:` it has neither \
          finish reason nor usage; without the header a client that supports both protocols takes the stream for plain text.",
    source: "AI SDK 4 documentation, stream protocols: data stream protocol; `ai` 4.3, data-stream-parts.ts",
    breaks: &["useChat (ai 4)"],
    fix: "Set the header and end with `d:{\"finishReason\":\"stop\"}`; an error part (`3:`) may stand for it.",
    bad: &[
        concat!(parts!(""), finish_part!(), "<last\n"),
        concat!(parts!("< X-Vercel-AI-Data-Stream: v1\n"), "<last\n"),
        concat!(parts!("< X-Vercel-AI-Data-Stream: v1\n"), finish_part!(), "<chunk 0:\"more\"\\n\n<last\n"),
        concat!(parts!("< X-Vercel-AI-Data-Stream: v1\n"), "<chunk 0:{\"text\":\"Hi\"}\\n\n", finish_part!(), "<last\n"),
    ],
    good: &[
        concat!(parts!("< X-Vercel-AI-Data-Stream: v1\n"), finish_part!(), "<last\n"),
        concat!(parts!("< X-Vercel-AI-Data-Stream: v1\n"), "<chunk 3:\"overloaded\"\\n\n<last\n"),
    ],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        const DATA: &str = "ai-sdk.data";
        case.tell_of(DATA, ai_sdk_data::NO_HEADER, push, |_| "the response lacks x-vercel-ai-data-stream".into());
        case.tell_of(DATA, ai_sdk_data::WRONG_TYPE, push, |found| format!("a value of another type than its code has: {found}"));
        case.tell_of(DATA, ai_sdk_data::UNKNOWN_TYPE, push, |found| format!("unknown code {found}"));
        case.tell_of(DATA, ai_sdk_data::AFTER_FINISH, push, |found| format!("behind d: {found}"));
        case.tell_at_end(DATA, ai_sdk_data::NO_FINISH, push, "the stream ends without d: and without an error");
    },
};
