//! Each property of each client decides something: with another value of it, some stream has another outcome.

use super::crafted::crafted;
use crate::clients::framing::{Cut, Framing, Loop, Others};
use crate::clients::head::{CutBody, Kind, NODE, Status, Transport};
use crate::clients::heard::Shared;
use crate::clients::json::Json;
use crate::clients::reader::Got;
use crate::clients::records::{Done, ErrorRule, Records, Route, Then, any_event};
use crate::clients::sse::{Blank, Colon, LastCr, Mark, Rest, Split, Sse, Utf8};
use crate::clients::{Client, Stream, meant_by, roster};
use std::collections::{BTreeMap, BTreeSet};

/// The client with one property changed, and which.
type Flip = (String, Client);
/// What happens to events by their names.
type Names = fn(&str) -> Route;

fn with_transport(c: &Client, transport: Transport) -> Client {
    Client { transport: Box::leak(Box::new(transport)), ..*c }
}

fn with_framing(c: &Client, framing: Framing) -> Client {
    Client { framing: Box::leak(Box::new(framing)), ..*c }
}

fn with_records(c: &Client, records: Records) -> Client {
    Client { records: Box::leak(Box::new(records)), ..*c }
}

/// One line for each property: its values; each is tried if the client has another.
macro_rules! flips {
    ($out:ident, $client:ident, $with:ident, $base:expr, $wrap:expr, $($field:ident: [$($value:expr),+ $(,)?]),+ $(,)?) => {
        $($(
            let mut changed = copy!($base);
            changed.$field = $value;
            let value = format!("{:?}", changed.$field);
            if value != format!("{:?}", $base.$field) {
                $out.push((format!("{} = {value}", stringify!($field)), $with($client, $wrap(changed))));
            }
        )+)+
    };
}
macro_rules! copy {
    ($base:expr) => {
        copy(&$base)
    };
}

trait Copied {
    fn copied(&self) -> Self;
}

fn copy<T: Copied>(of: &T) -> T {
    of.copied()
}

impl Copied for Transport {
    fn copied(&self) -> Self {
        Transport { ..*self }
    }
}

impl Copied for Sse {
    fn copied(&self) -> Self {
        Sse { ..*self }
    }
}

impl Copied for Loop {
    fn copied(&self) -> Self {
        Loop { ..*self }
    }
}

impl Copied for Records {
    fn copied(&self) -> Self {
        Records { ..*self }
    }
}

const BROWSER: &[&str] = &["gzip", "x-gzip", "deflate", "br", "zstd"];
const PAIRS: &[&[u8]] = &[b"\n\n", b"\r\r", b"\r\n\r\n"];

fn flips(c: &'static Client) -> Vec<Flip> {
    let mut out = Vec::new();
    flips!(out, c, with_transport, *c.transport, std::convert::identity,
        kind: [Kind::Any, Kind::Begins, Kind::Holds, Kind::Essence],
        status: [Status::Success, Status::Exactly200, Status::Any],
        charset: [true, false],
        cut: [CutBody::Raises, CutBody::RaisesOrWaits, CutBody::AsUndici, CutBody::Unnoticed],
        block: [None, Some(128), Some(512)],
        needs_event: [true, false],
        undoes: [&[][..], &["gzip"], NODE, BROWSER],
        strict_end: [true, false],
    );
    match c.framing {
        Framing::Sse(sse) => {
            flips!(out, c, with_framing, *sse, Framing::Sse,
                utf8: [Utf8::Replaced, Utf8::Raises],
                mark: [Mark::OffStream, Mark::OffLines, Mark::Stays, Mark::Crashes],
                colon: [Colon::Standard, Colon::Needed, Colon::Trimming],
                blank: [Blank::Data, Blank::DataOrName, Blank::AnyField, Blank::Always],
                last_cr: [LastCr::Ends, LastCr::Waits],
                rest: [Rest::Lost, Rest::Dispatched],
            );
            let without = |all: &[&'static [u8]]| -> Vec<&'static [&'static [u8]]> {
                let one =
                    |n: usize| all.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, s)| *s).collect::<Vec<_>>();
                (0..all.len()).map(|n| &*Box::leak(one(n).into_boxed_slice())).collect()
            };
            let mut splits = match sse.split {
                Split::Lines => vec![Split::Held(PAIRS), Split::Blocks(PAIRS)],
                Split::Held(by) => vec![Split::Lines, Split::Blocks(by)],
                Split::Blocks(by) => vec![Split::Lines, Split::Held(by)],
            };
            if let Split::Held(by) | Split::Blocks(by) = sse.split {
                let held = matches!(sse.split, Split::Held(_));
                splits.extend(without(by).into_iter().map(|by| if held { Split::Held(by) } else { Split::Blocks(by) }));
            }
            out.extend(
                splits
                    .into_iter()
                    .map(|split| (format!("split = {split:?}"), with_framing(c, Framing::Sse(Sse { split, ..*sse })))),
            );
        }
        Framing::Loop(l) => {
            flips!(out, c, with_framing, *l, Framing::Loop,
                cut: [Cut::Lf, Cut::Lines, Cut::Unicode, Cut::DoubleLf],
                prefix: ["data:", "data: "],
                others: [Others::Skipped, Others::Data],
                by_unit: [true, false],
                rest: [Rest::Lost, Rest::Dispatched],
                patience: [None, Some(300), Some(299), Some(301)],
                strict: [true, false],
                unmarks: [true, false],
            );
        }
        Framing::Own(_) => {}
    }
    flips!(out, c, with_records, *c.records, std::convert::identity,
        done: [Done::Equals, Done::Begins, Done::Trimmed, Done::Never, Done::SpacedExactly],
        then: [Then::Close, Then::Drain, Then::GoOn],
        needs_done: [true, false],
        unnamed: [Route::Chunk, Route::Hidden, Route::Dropped, Route::Raise],
        skips_empty: [true, false],
        json: [Json::Script, Json::Python, Json::Jiter, Json::Strict],
        skips_unreadable: [true, false],
        error: [ErrorRule::Ignored, ErrorRule::Truthy, ErrorRule::TruthyPython, ErrorRule::NotNull, ErrorRule::Present],
    );
    if c.records.shape.is_some() {
        out.push(("no shape".into(), with_records(c, Records { shape: None, ..*c.records })));
    }
    let routes: [(&str, Names); 6] = [
        ("any", any_event),
        ("errors raise", |e| if e == "error" { Route::Raise } else { Route::Chunk }),
        ("errors hidden", |e| if e == "error" { Route::Hidden } else { Route::Chunk }),
        ("named hidden", |e| if e.is_empty() { Route::Chunk } else { Route::Hidden }),
        ("named raise", |e| if e.is_empty() { Route::Chunk } else { Route::Raise }),
        ("thread hidden", |e| if e.starts_with("thread.") { Route::Hidden } else { Route::Chunk }),
    ];
    let names = ["", "message", "error", "ping", "thread.x", "response.x", "transcript.x", "other"];
    for (what, route) in routes {
        if names.iter().any(|n| route(n) != (c.records.route)(n)) {
            out.push((format!("route: {what}"), with_records(c, Records { route, ..*c.records })));
        }
    }
    out
}

/// Fields of clients that decide nothing, and why.
const UNDECIDED: &[(&str, &[&str], &str)] = &[
    (
        "needs_event",
        &[
            "ai-sdk openai-compatible",
            "ai_compat",
            "hf-inference-benchmarker",
            "js.a_ai",
            "js.a_helper",
            "js.o_ollama",
            "js.r_helper",
            "langchain-openai-python 1.7.3",
            "openai-node 6.49 helper",
            "openai-node 7.57 helper",
            "openai-python 2.54 helper",
            "openai-python 3.54 helper",
            "py.a_helper",
            "py.r_helper",
        ],
        "it raises by itself where nothing came",
    ),
    (
        "route",
        &[
            "aiter_naive",
            "dify-gitee-ai",
            "go-openai",
            "huggingface_hub 1.33",
            "js.g_genai",
            "js.o_ollama",
            "open-webui",
            "perchunk_naive",
            "py.g_genai",
            "py.o_ollama",
            "split_nn_naive",
            "vllm-bench",
            "zed",
        ],
        "its framing knows no names of events",
    ),
    (
        "then",
        &[
            "js.a_helper",
            "js.a_raw",
            "js.g_genai",
            "js.o_ollama",
            "py.a_helper",
            "py.a_raw",
            "py.g_genai",
            "py.o_ollama",
        ],
        "no data ends the stream, so nothing happens then",
    ),
    ("strict_end", &["hf-inference-benchmarker", "reqwest-eventsource", "zed"], "it undoes no coding"),
    ("strict_end", &["js.o_ollama"], "it closes at the line that says `done: true`"),
    ("others", &["js.o_ollama", "py.o_ollama"], "every line begins with the empty prefix"),
    ("patience", &["js.o_ollama", "py.o_ollama"], "every line begins with the empty prefix"),
    (
        "blank",
        &["hf-js 4.13", "js.a_helper", "js.a_raw", "nextchat", "openai-go", "py.a_helper", "py.a_raw"],
        "events without data are skipped, whatever dispatches them",
    ),
    ("skips_empty", &["js.o_ollama", "nextchat", "open-webui"], "empty data is not JSON, which is skipped"),
    ("error", &["js.o_ollama", "py.g_genai"], "what puts the answer together raises errors itself"),
    (
        "last_cr",
        &["mistral-js 2.7", "mistral-python 3.7", "sseclient-py 1.9"],
        "blocks are cut by their separators, without a look at a last CR",
    ),
];

#[test]
fn each_property_of_each_client_decides_something() {
    let mut streams: BTreeMap<&str, Vec<(Stream, Got)>> = BTreeMap::new();
    let (mut idle, mut hints) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for c in roster::clients() {
        let streams = streams.entry(c.dialect.name).or_insert_with(|| {
            crafted(c.dialect.name).into_iter().filter_map(|s| meant_by(&s, None).map(|meant| (s, meant))).collect()
        });
        let did = |c: &Client, (s, meant): &(Stream, Got)| {
            let v = c.verdict(&Shared::new(s, meant));
            (v.outcome, v.text)
        };
        let own: Vec<_> = streams.iter().map(|s| did(c, s)).collect();
        let mut fields = BTreeMap::<String, bool>::new();
        for (what, flipped) in flips(c) {
            let decides = fields.entry(what.split([' ', ':']).next().unwrap_or_default().into()).or_default();
            if *decides {
                continue;
            }
            // The stream that showed this field in another client, then all of them.
            let field = what.split([' ', ':']).next().unwrap_or_default();
            let hint = hints.get(field).copied().unwrap_or_default();
            let shown = |n: &usize| did(&flipped, &streams[*n]) != own[*n];
            if let Some(n) = [hint].into_iter().filter(|n| *n < own.len()).chain(0..own.len()).find(shown) {
                hints.insert(field.to_string(), n);
                *decides = true;
            }
        }
        idle.extend(
            fields.into_iter().filter(|(_, decides)| !decides).map(|(field, _)| format!("{field}: {}", c.name)),
        );
    }
    let listed = UNDECIDED.iter().flat_map(|(field, clients, _)| clients.iter().map(move |c| format!("{field}: {c}")));
    let listed: BTreeSet<String> = listed.collect();
    assert_eq!(idle, listed);
}
