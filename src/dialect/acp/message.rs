//! The messages as far as they are read: agent-client-protocol 0.12.1, `acp/schema.py`.

use super::super::answer::short;
use super::super::json::{self, Obj, Raw, Repair, Text};

/// One JSON-RPC message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Raw<'a>,
    #[serde(borrow)]
    pub(super) method: Text<'a>,
    #[serde(borrow)]
    pub(super) params: Obj<Params<'a>>,
    #[serde(borrow)]
    pub(super) result: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
}

/// `SessionNotification`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Params<'a> {
    #[serde(borrow)]
    pub(super) session_id: Text<'a>,
    #[serde(borrow)]
    pub(super) update: Obj<Update<'a>>,
}

/// `AgentMessageChunk`, `AgentThoughtChunk`, `ToolCallStart`, `ToolCallProgress`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Update<'a> {
    #[serde(borrow)]
    pub(super) session_update: Text<'a>,
    /// An object in chunks, a list in news of tool calls.
    #[serde(borrow)]
    pub(super) content: Obj<Content<'a>>,
    #[serde(borrow)]
    pub(super) tool_call_id: Text<'a>,
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) raw_input: Raw<'a>,
}

/// `TextContentBlock`, `ImageContentBlock`, …: only the first has a text of the agent's own.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

impl Content<'_> {
    /// It has no letters: media, a file, or something of a type that the protocol does not have.
    pub(super) fn is_media(&self) -> bool {
        match self.kind.full() {
            Some("image" | "audio" | "resource_link" | "resource") => true,
            kind => kind.is_some_and(|kind| kind != "text"),
        }
    }
}

/// `PromptResponse`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outcome<'a> {
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
}

/// The id (JSON) and the session of a prompt; none of another message of the client.
pub(in crate::dialect) fn prompt(text: &str) -> Option<(String, Option<String>)> {
    let mut repair = Repair::default();
    let message = json::parse::<Message<'_>>(text, &mut repair).ok()?;
    let id = message.id.json().filter(|_| message.method.str() == Some("session/prompt"))?;
    Some((short(id), message.params.here().and_then(|params| params.session_id.full().map(short))))
}
