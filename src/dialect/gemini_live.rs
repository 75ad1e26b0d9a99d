//! Gemini's Live API over WebSocket (docs/dialects.md a.30): the server's messages of one session with many turns.
//!
//! Source: google-genai 3.6.1, `LiveServerMessage` and `LiveClientMessage`; Gemini API reference, Live API. Messages are
//! JSON, as a rule in binary frames. `setupComplete` comes first; a turn is over with `turnComplete`, or interrupted.

use super::answer::call_key;
use super::gemini::Content;
use super::json::{self, Flag, List, Obj, Raw, Repair, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::turns::Said;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("gemini-live.not-json");
/// The payload is JSON but not an object.
pub const NOT_OBJECT: Kind = Kind("gemini-live.not-object");
/// A message of a type that the reference does not have.
pub const UNKNOWN_TYPE: Kind = Kind("gemini-live.unknown-type");

/// What ends a turn.
const TURN_COMPLETE: &str = "turnComplete";

/// `gemini.live`
pub static DIALECT: Dialect = Dialect {
    name: "gemini.live",
    content_types: &[],
    streams_by: StreamsBy::Server,
    shape: |evidence, shape| {
        let named = evidence.path().is_some_and(|path| {
            path.contains("google.ai.generativelanguage.") || path.contains("LlmBidiService/BidiGenerateContent")
        });
        let ours = ["setupComplete", "serverContent", "toolCall"].iter().any(|key| shape.has(key));
        match evidence.framing {
            Framing::WebSocket if named || ours => Confidence::Certain,
            _ => Confidence::No,
        }
    },
    reader: |_| Box::new(Live::default()),
    ..Dialect::USUAL
};

/// A message of the server, or of the client.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    setup_complete: Obj<Setup<'a>>,
    #[serde(borrow)]
    server_content: Obj<Turn<'a>>,
    #[serde(borrow)]
    tool_call: Obj<Calls<'a>>,
    #[serde(borrow)]
    usage_metadata: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    tool_call_cancellation: Raw<'a>,
    #[serde(borrow)]
    go_away: Raw<'a>,
    /// A prompt for music that was refused, and why.
    #[serde(borrow)]
    filtered_prompt: Raw<'a>,
    #[serde(borrow)]
    session_resumption_update: Raw<'a>,
    #[serde(borrow)]
    voice_activity: Raw<'a>,
    #[serde(borrow)]
    voice_activity_detection_signal: Raw<'a>,
    /// Of the client.
    client_content: Obj<Asked>,
    #[serde(borrow)]
    realtime_input: Obj<Input<'a>>,
    #[serde(borrow)]
    tool_response: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Setup<'a> {
    #[serde(borrow)]
    session_id: Text<'a>,
}

/// `serverContent`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Turn<'a> {
    #[serde(borrow)]
    model_turn: Obj<Content<'a>>,
    turn_complete: Flag,
    interrupted: Flag,
    #[serde(borrow)]
    output_transcription: Obj<Transcript<'a>>,
    #[serde(borrow)]
    turn_complete_reason: Text<'a>,
    /// Music, on the path of Lyria.
    audio_chunks: List<serde::de::IgnoredAny>,
    /// The model is done; what it said may still be played.
    generation_complete: Flag,
    /// The turn is over, and the server waits for its user.
    waiting_for_input: Flag,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Transcript<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// `toolCall`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Calls<'a> {
    #[serde(borrow)]
    function_calls: List<Obj<Call<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
}

/// `clientContent`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Asked {
    turn_complete: Flag,
}

/// `realtimeInput`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Input<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    activity_end: Raw<'a>,
    audio_stream_end: Flag,
}

/// `usageMetadata`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Usage {
    response_token_count: json::Num,
    thoughts_token_count: json::Num,
}

/// Reads the server's messages; all turns of the session add up to one answer.
#[derive(Debug, Default)]
struct Live {
    /// A turn of the model is under way.
    turn: bool,
    /// Calls so far.
    calls: u32,
}

impl Live {
    fn dispatch(
        &mut self,
        message: &Message<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        let mut known = [
            &message.tool_call_cancellation,
            &message.go_away,
            &message.filtered_prompt,
            &message.session_resumption_update,
            &message.voice_activity,
            &message.voice_activity_detection_signal,
            &message.usage_metadata,
        ]
        .iter()
        .any(|member| member.present());
        if let Obj::Here(setup) = &message.setup_complete {
            known = true;
            answer.identify(None, setup.session_id.full());
        }
        if let Obj::Here(turn) = &message.server_content {
            known = true;
            self.content(turn, record, answer, &mut meaning, remarks);
        }
        if let Obj::Here(calls) = &message.tool_call {
            known = true;
            for call in calls.function_calls.iter().filter_map(Obj::here) {
                let key = call_key(0, self.calls);
                self.calls = self.calls.saturating_add(1);
                answer.name_tool(&key, call.name.str().unwrap_or_default());
                answer.add_arguments(&key, &call.args.text().unwrap_or_default());
                meaning.tool = true;
            }
            // The client's turn: it answers with the results.
            self.turn = false;
        }
        if let Some(figures) = message.usage_metadata.json().and_then(|u| serde_json::from_str::<Usage>(u).ok()) {
            let output = match (figures.response_token_count.count(), figures.thoughts_token_count.count()) {
                (None, None) => None,
                (visible, thoughts) => Some(visible.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
            };
            answer.report_usage(message.usage_metadata.value(), output);
        }
        if let Some(error) = message.error.told() {
            answer.fail(&error);
            return Meaning { error: true, ..meaning };
        }
        if known { meaning } else { unknown(record, answer, remarks, UNKNOWN_TYPE) }
    }

    fn content(
        &mut self,
        turn: &Turn<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        meaning: &mut Meaning,
        remarks: &mut Remarks<'_>,
    ) {
        let parts = turn.model_turn.here().into_iter().flat_map(|content| content.parts.iter()).filter_map(Obj::here);
        for part in parts {
            self.turn = true;
            if part.thought == Flag::Bool(true) || part.thought_signature.json().is_some() {
                answer.reasons(record.at);
            }
            meaning.reasoning |= part.thinks(answer);
            meaning.content |= part.shown(0, answer);
            meaning.tool |= part.runs(0, &mut self.calls, answer);
            if let Some(name) = &part.unknown {
                remarks.note(UNKNOWN_TYPE, || format!("part with {}", excerpt(name.as_bytes())));
            }
        }
        meaning.content |= answer.add_media(!turn.audio_chunks.is_empty());
        // The transcript of speech is its text; the speech itself has no letters.
        if let Some(text) = turn.output_transcription.here().and_then(|transcript| transcript.text.full()) {
            self.turn = true;
            meaning.content |= answer.add_text(0, text);
        }
        let interrupted = turn.interrupted == Flag::Bool(true);
        if turn.turn_complete == Flag::Bool(true) || interrupted {
            self.turn = false;
            let reason = if interrupted { "interrupted" } else { TURN_COMPLETE };
            answer.finish(0, turn.turn_complete_reason.full().unwrap_or(reason));
        }
        // The answer is whole already, and no turn goes on while the server waits for its user.
        let whole = turn.generation_complete == Flag::Bool(true) || turn.waiting_for_input == Flag::Bool(true);
        if whole {
            self.turn = false;
        }
    }
}

const BAD_PAYLOAD: BadPayload = BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: None };

impl Reader for Live {
    fn asks(&mut self, said: &Said, _answer: &mut Answer) -> bool {
        said.live_input
    }

    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            let meaning = self.dispatch(&json::parse::<Message<'_>>(text, repair)?, record, answer, remarks);
            if self.turn {
                answer.end = End::Terminator(TURN_COMPLETE);
                answer.terminator.expected = answer.end.terminator();
            }
            Ok(meaning)
        })
    }
}

/// Whether a client's message asks: text, the end of speech that the client marks, the end of its turn, and results of
/// tools. Where the server detects the end of speech itself nothing on the wire says when it was asked.
pub(super) fn is_input(text: &str) -> bool {
    json::parse::<Message<'_>>(text, &mut Repair::default()).is_ok_and(|message| {
        let asked = message.client_content.here().is_some_and(|asked| asked.turn_complete == Flag::Bool(true));
        let said = message.realtime_input.here().is_some_and(|input| {
            input.text.full().is_some() || input.activity_end.present() || input.audio_stream_end == Flag::Bool(true)
        });
        asked || said || message.tool_response.present()
    })
}

#[cfg(test)]
mod tests;
