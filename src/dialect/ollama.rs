//! Ollama's own protocol: `/api/chat` and `/api/generate`, one JSON object per line, streamed unless `stream` is
//! false (docs/dialects.md a.7).
//!
//! Source: Ollama's `docs/api.md`. The last line has `done: true`, `done_reason` and the counts.

use super::json::{self, Flag, List, Num, Obj, Raw, Text};
use super::payload::{BadPayload, object, unknown};
use super::reader::Reader;
use super::remarks::{Place, Remarks};
use super::shape::Shape;
use super::{Answer, Confidence, Dialect, End, Evidence, Meaning, StreamsBy};
use crate::framing::{Framing, Record};
use crate::oddity::{Kind, excerpt};
use crate::time::{Span, Timestamp};

/// The payload is not JSON; the serde error with its position.
pub const NOT_JSON: Kind = Kind("ollama.not-json");
/// The payload is JSON but no object.
pub const NOT_OBJECT: Kind = Kind("ollama.not-object");
/// The body ended properly without `done: true` and without an error.
pub const NO_DONE: Kind = Kind("ollama.no-done");
/// A line after `done: true`.
pub const AFTER_DONE: Kind = Kind("ollama.after-done");
/// `done: true` without `done_reason`.
pub const NO_DONE_REASON: Kind = Kind("ollama.no-done-reason");
/// Neither a message, a response, `done` nor an error.
pub const UNKNOWN_TYPE: Kind = Kind("ollama.unknown-type");
/// A line with `error`.
pub const ERROR_LINE: Kind = Kind("ollama.error-line");
/// Lines lag behind their own `created_at` by more than 200 ms, the least lag of the stream taken as the distance
/// between the two clocks.
pub const ARRIVAL_LAG: Kind = Kind("ollama.arrival-lag");
/// `[DONE]`, which this dialect does not have.
pub const FOREIGN_TERMINATOR: Kind = Kind("ollama.foreign-terminator");

/// `ollama.chat`
pub static CHAT: Dialect = Dialect {
    name: "ollama.chat",
    content_types: &["application/x-ndjson"],
    end: End::Terminator("done:true"),
    streams_by: StreamsBy::FlagUnlessFalse,
    profile: Some("ollama"),
    paths: |evidence, path| path.ends_with("/api/chat") && evidence.framing != Framing::Sse,
    shape: |evidence, shape| outline(evidence, shape, "message"),
    reader: |evidence| Box::new(Ollama::new(evidence)),
    ..Dialect::USUAL
};

/// `ollama.generate`
pub static GENERATE: Dialect = Dialect {
    name: "ollama.generate",
    content_types: &["application/x-ndjson"],
    end: End::Terminator("done:true"),
    streams_by: StreamsBy::FlagUnlessFalse,
    profile: Some("ollama"),
    paths: |evidence, path| path.ends_with("/api/generate") && evidence.framing != Framing::Sse,
    shape: |evidence, shape| outline(evidence, shape, "response"),
    reader: |evidence| Box::new(Ollama::new(evidence)),
    ..Dialect::USUAL
};

/// By outline; `body` is the key that tells the two apart.
fn outline(_: &Evidence<'_>, shape: &Shape, body: &str) -> Confidence {
    match shape.has_all(&["model", "created_at"]) {
        true if shape.has_all(&["done", body]) => Confidence::Certain,
        true if shape.has(body) => Confidence::Likely,
        _ => Confidence::No,
    }
}

/// A lag that no scheduler explains.
const LAG_LIMIT: Span = Span::from_millis(200);

/// One line.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    created_at: Text<'a>,
    #[serde(borrow)]
    message: Obj<Message<'a>>,
    #[serde(borrow)]
    response: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    done: Flag,
    #[serde(borrow)]
    done_reason: Text<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    prompt_eval_count: Num,
    eval_count: Num,
    prompt_eval_duration: Num,
    eval_duration: Num,
    total_duration: Num,
    load_duration: Num,
    #[serde(borrow)]
    logprobs: Raw<'a>,
    /// Image generation: steps that are done, of how many, and at last the image.
    completed: Num,
    total: Num,
    #[serde(borrow)]
    image: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<Obj<ToolCall<'a>>>,
    images: List<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    function: Obj<Function<'a>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Function<'a> {
    index: Num,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

/// Reads lines, or one whole answer.
#[derive(Debug)]
struct Ollama {
    document: bool,
    done: bool,
    failed: bool,
    /// Tool calls so far; they come whole.
    calls: u32,
    /// Delay of the lines after their `created_at`.
    lag: Option<Lag>,
    /// `total_duration`.
    total: Option<Span>,
}

/// Distances from `created_at` to arrival.
#[derive(Debug)]
struct Lag {
    least: Span,
    most: Span,
    /// Where the greatest was.
    at: Place,
    /// `created_at` of the first line and of the latest one.
    first: i64,
    latest: i64,
    /// Lines with one.
    lines: i64,
}

impl Lag {
    /// The time stamps are those of a real clock: they advance from line to line and agree with the durations in the
    /// last line. (Mocks and gateways write times that do neither, and prove nothing about delays on the way.)
    fn believed(&self, generating: Option<Span>, total: Option<Span>) -> bool {
        let span = self.latest.saturating_sub(self.first);
        // Lines are made while tokens are generated, except for the first, which comes at the end of its own share.
        let share = generating.map_or(0, |g| g.0 - g.0 / self.lines.max(1));
        let longest = total.map_or(i64::MAX, |t| t.0.saturating_add(t.0 / 10).saturating_add(CLOCK_SLACK.0));
        span > 0 && span <= longest && span.saturating_mul(3) >= share
    }
}

/// What the last line's durations may lack of the time between the first line and itself.
const CLOCK_SLACK: Span = Span::from_millis(50);

impl Ollama {
    fn new(evidence: &Evidence<'_>) -> Self {
        Ollama {
            document: evidence.framing == Framing::Json,
            done: false,
            failed: false,
            calls: 0,
            lag: None,
            total: None,
        }
    }

    fn line(
        &mut self,
        event: &Event<'_>,
        record: &Record<'_>,
        answer: &mut Answer,
        remarks: &mut Remarks<'_>,
    ) -> Meaning {
        let mut meaning = Meaning::default();
        remarks.note_if(self.done, AFTER_DONE, || excerpt(record.data));
        answer.identify(event.model.full(), None);
        self.clock(event, remarks.place);
        if let Some(error) = event.error.told() {
            remarks.note(ERROR_LINE, || excerpt(error.as_bytes()));
            answer.fail(&error);
            (meaning.error, self.failed) = (true, true);
            return meaning;
        }
        let message = event.message.here();
        let steps = event.completed.count().is_some() || event.total.count().is_some();
        let known = message.is_some() || event.response.present() || matches!(event.done, Flag::Bool(_)) || steps;
        if !known {
            return unknown(record, answer, remarks, UNKNOWN_TYPE);
        }
        for text in [message.map(|m| &m.content), Some(&event.response)].into_iter().flatten() {
            meaning.content |= text.full().is_some_and(|text| answer.add_text(0, text));
        }
        for text in [message.map(|m| &m.thinking), Some(&event.thinking)].into_iter().flatten() {
            meaning.reasoning |= text.full().is_some_and(|text| answer.add_reasoning(text));
        }
        for call in message.iter().flat_map(|m| m.tool_calls.iter()).filter_map(Obj::here) {
            self.call(call, answer);
            meaning.tool = true;
        }
        let images = message.is_some_and(|m| !m.images.is_empty());
        meaning.content |= answer.add_media(images || event.image.full().is_some());
        answer.logprobs |= event.logprobs.json().is_some();
        if event.done == Flag::Bool(true) {
            self.end(event, answer, remarks);
            meaning.terminator = !self.document;
        }
        meaning
    }

    /// Every line says when it was made.
    fn clock(&mut self, event: &Event<'_>, place: Place) {
        let made =
            event.created_at.full().and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok()?.timestamp_nanos_opt());
        let Some(made) = made else { return };
        let lag = place.at.since(Timestamp(made));
        let seen =
            self.lag.get_or_insert(Lag { least: lag, most: lag, at: place, first: made, latest: made, lines: 0 });
        seen.latest = made;
        seen.lines += 1;
        seen.least = lag.min(seen.least);
        if lag > seen.most {
            (seen.most, seen.at) = (lag, place);
        }
    }

    fn call(&mut self, call: &ToolCall<'_>, answer: &mut Answer) {
        let none = Function::default();
        let function = call.function.here().unwrap_or(&none);
        let key = function.index.index().unwrap_or(self.calls).to_string();
        self.calls = self.calls.saturating_add(1);
        answer.name_tool(&key, function.name.str().unwrap_or_default());
        answer.add_arguments(&key, &function.arguments.text().unwrap_or_default());
    }

    fn end(&mut self, event: &Event<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        self.done = true;
        if !self.document {
            answer.terminator.saw("done:true", true);
        }
        match event.done_reason.full() {
            Some(reason) => answer.finish(0, reason),
            None => remarks.note(NO_DONE_REASON, || event.done_reason.show()),
        }
        let counts: serde_json::Map<_, _> =
            [("prompt_eval_count", event.prompt_eval_count), ("eval_count", event.eval_count)]
                .into_iter()
                .filter_map(|(name, n)| n.int().map(|n| (name.to_owned(), n.into())))
                .collect();
        let span = |n: Num| n.int().filter(|n| *n > 0).map(Span);
        answer.server_clock.generating = span(event.eval_duration);
        self.total = span(event.total_duration);
        answer.server_clock.reading = span(event.prompt_eval_duration);
        answer.server_clock.loading = span(event.load_duration);
        if !counts.is_empty() {
            answer.report_usage(Some(counts.into()), event.eval_count.count());
        }
    }
}

const BAD_PAYLOAD: BadPayload =
    BadPayload { not_json: NOT_JSON, not_object: NOT_OBJECT, foreign_done: Some(FOREIGN_TERMINATOR) };

impl Reader for Ollama {
    fn record(&mut self, record: &Record<'_>, answer: &mut Answer, remarks: &mut Remarks<'_>) -> Meaning {
        object(record, answer, remarks, BAD_PAYLOAD, |text, repair, answer, remarks| {
            Ok(self.line(&json::parse::<Event<'_>>(text, repair)?, record, answer, remarks))
        })
    }

    fn finish(&mut self, complete: bool, answer: &mut Answer, remarks: &mut Remarks<'_>) {
        remarks.note_if(complete && !self.done && !self.failed && !self.document, NO_DONE, || "the body ended".into());
        if let Some(seen) = self.lag.as_ref().filter(|seen| seen.believed(answer.server_clock.generating, self.total)) {
            let lag = Span(seen.most.0.saturating_sub(seen.least.0));
            answer.server_clock.lag_spread = Some(lag);
            if lag > LAG_LIMIT {
                remarks.note_at(seen.at, ARRIVAL_LAG, || lag.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Read, chosen, read_as};
    use super::*;

    const CHAT_LINE: &str = r#"{"model":"l","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"Hi"},"done":false}"#;
    const CHAT_END: &str = r#"{"model":"l","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":1,"prompt_eval_count":2,"eval_count":5}"#;

    fn chat(lines: &[&str]) -> Read {
        let lines: Vec<_> = lines.iter().map(|l| ("", *l)).collect();
        read_as(&CHAT, Framing::Ndjson, &lines)
    }

    #[test]
    fn chat_of_two_lines() {
        let read = chat(&[CHAT_LINE, CHAT_END]);
        assert_eq!((read.text(), read.answer.content_deltas, read.answer.output_tokens), ("Hi", 1, Some(5)));
        assert_eq!(read.answer.usage, Some(serde_json::json!({"prompt_eval_count": 2, "eval_count": 5})));
        let t = &read.answer.terminator;
        assert_eq!(
            (t.expected, t.which.as_deref(), t.own, t.is_last_record),
            (Some("done:true"), Some("done:true"), true, Some(true))
        );
        assert_eq!((read.answer.finish_reasons[&0].as_str(), read.kinds().len()), ("stop", 0));
    }

    #[test]
    fn generate_thinks_and_answers() {
        let line = r#"{"model":"l","created_at":"x","response":"","thinking":"hm","done":false}"#;
        let read = read_as(
            &GENERATE,
            Framing::Ndjson,
            &[("", line), ("", r#"{"model":"l","created_at":"x","response":"✓","done":true}"#)],
        );
        assert_eq!((read.text(), read.answer.reasoning_text.as_str(), read.answer.reasoning_deltas), ("✓", "hm", 1));
        assert_eq!(read.kinds(), ["ollama.no-done-reason"]);
    }

    #[test]
    fn tool_arguments_are_objects() {
        let line = r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"g","arguments":{}}}]},"done":false}"#;
        let read = chat(&[line, CHAT_END]);
        assert_eq!(
            (read.answer.tool_deltas, read.answer.tool_arguments["0"].as_str(), read.answer.tool_names["1"].as_str()),
            (1, "{\"a\":1}", "g")
        );
    }

    #[test]
    fn a_whole_answer_has_no_terminator() {
        let read = read_as(&CHAT, Framing::Json, &[("", CHAT_END)]);
        let t = &read.answer.terminator;
        assert_eq!(
            (t.expected, t.seen, read.answer.finish_reasons[&0].as_str(), read.kinds().len()),
            (None, false, "stop", 0)
        );
    }

    #[test]
    fn oddities() {
        assert_eq!(chat(&[CHAT_LINE]).kinds(), ["ollama.no-done"]);
        assert_eq!(chat(&[CHAT_END, CHAT_LINE]).kinds(), ["ollama.after-done"]);
        let read = chat(&[CHAT_LINE, r#"{"error":"out of memory"}"#]);
        assert_eq!((read.answer.error.as_deref(), read.kinds().len()), (Some("out of memory"), 1), "the error itself");
        assert_eq!(
            chat(&["{\"x\":1}", "[DONE]", "{", CHAT_END]).kinds(),
            ["ollama.foreign-terminator", "ollama.not-json", "ollama.unknown-type"]
        );
    }

    #[test]
    fn clocks_that_contradict_the_durations_prove_nothing() {
        let ms = Span::from_millis;
        // Five lines in 800 ms of 1 s of generating.
        let lag = Lag { least: ms(0), most: ms(0), at: Place::default(), first: 0, latest: ms(800).0, lines: 5 };
        assert!(lag.believed(None, None));
        assert!(lag.believed(Some(ms(1000)), Some(ms(1100))));
        assert!(!lag.believed(Some(ms(1000)), Some(ms(500))), "longer than the whole took");
        assert!(!lag.believed(Some(ms(9000)), Some(ms(9100))), "much shorter than generating took");
        assert!(!Lag { latest: 0, ..lag }.believed(None, None), "it stands still");
    }

    #[test]
    fn recognised_by_outline_or_path() {
        assert_eq!(chosen("/x", Framing::Ndjson, CHAT_LINE), Some("ollama.chat"));
        assert_eq!(chosen("/x", Framing::Sse, CHAT_LINE), Some("ollama.chat"));
        assert_eq!(chosen("/api/generate", Framing::Json, r#"{"error":"model not found"}"#), Some("ollama.generate"));
        // other programs have an /api/chat too
        assert_eq!(chosen("/api/chat", Framing::Sse, r#"{"type":"start"}"#), Some("none"));
    }
}
