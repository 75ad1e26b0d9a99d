//! `client.chat.completions.stream()` of openai-node: a snapshot that grows, and what must be in it when the stream
//! is over.

use super::collect::{Calls, Tools, choices, finishes, has_other};
use crate::clients::json::truthy;
use crate::clients::reader::{Got, Join, Tool};
use crate::clients::records::Accumulator;
use crate::clients::shape::kind;
use serde_json::Value;
use std::collections::BTreeMap;

/// One choice of the snapshot.
#[derive(Debug, Default)]
struct Choice {
    role: Option<String>,
    finished: bool,
    /// An old function call: whether it has a name, and whether it has arguments.
    function_call: Option<(bool, bool)>,
    tools: BTreeMap<String, Snapshot>,
    /// The index of the current call.
    current: Option<String>,
}

#[derive(Debug, Default)]
struct Snapshot {
    tool: Tool,
    function: bool,
}

/// The helper's accumulator.
#[derive(Debug, Default)]
pub(in crate::clients) struct HelperScript {
    /// Indexes must be small whole numbers (version 7); before, any key did.
    strict_index: bool,
    begun: bool,
    /// Events had text that no final message has.
    astray: bool,
    /// By index as ECMAScript writes a property's name.
    choices: BTreeMap<String, Choice>,
}

impl HelperScript {
    /// With indexes checked, or not.
    pub(in crate::clients) fn new(strict_index: bool) -> Self {
        HelperScript { strict_index, ..HelperScript::default() }
    }

    fn index(&self, value: &Value, what: &str) -> Result<String, String> {
        match value.get("index") {
            Some(Value::Number(n)) if n.as_u64().is_some_and(|n| n < 1 << 32) => Ok(n.to_string()),
            other if self.strict_index => Err(format!("{what} index is {}", other.map_or("missing".into(), kind))),
            Some(Value::String(s)) => Ok(s.clone()),
            _ => Ok("undefined".into()),
        }
    }

    fn choice(&mut self, choice: &Value, got: &mut Got) -> Result<(), String> {
        if choice.is_null() {
            return Err("a choice is null".into());
        }
        let key = self.index(choice, "a choice's")?;
        let finished = finishes(choice);
        // All other members of a choice are assigned to the snapshot: a `message` beside the delta replaces what was
        // collected, its role too.
        if let Some(message) = choice.get("message").filter(|m| m.is_object()) {
            let role = message.get("role").and_then(Value::as_str).map(String::from);
            self.choices.entry(key.clone()).or_default().role = role;
        }
        if let Some(delta) = choice.get("delta").filter(|d| truthy(d)) {
            got.other |= has_other(delta);
            if delta.get("content").is_some_and(|c| if self.strict_index { !c.is_null() } else { truthy(c) }) {
                self.content(&key, delta, got)?;
            }
            let fragments = match delta.get("tool_calls") {
                Some(Value::Array(all)) => all.as_slice(),
                Some(other) if truthy(other) && (!other.is_string() || self.strict_index) => {
                    return Err(format!("tool_calls is {}, not iterable", kind(other)));
                }
                _ => &[],
            };
            let keys = fragments
                .iter()
                .map(|f| if f.is_null() { Err("a tool call is null".into()) } else { self.index(f, "a tool call's") });
            let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
            let state = self.choices.entry(key.clone()).or_default();
            if let Some(role) = delta.get("role").filter(|r| truthy(r)) {
                state.role = Some(role.as_str().unwrap_or_default().into());
            }
            if let Some(call) = delta.get("function_call").filter(|c| truthy(c)) {
                let known = state.function_call.get_or_insert((false, false));
                known.0 |= call.get("name").is_some_and(truthy);
                known.1 |= call.get("arguments").is_some_and(|a| !a.is_null());
            }
            for (fragment, key) in fragments.iter().zip(keys) {
                let tool = state.tools.entry(key.clone()).or_default();
                let odd = Tools { joins_names: false, calls: Calls::ByIndex, join: Join::Bent }
                    .fragment(fragment, &mut tool.tool)?;
                if let Some(odd) = odd {
                    got.lose(|| odd);
                }
                let text = |key: &str| fragment.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
                // The id and the type that come last stay.
                if let Some(id) = text("id") {
                    tool.tool.id = Some(id.into());
                }
                tool.function |= fragment.get("function").is_some_and(truthy);
                if !tool.function && tool.tool.kind.as_deref() == Some("function") {
                    return Err("a tool call begins without a function".into());
                }
                if state.current.as_ref().is_some_and(|c| *c != key) {
                    state.call_done()?;
                }
                state.current = Some(key);
            }
        }
        let state = self.choices.entry(key).or_default();
        state.finished |= finished;
        if state.finished && state.current.is_some() {
            state.call_done()?;
        }
        Ok(())
    }
}

impl HelperScript {
    /// Content goes into events if the choice has the role. Under an index that is no number it is in no final message.
    fn content(&mut self, key: &str, delta: &Value, got: &mut Got) -> Result<(), String> {
        let state = self.choices.entry(key.into()).or_default();
        let role = delta.get("role").and_then(Value::as_str).or(state.role.as_deref());
        match key.parse() {
            Ok(n) => Join::Bent.add(got, n, delta.get("content")),
            Err(_) => {
                got.lose(|| "a choice without an index is in no final message".into());
                self.astray |= role == Some("assistant");
                if role == Some("assistant") { Join::Bent.add(got, 0, delta.get("content")) } else { Ok(()) }
            }
        }
    }
}

impl Choice {
    /// The current call is over; it must have a type.
    fn call_done(&self) -> Result<(), String> {
        match self.current.as_ref().and_then(|c| self.tools.get(c)) {
            Some(tool) if tool.tool.kind.is_none() => Err("a tool call has no type".into()),
            _ => Ok(()),
        }
    }
}

impl Accumulator for HelperScript {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if !chunk.get("choices").is_some_and(Value::is_array) {
            return Err("`choices` is not iterable in an event".into());
        }
        self.begun = true;
        choices(chunk).try_for_each(|c| self.choice(c, got))
    }

    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        if !self.begun {
            return Err("the stream brought no chunk".into());
        }
        // Only whole numbers are elements of the array of choices; what is under other keys is never read again.
        for (n, choice) in self.choices.iter().filter_map(|(k, c)| Some((k.parse::<i64>().ok()?, c))) {
            if !choice.finished {
                return Err(format!("choice {n} never gets a finish reason"));
            }
            match choice.role.as_deref() {
                None => return Err(format!("choice {n} never gets a role")),
                Some("assistant") => {}
                Some(other) if n == 0 => return Err(format!("the role is {other:?}, not \"assistant\"")),
                Some(_) => {}
            }
            if choice.function_call.is_some_and(|(name, arguments)| !name || !arguments) {
                return Err("function_call has no name or no arguments".into());
            }
            let calls = choice.tools.keys().filter_map(|k| k.parse::<usize>().ok());
            if calls.clone().max().is_some_and(|last| last + 1 != calls.count()) {
                return Err("tool calls are not numbered from 0".into());
            }
            for (key, tool) in &choice.tools {
                let Ok(call) = key.parse::<i64>() else { continue };
                match tool.tool.kind.as_deref() {
                    None => return Err("a tool call has no type".into()),
                    Some("function") => {}
                    Some(other) if !self.strict_index => return Err(format!("a tool call has type {other:?}")),
                    Some(_) => {}
                }
                if !tool.function {
                    return Err("a tool call has no function".into());
                }
                // The helper makes up an id if none came.
                let id = tool.tool.id.clone().or_else(|| Some("call_".into()));
                got.tools.insert((n, call), Tool { id, ..tool.tool.clone() });
            }
            got.finished = true;
        }
        if self.astray {
            got.last_message = Some(String::new());
        }
        if !self.choices.contains_key("0") {
            return Err("the stream ends without a message at choice 0".into());
        }
        Ok(())
    }
}
