//! Clients of chat completions in Python.

use crate::clients::chat::{Calls, Collect, HelperPython, LangChainPython, LiteLlm, shapes};
use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::head::{Kind, Status, Transport, USUAL};
use crate::clients::json::Json;
use crate::clients::reader::Join;
use crate::clients::records::{Accumulator, Done, ErrorRule, Records, Route, Then, any_event};
use crate::clients::sse::{Blank, Mark, Rest, STANDARD, Split, Sse, Utf8};
use crate::clients::{Client, Evidence};
use crate::dialect::openai_chat;

// ---- transports

static HTTPX: Transport = USUAL;
static HTTPX_SSE: Transport = Transport { kind: Kind::Holds, charset: true, status: Status::Any, ..USUAL };
static HTTPX_TEXT: Transport = Transport { charset: true, ..USUAL };
static EVENT_STREAM: Transport = Transport { kind: Kind::Essence, status: Status::Exactly200, ..USUAL };
/// `iter(response)` of requests reads 128 bytes at a time, `iter_lines` 512.
static REQUESTS: Transport = Transport { block: Some(128), status: Status::Any, ..USUAL };
static REQUESTS_LINES: Transport = Transport { block: Some(512), status: Status::Any, ..USUAL };

// ---- framings

const DOUBLE: &[&[u8]] = &[b"\r\r", b"\n\n", b"\r\n\r\n"];
const PAIRS: &[&[u8]] = &[b"\r\n\r\n", b"\r\n\r", b"\r\n\n", b"\r\r\n", b"\n\r\n", b"\r\r", b"\n\r", b"\n\n"];

const STICKY: Sse = Sse { mark: Mark::Stays, utf8: Utf8::Raises, blank: Blank::AnyField, ..STANDARD };
static OPENAI: Framing = Framing::Sse(STICKY);
static OPENAI_HELD: Framing = Framing::Sse(Sse { split: Split::Held(DOUBLE), ..STICKY });
static HTTPX_SSE_LINES: Framing = Framing::Sse(Sse { utf8: Utf8::Replaced, ..STICKY });
static SPEAKEASY: Framing = Framing::Sse(Sse {
    split: Split::Blocks(PAIRS),
    mark: Mark::OffLines,
    utf8: Utf8::Raises,
    rest: Rest::Dispatched,
    ..STANDARD
});
static SSECLIENT: Framing = Framing::Sse(Sse {
    split: Split::Blocks(DOUBLE),
    mark: Mark::Stays,
    utf8: Utf8::Raises,
    rest: Rest::Dispatched,
    ..STANDARD
});

const LINES: Loop = Loop {
    cut: Cut::Unicode,
    prefix: "data:",
    others: Others::Skipped,
    by_unit: false,
    rest: Rest::Dispatched,
    patience: None,
    strict: false,
    unmarks: false,
};
static HUGGING_FACE_LINES: Framing = Framing::Loop(LINES);
static NAIVE: Framing = Framing::Loop(Loop { cut: Cut::Lines, prefix: "data: ", strict: true, ..LINES });

// ---- readers

const LOOP: Collect = Collect {
    join: Join::Raises,
    object_only: true,
    needs_delta: false,
    joins_names: false,
    first_only: false,
    calls: Calls::ByIndex,
};
const BENT: fn() -> Box<dyn Accumulator> = || Box::new(Collect { join: Join::Bent, ..LOOP });

const SDK: Records = Records {
    done: Done::Begins,
    then: Then::Close,
    route: assistants_hidden,
    needs_done: false,
    unnamed: Route::Chunk,
    skips_empty: false,
    skips_unreadable: false,
    json: Json::Python,
    error: ErrorRule::TruthyPython,
    shape: None,
    collect: BENT,
};
static OPENAI_RAW: Records = SDK;
static OPENAI_HELPER: Records = Records { collect: || Box::<HelperPython>::default(), ..SDK };
static LANGCHAIN: Records = Records { collect: || Box::<LangChainPython>::default(), ..SDK };
static GROQ: Records = Records { then: Then::Drain, route: named_hidden, ..SDK };
static LITELLM: Records = Records { collect: || Box::<LiteLlm>::default(), ..SDK };
static MISTRAL: Records = Records {
    done: Done::Equals,
    route: any_event,
    json: Json::Jiter,
    error: ErrorRule::Ignored,
    shape: Some(&shapes::MISTRAL_PYTHON),
    collect: || Box::new(Collect { join: Join::Dropped, ..LOOP }),
    ..SDK
};
/// The line must be `data: [DONE]`, space included.
static HUGGING_FACE: Records =
    Records { done: Done::SpacedExactly, route: any_event, error: ErrorRule::NotNull, ..SDK };
static LIBRARY: Records =
    Records { done: Done::Equals, route: any_event, error: ErrorRule::Ignored, collect: || Box::new(LOOP), ..SDK };

fn assistants_hidden(event: &str) -> Route {
    if event.starts_with("thread.") { Route::Hidden } else { Route::Chunk }
}

/// An event with a name is put into an envelope.
fn named_hidden(event: &str) -> Route {
    match event {
        "" => Route::Chunk,
        "error" => Route::HiddenUnlessError,
        _ => Route::Hidden,
    }
}

// ---- clients

const fn client(
    name: &'static str,
    title: &'static str,
    about: &'static str,
    of: &'static str,
    transport: &'static Transport,
    framing: &'static Framing,
    records: &'static Records,
) -> Client {
    Client {
        name,
        title,
        about,
        dialect: &openai_chat::DIALECT,
        evidence: Evidence::Measured(of),
        transport,
        framing,
        records,
    }
}

pub(super) static CLIENTS: &[Client] = &[
    client(
        "openai-python 2.54",
        "openai-python 2.54",
        "OpenAI's SDK for Python, version 2, iterating over the stream",
        "openai 2.54 (PyPI)",
        &HTTPX,
        &OPENAI_HELD,
        &OPENAI_RAW,
    ),
    client(
        "openai-python 2.54 helper",
        "openai-python 2.54 stream helper",
        "the same SDK's chat.completions.stream(), which accumulates a final message",
        "openai 2.54 (PyPI), chat.completions.stream()",
        &HTTPX,
        &OPENAI_HELD,
        &OPENAI_HELPER,
    ),
    client(
        "openai-python 3.54",
        "openai-python 3.54",
        "OpenAI's SDK for Python, version 3, iterating over the stream",
        "openai 3.54 (PyPI)",
        &HTTPX,
        &OPENAI,
        &OPENAI_RAW,
    ),
    client(
        "openai-python 3.54 helper",
        "openai-python 3.54 stream helper",
        "the same SDK's chat.completions.stream(), which accumulates a final message",
        "openai 3.54 (PyPI), chat.completions.stream()",
        &HTTPX,
        &OPENAI,
        &OPENAI_HELPER,
    ),
    client(
        "groq-python 1.7",
        "groq 1.7 (Python)",
        "Groq's SDK for Python, generated as OpenAI's is",
        "groq 1.7 (PyPI)",
        &HTTPX,
        &OPENAI_HELD,
        &GROQ,
    ),
    client(
        "litellm 1.106",
        "LiteLLM 1.106",
        "LiteLLM's SDK for Python, completion(stream=True)",
        "litellm 1.106 (PyPI)",
        &HTTPX,
        &OPENAI_HELD,
        &LITELLM,
    ),
    client(
        "langchain-openai-python 1.7.3",
        "langchain-openai 1.7.3 (Python)",
        "LangChain's OpenAI chat model for Python, stream()",
        "langchain-openai 1.7.3 (PyPI)",
        &HTTPX,
        &OPENAI_HELD,
        &LANGCHAIN,
    ),
    client(
        "mistral-python 3.7",
        "mistralai 3.7 (Python)",
        "Mistral's SDK for Python, which validates each chunk against a schema",
        "mistralai 3.7 (PyPI)",
        &EVENT_STREAM,
        &SPEAKEASY,
        &MISTRAL,
    ),
    client(
        "huggingface_hub 1.33",
        "huggingface_hub 1.33 (Python)",
        "Hugging Face's client for Python, chat_completion(stream=True)",
        "huggingface_hub 1.33 (PyPI)",
        &HTTPX_TEXT,
        &HUGGING_FACE_LINES,
        &HUGGING_FACE,
    ),
    client(
        "httpx-sse 0.4.3",
        "httpx-sse 0.4.3 (Python)",
        "the SSE reader for httpx, with the usual loop: json.loads until [DONE]",
        "httpx-sse 0.4.3 (PyPI)",
        &HTTPX_SSE,
        &HTTPX_SSE_LINES,
        &LIBRARY,
    ),
    client(
        "sseclient-py 1.9",
        "sseclient-py 1.9 (Python)",
        "the SSE reader often used with requests, with the usual loop",
        "sseclient-py 1.9 (PyPI)",
        &REQUESTS,
        &SSECLIENT,
        &LIBRARY,
    ),
    client(
        "aiter_naive",
        "naive loop over lines",
        "code that goes line by line (iter_lines) and expects `data: ` with a space",
        "a loop over lines that needs `data: `",
        &REQUESTS_LINES,
        &NAIVE,
        &LIBRARY,
    ),
];
