//! Rules about newline-delimited JSON.

use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule, kinds};
use crate::exchange::Response;
use crate::framing::Framing;
use crate::http::event::ResponseHead;

use super::http::essence;

/// One value a line.
pub static NDJSON_001: Rule = Rule {
    code: "NDJSON-001",
    name: "not-one-json-per-line",
    level: Level::Error,
    summary: "Every line is one JSON value, ended by LF",
    why: "Readers split at LF and parse each line by itself. Values joined on one line, values pretty-printed over several, and lines with a prefix \
          such as `data:` all fail in the parser.",
    source: "NDJSON specification 1.0.0, section 3; JSON Lines",
    breaks: &["ollama-python", "ollama-js"],
    fix: "Serialise without indentation and write one LF behind each value.",
    bad: &[
        concat!(
            ollama!(),
            "<chunk ",
            ollama_word!(),
            ollama_word!(),
            "\\n\n",
            "<chunk ",
            ollama_word!(),
            "\\n\n",
            ollama_done!(),
            "<last\n"
        ),
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n", "<chunk {\"model\":\"m\",\\n\n", ollama_done!(), "<last\n"),
    ],
    good: &[
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\n\n", ollama_done!(), "<last\n"),
        concat!(ollama!(), "<chunk ", ollama_word!(), "\\r\\n\n", ollama_done!(), "<last\n"),
    ],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        // The bytes decide what it is; who declares lines of JSON and sends values without line ends between them breaks this promise.
        let lines = |e: String| matches!(&*e, "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines");
        let broken = |(r, head): (&Response, &ResponseHead)| r.framing == Framing::ConcatJson && essence(head).is_some_and(lines);
        if case.stream_head().is_some_and(broken) {
            push(Finding::new("values follow one another without a line end between them"));
        }
        case.tell(kinds::NDJSON_SEVERAL_VALUES, None, push, |odd, n| {
            format!("{} with several values: {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(kinds::NDJSON_NOT_JSON, None, push, |odd, n| {
            format!("{} no JSON: {}", many(n, "line that is", "lines that are"), odd.found)
        });
    },
};
