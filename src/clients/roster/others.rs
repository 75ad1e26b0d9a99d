//! Clients of Anthropic's Messages, OpenAI's Responses, Gemini and Ollama.

use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::head::{CutBody, NODE, Transport, USUAL};
use crate::clients::json::Json;
use crate::clients::reader::Join;
use crate::clients::records::{Done, ErrorRule, Records, Route, Then, any_event};
use crate::clients::sse::{Blank, LastCr, Mark, Rest, STANDARD, Split, Sse, Utf8};
use crate::clients::{Client, Evidence, anthropic, gemini, ollama, responses};
use crate::dialect::{self, Dialect};

static FETCH: Transport = Transport { cut: CutBody::AsUndici, undoes: NODE, strict_end: true, ..USUAL };
static HTTPX: Transport = USUAL;
static HTTPX_TEXT: Transport = Transport { charset: true, ..USUAL };

/// eventsource-parser 3, as the AI SDK contains it.
static SPEC: Framing = Framing::Sse(Sse { last_cr: LastCr::Waits, ..STANDARD });
static SCRIPT: Framing = Framing::Sse(Sse { mark: Mark::OffLines, blank: Blank::DataOrName, ..STANDARD });
static SCRIPT_HELD: Framing = Framing::Sse(Sse {
    split: Split::Held(&[b"\n\n", b"\r\r", b"\r\n\r\n"]),
    mark: Mark::OffLines,
    blank: Blank::DataOrName,
    ..STANDARD
});
static PYTHON: Framing =
    Framing::Sse(Sse { mark: Mark::Stays, utf8: Utf8::Raises, blank: Blank::AnyField, ..STANDARD });
static GENAI_SCRIPT: Framing = Framing::Own(gemini::blocks);
static GENAI_PYTHON: Framing = Framing::Own(gemini::lines);

const NDJSON: Loop = Loop {
    cut: Cut::Lf,
    prefix: "",
    others: Others::Skipped,
    by_unit: false,
    rest: Rest::Dispatched,
    patience: None,
    strict: false,
    unmarks: true,
};
static OLLAMA_SCRIPT: Framing = Framing::Loop(NDJSON);
static OLLAMA_PYTHON: Framing = Framing::Loop(Loop { cut: Cut::Unicode, unmarks: false, ..NDJSON });

const SCRIPT_SDK: Records = Records {
    done: Done::Never,
    then: Then::Close,
    route: any_event,
    needs_done: false,
    unnamed: Route::Chunk,
    skips_empty: false,
    json: Json::Script,
    skips_unreadable: false,
    error: ErrorRule::Ignored,
    shape: None,
    collect: || Box::new(responses::Raw { join: Join::Bent, object_only: false }),
};
const PYTHON_SDK: Records = Records { json: Json::Python, ..SCRIPT_SDK };
const PROVIDER: Records = Records { done: Done::Equals, then: Then::GoOn, ..SCRIPT_SDK };

/// The SDKs of Anthropic skip events without a name, and pings.
fn named(event: &str) -> Route {
    match event {
        "ping" => Route::Passed,
        "error" => Route::Raise,
        _ => Route::Chunk,
    }
}

/// In Python an empty name counts as no name.
fn named_python(event: &str) -> Route {
    if event.is_empty() { Route::Dropped } else { named(event) }
}

static ANTHROPIC_SCRIPT: Records = Records {
    route: named,
    unnamed: Route::Dropped,
    skips_empty: true,
    collect: || Box::new(anthropic::Raw { object_only: false, join: Join::Bent }),
    ..SCRIPT_SDK
};
static ANTHROPIC_SCRIPT_HELPER: Records =
    Records { collect: || Box::new(anthropic::Helper::script()), ..ANTHROPIC_SCRIPT };
static ANTHROPIC_PYTHON: Records = Records {
    route: named_python,
    json: Json::Python,
    collect: || Box::new(anthropic::Raw { object_only: true, join: Join::Raises }),
    ..ANTHROPIC_SCRIPT
};
static ANTHROPIC_PYTHON_HELPER: Records =
    Records { collect: || Box::<anthropic::Helper>::default(), ..ANTHROPIC_PYTHON };
static ANTHROPIC_AI: Records =
    Records { shape: Some(&anthropic::AI), collect: || Box::<anthropic::Vercel>::default(), ..PROVIDER };

static RESPONSES_SCRIPT: Records =
    Records { done: Done::Begins, then: Then::Drain, error: ErrorRule::Truthy, ..SCRIPT_SDK };
static RESPONSES_SCRIPT_HELPER: Records =
    Records { collect: || Box::new(responses::Helper::script()), ..RESPONSES_SCRIPT };
static RESPONSES_PYTHON: Records = Records {
    done: Done::Begins,
    error: ErrorRule::TruthyPython,
    collect: || Box::new(responses::Raw { join: Join::Raises, object_only: true }),
    ..PYTHON_SDK
};
static RESPONSES_PYTHON_HELPER: Records =
    Records { collect: || Box::<responses::Helper>::default(), ..RESPONSES_PYTHON };
static RESPONSES_AI: Records =
    Records { shape: Some(&responses::AI), collect: || Box::<responses::Vercel>::default(), ..PROVIDER };

static GEMINI_SCRIPT: Records = Records {
    collect: || Box::new(gemini::Collect { errors: gemini::Errors::ByCode, provider: false, blocked: false }),
    ..SCRIPT_SDK
};
static GEMINI_PYTHON: Records = Records {
    json: Json::Python,
    shape: Some(&gemini::PYTHON),
    collect: || Box::new(gemini::Collect { errors: gemini::Errors::RaiseNull, provider: false, blocked: false }),
    ..GEMINI_SCRIPT
};
static GEMINI_AI: Records = Records {
    shape: Some(&gemini::AI),
    collect: || Box::new(gemini::Collect { errors: gemini::Errors::Raise, provider: true, blocked: false }),
    ..PROVIDER
};

static OLLAMA_JS: Records =
    Records { skips_unreadable: true, collect: || Box::<ollama::Script>::default(), ..SCRIPT_SDK };
static OLLAMA_PY: Records =
    Records { shape: Some(&ollama::PYTHON), collect: || Box::<ollama::Python>::default(), ..PYTHON_SDK };
static OLLAMA_PY_GENERATE: Records = Records { collect: || Box::new(ollama::Python { generate: true }), ..PYTHON_SDK };

#[allow(clippy::too_many_arguments)] // one argument for each column of the table
const fn client(
    dialect: &'static Dialect,
    name: &'static str,
    title: &'static str,
    about: &'static str,
    of: &'static str,
    transport: &'static Transport,
    framing: &'static Framing,
    records: &'static Records,
) -> Client {
    Client { name, title, about, dialect, evidence: Evidence::Measured(of), transport, framing, records }
}

pub(super) static CLIENTS: &[Client] = &[
    client(
        A,
        "js.a_raw",
        "@anthropic-ai/sdk 1.12 (JavaScript)",
        "Anthropic's SDK for JavaScript, iterating over messages.create({stream: true})",
        "@anthropic-ai/sdk 1.12 (npm)",
        &FETCH,
        &SCRIPT,
        &ANTHROPIC_SCRIPT,
    ),
    client(
        A,
        "js.a_helper",
        "@anthropic-ai/sdk 1.12 (JavaScript) stream helper",
        "the same SDK's messages.stream(), which accumulates a final message",
        "@anthropic-ai/sdk 1.12 (npm), messages.stream()",
        &FETCH,
        &SCRIPT,
        &ANTHROPIC_SCRIPT_HELPER,
    ),
    client(
        A,
        "js.a_ai",
        "@ai-sdk/anthropic (AI SDK)",
        "Vercel's AI SDK with the Anthropic provider, streamText()",
        "@ai-sdk/anthropic (npm)",
        &FETCH,
        &SPEC,
        &ANTHROPIC_AI,
    ),
    client(
        A,
        "py.a_raw",
        "anthropic 2.12 (Python)",
        "Anthropic's SDK for Python, iterating over messages.create(stream=True)",
        "anthropic 2.12 (PyPI)",
        &HTTPX,
        &PYTHON,
        &ANTHROPIC_PYTHON,
    ),
    client(
        A,
        "py.a_helper",
        "anthropic 2.12 (Python) stream helper",
        "the same SDK's messages.stream(), which accumulates a final message",
        "anthropic 2.12 (PyPI), messages.stream()",
        &HTTPX,
        &PYTHON,
        &ANTHROPIC_PYTHON_HELPER,
    ),
    client(
        R,
        "js.r_openai",
        "openai-node 6.49 Responses",
        "OpenAI's SDK for JavaScript, iterating over responses.create({stream: true})",
        "openai 6.49 (npm)",
        &FETCH,
        &SCRIPT_HELD,
        &RESPONSES_SCRIPT,
    ),
    client(
        R,
        "js.r_helper",
        "openai-node 6.49 Responses stream helper",
        "the same SDK's responses.stream(), which accumulates a final response",
        "openai 6.49 (npm), responses.stream()",
        &FETCH,
        &SCRIPT_HELD,
        &RESPONSES_SCRIPT_HELPER,
    ),
    client(
        R,
        "js.r_ai",
        "@ai-sdk/openai 3.0 Responses (AI SDK 6)",
        "Vercel's AI SDK with the OpenAI provider on the Responses API",
        "@ai-sdk/openai 3.0 (npm)",
        &FETCH,
        &SPEC,
        &RESPONSES_AI,
    ),
    client(
        R,
        "py.r_openai",
        "openai-python 3.54 Responses",
        "OpenAI's SDK for Python, iterating over responses.create(stream=True)",
        "openai 3.54 (PyPI)",
        &HTTPX,
        &PYTHON,
        &RESPONSES_PYTHON,
    ),
    client(
        R,
        "py.r_helper",
        "openai-python 3.54 Responses stream helper",
        "the same SDK's responses.stream(), which accumulates a final response",
        "openai 3.54 (PyPI), responses.stream()",
        &HTTPX,
        &PYTHON,
        &RESPONSES_PYTHON_HELPER,
    ),
    client(
        G,
        "js.g_genai",
        "@google/genai 2.32 (JavaScript)",
        "Google's SDK for JavaScript, models.generateContentStream()",
        "@google/genai 2.32 (npm)",
        &FETCH,
        &GENAI_SCRIPT,
        &GEMINI_SCRIPT,
    ),
    client(
        G,
        "js.g_ai",
        "@ai-sdk/google (AI SDK)",
        "Vercel's AI SDK with the Google provider, streamText()",
        "@ai-sdk/google (npm)",
        &FETCH,
        &SPEC,
        &GEMINI_AI,
    ),
    client(
        G,
        "py.g_genai",
        "google-genai 3.4 (Python)",
        "Google's SDK for Python, models.generate_content_stream()",
        "google-genai 3.4 (PyPI)",
        &HTTPX,
        &GENAI_PYTHON,
        &GEMINI_PYTHON,
    ),
    client(
        O,
        "js.o_ollama",
        "ollama (JavaScript)",
        "Ollama's client for JavaScript, reading lines of JSON",
        "ollama (npm)",
        &FETCH,
        &OLLAMA_SCRIPT,
        &OLLAMA_JS,
    ),
    client(
        O,
        "py.o_ollama",
        "ollama (Python)",
        "Ollama's client for Python, reading lines of JSON",
        "ollama (PyPI)",
        &HTTPX_TEXT,
        &OLLAMA_PYTHON,
        &OLLAMA_PY,
    ),
    client(
        GENERATE,
        "js.o_ollama",
        "ollama (JavaScript)",
        "Ollama's client for JavaScript, reading lines of JSON",
        "ollama (npm)",
        &FETCH,
        &OLLAMA_SCRIPT,
        &OLLAMA_JS,
    ),
    client(
        GENERATE,
        "py.o_ollama",
        "ollama (Python)",
        "Ollama's client for Python, reading lines of JSON",
        "ollama (PyPI)",
        &HTTPX_TEXT,
        &OLLAMA_PYTHON,
        &OLLAMA_PY_GENERATE,
    ),
];

const A: &Dialect = &dialect::anthropic::DIALECT;
const R: &Dialect = &dialect::openai_responses::DIALECT;
const G: &Dialect = &dialect::gemini::DIALECT;
const O: &Dialect = &dialect::ollama::CHAT;
const GENERATE: &Dialect = &dialect::ollama::GENERATE;
