//! Rules about JSON that is no stream of events: one document, and values one after another.

use crate::conformance::case::many;
use crate::conformance::{Level, Rule};
use crate::dialect::gemini;
use crate::framing::{Framing, concat, json, json_array, json_seq};
use crate::http::event::MessageEnd;

use super::http::essence;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&JSON_001, &JSON_002];

/// One document is one document.
pub static JSON_001: Rule = Rule {
    code: "JSON-001",
    name: "broken-json-document",
    level: Level::Error,
    summary: "A body that is declared JSON is one JSON document: whole, well-formed, with nothing after it (a warning \
        for a byte order mark)",
    why: "A client hands the whole body to its JSON parser, which refuses anything but one value: a body that ends \
        inside it, a body of nothing but blank space (keep-alive that no answer followed), a second value that a \
        gateway appended.",
    source: "RFC 8259 sections 2 and 8.1; OpenRouter and DeepSeek (blank lines as keep-alive before a document)",
    breaks: &["openai-python", "openai-node", "every client that parses JSON"],
    fix: "Serialise one value with a JSON library and end the body after it; answer 5xx if the answer can't be made.",
    bad: &[
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           chunked; <chunk {"object":"list",
           last"#,
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           chunked; <chunk \n
           wait 10s; <chunk \n
           last"#,
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           chunked; <chunk {"object":"list"} and more
           last"#,
    ],
    good: &[
        "models",
        r#"get /v1/models; < HTTP/1.1 200 OK
           < Content-Type: application/json
           chunked; <chunk \n
           wait 10s; <chunk \n{}\n
           last"#,
    ],
    silenced_by: &["HTTP-006", "HTTP-007", "HTTP-024"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some((response, head)) = case.succeeded_head() else { return };
        if !essence(head).is_some_and(|t| t.ends_with("json")) {
            return;
        }
        let of_array = response.framing == Framing::JsonArray;
        if response.end == MessageEnd::Complete && !of_array {
            let blank = response.record_count == 0;
            case.tell(json::TRUNCATED, None, push, |odd, _| match blank && odd.found.trim().is_empty() {
                true => "the body ends without a JSON document".to_owned(),
                false => format!("the body ends inside its JSON document: {}", odd.found),
            });
        }
        // GEM-003 judges Gemini's array.
        let others = response.end != MessageEnd::Complete || case.stream_of(&gemini::DIALECT).is_some();
        let open = |kind| kind == json_array::NOT_CLOSED && others;
        for (kind, level, what) in [
            (json::MALFORMED, Level::Error, "the document is not JSON"),
            (json::TRAILING_BYTES, Level::Error, "bytes follow the document"),
            (json::SEVERAL_VALUES, Level::Error, "another value follows the document"),
            (json::BOM, Level::Warning, "a byte order mark before the document"),
            (json_array::NOT_CLOSED, Level::Error, "the array is not closed"),
            (json_array::JUNK, Level::Error, "bytes between the elements of the array"),
            (json_array::TRAILING_BYTES, Level::Error, "bytes follow the array"),
        ] {
            if !open(kind) {
                case.tell(kind, Some(level), push, |odd, _| format!("{what}: {}", odd.found));
            }
        }
    },
    ..Rule::DEFAULT
};

/// A sequence of values.
pub static JSON_002: Rule = Rule {
    code: "JSON-002",
    name: "broken-json-sequence",
    level: Level::Error,
    summary: "Values one after another are JSON, whole, with nothing between them but their framing (a warning for \
        commas and for missing line ends)",
    why: "A reader that looks for the next value stops at the first byte that begins none. What follows is lost, \
        and a value that is cut is never handed on.",
    source: "RFC 7464 sections 2.2 to 2.4 (JSON text sequences); RFC 8259 section 2",
    breaks: &["readers of concatenated JSON", "readers of application/json-seq"],
    fix: "Serialise each value whole and write one separator: LF, or RS before and LF after it.",
    bad: &[
        r#"get /values; < HTTP/1.1 200 OK
           < Content-Type: application/json
           chunked; <chunk {"a":1}{"a":2}
           send oops{"a":3}
           last"#,
        r#"get /values; < HTTP/1.1 200 OK
           < Content-Type: application/json-seq
           chunked; <chunk \x1e{"a":1}\n
           send \x1e{"a":\n
           last"#,
    ],
    good: &[r#"get /values; < HTTP/1.1 200 OK
           < Content-Type: application/json-seq
           chunked; <chunk \x1e{"a":1}\n
           send \x1e{"a":2}\n
           last"#],
    silenced_by: &["HTTP-006", "HTTP-007"],
    needs_all_bytes: true,
    check: |case, push| {
        let Some(response) = case.stream() else { return };
        let whole = response.end == MessageEnd::Complete;
        for (kind, level, what, asked) in [
            (concat::MALFORMED, Level::Error, "a value is cut by the next one", true),
            (concat::JUNK, Level::Error, "bytes between two values", true),
            (concat::COMMA, Level::Warning, "a comma between two values", true),
            (concat::TRUNCATED, Level::Error, "the body ends inside a value", whole),
            (json_seq::BAD_TEXT, Level::Error, "a text that is not JSON", true),
            (json_seq::OUTSIDE, Level::Error, "bytes before the first record separator", true),
            (json_seq::TRUNCATED, Level::Error, "a text is cut", whole),
            (json_seq::NO_LINE_END, Level::Warning, "a text without its line end", true),
        ] {
            if asked {
                case.tell(kind, Some(level), push, |odd, n| {
                    format!("{what} ({}): {}", many(n, "place", "places"), odd.found)
                });
            }
        }
    },
    ..Rule::DEFAULT
};
