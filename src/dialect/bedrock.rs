//! Amazon Bedrock: `ConverseStream` and `InvokeModelWithResponseStream` over AWS event streams (docs/dialects.md a.20).
//!
//! Source: the Bedrock Runtime API reference. Converse events are named by `:event-type`; `messageStop` is followed by
//! `metadata`. Invoke wraps
//! the model's own events as base64 in `bytes` of `chunk` events: they are read in their own dialect.

mod invoke;
mod shape;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use super::json::{self, Obj, Raw};
use super::payload::{BadPayload, foreign_error, object, text_of};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use shape::{Event, Usage};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("bedrock.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("bedrock.not-object");
/// An `:event-type` that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("bedrock.unknown-type");
/// A chunk has the model's event itself, and not wrapped as base64 in `bytes`.
pub const NO_BYTES: Kind = Kind("bedrock.no-bytes");
/// `bytes` of a chunk is not base64.
pub const NOT_BASE64: Kind = Kind("bedrock.not-base64");
/// An exception or error frame.
pub const EXCEPTION: Kind = Kind("bedrock.exception");
/// The body ended properly without `messageStop` and without an exception.
pub const NO_MESSAGE_STOP: Kind = Kind("bedrock.no-message-stop");
/// The body ended properly after `messageStop` without `metadata`.
pub const NO_METADATA: Kind = Kind("bedrock.no-metadata");

/// `bedrock`
pub static DIALECT: Dialect = Dialect {
    name: "bedrock",
    content_types: &["application/vnd.amazon.eventstream"],
    end: End::Terminator(MESSAGE_STOP),
    framing: Some(Framing::AwsEventStream),
    paths: |_, path| {
        path.contains("/model/")
            && ["/converse-stream", "/converse", "/invoke-with-response-stream", "/invoke"]
                .iter()
                .any(|end| path.ends_with(end))
    },
    shape: |evidence, shape| match (evidence.framing, evidence.record.event) {
        (
            Framing::AwsEventStream,
            "messageStart" | "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" | "messageStop"
            | "metadata" | "chunk",
        ) => Confidence::Certain,
        (Framing::AwsEventStream, _) if evidence.record.exception => Confidence::Likely,
        // Others of AWS's services have such streams too.
        (Framing::AwsEventStream, _) => Confidence::No,
        _ if shape.has_all(&["output", "stopReason", "usage"]) => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| {
        let invoked = evidence.record.event == "chunk"
            || evidence.path().is_some_and(|p| p.ends_with("/invoke-with-response-stream"));
        if invoked && evidence.framing == Framing::AwsEventStream {
            return Box::new(invoke::Invoke::new(evidence));
        }
        Box::new(Bedrock { document: evidence.framing == Framing::Json, ..Bedrock::default() })
    },
    ..Dialect::USUAL
};

/// The event that ends an answer.
const MESSAGE_STOP: &str = "messageStop";

/// Reads a stream of Converse, or one whole answer.
#[derive(Debug, Default)]
struct Bedrock {
    document: bool,
    stopped: bool,
    metadata: bool,
    failed: bool,
}

impl Bedrock {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
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
            "contentBlockDelta" => {
                if event.delta.here().is_some_and(|delta| delta.reasoning_content.here().is_some()) {
                    answer.reasons(record.at);
                }
                delta(event, &index, answer)
            }
            "messageStop" => {
                self.stopped = true;
                if let Some(reason) = event.stop_reason.full() {
                    answer.finish(0, reason);
                }
                answer.terminator.saw(MESSAGE_STOP, true);
                Meaning { terminator: true, ..Meaning::default() }
            }
            "metadata" => {
                self.metadata = true;
                take_usage(&event.usage, answer);
                Meaning::default()
            }
            _ if self.document => whole(event, record, answer),
            other => foreign_error(record, answer, remarks).unwrap_or_else(|| {
                remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                Meaning::default()
            }),
        }
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Bedrock {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if record.exception {
            self.failed = true;
            return exception(record, answer, remarks);
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        if self.failed || self.document || !complete {
            return;
        }
        remarks.note_if(!self.stopped, NO_MESSAGE_STOP, || "the body ended".into());
        remarks.note_if(self.stopped && !self.metadata, NO_METADATA, || "the body ended".into());
    }
}

/// An exception ends the stream.
fn exception(record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
    remarks.note(EXCEPTION, || format!("{}: {}", excerpt(record.event.as_bytes()), excerpt(record.data)));
    answer.fail(&format!("{}: {}", record.event, text_of(record)));
    answer.terminator.saw(if record.event.is_empty() { "exception" } else { record.event }, false);
    Meaning { error: true, terminator: true, ..Meaning::default() }
}

/// A delta of Converse.
fn delta(event: &Event<'_>, index: &str, answer: &mut Answer) -> Meaning {
    let mut meaning = Meaning::default();
    let Some(delta) = event.delta.here() else { return meaning };
    meaning.content = delta.text.full().is_some_and(|text| answer.add_text(0, text));
    meaning.content |= answer.add_media(delta.image.json().is_some());
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
        meaning.content |= answer.add_media(block.image.json().is_some());
        let reasoning =
            block.reasoning_content.here().and_then(|r| r.reasoning_text.here()).and_then(|t| t.text.full());
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
