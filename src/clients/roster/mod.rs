//! Every client, by dialect.

mod by_source;
mod chat_python;
mod chat_script;
mod others;

use super::meant::Meant;
use super::{Client, anthropic, chat, gemini, ollama, responses};
use crate::dialect::{self, Dialect};

/// All of them, in the order of reports.
pub(super) fn clients() -> impl Iterator<Item = &'static Client> {
    [chat_script::CLIENTS, chat_python::CLIENTS, others::CLIENTS, by_source::CLIENTS].into_iter().flatten()
}

/// How what the server meant to say is read, by dialect.
static MEANT: &[(&Dialect, Meant)] = &[
    (&dialect::openai_chat::DIALECT, Meant { done: true, by_choice: true, add: chat::meant }),
    (&dialect::openai_responses::DIALECT, Meant { done: false, by_choice: false, add: responses::meant }),
    (&dialect::anthropic::DIALECT, Meant { done: false, by_choice: false, add: anthropic::meant }),
    (&dialect::gemini::DIALECT, Meant { done: false, by_choice: true, add: gemini::meant }),
    (&dialect::ollama::CHAT, Meant { done: false, by_choice: false, add: ollama::meant }),
    (&dialect::ollama::GENERATE, Meant { done: false, by_choice: false, add: ollama::meant }),
];

/// How what the server meant to say is read; none if no client of this dialect is known.
pub(super) fn meant(dialect: &str) -> Option<&'static Meant> {
    MEANT.iter().find(|(known, _)| known.name == dialect).map(|(_, meant)| meant)
}
