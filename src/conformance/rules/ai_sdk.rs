//! Rules about the AI SDK's streams.

use crate::conformance::{Level, Rule};
use crate::dialect::ai_sdk_ui;

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
