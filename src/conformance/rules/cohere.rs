//! Rules about Cohere's chat streams.

use crate::conformance::{Level, Rule};
use crate::dialect::cohere;

/// A Cohere request.
macro_rules! cohere {
    () => {
        post!("/v2/chat", "{\"model\":\"command-r\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}", "")
    };
}

/// Its events but the last.
macro_rules! cohere_text {
    () => {
        concat!(
            data!("{\"type\":\"message-start\",\"id\":\"5d3c1a2e-7f44-4d0a-9a3e-0c6f6d3b1c11\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}"),
            data!("{\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}"),
            data!("{\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}"),
            data!("{\"type\":\"content-end\",\"index\":0}")
        )
    };
}

/// Cohere says that it is over.
pub static COHERE_001: Rule = Rule {
    code: "COHERE-001",
    name: "missing-message-end",
    level: Level::Error,
    summary: "The stream ends with `message-end` (version 1: `stream-end`), and nothing behind it",
    why: "Finish reason and usage come with that event only. Without it a client can't tell a whole answer from one that broke off.",
    source: "Cohere API reference, chat with streaming: message-end; stream-end",
    breaks: &["cohere-python: no finish reason", "usage accounts"],
    fix: "Pass the last event on before closing; a gateway must send it also when the answer fails, with finish_reason ERROR.",
    bad: &[
        concat!(cohere!(), cohere_text!(), "<last\n"),
        concat!(
            cohere!(),
            cohere_text!(),
            data!("{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}"),
            data!("{\"type\":\"content-end\",\"index\":0}"),
            "<last\n"
        ),
    ],
    good: &[
        concat!(cohere!(), cohere_text!(), data!("{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}"), "<last\n"),
        concat!(cohere!(), cohere_text!(), "!rst >\n"),
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "SSE-001"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end("cohere.chat", cohere::NO_END, push, "the stream ends without its last event");
        case.tell_of("cohere.chat", cohere::AFTER_END, push, |found| format!("behind the last event: {found}"));
    },
};
