//! The JSON of Anthropic events and messages. Source: Anthropic's API reference, "Messages" and "Streaming messages".

use super::super::json::{List, Num, Obj, Raw, Text};

/// Any event; `type` tells which fields it has. A whole message has its fields at the top.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Obj<Message<'a>>,
    pub(super) index: Num,
    #[serde(borrow)]
    pub(super) content_block: Obj<Block<'a>>,
    #[serde(borrow)]
    pub(super) delta: Obj<Delta<'a>>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Block<'a>>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
}

/// `message` of `message_start`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Block<'a>>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
}

/// A content block.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Raw<'a>,
    /// Of a `fallback` block: the model that answers from here on.
    #[serde(borrow)]
    pub(super) to: Obj<Model<'a>>,
}

/// A model, in a `fallback` block.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Model<'a> {
    #[serde(borrow)]
    pub(super) model: Text<'a>,
}

/// `delta` of `content_block_delta` and `message_delta`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) partial_json: Text<'a>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
}
