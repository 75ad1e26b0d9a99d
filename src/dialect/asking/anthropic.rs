//! Requests to Anthropic's Messages API.
//!
//! Source: Anthropic's API reference, Messages.

use super::{Api, Ask, STOP, Words, messages, most, parameters};
use serde_json::{Value, json};

pub(super) static MESSAGES: Api = Api {
    name: "anthropic",
    path: "/v1/messages",
    version: "/v1",
    adds_version: true,
    models: "/models",
    listed: ("data", "id"),
    key: Some("ANTHROPIC_API_KEY"),
    key_field: ("x-api-key", ""),
    fields: &[("anthropic-version", "2023-06-01")],
    tokens: "output_tokens",
    least: 1,
    make,
};

fn make(ask: Ask, words: &Words<'_>) -> Option<Value> {
    let mut body = json!({ "model": words.model, "messages": messages(ask), "stream": ask.streams(),
        "max_tokens": most(ask, MESSAGES.least) });
    match ask {
        // Usage always comes.
        Ask::Usage => return None,
        Ask::Stop => body["stop_sequences"] = json!([STOP]),
        Ask::Tools => {
            body["tools"] =
                json!([{ "name": "weather", "description": "The weather of a city", "input_schema": parameters() }]);
            body["tool_choice"] = json!({ "type": "any" });
        }
        _ => {}
    }
    Some(body)
}
