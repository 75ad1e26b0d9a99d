//! The AI SDK's providers: the schema has checked the chunk; the first choice and the stream's end remain.

use super::collect::{Calls, Tools, choices, has_other};
use crate::clients::reader::{Got, Join};
use crate::clients::records::Accumulator;
use serde_json::Value;

/// Accumulator of a provider.
#[derive(Debug, Clone, Copy)]
pub(in crate::clients) struct Vercel {
    /// An unknown `error` member survives the schema, and its presence is an error whatever it holds.
    pub(in crate::clients) error_key: bool,
    /// A stream without a finish reason is an error.
    pub(in crate::clients) needs_finish: bool,
    /// The first fragment of a tool call must say `type: function`.
    pub(in crate::clients) needs_type: bool,
    /// What makes a tool call another one.
    pub(in crate::clients) calls: Calls,
    /// A finish reason came that the SDK has no name for.
    pub(in crate::clients) other: bool,
}

/// Finish reasons that the SDK has names for; all others become `other`.
const KNOWN: &[&str] = &["stop", "length", "content_filter", "function_call", "tool_calls"];

impl Accumulator for Vercel {
    fn joins_texts(&self) -> bool {
        true
    }

    fn chunk(&mut self, chunk: &Value, got: &mut Got) -> Result<(), String> {
        if let Some(error) = chunk.get("error").filter(|_| self.error_key) {
            if !error.is_null() {
                return Err("the error in the stream is raised".into());
            }
            // An error part without an error: the chunk is lost, and nothing is thrown.
            got.lose(|| "chunks with `\"error\": null` count as errors and are lost".into());
            self.other = true;
            return Ok(());
        }
        // The first choice of a chunk is read, whatever its index says.
        if let Some(choice) = choices(chunk).next() {
            let n = 0;
            if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
                if KNOWN.contains(&reason) {
                    got.finished = true;
                } else {
                    self.other = true;
                    got.lose(|| format!("finish reason {reason:?} becomes \"other\""));
                }
            }
            let Some(delta) = choice.get("delta") else { return Ok(()) };
            got.other |= has_other(delta);
            Join::Parts.add(got, n, delta.get("content"))?;
            // A refusal is shown as text.
            if self.calls == Calls::ById {
                Join::Dropped.add(got, n, delta.get("refusal"))?;
            }
            let known = got.tools.len();
            Tools { joins_names: false, calls: self.calls, join: Join::Parts }.add(delta, n, got)?;
            let fresh = got.tools.len() > known;
            let untyped = |f: &Value| f.get("type").is_none();
            if fresh
                && self.needs_type
                && delta.get("tool_calls").and_then(Value::as_array).is_some_and(|all| all.iter().any(untyped))
            {
                return Err("a tool call does not say `type: function`".into());
            }
        }
        Ok(())
    }

    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        if self.needs_finish && !got.finished && !self.other {
            return Err("the stream ends without a finish reason".into());
        }
        // The SDK makes up ids and types that did not come.
        for tool in got.tools.values_mut() {
            tool.id.get_or_insert_with(String::new);
            tool.kind.get_or_insert_with(String::new);
        }
        Ok(())
    }
}
