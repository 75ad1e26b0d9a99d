//! What the records mean: whose API this is, which record carries text, reasoning, a tool call, the end, an error.
//!
//! To add one more: `NAME.rs` with a [`Dialect`] value and a `Reader`, two lines here (`mod` and [`DIALECTS`]), a
//! folder in `captures/dialect/`.
//! All that other modules need to know of a dialect is in its [`Dialect`] value; none of them names a dialect, except
//! for rules and client models that
//! are about one. They refer to its `static`.
//!
//! What the author of a dialect works with:
//!
//! | name | what it is |
//! |---|---|
//! | [`Evidence`] | what is known when a dialect is chosen and its reader made: request, response head, framing, first record |
//! | [`shape::Shape`] | the outline of a record's payload (top-level keys, `type`, `object`), by which a dialect recognises its own |
//! | `Reader` | what the dialect makes of records; one method is required, `record`. [`StreamReader`] calls it and does what all dialects share |
//! | [`Answer`] | what the records add up to: `add_text`, `add_reasoning`, `add_arguments`, `finish`, `report_usage`, `fail`, `terminator.saw` |
//! | [`Meaning`] | what one record carries: content, reasoning, tool call, terminator, error |
//! | `Remarks` | takes what is odd about a record: `note` and `note_if` with a `Kind` that the dialect declares. Rules listen for kinds |
//! | `payload::object` | parses a payload that should be one JSON object and remarks on one that is not, in the kinds of a `BadPayload` |
//! | `json::parse` | reads a struct of lenient fields, so that only broken JSON fails. `Repair` is room for a second reading (doubled keys, lone surrogates) |
//! | `json::{Text, Num, Flag, Raw}` | a string, a number, a boolean, any value. Each accepts every JSON type and remembers what came: `text.full()` is a non-empty string |
//! | `json::{Obj, List, Boxed}` | the same for an object of known fields, an array, and an object too large for the stack |
//! | `payload::{unknown, foreign_error}` | an object that is not the dialect's: a foreign error, or an oddity |
//! | `payload::{done, foreign_done}` | a `[DONE]`, for dialects that have one and for those that do not |
//! | `testing::{read_as, chosen}` | for tests: read a list of payloads as this dialect; which dialect is chosen for a payload |
//!
//! The smallest whole dialect:
//!
#![doc = "```text"]
#![doc = include_str!("example.rs")]
#![doc = "```"]

pub mod answer;
pub mod asking;
mod failure;
mod growth;
mod json;
mod keys;
pub mod operation;
mod payload;
mod protobuf;
mod reader;
mod remarks;
pub mod rpc;
pub mod shape;
pub mod turns;
mod variant;

pub mod a2a;
pub mod acp;
pub mod ag_ui;
pub mod ai_sdk_data;
pub mod ai_sdk_ui;
pub mod anthropic;
pub mod anthropic_sessions;
pub mod bedrock;
pub mod cohere;
pub mod dashscope;
pub mod gemini;
pub mod gemini_interactions;
pub mod gemini_live;
pub mod grpc;
pub mod koboldcpp;
pub mod litserve;
pub mod llamacpp;
pub mod lmstudio;
pub mod mcp;
pub mod mistral_conversations;
pub mod none;
pub mod ollama;
pub mod ollama_status;
pub mod openai_agents;
pub mod openai_assistants;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_images;
pub mod openai_realtime;
pub mod openai_responses;
pub mod openai_speech;
pub mod openai_transcription;
pub mod tgi;
pub mod workers_ai;
pub mod xai;

#[cfg(test)]
mod example;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Terminator};
pub use failure::failure_outside;
pub use growth::{CHARACTERS_LOST, CUMULATIVE, TWICE, WHOLE_AGAIN};
pub use json::{COMMENT_AS_DATA, DOUBLED_KEY, FIELD_IN_DATA, LONE_SURROGATE, SECOND_VALUE};
pub use payload::FOREIGN_ERROR;
pub use reader::StreamReader;
pub use turns::{Said, Turn};

use crate::framing::{Framing, Record};
use crate::http::event::asks_with_body;
use reader::Reader;
use shape::Shape;

/// How sure a dialect is that a stream is its own. The highest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Not mine.
    No,
    /// The shape would fit, and that of others too.
    Possible,
    /// Path or body shape says so.
    Likely,
    /// Path and shape, or a mark that no other dialect has.
    Certain,
}

/// The evidence by which a dialect recognises its stream. Every part may be missing: a capture may lack the request.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Request method.
    pub method: Option<&'a str>,
    /// Request target as sent, with query.
    pub target: Option<&'a str>,
    /// Host or `:authority`.
    pub authority: Option<&'a str>,
    /// Request head.
    pub request: Option<&'a crate::http::event::RequestHead>,
    /// Request body, decoded, as far as it was kept.
    pub request_body: &'a [u8],
    /// Response head fields.
    pub response: Option<&'a crate::http::event::ResponseHead>,
    /// What the bytes are.
    pub framing: Framing,
    /// The current record.
    pub record: &'a Record<'a>,
}

impl<'a> Evidence<'a> {
    /// Path of the request target, in origin form or absolute form, without query and trailing slash.
    pub fn path(&self) -> Option<&'a str> {
        let target = self.target?;
        let path = match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => rest.find(['/', '?']).map_or("", |at| &rest[at..]),
            _ => target,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Some(path.strip_suffix('/').unwrap_or(path))
    }

    /// The path, if the method is one that generates.
    fn posted(&self) -> Option<&'a str> {
        self.path().filter(|_| self.method.is_none_or(asks_with_body))
    }

    /// The response has a header field whose name begins so (lower case).
    fn answered_with(&self, start: &str) -> bool {
        let starts = |name: &[u8]| name.get(..start.len()).is_some_and(|n| n.eq_ignore_ascii_case(start.as_bytes()));
        self.response.is_some_and(|r| r.fields.iter().any(|(name, _)| starts(name)))
    }

    /// The first of these header fields that the request has, then the response.
    fn field(&self, names: &[&'static str]) -> Option<&'static str> {
        let heads = [self.request.map(|r| &r.fields), self.response.map(|r| &r.fields)];
        let has = |name: &str| heads.iter().flatten().any(|fields| fields.all(name).next().is_some());
        names.iter().copied().find(|name| has(name))
    }
}

/// What one record carries. Several may hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meaning {
    /// Output for a person that is not empty: visible text, or media and other parts without letters.
    pub content: bool,
    /// Non-empty reasoning.
    pub reasoning: bool,
    /// Part of a tool call.
    pub tool: bool,
    /// A terminator, the dialect's own or a foreign one.
    pub terminator: bool,
    /// An error object.
    pub error: bool,
    /// Number of the answer that it is of, in a conversation of several ([`Answer::turns`]).
    pub turn: u16,
}

impl Meaning {
    /// Carries generated output.
    pub fn is_delta(self) -> bool {
        self.content || self.reasoning || self.tool
    }

    /// `content`, `reasoning` or `tool` (the first that holds), as `records[].delta` says.
    pub fn delta(self) -> Option<&'static str> {
        match self {
            Meaning { content: true, .. } => Some("content"),
            Meaning { reasoning: true, .. } => Some("reasoning"),
            Meaning { tool: true, .. } => Some("tool"),
            _ => None,
        }
    }
}

/// How an answer of a dialect says that it is whole. What the transport says (a zero chunk, END_STREAM) is apart from
/// that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// A record at the end of the stream, called so in [`Terminator::expected`]: `[DONE]`. A finish reason is due too,
    /// before it.
    Terminator(&'static str),
    /// The finish reason: every stream has one, and no terminator follows it.
    FinishReason,
    /// No record: an answer is whole when its body is, or when a status in trailers says so.
    #[default]
    Body,
}

impl End {
    /// The terminator that the dialect promises.
    pub fn terminator(self) -> Option<&'static str> {
        match self {
            End::Terminator(which) => Some(which),
            End::FinishReason | End::Body => None,
        }
    }

    /// The records say that the answer is over; one that ends without has been cut short.
    pub fn is_promised(self) -> bool {
        self != End::Body
    }
}

/// What decides whether an answer comes as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamsBy {
    /// `"stream": true` in the request's body; without it the answer is one document.
    Flag,
    /// `"stream": false` in the request's body makes it one document; without it the answer is a stream.
    FlagUnlessFalse,
    /// The path, the method called, or a header field.
    Call,
    /// The server: it may always stream.
    Server,
}

/// One dialect, as data. What is true of most is in [`Dialect::USUAL`].
#[derive(Debug)]
pub struct Dialect {
    /// As the contract spells it: `openai.chat`.
    pub name: &'static str,
    /// Content types (MIME essence, lower case) that its documentation promises for a streamed answer.
    pub content_types: &'static [&'static str],
    /// Its records carry generated text: what readers of model streams fail on is a fault here.
    pub generates: bool,
    /// How its streams end. Its reader may know better for one stream (`Reader::end`).
    pub end: End,
    /// What asks for a stream.
    pub streams_by: StreamsBy,
    /// A binary framing that belongs to it. Only dialects that have this framing here are spoken in it.
    pub framing: Option<Framing>,
    /// Its servers end lines with CRLF by design.
    pub crlf: bool,
    /// Name of the profile of rules (`--profile`) that its exchanges are held to unless the user names another.
    pub profile: Option<&'static str>,
    /// Header fields of request or response that no other dialect has (lower case). One of them counts as much as one
    /// of its own paths.
    pub fields: &'static [&'static str],
    /// This request path (of [`Evidence::path`]) is one of its own.
    pub paths: fn(&Evidence<'_>, &str) -> bool,
    /// How sure by the record's outline and the response head, the path left aside.
    pub shape: fn(&Evidence<'_>, &Shape) -> Confidence,
    /// What the dialect makes of the records of this stream. [`Dialect::read`] puts it into a [`StreamReader`].
    reader: fn(&Evidence<'_>) -> Box<dyn Reader>,
}

impl Dialect {
    /// The values of most dialects: a model's answer as server-sent events, streamed if the request says so, without
    /// marks to recognise it.
    const USUAL: Dialect = Dialect {
        name: "",
        content_types: &["text/event-stream"],
        generates: true,
        end: End::Body,
        streams_by: StreamsBy::Call,
        framing: None,
        crlf: false,
        profile: None,
        fields: &[],
        paths: |_, _| false,
        shape: |_, _| Confidence::No,
        reader: |_| Box::new(none::Plain),
    };

    /// A fresh reader for the stream that `evidence` is of.
    pub fn read(&self, evidence: &Evidence<'_>) -> StreamReader {
        StreamReader::new(self, evidence)
    }

    /// It is that of records which no dialect claims.
    pub fn is_none(&self) -> bool {
        self.name == none::DIALECT.name
    }

    /// What speaks for this dialect, for this stream, at this record; `path` is that of a request that generates.
    fn claim(&self, evidence: &Evidence<'_>, path: Option<&str>, shape: &Shape) -> Claim {
        let binary = matches!(evidence.framing, Framing::AwsEventStream | Framing::Grpc);
        if binary && self.framing != Some(evidence.framing) {
            return Claim { sure: Confidence::No, on_path: false, by_shape: Confidence::No };
        }
        let by_shape = (self.shape)(evidence, shape);
        let on_path = path.is_some_and(|path| (self.paths)(evidence, path)) || evidence.field(self.fields).is_some();
        let refused = evidence.response.is_some_and(|r| r.status >= 400);
        let sure = match (on_path, by_shape) {
            (true, Confidence::Likely | Confidence::Certain) => Confidence::Certain,
            (true, Confidence::Possible) => Confidence::Likely,
            // An object of unknown outline may belong to another dialect; a later record decides.
            (true, Confidence::No) if shape.is_object && shape.keys > 0 && !shape.is_error() && !refused => {
                Confidence::Possible
            }
            (true, Confidence::No) => Confidence::Likely,
            (false, sure) => sure,
        };
        Claim { sure, on_path, by_shape }
    }
}

/// What speaks for a dialect. Of two that are equally sure the one with the more specific evidence claims the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    sure: Confidence,
    /// The path, or a header field, is one of its own.
    on_path: bool,
    /// How sure by the record.
    by_shape: Confidence,
}

/// Every dialect. Their order decides nothing; `none` is last and claims what no other dialect claims.
pub static DIALECTS: &[&Dialect] = &[
    &openai_chat::DIALECT,
    &openai_completions::DIALECT,
    &openai_realtime::DIALECT,
    &openai_responses::DIALECT,
    &openai_assistants::DIALECT,
    &openai_agents::DIALECT,
    &openai_transcription::DIALECT,
    &openai_speech::DIALECT,
    &openai_images::DIALECT,
    &anthropic::DIALECT,
    &anthropic_sessions::DIALECT,
    &gemini::DIALECT,
    &gemini_interactions::DIALECT,
    &gemini_live::DIALECT,
    &ollama::CHAT,
    &ollama::GENERATE,
    &ollama_status::DIALECT,
    &bedrock::DIALECT,
    &cohere::DIALECT,
    &dashscope::DIALECT,
    &tgi::DIALECT,
    &llamacpp::DIALECT,
    &koboldcpp::DIALECT,
    &workers_ai::DIALECT,
    &lmstudio::DIALECT,
    &ai_sdk_data::DIALECT,
    &ai_sdk_ui::DIALECT,
    &ag_ui::DIALECT,
    &mistral_conversations::DIALECT,
    &litserve::DIALECT,
    &a2a::DIALECT,
    &mcp::DIALECT,
    &acp::DIALECT,
    &grpc::DIALECT,
    &xai::DIALECT,
    &none::DIALECT,
];

/// The dialect with this name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().copied().find(|d| d.name == name)
}

/// The dialect with the best claim, its confidence, and why in one line. Below `Likely` a later record may tell more.
///
/// If the same evidence speaks for two dialects, neither claims the stream: it is `none` until a later record decides.
pub fn choose(evidence: &Evidence<'_>) -> Option<(&'static Dialect, Confidence, String)> {
    let (shape, path) = (Shape::of(evidence.record), evidence.posted());
    let (dialect, sure) = best(evidence, path, &shape).or_else(|| {
        let sure = (none::DIALECT.shape)(evidence, &shape);
        (sure > Confidence::No).then_some((&none::DIALECT, sure))
    })?;
    Some((dialect, sure, why(dialect, evidence, &shape)))
}

/// The dialect whose claim is better than that of every other, if there is one.
fn best(evidence: &Evidence<'_>, path: Option<&str>, shape: &Shape) -> Option<(&'static Dialect, Confidence)> {
    let mut best: Option<(Option<&'static Dialect>, Claim)> = None;
    for dialect in DIALECTS.iter().copied().filter(|dialect| !dialect.is_none()) {
        let claim = dialect.claim(evidence, path, shape);
        if claim.sure == Confidence::No {
            continue;
        }
        best = match best {
            Some((_, other)) if other > claim => best,
            Some((_, other)) if other == claim => Some((None, claim)),
            _ => Some((Some(dialect), claim)),
        };
    }
    best.and_then(|(dialect, claim)| Some((dialect?, claim.sure)))
}

/// The grounds for a choice: `path /v1/messages, header anthropic-version, type message_start`.
fn why(dialect: &Dialect, evidence: &Evidence<'_>, shape: &Shape) -> String {
    let path = evidence
        .posted()
        .filter(|path| (dialect.paths)(evidence, path))
        .map(|path| format!("path {}", crate::oddity::excerpt(path.as_bytes())));
    let outline = ((dialect.shape)(evidence, shape) > Confidence::No).then(|| match shape.describe() {
        Some(outline) if !dialect.is_none() => outline,
        _ => format!(
            "{} records{}",
            evidence.framing.as_str(),
            if dialect.is_none() { " that no dialect claims" } else { "" }
        ),
    });
    let field = evidence.field(dialect.fields).map(|name| format!("header {name}"));
    [path, field, outline].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
