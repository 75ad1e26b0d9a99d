//! The Agent User Interaction Protocol, AG-UI (docs/dialects.md a.31): the events of an agent's run as server-sent
//! events without names.
//!
//! Source: ag-ui-protocol 1.0.0, the classes of its events; `verify.ts` of its TypeScript client for their order. A run
//! begins with `RUN_STARTED` and ends with `RUN_FINISHED` or `RUN_ERROR`; another run may follow on the same stream.

mod event;
#[cfg(test)]
mod tests;

use super::json;
use super::payload::{BadPayload, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use event::{Event, OTHERS, OWN};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("ag-ui.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("ag-ui.not-object");
/// A `type` that the protocol does not have.
pub const UNKNOWN_TYPE: Kind = Kind("ag-ui.unknown-type");
/// The first event is neither `RUN_STARTED` nor `RUN_ERROR`.
pub const NO_START: Kind = Kind("ag-ui.no-start");
/// Text or arguments for a message or a call that was not started.
pub const DELTA_WITHOUT_START: Kind = Kind("ag-ui.delta-without-start");
/// An event after the end of the run that starts no other.
pub const AFTER_END: Kind = Kind("ag-ui.after-end");
/// The body ended properly while the run went on.
pub const NO_END: Kind = Kind("ag-ui.no-end");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("ag-ui.foreign-terminator");

/// Maximum of messages and calls that are followed at once.
const PARTS_LIMIT: usize = 1024;
/// What ends a run that did not fail.
const FINISHED: &str = "RUN_FINISHED";
/// What ends a run that failed.
const FAILED: &str = "RUN_ERROR";

/// `ag-ui`
pub static DIALECT: Dialect = Dialect {
    name: "ag-ui",
    end: End::Terminator(FINISHED),
    streams_by: StreamsBy::Server,
    shape: |evidence, shape| match shape.kind.as_deref() {
        _ if evidence.framing == Framing::Json => Confidence::No,
        Some(kind) if OWN.contains(&kind) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |evidence| Box::new(AgUi::new(evidence)),
    ..Dialect::USUAL
};

/// Reads the events of the runs of one stream.
#[derive(Debug)]
struct AgUi {
    /// The beginning was not captured.
    joined: bool,
    /// An event came.
    begun: bool,
    run: Run,
    /// Messages that were started, of the user or of the system: what they say is not generated.
    spoken: BTreeSet<String>,
    /// Messages that were started.
    started: BTreeSet<String>,
    /// The message that the latest `TEXT_MESSAGE_CHUNK` is of.
    message: String,
    /// Tool calls in order of their start: their ids.
    calls: Vec<String>,
    /// The call that the latest `TOOL_CALL_CHUNK` is of.
    call: String,
}

/// Where the run is.
///
/// ```text
/// Open ──RUN_FINISHED──► Finished ──RUN_STARTED──► Open
///   └──────RUN_ERROR───► Failed ◄──RUN_ERROR── Finished
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Open,
    Finished,
    Failed,
}

impl AgUi {
    fn new(evidence: &Evidence<'_>) -> Self {
        let joined = evidence.response.is_none();
        AgUi {
            joined,
            begun: joined,
            run: Run::Open,
            spoken: BTreeSet::new(),
            started: BTreeSet::new(),
            message: String::new(),
            calls: Vec::new(),
            call: String::new(),
        }
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let kind = event.kind.str().unwrap_or_default();
        if kind.is_empty()
            && let Some(meaning) = foreign_error(record, answer, remarks)
        {
            self.run = Run::Failed;
            return meaning;
        }
        self.order(kind, record, remarks);
        match kind {
            "RUN_STARTED" => self.start(event, answer),
            FINISHED => return self.finished(event, answer),
            FAILED => return self.failed(event, record, answer),
            "TEXT_MESSAGE_START" => self.open(event),
            "TEXT_MESSAGE_CONTENT" => {
                self.known(event, remarks);
                return self.text(event.message_id.str().unwrap_or_default(), event, answer);
            }
            "TEXT_MESSAGE_CHUNK" => {
                if let Some(id) = event.message_id.full().filter(|id| *id != self.message) {
                    self.message = id.to_owned();
                    self.open(event);
                }
                let message = std::mem::take(&mut self.message);
                let meaning = self.text(&message, event, answer);
                self.message = message;
                return meaning;
            }
            "REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_CHUNK" | "THINKING_TEXT_MESSAGE_CONTENT" => {
                let reasoning = event.delta.full().is_some_and(|text| answer.add_reasoning(text));
                return Meaning { reasoning, ..Meaning::default() };
            }
            "TOOL_CALL_START" | "TOOL_CALL_ARGS" => {
                let id = event.tool_call_id.str().unwrap_or_default();
                let unknown = kind == "TOOL_CALL_ARGS" && !self.joined && !self.calls.iter().any(|known| known == id);
                remarks.note_if(unknown && self.calls.len() < PARTS_LIMIT, DELTA_WITHOUT_START, || {
                    format!("toolCallId {}", excerpt(id.as_bytes()))
                });
                return self.tool(id, event, answer);
            }
            "TOOL_CALL_CHUNK" => {
                if let Some(id) = event.tool_call_id.full().filter(|id| *id != self.call) {
                    self.call = id.to_owned();
                }
                let call = std::mem::take(&mut self.call);
                let meaning = self.tool(&call, event, answer);
                self.call = call;
                return meaning;
            }
            kind if OWN.contains(&kind) || OTHERS.contains(&kind) => {}
            _ => remarks.note(UNKNOWN_TYPE, || excerpt(record.data)),
        }
        Meaning::default()
    }

    /// Remarks on an event that can't be here.
    fn order(&mut self, kind: &str, record: &Record<'_>, remarks: &mut Remarks<'_>) {
        let may_be_first = matches!(kind, "RUN_STARTED" | FAILED);
        remarks.note_if(!self.begun && !may_be_first, NO_START, || excerpt(kind.as_bytes()));
        self.begun = true;
        let may_follow = match self.run {
            Run::Open => true,
            Run::Finished => may_be_first,
            Run::Failed => false,
        };
        remarks.note_if(!may_follow, AFTER_END, || excerpt(record.data));
    }

    /// A run begins, the first or one more: what the last one said of its end does not hold for this one.
    fn start(&mut self, event: &Event<'_>, answer: &mut Answer) {
        answer.identify(None, event.run_id.full());
        if self.run == Run::Finished {
            let t = &mut answer.terminator;
            (t.seen, t.own, t.which) = (false, false, None);
            answer.finish_reasons.clear();
            self.run = Run::Open;
        }
    }

    fn finished(&mut self, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        self.run = Run::Finished;
        // Versions before 1.0 have no outcome, and nothing is made up for it.
        if let Some(outcome) = event.outcome.here().and_then(|outcome| outcome.kind.full()) {
            answer.finish(0, outcome);
        }
        event::usage(event, answer);
        answer.terminator.saw(FINISHED, true);
        Meaning { terminator: true, ..Meaning::default() }
    }

    fn failed(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        self.run = Run::Failed;
        answer.fail(&super::payload::text_of(record));
        event::usage(event, answer);
        answer.terminator.saw(FAILED, true);
        Meaning { terminator: true, error: true, ..Meaning::default() }
    }

    /// A message begins.
    fn open(&mut self, event: &Event<'_>) {
        let Some(id) = event.message_id.str().filter(|_| self.started.len() < PARTS_LIMIT) else { return };
        self.started.insert(id.to_owned());
        if event.role.full().is_some_and(|role| role != "assistant") {
            self.spoken.insert(id.to_owned());
        }
    }

    fn text(&self, message: &str, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        let generated = !self.spoken.contains(message);
        let content = generated && event.delta.full().is_some_and(|text| answer.add_text(0, text));
        Meaning { content, ..Meaning::default() }
    }

    fn known(&self, event: &Event<'_>, remarks: &mut Remarks<'_>) {
        let id = event.message_id.str().unwrap_or_default();
        let unknown = !self.joined && self.started.len() < PARTS_LIMIT && !self.started.contains(id);
        remarks.note_if(unknown, DELTA_WITHOUT_START, || format!("messageId {}", excerpt(id.as_bytes())));
    }

    fn tool(&mut self, id: &str, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        let n = self.calls.iter().position(|known| known == id).unwrap_or_else(|| {
            if self.calls.len() < PARTS_LIMIT {
                self.calls.push(id.to_owned());
            }
            self.calls.len() - 1
        });
        let key = n.to_string();
        if let Some(name) = event.tool_call_name.full() {
            answer.name_tool(&key, name);
        }
        let fragment = event.delta.str().unwrap_or_default();
        answer.add_arguments(&key, fragment);
        Meaning { tool: !fragment.is_empty(), ..Meaning::default() }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for AgUi {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && self.run == Run::Open, NO_END, || "the body ended".into());
    }
}
