//! Rules about the AI SDK's streams.

use crate::conformance::{Level, Rule};
use crate::dialect::{ai_sdk_data, ai_sdk_ui};
use crate::framing::coded_lines;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&UI_001, &UI_002];

/// The UI stream is framed.
pub static UI_001: Rule = Rule {
    code: "UI-001",
    name: "broken-ui-message-stream",
    level: Level::Warning,
    summary: "`x-vercel-ai-ui-message-stream: v1`, then `start`, parts with their start and end, `finish` \
        and `[DONE]`",
    why: "A back end that is not written in JavaScript has to write this protocol itself. useChat builds the message \
        from these parts: a delta for a part that was not started raises, and without finish the message stays in \
        the state \"streaming\".",
    source: "AI SDK UI documentation, stream protocols: data stream protocol; `ai`, ui-message-chunks.ts",
    breaks: &["useChat"],
    fix: "Set the header, send start first and finish last, then `data: [DONE]`; an error or abort part may replace \
        finish.",
    bad: &[
        "ui; chunked; ui-start; ui-text; ui-finish; ui-done; last",
        "ui-v1; ui-start; ui-delta; ui-done; last",
        "ui-v1; ui-text; ui-finish; last",
        r#"ui-v1; ui-start; data {"type":"text-start","id":"t"}
           ui-delta; ui-finish; ui-done; last"#,
    ],
    good: &[
        r#"ui-v1; data {"type":"start","messageId":"m1"}
           ui-text; ui-finish; ui-done; last"#,
        r#"ui-v1; ui-start; data {"type":"error","errorText":"overloaded"}
           ui-done; last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&ai_sdk_ui::DIALECT, ai_sdk_ui::NO_HEADER, push, |_| {
            "the response lacks x-vercel-ai-ui-message-stream".into()
        });
        case.tell_of(&ai_sdk_ui::DIALECT, ai_sdk_ui::NO_START, push, |found| {
            format!("the first part is {found}, not start")
        });
        case.tell_of(&ai_sdk_ui::DIALECT, ai_sdk_ui::DELTA_WITHOUT_START, push, |found| {
            format!("a delta for a part that was not started: {found}")
        });
        case.tell_of(&ai_sdk_ui::DIALECT, ai_sdk_ui::PART_NOT_ENDED, push, |found| {
            format!("finish came, and a part did not end: {found}")
        });
        case.tell_at_end(
            &ai_sdk_ui::DIALECT,
            ai_sdk_ui::NO_FINISH,
            push,
            "the stream ends without finish, abort or error",
        );
        case.tell_at_end(&ai_sdk_ui::DIALECT, ai_sdk_ui::NO_DONE, push, "the stream ends without [DONE]");
    },
    ..Rule::DEFAULT
};

/// The data stream is framed.
pub static UI_002: Rule = Rule {
    code: "UI-002",
    name: "broken-data-stream",
    level: Level::Warning,
    summary: "Version 4's data stream has `X-Vercel-AI-Data-Stream: v1`; every line is a code and JSON of its type; \
        `d:` is last",
    why: "useChat of version 4 reads line by line and raises on a code that it does not know or a value of another \
        type. Without `d:` it has neither finish reason nor usage; without the header a client that supports both \
        protocols takes the stream for plain text.",
    source: "AI SDK 4 documentation, stream protocols: data stream protocol; `ai` 4.3, data-stream-parts.ts",
    breaks: &["useChat (ai 4)"],
    fix: "Set the header and end with `d:{\"finishReason\":\"stop\"}`; an error part (`3:`) may replace it.",
    bad: &[
        "parts; chunked; parts-text; parts-finish; last",
        "parts-v1; last",
        r#"parts-v1; parts-finish; line 0:"more"
           last"#,
        r#"parts-v1; line 0:{"text":"Hi"}
           parts-finish; last"#,
    ],
    good: &[
        "parts-v1; parts-finish; last",
        r#"parts-v1; line 3:"overloaded"
           last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_of(&ai_sdk_data::DIALECT, ai_sdk_data::NO_HEADER, push, |_| {
            "the response lacks x-vercel-ai-data-stream".into()
        });
        case.tell_of(&ai_sdk_data::DIALECT, ai_sdk_data::WRONG_TYPE, push, |found| {
            format!("a value of another type than its code demands: {found}")
        });
        case.tell_of(&ai_sdk_data::DIALECT, ai_sdk_data::UNKNOWN_TYPE, push, |found| format!("unknown code {found}"));
        case.tell_of(&ai_sdk_data::DIALECT, coded_lines::NOT_CODED, push, |found| {
            format!("a line without a code: {found}")
        });
        case.tell_of(&ai_sdk_data::DIALECT, ai_sdk_data::AFTER_FINISH, push, |found| format!("after d: {found}"));
        case.tell_at_end(
            &ai_sdk_data::DIALECT,
            ai_sdk_data::NO_FINISH,
            push,
            "the stream ends without d: and without an error",
        );
    },
    ..Rule::DEFAULT
};
