//! From events to an answer: terminator, event names, JSON, errors, schema. Each client is a value of [`Records`]
//! with an [`Accumulator`].

use super::json::{Json, truthy, truthy_python};
use super::parsed::{Parsed, Payload};
use super::reader::{Got, Reader, Step};
use super::shape::Shape;
use super::sse::Event;
use serde_json::Value;
use std::rc::Rc;

/// What one client does with events.
#[derive(Debug)]
pub(super) struct Records {
    /// The data that ends the stream.
    pub(super) done: Done,
    /// What happens after the terminator.
    pub(super) then: Then,
    /// An end without the terminator is an error.
    pub(super) needs_done: bool,
    /// What happens to events by their name.
    pub(super) route: fn(&str) -> Route,
    /// What happens to events without a name.
    pub(super) unnamed: Route,
    /// Empty data is skipped rather than parsed.
    pub(super) skips_empty: bool,
    /// How JSON is read.
    pub(super) json: Json,
    /// Data that is not JSON is skipped and raises nothing.
    pub(super) skips_unreadable: bool,
    /// Which `error` member is an exception.
    pub(super) error: ErrorRule,
    /// The schema that the client checks before it passes a record on.
    pub(super) shape: Option<&'static Shape>,
    /// How the answer is put together.
    pub(super) collect: fn() -> Box<dyn Accumulator>,
}

/// How the terminator is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// The data is `[DONE]`.
    Equals,
    /// The data begins with `[DONE]`.
    Begins,
    /// The data is `[DONE]`, possibly with white space around it.
    Trimmed,
    /// No data is a terminator.
    Never,
    /// The data is a space and `[DONE]`, because the loop's prefix leaves the space in.
    SpacedExactly,
}

impl Done {
    /// The data is the terminator.
    pub(super) fn is(self, data: &str) -> bool {
        match self {
            Done::Equals => data == "[DONE]",
            Done::Begins => data.starts_with("[DONE]"),
            Done::Trimmed => data.trim() == "[DONE]",
            Done::Never => false,
            Done::SpacedExactly => data.trim_end() == " [DONE]",
        }
    }
}

/// What a client does at the terminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Closes the connection.
    Close,
    /// Reads on to the body's end and takes no more events.
    Drain,
    /// Skips it and takes what follows.
    GoOn,
}

/// What happens to an event because of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// It is read like any other event.
    Chunk,
    /// It reaches the application in an envelope, in which no loop looks for choices.
    Hidden,
    /// The same, unless it holds an error, which is raised.
    HiddenUnlessError,
    /// It never arrives.
    Dropped,
    /// It never arrives, and that is not counted as a loss.
    Passed,
    /// It is an exception.
    Raise,
}

/// Which `error` members are exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorRule {
    /// None.
    Ignored,
    /// One that is true in ECMAScript.
    Truthy,
    /// One that is true in Python.
    TruthyPython,
    /// One that is not null.
    NotNull,
    /// Any, null too.
    Present,
}

impl ErrorRule {
    fn raises(self, value: &Value) -> bool {
        let Some(error) = value.get("error") else { return false };
        match self {
            ErrorRule::Ignored => false,
            ErrorRule::Truthy => truthy(error),
            ErrorRule::TruthyPython => truthy_python(error),
            ErrorRule::NotNull => !error.is_null(),
            ErrorRule::Present => true,
        }
    }
}

/// Builds an answer from records.
pub(super) trait Accumulator {
    /// One record; an error is an exception.
    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String>;

    /// Everything that it waits for has come: it closes.
    fn is_content(&self) -> bool {
        false
    }

    /// Whether two successive chunks that are [`Alike`](super::alike::Alike), the second and the third of their kind or
    /// later ones, do the same as one with both texts joined.
    fn joins_texts(&self) -> bool {
        false
    }

    /// The stream is over; an error is an exception.
    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        let _ = got;
        Ok(())
    }
}

/// No event name means anything.
pub(super) fn any_event(_: &str) -> Route {
    Route::Chunk
}

/// A client reading one stream.
struct Reading {
    records: &'static Records,
    parsed: Rc<Parsed>,
    collect: Box<dyn Accumulator>,
    got: Got,
    done: bool,
    done_seen: bool,
}

impl Records {
    /// A fresh reader of a stream whose payloads are `parsed`.
    pub(super) fn reader(&'static self, parsed: Rc<Parsed>) -> Box<dyn Reader> {
        Box::new(Reading {
            records: self,
            parsed,
            collect: (self.collect)(),
            got: Got { utf16: self.json == Json::Script, ..Got::default() },
            done: false,
            done_seen: false,
        })
    }
}

impl Reading {
    /// A chunk that reaches the application as such.
    fn chunk(&mut self, payload: &Payload) -> Step {
        let value = &payload.value;
        if self.records.error.raises(value) {
            let null = value.get("error").is_some_and(Value::is_null);
            return Step::Raise(
                if null { "`\"error\": null` is taken for an error" } else { "the error in the stream is raised" }
                    .into(),
            );
        }
        if let Some(miss) = self.records.shape.and_then(|s| payload.misses(s)) {
            return Step::Raise(miss);
        }
        self.got.swallowed |= value.get("error").is_some_and(truthy_python);
        match self.collect.chunk(value, &mut self.got) {
            Ok(()) if self.collect.is_content() => Step::Close,
            Ok(()) => Step::On,
            Err(why) => Step::Raise(why),
        }
    }
}

impl Reader for Reading {
    fn event(&mut self, event: &Event<'_>) -> Step {
        if self.done {
            return Step::On;
        }
        let data = event.data.as_deref().unwrap_or_default();
        let route = event.name.as_deref().map_or(self.records.unnamed, self.records.route);
        if route == Route::Passed {
            return Step::On;
        }
        if route == Route::Dropped {
            if data.contains("\"delta\"") {
                let name = event.name.as_ref().map_or("without a name".into(), |n| format!("named {n:?}"));
                self.got.lose(|| format!("events {name} never arrive"));
            }
            return Step::On;
        }
        if self.records.done.is(data) {
            self.done_seen = true;
            match self.records.then {
                Then::Close => return Step::Close,
                Then::Drain => {
                    self.done = true;
                    return Step::Drain;
                }
                Then::GoOn => return Step::On,
            }
        }
        if data.is_empty() && self.records.skips_empty {
            return Step::On;
        }
        let payload = match self.parsed.read(self.records.json, data) {
            Ok(payload) => payload,
            Err(_) if self.records.skips_unreadable => {
                self.got.lose(|| "what is not JSON is skipped".into());
                return Step::On;
            }
            Err(why) if event.data.is_none() => {
                return Step::Raise(format!("an event without data is dispatched: {why}"));
            }
            Err(why) => return Step::Raise(why),
        };
        let value = &payload.value;
        if route == Route::Raise {
            return Step::Raise(format!("event {:?} is taken for an error", event.name.as_deref().unwrap_or_default()));
        }
        if route == Route::HiddenUnlessError && self.records.error.raises(value) {
            return Step::Raise("the error in the stream is raised".into());
        }
        if route == Route::Hidden || route == Route::HiddenUnlessError {
            let name = event.name.as_deref().unwrap_or_default();
            if value.get("choices").is_some() {
                self.got.lose(|| format!("chunks under `event: {name}` are passed on without choices"));
            }
            let envelope = serde_json::json!({ "event": name, "data": value });
            return match self.collect.chunk(&envelope, &mut self.got) {
                Ok(()) => Step::On,
                Err(why) => Step::Raise(self.got.loss.clone().unwrap_or(why)),
            };
        }
        self.chunk(&payload)
    }

    fn joined(&mut self, chunk: &Payload) -> Step {
        if self.done { Step::On } else { self.chunk(chunk) }
    }

    fn joins_texts(&self) -> bool {
        self.collect.joins_texts() && self.records.unnamed == Route::Chunk
    }

    fn finish(&mut self) -> Result<(), String> {
        if self.records.needs_done && !self.done_seen {
            return Err("the stream ends without [DONE]".into());
        }
        self.collect.finish(&mut self.got)
    }

    fn got(&mut self) -> &mut Got {
        &mut self.got
    }
}
