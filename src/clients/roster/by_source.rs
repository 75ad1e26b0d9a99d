//! Clients of chat completions that were read, not run: what their source says of each deviation.

use crate::clients::chat::{Calls, Collect, shapes};
use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::head::{Kind, Transport, USUAL};
use crate::clients::json::Json;
use crate::clients::reader::Join;
use crate::clients::records::{Done, ErrorRule, Records, Route, Then, any_event};
use crate::clients::sse::{LastCr, Mark, Rest, STANDARD, Sse, Utf8};
use crate::clients::{Client, Evidence};
use crate::dialect::openai_chat;

/// Python and Swift.
static PLAIN: Transport = USUAL;
static HOLDS: Transport = Transport { kind: Kind::Holds, ..USUAL };
/// `net/http` of Go and OkHttp ask for gzip by themselves, and undo nothing else.
static GZIP: Transport = Transport { undoes: &["gzip"], ..USUAL };
static GZIP_EVENT_STREAM: Transport = Transport { kind: Kind::Essence, ..GZIP };
/// reqwest undoes a coding only if it was built so.
static RAW: Transport = Transport { undoes: &[], ..USUAL };
static RAW_EVENT_STREAM: Transport = Transport { kind: Kind::Essence, ..RAW };
/// A browser.
static BROWSER: Transport =
    Transport { kind: Kind::Essence, undoes: &["gzip", "x-gzip", "deflate", "br", "zstd"], ..USUAL };

static SPEC: Framing = Framing::Sse(STANDARD);
static GO: Framing = Framing::Sse(Sse { mark: Mark::Stays, ..STANDARD });
/// eventsource-stream 0.2.3.
static RUST: Framing =
    Framing::Sse(Sse { mark: Mark::Crashes, utf8: Utf8::Raises, last_cr: LastCr::Waits, ..STANDARD });

const LINES: Loop = Loop {
    cut: Cut::Lf,
    prefix: "data:",
    others: Others::Skipped,
    by_unit: false,
    rest: Rest::Dispatched,
    patience: None,
    strict: false,
    unmarks: false,
};
static GO_LINES: Framing = Framing::Loop(Loop { patience: Some(300), ..LINES });
static LINE_BY_LINE: Framing = Framing::Loop(LINES);
/// A line that does not begin with `data: ` is taken for data unchanged.
static PREFIX_OFF: Framing =
    Framing::Loop(Loop { cut: Cut::DoubleLf, prefix: "data: ", others: Others::Data, ..LINES });

const READ: Records = Records {
    done: Done::Begins,
    then: Then::Close,
    needs_done: false,
    route: any_event,
    unnamed: Route::Chunk,
    skips_empty: false,
    json: Json::Strict,
    skips_unreadable: false,
    error: ErrorRule::Present,
    shape: None,
    collect: || {
        Box::new(Collect {
            join: Join::Raises,
            object_only: true,
            needs_delta: false,
            joins_names: false,
            first_only: false,
            calls: Calls::ByIndex,
        })
    },
};
static OPENAI_GO: Records = Records { skips_empty: true, ..READ };
static OPENAI_JAVA: Records = READ;
static GO_OPENAI: Records = Records { done: Done::Trimmed, ..READ };
static OKHTTP: Records = Records { done: Done::Equals, error: ErrorRule::Ignored, ..READ };
static BENCHMARKER: Records = Records { done: Done::Equals, needs_done: true, error: ErrorRule::NotNull, ..READ };
static MACPAW: Records = Records { done: Done::Equals, route: names_raise, ..READ };
static ZED: Records = Records { done: Done::Trimmed, error: ErrorRule::NotNull, shape: Some(&shapes::ZED), ..READ };
static OPEN_WEBUI: Records =
    Records { done: Done::Trimmed, json: Json::Python, skips_unreadable: true, error: ErrorRule::TruthyPython, ..READ };
static NEXT_CHAT: Records =
    Records { done: Done::Equals, json: Json::Script, skips_unreadable: true, error: ErrorRule::Ignored, ..READ };
static PREFIXED: Records = Records { done: Done::Trimmed, json: Json::Python, error: ErrorRule::TruthyPython, ..READ };

/// Chats have no events with a name: each one raises.
fn names_raise(event: &str) -> Route {
    if event.is_empty() || event == "message" { Route::Chunk } else { Route::Raise }
}

const fn client(
    name: &'static str,
    title: &'static str,
    about: &'static str,
    source: &'static str,
    transport: &'static Transport,
    framing: &'static Framing,
    records: &'static Records,
) -> Client {
    Client {
        name,
        title,
        about,
        dialect: &openai_chat::DIALECT,
        evidence: Evidence::Source(source),
        transport,
        framing,
        records,
    }
}

pub(super) static CLIENTS: &[Client] = &[
    client(
        "openai-go",
        "openai-go",
        "OpenAI's SDK for Go, ssestream",
        "ssestream.go (empty events skipped since 3.51)",
        &GZIP,
        &GO,
        &OPENAI_GO,
    ),
    client(
        "go-openai",
        "go-openai (sashabaranov)",
        "the community's OpenAI client for Go",
        "stream_reader.go, 300 lines without data at most",
        &GZIP,
        &GO_LINES,
        &GO_OPENAI,
    ),
    client(
        "openai-java",
        "openai-java",
        "OpenAI's SDK for Java and Kotlin",
        "SseHandler.kt",
        &GZIP,
        &SPEC,
        &OPENAI_JAVA,
    ),
    client(
        "okhttp-sse",
        "okhttp-sse",
        "OkHttp's EventSource, with the usual loop",
        "RealEventSource.kt, with the usual loop",
        &GZIP_EVENT_STREAM,
        &SPEC,
        &OKHTTP,
    ),
    client(
        "reqwest-eventsource",
        "reqwest-eventsource 0.6 (Rust)",
        "the EventSource for reqwest, over eventsource-stream 0.2.3, with the usual loop",
        "0.6 over eventsource-stream 0.2.3, with the usual loop",
        &RAW_EVENT_STREAM,
        &RUST,
        &OKHTTP,
    ),
    client(
        "hf-inference-benchmarker",
        "Hugging Face inference-benchmarker",
        "a benchmark that demands [DONE]",
        "over reqwest-eventsource, demands [DONE]",
        &RAW_EVENT_STREAM,
        &RUST,
        &BENCHMARKER,
    ),
    client(
        "macpaw-openai",
        "MacPaw/OpenAI (Swift)",
        "the community's OpenAI client for Swift",
        "ServerSentEventsStreamInterpreter.swift",
        &PLAIN,
        &SPEC,
        &MACPAW,
    ),
    client(
        "zed",
        "Zed",
        "the editor's OpenAI provider, line by line",
        "open_ai crate, line by line",
        &RAW,
        &LINE_BY_LINE,
        &ZED,
    ),
    client(
        "open-webui",
        "Open WebUI 0.12",
        "the web interface's backend, which streams only if the content type says so",
        "routers/openai.py, line by line",
        &HOLDS,
        &LINE_BY_LINE,
        &OPEN_WEBUI,
    ),
    client(
        "nextchat",
        "NextChat",
        "the chat interface's streaming loop in the browser",
        "utils/chat.ts",
        &BROWSER,
        &SPEC,
        &NEXT_CHAT,
    ),
    client(
        "vllm-bench",
        "vllm bench serve",
        "vLLM's serving benchmark, which removes `data: ` as a prefix",
        "endpoint_request_func.py",
        &PLAIN,
        &PREFIX_OFF,
        &PREFIXED,
    ),
    client(
        "dify-gitee-ai",
        "Dify Gitee AI plugin",
        "a plugin of Dify that removes `data: ` from blocks between two LF",
        "removes `data: ` from blocks between two LF",
        &PLAIN,
        &PREFIX_OFF,
        &PREFIXED,
    ),
];
