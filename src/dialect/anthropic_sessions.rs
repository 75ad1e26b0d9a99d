//! Anthropic's Managed Agents: the event stream of a session, `GET /v1/sessions/{id}/events/stream`, and of one of its
//! threads (docs/dialects.md a.34).
//!
//! Source: anthropic 2.14.0, `types/beta/sessions`, `lib/tools/_beta_session_runner.py`. The stream lasts as long as
//! its client wants, over many turns. A turn begins when the session runs and ends when it is idle or terminated.
//! Messages come whole; with `event_deltas` they are previewed, best effort, and a preview ends with the message or
//! with the model request. Thinking shows as progress, without text.

use super::answer::{call_key, short};
use super::json::{self, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, foreign_error, object};
use super::reader::Reader;
use super::remarks::Remarks;
use super::turns::Talk;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::BTreeMap;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("anthropic-sessions.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("anthropic-sessions.not-object");
/// The object has no `type`.
pub const NO_TYPE: Kind = Kind("anthropic-sessions.no-type");
/// An event without an SSE event type: the SDK passes over it.
pub const NO_EVENT: Kind = Kind("anthropic-sessions.no-event");
/// The body ended properly within a message.
pub const CUT_MESSAGE: Kind = Kind("anthropic-sessions.cut-message");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("anthropic-sessions.foreign-terminator");

/// Messages that are previewed at once.
const LIMIT: usize = 256;
/// Events of agents of other services (OpenAI, Mistral).
const OF_OTHERS: &[&str] = &["agent.session.", "agent.output.", "agent.handoff."];
/// What ends a turn.
const IDLE: &str = "session.status_idle";

/// `anthropic.sessions`
pub static DIALECT: Dialect = Dialect {
    name: "anthropic.sessions",
    end: End::Terminator(IDLE),
    streams_by: StreamsBy::Server,
    shape: |evidence, shape| {
        let Some(kind) = shape.kind.as_deref().filter(|_| evidence.framing == Framing::Sse) else {
            return Confidence::No;
        };
        let on_path = evidence.path().is_some_and(is_stream_of_session);
        let mine = ["agent.", "span.", "session.status_", "session.thread_", "workflow_run."];
        match kind {
            _ if OF_OTHERS.iter().any(|start| kind.starts_with(start)) => Confidence::No,
            _ if mine.iter().any(|start| kind.starts_with(start)) => Confidence::Certain,
            _ if on_path => Confidence::Certain,
            "event_start" | "event_delta" | "user.message" => Confidence::Likely,
            _ => Confidence::No,
        }
    },
    reader: |evidence| Box::new(Session::new(evidence)),
    ..Dialect::USUAL
};

/// The path of the stream of a session, or of a thread of it.
fn is_stream_of_session(path: &str) -> bool {
    path.contains("/sessions/") && (path.ends_with("/events/stream") || is_of_thread(path))
}

fn is_of_thread(path: &str) -> bool {
    path.contains("/threads/") && path.ends_with("/stream")
}

/// One event, with the fields of all sorts that are read.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    /// `event_start`
    #[serde(borrow)]
    event: Obj<Preview<'a>>,
    /// `event_delta`
    #[serde(borrow)]
    event_id: Text<'a>,
    #[serde(borrow)]
    delta: Obj<Delta<'a>>,
    /// `agent.message`
    #[serde(borrow)]
    content: List<Obj<Block<'a>>>,
    /// `agent.tool_use` and its like.
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
    /// `span.model_request_end`
    #[serde(borrow)]
    model_usage: Raw<'a>,
    /// `session.status_idle`
    #[serde(borrow)]
    stop_reason: Obj<Typed<'a>>,
    /// `session.error`
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Preview<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Obj<Block<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

/// `session.error`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Failure<'a> {
    #[serde(borrow)]
    retry_status: Obj<Typed<'a>>,
}

/// `model_usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
}

/// Reads the stream of a session, or of a thread.
#[derive(Debug, Default)]
struct Session {
    of_thread: bool,
    talk: Talk,
    /// What came of each message that is previewed, by its id.
    previews: BTreeMap<String, String>,
    /// Model requests so far, and their output tokens.
    requests: u32,
    output_tokens: u64,
    /// No event comes any more, or none is due: the session is terminated or deleted, or the stream failed.
    over: bool,
}

impl Session {
    fn new(evidence: &Evidence<'_>) -> Session {
        Session { of_thread: evidence.path().is_some_and(is_of_thread), ..Session::default() }
    }

    fn dispatch(
        &mut self,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let Some(kind) = event.kind.full() else {
            let error = foreign_error(record, answer, remarks);
            remarks.note_if(error.is_none(), NO_TYPE, || event.kind.show());
            return error.unwrap_or_default();
        };
        remarks.note_if(record.event.is_empty(), NO_EVENT, || excerpt(kind.as_bytes()));
        // On the stream of a thread its own state is what counts; elsewhere threads are those of others.
        let kind = match kind.strip_prefix("session.thread_status_") {
            Some("running") if self.of_thread => "session.status_running",
            Some("idle") if self.of_thread => IDLE,
            Some("terminated") if self.of_thread => "session.status_terminated",
            _ => kind,
        };
        match kind {
            "session.status_running" | "span.model_request_start" => {
                self.requests += u32::from(kind != "session.status_running");
                self.turn(record, answer);
                Meaning::default()
            }
            "span.model_request_end" => self.request_ends(event, answer),
            "event_start" => self.preview(event, record, answer),
            "event_delta" => {
                let said = event.delta.here().and_then(|d| d.content.here()).and_then(|c| c.text.full());
                self.says(event.event_id.full(), said.unwrap_or_default(), record, answer)
            }
            "agent.message" => self.message(event, record, answer),
            "agent.thinking" => {
                self.thinks(record, answer);
                Meaning::default()
            }
            "agent.tool_use" | "agent.mcp_tool_use" | "agent.custom_tool_use" => self.call(event, record, answer),
            IDLE | "session.status_terminated" | "session.deleted" => self.ends(kind, event, record, answer),
            "session.error" => self.failed(event, record, answer),
            "error" => {
                answer.fail(&event.error.text().unwrap_or(text.into()));
                self.over = true;
                let error = Meaning { error: true, ..Meaning::default() };
                let Some(n) = self.talk.going_on(None, answer) else { return error };
                answer.turns.get_mut(n).into_iter().for_each(|turn| turn.error.clone_from(&answer.error));
                self.talk.end(n, record.at, answer);
                self.talk.note(n, record.at, error, answer)
            }
            // A run that the agent started failed: the agent hears of it, and its turn goes on.
            "workflow_run.error" => Meaning::default(),
            // What users sent, what tools returned, other states: nothing that a model generates.
            _ => Meaning::default(),
        }
    }

    /// The turn that goes on; one begins if none does.
    fn turn(&mut self, record: &Record<'_>, answer: &mut Answer) -> Option<usize> {
        let open = self.talk.going_on(None, answer);
        open.or_else(|| self.talk.begin(None, None, None, record.at, answer))
    }

    fn preview(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        self.turn(record, answer);
        let Some(preview) = event.event.here() else { return Meaning::default() };
        match (preview.kind.str(), preview.id.full()) {
            (Some("agent.thinking"), _) => self.thinks(record, answer),
            (Some("agent.message"), Some(id)) if self.previews.len() < LIMIT => {
                self.previews.insert(short(id), String::new());
            }
            _ => {}
        }
        Meaning::default()
    }

    /// Text of a message, as a fragment of its preview.
    fn says(&mut self, id: Option<&str>, said: &str, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let Some(n) = self.turn(record, answer).filter(|_| !said.is_empty()) else { return Meaning::default() };
        let id = id.unwrap_or_default();
        if self.previews.contains_key(id) || self.previews.len() < LIMIT {
            answer.kept_bytes += said.len();
            self.previews.entry(short(id)).or_default().push_str(said);
        }
        let content = answer.add_text(n as u32, said);
        self.talk.note(n, record.at, Meaning { content, ..Meaning::default() }, answer)
    }

    /// A whole message: what its preview did not bring is new.
    fn message(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let Some(n) = self.turn(record, answer) else { return Meaning::default() };
        let blocks = event.content.iter().filter_map(Obj::here).filter_map(|block| block.text.str());
        let whole: String = blocks.collect();
        let before = self.previews.remove(event.id.full().unwrap_or_default()).unwrap_or_default();
        answer.kept_bytes = answer.kept_bytes.saturating_sub(before.len());
        let rest = whole.strip_prefix(before.as_str()).unwrap_or_default();
        let content = answer.add_text(n as u32, rest);
        self.talk.note(n, record.at, Meaning { content, ..Meaning::default() }, answer)
    }

    /// Thinking has no text: which of the tokens it took can't be told.
    fn thinks(&mut self, record: &Record<'_>, answer: &mut Answer) {
        self.turn(record, answer);
        answer.reasons_unseen(record.at);
        answer.hidden_later = true;
    }

    fn call(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let Some(n) = self.turn(record, answer) else { return Meaning::default() };
        let key = call_key(n as u32, answer.turns.get(n).map_or(0, |turn| turn.calls.len()) as u32);
        answer.name_tool(&key, event.name.str().unwrap_or_default());
        answer.add_arguments(&key, &event.input.text().unwrap_or_default());
        if let Some(turn) = answer.turns.get_mut(n) {
            turn.calls.push(key);
        }
        self.talk.note(n, record.at, Meaning { tool: true, ..Meaning::default() }, answer)
    }

    /// The usage of one request of the turn; previews that are open have no message.
    fn request_ends(&mut self, event: &Event<'_>, answer: &mut Answer) -> Meaning {
        self.previews.clear();
        let read = event.model_usage.json().and_then(|json| serde_json::from_str::<Obj<Usage>>(json).ok());
        let tokens = read.as_ref().and_then(Obj::here).and_then(|usage| usage.output_tokens.count());
        self.output_tokens = self.output_tokens.saturating_add(tokens.unwrap_or_default());
        let usage = event.model_usage.value();
        if let Some(turn) = self.talk.going_on(None, answer).and_then(|n| answer.turns.get_mut(n)) {
            turn.usage.clone_from(&usage);
        }
        answer.report_usage(usage, tokens.map(|_| self.output_tokens));
        // Between two requests tools run.
        answer.hidden_later |= self.requests > 1;
        Meaning::default()
    }

    fn ends(&mut self, kind: &str, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        self.over |= kind != IDLE;
        self.previews.clear();
        answer.terminator.saw(kind, true);
        let terminator = Meaning { terminator: true, ..Meaning::default() };
        let Some(n) = self.talk.going_on(None, answer) else { return terminator };
        if let Some(reason) = event.stop_reason.here().and_then(|reason| reason.kind.full()) {
            answer.finish(n as u32, reason);
            answer.turns.get_mut(n).into_iter().for_each(|turn| turn.finish = Some(short(reason)));
        }
        self.talk.end(n, record.at, answer);
        self.talk.note(n, record.at, terminator, answer)
    }

    /// The server may try again: then the turn goes on.
    fn failed(&mut self, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Meaning {
        let read = event.error.json().and_then(|json| serde_json::from_str::<Obj<Failure<'_>>>(json).ok());
        let status = read.as_ref().and_then(Obj::here).and_then(|failure| failure.retry_status.here());
        if status.and_then(|status| status.kind.str()) == Some("retrying") {
            return Meaning::default();
        }
        let told = event.error.text().unwrap_or_default();
        answer.fail(&told);
        let error = Meaning { error: true, ..Meaning::default() };
        let Some(n) = self.turn(record, answer) else { return error };
        answer.turns.get_mut(n).into_iter().for_each(|turn| turn.error = Some(short(&told)));
        self.talk.note(n, record.at, error, answer)
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Session {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        if record.event == "ping" {
            return Meaning::default();
        }
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, text, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        if answer.turns.is_empty() && !answer.terminator.own {
            answer.end = End::Body;
            answer.terminator.expected = None;
        }
        let cut = complete && !self.over && !self.previews.is_empty();
        remarks.note_if(cut, CUT_MESSAGE, || {
            self.previews.keys().next().map_or(String::new(), |id| excerpt(id.as_bytes()))
        });
    }
}
