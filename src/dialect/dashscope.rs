//! Aliyun DashScope's own protocol for text and multimodal generation (docs/dialects.md a.13); its compatible mode is
//! OpenAI's.
//!
//! Source: Model Studio API reference, text generation, DashScope form, and the Python SDK 2.0.2. Unless the request
//! asks for `incremental_output`, each event repeats the whole text so far. There is no terminator: the finish reason
//! is the string "null" until the end.

use super::json::{self, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, object, text_of, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::Kind;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("dashscope.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("dashscope.not-object");
/// Neither `output` nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("dashscope.unknown-type");
/// An event repeats the text of those before it.
pub const REPEATS_TEXT: Kind = Kind("dashscope.repeats-text");
/// The body ended properly without a finish reason and without an error.
pub const NO_FINISH_REASON: Kind = Kind("dashscope.no-finish-reason");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("dashscope.foreign-terminator");

/// `dashscope.generation`
pub static DIALECT: Dialect = Dialect {
    name: "dashscope.generation",
    end: End::FinishReason,
    fields: &["x-dashscope-sse"],
    paths: |_, path| path.contains("/services/aigc/") && path.ends_with("generation"),
    shape: |_, shape| match () {
        () if shape.has_all(&["output", "request_id"]) => Confidence::Certain,
        () if shape.has_all(&["code", "message", "request_id"]) => Confidence::Likely,
        () => Confidence::No,
    },
    reader: |evidence| Box::new(DashScope { document: evidence.framing == Framing::Json, ..DashScope::default() }),
    ..Dialect::USUAL
};

/// One event, or a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    output: Obj<Output<'a>>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

/// `output`: a text, or with `result_format: message` choices.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    choices: List<Obj<Choice<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Choice<'a> {
    index: Num,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    message: Obj<Message<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message<'a> {
    /// A string, or with multimodal models a list of parts.
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<Obj<ToolCall<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    image: Raw<'a>,
    #[serde(borrow)]
    audio: Raw<'a>,
    #[serde(borrow)]
    video: Raw<'a>,
}

impl Part<'_> {
    fn is_media(&self) -> bool {
        [&self.image, &self.audio, &self.video].iter().any(|member| member.json().is_some())
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    index: Num,
    #[serde(borrow)]
    function: Obj<Function<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
}

/// Reads a stream, or one whole answer.
#[derive(Debug, Default)]
struct DashScope {
    document: bool,
    finished: bool,
    failed: bool,
    /// A text came that does not begin with the earlier text: events bring increments.
    pieces: bool,
}

impl DashScope {
    fn event(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        answer.identify(None, event.request_id.full());
        if let Some(text) = event.usage.json() {
            let figures = serde_json::from_str::<Usage>(text).unwrap_or_default();
            answer.report_usage(event.usage.value(), figures.output_tokens.count());
        }
        let Obj::Here(output) = &event.output else {
            if event.code.full().is_some() || record.event == "error" {
                answer.fail(&text_of(record));
                (meaning.error, self.failed) = (true, true);
            } else {
                meaning = unknown(record, answer, remarks, UNKNOWN_TYPE);
            }
            return meaning;
        };
        if let Some(text) = output.text.full() {
            meaning.content |= self.text(0, text, answer, remarks);
        }
        self.finish(0, &output.finish_reason, answer);
        for (position, choice) in output.choices.iter().enumerate() {
            let Obj::Here(choice) = choice else { continue };
            let index = choice.index.index().unwrap_or(position as u32);
            if let Obj::Here(message) = &choice.message {
                self.message(index, message, answer, remarks, &mut meaning);
            }
            self.finish(index, &choice.finish_reason, answer);
        }
        meaning
    }

    fn message(
        &mut self,
        index: u32,
        message: &Message<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
        meaning: &mut Meaning,
    ) {
        if let Some(thought) = message.reasoning_content.full() {
            let new = self.new_part(&answer.reasoning_text, thought, remarks);
            meaning.reasoning |= answer.add_reasoning(new);
        }
        let content = message.content.text().unwrap_or_default();
        if content.starts_with('[') {
            let parts = serde_json::from_str::<List<Obj<Part<'_>>>>(&content).unwrap_or_default();
            let text: String = parts.iter().filter_map(Obj::here).filter_map(|part| part.text.str()).collect();
            meaning.content |= self.text(index, &text, answer, remarks);
            meaning.content |= answer.add_media(parts.iter().filter_map(Obj::here).any(Part::is_media));
        } else {
            meaning.content |= self.text(index, &content, answer, remarks);
        }
        for (n, call) in message.tool_calls.iter().enumerate() {
            let Some((call, function)) = call.here().and_then(|call| Some((call, call.function.here()?))) else {
                continue;
            };
            let key = super::answer::call_key(index, call.index.index().unwrap_or(n as u32));
            if let Some(name) = function.name.full() {
                answer.name_tool(&key, name);
            }
            let kept = answer.tool_arguments.get(&key).cloned().unwrap_or_default();
            let new = self.new_part(&kept, function.arguments.str().unwrap_or_default(), remarks);
            answer.add_arguments(&key, new);
            meaning.tool |= !new.is_empty() || (kept.is_empty() && function.name.full().is_some());
        }
    }

    fn text(&mut self, index: u32, text: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
        let kept = answer.texts.get(&index).map_or("", String::as_str);
        let new = self.new_part(kept, text, remarks);
        answer.add_text(index, new)
    }

    /// What `said` adds to `kept`: all of it, or only the rest if it repeats the earlier text.
    fn new_part<'t>(&mut self, kept: &str, said: &'t str, remarks: &mut Remarks<'_>) -> &'t str {
        if kept.is_empty() || said.is_empty() || self.pieces {
            return said;
        }
        match said.strip_prefix(kept) {
            Some(new) => {
                remarks.note(REPEATS_TEXT, || format!("{} bytes again", kept.len()));
                new
            }
            None => {
                self.pieces = true;
                said
            }
        }
    }

    fn finish(&mut self, index: u32, reason: &Text<'_>, answer: &mut Answer) {
        if let Some(reason) = reason.full().filter(|reason| *reason != "null") {
            answer.finish(index, reason);
            self.finished = true;
        }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for DashScope {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.finished && !self.failed && !self.document, NO_FINISH_REASON, || {
            "the body ended".into()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    fn message(text: &str, reason: &str) -> String {
        format!(
            r#"{{"output":{{"choices":[{{"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"{reason}"}}]}},"usage":{{"input_tokens":1,"output_tokens":2}},"request_id":"r"}}"#
        )
    }

    #[test]
    fn whole_texts_and_pieces_give_the_same() {
        for texts in [["Hel", "Hello", "Hello"], ["Hel", "lo", ""]] {
            let events = [message(texts[0], "null"), message(texts[1], "null"), message(texts[2], "stop")];
            let read = read_as(
                &DIALECT,
                Framing::Sse,
                &[("result", &events[0]), ("result", &events[1]), ("result", &events[2])],
            );
            assert_eq!(
                (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
                ("Hello", 2, "stop")
            );
            assert_eq!((read.answer.output_tokens, read.answer.id.as_deref()), (Some(2), Some("r")));
            let kinds: &[&str] = if texts[1] == "lo" { &[] } else { &["dashscope.repeats-text"] };
            assert_eq!(read.kinds(), kinds);
        }
    }

    #[test]
    fn texts_parts_and_errors() {
        let plain = r#"{"output":{"text":"Hi","finish_reason":"stop"},"request_id":"r"}"#;
        let parts = r#"{"output":{"choices":[{"message":{"content":[{"text":"Hi"}],"reasoning_content":"hm"},"finish_reason":"stop"}]},"request_id":"r"}"#;
        for event in [plain, parts] {
            let read = read_as(&DIALECT, Framing::Sse, &[("result", event)]);
            assert_eq!((read.text(), read.kinds().len()), ("Hi", 0), "{event}");
        }
        let read = read_as(
            &DIALECT,
            Framing::Sse,
            &[("error", r#"{"code":"Throttling","message":"slow down","request_id":"r"}"#)],
        );
        assert!(
            read.meanings[0].error
                && read.kinds().is_empty()
                && read.answer.error.is_some_and(|e| e.contains("slow down"))
        );
        let read = read_as(&DIALECT, Framing::Sse, &[("", "{"), ("", "[]"), ("", "{}"), ("", "[DONE]")]);
        let kinds = [
            "dashscope.foreign-terminator",
            "dashscope.no-finish-reason",
            "dashscope.not-json",
            "dashscope.not-object",
            "dashscope.unknown-type",
        ];
        assert_eq!(read.kinds(), kinds);
    }

    #[test]
    fn recognised_by_outline_or_path() {
        assert_eq!(chosen("/x", Framing::Sse, &message("Hi", "null")), Some("dashscope.generation"));
        let path = "/api/v1/services/aigc/text-generation/generation";
        assert_eq!(chosen(path, Framing::Sse, "[DONE]"), Some("dashscope.generation"));
    }
}
