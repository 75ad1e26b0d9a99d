//! One choice of a chunk: its delta, its tool calls, its finish reason, and what came of it before.

use super::chunk::{Choice, Delta, Function, ToolCall};
use super::invariants::StreamInvariants;
use super::kinds::*;
use crate::dialect::answer::{Answer, call_key};
use crate::dialect::json::{List, Obj, Text};
use crate::dialect::remarks::Remarks;
use crate::dialect::{Meaning, json::Num};
use crate::oddity::excerpt;

/// Tool calls remembered per choice.
const CALLS_LIMIT: usize = 256;
/// The finish reasons of the document.
const FINISH_REASONS: &[&str] = &["stop", "length", "tool_calls", "content_filter", "function_call"];
/// Finish reasons with which other services (Mistral, OpenRouter) say that the answer failed.
const FAILED_REASONS: &[&str] = &["error"];

/// What has come of one choice.
#[derive(Debug, Default)]
pub(super) struct State {
    /// A delta came.
    started: bool,
    /// A role came.
    role: bool,
    /// A finish reason came.
    finished: bool,
    /// Indexes of tool calls that have begun, each with its id's hash or none.
    calls: Vec<Call>,
}

/// A tool call that has begun.
#[derive(Debug)]
struct Call {
    /// The index that its fragments name.
    index: u32,
    /// Its number among the calls of the answer: the index, unless another call held that.
    number: u32,
    id: String,
    name: String,
}

/// What one choice of one record carried.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Carried {
    /// Deltas.
    pub(super) meaning: Meaning,
    /// A role or a finish reason came, so the chunk is not empty.
    pub(super) other: bool,
}

/// The record around a choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// A chunk of a stream, not a whole answer.
    pub(super) streamed: bool,
    /// The stream's beginning was not captured.
    pub(super) joined: bool,
    /// Number of the choice.
    pub(super) index: u32,
    /// Its place in `choices`.
    pub(super) position: usize,
    /// The record's JSON, for what the typed parse leaves out.
    pub(super) text: &'a str,
}

impl State {
    /// Read one choice.
    pub(super) fn read(
        &mut self,
        choice: &Choice<'_>,
        frame: Frame<'_>,
        invariants: &mut StreamInvariants,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Carried {
        let mut carried = Carried::default();
        match choice.delta.here().or_else(|| choice.message.here()) {
            Some(delta) => {
                self.role(delta, frame, &mut carried, remarks);
                carried.meaning = Meaning {
                    content: content(delta, frame, answer, remarks),
                    reasoning: reasoning(delta, frame, invariants, answer, remarks),
                    tool: self.tools(delta, frame, answer, remarks),
                    ..Meaning::default()
                };
                self.started = true;
            }
            None => {
                let kind = if choice.is_annotation() { ANNOTATION_WITHOUT_DELTA } else { DELTA_MISSING };
                remarks.note_if(frame.streamed, kind, || choice.delta.kind().into())
            }
        }
        remarks.note_if(self.finished && carried.meaning.is_delta(), CONTENT_AFTER_FINISH, || {
            format!("choice {}", frame.index)
        });
        answer.logprobs |= choice.logprobs.here().is_some();
        self.finish(choice, frame, &mut carried, answer, remarks);
        carried
    }

    fn role(&mut self, delta: &Delta<'_>, frame: Frame<'_>, carried: &mut Carried, remarks: &mut Remarks<'_>) {
        match &delta.role {
            Text::Absent => remarks.note_if(frame.streamed && !self.started && !frame.joined, ROLE_MISSING, || {
                format!("choice {}", frame.index)
            }),
            Text::Str(role) if !role.is_empty() => {
                carried.other = true;
                remarks.note_if(self.role, ROLE_REPEATED, || format!("choice {}", frame.index));
                self.role = true;
            }
            odd => remarks.note(ROLE_EMPTY, || odd.show()),
        }
    }

    fn finish(
        &mut self,
        choice: &Choice<'_>,
        frame: Frame<'_>,
        carried: &mut Carried,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) {
        match &choice.finish_reason {
            Text::Absent => remarks.note(NO_FINISH_REASON_KEY, || format!("choice {}", frame.index)),
            Text::Null => {}
            Text::Str(reason) if reason.is_empty() => {
                remarks.note(FINISH_REASON_EMPTY, || format!("choice {}", frame.index))
            }
            Text::Str(reason) => {
                carried.other = true;
                remarks.note_if(!FINISH_REASONS.contains(&reason.as_ref()), FINISH_REASON_UNKNOWN, || {
                    excerpt(reason.as_bytes())
                });
                remarks.note_if(self.finished, FINISH_REASON_REPEATED, || {
                    format!("choice {}: {}", frame.index, excerpt(reason.as_bytes()))
                });
                let both = frame.streamed && carried.meaning.is_delta();
                remarks.note_if(both, FINISH_WITH_DELTA, || {
                    format!("choice {}: {}", frame.index, excerpt(reason.as_bytes()))
                });
                self.finished = true;
                answer.finish(frame.index, reason);
                if FAILED_REASONS.contains(&reason.as_ref()) {
                    answer.fail(&format!("finish_reason {reason}"));
                    carried.meaning.error = true;
                }
            }
            Text::Other(kind) => remarks.note(FINISH_REASON_UNKNOWN, || (*kind).into()),
        }
    }

    fn tools(&mut self, delta: &Delta<'_>, frame: Frame<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
        limited(&delta.tool_calls, remarks);
        for (position, call) in delta.tool_calls.iter().enumerate() {
            if let Obj::Here(call) = call {
                self.tool(call, position, frame, answer, remarks);
            }
        }
        if let Obj::Here(function) = &delta.function_call {
            let key = call_key(frame.index, 0);
            let (_, begun) = self.begin(0, "", "", remarks);
            called(function, &key, begun, answer, remarks);
        }
        !delta.tool_calls.is_empty() || delta.function_call.here().is_some()
    }

    fn tool(
        &mut self,
        call: &ToolCall<'_>,
        position: usize,
        frame: Frame<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) {
        let id = call.id.full().unwrap_or_default();
        let index = match call.index.index() {
            Some(index) => index,
            None => {
                remarks.note_if(frame.streamed, TOOL_INDEX_MISSING, || {
                    if call.index == Num::Absent { "absent".into() } else { format!("{:?}", call.index) }
                });
                self.guess(id, position, frame.streamed)
            }
        };
        let none = Function::default();
        let function = call.function.here().unwrap_or(&none);
        let (number, begun) = self.begin(index, id, function.name.full().unwrap_or_default(), remarks);
        if !begun && frame.streamed {
            let empty = |text: &Text<'_>| text.str() == Some("");
            let which = [("id", empty(&call.id)), ("name", empty(&function.name))];
            for (name, _) in which.iter().filter(|(_, empty)| *empty) {
                remarks.note(TOOL_IDENTITY_EMPTY, || format!("\"{name}\":\"\""));
            }
        }
        if begun && frame.streamed && !frame.joined {
            let lacks: Vec<_> = [
                ("id", call.id.full().is_none()),
                ("type", call.kind.full().is_none()),
                ("name", function.name.full().is_none()),
            ]
            .iter()
            .filter_map(|(name, lacks)| lacks.then_some(*name))
            .collect();
            remarks.note_if(!lacks.is_empty(), TOOL_START_INCOMPLETE, || format!("lacks {}", lacks.join(", ")));
        }
        called(function, &call_key(frame.index, number), begun, answer, remarks);
    }

    /// The index of a fragment that names none: a known id's call, a new id's next one, else the latest.
    fn guess(&self, id: &str, position: usize, streamed: bool) -> u32 {
        let next = self.calls.iter().map(|c| c.index.saturating_add(1)).max().unwrap_or(0);
        match self.calls.iter().find(|c| !id.is_empty() && c.id == id) {
            Some(call) => call.index,
            None if !streamed => position as u32,
            None if !id.is_empty() => next,
            None => next.saturating_sub(1),
        }
    }

    /// Remember a call. Returns its number, and true if it is new.
    ///
    /// Another id with a name of its own under an index that is taken is another call: it gets a number of its own,
    /// and so do the fragments after it that name this index.
    fn begin(&mut self, index: u32, id: &str, name: &str, remarks: &mut Remarks<'_>) -> (u32, bool) {
        let id = excerpt(id.as_bytes());
        let mut number = index;
        // The latest call of an index holds it.
        if let Some(call) = self.calls.iter_mut().rev().find(|c| c.index == index) {
            let other = !id.is_empty() && !call.id.is_empty() && id != call.id;
            if !other || name.is_empty() {
                remarks.note_if(other, TOOL_ID_CHANGES, || format!("index {index}: {}, then {id}", call.id));
                if call.id.is_empty() {
                    call.id = id;
                }
                return (call.number, false);
            }
            remarks.note(TWO_CALLS, || {
                format!("index {index}: {} ({}), then {id} ({})", call.id, call.name, excerpt(name.as_bytes()))
            });
        }
        if self.calls.len() >= CALLS_LIMIT {
            return (number, false);
        }
        if self.calls.iter().any(|c| c.number == number) {
            number = self.calls.iter().map(|c| c.number.saturating_add(1)).max().unwrap_or(0);
        }
        self.calls.push(Call { index, number, id, name: excerpt(name.as_bytes()) });
        (number, true)
    }
}

/// Name and arguments of a fragment; `begun`: it is the call's first.
fn called(function: &Function<'_>, key: &str, begun: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
    if let Some(name) = function.name.full() {
        let repeated = !answer.name_tool(key, name) && !begun;
        remarks.note_if(repeated, TOOL_NAME_REPEATED, || excerpt(name.as_bytes()));
    }
    if let Some(arguments) = function.arguments.text() {
        remarks.note_if(!function.arguments.is_string(), TOOL_ARGUMENTS_TYPE, || excerpt(arguments.as_bytes()));
        answer.add_arguments(key, &arguments);
    } else {
        answer.add_arguments(key, "");
    }
}

/// Visible text of a delta: `content`, a string or typed parts, and `refusal`.
fn content(delta: &Delta<'_>, frame: Frame<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
    let said = match &delta.content {
        Text::Str(text) => answer.add_text(frame.index, text),
        Text::Absent | Text::Null => false,
        Text::Other(kind) => {
            remarks.note(CONTENT_TYPE, || (*kind).into());
            let parts = parts(frame);
            answer.add_text(frame.index, &joined(&parts, "text")) | answer.add_media(media(&parts).is_some())
        }
    };
    let refused = delta.refusal.full().is_some_and(|text| answer.add_text(frame.index, text));
    let spoken = delta.audio.here().is_some_and(|audio| {
        let transcript = audio.transcript.full().is_some_and(|text| answer.add_text(frame.index, text));
        transcript | answer.add_media(audio.data.full().is_some())
    });
    said | refused | spoken | answer.add_media(!delta.images.is_empty())
}

/// Reasoning of a delta, under either name (not both: some servers send it twice), or as typed parts of `content`.
fn reasoning(
    delta: &Delta<'_>,
    frame: Frame<'_>,
    invariants: &mut StreamInvariants,
    answer: &mut Answer,
    remarks: &mut Remarks<'_>,
) -> bool {
    invariants.reasoning("reasoning_content", &delta.reasoning_content, remarks.place);
    invariants.reasoning("reasoning", &delta.reasoning, remarks.place);
    if let Some(text) = delta.reasoning_content.full().or_else(|| delta.reasoning.full()) {
        return answer.add_reasoning(text);
    }
    matches!(delta.content, Text::Other("array")) && answer.add_reasoning(&joined(&parts(frame), "thinking"))
}

/// The text of typed parts of `content` (Mistral): `{"type":"text","text":"…"}`,
/// `{"type":"thinking","thinking":[{"type":"text","text":"…"}]}`.
fn joined(parts: &[serde_json::Value], wanted: &str) -> String {
    let mut out = String::new();
    for part in parts.iter().filter(|p| p["type"] == wanted) {
        match &part[wanted] {
            serde_json::Value::String(text) => out.push_str(text),
            serde_json::Value::Array(inner) => {
                inner.iter().filter_map(|p| p["text"].as_str()).for_each(|text| out.push_str(text))
            }
            _ => {}
        }
    }
    out
}

/// The type of the first part that is neither text nor thinking: an image, speech, a file. References are sources of
/// the text.
fn media(parts: &[serde_json::Value]) -> Option<&str> {
    let mut kinds = parts.iter().filter_map(|part| part["type"].as_str());
    kinds.find(|kind| !matches!(*kind, "text" | "thinking" | "reference"))
}

/// The typed parts of `content`.
fn parts(frame: Frame<'_>) -> Vec<serde_json::Value> {
    let Ok(mut record) = serde_json::from_str::<serde_json::Value>(frame.text) else { return Vec::new() };
    let pointer = |name: &str| format!("/choices/{}/{name}/content", frame.position);
    [pointer("delta"), pointer("message")]
        .iter()
        .find_map(|at| match record.pointer_mut(at).map(serde_json::Value::take) {
            Some(serde_json::Value::Array(parts)) => Some(parts),
            _ => None,
        })
        .unwrap_or_default()
}

/// Reports that a list was longer than the part that is read.
pub(super) fn limited<T>(list: &List<T>, remarks: &mut Remarks<'_>) {
    remarks.note_if(list.more > 0, LIST_LIMITED, || format!("{} elements more", list.more));
}
