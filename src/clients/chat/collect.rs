//! Chunks passed on unchanged: what the usual loop of an application makes of them.

use crate::clients::json::{truthy, truthy_python};
use crate::clients::reader::{Got, Join, Tool, index};
use crate::clients::records::Accumulator;
use crate::clients::shape::kind;
use serde_json::Value;

/// The loop `text += chunk.choices[0].delta.content`, with the changes of the library around it.
#[derive(Debug, Clone, Copy)]
pub(in crate::clients) struct Collect {
    /// What happens to content that is not a string.
    pub(in crate::clients) join: Join,
    /// A chunk that is not an object is an exception, because reading its `choices` is one.
    pub(in crate::clients) object_only: bool,
    /// A choice without `delta` is skipped, together with its finish reason.
    pub(in crate::clients) needs_delta: bool,
    /// Names of tool calls are joined as arguments are.
    pub(in crate::clients) joins_names: bool,
    /// Only the first choice of a chunk is read.
    pub(in crate::clients) first_only: bool,
    /// What makes a tool call another one.
    pub(in crate::clients) calls: Calls,
}

/// What makes a tool call another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clients) enum Calls {
    /// By index alone: two calls under one index become one.
    ByIndex,
    /// A new id with a name begins another call under the same index, but a fragment without an id is then lost,
    /// because it may belong to either.
    ById,
    /// The same, and a fragment without an id belongs to the last call, as was meant.
    Meant,
}

impl Accumulator for Collect {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if chunk.is_null() || (self.object_only && !chunk.is_object()) {
            return Err(format!("an event is {}, not an object with choices", kind(chunk)));
        }
        if let Some(odd) = chunk.get("choices").filter(|c| self.object_only && !c.is_array() && truthy_python(c)) {
            return Err(format!("choices is {}, not a list", kind(odd)));
        }
        for choice in choices(chunk).take(if self.first_only { 1 } else { usize::MAX }) {
            let n = index(choice).unwrap_or(0);
            let delta = choice.get("delta").filter(|d| !d.is_null());
            if delta.is_none() && self.needs_delta {
                if finishes(choice) {
                    got.lose(|| "a choice without `delta` is skipped, its finish reason too".into());
                }
                continue;
            }
            got.finished |= finishes(choice);
            if let Some(delta) = delta {
                got.other |= has_other(delta);
                self.join.add(got, n, delta.get("content"))?;
                let tools = Tools { joins_names: self.joins_names, calls: self.calls, join: self.join };
                tools.add(delta, n, got)?;
            }
        }
        Ok(())
    }
}

/// A refusal, audio, images, or a call in the form before `tool_calls`.
pub(super) fn has_other(delta: &Value) -> bool {
    ["refusal", "audio", "images", "function_call"].iter().any(|key| delta.get(key).is_some_and(truthy_python))
}

/// Choices of a chunk; none if they are not an array.
pub(super) fn choices(chunk: &Value) -> impl Iterator<Item = &Value> {
    chunk.get("choices").and_then(Value::as_array).into_iter().flatten()
}

/// The choice has a finish reason.
pub(super) fn finishes(choice: &Value) -> bool {
    choice.get("finish_reason").is_some_and(truthy)
}

/// How fragments of tool calls are put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tools {
    /// Names are joined as arguments are.
    pub(super) joins_names: bool,
    /// What makes a call another one.
    pub(super) calls: Calls,
    /// What happens to arguments that are not a string.
    pub(super) join: Join,
}

impl Tools {
    /// Adds the fragments of a delta, by index or else by place. The error is the exception's text.
    pub(super) fn add(self, delta: &Value, choice: i64, got: &mut Got) -> Result<(), String> {
        for (place, fragment) in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let call = index(fragment).unwrap_or(place as i64);
            let (call, others) = match self.calls {
                Calls::ByIndex => (call, false),
                Calls::ById | Calls::Meant => last_of(fragment, (choice, call), got),
            };
            if others && self.calls == Calls::ById && fragment.get("id").is_none_or(Value::is_null) {
                got.lose(|| "fragments without an id are lost, because their index has two calls".into());
                continue;
            }
            let tool = got.tools.entry((choice, call)).or_default();
            let bent = self.fragment(fragment, tool)?;
            if let Some(bent) = bent {
                got.lose(|| bent);
            }
        }
        Ok(())
    }

    /// Adds one fragment. It may say how arguments were bent.
    pub(super) fn fragment(self, fragment: &Value, tool: &mut Tool) -> Result<Option<String>, String> {
        let text = |v: Option<&Value>| v.and_then(Value::as_str).filter(|s| !s.is_empty()).map(String::from);
        tool.id = tool.id.take().or_else(|| text(fragment.get("id")));
        tool.kind = tool.kind.take().or_else(|| text(fragment.get("type")));
        let function = fragment.get("function");
        if let Some(name) = text(function.and_then(|f| f.get("name"))) {
            if self.joins_names {
                tool.name.push_str(&name);
            } else {
                tool.name = name;
            }
        }
        match function.and_then(|f| f.get("arguments")) {
            Some(Value::String(s)) => tool.arguments.push_str(s),
            None | Some(Value::Null) => {}
            Some(other) => {
                let odd = format!("tool arguments are {}, not a string", kind(other));
                match self.join {
                    Join::Parts => tool.arguments.push_str(&other.to_string()),
                    Join::Raises => return Err(odd),
                    // ECMAScript's `+=` writes this word; in Python the value stays what it is, or is left out.
                    Join::Bent | Join::Dropped => {
                        tool.arguments.push_str("[object Object]");
                        return Ok(Some(odd));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// More calls than this under one index are not kept apart.
const MOST_UNDER_ONE_INDEX: i64 = 64;

/// The key of the call that a fragment with this index belongs to: the last one under the index, or a new one if the
/// fragment begins another call. Keys of later calls under an index are far beyond all indexes. Also: whether the index
/// has several.
fn last_of(fragment: &Value, (choice, call): (i64, i64), got: &Got) -> (i64, bool) {
    let key = |n: i64| call.wrapping_add(n << 40);
    let mut last = 0;
    while last + 1 < MOST_UNDER_ONE_INDEX && got.tools.contains_key(&(choice, key(last + 1))) {
        last += 1;
    }
    let text = |v: Option<&Value>| v.and_then(Value::as_str).is_some_and(|s| !s.is_empty());
    let known = got.tools.get(&(choice, key(last)));
    let begins_another = known.is_some_and(|known| {
        let id = fragment.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let other_id = id.is_some_and(|id| known.id.as_deref().is_some_and(|known| known != id));
        let whole =
            known.arguments.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(&known.arguments).is_ok();
        other_id && text(fragment.pointer("/function/name")) && whole
    });
    if begins_another && last + 1 < MOST_UNDER_ONE_INDEX {
        last += 1;
    }
    (key(last), last > 0)
}
