//! Agent2Agent (docs/dialects.md a.23), versions 0.3 and 1.0: streams over JSON-RPC, and bare objects over REST.
//!
//! Source: A2A specification, streaming. Status and artifact updates of one task, ended by a terminal state; or a
//! single message.

use super::json::{self, List, Obj, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("a2a.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("a2a.not-object");
/// Neither a task, a message, an update nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("a2a.unknown-type");
/// The body ended properly while the task went on.
pub const NO_TERMINAL_STATE: Kind = Kind("a2a.no-terminal-state");
/// An event after a terminal state or a message.
pub const AFTER_END: Kind = Kind("a2a.after-end");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("a2a.foreign-terminator");

/// `a2a`
pub static DIALECT: Dialect = Dialect {
    name: "a2a",
    generates: false,
    crlf: true,
    end: End::Terminator(TERMINAL),
    // Version 0.3 has the last one with an X.
    fields: &["a2a-version", "a2a-extensions", "x-a2a-extensions"],
    paths: |_, path| path.ends_with("/message:stream") || path.ends_with(":subscribe"),
    shape: |evidence, shape| match () {
        () if shape.is_object && has_any(evidence.record.data, UPDATES) => Confidence::Certain,
        () if shape.has("jsonrpc")
            && (has_any(evidence.record.data, WORDS) || has_any(evidence.request_body, METHODS)) =>
        {
            Confidence::Certain
        }
        () => Confidence::No,
    },
    reader: |evidence| Box::new(A2a { document: evidence.framing == Framing::Json, ..A2a::default() }),
    ..Dialect::USUAL
};

/// What ends a stream, for people. The state that came is named by its own word.
const TERMINAL: &str = "terminal state";

/// States of a task that goes on, without prefix. Version 0.3 has `unknown`, 1.0 `unspecified`.
const WORKING: &[&str] = &["submitted", "working", "unspecified", "unknown"];
/// Names of methods in a request, with their quotes.
const METHODS: &[&str] =
    &["\"message/stream\"", "\"SendStreamingMessage\"", "\"tasks/resubscribe\"", "\"SubscribeToTask\""];
/// Objects that no other dialect sends (within a text their quotes would be escaped).
const UPDATES: &[&str] = &["\"statusUpdate\":", "\"artifactUpdate\":"];
/// Words that only this protocol has in JSON-RPC.
const WORDS: &[&str] = &["\"status-update\"", "\"artifact-update\"", "\"contextId\""];

/// The text has one of these.
fn has_any(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// The JSON-RPC message around an event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// One event: version 1.0 has one key for each sort, 0.3 a `kind` and the fields beside it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    task: Obj<Body<'a>>,
    #[serde(borrow)]
    message: Obj<Body<'a>>,
    #[serde(borrow)]
    status_update: Obj<Body<'a>>,
    #[serde(borrow)]
    artifact_update: Obj<Body<'a>>,
    #[serde(borrow)]
    kind: Text<'a>,
}

/// The fields of a task, a message or an update.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    task_id: Text<'a>,
    #[serde(borrow)]
    status: Obj<Status<'a>>,
    #[serde(borrow)]
    artifact: Obj<Artifact<'a>>,
    #[serde(borrow)]
    artifacts: List<Obj<Artifact<'a>>>,
    #[serde(borrow)]
    parts: List<Obj<Part<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    state: Text<'a>,
    /// What the agent says of this state. Where the task is over or waits, that may be the answer.
    #[serde(borrow)]
    message: Obj<Artifact<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Artifact<'a> {
    #[serde(borrow)]
    parts: List<Obj<Part<'a>>>,
}

/// Text, or what has no letters: bytes, a file, data. Version 0.3 has `file` for the first two.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    raw: Raw<'a>,
    #[serde(borrow)]
    url: Raw<'a>,
    #[serde(borrow)]
    data: Raw<'a>,
    #[serde(borrow)]
    file: Raw<'a>,
    #[serde(borrow)]
    filename: Raw<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
}

impl Part<'_> {
    /// It has something other than text, of whatever kind.
    fn is_media(&self) -> bool {
        let members = [&self.raw, &self.url, &self.data, &self.file, &self.filename];
        members.iter().any(|member| member.json().is_some()) || self.kind.full().is_some_and(|kind| kind != "text")
    }
}

/// Reads events.
#[derive(Debug, Default)]
struct A2a {
    document: bool,
    /// A terminal state, a message or an error came.
    ended: bool,
    /// The task waits for its user: the stream may end here.
    paused: bool,
}

impl A2a {
    fn read(
        &mut self,
        envelope: &Envelope<'_>,
        text: &str,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        remarks.note_if(self.ended, AFTER_END, || excerpt(record.data));
        if let Some(error) = envelope.error.told() {
            self.ended = true;
            answer.fail(&error);
            return Meaning { error: true, ..Meaning::default() };
        }
        // Clients raise on this event, whatever its data are.
        if record.event == "error" {
            self.ended = true;
            answer.fail(text);
            return Meaning { error: true, ..Meaning::default() };
        }
        let inner = envelope.result.json().unwrap_or(text);
        let event = serde_json::from_str::<Obj<Event<'_>>>(inner).unwrap_or_default();
        let flat = serde_json::from_str::<Obj<Body<'_>>>(inner).unwrap_or_default();
        let Some(event) = event.here() else {
            return unknown(record, answer, remarks, UNKNOWN_TYPE);
        };
        let (sort, body) = match event.kind.str() {
            Some(kind) => (kind, flat.here()),
            None => [
                ("task", &event.task),
                ("message", &event.message),
                ("status-update", &event.status_update),
                ("artifact-update", &event.artifact_update),
            ]
            .into_iter()
            .find_map(|(sort, body)| Some((sort, body.here()?)))
            .map_or(("", None), |(sort, body)| (sort, Some(body))),
        };
        match (sort, body) {
            ("task" | "message" | "status-update" | "artifact-update", Some(body)) => {
                self.body(sort, body, answer, remarks)
            }
            _ => unknown(record, answer, remarks, UNKNOWN_TYPE),
        }
    }

    fn body(&mut self, sort: &str, body: &Body<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        let mut meaning = Meaning::default();
        answer.identify(None, body.task_id.full().or(body.id.full()));
        let artifacts = body.artifact.here().into_iter().chain(body.artifacts.iter().filter_map(Obj::here));
        for part in artifacts.flat_map(|a| a.parts.iter()).chain(body.parts.iter()).filter_map(Obj::here) {
            meaning.content |=
                part.text.full().is_some_and(|text| answer.add_text(0, text)) | answer.add_media(part.is_media());
        }
        if sort == "message" {
            self.end("message", answer, &mut meaning);
        }
        if let Some(state) = body.status.here().and_then(|s| s.state.full()) {
            let plain = state.strip_prefix("TASK_STATE_").unwrap_or(state).to_ascii_lowercase().replace('_', "-");
            match plain.as_str() {
                "completed" | "failed" | "canceled" | "cancelled" | "rejected" => {
                    meaning.content |= last_words(body, answer);
                    answer.finish(0, state);
                    self.end(state, answer, &mut meaning);
                }
                "input-required" | "auth-required" => {
                    meaning.content |= last_words(body, answer);
                    answer.finish(0, state);
                    self.paused = true;
                }
                state_of_work => {
                    remarks.note_if(!WORKING.contains(&state_of_work), UNKNOWN_TYPE, || excerpt(state.as_bytes()));
                    answer.stand(0, state);
                    self.paused = false;
                }
            }
        }
        meaning
    }

    fn end(&mut self, which: &str, answer: &mut Answer, meaning: &mut Meaning) {
        self.ended = true;
        if !self.document {
            answer.terminator.saw(which, true);
            meaning.terminator = true;
        }
    }
}

/// What the agent says at the end, unless an artifact has said it.
fn last_words(body: &Body<'_>, answer: &mut Answer) -> bool {
    let message = body.status.here().and_then(|status| status.message.here());
    let mut content = false;
    for part in message.into_iter().flat_map(|message| message.parts.iter()).filter_map(Obj::here) {
        let said = |text: &&str| answer.texts.get(&0).is_some_and(|kept| kept.ends_with(*text));
        let new = part.text.full().filter(|text| !said(text));
        content |= new.is_some_and(|text| answer.add_text(0, text)) | answer.add_media(part.is_media());
    }
    content
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for A2a {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.read(&json::parse::<Envelope<'_>>(text, repair)?, text, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.ended && !self.paused && !self.document, NO_TERMINAL_STATE, || {
            "the body ended".into()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Read, chosen, read_as};
    use super::*;

    const TASK: &str = r#"{"task":{"id":"t1","contextId":"c1","status":{"state":"TASK_STATE_SUBMITTED"}}}"#;
    const TEXT: &str =
        r#"{"artifactUpdate":{"taskId":"t1","contextId":"c1","artifact":{"artifactId":"a","parts":[{"text":"Hi"}]}}}"#;
    const DONE: &str = r#"{"statusUpdate":{"taskId":"t1","contextId":"c1","status":{"state":"TASK_STATE_COMPLETED"}}}"#;

    fn stream(events: &[&str]) -> Read {
        let events: Vec<_> = events.iter().map(|e| ("", *e)).collect();
        read_as(&DIALECT, Framing::Sse, &events)
    }

    #[test]
    fn bare_and_wrapped_of_both_versions() {
        let wrap = |event: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{event}}}"#);
        let wrapped: Vec<_> = [TASK, TEXT, DONE].map(wrap).into();
        let old = [
            r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"task","id":"t1","contextId":"c1","status":{"state":"submitted"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"artifact-update","taskId":"t1","artifact":{"parts":[{"kind":"text","text":"Hi"}]}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"status-update","taskId":"t1","status":{"state":"completed"},"final":true}}"#,
        ];
        for events in [vec![TASK, TEXT, DONE], wrapped.iter().map(String::as_str).collect(), old.into()] {
            let read = stream(&events);
            let t = &read.answer.terminator;
            assert_eq!(
                (read.text(), read.answer.id.as_deref(), t.own, t.is_last_record),
                ("Hi", Some("t1"), true, Some(true))
            );
            assert!(read.kinds().is_empty() && read.meanings[1].content, "{events:?}");
            assert_eq!(chosen("/rpc", Framing::Sse, events[1]), Some("a2a"));
        }
    }

    /// Agents without artifacts answer in the message of the last state; what they say while they work is progress.
    #[test]
    fn the_last_state_may_have_the_answer() {
        let say = |event: &str, text: &str| {
            event.replace(
                r#"COMPLETED""#,
                &format!(r#"COMPLETED","message":{{"role":"ROLE_AGENT","parts":[{{"text":"{text}"}}]}}"#),
            )
        };
        let working = say(DONE, "Looking").replace("COMPLETED", "WORKING");
        let read = stream(&[TASK, &working, &say(DONE, "At noon.")]);
        assert_eq!((read.text(), read.answer.content_deltas, read.meanings[2].content), ("At noon.", 1, true));
        let asks = say(DONE, "Where?").replace("COMPLETED", "INPUT_REQUIRED");
        assert_eq!(stream(&[TASK, &asks]).text(), "Where?");
        assert_eq!(stream(&[TASK, TEXT, &say(DONE, "Hi")]).text(), "Hi", "the artifact has said it");
    }

    /// A stream over REST that fails in the middle.
    #[test]
    fn an_event_that_is_called_error_ends_the_stream() {
        for data in [r#"{"error":{"code":500,"status":"INTERNAL","message":"no"}}"#, r#"{"why":"no"}"#] {
            let read = read_as(&DIALECT, Framing::Sse, &[("", TASK), ("", TEXT), ("error", data)]);
            assert!(read.meanings[2].error && read.answer.error.as_ref().is_some_and(|e| e.contains("no")), "{data}");
            assert!(read.kinds().is_empty(), "{data}: {:?}", read.kinds());
        }
    }

    #[test]
    fn other_ends() {
        let asks = DONE.replace("COMPLETED", "INPUT_REQUIRED");
        for (events, kinds) in [
            (vec![TASK, TEXT], vec!["a2a.no-terminal-state"]),
            (vec![TASK, DONE, TEXT], vec!["a2a.after-end"]),
            (vec![TASK, &asks], vec![]),
            (vec![r#"{"message":{"messageId":"m","parts":[{"text":"Hi"}]}}"#], vec![]),
            (vec![r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#], vec![]),
            (
                vec!["{", "7", "{}", "[DONE]", DONE],
                vec!["a2a.foreign-terminator", "a2a.not-json", "a2a.not-object", "a2a.unknown-type"],
            ),
        ] {
            assert_eq!(stream(&events).kinds(), kinds, "{events:?}");
        }
    }
}
