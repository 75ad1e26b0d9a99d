//! What the records mean: whose API this is, which record carries text, reasoning, a tool call, the end, an error.
//!
//! To add one more: `NAME.rs` with a `Dialect` value and a `Reader`, two lines here, a folder in `captures/dialect/`.

pub mod answer;
mod json;
mod note;
mod reader;
pub mod shape;
mod variant;

pub mod a2a;
pub mod ai_sdk_data;
pub mod ai_sdk_ui;
pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod dashscope;
pub mod gemini;
pub mod grpc;
pub mod litserve;
pub mod llamacpp;
pub mod mcp;
pub mod none;
pub mod ollama;
pub mod ollama_status;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_realtime;
pub mod openai_responses;
pub mod tgi;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Terminator};
pub use json::{COMMENT_AS_DATA, DOUBLED_KEY, LONE_SURROGATE, SECOND_VALUE};

use crate::framing::{Framing, Record};
use crate::http::event::Fields;
use crate::oddity::Oddity;
use shape::Shape;

/// How sure a dialect is that a stream is its own. The highest wins; ties go to the earlier in `DIALECTS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Not mine.
    No,
    /// The shape would fit, and that of others too.
    Possible,
    /// Path or body shape says so.
    Likely,
    /// Path and shape, or a mark that nobody else has.
    Certain,
}

/// What is known when a dialect is asked. Nothing is required: a capture may lack the request.
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
    /// The record at hand.
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

    /// The path, where the method is one that generates.
    fn posted(&self) -> Option<&'a str> {
        self.path().filter(|_| self.method.is_none_or(|m| m == "POST"))
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
    /// Non-empty visible text.
    pub content: bool,
    /// Non-empty reasoning.
    pub reasoning: bool,
    /// Part of a tool call.
    pub tool: bool,
    /// A terminator, the dialect's own or a foreign one.
    pub terminator: bool,
    /// An error object.
    pub error: bool,
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

/// Reads the records of one response in order. One value per response.
pub trait Reader: Send {
    /// One record: add to `answer`, tell what is odd, say what it carries.
    fn read(&mut self, record: &Record<'_>, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) -> Meaning;

    /// A message of the client on a WebSocket. True: it asks for an answer, and the next delta's latency counts from its end.
    fn asks(&mut self, message: &Record<'_>) -> bool {
        let _ = message;
        true
    }

    /// The JSON array that is the body was closed by its `]`. Behind the last record, before `finish`.
    fn closed(&mut self, answer: &mut Answer) {
        let _ = answer;
    }

    /// The frame that ends the stream, where the framing has one that carries something (gRPC-Web, Connect). Behind the last record.
    fn last_frame(&mut self, said: &[u8]) {
        let _ = said;
    }

    /// The message's trailer section. Behind everything else of the body, before `finish`.
    fn trailers(&mut self, fields: &Fields) {
        let _ = fields;
    }

    /// The body is over (`complete`: its framing ended properly). Last remarks that need the whole stream.
    fn finish(&mut self, complete: bool, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) {
        let _ = (complete, answer, odd);
    }
}

/// One dialect, as data.
#[derive(Debug)]
pub struct Dialect {
    /// As the contract spells it: `openai.chat`.
    pub name: &'static str,
    /// Content types (MIME essence, lower case) that its documentation promises for a streamed answer.
    pub content_types: &'static [&'static str],
    /// Its records carry generated text: what upsets readers of model streams is a fault here.
    pub generates: bool,
    /// Header fields of request or response that no other dialect has (lower case). One of them counts as a path of its own does.
    pub fields: &'static [&'static str],
    /// This request path (of [`Evidence::path`]) is one of its own.
    pub paths: fn(&Evidence<'_>, &str) -> bool,
    /// How sure by the record's outline and the response head, the path left aside.
    pub shape: fn(&Evidence<'_>, &Shape) -> Confidence,
    /// A fresh reader for this stream.
    pub reader: fn(&Evidence<'_>) -> Box<dyn Reader>,
}

impl Dialect {
    /// How sure, for this stream, at this record; `path` is that of a request that generates.
    fn recognise(&self, evidence: &Evidence<'_>, path: Option<&str>, shape: &Shape) -> Confidence {
        let by_shape = (self.shape)(evidence, shape);
        let on_path = path.is_some_and(|path| (self.paths)(evidence, path)) || evidence.field(self.fields).is_some();
        let refused = evidence.response.is_some_and(|r| r.status >= 400);
        match (on_path, by_shape) {
            (true, Confidence::Likely | Confidence::Certain) => Confidence::Certain,
            (true, Confidence::Possible) => Confidence::Likely,
            // An object of unknown outline may be somebody else's; a later record will tell.
            (true, Confidence::No) if shape.is_object && shape.keys > 0 && !shape.is_error() && !refused => Confidence::Possible,
            (true, Confidence::No) => Confidence::Likely,
            (false, sure) => sure,
        }
    }
}

/// Every dialect, in the order in which ties are broken; `none` is last and claims what nobody else does.
pub static DIALECTS: &[&Dialect] = &[
    &openai_chat::DIALECT,
    &openai_completions::DIALECT,
    &openai_realtime::DIALECT,
    &openai_responses::DIALECT,
    &anthropic::DIALECT,
    &gemini::DIALECT,
    &ollama::CHAT,
    &ollama::GENERATE,
    &ollama_status::DIALECT,
    &bedrock::DIALECT,
    &cohere::DIALECT,
    &dashscope::DIALECT,
    &tgi::DIALECT,
    &llamacpp::DIALECT,
    &ai_sdk_data::DIALECT,
    &ai_sdk_ui::DIALECT,
    &litserve::DIALECT,
    &a2a::DIALECT,
    &mcp::DIALECT,
    &grpc::DIALECT,
    &none::DIALECT,
];

/// The dialect with this name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().copied().find(|d| d.name == name)
}

/// The most confident dialect, its confidence, and why in one line. Below `Likely` a later record may tell more.
pub fn choose(evidence: &Evidence<'_>) -> Option<(&'static Dialect, Confidence, String)> {
    let (shape, path) = (Shape::of(evidence.record), evidence.posted());
    let mut best: Option<(&'static Dialect, Confidence)> = None;
    for dialect in DIALECTS.iter().copied() {
        let sure = dialect.recognise(evidence, path, &shape);
        if sure > best.map_or(Confidence::No, |(_, sure)| sure) {
            best = Some((dialect, sure));
        }
    }
    let (dialect, sure) = best?;
    Some((dialect, sure, why(dialect, evidence, &shape)))
}

/// The grounds for a choice: `path /v1/messages, header anthropic-version, type message_start`.
fn why(dialect: &Dialect, evidence: &Evidence<'_>, shape: &Shape) -> String {
    let path = evidence
        .posted()
        .filter(|path| (dialect.paths)(evidence, path))
        .map(|path| format!("path {}", crate::oddity::excerpt(path.as_bytes())));
    let outline = ((dialect.shape)(evidence, shape) > Confidence::No).then(|| match shape.describe() {
        Some(outline) if dialect.name != none::DIALECT.name => outline,
        _ => format!(
            "{} records{}",
            evidence.framing.as_str(),
            if dialect.name == none::DIALECT.name { " that no dialect claims" } else { "" }
        ),
    });
    let field = evidence.field(dialect.fields).map(|name| format!("header {name}"));
    [path, field, outline].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
