//! Every client, by dialect.

mod by_source;
mod chat_python;
mod chat_script;
mod others;

use super::reader::Got;
use super::{Client, anthropic, chat, gemini, ollama, responses};
use serde_json::Value;

/// All of them, in the order in which they are told.
pub(super) fn clients() -> impl Iterator<Item = &'static Client> {
    [chat_script::CLIENTS, chat_python::CLIENTS, others::CLIENTS, by_source::CLIENTS].into_iter().flatten()
}

/// One record's share in what the server meant to say, where clients of this dialect are known.
pub(super) fn meant(dialect: &str) -> Option<fn(&Value, &mut Got)> {
    Some(match dialect {
        "openai.chat" => chat::meant,
        "openai.responses" => responses::meant,
        "anthropic.messages" => anthropic::meant,
        "gemini.generate" => gemini::meant,
        "ollama.chat" | "ollama.generate" => ollama::meant,
        _ => return None,
    })
}
