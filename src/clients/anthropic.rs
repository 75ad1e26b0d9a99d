//! How clients of Anthropic's Messages put an answer together.

use super::reader::{Got, Join, Tool, index};
use super::records::Accumulator;
use super::shape::Shape::{self, Any, Either, List, Number, Object, OneOf, Text};
use super::shape::{kind, must, nullish};
use serde_json::Value;
use std::collections::BTreeMap;

fn kind_of(event: &Value) -> &str {
    event.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// One record's share in what the server meant to say.
pub(super) fn meant(event: &Value, got: &mut Got) {
    // A delta without a type still brings its text. A generous reading never raises.
    let untyped = kind_of(event).is_empty() || event.pointer("/delta/type").is_none();
    if let Some(text) = event.pointer("/delta/text").filter(|_| untyped) {
        let _ = Join::Parts.add(got, 0, Some(text));
    } else if event.get("delta").is_some() || kind_of(event) != "content_block_delta" {
        let _ = Raw { object_only: false, join: Join::Parts }.chunk(event, got);
    }
}

/// Events as the SDK passes them on, read by the loop that most applications write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    /// An event that is not an object is an exception.
    pub(super) object_only: bool,
    /// What happens to text that is not a string.
    pub(super) join: Join,
}

impl Accumulator for Raw {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        if event.is_null() || (self.object_only && !event.is_object()) {
            return Err(format!("an event is {}, not an object", kind(event)));
        }
        let block = index(event).unwrap_or(0);
        match kind_of(event) {
            "content_block_start" => start_tool(event, block, got),
            "content_block_delta" => delta(event, block, self.join, got)?,
            "message_delta" => stop_reason(event, got),
            _ => {}
        }
        Ok(())
    }
}

fn start_tool(event: &Value, block: i64, got: &mut Got) {
    let Some(content) = event.get("content_block").filter(|c| kind_of(c) == "tool_use") else { return };
    let text = |key: &str| content.get(key).and_then(Value::as_str).map(String::from);
    let tool = Tool {
        id: text("id"),
        kind: Some("tool_use".into()),
        name: text("name").unwrap_or_default(),
        arguments: String::new(),
    };
    got.tools.insert((0, block), tool);
}

fn delta(event: &Value, block: i64, join: Join, got: &mut Got) -> Result<(), String> {
    let Some(delta) = event.get("delta").filter(|d| !d.is_null()) else {
        return Err("content_block_delta has no delta".into());
    };
    match kind_of(delta) {
        "text_delta" => join.add_plainly(got, 0, delta.get("text"))?,
        "input_json_delta" => {
            if let (Some(tool), Some(part)) =
                (got.tools.get_mut(&(0, block)), delta.get("partial_json").and_then(Value::as_str))
            {
                tool.arguments.push_str(part);
            }
        }
        _ => {}
    }
    Ok(())
}

fn stop_reason(event: &Value, got: &mut Got) {
    got.finished |= event.pointer("/delta/stop_reason").and_then(Value::as_str).is_some_and(|s| !s.is_empty());
}

/// `client.messages.stream()`: a message that grows, in either language.
#[derive(Debug, Default)]
pub(super) struct Helper {
    /// It is the one of JavaScript: it needs `message_stop`, and accepts negative and missing indexes.
    script: bool,
    /// The message began, with usage or without.
    message: Option<bool>,
    /// The message began with a list of content, empty or not.
    content: bool,
    /// Types of the content blocks.
    blocks: Vec<String>,
    stopped: bool,
}

impl Helper {
    /// The helper of `@anthropic-ai/sdk`.
    pub(super) fn script() -> Self {
        Helper { script: true, ..Helper::default() }
    }

    /// The block that a delta belongs to.
    fn block(&self, event: &Value) -> Option<&String> {
        let n = index(event).or_else(|| event.get("index")?.as_str()?.parse().ok())?;
        let at = if n < 0 { self.blocks.len().checked_sub(n.unsigned_abs() as usize)? } else { n as usize };
        self.blocks.get(at)
    }

    fn begun(&mut self, event: &Value, usage: bool, got: &mut Got) -> Result<(), String> {
        match kind_of(event) {
            "message_start" if self.script => return Err("a second message_start comes before message_stop".into()),
            "content_block_start" => {
                let block = event.get("content_block").filter(|b| b.is_object());
                if block.is_none() && !self.script {
                    return Err("content_block_start has no content_block".into());
                }
                if !self.content {
                    return Err("message_start had no content".into());
                }
                let untexted = !self.script
                    && block.is_some_and(|b| kind_of(b) == "text" && !b.get("text").is_some_and(Value::is_string));
                self.blocks.push(if untexted {
                    "text without text".into()
                } else {
                    block.map(kind_of).unwrap_or_default().into()
                });
                start_tool(event, self.blocks.len() as i64 - 1, got);
            }
            "content_block_delta" => {
                if event.get("delta").is_none_or(Value::is_null) {
                    return Err("content_block_delta has no delta".into());
                }
                // In JavaScript the event of a delta belongs to the last block, whatever its index says.
                let block = if self.script { self.blocks.last() } else { self.block(event) };
                let Some(block) = block else { return Err("a delta belongs to a block that was never started".into()) };
                if block == "text without text" {
                    return Err("a text block began without text".into());
                }
                let fits = match event.pointer("/delta/type").and_then(Value::as_str) {
                    // In Python the loop over texts takes them all.
                    Some("text_delta") => block == "text" || !self.script,
                    Some("input_json_delta") => block == "tool_use",
                    _ => true,
                };
                if fits {
                    delta(event, index(event).unwrap_or(0), if self.script { Join::Bent } else { Join::Raises }, got)?;
                } else {
                    got.lose(|| format!("deltas of a block of type {block:?} are skipped"));
                }
            }
            "content_block_stop" if !self.script && self.block(event).is_none() => {
                return Err("content_block_stop names a block that was never started".into());
            }
            "message_delta" => {
                if !event.get("delta").is_some_and(Value::is_object) {
                    return Err("message_delta has no delta".into());
                }
                if !event.get("usage").is_some_and(Value::is_object) {
                    return Err("message_delta has no usage".into());
                }
                if !usage {
                    return Err("message_start had no usage".into());
                }
                stop_reason(event, got);
            }
            "message_stop" => self.stopped = true,
            _ => {}
        }
        Ok(())
    }
}

impl Accumulator for Helper {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        if event.is_null() || (!self.script && !event.is_object()) {
            return Err(format!("an event is {}, not an object", kind(event)));
        }
        if let Some(usage) = self.message {
            return self.begun(event, usage, got);
        }
        if kind_of(event) == "message_start" {
            let Some(message) = event.get("message").filter(|m| m.is_object()) else {
                return if self.script { Ok(()) } else { Err("message_start has no message".into()) };
            };
            let blocks = message.get("content").and_then(Value::as_array);
            self.blocks = blocks.into_iter().flatten().map(|b| kind_of(b).to_string()).collect();
            self.content = blocks.is_some();
            self.message = Some(message.get("usage").is_some_and(Value::is_object));
            return Ok(());
        }
        if self.script {
            return Ok(());
        }
        Err(format!("{} comes before message_start", kind_of(event)))
    }

    fn finish(&mut self, got: &mut Got) -> Result<(), String> {
        match (self.message, &got.loss) {
            (None, Some(loss)) => Err(format!("{loss}: no message is left")),
            (None, None) => Err("no message_start came".into()),
            _ if self.script && !self.stopped => Err("the stream ends without message_stop".into()),
            _ => Ok(()),
        }
    }
}

/// `@ai-sdk/anthropic` under `streamText`, which needs each text part started before its deltas.
#[derive(Debug, Default)]
pub(super) struct Vercel {
    parts: BTreeMap<i64, String>,
    reason: bool,
    /// A part of an answer came, or its end.
    output: bool,
}

/// Stop reasons that it has names for; all others become `other`.
const KNOWN: &[&str] = &[
    "end_turn",
    "stop_sequence",
    "pause_turn",
    "tool_use",
    "max_tokens",
    "model_context_window_exceeded",
    "refusal",
    "compaction",
];

impl Accumulator for Vercel {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        let block = index(event).unwrap_or(0);
        match kind_of(event) {
            "error" => return Err("the error in the stream is raised".into()),
            "content_block_start" => {
                let kind = event.pointer("/content_block/type").and_then(Value::as_str).unwrap_or_default();
                self.parts.insert(block, kind.into());
                start_tool(event, block, got);
            }
            "content_block_delta" => {
                if event.pointer("/delta/text").and_then(Value::as_str) == Some("") {
                    return Ok(());
                }
                self.output = true;
                let wanted = match event.pointer("/delta/type").and_then(Value::as_str) {
                    Some("text_delta") => "text",
                    Some("thinking_delta") => "thinking",
                    _ => "",
                };
                if !wanted.is_empty() && self.parts.get(&block).is_none_or(|k| k != wanted) {
                    return Err(format!("{wanted} part {block} was never started"));
                }
                delta(event, block, Join::Raises, got)?;
            }
            "content_block_stop" => drop(self.parts.remove(&block)),
            "message_delta" => {
                let mut seen = Got::default();
                stop_reason(event, &mut seen);
                match event.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    Some(reason) if !KNOWN.contains(&reason) => {
                        got.lose(|| format!("stop reason {reason:?} becomes \"other\""))
                    }
                    _ => self.reason |= seen.finished,
                }
            }
            // The reason is reported with the end of the message, not before.
            "message_stop" => {
                self.output = true;
                got.finished |= self.reason;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _got: &mut Got) -> Result<(), String> {
        if self.output { Ok(()) } else { Err("no output comes out".into()) }
    }
}

const USAGE_IN: Shape = Object(&[must("input_tokens", Number), nullish("cache_read_input_tokens", Number)]);
const USAGE_OUT: Shape = Object(&[nullish("input_tokens", Number), must("output_tokens", Number)]);

/// Its schema, by the events that a chat brings.
pub(super) static AI: Shape = Either(&[
    Object(&[must("type", OneOf(&["ping"]))]),
    Object(&[
        must("type", OneOf(&["message_start"])),
        must(
            "message",
            Object(&[
                nullish("id", Text),
                nullish("model", Text),
                nullish("role", Text),
                must("usage", USAGE_IN),
                nullish("content", List(&Object(&[must("type", OneOf(&["tool_use"]))]))),
                nullish("stop_reason", Text),
            ]),
        ),
    ]),
    Object(&[
        must("type", OneOf(&["content_block_start"])),
        must("index", Number),
        must(
            "content_block",
            Either(&[
                Object(&[must("type", OneOf(&["text"])), must("text", Text)]),
                Object(&[must("type", OneOf(&["thinking"])), must("thinking", Text)]),
                Object(&[must("type", OneOf(&["tool_use"])), must("id", Text), must("name", Text)]),
                Object(&[must("type", OneOf(&["redacted_thinking"])), must("data", Text)]),
                Object(&[
                    must("type", OneOf(&["server_tool_use", "mcp_tool_use"])),
                    must("id", Text),
                    must("name", Text),
                ]),
                Object(&[must(
                    "type",
                    OneOf(&[
                        "compaction",
                        "fallback",
                        "mcp_tool_result",
                        "web_fetch_tool_result",
                        "web_search_tool_result",
                        "code_execution_tool_result",
                    ]),
                )]),
            ]),
        ),
    ]),
    Object(&[
        must("type", OneOf(&["content_block_delta"])),
        must("index", Number),
        must(
            "delta",
            Either(&[
                Object(&[must("type", OneOf(&["text_delta"])), must("text", Text)]),
                Object(&[must("type", OneOf(&["input_json_delta"])), must("partial_json", Text)]),
                Object(&[must("type", OneOf(&["thinking_delta"])), must("thinking", Text)]),
                Object(&[must("type", OneOf(&["signature_delta"])), must("signature", Text)]),
                Object(&[must("type", OneOf(&["compaction_delta"]))]),
                Object(&[must("type", OneOf(&["citations_delta"])), must("citation", Object(&[]))]),
            ]),
        ),
    ]),
    Object(&[must("type", OneOf(&["content_block_stop"])), must("index", Number)]),
    Object(&[must("type", OneOf(&["error"])), must("error", Object(&[must("type", Text), must("message", Text)]))]),
    Object(&[
        must("type", OneOf(&["message_delta"])),
        must(
            "delta",
            Object(&[nullish("stop_reason", Text), nullish("stop_sequence", Text), nullish("container", Any)]),
        ),
        must("usage", USAGE_OUT),
    ]),
    Object(&[must("type", OneOf(&["message_stop"]))]),
]);
