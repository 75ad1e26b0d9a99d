//! OpenAI's Assistants: the stream of a run, `POST /v1/threads/{id}/runs` and its like (docs/dialects.md a.37).
//!
//! Source: OpenAI API reference, "Assistants, streaming"; openai 3.57.0, `AssistantStreamEvent`. The SSE event type
//! says what the data are; `thread.run.completed` and its like tell how the run ended, `event: done` with `[DONE]`
//! follows. A run that waits for the results of tools ends its stream too (`thread.run.requires_action`).

use super::answer::call_key;
use super::json::{self, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, done, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("assistants.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("assistants.not-object");
/// An event of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("assistants.unknown-type");

/// Calls and messages that are followed.
const LIMIT: usize = 1024;

/// `openai.assistants`
pub static DIALECT: Dialect = Dialect {
    name: "openai.assistants",
    end: End::Terminator("[DONE]"),
    streams_by: StreamsBy::Flag,
    profile: Some("openai-compatible"),
    shape: |evidence, shape| {
        let ours = |name: &str| name.starts_with("thread.run.") || name.starts_with("thread.message.");
        match (evidence.framing, shape.object.as_deref()) {
            (Framing::Sse, _) if evidence.record.event == "thread.created" || ours(evidence.record.event) => {
                Confidence::Certain
            }
            (Framing::Sse, Some(object)) if ours(object) => Confidence::Likely,
            _ => Confidence::No,
        }
    },
    reader: |_| Box::new(Run::default()),
    ..Dialect::USUAL
};

/// What comes beside the output: what began, goes on or is over.
const QUIET: &[&str] = &[
    "thread.created",
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.cancelling",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.run.step.cancelled",
    "thread.run.step.expired",
    "thread.run.step.failed",
    "thread.message.created",
    "thread.message.in_progress",
];

/// The data of an event: a thread, a run, a step, a message, or a delta of one of them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    object: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    delta: Obj<Delta<'a>>,
    #[serde(borrow)]
    content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    step_details: Obj<Details<'a>>,
    #[serde(borrow)]
    required_action: Obj<Required<'a>>,
    #[serde(borrow)]
    last_error: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    step_details: Obj<Details<'a>>,
}

/// A part of a message: text, a refusal, an image.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Obj<Value<'a>>,
    #[serde(borrow)]
    refusal: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Value<'a> {
    #[serde(borrow)]
    value: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    tool_calls: List<Obj<Call<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Required<'a> {
    #[serde(borrow)]
    submit_tool_outputs: Obj<Details<'a>>,
}

/// A call of a function, or of one of the server's tools.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Call<'a> {
    index: Num,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    function: Obj<Function<'a>>,
    #[serde(borrow)]
    code_interpreter: Obj<Code<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Code<'a> {
    #[serde(borrow)]
    input: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    completion_tokens: Num,
}

/// Reads the stream of one run.
#[derive(Debug, Default)]
struct Run {
    /// Keys of calls, by step and index.
    calls: BTreeMap<(String, u32), String>,
    /// Ids of calls that are known.
    ids: BTreeSet<String>,
    /// Messages whose text came in deltas.
    told: BTreeSet<String>,
}

impl Run {
    fn event(
        &mut self,
        data: &Data<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        // Proxies drop event types; objects have nearly the same names.
        let kind = if record.event.is_empty() { data.object.str().unwrap_or_default() } else { record.event };
        let mut meaning = Meaning::default();
        if kind.starts_with("thread.run.") && !kind.starts_with("thread.run.step.") {
            answer.identify(data.model.full(), data.id.full());
        }
        match kind {
            "thread.message.delta" => {
                self.tell(data.id.str().unwrap_or_default());
                for part in data.delta.here().into_iter().flat_map(|delta| delta.content.iter()).filter_map(Obj::here) {
                    meaning.content |= part.take(answer);
                }
            }
            "thread.message.completed" | "thread.message.incomplete"
                if self.tell(data.id.str().unwrap_or_default()) =>
            {
                for part in data.content.iter().filter_map(Obj::here) {
                    meaning.content |= part.take(answer);
                }
            }
            "thread.message.completed" | "thread.message.incomplete" => {}
            "thread.run.step.delta" => {
                let details = data.delta.here().and_then(|delta| delta.step_details.here());
                meaning.tool = self.calls(details, data.id.str().unwrap_or_default(), true, answer);
            }
            "thread.run.step.completed" => {
                meaning.tool = self.calls(data.step_details.here(), data.id.str().unwrap_or_default(), false, answer);
            }
            "thread.run.requires_action" => {
                let details = data.required_action.here().and_then(|action| action.submit_tool_outputs.here());
                meaning.tool = self.calls(details, "", false, answer);
                self.over("requires_action", data, answer);
            }
            "thread.run.completed" | "thread.run.incomplete" | "thread.run.cancelled" | "thread.run.expired" => {
                self.over(kind.strip_prefix("thread.run.").unwrap_or(kind), data, answer);
            }
            "thread.run.failed" => {
                self.over("failed", data, answer);
                answer.fail(&data.last_error.told().unwrap_or_else(|| "failed".into()));
                meaning.error = true;
            }
            "error" => {
                let told = data.error.told().map(|told| told.into_owned());
                answer.fail(&told.unwrap_or_else(|| String::from_utf8_lossy(record.data).into_owned()));
                meaning.error = true;
            }
            quiet if QUIET.contains(&quiet) => {}
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

    /// Text of this message comes. True: for the first time.
    fn tell(&mut self, id: &str) -> bool {
        self.told.len() < LIMIT && self.told.insert(id.to_owned())
    }

    /// How the run ended.
    fn over(&self, status: &str, data: &Data<'_>, answer: &mut Answer) {
        answer.finish(0, status);
        let read = data.usage.json().and_then(|text| serde_json::from_str::<Usage>(text).ok());
        answer.report_usage(data.usage.value(), read.and_then(|usage| usage.completion_tokens.count()));
    }

    /// Calls of a step, in parts or (where no part came) whole. True if something of a call came.
    fn calls(&mut self, details: Option<&Details<'_>>, step: &str, parts: bool, answer: &mut Answer) -> bool {
        let mut came = false;
        let calls = details.into_iter().flat_map(|details| details.tool_calls.iter()).filter_map(Obj::here);
        for (position, call) in calls.enumerate() {
            let id = call.id.full().filter(|_| self.ids.len() < LIMIT);
            let known = id.is_some_and(|id| !self.ids.insert(id.to_owned()));
            if known && !parts {
                continue;
            }
            let index = call.index.index().unwrap_or(position as u32);
            let next = call_key(0, self.calls.len() as u32);
            let key = match self.calls.get(&(step.to_owned(), index)) {
                Some(key) => key.clone(),
                None => {
                    if self.calls.len() < LIMIT {
                        self.calls.insert((step.to_owned(), index), next.clone());
                    }
                    next
                }
            };
            let function = call.function.here();
            if let Some(name) = function.and_then(|f| f.name.full()).or(call.kind.full().filter(|k| *k != "function")) {
                came |= answer.name_tool(&key, name) && id.is_some();
            }
            let told = function.map(|f| &f.arguments).or(call.code_interpreter.here().map(|code| &code.input));
            let told = told.and_then(Text::str).unwrap_or_default();
            answer.add_arguments(&key, told);
            came |= !told.is_empty();
        }
        came
    }
}

impl Part<'_> {
    fn take(&self, answer: &mut Answer) -> bool {
        let text = self.text.here().and_then(|text| text.value.full()).or(self.refusal.full());
        match text {
            Some(text) => answer.add_text(0, text),
            // An image, or something of a type that the reference does not have.
            None => answer.add_media(self.kind.full().is_some_and(|kind| !matches!(kind, "text" | "refusal"))),
        }
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Run {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if let Some(spelled) = done(record.data) {
            spelled.count(record, answer);
            return Meaning { terminator: true, ..Meaning::default() };
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Data<'_>>(text, repair)?, record, answer, remarks))
        })
    }
}
