//! Mistral's Conversations (agents), streamed: `POST /v1/conversations` and its like (docs/dialects.md a.38).
//!
//! Source: mistralai 3.7.0, `ConversationEvents`. `conversation.response.started`, outputs of messages, calls and the
//! server's tools, `conversation.response.done` with the usage, or `conversation.response.error`. The SSE event type
//! equals the JSON's `type`.

use super::answer::call_key;
use super::json::{self, Num, Obj, Raw, Text};
use super::payload::{BadPayload, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("conversations.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("conversations.not-object");
/// An event of a type that the SDK does not have.
pub const UNKNOWN_TYPE: Kind = Kind("conversations.unknown-type");

/// Calls that are followed.
const LIMIT: usize = 1024;
const DONE: &str = "conversation.response.done";

/// `mistral.conversations`
pub static DIALECT: Dialect = Dialect {
    name: "mistral.conversations",
    end: End::Terminator(DONE),
    streams_by: StreamsBy::Flag,
    shape: |evidence, shape| match shape.kind.as_deref() {
        Some(kind) if evidence.framing.is_stream() && kind.starts_with("conversation.response.") => Confidence::Certain,
        Some("message.output.delta" | "function.call.delta") => Confidence::Certain,
        Some(kind) if kind.starts_with("tool.execution.") || kind.starts_with("agent.handoff.") => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |_| Box::new(Conversation::default()),
    ..Dialect::USUAL
};

/// One event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    conversation_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    tool_call_id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    /// A string, or a typed chunk.
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
}

/// A chunk of a message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: json::List<Obj<Thought<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Thought<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    completion_tokens: Num,
}

/// Reads events.
#[derive(Debug, Default)]
struct Conversation {
    /// Ids of calls, in order.
    calls: Vec<String>,
}

impl Conversation {
    fn event(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let kind = event.kind.full().unwrap_or(record.event);
        answer.identify(event.model.full(), event.conversation_id.full());
        match kind {
            "conversation.response.started"
            | "agent.handoff.started"
            | "agent.handoff.done"
            | "tool.execution.done" => {}
            "message.output.delta" => meaning = said(&event.content, answer),
            "function.call.delta" => {
                let id = event.tool_call_id.full().or(event.id.full()).unwrap_or_default();
                meaning.tool = self.call(id, event, answer);
            }
            // Of a tool that the server runs.
            "tool.execution.started" | "tool.execution.delta" => {
                meaning.tool = self.call(event.id.str().unwrap_or_default(), event, answer);
            }
            DONE => {
                let read = event.usage.json().and_then(|text| serde_json::from_str::<Usage>(text).ok());
                answer.report_usage(event.usage.value(), read.and_then(|usage| usage.completion_tokens.count()));
                answer.terminator.saw(kind, true);
                meaning.terminator = true;
            }
            "conversation.response.error" => {
                answer.fail(&String::from_utf8_lossy(record.data));
                answer.terminator.saw(kind, false);
                (meaning.error, meaning.terminator) = (true, true);
            }
            _ => {
                return foreign_error(record, answer, remarks).unwrap_or_else(|| {
                    remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
                    // Whatever it is of, output came.
                    Meaning { content: answer.add_media(kind.ends_with(".delta")), ..meaning }
                });
            }
        }
        meaning
    }

    /// A call, or a part of its arguments. True if something of it came.
    fn call(&mut self, id: &str, event: &Event<'_>, answer: &mut Answer) -> bool {
        let known = self.calls.iter().position(|known| known == id);
        let n = known.unwrap_or(self.calls.len());
        if known.is_none() && self.calls.len() < LIMIT {
            self.calls.push(id.to_owned());
        }
        let key = call_key(0, n as u32);
        let arguments = event.arguments.text().unwrap_or_default();
        answer.name_tool(&key, event.name.str().unwrap_or_default());
        answer.add_arguments(&key, &arguments);
        known.is_none() || !arguments.is_empty()
    }
}

/// A part of a message: a string, or a chunk of text, of thinking, or of something without letters.
fn said(content: &Raw<'_>, answer: &mut Answer) -> Meaning {
    let mut meaning = Meaning::default();
    let Some(json) = content.json() else { return meaning };
    match serde_json::from_str::<Obj<Chunk<'_>>>(json) {
        Ok(Obj::Here(chunk)) => match chunk.kind.str() {
            Some("thinking") => {
                for thought in chunk.thinking.iter().filter_map(Obj::here) {
                    meaning.reasoning |= thought.text.full().is_some_and(|text| answer.add_reasoning(text));
                }
            }
            Some("text") | None => meaning.content = chunk.text.full().is_some_and(|text| answer.add_text(0, text)),
            // Sources of the text.
            Some("tool_reference" | "reference") => {}
            Some(_) => meaning.content = answer.add_media(true),
        },
        _ => meaning.content = content.text().is_some_and(|text| answer.add_text(0, &text)),
    }
    meaning
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Conversation {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        // The SDK stops there; whether the answer is whole it does not say.
        if done(record.data).is_some() {
            answer.terminator.saw("[DONE]", false);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    const STARTED: &str = r#"{"type":"conversation.response.started","conversation_id":"conv"}"#;
    const END: &str = r#"{"type":"conversation.response.done","usage":{"completion_tokens":4}}"#;

    #[test]
    fn strings_chunks_and_calls() {
        let said = |content: &str| {
            format!(r#"{{"type":"message.output.delta","id":"m","model":"mistral-m","content":{content}}}"#)
        };
        let (hi, thinks, image) = (
            said("\"Hi\""),
            said(r#"{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}"#),
            said(r#"{"type":"tool_file","tool":"image_generation","file_id":"f"}"#),
        );
        let call = r#"{"type":"function.call.delta","id":"x","tool_call_id":"c","name":"f","arguments":"{}"}"#;
        let search = r#"{"type":"tool.execution.started","id":"w","name":"web_search","arguments":"{\"q\":1}"}"#;
        let events = [STARTED, &thinks, search, &hi, &image, call, END].map(|event| ("", event));
        let read = read_as(&DIALECT, Framing::Sse, &events);
        assert_eq!(
            (read.text(), read.answer.reasoning_text.as_str(), read.answer.id.as_deref()),
            ("Hi", "hm", Some("conv"))
        );
        assert_eq!((read.answer.content_deltas, read.answer.tool_deltas, read.answer.output_tokens), (2, 2, Some(4)));
        assert_eq!(
            (read.answer.tool_arguments["0"].as_str(), read.answer.tool_names["1"].as_str()),
            ("{\"q\":1}", "f")
        );
        assert!(read.answer.terminator.own && read.kinds().is_empty());
        for event in [STARTED, &hi, call, search] {
            assert_eq!(chosen("/v1/conversations", Framing::Sse, event), Some("mistral.conversations"));
        }
    }

    #[test]
    fn an_error_ends_it() {
        let error = r#"{"type":"conversation.response.error","message":"no","code":500}"#;
        let read = read_as(&DIALECT, Framing::Sse, &[("", STARTED), ("", error)]);
        assert!(read.meanings[1].error && read.answer.error.as_ref().is_some_and(|error| error.contains("no")));
    }
}
