//! Rules about the lines of an event stream: their ends, their length, and what follows `data:`.

use super::in_llm_streams;
use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule};
use crate::framing::sse as odd;

/// A space after `data:`.
pub static SSE_002: Rule = Rule {
    code: "SSE-002",
    name: "data-without-space",
    level: Level::Info,
    summary: "A space follows the colon of `data:` (a warning in streams of language models)",
    why: "The standard allows `data:{…}` as well as `data: {…}`. But OpenAI's documentation shows the space, and \
        readers written after it look for the six characters `data: `. They skip every line of such a stream and \
        show an empty answer. iFlow, old TGI and Spring servers leave it out.",
    source: "WHATWG HTML 9.2.6 (one space is optional); OpenAI streaming guide (always shown)",
    breaks: &[
        "google-genai",
        "huggingface_hub (on [DONE])",
        "Dify plugins",
        "vLLM bench",
        "loops that test for \"data: \"",
    ],
    fix: "Write `data: ` with one space.",
    bad: &[
        r#"chat; role; <chunk data:$word\n\n
           stop; done; last"#,
        r#"chat; role; word; stop; <chunk data:[DONE]\n\n
           last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::DATA_WITHOUT_SPACE, in_llm_streams(case), push, |_, n| {
            format!("{} without a space after the colon", many(n, "data line", "data lines"))
        });
    },
    ..Rule::DEFAULT
};

/// One space only.
pub static SSE_003: Rule = Rule {
    code: "SSE-003",
    name: "extra-space",
    level: Level::Warning,
    summary: "One space follows the colon of `data:`, not two and not a tab (info only, outside of streams of \
        language models)",
    why: "The standard removes one space; a second one, or a tab, belongs to the value. A JSON parser does not mind, \
        but ` [DONE]` is not `[DONE]`: the client parses it as JSON and raises at the very end of a good answer.",
    source: "WHATWG HTML 9.2.6 (one U+0020 is removed); docs/laboratory.md, runs `twospace` and `tab`",
    breaks: &["openai-python", "openai-node", "ai-sdk", "mistral-python", "langchain", "groq-python"],
    fix: "Write `data: ` with one space; look for a formatter that indents, or a field library that adds its own space.",
    bad: &[
        r#"chat; role; word; stop; send data:  [DONE]\n\n
           last"#,
        r#"chat; role; word; stop; send data:\t[DONE]\n\n
           last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::EXTRA_SPACE, in_llm_streams(case), push, |odd, n| {
            format!("{} with more than one space after the colon: {}", many(n, "data line", "data lines"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// A payload stays on its line.
pub static SSE_004: Rule = Rule {
    code: "SSE-004",
    name: "raw-newline-in-data",
    level: Level::Error,
    summary: "A payload is on one `data:` line, or each of its lines has its own `data:`",
    why: "A line end inside the payload ends the field. What follows is not a field and is dropped, so the client \
        gets half a JSON document and raises, or skips the event. The causes are pretty-printed JSON, and text that \
        was put into a template without escaping.",
    source: "WHATWG HTML 9.2.6",
    breaks: &["every client that follows the standard"],
    fix: "Serialise the JSON on one line (line ends inside strings escaped as \\n).",
    bad: &[r#"chat; role
           <chunk data: {$same"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]\n}\n\n
           stop; done; last"#],
    good: &[
        "good-chat",
        // The same line end, then its own field name: one payload.
        r#"plain /news; <chunk data: one\ndata: two\n\n
           last"#,
    ],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(odd::RAW_NEWLINE, None, push, |odd, n| {
            let lines = many(n, "line is not a field and is dropped", "lines are not fields and are dropped");
            format!("a line end inside a payload: {lines}, the first {}", odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// No bare lines.
pub static SSE_009: Rule = Rule {
    code: "SSE-009",
    name: "bare-line",
    level: Level::Warning,
    summary: "Every line is a field or a comment; JSON and text always follow `data:`",
    why: "Clients drop a line without a field name and report nothing. Servers write errors like that: an exception \
        handler prints JSON into a body that is an event stream already. The user sees an answer that stops, and the \
        message that says why is never shown.",
    source: "WHATWG HTML 9.2.6 (a line without a colon is a field name, unknown ones are ignored); \
          docs/laboratory.md, runs `err_raw` and `done_bare`",
    breaks: &["openai-python", "openai-node", "every client that follows the standard"],
    fix: "Send errors as an event: `data: {\"error\":{\"message\":…}}` and an empty line.",
    bad: &[
        r#"chat; role; word; send {"error":{"message":"out of memory","code":500}}\n
           last"#,
        r#"chat; role; word; stop; send [DONE]\n\n
           last"#,
    ],
    good: &[
        "good-chat",
        r#"chat; send : connected\n\n
           role; word; stop; done; last"#,
    ],
    // Comments are reported as info wherever they are.
    also: &[("SSE-021", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::NOT_A_FIELD_LINE, None, push, |odd, n| {
            format!("{} without `data:`, dropped by every client: {}", many(n, "line", "lines"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// LF throughout.
pub static SSE_017: Rule = Rule {
    code: "SSE-017",
    name: "line-ends",
    level: Level::Info,
    summary: "Lines end with LF throughout",
    why: "The standard allows CRLF, LF and CR, mixed too. Readers that split the body at `\\n\\n` find no event in \
        CRLF, and such readers are common in scripts and plugins. Gemini's API and the \
        servers of MCP and A2A end their lines with CRLF by design; that is not a finding.",
    source: "WHATWG HTML 9.2.5 (all three are legal); docs/laboratory.md, run `crlf`",
    breaks: &["vLLM bench", "Dify plugins", "loops that split at \\n\\n"],
    fix: "Write `\\n`; a library that insists on CRLF usually has an option.",
    bad: &[r#"chat; send data: $role-and-word\r\n\r\n
           stop; done; last"#],
    good: &[
        "good-chat",
        r#"good-call; send data: {"jsonrpc":"2.0","id":7,"result":{}}\r\n\r\n
           last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_none() || case.dialect().is_some_and(|d| d.crlf) {
            return;
        }
        for (kind, what) in [
            (odd::LINE_ENDS, "different line ends in one body"),
            (odd::CRLF, "lines end with CRLF"),
            (odd::CR, "lines end with CR alone"),
        ] {
            if case.exchange.oddities.find(kind).is_some() {
                case.tell(kind, None, push, |_, _| format!("{what}: readers that split at two LF find no events"));
                return;
            }
        }
    },
    ..Rule::DEFAULT
};

/// Retry is a number.
pub static SSE_020: Rule = Rule {
    code: "SSE-020",
    name: "bad-retry",
    level: Level::Info,
    summary: "`retry:` is digits only, in milliseconds",
    why: "Clients ignore a value that has anything but ASCII digits and keep their own delay.",
    source: "WHATWG HTML 9.2.6 (field retry)",
    breaks: &[],
    fix: "Write milliseconds without a unit, as `retry: 3000`.",
    bad: &[r#"news; send retry: 3s\ndata: one\n\n
           last"#],
    good: &[r#"news; send retry: 3000\ndata: one\n\n
           last"#],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::BAD_RETRY, None, push, |odd, _| format!("retry is {} and is ignored", odd.found));
    },
    ..Rule::DEFAULT
};

/// Some readers fail on comments.
pub static SSE_021: Rule = Rule {
    code: "SSE-021",
    name: "comment-lines",
    level: Level::Info,
    summary: "Comments (`: keep-alive`) are legal and the best way to keep a connection alive; a few readers fail on \
        them",
    why: "Every tested SDK of the OpenAI family skips comments, and DeepSeek, OpenRouter and llama.cpp send them \
        while a request waits. Readers that expect `data:` on each line do not: the Gemini SDK for Python raises, \
        Continue takes the network chunk for the end, and go-openai gives up after 300 of them in a row.",
    source: "WHATWG HTML 9.2.7 (a comment about every 15 seconds is suggested); DeepSeek and OpenRouter \
        documentation; openai-go issue 227",
    breaks: &[
        "google-genai",
        "Continue",
        "openai-go before 3.51.0",
        "go-openai (over 300 in a row)",
        "fetch-event-source",
    ],
    fix: "Keep them; if a client of yours fails on them, send them before the first token only.",
    bad: &[r#"chat; send : keep-alive\n\n
           role; word; stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        let Some(response) = case.stream().filter(|r| r.comments > 0) else { return };
        push(Finding::new(format!("{} in the stream", many(response.comments, "comment", "comments"))));
    },
    ..Rule::DEFAULT
};

/// Lines of reasonable length.
pub static SSE_022: Rule = Rule {
    code: "SSE-022",
    name: "long-line",
    level: Level::Warning,
    summary: "A line is at most 64 KiB long (an error over 32 MiB)",
    why: "Readers with a fixed line buffer fail on longer ones: the default of Go's bufio.Scanner is 64 KiB, and \
        openai-go raised its own to 32 MiB. Images in base64 and whole documents in one event reach that length.",
    source: "Go package bufio, MaxScanTokenSize; openai-go, packages/ssestream",
    breaks: &["Go programs that use bufio.Scanner", "openai-go (over 32 MiB)", "curl-based readers with a line buffer"],
    fix: "Send large payloads by reference, or split them over several events.",
    bad: &["chat; role; padded 65536; stop; done; last"],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::LONG_LINE, None, push, |odd, n| {
            format!("{} over 64 KiB, the first of {}", many(n, "line", "lines"), odd.found)
        });
        case.tell(odd::HUGE_LINE, Some(Level::Error), push, |odd, n| {
            format!("{} over 32 MiB, the first of {}", many(n, "line", "lines"), odd.found)
        });
    },
    ..Rule::DEFAULT
};
