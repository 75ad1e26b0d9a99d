//! OpenAI Realtime over WebSocket: the server's events of one session, which may hold many responses.
//!
//! Source: OpenAI API reference, Realtime server events (and their names in the beta). `session.created` first; a
//! response's deltas between
//! `response.created` and `response.done`. There is no terminator: a session ends with its connection.

mod shape;

use super::answer::short;
use super::json::{self, Obj, Repair};
use super::payload::{BadPayload, object, text_of};
use super::reader::Reader;
use super::remarks::Remarks;
use super::turns::Talk;
use super::{Answer, Confidence, Dialect, Meaning, Said, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use shape::{Event, Item, Refusal, Response, Usage};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("realtime.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("realtime.not-object");
/// No `type` in the payload.
pub const NO_TYPE: Kind = Kind("realtime.no-type");
/// A delta of an answer of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("realtime.unknown-type");
/// `response.done` with status failed, and the error that it names.
pub const RESPONSE_FAILED: Kind = Kind("realtime.response-failed");
/// `response.done` with status incomplete, and the reason that it names.
pub const RESPONSE_INCOMPLETE: Kind = Kind("realtime.response-incomplete");

/// `openai.realtime`
pub static DIALECT: Dialect = Dialect {
    name: "openai.realtime",
    content_types: &[],
    streams_by: StreamsBy::Server,
    profile: Some("openai-compatible"),
    shape: |evidence, shape| {
        let kind = shape.kind.as_deref().unwrap_or_default();
        let ours =
            ["session.", "response.", "conversation.", "input_audio_buffer.", "rate_limits.", "transcription_session."]
                .iter()
                .any(|start| kind.starts_with(start));
        match evidence.framing {
            // Responses can be requested over a WebSocket too, and have the same event types.
            Framing::WebSocket if evidence.path().is_some_and(|path| path.ends_with("/responses")) => Confidence::No,
            Framing::WebSocket if evidence.path().is_some_and(|path| path.ends_with("/realtime")) => {
                Confidence::Certain
            }
            // Where the path says nothing, only the events of Responses are numbered.
            Framing::WebSocket if ours && !shape.has("sequence_number") && !shape.has("stream_id") => {
                Confidence::Certain
            }
            _ => Confidence::No,
        }
    },
    reader: |_| Box::new(Realtime::default()),
    ..Dialect::USUAL
};

/// What comes beside the output: parts and calls that are over, and lists of tools.
const QUIET: &[&str] = &[
    "response.output_audio.done",
    "response.content_part.done",
    "conversation.item.done",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
];
/// Tool calls followed.
const CALLS_LIMIT: usize = 1024;
/// Parts followed.
const PARTS_LIMIT: usize = 4096;

/// How a response ended. True if it failed: there is no `error` event then.
fn ended(n: usize, response: &Response<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> bool {
    let Some(status) = response.status.full() else { return false };
    answer.finish(n as u32, status);
    let details = response.status_details.here();
    if let Some(turn) = answer.turns.get_mut(n) {
        turn.finish = Some(short(status));
        turn.reason = details.and_then(|details| details.reason.full()).map(short);
    }
    match status {
        "failed" => {
            let error = details.and_then(|details| details.error.told()).unwrap_or("failed".into());
            remarks.note(RESPONSE_FAILED, || excerpt(error.as_bytes()));
            answer.fail(&error);
            answer.turns.get_mut(n).into_iter().for_each(|turn| turn.error = Some(short(&error)));
            true
        }
        "incomplete" => {
            let reason = details.and_then(|details| details.reason.full()).unwrap_or("no reason");
            remarks.note(RESPONSE_INCOMPLETE, || excerpt(reason.as_bytes()));
            false
        }
        // Cancelled: the client asked for it, or spoke.
        _ => false,
    }
}

/// Reads the server's events; each response of the session is an answer, and the text of each a choice.
#[derive(Debug, Default)]
struct Realtime {
    talk: Talk,
    /// Items that call a tool, in order.
    calls: Vec<String>,
    /// Parts (item and index) whose text came.
    told: BTreeSet<(String, u32)>,
    /// The session writes down what its user says: that is its output.
    transcribes: bool,
}

impl Realtime {
    fn dispatch(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let kind = event.kind.str().unwrap_or_default();
        remarks.note_if(kind.is_empty(), NO_TYPE, || excerpt(record.data));
        let turn = if kind.starts_with("response.") { self.turn(kind, event, record, answer) } else { None };
        let n = turn.unwrap_or_default();
        match kind {
            "session.created" | "session.updated" => {
                if let Obj::Here(session) = &event.session {
                    self.transcribes |= session.kind.str() == Some("transcription");
                    answer.identify(session.model.full(), session.id.full());
                }
            }
            "transcription_session.created" | "transcription_session.updated" => self.transcribes = true,
            // The transcript of speech is its text; the speech itself has no letters.
            "response.output_text.delta"
            | "response.text.delta"
            | "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta" => {
                self.tell(event.part());
                meaning.content = event.delta.full().is_some_and(|text| answer.add_text(n as u32, text));
            }
            // Without deltas the text is what the end of the part has.
            "response.output_text.done"
            | "response.text.done"
            | "response.output_audio_transcript.done"
            | "response.audio_transcript.done" => {
                let text = event.text.full().or(event.transcript.full());
                meaning.content = self.tell(event.part()) && text.is_some_and(|text| answer.add_text(n as u32, text));
            }
            "response.output_audio.delta" | "response.audio.delta" => {
                meaning.content = answer.add_media(event.delta.full().is_some());
            }
            "response.output_item.added" => {
                if let Some(item) = event.item.here().filter(|item| item.is_call()) {
                    let key = self.call(n, item.id.str().unwrap_or_default(), answer);
                    answer.name_tool(&key, item.name.str().unwrap_or_default());
                    answer.add_arguments(&key, "");
                }
            }
            "response.output_item.done" => {
                if let Obj::Here(item) = &event.item {
                    meaning = self.item(n, item, answer);
                }
            }
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => {
                let key = self.call(n, event.item_id.str().unwrap_or_default(), answer);
                let fragment = event.delta.str().unwrap_or_default();
                answer.add_arguments(&key, fragment);
                meaning.tool = !fragment.is_empty();
            }
            "response.function_call_arguments.done" | "response.mcp_call_arguments.done" => {
                let key = self.call(n, event.item_id.str().unwrap_or_default(), answer);
                if answer.tool_arguments.get(&key).is_none_or(String::is_empty) {
                    let arguments = event.arguments.str().unwrap_or_default();
                    answer.add_arguments(&key, arguments);
                    meaning.tool = !arguments.is_empty();
                }
            }
            "response.done" => {
                if let Obj::Here(response) = &event.response {
                    meaning.error = ended(n, response, answer, remarks);
                    let output = response
                        .usage
                        .json()
                        .and_then(|text| serde_json::from_str::<Usage>(text).ok()?.output_tokens.count());
                    answer.report_usage(response.usage.value(), output);
                    answer.turns.get_mut(n).into_iter().for_each(|turn| turn.usage = response.usage.value());
                }
                self.talk.end(n, record.at, answer);
            }
            "error" => {
                let told = event.error.told().unwrap_or_else(|| text_of(record));
                answer.fail(&told);
                meaning.error = true;
                return self.refused(&told, record, meaning, answer);
            }
            // A session of translation answers all the time.
            "session.output_transcript.delta" => {
                meaning.content = event.delta.full().is_some_and(|text| answer.add_text(0, text));
            }
            "session.output_audio.delta" => {
                meaning.content = answer.add_media(event.delta.full().is_some());
            }
            "session.closed" => {
                answer.terminator.saw(kind, true);
                meaning.terminator = true;
            }
            // In a session of transcription what the user said is the answer.
            "conversation.item.input_audio_transcription.delta" if self.transcribes => {
                self.tell(event.part());
                meaning.content = event.delta.full().is_some_and(|text| answer.add_text(0, text));
            }
            "conversation.item.input_audio_transcription.completed" if self.transcribes => {
                let text = event.transcript.full();
                meaning.content = self.tell(event.part()) && text.is_some_and(|text| answer.add_text(0, text));
                let figures = event.usage.json().and_then(|text| serde_json::from_str::<Usage>(text).ok());
                answer.report_usage(event.usage.value(), figures.and_then(|usage| usage.output_tokens.count()));
            }
            "conversation.item.input_audio_transcription.failed" if self.transcribes => {
                answer.fail(&event.error.told().unwrap_or_else(|| kind.into()));
                meaning.error = true;
            }
            kind if QUIET.contains(&kind) || !kind.ends_with(".delta") => {}
            // Whatever it is of, output came.
            kind if turn.is_some() => {
                remarks.note(UNKNOWN_TYPE, || excerpt(kind.as_bytes()));
                meaning.content = answer.add_media(event.delta.full().is_some());
            }
            _ => {}
        }
        match turn {
            Some(n) => self.talk.note(n, record.at, meaning, answer),
            None => meaning,
        }
    }

    /// This part's text comes. True: for the first time.
    fn tell(&mut self, part: (String, u32)) -> bool {
        self.told.len() < PARTS_LIMIT && self.told.insert(part)
    }

    /// An item that is over: what no other event brought of it.
    fn item(&mut self, n: usize, item: &Item<'_>, answer: &mut Answer) -> Meaning {
        let (mut meaning, id) = (Meaning::default(), item.id.str().unwrap_or_default());
        if item.is_call() {
            let key = self.call(n, id, answer);
            answer.name_tool(&key, item.name.str().unwrap_or_default());
            if let Some(arguments) =
                item.arguments.full().filter(|_| answer.tool_arguments.get(&key).is_none_or(String::is_empty))
            {
                answer.add_arguments(&key, arguments);
                meaning.tool = true;
            }
            return meaning;
        }
        for (index, part) in item.content.iter().enumerate().filter_map(|(n, part)| Some((n as u32, part.here()?))) {
            let text = part.text.full().or(part.transcript.full()).filter(|_| self.tell((id.to_owned(), index)));
            meaning.content |= text.is_some_and(|text| answer.add_text(n as u32, text));
        }
        meaning
    }

    /// The answer that this event is of; a new one if none goes on.
    fn turn(&mut self, kind: &str, event: &Event<'_>, record: &Record<'_>, answer: &mut Answer) -> Option<usize> {
        let id = event.response_id.full().or_else(|| event.response.here().and_then(|r| r.id.full()));
        let known = id.and_then(|id| answer.turns.iter().rposition(|turn| turn.id.as_deref() == Some(id)));
        let open = || self.talk.going_on(None, answer).filter(|_| kind != "response.created");
        match known.or_else(open) {
            Some(n) => {
                let turn = answer.turns.get_mut(n)?;
                turn.id = turn.id.take().or_else(|| id.map(short));
                Some(n)
            }
            None => self.talk.begin(None, id, None, record.at, answer),
        }
    }

    /// An error that names the client's message: the answer for which that has asked does not come.
    fn refused(&mut self, told: &str, record: &Record<'_>, meaning: Meaning, answer: &mut Answer) -> Meaning {
        let text = text_of(record);
        let read = json::parse::<Refusal<'_>>(&text, &mut Repair::default())
            .map(|r| r.error.here().map(|e| e.event_id.full().map(str::to_owned)));
        let named = read.ok().flatten().flatten();
        let Some(n) = named.and_then(|id| self.talk.due_by(&id)) else { return meaning };
        answer.turns.get_mut(n).into_iter().for_each(|turn| turn.error = Some(short(told)));
        self.talk.end(n, record.at, answer);
        self.talk.note(n, record.at, meaning, answer)
    }

    /// The key of the call that this item is.
    fn call(&mut self, turn: usize, item: &str, answer: &mut Answer) -> String {
        let n = self.calls.iter().position(|known| known == item).unwrap_or_else(|| {
            if self.calls.len() < CALLS_LIMIT {
                self.calls.push(item.to_owned());
                let key = (self.calls.len() - 1).to_string();
                answer.turns.get_mut(turn).into_iter().for_each(|turn| turn.calls.push(key.clone()));
            }
            self.calls.len() - 1
        });
        n.to_string()
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Realtime {
    /// Clients ask for a response, unless the server detects the end of speech itself.
    fn asks(&mut self, said: &Said, answer: &mut Answer) -> bool {
        if said.creates {
            self.talk.ask(said, answer);
        }
        said.creates
    }

    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.dispatch(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }
}

#[cfg(test)]
mod tests;
