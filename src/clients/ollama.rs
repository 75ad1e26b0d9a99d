//! How Ollama's clients put an answer together.

use super::json::truthy_python;
use super::reader::{Got, Join, Tool};
use super::records::Accumulator;
use super::shape::Shape::{self, List, Object, Text};
use super::shape::{kind, must, nullish};
use serde_json::Value;

/// One record's share in what the server meant to say.
pub(super) fn meant(line: &Value, got: &mut Got) {
    // A generous reading never raises, and the answer ends at the end.
    if !got.finished {
        let _ = add(line, Join::Parts, got);
    }
}

fn add(line: &Value, join: Join, got: &mut Got) -> Result<(), String> {
    for call in line.pointer("/message/tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let n = got.tools.len() as i64;
        let text = |at: &str| call.pointer(at).and_then(Value::as_str).map(String::from).unwrap_or_default();
        let arguments = call.pointer("/function/arguments").map(Value::to_string).unwrap_or_default();
        // Calls have no ids and no types here.
        let (id, kind) = (Some(String::new()), Some(String::new()));
        got.tools.insert((0, n), Tool { id, kind, name: text("/function/name"), arguments });
    }
    got.finished |= line.get("done_reason").and_then(Value::as_str).is_some_and(|r| !r.is_empty());
    join.add(got, 0, line.pointer("/message/content").or_else(|| line.get("response")))
}

/// ollama-js: the last line must say that it is the last; the client does not wait for what follows.
#[derive(Debug, Default)]
pub(super) struct Script {
    done: bool,
}

impl Accumulator for Script {
    fn chunk(&mut self, line: &Value, got: &mut Got) -> Result<(), String> {
        if !line.is_object() && !line.is_array() {
            return Err(format!("a line is {}, not an object", kind(line)));
        }
        if line.get("error").is_some() {
            return Err("the error in the stream is raised".into());
        }
        self.done = line.get("done").is_some_and(super::json::truthy)
            || line.get("status").and_then(Value::as_str) == Some("success");
        add(line, Join::Bent, got)
    }

    fn is_content(&self) -> bool {
        self.done
    }

    fn finish(&mut self, _got: &mut Got) -> Result<(), String> {
        if self.done { Ok(()) } else { Err("no line says `done: true`".into()) }
    }
}

/// ollama-python: every line must be an object with a message; the body is read to its end.
#[derive(Debug, Default)]
pub(super) struct Python {
    /// Answers of `/api/generate`, which have `response` where a chat has `message`.
    pub(super) generate: bool,
}

impl Accumulator for Python {
    fn chunk(&mut self, line: &Value, got: &mut Got) -> Result<(), String> {
        if !line.is_object() {
            return Err(format!("a line is {}, not an object", kind(line)));
        }
        if line.get("error").is_some_and(truthy_python) {
            return Err("the error in the stream is raised".into());
        }
        let key = if self.generate { "response" } else { "message" };
        if line.get(key).is_none() {
            return Err(format!("a line has no `{key}`"));
        }
        add(line, Join::Raises, got)
    }
}

/// What ollama-python validates of a chat's line.
pub(super) static PYTHON: Shape = Object(&[
    nullish("model", Text),
    nullish("done_reason", Text),
    nullish("error", Shape::Any),
    must(
        "message",
        Object(&[
            must("role", Text),
            nullish("content", Text),
            nullish(
                "tool_calls",
                List(&Object(&[must("function", Object(&[must("name", Text), must("arguments", Object(&[]))]))])),
            ),
        ]),
    ),
]);
