//! What a request asks a model: the messages of its JSON body, whichever API it is of.

use serde::Serialize;
use serde_json::Value;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Who says it, by the word of the request: `system`, `user`, `assistant`, `tool`, … A request that is one text has
    /// `prompt`.
    pub role: String,
    /// What it says. What is no text is named in brackets.
    pub text: String,
}

/// Members that instruct the model before any message.
const SYSTEM: [&str; 4] = ["system", "instructions", "system_instruction", "systemInstruction"];
/// Members with one text or a list of messages, and the role of a text.
const MESSAGES: [(&str, &str); 5] =
    [("messages", "user"), ("input", "user"), ("contents", "user"), ("prompt", "prompt"), ("message", "user")];

/// The messages of a request's JSON body, in order; empty if it asks no model.
pub fn prompt(body: &Value) -> Vec<Said> {
    let said = |role: &str, text: String| Some(Said { role: role.to_owned(), text }).filter(|s| !s.text.is_empty());
    let mut all: Vec<Said> =
        SYSTEM.iter().filter_map(|key| body.get(key)).filter_map(|v| said("system", text(v))).collect();
    for (key, role) in MESSAGES {
        match body.get(key) {
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
                all.extend(list.iter().filter_map(|v| said(role, text(v))));
            }
            Some(Value::Array(list)) => {
                all.extend(list.iter().filter_map(|m| said(role_of(m).unwrap_or(role), text(m))));
            }
            Some(one) => all.extend(said(role_of(one).unwrap_or(role), text(one))),
            None => {}
        }
    }
    all
}

/// Whether a member of the body is a part of the prompt.
pub fn is_of_prompt(name: &str) -> bool {
    SYSTEM.contains(&name) || MESSAGES.iter().any(|(key, _)| *key == name)
}

fn role_of(message: &Value) -> Option<&str> {
    let word = |key: &str| message.get(key).and_then(Value::as_str);
    word("role").or_else(|| word("type").filter(|kind| *kind != "message" && *kind != "text"))
}

/// The text of a message, or of a part of one.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n"),
        Value::Object(of) => {
            let content = ["content", "parts", "text", "output"].iter().filter_map(|key| of.get(*key));
            let mut texts: Vec<String> = content.map(text).filter(|t| !t.is_empty()).collect();
            let calls = of.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
            texts.extend(calls.chain([value]).filter_map(call));
            if texts.is_empty() {
                texts.extend(kind(of).map(|kind| format!("[{kind}]")));
            }
            texts.join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// A tool call: `[name(arguments)]`.
fn call(value: &Value) -> Option<String> {
    let of = value.get("function").or_else(|| value.get("functionCall")).unwrap_or(value);
    let name = of.get("name").and_then(Value::as_str)?;
    let arguments = ["arguments", "args", "input"].iter().find_map(|key| of.get(*key))?;
    let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
    Some(format!("[{name}({arguments})]"))
}

/// What a part that is no text is: its type, or the name of its only member.
fn kind(of: &serde_json::Map<String, Value>) -> Option<&str> {
    let named = of.get("type").and_then(Value::as_str).filter(|kind| *kind != "text" && *kind != "message");
    named.or_else(|| of.keys().next().filter(|_| of.len() == 1 && !of.contains_key("text")).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_messages_of_each_api_are_told() {
        let said = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        for (body, want) in [
            (
                json!({"model": "m", "messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}]},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "c", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
                    {"role": "tool", "tool_call_id": "c", "content": "a cat"},
                ]}),
                vec![
                    said("system", "Be short."),
                    said("user", "What is it?\n[image_url]"),
                    said("assistant", "[look({\"at\":1})]"),
                    said("tool", "a cat"),
                ],
            ),
            (
                json!({"system": [{"type": "text", "text": "S"}], "messages": [{"role": "user", "content": "U"}]}),
                vec![said("system", "S"), said("user", "U")],
            ),
            (
                json!({"instructions": "I", "input": [{"role": "user", "content": [{"type": "input_text", "text": "U"}]},
                    {"type": "function_call", "name": "f", "arguments": "{}"}]}),
                vec![said("system", "I"), said("user", "U"), said("function_call", "[f({})]")],
            ),
            (json!({"input": "one text"}), vec![said("user", "one text")]),
            (
                json!({"systemInstruction": {"parts": [{"text": "S"}]}, "contents": [{"role": "user",
                    "parts": [{"text": "U"}, {"inlineData": {"data": "…"}}]}]}),
                vec![said("system", "S"), said("user", "U\n[inlineData]")],
            ),
            (json!({"prompt": ["a", "b"]}), vec![said("prompt", "a"), said("prompt", "b")]),
            (json!({"prompt": "a", "stream": true}), vec![said("prompt", "a")]),
            (json!({"jsonrpc": "2.0", "method": "x"}), vec![]),
            (json!([1]), vec![]),
        ] {
            let told: Vec<_> = prompt(&body).into_iter().map(|s| (s.role, s.text)).collect();
            assert_eq!(told, want, "{body}");
        }
    }
}
