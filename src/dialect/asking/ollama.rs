//! Requests to Ollama's own API.
//!
//! Source: Ollama's API reference, `/api/chat` and `/api/tags`.

use super::{Api, Ask, STOP, Words, messages, most};
use serde_json::{Value, json};

pub(super) static CHAT: Api = Api {
    name: "ollama",
    path: "/api/chat",
    version: "/api",
    adds_version: true,
    models: "/tags",
    listed: ("models", "model"),
    key: None,
    key_field: ("authorization", "Bearer "),
    fields: &[],
    tokens: "eval_count",
    least: 1,
    make,
};

fn make(ask: Ask, words: &Words<'_>) -> Option<Value> {
    let mut options = json!({ "num_predict": most(ask, CHAT.least) });
    match ask {
        // Counts always come, and no request can demand a call.
        Ask::Usage | Ask::Tools => return None,
        Ask::Stop => options["stop"] = json!([STOP]),
        _ => {}
    }
    Some(json!({ "model": words.model, "messages": messages(ask), "stream": ask.streams(), "options": options }))
}
