//! The data stream of Vercel's AI SDK, version 4 (docs/dialects.md a.24): one part per line, named by one character.
//!
//! Source: `ai` 4.3, data-stream-parts.ts. `0` text, `g` reasoning, `9`, `b`, `c` tool calls, `3` an error, `e` the
//! end of a step, `d` the end. The response says so in `x-vercel-ai-data-stream: v1`.

use super::json::{self, Raw, Repair, Text};
use super::payload::{foreign_done, text_of};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};

/// The payload has another type than its code demands.
pub const WRONG_TYPE: Kind = Kind("ai-sdk-data.wrong-type");
/// A code that the protocol does not have.
pub const UNKNOWN_TYPE: Kind = Kind("ai-sdk-data.unknown-type");
/// The response lacks the header field that names the protocol.
pub const NO_HEADER: Kind = Kind("ai-sdk-data.no-header");
/// The body ended properly without `d:` and without an error.
pub const NO_FINISH: Kind = Kind("ai-sdk-data.no-finish");
/// A part after `d:`.
pub const AFTER_FINISH: Kind = Kind("ai-sdk-data.after-finish");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("ai-sdk-data.foreign-terminator");

/// The header field.
const HEADER: &str = "x-vercel-ai-data-stream";
/// The part that ends the stream.
const FINISH: &str = "d:";

/// `ai-sdk.data`
pub static DIALECT: Dialect = Dialect {
    name: "ai-sdk.data",
    content_types: &["text/plain"],
    end: End::Terminator(FINISH),
    streams_by: StreamsBy::Server,
    fields: &[HEADER],
    shape: |evidence, _| if evidence.framing == Framing::CodedLines { Confidence::Certain } else { Confidence::No },
    reader: |evidence| {
        let unnamed = evidence.response.is_some() && evidence.field(&[HEADER]).is_none();
        Box::new(Parts { unnamed, ..Parts::default() })
    },
    ..Dialect::USUAL
};

/// The object of a part.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    message_id: Text<'a>,
    #[serde(borrow)]
    tool_call_id: Text<'a>,
    #[serde(borrow)]
    tool_name: Text<'a>,
    #[serde(borrow)]
    args_text_delta: Text<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
}

/// Reads parts.
#[derive(Debug, Default)]
struct Parts {
    /// The header field is required and missing.
    unnamed: bool,
    finished: bool,
    failed: bool,
    /// Tool calls in order of their start: their ids.
    calls: Vec<String>,
}

/// Maximum of tool calls that are followed.
const CALLS_LIMIT: usize = 1024;

impl Parts {
    fn part(&mut self, code: &str, text: &str, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let mut meaning = Meaning::default();
        match code {
            "0" | "g" | "3" => match serde_json::from_str::<Text<'_>>(text).unwrap_or_default() {
                Text::Str(s) if code == "0" => meaning.content = answer.add_text(0, &s),
                Text::Str(s) if code == "g" => meaning.reasoning = answer.add_reasoning(&s),
                Text::Str(s) => {
                    answer.fail(&s);
                    (meaning.error, self.failed) = (true, true);
                }
                _ => remarks.note(WRONG_TYPE, || format!("{code}:{}", excerpt(text.as_bytes()))),
            },
            "9" | "b" | "c" | "d" | "e" | "f" => match json::parse::<Part<'_>>(text, &mut Repair::default()) {
                Ok(part) => self.object(code, &part, answer, &mut meaning),
                Err(_) => remarks.note(WRONG_TYPE, || format!("{code}:{}", excerpt(text.as_bytes()))),
            },
            // A file.
            "k" => meaning.content = answer.add_media(true),
            // data, annotations, tool results, sources, redacted reasoning, signatures
            "2" | "8" | "a" | "h" | "i" | "j" => {}
            other => remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes())),
        }
        meaning
    }

    fn object(&mut self, code: &str, part: &Part<'_>, answer: &mut Answer, meaning: &mut Meaning) {
        match code {
            "f" => answer.identify(None, part.message_id.full()),
            "9" | "b" | "c" => meaning.tool = self.tool(part, answer),
            _ => {
                if let Some(usage) = part.usage.value() {
                    let output = usage.get("completionTokens").and_then(serde_json::Value::as_u64);
                    answer.report_usage(Some(usage), output);
                }
                if let Some(reason) = part.finish_reason.full() {
                    answer.finish(0, reason);
                }
                if code == "d" {
                    self.finished = true;
                    answer.terminator.saw(FINISH, true);
                    meaning.terminator = true;
                }
            }
        }
    }

    /// A whole call, its start, or a fragment of its arguments.
    fn tool(&mut self, part: &Part<'_>, answer: &mut Answer) -> bool {
        let id = part.tool_call_id.str().unwrap_or_default();
        let n = self.calls.iter().position(|known| known == id).unwrap_or_else(|| {
            if self.calls.len() < CALLS_LIMIT {
                self.calls.push(id.to_owned());
            }
            self.calls.len() - 1
        });
        let key = n.to_string();
        if let Some(name) = part.tool_name.full() {
            answer.name_tool(&key, name);
        }
        // The whole call follows its fragments, if there were any.
        let fresh = answer.tool_arguments.get(&key).is_none_or(String::is_empty);
        let whole = part.args.text().filter(|_| fresh);
        let fragment = part.args_text_delta.str().map(Into::into).or(whole).unwrap_or_default();
        answer.add_arguments(&key, &fragment);
        !fragment.is_empty()
    }
}

impl Reader for Parts {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if let Some(meaning) = foreign_done(record, answer, remarks, FOREIGN_TERMINATOR) {
            return meaning;
        }
        remarks.note_if(std::mem::take(&mut self.unnamed), NO_HEADER, || format!("{HEADER} is missing"));
        remarks.note_if(self.finished, AFTER_FINISH, || excerpt(record.data));
        self.part(record.event, &text_of(record), answer, remarks)
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.finished && !self.failed, NO_FINISH, || "the body ended".into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Read, chosen, read_as};
    use super::*;

    fn stream(parts: &[(&str, &str)]) -> Read {
        read_as(&DIALECT, Framing::CodedLines, parts)
    }

    const END: (&str, &str) = ("d", r#"{"finishReason":"stop","usage":{"promptTokens":9,"completionTokens":2}}"#);

    #[test]
    fn from_start_to_finish() {
        let read =
            stream(&[("f", r#"{"messageId":"m1"}"#), ("g", r#""Hm""#), ("0", r#""Hi""#), ("0", r#"" there""#), END]);
        assert_eq!(
            (read.text(), read.answer.reasoning_text.as_str(), read.answer.finish_reasons[&0].as_str()),
            ("Hi there", "Hm", "stop")
        );
        let t = &read.answer.terminator;
        assert_eq!(
            (t.own, t.is_last_record, read.answer.output_tokens, read.answer.id.as_deref()),
            (true, Some(true), Some(2), Some("m1"))
        );
        assert_eq!(read.kinds(), ["ai-sdk-data.no-header"], "the head of the test has none");
    }

    #[test]
    fn tool_calls_in_fragments_and_whole() {
        let read = stream(&[
            ("b", r#"{"toolCallId":"a","toolName":"f"}"#),
            ("c", r#"{"toolCallId":"a","argsTextDelta":"{}"}"#),
            ("9", r#"{"toolCallId":"a","toolName":"f","args":{}}"#),
            ("9", r#"{"toolCallId":"b","toolName":"g","args":{"x":1}}"#),
            END,
        ]);
        assert_eq!(
            (read.answer.tool_arguments["0"].as_str(), read.answer.tool_arguments["1"].as_str()),
            ("{}", "{\"x\":1}")
        );
        assert_eq!((read.answer.tool_names["1"].as_str(), read.answer.tool_deltas), ("g", 2));
    }

    #[test]
    fn oddities() {
        let kinds = |parts: &[(&str, &str)]| {
            stream(parts).kinds().into_iter().filter(|k| !k.ends_with("no-header")).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&[("0", "\"Hi\"")]), ["ai-sdk-data.no-finish"]);
        assert_eq!(kinds(&[END, ("0", "\"Hi\"")]), ["ai-sdk-data.after-finish"]);
        assert_eq!(
            kinds(&[("0", "{}"), ("d", "[]"), ("7", "1"), END]),
            ["ai-sdk-data.unknown-type", "ai-sdk-data.wrong-type"]
        );
        let read = stream(&[("3", "\"overloaded\"")]);
        assert!(read.meanings[0].error && read.answer.error.as_deref() == Some("overloaded"));
    }

    #[test]
    fn recognised_by_framing() {
        assert_eq!(chosen("/api/chat", Framing::CodedLines, "\"Hi\""), Some("ai-sdk.data"));
    }
}
