//! Rules about newline-delimited JSON.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule, kinds};

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
        case.tell(kinds::NDJSON_SEVERAL_VALUES, None, push, |odd, n| {
            format!("{} with several values: {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(kinds::NDJSON_NOT_JSON, None, push, |odd, n| {
            format!("{} no JSON: {}", many(n, "line that is", "lines that are"), odd.found)
        });
    },
};
