//! Accumulators of Python: `client.chat.completions.stream()` of openai-python, and LangChain.

use super::collect::{Calls, Collect, Tools, choices, finishes, has_other};
use crate::clients::json::truthy_python;
use crate::clients::reader::{Got, Join, index};
use crate::clients::records::Accumulator;
use crate::clients::shape::kind;
use serde_json::Value;
use std::collections::BTreeMap;

/// The helper of openai-python.
#[derive(Debug, Default)]
pub(in crate::clients) struct HelperPython {
    begun: bool,
    /// By choice and index: the call's type as the last fragment that has one says; none if that is null.
    kinds: BTreeMap<(i64, i64), Option<String>>,
}

/// Finish reasons that the parsing of the final completion refuses, even if there is nothing to parse.
const REFUSED: &[&str] = &["length", "content_filter"];

impl HelperPython {
    fn choice(&mut self, choice: &Value, got: &mut Got) -> Result<(), String> {
        let Some(n) = choice.get("index").and_then(Value::as_i64) else {
            return Err(format!("a choice's index is {}", choice.get("index").map_or("missing".into(), kind)));
        };
        let delta = match choice.get("delta") {
            Some(delta @ Value::Object(_)) => delta,
            Some(other) => return Err(format!("delta is {}", kind(other))),
            None => return Err("delta is missing".into()),
        };
        if choice.get("logprobs").is_some_and(|l| !l.is_null() && !l.is_object()) {
            return Err("logprobs is not an object".into());
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).filter(|r| REFUSED.contains(r)) {
            return Err(format!("finish reason {reason:?} is raised as an error"));
        }
        if delta.get("content").is_some_and(Value::is_boolean) {
            return Err("content is a boolean, not a string".into());
        }
        got.other |= has_other(delta);
        Join::Raises.add(got, n, delta.get("content"))?;
        got.finished |= finishes(choice);
        if let Some(odd) = delta.get("tool_calls").filter(|t| truthy_python(t) && !t.is_array()) {
            return Err(format!("tool_calls is {}, not a list", kind(odd)));
        }
        for fragment in
            delta.get("tool_calls").filter(|t| truthy_python(t)).and_then(Value::as_array).into_iter().flatten()
        {
            if !fragment.is_object() {
                return Err(format!("a tool call is {}", kind(fragment)));
            }
            let Some(call) = fragment.get("index").and_then(Value::as_i64) else {
                return Err("a tool call's index is missing".into());
            };
            let known = got.tools.range((n, 0)..=(n, i64::MAX)).next_back().map_or(0, |((_, last), _)| last + 1);
            if call > known {
                return Err(format!("tool call {call} comes before tool call {known}"));
            }
            // Every text of a call grows by what a fragment brings, including its id and name.
            let tool = got.tools.entry((n, call)).or_default();
            let id = fragment.get("id").and_then(Value::as_str).filter(|_| tool.id.is_some()).map(String::from);
            // An object in place of a text stays one.
            let odd = Tools { joins_names: true, calls: Calls::ByIndex, join: Join::Bent }.fragment(fragment, tool)?;
            if let (Some(have), Some(more)) = (&mut tool.id, id) {
                have.push_str(&more);
            }
            if let Some(odd) = odd {
                got.lose(|| odd);
            }
            // `assert new_tool.type == "function"`: a type is not joined, the last one stays, and so does a null.
            let kind = self.kinds.entry((n, call)).or_default();
            let was_function = kind.as_deref() == Some("function");
            if let Some(said) = fragment.get("type") {
                *kind = said.as_str().map(String::from);
            }
            match kind.as_deref() {
                Some("function") if fragment.get("function").is_none_or(Value::is_null) => {
                    return Err("a fragment of a tool call has no function".into());
                }
                Some("function") => {}
                other if was_function => {
                    return Err(format!("the type of a tool call becomes {}", other.unwrap_or("null")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Accumulator for HelperPython {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if !chunk.is_object() {
            return Err(format!("an event is {}, not an object", kind(chunk)));
        }
        if chunk.get("object").and_then(Value::as_str) != Some("chat.completion.chunk") {
            if choices(chunk).next().is_some() {
                got.lose(|| {
                    format!(
                        "chunks whose `object` is {} are skipped",
                        chunk.get("object").map_or("missing".into(), kind)
                    )
                });
            }
            return Ok(());
        }
        match chunk.get("choices") {
            Some(Value::Array(_)) => {}
            other => return Err(format!("choices is {}", other.map_or("missing".into(), kind))),
        }
        // The first chunk's choices make the list; later ones may add to it.
        let far = |c: &&Value| index(c).is_some_and(|n| n >= choices(chunk).count() as i64);
        if !std::mem::replace(&mut self.begun, true) && choices(chunk).any(|c| far(&c)) {
            return Err("a choice's index is out of range".into());
        }
        choices(chunk).try_for_each(|c| self.choice(c, got))
    }

    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        match (self.begun, &got.loss) {
            (true, _) => Ok(()),
            (false, Some(loss)) => Err(format!("{loss}: no chunk is left")),
            (false, None) => Err("the stream brought no chunk".into()),
        }
    }
}

/// LangChain over openai-python: chunks become LangChain's own messages, which are checked.
#[derive(Debug, Default)]
pub(in crate::clients) struct LangChainPython {
    messages: u64,
}

impl Accumulator for LangChainPython {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if !chunk.is_object() {
            return Err(format!("an event is {}, not an object", kind(chunk)));
        }
        if let Some(usage) = chunk.get("usage").filter(|u| truthy_python(u)) {
            for key in ["prompt_tokens", "completion_tokens", "total_tokens"] {
                let number = usage.get(key).and_then(Value::as_f64);
                if number.is_some_and(|n| n.fract() != 0.0) {
                    return Err(format!("usage.{key} is not an integer"));
                }
            }
        }
        // It takes the first choice of a chunk.
        for choice in choices(chunk).take(1) {
            let delta = choice.get("delta").filter(|d| truthy_python(d));
            if let Some(odd) =
                delta.and_then(|d| d.get("content")).filter(|c| truthy_python(c) && !c.is_string() && !c.is_array())
            {
                return Err(format!("content is {}, not a string", kind(odd)));
            }
            for fragment in delta.and_then(|d| d.get("tool_calls")).and_then(Value::as_array).into_iter().flatten() {
                if fragment.get("function").is_none_or(Value::is_null) {
                    return Err("a fragment of a tool call has no function".into());
                }
                if let Some(arguments) = fragment.get("function").and_then(|f| f.get("arguments"))
                    && !arguments.is_string()
                    && !arguments.is_null()
                {
                    return Err(format!("tool arguments are {}, not a string", kind(arguments)));
                }
            }
        }
        if choices(chunk).next().is_some_and(|c| c.get("delta").is_some_and(|d| !d.is_null()))
            || chunk.get("usage").is_some()
        {
            self.messages += 1;
        }
        Collect {
            join: Join::Bent,
            object_only: true,
            needs_delta: true,
            joins_names: true,
            first_only: true,
            calls: Calls::ById,
        }
        .chunk(chunk, got)
    }

    fn finish(&mut self, _got: &mut Got) -> Result<(), String> {
        if self.messages == 0 { Err("no generation chunks come out".into()) } else { Ok(()) }
    }
}

/// LiteLLM's wrapper over openai-python: it makes up a finish reason if none came, so that a cut answer looks whole.
#[derive(Debug, Default)]
pub(in crate::clients) struct LiteLlm;

impl Accumulator for LiteLlm {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        for key in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            let number = chunk.get("usage").and_then(|u| u.get(key)).and_then(Value::as_f64);
            if number.is_some_and(|n| n.fract() != 0.0) {
                return Err(format!("usage.{key} is not an integer"));
            }
        }
        if chunk.is_null() {
            return Ok(());
        }
        Collect {
            join: Join::Dropped,
            object_only: true,
            needs_delta: false,
            joins_names: true,
            first_only: false,
            calls: Calls::ByIndex,
        }
        .chunk(chunk, got)
    }

    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        got.made_up = !std::mem::replace(&mut got.finished, true);
        Ok(())
    }
}
