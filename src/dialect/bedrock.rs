//! Amazon Bedrock: `ConverseStream` and `InvokeModelWithResponseStream` over AWS event streams (DIALECTS.md a.20).
//!
//! Source: the Bedrock Runtime API reference. Converse events are named by `:event-type`; `messageStop` is followed by `metadata`. Invoke wraps
//! the model's own events as base64 in `bytes` of `chunk` events; those of Anthropic are read in full, of others the text.

mod shape;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use super::anthropic::Messages;
use super::json::{self, Again, Obj, Raw};
use super::note::{Say, text_of};
use super::reader::{Common, Events};
use super::{Answer, Confidence, Dialect, Evidence, Meaning, base64};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use shape::{Event, Foreign, Usage};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("bedrock.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("bedrock.not-object");
/// An `:event-type` that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("bedrock.unknown-type");
/// `bytes` of a chunk is no base64.
pub const NOT_BASE64: Kind = Kind("bedrock.not-base64");
/// The body ended properly without `messageStop` and without an exception.
pub const NO_MESSAGE_STOP: Kind = Kind("bedrock.no-message-stop");
/// The body ended properly behind `messageStop` without `metadata`.
pub const NO_METADATA: Kind = Kind("bedrock.no-metadata");

/// `bedrock`
pub static DIALECT: Dialect = Dialect {
    name: "bedrock",
    content_types: &["application/vnd.amazon.eventstream"],
    paths: |_, path| {
        path.contains("/model/")
            && ["/converse-stream", "/converse", "/invoke-with-response-stream", "/invoke"].iter().any(|end| path.ends_with(end))
    },
    shape: |evidence, shape| match (evidence.framing, evidence.record.event) {
        (
            Framing::AwsEventStream,
            "messageStart" | "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" | "messageStop" | "metadata" | "chunk",
        ) => Confidence::Certain,
        (Framing::AwsEventStream, _) if evidence.record.exception => Confidence::Likely,
        _ if shape.has_all(&["output", "stopReason", "usage"]) => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| Common::boxed(evidence, Some("messageStop"), Bedrock::new(evidence)),
};

/// Reads a stream of either operation, or one whole `Converse` answer.
#[derive(Debug)]
struct Bedrock {
    /// Anthropic events inside chunks.
    inner: Messages,
    /// A chunk came: the operation is Invoke.
    invoked: bool,
    document: bool,
    stopped: bool,
    metadata: bool,
    failed: bool,
}

impl Bedrock {
    fn new(evidence: &Evidence<'_>) -> Self {
        let document = evidence.framing == Framing::Json;
        Bedrock { inner: Messages::new(evidence), invoked: false, document, stopped: false, metadata: false, failed: false }
    }

    fn dispatch(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>) -> Meaning {
        let index = event.content_block_index.index().unwrap_or(0).to_string();
        match record.event {
            "messageStart" | "contentBlockStop" => Meaning::default(),
            "contentBlockStart" => {
                if let Some(tool) = event.start.here().and_then(|s| s.tool_use.here()) {
                    answer.name_tool(&index, tool.name.str().unwrap_or_default());
                    answer.add_arguments(&index, "");
                }
                Meaning::default()
            }
            "contentBlockDelta" => delta(event, &index, answer),
            "messageStop" => {
                self.stopped = true;
                if let Some(reason) = event.stop_reason.full() {
                    answer.finish(0, reason);
                }
                answer.terminator.saw("messageStop", true);
                Meaning { terminator: true, ..Meaning::default() }
            }
            "metadata" => {
                self.metadata = true;
                take_usage(&event.usage, answer);
                Meaning::default()
            }
            "chunk" => self.chunk(event, record, answer, say),
            _ if self.document => whole(event, record, answer),
            other => {
                say.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                Meaning::default()
            }
        }
    }

    /// A chunk of Invoke: the model's own event.
    fn chunk(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>) -> Meaning {
        self.invoked = true;
        let Some(bytes) = event.bytes.str().and_then(base64::decode) else {
            say.note(NOT_BASE64, || event.bytes.show());
            return Meaning::default();
        };
        let text = String::from_utf8_lossy(&bytes);
        match serde_json::from_str::<Foreign<'_>>(&text) {
            Ok(foreign) if foreign.kind.full().is_none() => foreign.take(answer),
            _ => self.inner.json(record, &text, answer, say),
        }
    }

    /// An exception ends the stream.
    fn exception(&mut self, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        self.failed = true;
        answer.fail(&format!("{}: {}", record.event, text_of(record)));
        Meaning { error: true, ..Meaning::default() }
    }
}

impl Events for Bedrock {
    fn event(&mut self, record: &Record<'_>, answer: &mut Answer, say: &mut Say<'_>) -> Meaning {
        if record.exception {
            return self.exception(record, answer);
        }
        let text = text_of(record);
        let mut again = Again::default();
        let meaning = match json::parse::<Event<'_>>(&text, &mut again) {
            Ok(event) => self.dispatch(&event, record, answer, say),
            Err(e) => {
                say.unreadable(NOT_JSON, NOT_OBJECT, &e, record);
                Meaning::default()
            }
        };
        say.mended(&again);
        meaning
    }

    fn over(&mut self, complete: bool, answer: &mut Answer, say: &mut Say<'_>) {
        if self.failed || self.document || !complete {
            return;
        }
        if !self.invoked {
            say.note_if(!self.stopped, NO_MESSAGE_STOP, || "the body ended".into());
            say.note_if(self.stopped && !self.metadata, NO_METADATA, || "the body ended".into());
        } else if self.inner.spoken() {
            self.inner.over(complete, answer, say);
        }
    }
}

/// A delta of Converse.
fn delta(event: &Event<'_>, index: &str, answer: &mut Answer) -> Meaning {
    let mut meaning = Meaning::default();
    let Some(delta) = event.delta.here() else { return meaning };
    meaning.content = delta.text.full().is_some_and(|text| answer.add_text(0, text));
    let reasoning = delta.reasoning_content.here().and_then(|r| r.text.full());
    meaning.reasoning = reasoning.is_some_and(|text| answer.add_reasoning(text));
    if let Some(input) = delta.tool_use.here().and_then(|t| t.input.text()) {
        answer.add_arguments(index, &input);
        meaning.tool = !input.is_empty();
    }
    meaning
}

/// A whole Converse answer, or an error (`{"message":"…"}`).
fn whole(event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
    let mut meaning = Meaning::default();
    take_usage(&event.usage, answer);
    if let Some(reason) = event.stop_reason.full() {
        answer.finish(0, reason);
    }
    let message = event.output.here().and_then(|o| o.message.here());
    for (index, block) in message.iter().flat_map(|m| m.content.iter()).filter_map(Obj::here).enumerate() {
        meaning.content |= block.text.full().is_some_and(|text| answer.add_text(0, text));
        let reasoning = block.reasoning_content.here().and_then(|r| r.reasoning_text.here()).and_then(|t| t.text.full());
        meaning.reasoning |= reasoning.is_some_and(|text| answer.add_reasoning(text));
        if let Obj::Here(tool) = &block.tool_use {
            answer.name_tool(&index.to_string(), tool.name.str().unwrap_or_default());
            answer.add_arguments(&index.to_string(), &tool.input.text().unwrap_or_default());
            meaning.tool = true;
        }
    }
    if message.is_none() {
        answer.fail(&event.message.text().unwrap_or_else(|| text_of(record)));
        meaning.error = true;
    }
    meaning
}

/// `usage` of Converse.
fn take_usage(usage: &Raw<'_>, answer: &mut Answer) {
    if let Some(text) = usage.json() {
        let output = serde_json::from_str::<Usage>(text).ok().and_then(|u| u.output_tokens.count());
        answer.report_usage(usage.value(), output);
    }
}
