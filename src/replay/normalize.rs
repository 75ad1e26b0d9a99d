//! The opposite of a fault: turns a recording into a conforming stream of its family. Content and times stay; the
//! form is corrected.

use super::draft::Draft;
use super::script::{Ending, Script};
use crate::dialect::{none, openai_chat, openai_completions};
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::time::Span;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Top-level members of a chunk in the published schema.
const KNOWN: [&str; 8] = ["id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"];

/// Normalizes to OpenAI's streams of chat completions and completions.
///
/// # Errors
/// The recording has a dialect of another family, or is not a stream.
pub fn openai(script: Script, exchange: &Exchange) -> Result<Script, String> {
    let response = exchange.response.as_ref();
    let (chat, completions, none) = (openai_chat::DIALECT.name, openai_completions::DIALECT.name, none::DIALECT.name);
    let object = match response.and_then(|r| r.dialect).unwrap_or(none) {
        dialect if dialect == chat => "chat.completion.chunk",
        dialect if dialect == completions => "text_completion",
        other => {
            return Err(format!(
                "exchange {}: its dialect is {other}; --normalize openai accepts {chat} and {completions}",
                exchange.id.0
            ));
        }
    };
    let framing = response.map_or(Framing::Empty, |r| r.framing);
    if !framing.is_stream() {
        return Err(format!("exchange {}: it is not a stream ({})", exchange.id.0, framing.as_str()));
    }
    let mut draft = Draft::of(script, exchange);
    let mut stream = Stream { object, ..Stream::default() };
    let mut body = Vec::new();
    let mut ends = Vec::new();
    let mut last = draft.head_at;
    for record in &draft.records {
        last = draft.time_of(record.bytes.end);
        let payload = payload(framing, draft.body.get(record.bytes.clone()).unwrap_or_default());
        if let Some(value) = serde_json::from_slice(&payload).ok().and_then(|v| stream.chunk(v)) {
            say(&mut body, &mut ends, last, &value.to_string());
        }
    }
    if let Some(value) = stream.finish() {
        say(&mut body, &mut ends, last, &value.to_string());
    }
    say(&mut body, &mut ends, last, "[DONE]");
    draft.body = body;
    draft.records.clear();
    draft.deliver(ends);
    draft.set_field("content-type", Some("text/event-stream"));
    draft.chunked();
    draft.ending = Ending::Clean;
    draft.end_at = last;
    Ok(draft.done(true))
}

fn say(body: &mut Vec<u8>, ends: &mut Vec<(Span, usize)>, at: Span, data: &str) {
    body.extend_from_slice(format!("data: {data}\n\n").as_bytes());
    ends.push((at, body.len()));
}

/// The content of a record: of an SSE event the `data` lines.
fn payload(framing: Framing, record: &[u8]) -> Vec<u8> {
    if framing != Framing::Sse {
        return record.to_vec();
    }
    let lines = record.split(|b| matches!(b, b'\n' | b'\r')).filter_map(|l| l.strip_prefix(b"data:"));
    lines.map(|l| l.strip_prefix(b" ").unwrap_or(l)).collect::<Vec<_>>().join(&b'\n')
}

/// The members that all chunks share, and the state of each choice.
#[derive(Default)]
struct Stream {
    object: &'static str,
    id: Option<Value>,
    created: Option<Value>,
    model: Option<Value>,
    /// By index: whether its role was sent, and whether its finish reason was sent.
    choices: BTreeMap<u64, (bool, bool)>,
}

impl Stream {
    /// The corrected chunk; none if it has no content.
    fn chunk(&mut self, value: Value) -> Option<Value> {
        let Value::Object(mut chunk) = value else { return None };
        if chunk.get("error").is_some_and(|e| !e.is_null()) {
            return Some(Value::Object(chunk));
        }
        chunk.retain(|name, _| KNOWN.contains(&name.as_str()));
        let first = |kept: &mut Option<Value>, said: Option<&Value>, fits: fn(&Value) -> bool, or: Value| {
            kept.get_or_insert_with(|| said.filter(|v| fits(v)).cloned().unwrap_or(or)).clone()
        };
        let text: fn(&Value) -> bool = |v| v.as_str().is_some_and(|s| !s.is_empty());
        let id = first(
            &mut self.id,
            chunk.get("id"),
            |v| v.as_str().is_some_and(|s| s.len() > 8),
            json!("chatcmpl-replayed00"),
        );
        let created = first(
            &mut self.created,
            chunk.get("created"),
            |v| v.as_i64().is_some_and(|n| n < 10_000_000_000),
            json!(0),
        );
        let model = first(&mut self.model, chunk.get("model"), text, json!("unknown"));
        let mut choices = match chunk.remove("choices") {
            Some(Value::Array(choices)) => choices,
            _ => Vec::new(),
        };
        // Some servers put it into the last choice.
        let misplaced = choices.iter_mut().filter_map(|c| c.as_object_mut()?.remove("usage")).find(Value::is_object);
        let usage = chunk.remove("usage").filter(Value::is_object).or(misplaced).map(add_up);
        let mut index = 0;
        choices.retain_mut(|choice| {
            let says = self.choice(choice, index);
            index += 1;
            says
        });
        if choices.is_empty() && usage.is_none() {
            return None;
        }
        chunk.extend([
            ("id".to_owned(), id),
            ("object".into(), json!(self.object)),
            ("created".into(), created),
            ("model".into(), model),
        ]);
        chunk.insert("choices".into(), Value::Array(choices));
        if let Some(usage) = usage {
            chunk.insert("usage".into(), usage);
        }
        Some(Value::Object(chunk))
    }

    /// Corrects a choice; false if it has no content.
    fn choice(&mut self, choice: &mut Value, position: u64) -> bool {
        let Some(choice) = choice.as_object_mut() else { return false };
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(position);
        choice.insert("index".into(), json!(index));
        let (had_role, finished) = self.choices.entry(index).or_default();
        let reason = choice.get("finish_reason").filter(|r| r.as_str().is_some_and(|s| !s.is_empty())).cloned();
        // Each choice has one finish reason.
        let reason = reason.filter(|_| !*finished);
        *finished |= reason.is_some();
        let mut says = reason.is_some();
        choice.insert("finish_reason".into(), reason.unwrap_or(Value::Null));
        if self.object == "text_completion" {
            return says | choice.get("text").and_then(Value::as_str).is_some_and(|t| !t.is_empty());
        }
        let mut delta = match choice.remove("delta") {
            Some(Value::Object(delta)) => delta,
            _ => Map::new(),
        };
        delta.remove("role");
        delta.retain(|_, v| {
            !(v.is_null() || v.as_str().is_some_and(str::is_empty) || v.as_array().is_some_and(Vec::is_empty))
        });
        says |= !delta.is_empty();
        if says && !std::mem::replace(had_role, true) {
            delta.insert("role".into(), json!("assistant"));
        }
        choice.insert("delta".into(), Value::Object(delta));
        says
    }

    /// A chunk with the finish reasons of choices that have none.
    fn finish(&mut self) -> Option<Value> {
        let open: Vec<u64> =
            self.choices.iter().filter(|(_, (_, finished))| !finished).map(|(index, _)| *index).collect();
        if open.is_empty() {
            return None;
        }
        let choices = open.into_iter().map(|index| match self.object {
            "text_completion" => json!({"index": index, "text": "", "finish_reason": "stop"}),
            _ => json!({"index": index, "delta": {}, "finish_reason": "stop"}),
        });
        let choices: Vec<Value> = choices.collect();
        Some(
            json!({"id": self.id, "object": self.object, "created": self.created, "model": self.model, "choices": choices}),
        )
    }
}

/// The total is the sum of its parts.
fn add_up(mut usage: Value) -> Value {
    let n = |name: &str| usage.get(name).and_then(Value::as_u64);
    if let (Some(a), Some(b)) = (n("prompt_tokens"), n("completion_tokens")) {
        usage["total_tokens"] = json!(a + b);
        let reasoning = usage.pointer("/completion_tokens_details/reasoning_tokens").and_then(Value::as_u64);
        if reasoning.is_some_and(|r| r > b) {
            usage["completion_tokens_details"]["reasoning_tokens"] = json!(b);
        }
    }
    usage
}
