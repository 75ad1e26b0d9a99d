//! The answers of one conversation: over a WebSocket many are asked for, one after another or in lanes that interleave.
//!
//! ```text
//! a message asks ──► asked ──its first event──► begun ──its last event──► ended
//!                      └──an error instead──────────────────────────────────┘
//! ```

use super::Meaning;
use super::answer::{Answer, short};
use super::json::{self, Flag, Obj, Repair, Text};
use super::payload::text_of;
use super::{acp, gemini_interactions, gemini_live};
use crate::framing::Record;
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// Answers that are distinguished in one conversation.
const TURNS_LIMIT: usize = 1024;

/// One answer of a conversation. Its text is that of the choice with its number.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// Id of the response.
    pub id: Option<String>,
    /// The lane in which it was asked for; none where there are no lanes.
    pub lane: Option<String>,
    /// Last byte of the message that asked; none if no message did, or the capture lacks it.
    pub asked: Option<Timestamp>,
    /// The message asked for no output: the server only prepares.
    pub warm_up: bool,
    /// Its first event.
    pub begun: Option<Timestamp>,
    /// Its first delta of any kind.
    pub first_delta: Option<Timestamp>,
    /// Its first `content` delta.
    pub first_content: Option<Timestamp>,
    /// Its reasoning.
    pub reasoning: String,
    /// Keys of its calls in [`Answer::tool_arguments`].
    pub calls: Vec<String>,
    /// How it finished, by its last event.
    pub finish: Option<String>,
    /// Why it is incomplete, or was cancelled.
    pub reason: Option<String>,
    /// Usage as sent.
    pub usage: Option<serde_json::Value>,
    /// Its error.
    pub error: Option<String>,
    /// Its last event, or the error in its place.
    pub ended: Option<Timestamp>,
    /// The client asked for the next answer of its lane before it ended, without building on it.
    pub abandoned: bool,
    /// Another answer of its lane has begun after it.
    pub followed: bool,
    /// The longest silence between the message that asked, messages of the server, and its first delta; and its end.
    pub quiet: Option<(Span, Timestamp)>,
}

/// What a message of the client says, as far as it matters for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Time of its last byte.
    pub(super) at: Timestamp,
    /// `response.create`
    pub(super) creates: bool,
    /// The lane.
    pub(super) lane: Option<String>,
    /// The client's own number of the message.
    pub(super) event_id: Option<String>,
    /// The response on which it builds.
    pub(super) previous: Option<String>,
    /// Nothing is to be generated.
    pub(super) warm_up: bool,
    /// It prompts an agent (Agent Client Protocol); `event_id` is its id in JSON, `lane` the session.
    pub(super) prompts: bool,
    /// It gives input to an interaction of Gemini.
    pub(super) interaction_input: bool,
    /// It gives input to a session of Gemini's Live API.
    pub(super) live_input: bool,
}

/// A message of the client.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    stream_id: Text<'a>,
    #[serde(borrow)]
    event_id: Text<'a>,
    #[serde(borrow)]
    previous_response_id: Text<'a>,
    generate: Flag,
    #[serde(borrow)]
    response: Obj<Nested<'a>>,
}

/// The same under `response`, as older clients have it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Nested<'a> {
    #[serde(borrow)]
    previous_response_id: Text<'a>,
}

impl Said {
    /// A message that says nothing of all this.
    fn nothing(at: Timestamp) -> Said {
        let (creates, warm_up, prompts, interaction_input, live_input) = (false, false, false, false, false);
        let (lane, event_id, previous) = (None, None, None);
        Said { at, creates, lane, event_id, previous, warm_up, prompts, interaction_input, live_input }
    }

    /// What this message says.
    pub fn of(message: &Record<'_>) -> Said {
        let text = text_of(message);
        let mut repair = Repair::default();
        let read = json::parse::<Message<'_>>(&text, &mut repair).unwrap_or_default();
        // A message of OpenAI's two APIs has a type; one of Gemini's has none.
        let typed = read.kind.present();
        let nested = read.response.here().and_then(|r| r.previous_response_id.full());
        let prompt = (!typed && text.contains("\"session/prompt\"")).then(|| acp::prompt(&text)).flatten();
        if let Some((id, session)) = prompt {
            return Said { event_id: Some(id), lane: session, prompts: true, ..Said::nothing(message.at) };
        }
        Said {
            at: message.at,
            creates: read.kind.str() == Some("response.create"),
            lane: read.stream_id.full().map(short),
            event_id: read.event_id.full().map(short),
            previous: read.previous_response_id.full().or(nested).map(short),
            warm_up: read.generate == Flag::Bool(false),
            prompts: false,
            interaction_input: !typed && gemini_interactions::is_input(&text),
            live_input: !typed && gemini_live::is_input(&text),
        }
    }
}

/// Which answer an event is of: those asked for, and those that go on.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Asked for, and not begun, in order.
    due: Vec<Due>,
    /// The latest answer that began in each lane.
    latest: BTreeMap<Option<String>, usize>,
    /// Steering was accepted for these responses: a successor comes unasked.
    steered: Vec<String>,
    /// Time of the server's last message.
    heard: Option<Timestamp>,
}

#[derive(Debug)]
struct Due {
    turn: usize,
    event_id: Option<String>,
    previous: Option<String>,
}

impl Talk {
    /// The client asks for an answer.
    pub(super) fn ask(&mut self, said: &Said, answer: &mut Answer) {
        if let Some(open) = self.going_on(said.lane.as_deref(), answer).and_then(|n| answer.turns.get_mut(n)) {
            open.abandoned |= open.id.is_some() && said.previous != open.id;
        }
        let turn = Turn { lane: said.lane.clone(), asked: Some(said.at), warm_up: said.warm_up, ..Turn::default() };
        if let Some(turn) = add(answer, turn) {
            self.due.push(Due { turn, event_id: said.event_id.clone(), previous: said.previous.clone() });
        }
    }

    /// The server sent a message: silences end.
    pub(super) fn hears(&mut self, at: Timestamp, answer: &mut Answer) {
        let from = self.latest.values().copied().chain(self.due.iter().map(|due| due.turn));
        for n in from {
            let Some(turn) = answer.turns.get_mut(n).filter(|t| t.first_delta.is_none() && t.ended.is_none()) else {
                continue;
            };
            let since =
                turn.asked.or(turn.begun).max(self.heard.filter(|at| turn.asked.is_none_or(|asked| asked < *at)));
            let span = since.map(|since| at.since(since));
            if let Some(span) = span.filter(|span| turn.quiet.is_none_or(|(longest, _)| *span > longest)) {
                turn.quiet = Some((span, at));
            }
        }
        self.heard = Some(at);
    }

    /// A response began: the number of its answer. `builds_on`: the response before it, if it names one.
    pub(super) fn begin(
        &mut self,
        lane: Option<&str>,
        id: Option<&str>,
        builds_on: Option<&str>,
        at: Timestamp,
        answer: &mut Answer,
    ) -> Option<usize> {
        let due =
            self.due.iter().position(|due| answer.turns.get(due.turn).is_some_and(|turn| turn.lane.as_deref() == lane));
        let before = self.latest.get(&lane.map(str::to_owned)).copied();
        let before_id = before.and_then(|n| answer.turns.get(n)).and_then(|turn| turn.id.clone());
        let steered = before_id.and_then(|id| self.steered.iter().position(|steered| *steered == id));
        let names_it = |due: &Due| builds_on.is_some() && due.previous.as_deref() == builds_on;
        let n = match (due, steered) {
            (Some(due), None) => Some(self.due.remove(due).turn),
            (Some(due), Some(_)) if names_it(&self.due[due]) => Some(self.due.remove(due).turn),
            (_, steered) => {
                steered.map(|steered| self.steered.remove(steered));
                add(answer, Turn { lane: lane.map(short), ..Turn::default() })
            }
        }?;
        if let Some(open) = before.filter(|before| *before != n).and_then(|n| answer.turns.get_mut(n)) {
            open.followed = true;
        }
        let turn = answer.turns.get_mut(n)?;
        (turn.begun, turn.id) = (Some(at), id.map(short));
        self.latest.insert(lane.map(short), n);
        Some(n)
    }

    /// The answer that goes on in this lane: begun and not ended.
    pub(super) fn going_on(&self, lane: Option<&str>, answer: &Answer) -> Option<usize> {
        let n = self.latest(lane)?;
        answer.turns.get(n).filter(|turn| turn.ended.is_none()).map(|_| n)
    }

    /// The latest answer that began in this lane.
    pub(super) fn latest(&self, lane: Option<&str>) -> Option<usize> {
        self.latest.get(&lane.map(str::to_owned)).copied()
    }

    /// The first answer of this lane that was asked for and has not begun.
    pub(super) fn due(&self, lane: Option<&str>, answer: &Answer) -> Option<usize> {
        let mut due = self.due.iter().map(|due| due.turn);
        due.find(|n| answer.turns.get(*n).is_some_and(|turn| turn.lane.as_deref() == lane))
    }

    /// The answer that the client's message with this number asked for, if it has not begun.
    pub(super) fn due_by(&self, event_id: &str) -> Option<usize> {
        self.due.iter().find(|due| due.event_id.as_deref() == Some(event_id)).map(|due| due.turn)
    }

    /// The only answer that is open or due, whatever its lane.
    pub(super) fn only(&self, answer: &Answer) -> Option<usize> {
        let open = self.latest.values().copied().filter(|n| answer.turns.get(*n).is_some_and(|t| t.ended.is_none()));
        let mut all = open.chain(self.due.iter().map(|due| due.turn));
        all.next().filter(|_| all.next().is_none())
    }

    /// Steering input of a response was accepted, or (`false`) waits for the client, or failed.
    pub(super) fn steers(&mut self, response: &str, accepted: bool) {
        match self.steered.iter().position(|steered| steered == response) {
            Some(at) if !accepted => drop(self.steered.remove(at)),
            None if accepted && self.steered.len() < TURNS_LIMIT => self.steered.push(short(response)),
            _ => {}
        }
    }

    /// An answer has ended, with or without events of its own.
    pub(super) fn end(&mut self, n: usize, at: Timestamp, answer: &mut Answer) {
        self.due.retain(|due| due.turn != n);
        if let Some(turn) = answer.turns.get_mut(n) {
            turn.ended.get_or_insert(at);
        }
    }

    /// A record of this answer carried this.
    pub(super) fn note(&mut self, n: usize, at: Timestamp, meaning: Meaning, answer: &mut Answer) -> Meaning {
        if let Some(turn) = answer.turns.get_mut(n) {
            if meaning.is_delta() {
                turn.first_delta.get_or_insert(at);
            }
            if meaning.content {
                turn.first_content.get_or_insert(at);
            }
            return Meaning { turn: n as u16, ..meaning };
        }
        meaning
    }
}

/// Adds an answer, if there is room for one.
fn add(answer: &mut Answer, turn: Turn) -> Option<usize> {
    if answer.turns.len() >= TURNS_LIMIT {
        answer.text_limited = true;
        return None;
    }
    answer.kept_bytes += size_of::<Turn>();
    answer.turns.push(turn);
    Some(answer.turns.len() - 1)
}
