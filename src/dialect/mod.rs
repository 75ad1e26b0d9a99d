//! What the records mean: whose API this is, which record carries text, reasoning, a tool call, the end, an error.
//!
//! To add one more: `NAME.rs` with a `Dialect` value and a `Reader`, two lines here, a folder in `captures/dialect/`.

use crate::framing::{Framing, Record};
use crate::oddity::Oddity;
use std::collections::BTreeMap;

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
    /// Request body, decoded, as far as it was kept.
    pub request_body: &'a [u8],
    /// Response head fields.
    pub response: Option<&'a crate::http::event::ResponseHead>,
    /// What the bytes are.
    pub framing: Framing,
    /// The record at hand.
    pub record: &'a Record<'a>,
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

/// The terminator of a stream, seen or not.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Terminator {
    /// What the dialect promises at the end of such a stream; none where it has none.
    pub expected: Option<&'static str>,
    /// Any terminator was seen.
    pub seen: bool,
    /// The last one seen, as `[DONE]`, `message_stop`, `done:true`.
    pub which: Option<String>,
    /// The dialect's own was seen.
    pub own: bool,
    /// The last record was a terminator; null without records.
    pub is_last_record: Option<bool>,
}

/// What all records of one response add up to.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Visible text by choice (index).
    pub texts: BTreeMap<u32, String>,
    /// Reasoning text, all choices in order of arrival.
    pub reasoning_text: String,
    /// Arguments of tool calls, by `choice.index`-less call key as the truth files have it: the call's index as text.
    pub tool_arguments: BTreeMap<String, String>,
    /// Names of tools called, same keys.
    pub tool_names: BTreeMap<String, String>,
    /// Finish reason by choice.
    pub finish_reasons: BTreeMap<u32, String>,
    /// Usage as sent; where it comes in several records, the last, except where the dialect defines a merge.
    pub usage: Option<serde_json::Value>,
    /// Output tokens by the stream's own figure.
    pub output_tokens: Option<u64>,
    /// Model named by the response.
    pub model: Option<String>,
    /// Response id.
    pub id: Option<String>,
    /// Error object or text in the stream.
    pub error: Option<String>,
    /// The terminator.
    pub terminator: Terminator,
    /// Records with text.
    pub content_deltas: u64,
    /// Records with reasoning.
    pub reasoning_deltas: u64,
    /// Records with tool calls.
    pub tool_deltas: u64,
    /// Text kept so far has reached its limit; more came and is only counted.
    pub text_limited: bool,
    /// Provider variant of the dialect, where recognised: `iflow`, `dashscope`, `litserve`, …
    pub variant: Option<&'static str>,
}

/// Reads the records of one response in order. One value per response.
pub trait Reader: Send {
    /// One record: add to `answer`, tell what is odd, say what it carries.
    fn read(&mut self, record: &Record<'_>, answer: &mut Answer, odd: &mut dyn FnMut(Oddity)) -> Meaning;

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
    /// How sure, for this stream.
    pub recognise: fn(&Evidence<'_>) -> Confidence,
    /// A fresh reader for this stream.
    pub reader: fn(&Evidence<'_>) -> Box<dyn Reader>,
}

/// Every dialect, in the order in which ties are broken; `none` is last and claims what nobody else does.
pub static DIALECTS: &[&Dialect] = &[];

/// The dialect with this name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    DIALECTS.iter().copied().find(|d| d.name == name)
}

/// The most confident dialect, its confidence, and why in one line.
pub fn choose(evidence: &Evidence<'_>) -> Option<(&'static Dialect, Confidence, String)> {
    let _ = evidence;
    None
}
