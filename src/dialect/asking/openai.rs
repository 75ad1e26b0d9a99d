//! Requests to OpenAI's APIs and to those of others that are like them.
//!
//! Source: OpenAI's API reference, Chat Completions and Responses.

use super::{Api, Ask, STOP, Words, messages, most, parameters, prompt};
use serde_json::{Value, json};

/// Chat Completions; what Responses has too.
const OPENAI: Api = Api {
    name: "openai.chat",
    path: "/v1/chat/completions",
    version: "/v1",
    adds_version: false,
    models: "/models",
    listed: ("data", "id"),
    key: Some("OPENAI_API_KEY"),
    key_field: ("authorization", "Bearer "),
    fields: &[],
    tokens: "completion_tokens",
    least: 1,
    make: chat,
};

pub(super) static CHAT: Api = OPENAI;

pub(super) static RESPONSES: Api = Api {
    name: "openai.responses",
    path: "/v1/responses",
    tokens: "output_tokens",
    // The reference: at least 16.
    least: 16,
    make: responses,
    ..OPENAI
};

fn chat(ask: Ask, words: &Words<'_>) -> Option<Value> {
    let limit = if words.newer_limit { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({ "model": words.model, "messages": messages(ask), "stream": ask.streams() });
    body[limit] = most(ask, CHAT.least).into();
    match ask {
        Ask::Usage => body["stream_options"] = json!({ "include_usage": true }),
        Ask::Stop => body["stop"] = json!([STOP]),
        Ask::Tools => {
            let function =
                json!({ "name": "weather", "description": "The weather of a city", "parameters": parameters() });
            body["tools"] = json!([{ "type": "function", "function": function }]);
            body["tool_choice"] = "required".into();
        }
        _ => {}
    }
    Some(body)
}

fn responses(ask: Ask, words: &Words<'_>) -> Option<Value> {
    let input = if ask == Ask::BadField { json!(42) } else { prompt(ask).into() };
    let limit = most(ask, RESPONSES.least);
    // `store`: the endpoint keeps nothing of a probe.
    let mut body = json!({ "model": words.model, "input": input, "max_output_tokens": limit, "store": false,
        "stream": ask.streams() });
    match ask {
        // The API has neither: usage always comes, and no sequence stops an answer.
        Ask::Usage | Ask::Stop => return None,
        Ask::Tools => {
            body["tools"] = json!([{ "type": "function", "name": "weather", "description": "The weather of a city",
                "parameters": parameters() }]);
            body["tool_choice"] = "required".into();
        }
        _ => {}
    }
    Some(body)
}
