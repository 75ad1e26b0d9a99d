//! The Agent Client Protocol over HTTP and WebSocket (docs/dialects.md a.32): a client posts requests in JSON-RPC,
//! which are answered 202, and what the agent says comes on streams that GETs opened, one for the connection and one
//! for each session; or all of it on one WebSocket.
//!
//! Source: agent-client-protocol 0.12.1 (schema 1.19.0), `acp/http`, `acp/ws`, `acp/schema.py`. `session/update` has
//! the agent's text, thoughts and tool calls; the response to `session/prompt` ends the turn, with its stop reason.
//! Which prompts were posted a stream does not say: a turn begins there with its first update.

mod message;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::answer::{call_key, short};
use super::json::{self, Obj};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::rpc::{self, Elsewhere};
use super::turns::Talk;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, Said, StreamsBy, Turn};
use crate::framing::{Framing, Record};
use crate::oddity::Kind;
use message::{Content, Message, Outcome, Update};
use std::collections::BTreeMap;

pub(super) use message::prompt;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("acp.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("acp.not-object");
/// Neither a request, a notification nor a response.
pub const UNKNOWN_TYPE: Kind = Kind("acp.unknown-type");
/// The body ended properly while the agent was answering a prompt.
pub const NO_RESPONSE: Kind = Kind("acp.no-response");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("acp.foreign-terminator");

/// Prompts and tool calls of one stream that are followed.
const LIMIT: usize = 1024;
/// What ends a turn.
const RESPONSE: &str = "response";

/// `acp`
pub static DIALECT: Dialect = Dialect {
    name: "acp",
    content_types: &["text/event-stream", "application/json"],
    end: End::Terminator(RESPONSE),
    streams_by: StreamsBy::Server,
    fields: FIELDS,
    shape: |evidence, shape| {
        let says = |word: &str| memchr::memmem::find(evidence.record.data, word.as_bytes()).is_some();
        match () {
            () if !shape.has("jsonrpc") => Confidence::No,
            () if says("\"session/update\"") || says("\"session/request_permission\"") => Confidence::Certain,
            () if says("\"agentCapabilities\"") => Confidence::Certain,
            () if evidence.field(FIELDS).is_some() => Confidence::Likely,
            () => Confidence::No,
        }
    },
    reader: |evidence| Box::new(Acp::new(evidence)),
    ..Dialect::USUAL
};

const FIELDS: &[&str] = &["acp-connection-id", "acp-session-id"];
/// Updates that tell of the session: plans, modes, how full the context is.
const BESIDE: &[&str] =
    &["plan", "plan_update", "plan_removed", "current_mode_update", "session_info_update", "usage_update"];

/// Reads what the agent sends.
#[derive(Debug, Default)]
struct Acp {
    framing: Option<Framing>,
    /// Id (JSON) of this exchange's own request.
    own: Option<String>,
    /// Hash of the connection's id.
    connection: Option<u64>,
    talk: Talk,
    /// The turn that each prompt asked for, by the prompt's id (JSON). WebSocket only.
    asked: BTreeMap<String, usize>,
    /// The turn and number of each tool call, by its id.
    calls: BTreeMap<String, (usize, usize)>,
    /// Turns in which the agent tells of the user's messages: what it tells may be the history of the session, which
    /// has no end of its own.
    history: Vec<usize>,
}

impl Acp {
    fn new(evidence: &Evidence<'_>) -> Acp {
        let request = evidence.request.and_then(|r| rpc::Rpc::of(&r.fields, evidence.request_body));
        Acp {
            framing: Some(evidence.framing),
            own: request.and_then(|(rpc, _)| rpc.id),
            connection: rpc::connection_of(evidence),
            ..Acp::default()
        }
    }

    fn message(&mut self, message: &Message<'_>, record: &Record<'_>, answer: &mut Answer) -> Option<Meaning> {
        if self.framing == Some(Framing::WebSocket) {
            self.talk.hears(record.at, answer);
        }
        if message.method.present() {
            let params = message.params.here().filter(|_| message.method.str() == Some("session/update"));
            return Some(params.map_or(Meaning::default(), |params| {
                let update = params.update.here();
                update
                    .map_or(Meaning::default(), |update| self.update(params.session_id.full(), update, record, answer))
            }));
        }
        let id = message.id.json().unwrap_or("null");
        match () {
            () if message.error.json().is_some() => Some(self.failed(id, message, record, answer)),
            () if message.result.present() => {
                let result = message.result.json().unwrap_or_default();
                let result = serde_json::from_str::<Obj<Outcome<'_>>>(result).unwrap_or_default();
                let outcome = result.here().filter(|outcome| outcome.stop_reason.full().is_some());
                if let Some(outcome) = outcome {
                    return Some(self.stopped(id, outcome, record, answer));
                }
                self.answered(id, None, record, answer);
                Some(Meaning::default())
            }
            () => None,
        }
    }

    /// An update of a session.
    fn update(
        &mut self,
        session: Option<&str>,
        update: &Update<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
    ) -> Meaning {
        let kind = update.session_update.str().unwrap_or_default();
        let speaks = matches!(kind, "agent_message_chunk" | "agent_thought_chunk" | "tool_call" | "tool_call_update");
        // What else comes tells of the session, and comes at any time.
        if BESIDE.contains(&kind) || !speaks && kind != "user_message_chunk" {
            return Meaning::default();
        }
        let Some(n) = self.turn(session, record, answer) else { return Meaning::default() };
        let mut meaning = Meaning::default();
        match kind {
            "agent_message_chunk" => {
                let media = update.content.here().is_some_and(Content::is_media);
                meaning.content = update.said().is_some_and(|text| answer.add_text(n as u32, text));
                meaning.content |= answer.add_media(media);
            }
            "agent_thought_chunk" => {
                let text = update.said().unwrap_or_default();
                meaning.reasoning = answer.add_reasoning(text);
                answer.kept_bytes += text.len();
                answer.turns.get_mut(n).into_iter().for_each(|turn| turn.reasoning.push_str(text));
            }
            "tool_call" | "tool_call_update" => meaning.tool = self.call(n, kind, update, answer),
            _ if self.history.len() < LIMIT && !self.history.contains(&n) => self.history.push(n),
            _ => {}
        }
        self.talk.note(n, record.at, meaning, answer)
    }

    /// The turn that goes on in this session; one begins if none does.
    fn turn(&mut self, session: Option<&str>, record: &Record<'_>, answer: &mut Answer) -> Option<usize> {
        let open = self.talk.going_on(session, answer);
        open.or_else(|| self.talk.begin(session, None, None, record.at, answer))
    }

    /// A tool call, or news of one. True: it tells of a call, or its arguments, for the first time.
    fn call(&mut self, n: usize, kind: &str, update: &Update<'_>, answer: &mut Answer) -> bool {
        let Some(id) = update.tool_call_id.full() else { return false };
        // Ids are unique within a session; a call that begins with one that an earlier turn had is another.
        let known = self.calls.get(id).copied().filter(|(turn, _)| kind != "tool_call" || *turn == n);
        if known.is_none() && (kind != "tool_call" || self.calls.len() >= LIMIT) {
            return false;
        }
        let (turn, index) = known.unwrap_or_else(|| (n, answer.turns.get(n).map_or(0, |turn| turn.calls.len())));
        let key = call_key(turn as u32, index as u32);
        if known.is_none() {
            self.calls.insert(id.to_owned(), (turn, index));
            answer.kept_bytes += id.len();
            answer.name_tool(&key, update.title.str().unwrap_or_default());
            answer.turns.get_mut(turn).into_iter().for_each(|turn| turn.calls.push(key.clone()));
        }
        let input = update.raw_input.text().filter(|_| answer.tool_arguments.get(&key).is_none_or(String::is_empty));
        let tells = known.is_none() || input.is_some();
        if tells {
            answer.add_arguments(&key, &input.unwrap_or_default());
        }
        tells
    }

    /// The response to a prompt: its turn is over.
    fn stopped(&mut self, id: &str, outcome: &Outcome<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let Some(n) = self.turn_of(id, record, answer) else { return Meaning::default() };
        let reason = outcome.stop_reason.full().unwrap_or_default();
        answer.finish(n as u32, reason);
        let usage = outcome.usage.value();
        let tokens = usage.as_ref().and_then(|usage| usage.get("outputTokens")).and_then(serde_json::Value::as_u64);
        if let Some(turn) = answer.turns.get_mut(n) {
            turn.finish = Some(short(reason));
            turn.usage.clone_from(&usage);
        }
        answer.report_usage(usage, tokens);
        self.over(n, id, record, answer)
    }

    /// An error in the place of a response. On a stream it may be that to any request: a turn that goes on has failed.
    fn failed(&mut self, id: &str, message: &Message<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let told = message.error.text().unwrap_or_default();
        answer.fail(&told);
        let error = Meaning { error: true, ..Meaning::default() };
        if self.framing == Some(Framing::Json)
            || (self.framing == Some(Framing::WebSocket) && !self.asked.contains_key(id))
        {
            self.answered(id, None, record, answer);
            return error;
        }
        let Some(n) = self.turn_of(id, record, answer) else { return error };
        answer.turns.get_mut(n).into_iter().for_each(|turn| turn.error = Some(short(&told)));
        let meaning = self.over(n, id, record, answer);
        Meaning { error: true, ..meaning }
    }

    /// The turn that the response with this id ends. One that brought nothing else begins with it.
    fn turn_of(&mut self, id: &str, record: &Record<'_>, answer: &mut Answer) -> Option<usize> {
        if let Some(n) = self.asked.remove(id) {
            return Some(n);
        }
        let n = self.talk.only(answer).filter(|n| answer.turns.get(*n).is_some_and(|turn| turn.asked.is_none()));
        n.or_else(|| self.talk.begin(None, None, None, record.at, answer))
    }

    fn over(&mut self, n: usize, id: &str, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        self.talk.end(n, record.at, answer);
        answer.terminator.saw(RESPONSE, true);
        self.answered(id, Some(n), record, answer);
        self.talk.note(n, record.at, Meaning { terminator: true, ..Meaning::default() }, answer)
    }

    /// The response with this id came: to the request of this exchange, or of another one.
    fn answered(&mut self, id: &str, turn: Option<usize>, record: &Record<'_>, answer: &mut Answer) {
        if self.own.as_deref() == Some(id) {
            answer.rpc_answered = Some(record.at);
        } else if let Some(connection) = self.connection.filter(|_| self.framing == Some(Framing::Sse)) {
            let first_delta = turn.and_then(|n| answer.turns.get(n)?.first_delta);
            let key = rpc::key(connection, id);
            answer.answers_elsewhere(Elsewhere { key, at: record.at, first_delta });
        }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Acp {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        // Clients skip binary frames.
        if record.event == "binary" && self.framing == Some(Framing::WebSocket) {
            return Meaning::default();
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let message = json::parse::<Message<'_>>(text, repair)?;
            let meaning = self.message(&message, record, answer);
            Ok(meaning.unwrap_or_else(|| unknown(record, answer, remarks, UNKNOWN_TYPE)))
        })
    }

    fn asks(&mut self, said: &Said, answer: &mut Answer) -> bool {
        let Some(id) = &said.event_id else { return false };
        if !said.prompts {
            return false;
        }
        self.talk.ask(said, answer);
        if let Some(n) = self.talk.due_by(id).filter(|_| self.asked.len() < LIMIT) {
            self.asked.insert(id.clone(), n);
        }
        true
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        // History has no response.
        for n in &self.history {
            let at = |turn: &Turn| turn.asked.is_none().then_some(turn.first_delta.or(turn.begun)).flatten();
            if let Some(turn) = answer.turns.get_mut(*n) {
                turn.ended = turn.ended.or(at(turn));
            }
        }
        if answer.turns.is_empty() {
            answer.end = End::Body;
            answer.terminator.expected = None;
        }
        let open = answer.turns.iter().any(|turn| turn.ended.is_none());
        remarks.note_if(complete && open, NO_RESPONSE, || "the agent was answering a prompt".into());
        if answer.turns.iter().filter(|turn| !turn.reasoning.is_empty()).count() > 1 {
            answer.reasoning_text = answer.turns.iter().map(|turn| turn.reasoning.as_str()).collect();
        }
    }
}

impl Update<'_> {
    /// The text of a chunk.
    fn said(&self) -> Option<&str> {
        self.content.here().and_then(|content: &Content<'_>| content.text.str())
    }
}
