//! How clients of OpenAI's Responses put an answer together.

use super::reader::{Got, Join};
use super::records::Accumulator;
use super::shape::Shape::{self, Either, NoneOf, Number, Object, OneOf, Text};
use super::shape::{kind, must, nullish};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn kind_of(event: &Value) -> &str {
    event.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn id(event: &Value, at: &str) -> Option<String> {
    event.pointer(at).and_then(Value::as_str).map(String::from)
}

fn number(event: &Value, key: &str) -> Option<i64> {
    event.get(key).and_then(Value::as_i64)
}

/// One record's share in what the server meant to say. Deltas come before what `.done` and the final response say
/// again; those count where no delta came.
pub(super) fn meant(event: &Value, got: &mut Got) {
    let part = part_of(event);
    match kind_of(event) {
        // A delta without a type still brings its text. A generous reading never raises.
        "" if event.get("content_index").is_some() => {
            let _ = Join::Parts.add(got, part, event.get("delta"));
        }
        "response.output_text.delta" => {
            let _ = Join::Parts.add_plainly(got, part, event.get("delta"));
        }
        "response.output_text.done" => {
            if got.texts.get(&part).is_none_or(String::is_empty) {
                let _ = Join::Parts.add(got, part, event.get("text"));
            }
        }
        kind @ ("response.completed" | "response.incomplete" | "response.failed") => {
            got.over = true;
            got.finished = kind != "response.failed";
            if got.texts.values().all(String::is_empty)
                && let Some(text) = event.get("response").and_then(output_text)
            {
                got.add_text(0, &text);
            }
        }
        _ => item(event, got),
    }
}

/// The key of the part of the answer that an event belongs to.
fn part_of(event: &Value) -> i64 {
    let at = |key: &str| number(event, key).unwrap_or(0).clamp(0, 1 << 20);
    at("output_index") << 21 | at("content_index")
}

/// The text of a response's output; none if it has no list of output.
fn output_text(response: &Value) -> Option<String> {
    let items = response.get("output")?.as_array()?;
    let parts =
        items.iter().filter(|item| kind_of(item) == "message").filter_map(|item| item.get("content")?.as_array());
    let texts = parts.flatten().filter(|part| kind_of(part) == "output_text");
    Some(texts.filter_map(|part| part.get("text")?.as_str()).collect())
}

/// Output items other than messages. Applications take a call from its end, so arguments without deltas count.
fn item(event: &Value, got: &mut Got) {
    let call = (0, number(event, "output_index").unwrap_or(0));
    match kind_of(event) {
        "response.output_item.added" | "response.output_item.done" => {
            let Some(item) = event.get("item") else { return };
            match kind_of(item) {
                "function_call" => {
                    let tool = got.tools.entry(call).or_default();
                    (tool.id, tool.kind) = (id(item, "/call_id"), Some("function_call".into()));
                    tool.name = id(item, "/name").unwrap_or_default();
                    if tool.arguments.is_empty() {
                        tool.arguments = id(item, "/arguments").unwrap_or_default();
                    }
                }
                "message" | "reasoning" => {}
                _ => got.other = true,
            }
        }
        "response.function_call_arguments.delta" => {
            if let (Some(tool), Some(more)) = (got.tools.get_mut(&call), event.get("delta").and_then(Value::as_str)) {
                tool.arguments.push_str(more);
            }
        }
        "response.function_call_arguments.done" => {
            if let Some(tool) = got.tools.get_mut(&call).filter(|tool| tool.arguments.is_empty()) {
                tool.arguments = id(event, "/arguments").unwrap_or_default();
            }
        }
        "response.refusal.delta" => got.other = true,
        _ => {}
    }
}

/// Events as the SDK passes them on, read by the loop that most applications write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    /// What happens to text that is not a string.
    pub(super) join: Join,
    /// An event that is not an object is an exception.
    pub(super) object_only: bool,
}

impl Accumulator for Raw {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        if event.is_null() || (self.object_only && !event.is_object()) {
            return Err(format!("an event is {}, not an object", kind(event)));
        }
        match kind_of(event) {
            "response.output_text.delta" => self.join.add_plainly(got, 0, event.get("delta"))?,
            "response.completed" | "response.incomplete" => got.finished = true,
            "response.failed" => got.lose(|| "the answer failed, and nothing is raised".into()),
            "error" => got.lose(|| "the error in the stream is passed on as an event".into()),
            _ => item(event, got),
        }
        Ok(())
    }
}

/// Event types that the helper of JavaScript knows, by their beginnings; any other raises.
const KNOWN: &[&str] = &[
    "keepalive",
    "response.audio.",
    "response.code_interpreter_call",
    "response.content_part.",
    "response.created",
    "response.custom_tool_call_input.",
    "response.file_search_call.",
    "response.function_call_arguments.",
    "response.image_generation_call.",
    "response.in_progress",
    "response.mcp_",
    "response.output_item.",
    "response.output_text.",
    "response.queued",
    "response.reasoning_",
    "response.refusal.",
    "response.web_search_call.",
];

/// `client.responses.stream()`: a response that grows, in either language.
#[derive(Debug, Default)]
pub(super) struct Helper {
    script: bool,
    begun: bool,
    /// Types of output items by index, with the types of their parts.
    output: BTreeMap<i64, (String, Vec<String>)>,
    /// Ids of the output items, by index.
    ids: BTreeMap<i64, Option<String>>,
    id: Option<String>,
    /// Texts of the items that are done, by index.
    done: BTreeMap<i64, String>,
    completed: bool,
}

impl Helper {
    /// The helper of openai-node.
    pub(super) fn script() -> Self {
        Helper { script: true, ..Helper::default() }
    }

    /// An item was added, and neither its own end nor the final response says that it is done.
    fn has_open_items(&self, completed: &Value) -> bool {
        let output = completed.pointer("/response/output").and_then(Value::as_array);
        let last: Vec<Option<String>> = output.into_iter().flatten().map(|item| id(item, "/id")).collect();
        self.ids.iter().any(|(n, id)| !self.done.contains_key(n) && !last.contains(id))
    }

    fn item(&mut self, event: &Value) -> Result<&mut (String, Vec<String>), String> {
        let n = number(event, "output_index").unwrap_or(-1);
        self.output.get_mut(&n).ok_or_else(|| "a delta belongs to an output item that was never added".into())
    }

    fn event(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        item(event, got);
        match kind_of(event) {
            "response.output_item.added" => {
                let item = event.get("item").map(kind_of).unwrap_or_default().to_string();
                // A list grows at its end, whatever the index says; Python keeps them by index.
                let n =
                    if self.script { self.output.len() as i64 } else { number(event, "output_index").unwrap_or(-1) };
                self.ids.insert(n, id(event, "/item/id"));
                let parts = event.pointer("/item/content").and_then(Value::as_array).into_iter().flatten();
                self.output.insert(n, (item, parts.map(|p| kind_of(p).to_string()).collect()));
            }
            "response.content_part.added" => {
                let part = event.get("part").map(kind_of).unwrap_or_default().to_string();
                let (item, parts) = self.item(event)?;
                if item == "message" || item == "reasoning" {
                    parts.push(part);
                }
            }
            "response.output_text.delta" => {
                let at = number(event, "content_index").unwrap_or(-1);
                let (item, parts) = self.item(event)?;
                if item == "message" {
                    match parts.get(at as usize).map(String::as_str) {
                        Some("output_text") => {}
                        Some(other) => return Err(format!("text comes for a part of type {other:?}")),
                        None => return Err("a delta belongs to a part that was never added".into()),
                    }
                }
                let join = if self.script { Join::Bent } else { Join::Raises };
                join.add_plainly(got, 0, event.get("delta"))?;
            }
            "response.output_text.done" | "response.function_call_arguments.delta" => drop(self.item(event)?),
            "response.output_item.done" if !self.script => {
                let n = number(event, "output_index").unwrap_or(-1);
                let text = event.get("item").and_then(|item| output_text(&serde_json::json!({ "output": [item] })));
                self.done.insert(n, text.unwrap_or_default());
                let added = self.ids.get(&n);
                if added.is_some_and(|added| *added != id(event, "/item/id")) {
                    return Err("an output item ends with another id".into());
                }
            }
            "response.output_item.done" | "response.content_part.done" if self.script => drop(self.item(event)?),
            kind @ ("response.completed" | "response.incomplete" | "response.failed") => {
                if !event.get("response").is_some_and(Value::is_object) {
                    return Err(format!("{kind} has no response"));
                }
                if !self.script && self.id != id(event, "/response/id") {
                    return Err(format!("{kind} has another response id"));
                }
                self.completed |= kind == "response.completed";
                if !self.script && kind == "response.completed" && self.has_open_items(event) {
                    return Err("an output item never ends".into());
                }
                let done = || self.done.values().map(String::as_str).collect();
                got.last_message = match event.get("response").and_then(output_text) {
                    Some(text) => Some(text),
                    // It takes the items that were done.
                    None if !self.script => Some(done()),
                    None => return Err(format!("{kind} has no list of output")),
                };
                got.finished |= kind != "response.failed";
                if kind == "response.failed" {
                    got.lose(|| "the answer failed, and nothing is raised".into());
                }
            }
            "error" if self.script => return Err("the error in the stream is raised".into()),
            other if self.script && !KNOWN.iter().any(|k| other.starts_with(k)) => {
                return Err(format!("event type {other:?} is unknown"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Accumulator for Helper {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        if !event.is_object() {
            return Err(format!("an event is {}, not an object", kind(event)));
        }
        if !self.begun {
            if kind_of(event) != "response.created" {
                return Err(format!(
                    "{} comes before response.created",
                    Some(kind_of(event)).filter(|k| !k.is_empty()).unwrap_or("an event")
                ));
            }
            if self.script && !event.pointer("/response/output").is_some_and(Value::is_array) {
                return Err("response.created has no list of output".into());
            }
            (self.begun, self.id) = (true, id(event, "/response/id"));
            return Ok(());
        }
        self.event(event, got)
    }

    fn finish(&mut self, _got: &mut Got) -> Result<(), String> {
        match () {
            () if !self.begun && self.script => Err("the stream brought no event".into()),
            () if !self.completed && !self.script => Err("no response.completed came".into()),
            () => Ok(()),
        }
    }
}

/// `@ai-sdk/openai` under `streamText`, which needs each text part started before its deltas. It ignores events that
/// it does not know.
#[derive(Debug, Default)]
pub(super) struct Vercel {
    messages: BTreeSet<String>,
}

impl Accumulator for Vercel {
    fn chunk(&mut self, event: &Value, got: &mut Got) -> Result<(), String> {
        item(event, got);
        match kind_of(event) {
            "error" | "response.failed" => return Err("the error in the stream is raised".into()),
            "response.output_item.added" => {
                if let Some(item) = event.get("item").filter(|i| kind_of(i) == "message") {
                    self.messages.insert(item.get("id").and_then(Value::as_str).unwrap_or_default().into());
                }
            }
            "response.output_text.delta" => {
                let id = event.get("item_id").and_then(Value::as_str).unwrap_or_default();
                if !self.messages.contains(id) {
                    return Err("a text part was never started by output_item.added".into());
                }
                Join::Raises.add(got, 0, event.get("delta"))?;
            }
            "response.output_item.done" => {
                let item = event.get("item").filter(|i| kind_of(i) == "message");
                let id = item.and_then(|i| i.get("id")).and_then(Value::as_str);
                if id.is_some_and(|id| !self.messages.contains(id)) {
                    return Err("a text part ends that was never started".into());
                }
            }
            "response.completed" | "response.incomplete" => got.finished = true,
            _ => {}
        }
        Ok(())
    }
}

/// Its schema, by the events that a chat brings.
pub(super) static AI: Shape = Either(&[
    Object(&[must("type", OneOf(&["response.output_text.delta"])), must("item_id", Text), must("delta", Text)]),
    Object(&[
        must("type", OneOf(&["response.completed", "response.incomplete"])),
        must(
            "response",
            Object(&[nullish("incomplete_details", Object(&[must("reason", Text)])), nullish("usage", USAGE)]),
        ),
    ]),
    Object(&[
        must("type", OneOf(&["response.created"])),
        must("response", Object(&[must("id", Text), must("created_at", Number), must("model", Text)])),
    ]),
    Object(&[
        must("type", OneOf(&["response.output_item.added"])),
        must("output_index", Number),
        must("item", Object(&[must("type", Text), must("id", Text)])),
    ]),
    // Any other object with a type passes.
    Object(&[must(
        "type",
        NoneOf(&[
            "response.output_text.delta",
            "response.completed",
            "response.incomplete",
            "response.created",
            "response.output_item.added",
        ]),
    )]),
]);

const USAGE: Shape = Object(&[must("input_tokens", Number), must("output_tokens", Number)]);
