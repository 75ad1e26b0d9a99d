//! Rules about newline-delimited JSON.

use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule};
use crate::exchange::Response;
use crate::framing::{Framing, coded_lines, ndjson as odd};
use crate::http::event::ResponseHead;

use super::http::{essence, is_lines};

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&NDJSON_001, &NDJSON_002, &NDJSON_003];

/// One value per line.
pub static NDJSON_001: Rule = Rule {
    code: "NDJSON-001",
    name: "not-one-json-per-line",
    level: Level::Error,
    summary: "Every line is one JSON value, ended by LF",
    why: "Readers split at LF and parse each line by itself. Values joined on one line, values pretty-printed over \
        several, and lines with a prefix such as `data:` all fail in the parser.",
    source: "NDJSON specification 1.0.0, section 3; JSON Lines",
    breaks: &["ollama-python", "ollama-js"],
    fix: "Serialise without indentation and write one LF after each value.",
    bad: &[
        "ollama; line $hi$hi
         hi; end; last",
        r#"ollama; hi; line {"model":"m",
           end; last"#,
    ],
    good: &[
        "good-ollama",
        r#"ollama; <chunk $hi\r\n
           end; last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        // The bytes decide the framing. A server that declares lines of JSON and sends values without line ends
        // between them breaks its promise.
        let broken = |(r, head): (&Response, &ResponseHead)| {
            r.framing == Framing::ConcatJson && essence(head).is_some_and(|t| is_lines(&t))
        };
        if case.stream_head().is_some_and(broken) {
            push(Finding::new("values follow one another without a line end between them"));
        }
        case.tell(odd::SEVERAL_VALUES, None, push, |odd, n| {
            format!("{} with several values: {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(odd::NOT_JSON, None, push, |odd, n| {
            format!("{} not JSON: {}", many(n, "line that is", "lines that are"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Only lines of JSON.
pub static NDJSON_002: Rule = Rule {
    code: "NDJSON-002",
    name: "line-decoration",
    level: Level::Warning,
    summary: "There are no blank lines, no byte order mark and no record separators (RS) between lines of JSON",
    why: "Readers hand each line to the JSON parser unchanged. The parser raises on a blank line, sent as \
        keep-alive, and on a mark before the first line. With `data:` before each line it is an event stream: \
        HTTP-002.",
    source: "NDJSON specification 1.0.0, section 3 (a parser may ignore empty lines); docs/laboratory.md, runs \
        `o_blank`, `o_bom`",
    breaks: &["ollama-python"],
    fix: "Write each value and one LF, and nothing else; NDJSON has no keep-alive.",
    bad: &[
        r#"ollama; <chunk $hi\n\n
           end; last"#,
        r#"ollama; line \xef\xbb\xbf$hi
           end; last"#,
    ],
    good: &["good-ollama"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::BLANK_LINE, None, push, |_, n| many(n, "blank line", "blank lines"));
        case.tell(odd::BOM, None, push, |_, _| "a byte order mark before the first line".into());
        let separated = |(r, head): (&Response, &ResponseHead)| {
            r.framing == Framing::JsonSeq && essence(head).is_some_and(|t| is_lines(&t))
        };
        if case.stream_head().is_some_and(separated) {
            push(Finding::new("a record separator (RS) before each value"));
        }
    },
    ..Rule::DEFAULT
};

/// The last line ends too.
pub static NDJSON_003: Rule = Rule {
    code: "NDJSON-003",
    name: "no-final-newline",
    level: Level::Info,
    summary: "The last line ends with LF like the others",
    why: "Readers that look for LF never see the last line, which has the statistics; most readers take what is left \
        at the end of the body.",
    source: "NDJSON specification 1.0.0, section 3.1; both Ollama clients take such a line (docs/laboratory.md, run \
        `o_nonl_last`)",
    breaks: &[],
    fix: "Write LF after each value, the last one too.",
    bad: &[r#"ollama; hi; <chunk $end,"done_reason":"stop"}
           last"#],
    good: &["good-ollama"],
    needs_all_bytes: false,
    check: |case, push| {
        for kind in [odd::NO_FINAL_NEWLINE, coded_lines::NO_FINAL_NEWLINE] {
            case.tell(kind, None, push, |odd, _| format!("the last line has no line end: {}", odd.found));
        }
    },
    ..Rule::DEFAULT
};
