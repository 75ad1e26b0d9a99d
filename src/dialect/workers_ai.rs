//! Cloudflare Workers AI, its own protocol (docs/dialects.md a.26): `/ai/run/MODEL` with `stream`.
//!
//! Source: Cloudflare's documentation of Workers AI, text generation. Events with `response`, padded by `p`; the last
//! one has `usage`; then `[DONE]`.

use super::json::{self, List, Obj, Raw, Text};
use super::openai_chat::usage;
use super::payload::{BadPayload, done, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("workers-ai.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("workers-ai.not-object");
/// Neither a response, a tool call, usage nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("workers-ai.unknown-type");

/// `workers-ai.run`
pub static DIALECT: Dialect = Dialect {
    name: "workers-ai.run",
    end: End::Terminator("[DONE]"),
    streams_by: StreamsBy::Flag,
    paths: |_, path| path.contains("/ai/run/") || path.contains("/workers-ai/@"),
    // `response` alone is anybody's word.
    shape: |evidence, shape| match evidence.framing == Framing::Sse && shape.has_all(&["response", "p"]) {
        true => Confidence::Certain,
        false => Confidence::No,
    },
    reader: |evidence| Box::new(WorkersAi { document: evidence.framing == Framing::Json }),
    ..Dialect::USUAL
};

/// One event; a whole answer has it in `result`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    response: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<Obj<Call<'a>>>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    result: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

/// Reads a stream, or one whole answer.
struct WorkersAi {
    document: bool,
}

impl Event<'_> {
    fn take(&self, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let mut meaning = Meaning {
            content: self.response.full().is_some_and(|text| answer.add_text(0, text)),
            ..Meaning::default()
        };
        for call in self.tool_calls.iter().filter_map(Obj::here) {
            let key = answer.tool_arguments.len().to_string();
            answer.name_tool(&key, call.name.str().unwrap_or_default());
            answer.add_arguments(&key, &call.arguments.text().unwrap_or_default());
            meaning.tool = true;
        }
        usage::take(&self.usage, answer, remarks);
        meaning
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for WorkersAi {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if let Some(spelled) = done(record.data).filter(|_| !self.document) {
            spelled.count(record, answer);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let event = json::parse::<Event<'_>>(text, repair)?;
            let inner = event.result.json().and_then(|result| serde_json::from_str::<Obj<Event<'_>>>(result).ok());
            let event = inner.as_ref().and_then(Obj::here).unwrap_or(&event);
            if event.response.present() || event.tool_calls.is_array() || event.usage.present() {
                return Ok(event.take(answer, remarks));
            }
            Ok(unknown(record, answer, remarks, UNKNOWN_TYPE))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    #[test]
    fn a_stream_after_the_documentation() {
        let events = [
            r#"{"response":"","p":"ab"}"#,
            r#"{"response":"Hello","p":"abcdefgh"}"#,
            r#"{"response":" there","p":"abc"}"#,
            r#"{"response":"","tool_calls":[{"name":"f","arguments":{"a":1}}]}"#,
            r#"{"response":"","usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
            "[DONE]",
        ];
        let read = read_as(&DIALECT, Framing::Sse, &events.map(|event| ("", event)));
        assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hello there", 2, Some(2)));
        assert_eq!(
            (read.answer.tool_names["0"].as_str(), read.answer.tool_arguments["0"].as_str()),
            ("f", "{\"a\":1}")
        );
        assert!(read.answer.terminator.own && read.kinds().is_empty() && !read.meanings[0].content);
        let path = "/client/v4/accounts/a/ai/run/@cf/meta/llama-3";
        assert_eq!(chosen("/x", Framing::Sse, events[0]), Some("workers-ai.run"));
        assert_eq!(chosen(path, Framing::Sse, events[4]), Some("workers-ai.run"));
    }

    #[test]
    fn whole_answers_and_errors() {
        let whole =
            r#"{"result":{"response":"Hi","usage":{"completion_tokens":1}},"success":true,"errors":[],"messages":[]}"#;
        let read = read_as(&DIALECT, Framing::Json, &[("", whole)]);
        assert_eq!((read.text(), read.answer.output_tokens, read.answer.error.clone()), ("Hi", Some(1), None));
        let failed =
            r#"{"result":null,"success":false,"errors":[{"code":7009,"message":"no such model"}],"messages":[]}"#;
        let read = read_as(&DIALECT, Framing::Json, &[("", failed)]);
        assert!(read.meanings[0].error && read.answer.error.is_some_and(|e| e.contains("no such model")));
        let odd = read_as(&DIALECT, Framing::Sse, &[("", "{"), ("", "[]"), ("", r#"{"x":1}"#)]);
        assert_eq!(odd.kinds(), ["workers-ai.not-json", "workers-ai.not-object", "workers-ai.unknown-type"]);
    }
}
