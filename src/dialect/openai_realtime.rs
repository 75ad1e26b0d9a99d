//! OpenAI Realtime over WebSocket: the server's events of one session, which may hold many responses.
//!
//! Source: OpenAI API reference, Realtime server events (and their names in the beta). `session.created` first; a
//! response's deltas between
//! `response.created` and `response.done`. There is no terminator: a session ends with its connection.

use super::answer::short;
use super::json::{self, Num, Obj, Raw, Repair, Text};
use super::payload::{BadPayload, object, text_of};
use super::reader::Reader;
use super::remarks::Remarks;
use super::turns::Talk;
use super::{Answer, Confidence, Dialect, Meaning, Said, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use std::collections::BTreeSet;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("realtime.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("realtime.not-object");
/// No `type` in the payload.
pub const NO_TYPE: Kind = Kind("realtime.no-type");
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
        let ours = ["session.", "response.", "conversation.", "input_audio_buffer.", "rate_limits."]
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

/// A server event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    item_id: Text<'a>,
    content_index: Num,
    #[serde(borrow)]
    delta: Text<'a>,
    /// Of `.done` events: the whole text, transcript or arguments.
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    transcript: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
    #[serde(borrow)]
    item: Obj<Item<'a>>,
    #[serde(borrow)]
    session: Obj<Session<'a>>,
    #[serde(borrow)]
    response: Obj<Response<'a>>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Session<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    status_details: Obj<StatusDetails<'a>>,
    #[serde(borrow)]
    usage: Raw<'a>,
}

/// An error that answers a message of the client.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Obj<RefusedMessage<'a>>,
}

/// Which message it was.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct RefusedMessage<'a> {
    #[serde(borrow)]
    event_id: Text<'a>,
}

/// Why a response has its status.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct StatusDetails<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Usage {
    output_tokens: Num,
}

/// Tool calls followed.
const CALLS_LIMIT: usize = 1024;
/// Parts followed.
const PARTS_LIMIT: usize = 4096;

impl Event<'_> {
    /// The part of an item that it is about.
    fn part(&self) -> (String, u32) {
        (self.item_id.str().unwrap_or_default().to_owned(), self.content_index.index().unwrap_or(0))
    }
}

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
    /// Parts (item and index) whose text came in deltas.
    told: BTreeSet<(String, u32)>,
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
                    answer.identify(session.model.full(), session.id.full());
                }
            }
            // The transcript of speech is its text; the speech itself has no letters.
            "response.output_text.delta"
            | "response.text.delta"
            | "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta" => {
                if self.told.len() < PARTS_LIMIT {
                    self.told.insert(event.part());
                }
                meaning.content = event.delta.full().is_some_and(|text| answer.add_text(n as u32, text));
            }
            // Without deltas the text is what the end of the part has.
            "response.output_text.done"
            | "response.text.done"
            | "response.output_audio_transcript.done"
            | "response.audio_transcript.done" => {
                let text = event.text.full().or(event.transcript.full()).filter(|_| !self.told.contains(&event.part()));
                meaning.content = text.is_some_and(|text| answer.add_text(n as u32, text));
            }
            "response.output_item.added" => {
                if let Some(item) = event.item.here().filter(|item| item.kind.str() == Some("function_call")) {
                    let key = self.call(n, item.id.str().unwrap_or_default(), answer);
                    answer.name_tool(&key, item.name.str().unwrap_or_default());
                    answer.add_arguments(&key, "");
                }
            }
            "response.function_call_arguments.delta" => {
                let key = self.call(n, event.item_id.str().unwrap_or_default(), answer);
                let fragment = event.delta.str().unwrap_or_default();
                answer.add_arguments(&key, fragment);
                meaning.tool = !fragment.is_empty();
            }
            "response.function_call_arguments.done" => {
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
            _ => {}
        }
        match turn {
            Some(n) => self.talk.note(n, record.at, meaning, answer),
            None => meaning,
        }
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
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    #[test]
    fn a_response_that_failed_is_an_error() {
        let failed = r#"{"type":"response.done","response":{"status":"failed","status_details":{"type":"failed","error":{"type":"insufficient_quota","message":"quota exceeded"}}}}"#;
        let read = read_as(&DIALECT, Framing::WebSocket, &[("", failed)]);
        assert!(read.meanings[0].error && read.answer.error.as_deref().is_some_and(|e| e.contains("quota exceeded")));
        assert_eq!(
            (read.kinds(), read.answer.finish_reasons[&0].as_str()),
            (vec!["realtime.response-failed"], "failed")
        );
        for (status, kinds) in [("incomplete", vec!["realtime.response-incomplete"]), ("cancelled", vec![])] {
            let read = read_as(&DIALECT, Framing::WebSocket, &[("", &failed.replace("failed", status))]);
            assert_eq!((read.kinds(), read.answer.error), (kinds, None), "{status}");
        }
    }

    #[test]
    fn what_comes_only_at_the_end_of_its_part_is_taken() {
        let read = read_as(
            &DIALECT,
            Framing::WebSocket,
            &[
                ("", r#"{"type":"response.output_text.delta","item_id":"a","content_index":0,"delta":"Hi"}"#),
                ("", r#"{"type":"response.output_text.done","item_id":"a","content_index":0,"text":"Hi"}"#),
                ("", r#"{"type":"response.output_audio_transcript.done","item_id":"b","transcript":" there"}"#),
                ("", r#"{"type":"response.output_item.added","item":{"id":"c","type":"function_call","name":"f"}}"#),
                ("", r#"{"type":"response.function_call_arguments.done","item_id":"c","arguments":"{}"}"#),
                ("", r#"{"type":"response.function_call_arguments.done","item_id":"c","arguments":"{}"}"#),
            ],
        );
        assert_eq!((read.text(), read.answer.tool_arguments["0"].as_str()), ("Hi there", "{}"));
        assert_eq!((read.answer.content_deltas, read.answer.tool_deltas), (2, 1));
    }

    #[test]
    fn a_session_with_two_responses() {
        let events = [
            r#"{"type":"session.created","session":{"id":"sess_1","model":"gpt-realtime"}}"#,
            r#"{"type":"response.created","response":{"status":"in_progress"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"i1","output_index":0,"delta":"Hi"}"#,
            r#"{"type":"response.done","response":{"status":"completed","usage":{"output_tokens":2}}}"#,
            r#"{"type":"response.output_item.added","item":{"id":"i2","type":"function_call","name":"f"}}"#,
            r#"{"type":"response.function_call_arguments.delta","item_id":"i2","delta":"{}"}"#,
            r#"{"type":"response.output_audio_transcript.delta","item_id":"i3","delta":" there"}"#,
            r#"{"type":"response.done","response":{"status":"completed","usage":{"output_tokens":5}}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
        ];
        let read = read_as(&DIALECT, Framing::WebSocket, &events.map(|e| ("", e)));
        assert_eq!(
            (read.text(), read.answer.tool_arguments["0"].as_str(), read.answer.tool_names["0"].as_str()),
            ("Hi", "{}", "f")
        );
        assert_eq!(read.answer.texts[&1], " there");
        let turns: Vec<_> = read.answer.turns.iter().map(|t| (t.finish.as_deref(), t.calls.len())).collect();
        assert_eq!(turns, [(Some("completed"), 0), (Some("completed"), 1)]);
        assert_eq!(
            (read.answer.output_tokens, read.answer.model.as_deref(), read.answer.id.as_deref()),
            (Some(5), Some("gpt-realtime"), Some("sess_1"))
        );
        assert!(read.meanings[8].error && read.kinds().is_empty() && read.answer.terminator.expected.is_none());
        assert_eq!(chosen("/v1/realtime?model=gpt-realtime", Framing::WebSocket, events[1]), Some("openai.realtime"));
    }
}
