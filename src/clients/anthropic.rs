//! How clients of Anthropic's Messages put an answer together.

mod schema;

pub(super) use schema::AI;

use super::reader::{Got, Join, Tool, index};
use super::records::Accumulator;
use super::shape::kind;
use serde_json::Value;
use std::collections::BTreeMap;

fn kind_of(event: &Value) -> &str {
    event.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// One record's share in what the server meant to say.
pub(super) fn meant(event: &Value, got: &mut Got) {
    let block = index(event).unwrap_or(0);
    match kind_of(event) {
        "message_stop" => got.over = true,
        // A block may begin with text.
        "content_block_start" => {
            if let Some(text) = event.pointer("/content_block/text").and_then(Value::as_str).filter(|t| !t.is_empty()) {
                got.add_text(block, text);
                got.begun_with.insert(block, text.len());
            }
        }
        "content_block_delta" => {
            // The first delta may repeat what the block began with.
            let first = if got.texts.contains_key(&block) { got.begun_with.remove(&block) } else { None };
            let text = event.pointer("/delta/text").and_then(Value::as_str).filter(|t| !t.is_empty());
            if let (Some(len), Some(text)) = (first, text)
                && got.texts.get(&block).is_some_and(|known| known.len() == len && known == text)
            {
                return;
            }
        }
        _ => {}
    }
    // A delta without a type still brings its text. A generous reading never raises.
    let untyped = kind_of(event).is_empty() || event.pointer("/delta/type").is_none();
    if let Some(text) = event.pointer("/delta/text").filter(|_| untyped) {
        let _ = Join::Parts.add(got, block, Some(text));
    } else if event.pointer("/delta/type").and_then(Value::as_str) == Some("text_delta") {
        let _ = Join::Parts.add_plainly(got, block, event.pointer("/delta/text"));
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
            "content_block_start" => start_tool(event, block, self.join == Join::Parts, got),
            "content_block_delta" => delta(event, block, self.join, got)?,
            "message_delta" => stop_reason(event, got),
            _ => {}
        }
        Ok(())
    }
}

/// A block that is no text begins. `input`: arguments that come with it count, unless deltas follow.
fn start_tool(event: &Value, block: i64, input: bool, got: &mut Got) {
    let Some(content) = event.get("content_block") else { return };
    if !["text", "thinking", "redacted_thinking", "tool_use", ""].contains(&kind_of(content)) {
        got.other = true;
    }
    if kind_of(content) != "tool_use" {
        return;
    }
    let text = |key: &str| content.get(key).and_then(Value::as_str).map(String::from);
    let input = content.get("input").filter(|i| input && i.as_object().is_some_and(|i| !i.is_empty()));
    let tool = Tool {
        id: text("id"),
        kind: Some("tool_use".into()),
        name: text("name").unwrap_or_default(),
        arguments: input.map(Value::to_string).unwrap_or_default(),
    };
    if input.is_some() {
        got.begun_with.insert(block, tool.arguments.len());
    }
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
                if got.begun_with.remove(&block).is_some() {
                    tool.arguments.clear();
                }
                tool.arguments.push_str(part);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The text of a content block.
fn text_of(block: &Value) -> String {
    block.get("text").and_then(Value::as_str).unwrap_or_default().into()
}

/// What the arguments of a tool call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// One JSON value, the beginning of one, or nothing.
    Json,
    /// A JSON value of this length, and more after it.
    AndMore(usize),
    /// No JSON begins so.
    Broken,
}

impl Arguments {
    fn of(text: &str) -> Arguments {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
        match values.next() {
            Some(Err(e)) if e.is_syntax() => Arguments::Broken,
            Some(Ok(_)) if !text[values.byte_offset()..].trim().is_empty() => Arguments::AndMore(values.byte_offset()),
            _ => Arguments::Json,
        }
    }
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
    /// Text of each content block in the message that grows.
    texts: Vec<String>,
    stopped: bool,
}

impl Helper {
    /// The helper of `@anthropic-ai/sdk`.
    pub(super) fn script() -> Self {
        Helper { script: true, ..Helper::default() }
    }

    /// Arguments are parsed as far as they go. What no JSON begins with raises. After a whole value JavaScript raises,
    /// and Python leaves the rest out.
    fn read_arguments(&self, got: &mut Got) -> Result<(), String> {
        for tool in got.tools.values_mut() {
            match Arguments::of(&tool.arguments) {
                Arguments::Json => {}
                Arguments::AndMore(len) if !self.script => {
                    tool.arguments.truncate(len);
                    got.loss.get_or_insert_with(|| "tool arguments after the first JSON value are left out".into());
                }
                Arguments::AndMore(_) | Arguments::Broken => return Err("tool arguments are not JSON".into()),
            }
        }
        Ok(())
    }

    /// The block that a delta belongs to.
    fn block(&self, event: &Value) -> Option<&String> {
        self.blocks.get(self.place(event)?)
    }

    /// The place in the list of blocks that an index means; from the end if it is negative.
    fn place(&self, event: &Value) -> Option<usize> {
        let n = index(event).or_else(|| event.get("index")?.as_str()?.parse().ok())?;
        if n < 0 { self.blocks.len().checked_sub(n.unsigned_abs() as usize) } else { usize::try_from(n).ok() }
    }

    /// A text delta of the message that grows. In JavaScript only an index that is none of the list's changes nothing.
    fn grow(&mut self, event: &Value) {
        let place = self.place(event).filter(|_| !self.script || index(event).is_none_or(|n| n >= 0));
        let Some(place) = place.filter(|place| self.blocks.get(*place).is_some_and(|kind| kind == "text")) else {
            return;
        };
        if let (Some(text), Some(more)) =
            (self.texts.get_mut(place), event.pointer("/delta/text").and_then(Value::as_str))
        {
            text.push_str(more);
        }
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
                let text = block.map(text_of);
                self.texts.push(text.unwrap_or_default());
                start_tool(event, self.blocks.len() as i64 - 1, true, got);
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
                let block = block.clone();
                if event.pointer("/delta/type").and_then(Value::as_str) == Some("text_delta") {
                    self.grow(event);
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
            self.texts = blocks.into_iter().flatten().map(text_of).collect();
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
            _ => {
                self.read_arguments(got)?;
                got.last_message = Some(self.texts.concat());
                Ok(())
            }
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
                start_tool(event, block, true, got);
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
