//! The UI message stream of Vercel's AI SDK, version 5 and later (docs/dialects.md a.24).
//!
//! Source: AI SDK UI, stream protocols: data stream protocol; `ai`, ui-message-chunks.ts. Typed objects as server-sent
//! events, from `start` to
//! `finish`, then `[DONE]`; the response says so in `x-vercel-ai-ui-message-stream: v1`.

use super::json::{self, Raw, Text};
use super::payload::{BadPayload, Done, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::Record;
use crate::oddity::{Kind, excerpt};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("ai-sdk.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("ai-sdk.not-object");
/// A `type` that the protocol does not have.
pub const UNKNOWN_TYPE: Kind = Kind("ai-sdk.unknown-type");
/// The response lacks the header field that names the protocol.
pub const NO_HEADER: Kind = Kind("ai-sdk.no-header");
/// The first part is not `start`.
pub const NO_START: Kind = Kind("ai-sdk.no-start");
/// `[DONE]`, or the end of the body, came without `finish`, `abort` or `error`.
pub const NO_FINISH: Kind = Kind("ai-sdk.no-finish");
/// `finish` came while a text or reasoning part was open.
pub const PART_NOT_ENDED: Kind = Kind("ai-sdk.part-not-ended");
/// The body ended properly without `[DONE]`.
pub const NO_DONE: Kind = Kind("ai-sdk.no-done");
/// A delta for a part that was not started.
pub const DELTA_WITHOUT_START: Kind = Kind("ai-sdk.delta-without-start");

/// Maximum of parts that are followed at once.
const PARTS_LIMIT: usize = 1024;
/// The header field.
const HEADER: &str = "x-vercel-ai-ui-message-stream";

/// Types that no other protocol has. `start`, `finish`, `error`, `abort` and `file` may be in any protocol.
const OWN: &[&str] = &[
    "start-step",
    "finish-step",
    "text-start",
    "text-delta",
    "text-end",
    "reasoning-start",
    "reasoning-delta",
    "reasoning-end",
    "tool-input-start",
    "tool-input-delta",
    "tool-input-available",
    "tool-input-error",
    "tool-output-available",
    "tool-output-error",
    "tool-output-denied",
    "tool-approval-request",
    "source-url",
    "source-document",
    "message-metadata",
    "reset-step",
];

/// `ai-sdk.ui`
pub static DIALECT: Dialect = Dialect {
    name: "ai-sdk.ui",
    end: End::Terminator("[DONE]"),
    streams_by: StreamsBy::Server,
    fields: &[HEADER],
    shape: |_, shape| match shape.kind.as_deref() {
        Some(kind) if OWN.contains(&kind) => Confidence::Likely,
        Some("error") if shape.has("errorText") => Confidence::Likely,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(Ui::new(evidence)),
    ..Dialect::USUAL
};

/// One part.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    message_id: Text<'a>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    tool_call_id: Text<'a>,
    #[serde(borrow)]
    tool_name: Text<'a>,
    #[serde(borrow)]
    input_text_delta: Text<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
    #[serde(borrow)]
    error_text: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

/// Reads parts.
#[derive(Debug)]
struct Ui {
    /// The beginning was not captured.
    joined: bool,
    /// The header field is required and missing.
    unnamed: bool,
    begun: bool,
    finished: bool,
    done: bool,
    /// Text and reasoning parts that were started.
    started: BTreeSet<String>,
    /// Those of them that did not end.
    open: BTreeSet<String>,
    /// Tool calls in order of their start: their ids.
    calls: Vec<String>,
}

impl Ui {
    fn new(evidence: &Evidence<'_>) -> Self {
        let joined = evidence.response.is_none();
        Ui {
            joined,
            unnamed: !joined && evidence.field(&[HEADER]).is_none(),
            begun: joined,
            finished: false,
            done: false,
            started: BTreeSet::new(),
            open: BTreeSet::new(),
            calls: Vec::new(),
        }
    }

    fn part(
        &mut self,
        part: &Part<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let kind = part.kind.str().unwrap_or_default();
        if kind.is_empty()
            && let Some(meaning) = foreign_error(record, answer, remarks)
        {
            self.finished = true;
            return meaning;
        }
        remarks.note_if(std::mem::take(&mut self.unnamed), NO_HEADER, || format!("{HEADER} is missing"));
        remarks.note_if(!self.begun && kind != "start" && kind != "error", NO_START, || excerpt(kind.as_bytes()));
        self.begun = true;
        match kind {
            "start" => answer.identify(None, part.message_id.full()),
            "text-start" | "reasoning-start" => {
                if self.started.len() < PARTS_LIMIT {
                    self.started.insert(part.id.str().unwrap_or_default().to_owned());
                    self.open.insert(part.id.str().unwrap_or_default().to_owned());
                }
            }
            "text-end" | "reasoning-end" => {
                self.open.remove(part.id.str().unwrap_or_default());
            }
            "text-delta" => {
                self.known(part, remarks);
                return Meaning {
                    content: part.delta.full().is_some_and(|text| answer.add_text(0, text)),
                    ..Meaning::default()
                };
            }
            "reasoning-delta" => {
                self.known(part, remarks);
                return Meaning {
                    reasoning: part.delta.full().is_some_and(|text| answer.add_reasoning(text)),
                    ..Meaning::default()
                };
            }
            "tool-input-start" | "tool-input-delta" | "tool-input-available" => return self.tool(kind, part, answer),
            "error" => {
                self.finished = true;
                answer.fail(part.error_text.str().unwrap_or("error"));
                return Meaning { error: true, ..Meaning::default() };
            }
            "finish" | "abort" => {
                if let Some(id) = self.open.first().filter(|_| kind == "finish") {
                    remarks.note(PART_NOT_ENDED, || format!("id {}", excerpt(id.as_bytes())));
                }
                self.finished = true;
                answer.finish(0, part.finish_reason.full().unwrap_or(kind));
            }
            "file" => return Meaning { content: answer.add_media(true), ..Meaning::default() },
            kind if OWN.contains(&kind) || kind.starts_with("data-") => {}
            other => {
                remarks.note(UNKNOWN_TYPE, || excerpt(other.as_bytes()));
                // Whatever it is of, output came.
                let came = other.ends_with("-delta") && part.delta.full().is_some();
                return Meaning { content: answer.add_media(came), ..Meaning::default() };
            }
        }
        Meaning::default()
    }

    fn tool(&mut self, kind: &str, part: &Part<'_>, answer: &mut Answer) -> Meaning {
        let id = part.tool_call_id.str().unwrap_or_default();
        let n = self.calls.iter().position(|known| known == id).unwrap_or_else(|| {
            if self.calls.len() < PARTS_LIMIT {
                self.calls.push(id.to_owned());
            }
            self.calls.len() - 1
        });
        let key = n.to_string();
        if let Some(name) = part.tool_name.full() {
            answer.name_tool(&key, name);
        }
        let fresh = answer.tool_arguments.get(&key).is_none_or(String::is_empty);
        let fragment = match kind {
            // The whole input; where it came in fragments, again.
            "tool-input-available" if fresh => part.input.text().unwrap_or_default(),
            "tool-input-delta" => part.input_text_delta.str().unwrap_or_default().into(),
            _ => "".into(),
        };
        answer.add_arguments(&key, &fragment);
        Meaning { tool: !fragment.is_empty(), ..Meaning::default() }
    }

    fn known(&self, part: &Part<'_>, remarks: &mut Remarks<'_>) {
        let id = part.id.str().unwrap_or_default();
        let unknown = !self.joined && self.started.len() < PARTS_LIMIT && !self.started.contains(id);
        remarks.note_if(unknown, DELTA_WITHOUT_START, || format!("id {}", excerpt(id.as_bytes())));
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Ui {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if let Some(spelled) = done(record.data) {
            remarks.note_if(!self.finished && !self.joined, NO_FINISH, || "[DONE]".into());
            (self.finished, self.done) = (true, self.done | (spelled == Done::Exact));
            spelled.count(record, answer);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.part(&json::parse::<Part<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.finished, NO_FINISH, || "the body ended".into());
        remarks.note_if(complete && !self.done, NO_DONE, || "the body ended".into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Read, chosen, read_as};
    use super::*;
    use crate::framing::Framing;

    fn stream(parts: &[&str]) -> Read {
        let parts: Vec<_> = parts.iter().map(|part| ("", *part)).collect();
        read_as(&DIALECT, Framing::Sse, &parts)
    }

    const START: &str = r#"{"type":"start","messageId":"m1"}"#;
    const TEXT_START: &str = r#"{"type":"text-start","id":"t"}"#;
    const TEXT: &str = r#"{"type":"text-delta","id":"t","delta":"Hi"}"#;
    const FINISH: &str = r#"{"type":"finish","finishReason":"stop"}"#;

    #[test]
    fn from_start_to_done() {
        let read = stream(&[
            START,
            r#"{"type":"start-step"}"#,
            r#"{"type":"reasoning-start","id":"r"}"#,
            r#"{"type":"reasoning-delta","id":"r","delta":"hm"}"#,
            r#"{"type":"reasoning-end","id":"r"}"#,
            TEXT_START,
            TEXT,
            r#"{"type":"text-end","id":"t"}"#,
            FINISH,
            "[DONE]",
        ]);
        assert_eq!(
            (read.text(), read.answer.reasoning_text.as_str(), read.answer.finish_reasons[&0].as_str()),
            ("Hi", "hm", "stop")
        );
        let t = &read.answer.terminator;
        assert_eq!(
            (t.expected, t.own, t.is_last_record, read.answer.id.as_deref()),
            (Some("[DONE]"), true, Some(true), Some("m1"))
        );
        assert_eq!(read.kinds(), ["ai-sdk.no-header"], "the head of the test has none");
    }

    #[test]
    fn tool_input_in_fragments_and_whole() {
        let read = stream(&[
            r#"{"type":"tool-input-start","toolCallId":"a","toolName":"f"}"#,
            r#"{"type":"tool-input-delta","toolCallId":"a","inputTextDelta":"{}"}"#,
            r#"{"type":"tool-input-available","toolCallId":"a","toolName":"f","input":{}}"#,
            r#"{"type":"tool-input-available","toolCallId":"b","toolName":"g","input":{"x":1}}"#,
        ]);
        assert_eq!(
            (read.answer.tool_arguments["0"].as_str(), read.answer.tool_arguments["1"].as_str()),
            ("{}", "{\"x\":1}")
        );
        assert_eq!((read.answer.tool_names["1"].as_str(), read.answer.tool_deltas), ("g", 2));
    }

    #[test]
    fn oddities() {
        let kinds =
            |parts: &[&str]| stream(parts).kinds().into_iter().filter(|k| *k != "ai-sdk.no-header").collect::<Vec<_>>();
        assert_eq!(kinds(&[START, TEXT_START, TEXT]), ["ai-sdk.no-done", "ai-sdk.no-finish"]);
        assert_eq!(kinds(&[TEXT, FINISH, "[DONE]"]), ["ai-sdk.delta-without-start", "ai-sdk.no-start"]);
        assert_eq!(kinds(&[START, "[DONE]"]), ["ai-sdk.no-finish"]);
        assert_eq!(
            kinds(&[START, "{", "7", r#"{"type":"x"}"#, r#"{"type":"data-x"}"#, FINISH, "[DONE]"]),
            ["ai-sdk.not-json", "ai-sdk.not-object", "ai-sdk.unknown-type"]
        );
        let read = stream(&[r#"{"type":"error","errorText":"no"}"#, "[DONE]"]);
        assert!(read.meanings[0].error && read.answer.error.as_deref() == Some("no"));
    }

    #[test]
    fn files_have_their_time() {
        let file = r#"{"type":"file","url":"data:image/png;base64,iVBO","mediaType":"image/png"}"#;
        let song = r#"{"type":"song-delta","id":"s","delta":"AAAA"}"#;
        let events = [("", START), ("", file), ("", song), ("", FINISH), ("", "[DONE]")];
        let read = read_as(&DIALECT, Framing::Sse, &events);
        assert_eq!((read.answer.content_deltas, read.answer.media), (2, 2));
        assert!(read.found(UNKNOWN_TYPE).is_some_and(|found| found == "song-delta"));
    }

    #[test]
    fn recognised_by_types() {
        assert_eq!(chosen("/api/chat", Framing::Sse, TEXT), Some("ai-sdk.ui"));
        assert_eq!(
            chosen("/api/chat", Framing::Sse, START),
            Some("none"),
            "anybody's word, until the next part or the header tells"
        );
    }
}
