//! Google Gemini and Vertex, `generateContent` streamed as SSE or as one JSON array, or whole (docs/dialects.md a.6).
//!
//! Source: Google's `GenerateContentResponse`. The SSE form has no terminator; the array form ends with its `]`.

mod call;
mod part;

use super::json::{self, Flag, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
pub(super) use part::{Content, Part};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("gemini.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("gemini.not-object");
/// Neither candidates nor anything else that the document has, or a part with something else.
pub const UNKNOWN_TYPE: Kind = Kind("gemini.unknown-type");
/// `finishReason` in a record that is not the last with candidates.
pub const FINISH_EARLY: Kind = Kind("gemini.finish-early");
/// The body ended properly and no `finishReason` came.
pub const NO_FINISH_REASON: Kind = Kind("gemini.no-finish-reason");
/// The prompt was blocked: `promptFeedback.blockReason`.
pub const PROMPT_BLOCKED: Kind = Kind("gemini.prompt-blocked");
/// A `finishReason` that says that the model's tool call can't be used.
pub const CALL_UNUSABLE: Kind = Kind("gemini.call-unusable");
/// An SSE event type, which this dialect does not have.
pub const EVENT_NAME: Kind = Kind("gemini.event-name");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("gemini.foreign-terminator");

/// Values of `finishReason` after which there is no usable call.
const UNUSABLE_CALLS: &[&str] = &["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"];

/// `gemini.generate`
pub static DIALECT: Dialect = Dialect {
    name: "gemini.generate",
    content_types: &["text/event-stream", "application/json"],
    end: End::FinishReason,
    crlf: true,
    profile: Some("gemini"),
    paths: |_, path| path.ends_with(":streamGenerateContent") || path.ends_with(":generateContent"),
    shape: |evidence, shape| match () {
        () if shape.has("candidates") && (shape.has("usageMetadata") || shape.has("promptFeedback")) => {
            Confidence::Certain
        }
        () if shape.has("candidates") && evidence.framing.is_stream() => Confidence::Likely,
        () if shape.has("promptFeedback") || shape.has("usageMetadata") => Confidence::Likely,
        () => Confidence::No,
    },
    reader: |evidence| {
        let (document, array) = (evidence.framing == Framing::Json, evidence.framing == Framing::JsonArray);
        Box::new(Gemini { document, array, ..Gemini::default() })
    },
    ..Dialect::USUAL
};

/// One `GenerateContentResponse`, or an error.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    candidates: List<Obj<Candidate<'a>>>,
    #[serde(borrow)]
    usage_metadata: Raw<'a>,
    #[serde(borrow)]
    prompt_feedback: Obj<Feedback<'a>>,
    #[serde(borrow)]
    model_version: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    index: Num,
    #[serde(borrow)]
    content: Obj<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

impl Candidate<'_> {
    /// A part is a thought, or signed as what followed thoughts.
    fn reasons(&self) -> bool {
        let parts = self.content.here().into_iter().flat_map(|content| content.parts.iter()).filter_map(Obj::here);
        parts.into_iter().any(|part| part.thought == Flag::Bool(true) || part.thought_signature.json().is_some())
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Text<'a>,
}

/// `usageMetadata`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Usage {
    candidates_token_count: Num,
    thoughts_token_count: Num,
}

/// Candidates that are followed.
const CANDIDATES_LIMIT: usize = 64;

/// Reads a stream, or one whole response.
#[derive(Debug, Default)]
struct Gemini {
    document: bool,
    /// The stream is one JSON array, which its `]` ends.
    array: bool,
    /// Candidates that had a finish reason.
    finished: BTreeSet<u32>,
    /// Candidates that had a part and no finish reason yet.
    unfinished: BTreeSet<u32>,
    /// An error or a blocked prompt came: no finish reason is required.
    over: bool,
    calls: call::Calls,
}

impl Gemini {
    fn response(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        answer.identify(event.model_version.full(), event.response_id.full());
        take_usage(&event.usage_metadata, answer);
        if let Some(error) = event.error.told() {
            answer.fail(&error);
            (meaning.error, self.over) = (true, true);
        }
        if let Some(reason) = event.prompt_feedback.here().and_then(|f| f.block_reason.full()) {
            remarks.note(PROMPT_BLOCKED, || excerpt(reason.as_bytes()));
            self.over = true;
        }
        if !event.candidates.is_array() {
            let known =
                meaning.error || self.over || event.usage_metadata.present() || event.prompt_feedback.here().is_some();
            return if known { meaning } else { unknown(record, answer, remarks, UNKNOWN_TYPE) };
        }
        for (position, candidate) in event.candidates.iter().enumerate() {
            if let Obj::Here(candidate) = candidate {
                let index = candidate.index.index().unwrap_or(position as u32);
                remarks.note_if(self.finished.contains(&index), FINISH_EARLY, || {
                    format!("candidate {index} after its finishReason")
                });
                self.candidate(candidate, index, answer, remarks, &mut meaning);
                if candidate.reasons() {
                    answer.reasons(record.at);
                }
            }
        }
        meaning
    }

    fn candidate(
        &mut self,
        candidate: &Candidate<'_>,
        index: u32,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
        meaning: &mut Meaning,
    ) {
        let content = candidate.content.here();
        for part in content.iter().flat_map(|c| c.parts.iter()).filter_map(Obj::here) {
            meaning.reasoning |= part.thinks(answer);
            meaning.content |= part.shown(index, answer);
            if let Some(name) = &part.unknown {
                remarks.note(UNKNOWN_TYPE, || format!("part with {}", excerpt(name.as_bytes())));
            }
            if let Obj::Here(call) = &part.function_call {
                meaning.tool |= self.calls.read(call, index, answer);
            }
            meaning.tool |= self.calls.run(part, index, answer);
        }
        if let Some(reason) = candidate.finish_reason.full() {
            remarks.note_if(UNUSABLE_CALLS.contains(&reason), CALL_UNUSABLE, || excerpt(reason.as_bytes()));
            answer.finish(index, reason);
            self.unfinished.remove(&index);
            if self.finished.len() < CANDIDATES_LIMIT {
                self.finished.insert(index);
            }
        } else if content.is_some() && !self.finished.contains(&index) && self.unfinished.len() < CANDIDATES_LIMIT {
            self.unfinished.insert(index);
        }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Gemini {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        remarks.note_if(!record.event.is_empty(), EVENT_NAME, || excerpt(record.event.as_bytes()));
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let meaning = self.response(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks);
            // A refused prompt, or an error, has no candidate and so no finish reason.
            if self.over && !self.array {
                answer.end = End::Body;
            }
            Ok(meaning)
        })
    }

    fn end(&self) -> Option<End> {
        self.array.then_some(End::Terminator("]"))
    }

    fn closed(&mut self, answer: &mut Answer) {
        answer.terminator.saw("]", true);
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        self.calls.close(answer);
        let lacks = self.finished.is_empty() || !self.unfinished.is_empty();
        remarks.note_if(complete && lacks && !self.over && !self.document, NO_FINISH_REASON, || {
            match self.unfinished.first().filter(|_| !self.finished.is_empty()) {
                Some(index) => format!("candidate {index}"),
                None => String::new(),
            }
        });
    }
}

/// `usageMetadata` is cumulative: the last one counts. Thoughts are output too, and are counted separately.
fn take_usage(usage: &Raw<'_>, answer: &mut Answer) {
    let Some(text) = usage.json() else { return };
    let figures = serde_json::from_str::<Usage>(text).unwrap_or_default();
    let output = match (figures.candidates_token_count.count(), figures.thoughts_token_count.count()) {
        (None, None) => None,
        (visible, thoughts) => Some(visible.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
    };
    answer.report_usage(usage.value(), output);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    const TEXT: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":3}}"#;
    const END: &str = r#"{"candidates":[{"content":{"parts":[{"text":"lo"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"thoughtsTokenCount":5},"modelVersion":"g-2"}"#;

    #[test]
    fn sse_has_no_terminator() {
        let read = read_as(&DIALECT, Framing::Sse, &[("", TEXT), ("", END)]);
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
            ("Hello", 2, "STOP")
        );
        assert_eq!((read.answer.output_tokens, read.answer.model.as_deref()), (Some(7), Some("g-2")));
        let t = &read.answer.terminator;
        assert_eq!((t.expected, t.seen, t.is_last_record), (None, false, Some(false)));
        assert!(read.kinds().is_empty(), "{:?}", read.kinds());
    }

    #[test]
    fn an_array_ends_with_its_bracket() {
        let read = read_as(&DIALECT, Framing::JsonArray, &[("", TEXT), ("", END)]);
        let t = &read.answer.terminator;
        assert_eq!((t.expected, t.which.as_deref(), t.own, t.is_last_record), (Some("]"), Some("]"), true, Some(true)));
    }

    #[test]
    fn thoughts_and_calls() {
        let thought = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"functionCall":{"name":"f","args":{"a":1}}}]}}]}"#;
        let read = read_as(&DIALECT, Framing::Sse, &[("", thought), ("", thought)]);
        assert_eq!(
            (read.answer.reasoning_text.as_str(), read.answer.reasoning_deltas, read.answer.tool_deltas),
            ("hmhm", 2, 2)
        );
        assert_eq!(
            (read.answer.tool_names["1"].as_str(), read.answer.tool_arguments["1"].as_str()),
            ("f", "{\"a\":1}")
        );
        assert_eq!(read.kinds(), ["gemini.no-finish-reason"]);
    }

    #[test]
    fn a_call_in_parts_is_one_call() {
        let part = |call: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{call}}}]}}}}]}}"#);
        let parts = [
            part(r#"{"name":"f","willContinue":true}"#),
            part(
                r#"{"partialArgs":[{"jsonPath":"$.city","stringValue":"Os","willContinue":true}],"willContinue":true}"#,
            ),
            part(r#"{"partialArgs":[{"jsonPath":"$.city","stringValue":"lo"}],"willContinue":true}"#),
            part("{}"),
            part(r#"{"name":"g","args":{}}"#),
            END.to_owned(),
        ];
        let events: Vec<_> = parts.iter().map(|part| ("", part.as_str())).collect();
        let read = read_as(&DIALECT, Framing::Sse, &events);
        let calls: Vec<_> = read.answer.tool_names.iter().zip(read.answer.tool_arguments.values()).collect();
        assert_eq!(
            calls.iter().map(|((key, name), args)| (key.as_str(), name.as_str(), args.as_str())).collect::<Vec<_>>(),
            [("0", "f", r#"{"city":"Oslo"}"#), ("1", "g", "{}")]
        );
        assert_eq!((read.answer.tool_deltas, read.kinds().len()), (4, 0));
    }

    #[test]
    fn a_call_that_is_of_no_use() {
        let end = END.replace("STOP", "MALFORMED_FUNCTION_CALL");
        let read = read_as(&DIALECT, Framing::Sse, &[("", &end)]);
        assert_eq!(read.found(CALL_UNUSABLE), Some("MALFORMED_FUNCTION_CALL"));
    }

    #[test]
    fn oddities() {
        let read =
            read_as(&DIALECT, Framing::Sse, &[("", END), ("", TEXT), ("", "[DONE]"), ("", "{\"x\":1}"), ("", "{")]);
        assert_eq!(
            read.kinds(),
            ["gemini.finish-early", "gemini.foreign-terminator", "gemini.not-json", "gemini.unknown-type"]
        );
        assert_eq!((read.answer.terminator.own, read.answer.terminator.which.as_deref()), (false, Some("[DONE]")));
        let read = read_as(
            &DIALECT,
            Framing::Sse,
            &[("", r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#)],
        );
        assert!(
            read.meanings[0].error
                && read.kinds().is_empty()
                && read.answer.error.is_some_and(|e| e.contains("overloaded"))
        );
        let read = read_as(&DIALECT, Framing::Sse, &[("", r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#)]);
        assert_eq!(read.found(PROMPT_BLOCKED), Some("SAFETY"));
    }

    #[test]
    fn recognised_by_candidates_or_path() {
        assert_eq!(chosen("/x", Framing::Sse, TEXT), Some("gemini.generate"));
        let path = "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse";
        assert_eq!(chosen(path, Framing::Json, r#"{"error":{"code":400}}"#), Some("gemini.generate"));
        assert_eq!(chosen("/v1beta/openai/chat/completions", Framing::Sse, "[DONE]"), Some("openai.chat"));
    }
}
