//! Responses over a WebSocket: many answers on one connection, in lanes (`stream_id`) that interleave. Each is read as
//! a stream of its own. Source: openai-python 3.57.0, `ResponsesServerEvent` and `ResponsesClientEvent`.
//!
//! Event numbers are not judged here: they serve `starting_after`, which a WebSocket does not have. Nor must items and
//! parts be announced before their deltas.

use super::super::Said;
use super::super::json;
use super::super::payload::object;
use super::super::reader::Reader;
use super::super::remarks::Remarks;
use super::super::turns::Talk;
use super::super::{Answer, Evidence, Meaning};
use super::kinds::{ABANDONED_GOES_ON, AFTER_TERMINAL, NO_TERMINAL, NO_TYPE};
use super::shape::{Details, Event};
use super::{BAD_PAYLOAD, ITEMS_LIMIT, Responses};
use crate::dialect::answer::call_key;
use crate::framing::Record;
use crate::oddity::excerpt;
use std::collections::BTreeMap;

/// Events of gateways in front of the API that are not of a response.
const BESIDE: &str = "codex.";

/// Reads the events of one connection.
pub(super) struct Lanes {
    joined: bool,
    talk: Talk,
    /// The answers that go on, and the last of each lane, by number.
    open: BTreeMap<usize, Open>,
    /// The answer of each item, by the item's id.
    items: BTreeMap<String, usize>,
}

/// An answer that goes on: its reader, what that has read, and how much of it the whole has taken.
struct Open {
    reader: Responses,
    answer: Answer,
    texts: BTreeMap<u32, usize>,
    arguments: BTreeMap<String, usize>,
    reasoning: usize,
    finishes: u64,
    reports: u64,
    held: usize,
}

impl Lanes {
    pub(super) fn new(evidence: &Evidence<'_>) -> Self {
        let (talk, open, items) = Default::default();
        Lanes { joined: evidence.response.is_none(), talk, open, items }
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        self.talk.hears(record.at, answer);
        let kind = event.kind.full().unwrap_or_default();
        let lane = event.stream_id.full();
        match kind {
            "" => remarks.note(NO_TYPE, || event.kind.show()),
            beside if beside.starts_with(BESIDE) => {}
            "response.steer.accepted" | "response.steer.pending" | "response.steer.failed" => {
                let response = event.steer.here().and_then(|steer| steer.previous_response_id.full());
                response.into_iter().for_each(|id| self.talk.steers(id, kind.ends_with("accepted")));
            }
            "error" => return self.failed(event, text, record, answer, remarks),
            _ => {
                let Some(n) = self.turn(kind, event, lane, record, answer) else {
                    remarks.note(AFTER_TERMINAL, || excerpt(kind.as_bytes()));
                    return Meaning::default();
                };
                return self.read(n, event, text, record, answer, remarks);
            }
        }
        Meaning::default()
    }

    /// The answer that this event is of; a new one if it begins here.
    fn turn(
        &mut self,
        kind: &str,
        event: &Event<'_>,
        lane: Option<&str>,
        record: &Record<'_>,
        answer: &mut Answer,
    ) -> Option<usize> {
        let response = event.response.here();
        let id = response.and_then(|response| response.id.full());
        let by_id = id.and_then(|id| answer.turns.iter().rposition(|turn| turn.id.as_deref() == Some(id)));
        let item = event.item_id.full().or_else(|| event.item.here().and_then(|item| item.id.full()));
        let by_item = item.and_then(|item| self.items.get(item).copied());
        let begins = match kind {
            "response.created" => true,
            "response.queued" | "response.in_progress" => id.is_some(),
            _ => false,
        };
        let known = by_id.or(by_item);
        let current = || self.talk.going_on(lane, answer).or_else(|| lane.is_none().then(|| self.last(answer))?);
        let n = match known {
            Some(n) => n,
            None if begins => self.begin(lane, event, record, answer)?,
            None => match current() {
                Some(n) => n,
                None if self.joined || self.talk.due(lane, answer).is_some() => {
                    self.begin(lane, event, record, answer)?
                }
                None => self.talk.latest(lane)?,
            },
        };
        if let Some(item) = item.filter(|_| self.items.len() < ITEMS_LIMIT && by_item.is_none()) {
            self.items.insert(item.to_owned(), n);
        }
        Some(n)
    }

    /// The only answer that goes on in any lane.
    fn last(&self, answer: &Answer) -> Option<usize> {
        let mut open = self.open.keys().copied().filter(|n| answer.turns.get(*n).is_some_and(|t| t.ended.is_none()));
        open.next().filter(|_| open.next().is_none())
    }

    fn begin(
        &mut self,
        lane: Option<&str>,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
    ) -> Option<usize> {
        let response = event.response.here();
        let (id, builds_on) = response.map(|r| (r.id.full(), r.previous_response_id.full())).unwrap_or_default();
        let n = self.talk.begin(lane, id, builds_on, record.at, answer)?;
        // What is over needs no reader, but for late events of the lane's last answer.
        let over = |n: &usize| answer.turns.get(*n).is_none_or(|turn| turn.ended.is_some());
        let done: Vec<usize> = self.open.keys().copied().filter(over).collect();
        for n in done {
            if let Some(open) = self.open.remove(&n) {
                answer.kept_bytes = answer.kept_bytes.saturating_sub(open.held);
            }
        }
        self.open.insert(n, Open::new(self.joined));
        Some(n)
    }

    /// Reads an event of this answer.
    fn read(
        &mut self,
        n: usize,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let Some(open) = self.open.get_mut(&n) else {
            remarks.note(AFTER_TERMINAL, || event.kind.show());
            return Meaning::default();
        };
        let meaning = open.reader.dispatch(event, text, record, &mut open.answer, remarks);
        open.give(n, answer);
        let late = answer.turns.get(n).filter(|turn| turn.abandoned && (meaning.is_delta() || meaning.terminator));
        if let Some(turn) = late {
            let id = turn.id.as_deref().unwrap_or("a response").to_owned();
            remarks.note(ABANDONED_GOES_ON, || format!("{} of {id}", event.kind.str().unwrap_or_default()));
        }
        if meaning.terminator {
            if let Some(which) = &open.answer.terminator.which {
                answer.terminator.saw(which, open.answer.terminator.own);
            }
            if let (Some(turn), Some(response)) = (answer.turns.get_mut(n), event.response.here()) {
                let details = response.incomplete_details.json();
                let details = details.and_then(|json| serde_json::from_str::<Details<'_>>(json).ok());
                turn.reason = details.and_then(|d| d.reason.full().map(str::to_owned));
            }
            self.talk.end(n, record.at, answer);
        }
        self.talk.note(n, record.at, meaning, answer)
    }

    /// An error: of the answer that goes on in its lane, or of the one that is asked for, or of the connection.
    fn failed(
        &mut self,
        event: &Event<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let lane = event.stream_id.full();
        let (goes_on, due) = (self.talk.going_on(lane, answer), self.talk.due(lane, answer));
        // A refused request has a status of its own, and the answer before it goes on.
        let refused = event.status.int().is_some_and(|status| (400..500).contains(&status));
        let of_lane = if refused { due.or(goes_on) } else { goes_on.or(due) };
        let n = of_lane.or_else(|| lane.is_none().then(|| self.talk.only(answer))?);
        if let Some(n) = n.filter(|n| self.open.contains_key(n)) {
            return self.read(n, event, text, record, answer, remarks);
        }
        let told = event.error.told().unwrap_or(text.into());
        answer.fail(&told);
        let meaning = Meaning { error: true, terminator: n.is_some(), ..Meaning::default() };
        let Some(n) = n else { return meaning };
        answer.terminator.saw("error", false);
        if let Some(turn) = answer.turns.get_mut(n) {
            turn.error = Some(super::super::answer::short(&told));
        }
        self.talk.end(n, record.at, answer);
        self.talk.note(n, record.at, meaning, answer)
    }
}

impl Open {
    fn new(joined: bool) -> Self {
        let (answer, texts, arguments) = Default::default();
        let reader = Responses::in_lane(joined);
        Open { reader, answer, texts, arguments, reasoning: 0, finishes: 0, reports: 0, held: 0 }
    }

    /// Gives to the whole what the last event has added.
    fn give(&mut self, n: usize, whole: &mut Answer) {
        let own = &self.answer;
        for (index, text) in &own.texts {
            let before = self.texts.entry(*index).or_default();
            if *before < text.len() {
                whole.add_text(n as u32, text.get(*before..).unwrap_or_default());
                *before = text.len();
            }
        }
        for (call, text) in &own.tool_arguments {
            let key = call_key(n as u32, call.parse().unwrap_or_default());
            let new = !self.arguments.contains_key(call);
            let before = self.arguments.entry(call.clone()).or_default();
            if new || *before < text.len() {
                whole.add_arguments(&key, text.get(*before..).unwrap_or_default());
                *before = text.len();
            }
            if let Some(turn) = whole.turns.get_mut(n).filter(|_| new) {
                turn.calls.push(key.clone());
            }
            if let Some(name) = own.tool_names.get(call).filter(|_| new) {
                whole.name_tool(&key, name);
            }
        }
        if self.reasoning < own.reasoning_text.len() {
            let new = own.reasoning_text.get(self.reasoning..).unwrap_or_default();
            whole.add_reasoning(new);
            self.reasoning = own.reasoning_text.len();
            whole.kept_bytes += new.len();
            whole.turns.get_mut(n).into_iter().for_each(|turn| turn.reasoning.push_str(new));
        }
        whole.kept_bytes += own.kept_bytes.saturating_sub(self.held);
        self.held = own.kept_bytes;
        whole.text_limited |= own.text_limited;
        whole.identify(own.model.as_deref(), own.id.as_deref());
        if own.usage_reports > self.reports {
            self.reports = own.usage_reports;
            whole.report_usage(own.usage.clone(), own.output_tokens);
        }
        if own.finishes > self.finishes
            && let Some(finish) = own.finish_reasons.get(&0)
        {
            self.finishes = own.finishes;
            whole.finish(n as u32, finish);
        }
        if let Some(error) = &own.error {
            whole.fail(error);
        }
        if let Some(turn) = whole.turns.get_mut(n) {
            turn.id = turn.id.take().or_else(|| own.id.clone());
            turn.finish = own.finish_reasons.get(&0).cloned();
            turn.usage.clone_from(&own.usage);
            turn.error.clone_from(&own.error);
        }
    }
}

impl Reader for Lanes {
    fn asks(&mut self, said: &Said, answer: &mut Answer) -> bool {
        if said.creates {
            self.talk.ask(said, answer);
        }
        said.creates
    }

    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.event(&json::parse::<Event<'_>>(text, repair)?, text, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        let open = answer.turns.iter().find(|turn| turn.ended.is_none() && !turn.abandoned && turn.begun.is_some());
        if let Some(turn) = open.filter(|_| complete) {
            let id = turn.id.as_deref().unwrap_or("a response").to_owned();
            remarks.note(NO_TERMINAL, || id);
        }
        // Lanes interleave; the reasoning of the whole is that of one answer after the other.
        if answer.turns.iter().filter(|turn| !turn.reasoning.is_empty()).count() > 1 {
            answer.reasoning_text = answer.turns.iter().map(|turn| turn.reasoning.as_str()).collect();
        }
    }
}
