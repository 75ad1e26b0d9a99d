//! The llama.cpp server's own protocol (docs/dialects.md a.17): `/completion` and `/infill`; its `/v1` is OpenAI's.
//!
//! Source: llama.cpp, `tools/server/README.md`. Events with `content`, the last with `stop: true`, `stop_type` and
//! `timings`. There is no `[DONE]`.

use super::answer::ServerClock;
use super::json::{self, Flag, Num, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::Remarks;
use super::{Answer, Confidence, Dialect, End, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use crate::time::Span;

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("llamacpp.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("llamacpp.not-object");
/// Neither `content` nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("llamacpp.unknown-type");
/// The body ended properly without `stop: true` and without an error.
pub const NO_STOP: Kind = Kind("llamacpp.no-stop");
/// An event after `stop: true`.
pub const AFTER_STOP: Kind = Kind("llamacpp.after-stop");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("llamacpp.foreign-terminator");

/// `llamacpp.completion`
pub static DIALECT: Dialect = Dialect {
    name: "llamacpp.completion",
    end: End::Terminator(STOP),
    streams_by: StreamsBy::Flag,
    paths: |_, path| path.ends_with("/completion") || path.ends_with("/infill"),
    shape: |_, shape| if shape.has_all(&["content", "stop"]) { Confidence::Certain } else { Confidence::No },
    reader: |evidence| Box::new(LlamaCpp { document: evidence.framing == Framing::Json, ..LlamaCpp::default() }),
    ..Dialect::USUAL
};

/// What the last event has.
const STOP: &str = "stop:true";

/// One event, or a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    /// Which of several prompts.
    index: Num,
    #[serde(borrow)]
    content: Text<'a>,
    stop: Flag,
    #[serde(borrow)]
    stop_type: Text<'a>,
    /// Until 2024 in place of `stop_type`.
    stopped_eos: Flag,
    stopped_limit: Flag,
    stopped_word: Flag,
    #[serde(borrow)]
    model: Text<'a>,
    tokens_evaluated: Num,
    tokens_predicted: Num,
    #[serde(borrow)]
    timings: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// `timings` of the last event, in milliseconds; its OpenAI-compatible streams have it too.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Timings {
    prompt_ms: Num,
    predicted_ms: Num,
}

impl Timings {
    /// Reads the server's own times from `timings`, if there are any.
    pub(super) fn tell(timings: &Raw<'_>, clock: &mut ServerClock) {
        let Some(t) = timings.json().and_then(|json| serde_json::from_str::<Timings>(json).ok()) else { return };
        let span = |n: Num| {
            let ms = match n {
                Num::Int(n) => n as f64,
                Num::Float(ms) => ms,
                _ => return None,
            };
            // A day at most: no answer takes longer.
            (ms > 0.0 && ms < 86_400_000.0).then_some(Span((ms * 1e6) as i64))
        };
        clock.reading = span(t.prompt_ms).or(clock.reading);
        clock.generating = span(t.predicted_ms).or(clock.generating);
    }
}

/// Reads a stream, or one whole answer.
#[derive(Debug, Default)]
struct LlamaCpp {
    document: bool,
    stopped: bool,
    failed: bool,
}

impl LlamaCpp {
    fn read(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        answer.recognise(super::variant::by_field("timings"));
        if let Some(error) = event.error.told() {
            answer.fail(&error);
            (meaning.error, self.failed) = (true, true);
            return meaning;
        }
        // Several prompts share a stream, and each of them stops.
        let index = event.index.index().unwrap_or(0);
        remarks.note_if(self.stopped && index == 0, AFTER_STOP, || excerpt(record.data));
        if !event.content.present() {
            meaning = unknown(record, answer, remarks, UNKNOWN_TYPE);
        }
        answer.identify(event.model.full(), None);
        meaning.content = event.content.full().is_some_and(|text| answer.add_text(index, text));
        Timings::tell(&event.timings, &mut answer.server_clock);
        if event.stop == Flag::Bool(true) {
            self.stop(event, index, answer);
            meaning.terminator = !self.document;
        }
        meaning
    }

    fn stop(&mut self, event: &Event<'_>, index: u32, answer: &mut Answer) {
        self.stopped = true;
        if !self.document {
            answer.terminator.saw(STOP, true);
        }
        let old = [("eos", event.stopped_eos), ("limit", event.stopped_limit), ("word", event.stopped_word)];
        let old = || old.into_iter().find(|(_, flag)| *flag == Flag::Bool(true)).map(|(name, _)| name);
        if let Some(reason) = event.stop_type.full().or_else(old) {
            answer.finish(index, reason);
        }
        let counts: serde_json::Map<_, _> =
            [("tokens_evaluated", event.tokens_evaluated), ("tokens_predicted", event.tokens_predicted)]
                .into_iter()
                .filter_map(|(name, n)| n.int().map(|n| (name.to_owned(), n.into())))
                .collect();
        if !counts.is_empty() {
            answer.report_usage(Some(counts.into()), event.tokens_predicted.count());
        }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for LlamaCpp {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.read(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, _answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks
            .note_if(complete && !self.stopped && !self.failed && !self.document, NO_STOP, || "the body ended".into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, read_as};
    use super::*;

    const PIECE: &str =
        r#"{"index":0,"content":"Hi","tokens":[5],"stop":false,"id_slot":0,"tokens_predicted":1,"tokens_evaluated":2}"#;
    const LAST: &str = r#"{"index":0,"content":"","stop":true,"stop_type":"eos","model":"m","tokens_predicted":2,"tokens_evaluated":2,"timings":{"predicted_ms":9.1}}"#;

    #[test]
    fn a_clean_stream() {
        let read = read_as(&DIALECT, Framing::Sse, &[("", PIECE), ("", LAST)]);
        assert_eq!(
            (read.text(), read.answer.content_deltas, read.answer.finish_reasons[&0].as_str()),
            ("Hi", 1, "eos")
        );
        let t = &read.answer.terminator;
        assert_eq!(
            (t.which.as_deref(), t.own, t.is_last_record, read.answer.output_tokens),
            (Some(STOP), true, Some(true), Some(2))
        );
        assert_eq!((read.answer.variant, read.kinds().len()), (Some("llama.cpp"), 0));
        let old = r#"{"content":"","stop":true,"stopped_eos":false,"stopped_limit":true,"stopped_word":false}"#;
        assert_eq!(read_as(&DIALECT, Framing::Sse, &[("", old)]).answer.finish_reasons[&0], "limit");
    }

    #[test]
    fn oddities() {
        let kinds = |events: &[&str]| {
            let events: Vec<_> = events.iter().map(|e| ("", *e)).collect();
            read_as(&DIALECT, Framing::Sse, &events).kinds()
        };
        assert_eq!(kinds(&[PIECE]), ["llamacpp.no-stop"]);
        assert_eq!(kinds(&[PIECE, LAST, PIECE, "[DONE]"]), ["llamacpp.after-stop", "llamacpp.foreign-terminator"]);
        assert_eq!(
            kinds(&["{", "[]", "{}", LAST]),
            ["llamacpp.not-json", "llamacpp.not-object", "llamacpp.unknown-type"]
        );
        assert_eq!(kinds(&[PIECE, r#"{"error":{"code":500,"message":"no"}}"#]), Vec::<&str>::new());
    }

    #[test]
    fn recognised_by_outline_or_path() {
        assert_eq!(chosen("/completions", Framing::Sse, PIECE), Some("llamacpp.completion"));
        assert_eq!(chosen("/completion", Framing::Sse, ""), Some("llamacpp.completion"));
        assert_eq!(chosen("/v1/completions", Framing::Sse, ""), Some("openai.completions"));
    }

    #[test]
    fn the_servers_own_times() {
        let read = read_as(&DIALECT, Framing::Sse, &[("", r#"{"content":"a","stop":false}"#), ("", LAST)]);
        assert_eq!(read.answer.server_clock.generating, Some(Span(9_100_000)));
        assert_eq!(read.answer.server_clock.reading, None);
    }
}
