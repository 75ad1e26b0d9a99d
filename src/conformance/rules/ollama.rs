//! Rules about Ollama's own API.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::{ollama, ollama_status};
use crate::http::event::MessageEnd;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&OLLAMA_001, &OLLAMA_002, &OLLAMA_003, &OLLAMA_004];

/// The last line says so.
pub static OLLAMA_001: Rule = Rule {
    code: "OLLAMA-001",
    name: "missing-done-true",
    level: Level::Error,
    summary: "The last line, and no other, has `\"done\":true`, with a `done_reason`",
    why: "That line carries the counts and durations and is the only sign that the answer is whole. Without it the \
        JavaScript client raises, and the Python client returns half an answer without an error. A line with `error` \
        ends the stream too.",
    source: "Ollama API documentation, generate a chat completion: final response; Ollama issue 10015",
    breaks: &["ollama-js", "ollama-vscode"],
    fix: "End with one line `\"done\":true,\"done_reason\":\"stop\"` and the statistics; look for a server or proxy \
        that closes early.",
    bad: &[
        "ollama; hi*2; last",
        "ollama; hi; end; hi; last",
        "ollama; hi; line $end}
         last",
    ],
    good: &[
        "good-ollama",
        r#"ollama; hi; line {"error":"model runner has stopped"}
           last"#,
        "ollama; hi*2; !rst >",
    ],
    // A client that gives up in the middle is reported as info; an answer that ends in an error is whole, but failed.
    also: &[("DLV-010", Level::Info), ("OLLAMA-003", Level::Error)],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        case.tell(ollama::AFTER_DONE, None, push, |odd, n| {
            format!("{} after \"done\":true: {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(ollama::NO_DONE_REASON, None, push, |_, _| "\"done\":true without a done_reason".into());
        if response.end == MessageEnd::Complete && response.answer.error.is_none() {
            case.tell(ollama::NO_DONE, None, push, |_, _| "the stream ends without \"done\":true".into());
        }
    },
    ..Rule::DEFAULT
};

/// Lines arrive as they are made.
pub static OLLAMA_002: Rule = Rule {
    code: "OLLAMA-002",
    name: "late-lines",
    level: Level::Warning,
    summary: "Lines arrive as they were made: the lag behind `created_at` does not vary by more than 200 ms",
    why: "Every line says when it was made, so a delay on the way can be told from a slow model even if the two \
        clocks differ: a constant lag is the difference between the clocks. If the lag grows and falls again, a \
        proxy collects lines, and the user sees bursts.",
    source: "Ollama API documentation: created_at of each line",
    breaks: &["users who watch the text grow", "latency figures"],
    fix: "Turn off response buffering in the proxy (nginx: proxy_buffering off), and compression unless it is flushed \
        with each line.",
    bad: &[r#"ollama; wait 900ms; hi
           line {"model":"m","created_at":"2026-01-01T00:00:01.05Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}
           last"#],
    good: &[r#"ollama
           line {"model":"m","created_at":"2025-01-01T00:00:00.15Z","message":{"role":"assistant","content":"Hi"},"done":false}
           wait 900ms
           line {"model":"m","created_at":"2025-01-01T00:00:01.05Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}
           last"#],
    needs_all_bytes: true,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(ollama::ARRIVAL_LAG, None, push, |odd, _| {
                format!(
                    "this line came {} later after its created_at than the fastest one: held back on the way",
                    odd.found
                )
            });
        }
    },
    ..Rule::DEFAULT
};

/// The answer does not fail in the middle.
pub static OLLAMA_003: Rule = Rule {
    code: "OLLAMA-003",
    name: "error-line",
    level: Level::Error,
    summary: "The answer does not end in a line with `error`",
    why: "After the first line the status is 200, and an error can only come as a line. Clients of the native API \
        raise; Ollama's own /v1 layer turns the line into an empty chunk, and its clients see a short answer that \
        ended well.",
    source: "Ollama API documentation, errors: errors that occur while streaming; Ollama, middleware/openai.go (read, \
        not run)",
    breaks: &["clients of Ollama's /v1 layer", "clients that look at the status only"],
    fix: "Look into the server's log for the cause (out of memory, a runner that died); clients: treat a line with \
        `error` as a failure of the whole answer.",
    bad: &[r#"ollama; hi; line {"error":"model runner has unexpectedly stopped"}
           last"#],
    good: &["good-ollama"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some() {
            case.tell(ollama::ERROR_LINE, None, push, |odd, _| format!("the answer failed: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};

/// Work in progress ends.
pub static OLLAMA_004: Rule = Rule {
    code: "OLLAMA-004",
    name: "missing-success",
    level: Level::Warning,
    summary: "A stream of pull, push or create ends with the status `success`, or with an error",
    why: "That line is the only sign that the work is done; the status code was sent before it began. A script that \
        takes the end of the body for success starts a model that does not exist.",
    source: "Ollama API documentation, pull a model: response",
    breaks: &["scripts around pull and create"],
    fix: "Check the last line; if a proxy would close the connection, raise its limit to hours or poll /api/tags.",
    bad: &["pull; last"],
    good: &[
        r#"pull; line {"status":"success"}
           last"#,
        "pull; !rst >",
    ],
    // A client that gives up in the middle is reported as info.
    also: &[("DLV-010", Level::Info)],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell_at_end(
            &ollama_status::DIALECT,
            ollama_status::NO_SUCCESS,
            push,
            "the stream ends without the status success",
        );
    },
    ..Rule::DEFAULT
};
