//! What a client makes of records one by one: the part of a model above framing.

use super::json::{NO_TEXT, join_halves};
use super::parsed::Payload;
use super::shape::kind;
use super::sse::Event;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the application has at the end.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Got {
    /// Visible text by choice.
    pub(super) texts: BTreeMap<i64, String>,
    /// Tool calls by choice and index, as assembled.
    pub(super) tools: BTreeMap<(i64, i64), Tool>,
    /// A finish reason arrived.
    pub(super) finished: bool,
    /// No finish reason arrived, and the client made one up: whether the answer is whole is not to be seen.
    pub(super) made_up: bool,
    /// The text of the final message that a helper has put together, if it is kept apart from the text of its events.
    pub(super) last_message: Option<String>,
    /// Something other than text and tool calls came: a refusal, audio, an image.
    pub(super) other: bool,
    /// The record that ends the stream came: nothing after it was meant.
    pub(super) over: bool,
    /// Of what was meant: parts that began with text, and how long it was. A first delta may repeat it.
    pub(super) begun_with: BTreeMap<i64, usize>,
    /// Of what was meant: why the text is not all deltas joined.
    pub(super) repeats: Option<&'static str>,
    /// The right answer is known from outside.
    pub(super) known: bool,
    /// An error came in the stream, and the application does not learn of it.
    pub(super) swallowed: bool,
    /// Texts are UTF-16, so that halves of a surrogate pair are joined.
    pub(super) utf16: bool,
    /// The first thing that was dropped or changed on the way.
    pub(super) loss: Option<String>,
}

/// One tool call.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Tool {
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What a client does with a record.
#[derive(Debug)]
pub(super) enum Step {
    /// Continues.
    On,
    /// Has its answer and closes the connection.
    Close,
    /// Has its answer, but reads to the body's end.
    Drain,
    /// Raises; the text says why.
    Raise(String),
}

/// Takes the events of one stream.
pub(super) trait Reader {
    /// One event.
    fn event(&mut self, event: &Event<'_>) -> Step;

    /// A chunk that stands for several events without a name which are alike: it has their texts joined. Only after one
    /// of them came as an event, and only if [`Reader::joins_texts`].
    fn joined(&mut self, chunk: &Payload) -> Step;

    /// Whether [`Reader::joined`] does the same as the single events.
    fn joins_texts(&self) -> bool;

    /// The stream is over for the client. The error: it raises now, and why.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// What the application got.
    fn got(&mut self) -> &mut Got;
}

impl Got {
    /// Text of a choice.
    pub(super) fn add_text(&mut self, choice: i64, text: &str) {
        self.texts.entry(choice).or_default().push_str(text);
    }

    /// All visible text, choice by choice.
    pub(super) fn text(&self) -> String {
        self.texts.values().map(|t| join_halves(t, self.utf16)).collect()
    }

    /// Notes why a part is lost; the first reason is kept.
    pub(super) fn lose(&mut self, why: impl FnOnce() -> String) {
        self.loss.get_or_insert_with(why);
    }

    /// What is missing or different compared with what the server meant to say; none if nothing is.
    pub(super) fn lacks(&self, meant: &Got) -> Option<String> {
        let reason = |plain: &str| self.loss.clone().unwrap_or_else(|| plain.into());
        let text = |got: &Got| {
            got.texts.values().filter(|t| !t.is_empty()).map(|t| join_halves(t, got.utf16)).collect::<Vec<_>>()
        };
        let (have, want) = (text(self), text(meant));
        if have != want {
            let (have, want) = (have.concat(), want.concat());
            return Some(match meant.repeats {
                _ if have.is_empty() => reason("all text is lost"),
                Some(why) => reason(why),
                None if want.starts_with(&have) => reason("text is cut short"),
                None if have.starts_with(&want) => reason("more text than was meant"),
                None => reason("text differs from what was meant"),
            });
        }
        if have.iter().any(|t| t.contains(NO_TEXT)) {
            return Some(reason("bytes that are not text become U+FFFD"));
        }
        if let Some(last) = self.last_message.as_ref().filter(|last| **last != want.concat()) {
            return Some(match () {
                () if last.is_empty() => reason("the final message is empty, though its events have text"),
                () => reason("the final message differs from its events"),
            });
        }
        if let Some(lack) = self.tools_lack(meant) {
            return Some(reason(&lack));
        }
        if !self.finished {
            return Some(match &self.loss {
                Some(loss) => format!("{loss}; no finish reason"),
                None if meant.finished => "the finish reason is lost".into(),
                None => "no finish reason came: whole or cut short?".into(),
            });
        }
        if self.made_up && !meant.finished && !meant.known {
            return Some(reason("no finish reason came, and it makes up \"stop\""));
        }
        if self.swallowed {
            return Some(reason("the error in the stream is swallowed"));
        }
        if have.is_empty() && self.tools.is_empty() && !self.other {
            return Some(reason("the answer is empty"));
        }
        None
    }

    fn tools_lack(&self, meant: &Got) -> Option<String> {
        if self.tools.len() != meant.tools.len() {
            return Some(format!("{} tool calls become {}", meant.tools.len(), self.tools.len()));
        }
        self.tools.values().zip(meant.tools.values()).find_map(|(have, want)| {
            if have.id.is_none() {
                return Some("a tool call has no id, so its result can't be matched to it".into());
            }
            if have.kind.is_none() {
                return Some("a tool call has no type".into());
            }
            if have.name != want.name {
                return Some(format!("tool name is {:?}, not {:?}", have.name, want.name));
            }
            (have.arguments != want.arguments).then(|| "tool arguments differ from what was meant".into())
        })
    }
}

/// What a language does when a value that is not a string is added to a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// It becomes some text: `[object Object]`, JSON, a `repr`.
    Bent,
    /// It raises.
    Raises,
    /// The value is left out.
    Dropped,
    /// Parts of type `text` are joined, as some servers intend.
    Parts,
}

impl Join {
    /// Adds a text value (null adds nothing). The error is the exception's text.
    pub(super) fn add(self, got: &mut Got, choice: i64, value: Option<&Value>) -> Result<(), String> {
        match value {
            // Loops ask `if content:` before they add.
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::String(s)) => got.add_text(choice, s),
            Some(other) => match self {
                // An empty array adds an empty text.
                Join::Bent if other.as_array().is_some_and(Vec::is_empty) => {}
                Join::Bent => {
                    got.lose(|| format!("content is {}, shown as such", kind(other)));
                    got.add_text(choice, &other.to_string());
                }
                Join::Raises => return Err(format!("content is {}, not a string", kind(other))),
                Join::Dropped => got.lose(|| format!("content is {}, which is dropped", kind(other))),
                Join::Parts => {
                    for part in other.as_array().into_iter().flatten() {
                        if let Some(text) = part.get("text").and_then(Value::as_str) {
                            got.add_text(choice, text);
                        }
                    }
                }
            },
        }
        Ok(())
    }
}

impl Join {
    /// The same without a check for null: ECMAScript's `+=` appends the word.
    pub(super) fn add_plainly(self, got: &mut Got, choice: i64, value: Option<&Value>) -> Result<(), String> {
        let word = match value {
            None => "undefined",
            Some(Value::Null) => "null",
            some => return self.add(got, choice, some),
        };
        match self {
            Join::Bent => {
                got.lose(|| format!("{word} is shown as text"));
                got.add_text(choice, word);
            }
            Join::Raises => return Err(format!("text is {word}")),
            Join::Dropped | Join::Parts => {}
        }
        Ok(())
    }
}

/// A number as an index; none if it is absent or null.
pub(super) fn index(value: &Value) -> Option<i64> {
    value.get("index").and_then(Value::as_i64)
}
