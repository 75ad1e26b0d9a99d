//! Rules about Ollama's own API.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule, kinds};
use crate::http::event::MessageEnd;

/// The last line says so.
pub static OLLAMA_001: Rule = Rule {
    code: "OLLAMA-001",
    name: "missing-done-true",
    level: Level::Error,
    summary: "The last line, and only it, has `\"done\":true`, with a `done_reason`",
    why: "That line carries the counts and durations and is the only sign that the answer is whole. Without it the JavaScript client raises and the \
          Python client returns half an answer in silence. A line with `error` ends the stream too.",
    source: "Ollama API documentation, generate a chat completion: final response; Ollama issue 10015",
    breaks: &["ollama-js", "ollama-vscode"],
    fix: "End with one line `\"done\":true,\"done_reason\":\"stop\"` and the statistics; look for a server or proxy that closes early.",
    bad: &[
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n<chunk ", ollama_word!(), "\\n\n<last\n"),
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n", ollama_done!(), "<chunk ", ollama_word!(), "\\n\n<last\n"),
        concat!(
            ollama!(),
            "<chunk ",
            ollama_word!(),
            "\\n\n",
            "<chunk {\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00.2Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true}\\n\n<last\n"
        ),
    ],
    good: &[
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n", ollama_done!(), "<last\n"),
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n<chunk {\"error\":\"model runner has stopped\"}\\n\n<last\n"),
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n<chunk ", ollama_word!(), "\\n\n!rst >\n"),
    ],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        case.tell(kinds::OLLAMA_AFTER_DONE, None, push, |odd, n| {
            format!("{} behind \"done\":true: {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(kinds::OLLAMA_NO_DONE_REASON, None, push, |_, _| "\"done\":true without a done_reason".into());
        if response.end == MessageEnd::Complete && response.answer.error.is_none() {
            case.tell(kinds::OLLAMA_NO_DONE, None, push, |_, _| "the stream ends without \"done\":true".into());
        }
    },
};
