//! Chunks passed on unchanged: what the usual loop of an application makes of them.

use crate::clients::json::{truthy, truthy_python};
use crate::clients::reader::{Got, Join, Tool, index};
use crate::clients::records::Accumulator;
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
}

impl Accumulator for Collect {
    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if chunk.is_null() || (self.object_only && !chunk.is_object()) {
            return Err(format!("an event is {}, not an object with choices", crate::clients::shape::kind(chunk)));
        }
        if let Some(odd) = chunk.get("choices").filter(|c| self.object_only && !c.is_array() && truthy_python(c)) {
            return Err(format!("choices is {}, not a list", crate::clients::shape::kind(odd)));
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
                self.join.add(got, n, delta.get("content"))?;
                add_tools(delta, n, self.joins_names, got);
            }
        }
        Ok(())
    }
}

/// Choices of a chunk; none if they are not an array.
pub(super) fn choices(chunk: &Value) -> impl Iterator<Item = &Value> {
    chunk.get("choices").and_then(Value::as_array).into_iter().flatten()
}

/// The choice has a finish reason.
pub(super) fn finishes(choice: &Value) -> bool {
    choice.get("finish_reason").is_some_and(truthy)
}

/// Adds tool call fragments, by index or else by place.
pub(super) fn add_tools(delta: &Value, choice: i64, joins_names: bool, got: &mut Got) {
    for (place, fragment) in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let tool = got.tools.entry((choice, index(fragment).unwrap_or(place as i64))).or_default();
        add_tool(fragment, joins_names, tool);
    }
}

/// Adds one fragment.
pub(super) fn add_tool(fragment: &Value, joins_names: bool, tool: &mut Tool) {
    let text = |v: Option<&Value>| v.and_then(Value::as_str).filter(|s| !s.is_empty()).map(String::from);
    tool.id = tool.id.take().or_else(|| text(fragment.get("id")));
    tool.kind = tool.kind.take().or_else(|| text(fragment.get("type")));
    let function = fragment.get("function");
    if let Some(name) = text(function.and_then(|f| f.get("name"))) {
        if joins_names {
            tool.name.push_str(&name);
        } else {
            tool.name = name;
        }
    }
    match function.and_then(|f| f.get("arguments")) {
        Some(Value::String(s)) => tool.arguments.push_str(s),
        None | Some(Value::Null) => {}
        Some(other) => tool.arguments.push_str(&other.to_string()),
    }
}
