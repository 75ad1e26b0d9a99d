//! Clients of chat completions in JavaScript: SDKs, providers of the AI SDK, SSE libraries with the usual loop, naive
//! loops.

use crate::clients::chat::{Calls, Collect, HelperScript, Vercel, shapes};
use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::head::{CutBody, Kind, NODE, Status, Transport, USUAL};
use crate::clients::json::Json;
use crate::clients::reader::Join;
use crate::clients::records::{Accumulator, Done, ErrorRule, Records, Route, Then, any_event};
use crate::clients::sse::{Blank, Colon, LastCr, Mark, Rest, STANDARD, Split, Sse};
use crate::clients::{Client, Evidence};
use crate::dialect::openai_chat;

// ---- transports

static FETCH: Transport = Transport { cut: CutBody::AsUndici, undoes: NODE, strict_end: true, ..USUAL };
/// node-fetch notices a missing last chunk, but not a length that is not reached.
static NODE_FETCH: Transport = Transport { cut: CutBody::RaisesOrWaits, undoes: NODE, strict_end: true, ..USUAL };
static EVENT_STREAM_ONLY: Transport = Transport { kind: Kind::Begins, ..FETCH };
static SPEAKEASY_HEAD: Transport = Transport { kind: Kind::Essence, status: Status::Exactly200, ..FETCH };
/// It checks the type, not the status.
static FETCH_EVENT_SOURCE: Transport = Transport { kind: Kind::Begins, status: Status::Any, ..FETCH };
/// `fetch` and a parser: neither status nor type is checked.
static BARE_FETCH: Transport = Transport { status: Status::Any, ..FETCH };
/// An end of any sort makes it reconnect; only one before the first event is reported.
static EVENT_SOURCE: Transport =
    Transport { kind: Kind::Begins, status: Status::Exactly200, cut: CutBody::Unnoticed, needs_event: true, ..FETCH };

// ---- framings

const DOUBLE: &[&[u8]] = &[b"\n\n", b"\r\r", b"\r\n\r\n"];
/// Line ends in pairs of any kind.
const PAIRS: &[&[u8]] = &[b"\r\n\r\n", b"\r\n\r", b"\r\n\n", b"\r\r\n", b"\n\r\n", b"\r\r", b"\n\r", b"\n\n"];

static SPEC: Framing = Framing::Sse(STANDARD);
/// eventsource-parser before version 4, as the AI SDK and eventsource contain it.
static SPEC_3: Framing = Framing::Sse(Sse { last_cr: LastCr::Waits, ..STANDARD });
/// Code that is the same in all generated SDKs (openai, groq, anthropic): lines are decoded one by one, after a
/// double line end.
static STAINLESS: Framing =
    Framing::Sse(Sse { split: Split::Held(DOUBLE), mark: Mark::OffLines, blank: Blank::DataOrName, ..STANDARD });
static STAINLESS_4: Framing =
    Framing::Sse(Sse { split: Split::Held(DOUBLE), mark: Mark::Stays, blank: Blank::DataOrName, ..STANDARD });
static STAINLESS_7: Framing = Framing::Sse(Sse {
    split: Split::Held(PAIRS),
    mark: Mark::OffLines,
    blank: Blank::DataOrName,
    rest: Rest::Dispatched,
    ..STANDARD
});
static SPEAKEASY: Framing = Framing::Sse(Sse { split: Split::Blocks(PAIRS), mark: Mark::OffLines, ..STANDARD });
/// Every blank line dispatches, so that a comment becomes an event without data.
static EVERY_BLANK: Framing =
    Framing::Sse(Sse { mark: Mark::OffLines, colon: Colon::Needed, blank: Blank::Always, ..STANDARD });
static TRIMMING: Framing = Framing::Sse(Sse { colon: Colon::Trimming, ..STANDARD });

const NAIVE: Loop = Loop {
    cut: Cut::DoubleLf,
    prefix: "data: ",
    others: Others::Skipped,
    by_unit: false,
    rest: Rest::Lost,
    patience: None,
    strict: false,
    unmarks: true,
};
static SPLIT_NN: Framing = Framing::Loop(NAIVE);
static PER_CHUNK: Framing = Framing::Loop(Loop { cut: Cut::Lf, by_unit: true, rest: Rest::Dispatched, ..NAIVE });

// ---- readers

const LOOP: Collect = Collect {
    join: Join::Bent,
    object_only: false,
    needs_delta: false,
    joins_names: false,
    first_only: false,
    calls: Calls::ByIndex,
};

const SDK: Records = Records {
    done: Done::Begins,
    then: Then::Drain,
    route: assistants_hidden,
    needs_done: false,
    unnamed: Route::Chunk,
    skips_empty: false,
    skips_unreadable: false,
    json: Json::Script,
    error: ErrorRule::Truthy,
    shape: None,
    collect: || Box::new(LOOP),
};
static OPENAI_4: Records = Records { route: only_some_named, ..SDK };
static OPENAI_6: Records = SDK;
static OPENAI_6_HELPER: Records = Records { collect: || Box::new(HelperScript::new(false)), ..SDK };
static OPENAI_7: Records = Records { done: Done::Equals, then: Then::Close, route: errors_raise, ..SDK };
static OPENAI_7_HELPER: Records = Records { collect: || Box::new(HelperScript::new(true)), ..OPENAI_7 };
const LANGCHAIN: fn() -> Box<dyn Accumulator> =
    || Box::new(Collect { join: Join::Dropped, needs_delta: true, first_only: true, calls: Calls::ByIndex, ..LOOP });
static LANGCHAIN_6: Records = Records { collect: LANGCHAIN, ..SDK };
static LANGCHAIN_7: Records = Records { collect: LANGCHAIN, ..OPENAI_7 };
static MISTRAL: Records = Records {
    done: Done::Equals,
    then: Then::Close,
    route: any_event,
    error: ErrorRule::Ignored,
    shape: Some(&shapes::MISTRAL_SCRIPT),
    collect: || Box::new(Collect { join: Join::Dropped, ..LOOP }),
    ..SDK
};
static HUGGING_FACE: Records = Records {
    done: Done::Equals,
    then: Then::Close,
    route: any_event,
    skips_empty: true,
    error: ErrorRule::Present,
    ..SDK
};

const PROVIDER: Records = Records {
    done: Done::Equals,
    then: Then::GoOn,
    route: any_event,
    error: ErrorRule::Ignored,
    shape: Some(&shapes::AI_OPENAI),
    collect: || {
        Box::new(Vercel { error_key: false, needs_finish: false, needs_type: false, calls: Calls::ById, other: false })
    },
    ..SDK
};
static AI_OPENAI: Records = PROVIDER;
static AI_COMPATIBLE: Records = Records {
    shape: Some(&shapes::AI_COMPATIBLE),
    collect: || {
        Box::new(Vercel { error_key: true, needs_finish: true, needs_type: false, calls: Calls::ById, other: false })
    },
    ..PROVIDER
};
static AI_OPENROUTER: Records = Records {
    shape: Some(&shapes::AI_OPENROUTER),
    collect: || {
        Box::new(Vercel { error_key: true, needs_finish: false, needs_type: true, calls: Calls::ByIndex, other: false })
    },
    ..PROVIDER
};

const LIBRARY: Records =
    Records { done: Done::Equals, then: Then::Close, route: any_event, error: ErrorRule::Ignored, ..SDK };
static PARSER: Records = LIBRARY;
static PARSER_DRAINED: Records = Records { then: Then::Drain, ..LIBRARY };
static ON_MESSAGE: Records = Records { route: only_messages, then: Then::Drain, ..LIBRARY };

fn assistants_hidden(event: &str) -> Route {
    if event.starts_with("thread.") { Route::Hidden } else { Route::Chunk }
}

fn only_some_named(event: &str) -> Route {
    match event {
        "error" => Route::Raise,
        _ if event.starts_with("response.") || event.starts_with("transcript.") => Route::Chunk,
        _ => Route::Hidden,
    }
}

fn errors_raise(event: &str) -> Route {
    match event {
        "error" => Route::Raise,
        other => assistants_hidden(other),
    }
}

fn only_messages(event: &str) -> Route {
    if event.is_empty() || event == "message" { Route::Chunk } else { Route::Dropped }
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
        "openai-node 4.104",
        "openai-node 4.104",
        "OpenAI's SDK for JavaScript, version 4, iterating over the stream",
        "openai 4.104 (npm)",
        &NODE_FETCH,
        &STAINLESS_4,
        &OPENAI_4,
    ),
    client(
        "openai-node 6.49",
        "openai-node 6.49",
        "OpenAI's SDK for JavaScript, version 6, iterating over the stream",
        "openai 6.49 (npm)",
        &FETCH,
        &STAINLESS,
        &OPENAI_6,
    ),
    client(
        "openai-node 6.49 helper",
        "openai-node 6.49 stream helper",
        "the same SDK's chat.completions.stream(), which accumulates a final message",
        "openai 6.49 (npm), chat.completions.stream()",
        &FETCH,
        &STAINLESS,
        &OPENAI_6_HELPER,
    ),
    client(
        "openai-node 7.57",
        "openai-node 7.57",
        "OpenAI's SDK for JavaScript, version 7, iterating over the stream",
        "openai 7.57 (npm)",
        &FETCH,
        &STAINLESS_7,
        &OPENAI_7,
    ),
    client(
        "openai-node 7.57 helper",
        "openai-node 7.57 stream helper",
        "the same SDK's chat.completions.stream(), which accumulates a final message",
        "openai 7.57 (npm), chat.completions.stream()",
        &FETCH,
        &STAINLESS_7,
        &OPENAI_7_HELPER,
    ),
    client(
        "groq-js 1.6",
        "groq-sdk 1.6 (JavaScript)",
        "Groq's SDK for JavaScript, generated as OpenAI's is",
        "groq-sdk 1.6 (npm)",
        &FETCH,
        &STAINLESS,
        &OPENAI_6,
    ),
    client(
        "ai-sdk openai",
        "@ai-sdk/openai 3.0 (AI SDK 6)",
        "Vercel's AI SDK with the OpenAI provider, streamText()",
        "@ai-sdk/openai 3.0 (npm)",
        &FETCH,
        &SPEC_3,
        &AI_OPENAI,
    ),
    client(
        "ai_openai",
        "@ai-sdk/openai 4.0 (AI SDK 7)",
        "Vercel's AI SDK with the OpenAI provider, streamText()",
        "@ai-sdk/openai 4.0 (npm)",
        &FETCH,
        &SPEC_3,
        &AI_OPENAI,
    ),
    client(
        "ai-sdk openai-compatible",
        "@ai-sdk/openai-compatible 2.0 (AI SDK 6)",
        "Vercel's AI SDK with the provider for compatible servers",
        "@ai-sdk/openai-compatible 2.0 (npm)",
        &FETCH,
        &SPEC_3,
        &AI_COMPATIBLE,
    ),
    client(
        "ai_compat",
        "@ai-sdk/openai-compatible 3.0 (AI SDK 7)",
        "Vercel's AI SDK with the provider for compatible servers",
        "@ai-sdk/openai-compatible 3.0 (npm)",
        &FETCH,
        &SPEC_3,
        &AI_COMPATIBLE,
    ),
    client(
        "ai-sdk openrouter",
        "OpenRouter provider (AI SDK 6)",
        "Vercel's AI SDK with OpenRouter's own provider",
        "@openrouter/ai-sdk-provider (npm), AI SDK 6",
        &FETCH,
        &SPEC_3,
        &AI_OPENROUTER,
    ),
    client(
        "ai_openrouter",
        "OpenRouter provider (AI SDK 7)",
        "Vercel's AI SDK with OpenRouter's own provider",
        "@openrouter/ai-sdk-provider (npm), AI SDK 7",
        &FETCH,
        &SPEC_3,
        &AI_OPENROUTER,
    ),
    client(
        "mistral-js 2.7",
        "@mistralai/mistralai 2.7 (JavaScript)",
        "Mistral's SDK for JavaScript, which validates each chunk against a schema",
        "@mistralai/mistralai 2.7 (npm)",
        &SPEAKEASY_HEAD,
        &SPEAKEASY,
        &MISTRAL,
    ),
    client(
        "langchain-js",
        "@langchain/openai over openai 6",
        "LangChain's OpenAI chat model for JavaScript, stream()",
        "@langchain/openai (npm) over openai 6",
        &FETCH,
        &STAINLESS,
        &LANGCHAIN_6,
    ),
    client(
        "langchain",
        "@langchain/openai over openai 7",
        "LangChain's OpenAI chat model for JavaScript, stream()",
        "@langchain/openai (npm) over openai 7",
        &FETCH,
        &STAINLESS_7,
        &LANGCHAIN_7,
    ),
    client(
        "hf-js 4.13",
        "@huggingface/inference 4.13 (JavaScript)",
        "Hugging Face's client for JavaScript, chatCompletionStream()",
        "@huggingface/inference 4.13 (npm)",
        &EVENT_STREAM_ONLY,
        &EVERY_BLANK,
        &HUGGING_FACE,
    ),
    client(
        "ms_fes",
        "@microsoft/fetch-event-source 2.0.1",
        "Microsoft's SSE reader over fetch(), with the usual loop: JSON.parse until [DONE]",
        "@microsoft/fetch-event-source 2.0.1 (npm)",
        &FETCH_EVENT_SOURCE,
        &EVERY_BLANK,
        &PARSER_DRAINED,
    ),
    client(
        "fortaine_fes",
        "@fortaine/fetch-event-source 3.0",
        "a fork of Microsoft's SSE reader, with the usual loop",
        "@fortaine/fetch-event-source 3.0 (npm)",
        &FETCH_EVENT_SOURCE,
        &EVERY_BLANK,
        &PARSER_DRAINED,
    ),
    client(
        "fetch_event_stream",
        "fetch-event-stream 0.1",
        "a small SSE reader over fetch(), with the usual loop",
        "fetch-event-stream 0.1 (npm)",
        &BARE_FETCH,
        &TRIMMING,
        &PARSER,
    ),
    client(
        "es_parser",
        "eventsource-parser 4.1",
        "the SSE parser under many JavaScript SDKs, with the usual loop",
        "eventsource-parser 4.1 (npm)",
        &BARE_FETCH,
        &SPEC,
        &PARSER,
    ),
    client(
        "eventsource4",
        "eventsource 4.1",
        "EventSource for Node.js, listening for message events as a browser would",
        "eventsource 4.1 (npm)",
        &EVENT_SOURCE,
        &SPEC_3,
        &ON_MESSAGE,
    ),
    client(
        "split_nn_naive",
        "naive loop over blank lines",
        "code that splits the text at two line feeds and expects `data: ` with a space",
        "a loop that splits at two LF and needs `data: `",
        &BARE_FETCH,
        &SPLIT_NN,
        &PARSER_DRAINED,
    ),
    client(
        "perchunk_naive",
        "naive loop per network chunk",
        "code that parses each network chunk by itself and keeps nothing between two",
        "a loop that reads each network chunk on its own",
        &BARE_FETCH,
        &PER_CHUNK,
        &PARSER_DRAINED,
    ),
];
