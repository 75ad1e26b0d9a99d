//! The JSON of Realtime's server events. Source: OpenAI API reference, Realtime server events; openai 3.57.0,
//! `RealtimeServerEvent`, `RealtimeTranslationServerEvent`.

use super::super::json::{List, Num, Obj, Raw, Text};

/// A server event.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) response_id: Text<'a>,
    #[serde(borrow)]
    pub(super) item_id: Text<'a>,
    pub(super) content_index: Num,
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    /// Of `.done` events: the whole text, transcript or arguments.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) transcript: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Text<'a>,
    #[serde(borrow)]
    pub(super) item: Obj<Item<'a>>,
    #[serde(borrow)]
    pub(super) session: Obj<Session<'a>>,
    #[serde(borrow)]
    pub(super) response: Obj<Response<'a>>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    /// Of a transcript that is whole.
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Session<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Text<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Part<'a>>>,
}

impl Item<'_> {
    pub(super) fn is_call(&self) -> bool {
        matches!(self.kind.str(), Some("function_call" | "mcp_call" | "mcp_approval_request"))
    }
}

/// A part of a message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) transcript: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) status_details: Obj<StatusDetails<'a>>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
}

/// An error that answers a message of the client.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub(super) error: Obj<RefusedMessage<'a>>,
}

/// Which message it was.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct RefusedMessage<'a> {
    #[serde(borrow)]
    pub(super) event_id: Text<'a>,
}

/// Why a response has its status.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct StatusDetails<'a> {
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) output_tokens: Num,
}

impl Event<'_> {
    /// The part of an item that it is about.
    pub(super) fn part(&self) -> (String, u32) {
        (self.item_id.str().unwrap_or_default().to_owned(), self.content_index.index().unwrap_or(0))
    }
}
