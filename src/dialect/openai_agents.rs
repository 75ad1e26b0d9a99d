//! OpenAI's Agents API: the event stream of a session, `GET /v1/agents/sessions/{id}/events` (docs/dialects.md a.39).
//!
//! Source: openai 3.57.0, `AgentSessionEvent`, `lib/streaming/agents`. The stream lasts as long as its client wants,
//! over many turns; those of subagents lie among them. A turn begins with `agent.session.turn.created` and ends with
//! `.completed`, `.failed` or `.cancelled`.

use super::answer::{call_key, short};
use super::json::{self, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::turns::Talk;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("openai-agents.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("openai-agents.not-object");
/// An event, or an item, of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("openai-agents.unknown-type");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("openai-agents.foreign-terminator");

/// Parts and calls that are followed.
const LIMIT: usize = 1024;
/// What ends a turn.
const COMPLETED: &str = "agent.session.turn.completed";

/// `openai.agents`
pub static DIALECT: Dialect = Dialect {
    name: "openai.agents",
    end: End::Terminator(COMPLETED),
    streams_by: StreamsBy::Server,
    shape: |evidence, shape| match shape.kind.as_deref() {
        Some(kind) if evidence.framing == Framing::Sse && is_ours(kind) => Confidence::Certain,
        _ => Confidence::No,
    },
    reader: |_| Box::new(Session::default()),
    ..Dialect::USUAL
};

fn is_ours(kind: &str) -> bool {
    kind.starts_with("agent.session.") || kind.starts_with("agent.output.")
}

/// Items that call a tool, an agent or a person for help.
const CALLS: &[&str] = &["function_call", "mcp_call", "command_execution", "computer_use_approval_request"];
/// Items that the model did not generate.
const BESIDE: &[&str] = &["reasoning", "function_call_output", "computer_use_approval_request_result"];
/// What comes beside the output: states, parts that begin or are over, what a command printed.
const QUIET: &[&str] = &[
    "agent.session.created",
    "agent.session.idle",
    "agent.session.in_progress",
    "agent.session.requires_action",
    "agent.session.budget_reached",
    "agent.session.environment.pending",
    "agent.session.environment.ready",
    "agent.session.environment.connected",
    "agent.session.environment.disconnected",
    "agent.session.environment.suspended",
    "agent.session.environment.expired",
    "agent.session.environment.failed",
    "agent.session.environment.reset",
    "agent.session.subagent.created",
    "agent.session.subagent.active",
    "agent.session.subagent.closed",
    "agent.session.turn.content_part.added",
    "agent.session.turn.content_part.done",
    "agent.session.turn.reasoning_summary_part.added",
    "agent.session.turn.reasoning_summary_part.done",
    "agent.output.command_execution_output.delta",
];

/// One event, with the fields of all sorts that are read.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    turn_id: Text<'a>,
    #[serde(borrow)]
    session_id: Text<'a>,
    #[serde(borrow)]
    item_id: Text<'a>,
    content_index: Num,
    summary_index: Num,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    item: Obj<Item<'a>>,
    #[serde(borrow)]
    turn: Obj<TurnState<'a>>,
    #[serde(borrow)]
    session: Obj<SessionState<'a>>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct TurnState<'a> {
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct SessionState<'a> {
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    agent: Obj<Agent<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Agent<'a> {
    #[serde(borrow)]
    model: Text<'a>,
}

/// A message, a call, …
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    command: Raw<'a>,
    #[serde(borrow)]
    action: Raw<'a>,
    #[serde(borrow)]
    request: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
}

/// Reads the stream of a session.
#[derive(Debug, Default)]
struct Session {
    talk: Talk,
    /// Parts (item, and index; those of reasoning with a mark) whose text came.
    told: BTreeSet<(String, u32)>,
    /// Keys of calls, by item.
    calls: BTreeMap<String, String>,
}

/// In the index of a part: it is one of reasoning.
const SUMMARY: u32 = 1 << 31;

impl Session {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let kind = event.kind.str().unwrap_or_default();
        answer.identify(None, event.session_id.full());
        if let Some(agent) = event.session.here().and_then(|session| session.agent.here()) {
            answer.identify(agent.model.full(), None);
        }
        let error = Meaning { error: true, ..Meaning::default() };
        match kind {
            "agent.session.failed" | "error" => {
                let told = event.session.here().and_then(|session| session.error.told());
                answer.fail(&told.or_else(|| event.error.told()).unwrap_or_else(|| text.into()));
                return error;
            }
            _ if QUIET.contains(&kind) => return Meaning::default(),
            _ if !is_ours(kind) => {
                return foreign_error(record, answer, remarks).unwrap_or_else(|| unknown(kind, event, answer, remarks));
            }
            _ => {}
        }
        let Some(n) = self.turn(event, record, answer) else { return Meaning::default() };
        let mut meaning = Meaning::default();
        match kind {
            "agent.session.turn.created" | "agent.session.turn.in_progress" => {}
            "agent.session.turn.output_text.delta" => {
                self.tell(event, 0);
                meaning.content = event.delta.full().is_some_and(|text| answer.add_text(n as u32, text));
            }
            "agent.session.turn.output_text.done" if self.tell(event, 0) => {
                meaning.content = event.text.full().is_some_and(|text| answer.add_text(n as u32, text));
            }
            "agent.session.turn.reasoning_summary_text.delta" => {
                self.tell(event, SUMMARY);
                meaning.reasoning = thinks(n, event.delta.str().unwrap_or_default(), answer);
            }
            "agent.session.turn.reasoning_summary_text.done" if self.tell(event, SUMMARY) => {
                meaning.reasoning = thinks(n, event.text.str().unwrap_or_default(), answer);
            }
            "agent.session.turn.output_text.done" | "agent.session.turn.reasoning_summary_text.done" => {}
            "agent.session.turn.item.added" | "agent.session.turn.item.done" => {
                if let Obj::Here(item) = &event.item {
                    meaning = self.item(n, item, kind.ends_with(".done"), record, answer, remarks);
                }
            }
            COMPLETED | "agent.session.turn.failed" | "agent.session.turn.cancelled" => {
                meaning = self.ends(n, kind, event, record, answer);
            }
            _ => meaning = unknown(kind, event, answer, remarks),
        }
        self.talk.note(n, record.at, meaning, answer)
    }

    /// The turn that this event is of; one begins if it is not known.
    fn turn(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Option<usize> {
        let id = event.turn_id.full();
        let known = id.and_then(|id| answer.turns.iter().rposition(|turn| turn.id.as_deref() == Some(id)));
        let open = || self.talk.going_on(None, answer).filter(|_| id.is_none());
        // Turns of subagents overlap: each is a lane of its own.
        known.or_else(open).or_else(|| self.talk.begin(id, id, None, record.at, answer))
    }

    /// Text of this part comes. True: for the first time.
    fn tell(&mut self, event: &Event<'_>, mark: u32) -> bool {
        let index = event.content_index.index().or(event.summary_index.index()).unwrap_or(0);
        let part = (event.item_id.str().unwrap_or_default().to_owned(), index | mark);
        self.told.len() < LIMIT && self.told.insert(part)
    }

    /// An item begins, or is over: what no other event brought of it.
    fn item(
        &mut self,
        n: usize,
        item: &Item<'_>,
        over: bool,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let (kind, id) = (item.kind.str().unwrap_or_default(), item.id.str().unwrap_or_default());
        match kind {
            "message" if over && item.role.str() != Some("user") => {
                for (index, part) in item.content.iter().enumerate() {
                    let text = part.here().and_then(|part| part.text.full());
                    let new = self.told.len() < LIMIT && self.told.insert((id.to_owned(), index as u32));
                    meaning.content |= text.filter(|_| new).is_some_and(|text| answer.add_text(n as u32, text));
                }
            }
            "reasoning" => answer.reasons(record.at),
            _ if CALLS.contains(&kind) || kind.ends_with("_call") => {
                let arguments = [item.arguments, item.command, item.action, item.request];
                let told = arguments.iter().find_map(Raw::text).unwrap_or_default();
                let key = self.call(n, id, answer);
                answer.name_tool(&key, item.name.full().unwrap_or(kind));
                let new = answer.tool_arguments.get(&key).is_none_or(String::is_empty);
                answer.add_arguments(&key, if new { &told } else { "" });
                meaning.tool = new && !told.is_empty();
            }
            // What agents say to each other, and what tools returned.
            "message" | "agent_message" => {}
            _ if BESIDE.contains(&kind) || !over => {}
            _ => {
                remarks.note(UNKNOWN_TYPE, || format!("item {}", excerpt(kind.as_bytes())));
                meaning.content = answer.add_media(true);
            }
        }
        meaning
    }

    /// The key of the call that this item is.
    fn call(&mut self, n: usize, item: &str, answer: &mut Answer) -> String {
        if let Some(key) = self.calls.get(item) {
            return key.clone();
        }
        let key = call_key(n as u32, answer.turns.get(n).map_or(0, |turn| turn.calls.len()) as u32);
        if self.calls.len() < LIMIT {
            self.calls.insert(item.to_owned(), key.clone());
            answer.turns.get_mut(n).into_iter().for_each(|turn| turn.calls.push(key.clone()));
        }
        key
    }

    fn ends(&mut self, n: usize, kind: &str, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let status = kind.rsplit('.').next().unwrap_or_default();
        let state = event.turn.here();
        let usage = event.usage.value().or_else(|| state?.usage.value());
        let text = event.usage.json().or_else(|| state?.usage.json());
        let tokens = text.and_then(|text| serde_json::from_str::<Usage>(text).ok()?.output_tokens.count());
        answer.finish(n as u32, status);
        answer.terminator.saw(kind, true);
        let error = (status == "failed").then(|| state.and_then(|state| state.error.told()).unwrap_or(status.into()));
        if let Some(turn) = answer.turns.get_mut(n) {
            turn.finish = Some(short(status));
            turn.usage.clone_from(&usage);
            turn.error = error.as_deref().map(short);
        }
        answer.report_usage(usage, tokens);
        if let Some(error) = &error {
            answer.fail(error);
        }
        self.talk.end(n, record.at, answer);
        Meaning { terminator: true, error: error.is_some(), ..Meaning::default() }
    }
}

/// Reasoning of this turn.
fn thinks(n: usize, text: &str, answer: &mut Answer) -> bool {
    answer.kept_bytes += text.len();
    answer.turns.get_mut(n).into_iter().for_each(|turn| turn.reasoning.push_str(text));
    answer.add_reasoning(text)
}

/// An event of another type. Whatever it is of: if it is a delta, output came.
fn unknown(kind: &str, event: &Event<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
    remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
    let content = kind.ends_with(".delta") && answer.add_media(event.delta.full().is_some());
    Meaning { content, ..Meaning::default() }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Session {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, text, record, answer, remarks))
        })
    }

    fn finish(&mut self, _complete: bool, answer: &mut Answer, _remarks: &mut Remarks<'_>) {
        if answer.turns.is_empty() && !answer.terminator.own {
            answer.end = End::Body;
            answer.terminator.expected = None;
        }
    }
}
