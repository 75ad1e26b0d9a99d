//! The rule about legacy completions.

use super::at_end;
use crate::conformance::{Level, Rule};
use crate::dialect::openai_completions as odd;
use crate::http::event::MessageEnd;

/// Legacy completions by their schema.
pub static OAI_CMPL_001: Rule = Rule {
    code: "OAI-CMPL-001",
    name: "bad-legacy-completion",
    level: Level::Warning,
    summary: "A legacy completion stream has `object` text_completion, strings as text, a finish reason and `[DONE]`",
    why: "Base models, infill and benchmarks still use the old endpoint. Its chunks are not chat chunks: text is in \
        `choices[].text`. Servers that copy the chat code leave out some of it, and clients then show nothing.",
    source: "OpenAI OpenAPI document, CreateCompletionResponse",
    breaks: &["openai-python", "benchmarks (lm-eval, vLLM bench)"],
    fix: "Send `\"object\":\"text_completion\"`, `\"text\":\"…\"`, a finish reason in the last chunk, then `data: \
        [DONE]`.",
    bad: &[
        r#"completions; completion [{"index":0,"text":"Hi","finish_reason":"stop"}]
           last"#,
        r#"completions; completion [{"index":0,"text":"Hi","finish_reason":null}]
           done; last"#,
        r#"completions; completion [{"index":0,"text":7,"finish_reason":"stop"}]
           done; last"#,
    ],
    good: &[r#"completions; completion [{"index":0,"text":"Hi","finish_reason":null}]
           completion [{"index":0,"text":"","finish_reason":"stop"}]
           done; last"#],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "SSE-006"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream_of(&odd::DIALECT) else { return };
        for (kind, what) in [
            (odd::OBJECT_WRONG, "object is"),
            (odd::CHOICES_MISSING, "choices is"),
            (odd::TEXT_TYPE, "text is"),
            (odd::TERMINATOR_SPELLING, "the terminator is spelled"),
            (odd::DUPLICATE_TERMINATOR, "a second terminator:"),
            (odd::DATA_AFTER_TERMINATOR, "data after the terminator:"),
        ] {
            case.tell(kind, None, push, |odd, _| format!("{what} {}", odd.found));
        }
        let answer = &response.answer;
        if response.end != MessageEnd::Complete || answer.error.is_some() {
            return;
        }
        if !answer.terminator.seen {
            push(at_end(response, "the stream has no [DONE]".into()));
        }
        if answer.finish_reasons.is_empty() {
            push(at_end(response, "no choice got a finish_reason".into()));
        }
    },
    ..Rule::DEFAULT
};
