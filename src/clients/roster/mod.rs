//! Every client, by dialect.

mod by_source;
mod chat_python;
mod chat_script;
mod others;

use super::reader::Got;
use super::{Client, anthropic, chat, gemini, ollama, responses};
use crate::dialect::{self, Dialect};
use serde_json::Value;

/// All of them, in the order of reports.
pub(super) fn clients() -> impl Iterator<Item = &'static Client> {
    [chat_script::CLIENTS, chat_python::CLIENTS, others::CLIENTS, by_source::CLIENTS].into_iter().flatten()
}

/// Adds one record's share to what the server meant to say.
type Meant = fn(&Value, &mut Got);

/// By dialect.
static MEANT: &[(&Dialect, Meant)] = &[
    (&dialect::openai_chat::DIALECT, chat::meant),
    (&dialect::openai_responses::DIALECT, responses::meant),
    (&dialect::anthropic::DIALECT, anthropic::meant),
    (&dialect::gemini::DIALECT, gemini::meant),
    (&dialect::ollama::CHAT, ollama::meant),
    (&dialect::ollama::GENERATE, ollama::meant),
];

/// The function that adds one record's share to what the server meant to say; none if no client of this dialect is
/// known.
pub(super) fn meant(dialect: &str) -> Option<Meant> {
    MEANT.iter().find(|(known, _)| known.name == dialect).map(|(_, meant)| *meant)
}
