//! Rules about what the data of an event is made of: characters, and JSON.

use super::in_llm_streams;
use crate::conformance::case::many;
use crate::conformance::{Finding, Level, Rule};
use crate::dialect;
use crate::framing::{Framing, ndjson, sse as odd};

/// Every dialect has its own kind for a payload that does not parse; the names end alike.
const NOT_JSON: &str = ".not-json";

/// One document per event.
pub static SSE_007: Rule = Rule {
    code: "SSE-007",
    name: "second-json-value",
    level: Level::Error,
    summary: "The data of an event is one JSON document, with nothing after it",
    why: "JSON parsers refuse a second document. The cause is a gateway that writes an error into an event that is \
        not finished yet, or two writers that share one connection.",
    source: "RFC 8259 section 2 (a JSON text is one value); sub2api issue 1471",
    breaks: &["openai-python", "openai-node", "every client that parses JSON"],
    fix: "End an event before you begin the next one; let one writer own the connection.",
    bad: &[r#"chat; role; data $word{"error":{"message":"upstream closed"}}
           stop; done; last"#],
    good: &["good-chat"],
    silenced_by: &["SSE-006"],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some_and(|r| r.framing == Framing::Sse) {
            case.tell(dialect::SECOND_VALUE, None, push, |odd, n| {
                format!("{} with a second JSON document after the first: {}", many(n, "event", "events"), odd.found)
            });
        }
    },
    ..Rule::DEFAULT
};

/// No byte order mark.
pub static SSE_015: Rule = Rule {
    code: "SSE-015",
    name: "byte-order-mark",
    level: Level::Warning,
    summary: "The stream has no byte order mark (an error if one is not at the start)",
    why: "The standard drops one mark at the very start. Several clients don't: the first line is then not `data:`, \
        and the first event, with the role in it, is lost. A Rust library used by many clients panics. Before a \
        later line, a mark makes every client drop that line.",
    source: "WHATWG HTML 9.2.5 (one leading BOM is ignored); eventsource-stream 0.2.3, event_stream.rs",
    breaks: &[
        "openai-python",
        "langchain",
        "groq-python",
        "litellm",
        "huggingface_hub",
        "httpx-sse",
        "sseclient-py",
        "openai-node 4",
        "reqwest-eventsource",
    ],
    fix: "Write UTF-8 without a mark (`utf-8`, not `utf-8-sig`; in .NET `new UTF8Encoding(false)`).",
    bad: &[
        r#"chat; send \xef\xbb\xbfdata: $role-and-word\n\n
           stop; done; last"#,
        r#"chat; role; send \xef\xbb\xbfdata: $word\n\n
           stop; done; last"#,
    ],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::BOM, None, push, |_, _| {
            "a byte order mark before the first line: several clients lose the first event".into()
        });
        case.tell(odd::BOM_INSIDE, Some(Level::Error), push, |_, n| {
            format!("{} with a byte order mark before it, dropped by every client", many(n, "line", "lines"))
        });
    },
    ..Rule::DEFAULT
};

/// The stream is UTF-8.
pub static SSE_016: Rule = Rule {
    code: "SSE-016",
    name: "invalid-utf8",
    level: Level::Error,
    summary: "The stream is valid UTF-8",
    why: "An event stream is UTF-8 whatever the charset parameter says. Where a token ends inside a character, a \
        server that sends its bytes as they come, or cuts text by bytes, writes half a character and then something \
        else. Python clients raise, browsers show U+FFFD.",
    source: "WHATWG HTML 9.2.6; RFC 8259 section 8.1",
    breaks: &["openai-python", "mistral-python", "langchain", "groq-python", "sseclient-py"],
    fix: "Hold incomplete characters back until their last byte has been generated.",
    bad: &[r#"chat; role
           <chunk data: {$same"choices":[{"index":0,"delta":{"content":"\xe2\x82"},"finish_reason":null}]}\n\n
           stop; done; last"#],
    // A character that is cut between two chunks is still whole.
    good: &[r#"chat; role; <chunk data: {$same"choices":[{"index":0,"delta":{"content":"\xe2
           apart; <chunk \x82\xac"},"finish_reason":null}]}\n\n
           stop; done; last"#],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(odd::INVALID_UTF8, None, push, |odd, n| {
            format!("bytes that are not UTF-8 at {}: {}", many(n, "place", "places"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// No characters that some readers take for line ends.
pub static SSE_018: Rule = Rule {
    code: "SSE-018",
    name: "raw-line-separator",
    level: Level::Warning,
    summary: "U+2028, U+2029, U+0085, VT and FF are escaped in JSON (info only, outside of streams of language \
        models)",
    why: "By the standard they are not line ends, and in JSON they are legal. Python's str.splitlines splits at all \
        of them, and readers built on it cut the event in two. Models do write them, so it happens once in a \
        thousand answers and can't be reproduced.",
    source: "WHATWG HTML 9.2.5 (LF, CR, CRLF only); Python documentation, str.splitlines; docs/laboratory.md, run \
        `u2028`",
    breaks: &["huggingface_hub", "readers that use str.splitlines"],
    fix: "Escape them as \\u2028 and so on; `json.dumps` in Python does by default (ensure_ascii).",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"one\u{2028}two"},"finish_reason":null}]
           stop; done; last"#],
    good: &[
        "good-chat",
        r#"chat; role; choices [{"index":0,"delta":{"content":"one\\u2028two"},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(odd::RAW_LINE_SEPARATOR, in_llm_streams(case), push, |odd, n| {
            format!(
                "{} with a character that some readers take for a line end: {}",
                many(n, "event", "events"),
                odd.found
            )
        });
    },
    ..Rule::DEFAULT
};

/// JSON by the standard.
pub static SSE_023: Rule = Rule {
    code: "SSE-023",
    name: "invalid-json",
    level: Level::Error,
    summary: "A payload is JSON as RFC 8259 defines it: no NaN or Infinity, no single quotes, no trailing comma, not \
        cut off",
    why: "JavaScript, Go, Java and Rust refuse anything else, and the client raises in the middle of the answer. \
        Python's own parser accepts NaN and Infinity, and its serialiser writes them by default, so servers in \
        Python do not notice.",
    source: "RFC 8259 sections 2, 6 and 7; Python documentation, json (allow_nan); \
          docs/laboratory.md, runs `nan`, `single_quote`, `bad_json`",
    breaks: &["openai-node", "ai-sdk", "groq-js", "every client that parses JSON (NaN: those outside of Python)"],
    fix: "Serialise with a JSON library, in Python with `allow_nan=False`, and never cut a payload.",
    bad: &[
        r#"chat; role; data {"id":"x","choices":[],"p":NaN}
           word; stop; done; last"#,
        "chat; role; data {'id':'x'}
         word; stop; done; last",
        r#"chat; role; data {"id":"x","choices":[
           word; stop; done; last"#,
    ],
    good: &[
        "good-chat",
        "news; data not JSON, and no claim to be
         last",
    ],
    silenced_by: &["SSE-004", "SSE-006"],
    needs_all_bytes: true,
    check: |case, push| {
        // Lines that are not JSON are NDJSON-001's.
        if case.stream().is_some_and(|r| r.framing != Framing::Ndjson)
            && let Some((odd, n)) =
                case.exchange.oddities.ending_in(NOT_JSON).filter(|(odd, _)| odd.kind != ndjson::NOT_JSON)
        {
            push(Finding::of(odd, n, format!("{} not JSON: {}", many(n, "payload is", "payloads are"), odd.found)));
        }
    },
    ..Rule::DEFAULT
};

/// Whole characters only.
pub static SSE_024: Rule = Rule {
    code: "SSE-024",
    name: "lone-surrogate",
    level: Level::Warning,
    summary: "No `\\uD8xx` escape lacks its other half",
    why: "A character beyond U+FFFF is two escapes in JSON. A server that escapes each token by itself cuts an emoji \
        in two. JavaScript keeps the halves and may join them; strict parsers raise, and encoding the text as UTF-8 \
        again fails.",
    source: "RFC 8259 section 8.2; docs/laboratory.md, run `lone_surrogate`",
    breaks: &["mistral-python", "serde_json and other strict parsers", "programs that encode the text again"],
    fix: "Hold an incomplete character back until its last token has come, or write UTF-8 instead of escapes.",
    bad: &[r#"chat; role; choices [{"index":0,"delta":{"content":"\\ud83d"},"finish_reason":null}]
           stop; done; last"#],
    good: &[
        "good-chat",
        r#"chat; role; choices [{"index":0,"delta":{"content":"\\ud83d\\ude00"},"finish_reason":null}]
           stop; done; last"#,
    ],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(dialect::LONE_SURROGATE, None, push, |_, n| {
            format!("{} with half a character in escapes", many(n, "payload", "payloads"))
        });
    },
    ..Rule::DEFAULT
};

/// Comments stay comments.
pub static SSE_025: Rule = Rule {
    code: "SSE-025",
    name: "comment-as-data",
    level: Level::Warning,
    summary: "A keep-alive comment is never sent on as data",
    why: "A gateway that reads events from upstream and writes them again must pass comments on as comments, or drop \
        them. A gateway that puts `data: ` before each line makes an event of `: keep-alive`. That is not JSON, and \
        the client raises.",
    source: "WHATWG HTML 9.2.6 (comments); llm-gateway issue 2053",
    breaks: &["openai-node", "openai-python", "every client that parses JSON"],
    fix: "Parse the upstream's stream by the standard, and write `: …` for comments.",
    bad: &["chat; role; data : OPENROUTER PROCESSING
         word; stop; done; last"],
    good: &[r#"chat; send : OPENROUTER PROCESSING\n\n
           role; word; stop; done; last"#],
    // Comments are reported as info wherever they are.
    also: &[("SSE-021", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(dialect::COMMENT_AS_DATA, None, push, |odd, n| {
            format!("{} made of comments: {}", many(n, "event", "events"), odd.found)
        });
    },
    ..Rule::DEFAULT
};

/// Each key once.
pub static SSE_026: Rule = Rule {
    code: "SSE-026",
    name: "doubled-key",
    level: Level::Warning,
    summary: "No JSON object of a payload has the same key twice",
    why: "Which of the two counts depends on the reader: JavaScript and Python take the last, others the first, and \
        decoders with derived types refuse the object. The cause are gateways that add a field to JSON as text, and \
        serialisers that flatten one object into another.",
    source: "RFC 8259 section 4 (names should be unique; otherwise behaviour is unpredictable); serde, derived \
        Deserialize: duplicate field",
    breaks: &["async-openai and others that decode with serde", "readers that take the first value"],
    fix: "Parse, change the value, serialise; in serde, check `flatten` beside a field of the same name.",
    bad: &[r#"chat; role; choices [{"index":0,"index":0,"delta":{"content":"word "},"finish_reason":null}]
           stop; done; last"#],
    good: &["good-chat"],
    needs_all_bytes: false,
    check: |case, push| {
        case.tell(dialect::DOUBLED_KEY, None, push, |_, n| {
            format!("{} with a key that comes twice in one object", many(n, "payload", "payloads"))
        });
    },
    ..Rule::DEFAULT
};

/// An event is not the data of another one.
pub static SSE_027: Rule = Rule {
    code: "SSE-027",
    name: "event-as-data",
    level: Level::Error,
    summary: "The data of an event does not begin with a field name: no `data: data: {…}`",
    why: "A handler writes `data: ` itself, and its framework writes it again, or a gateway puts `data: ` before each \
        line that it gets. Clients take off the field's name once, and the rest is not JSON. The terminator has the \
        name twice too, so that no client sees the end.",
    source: "WHATWG HTML 9.2.6 (one field name to a line); sse-starlette and Spring, which write the name themselves",
    breaks: &["openai-python", "openai-node", "every client that parses JSON"],
    fix: "Give the framework the payload only: the JSON in sse-starlette's `data`, in Spring's SseEmitter, in \
        Flux<String>.",
    bad: &[
        r#"chat; send data: data: $role\n\n
           send data: data: $word\n\n
           send data: data: $stop\n\n
           send data: data: [DONE]\n\n
           last"#,
        // The framework writes the empty line as data, too.
        r#"chat; send data: data: $role\ndata: \ndata: \n\n
           send data: data: $stop\ndata: \ndata: \n\n
           last"#,
        // An event with its name, each line as data.
        r#"messages; send data: event: message_start\ndata: data: {"type":"message_start"}\ndata: \n\n
           last"#,
        r#"chat; send data:data:$role\n\n
           done; last"#,
    ],
    good: &[
        "good-chat",
        r#"chat; role; choices [{"index":0,"delta":{"content":"data: data: x"},"finish_reason":null}]
           stop; done; last"#,
    ],
    // The text of the answer looks like the protocol.
    also: &[("OAI-CHAT-039", Level::Info)],
    needs_all_bytes: false,
    check: |case, push| {
        if case.stream().is_some_and(|r| r.framing == Framing::Sse) {
            case.tell(dialect::FIELD_IN_DATA, None, push, |odd, n| {
                let found = odd.found.split_once(": ").map_or(&*odd.found, |(_, payload)| payload);
                let events = many(n, "event", "events");
                format!("{events} with the field name twice (data: data: …), which is not JSON: {found}")
            });
        }
    },
    ..Rule::DEFAULT
};
