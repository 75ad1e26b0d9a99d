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

/// What the deltas of a block bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brings {
    Text,
    Thinking,
    Input,
    /// Something else, or of a type that is not known.
    Other,
}

impl Brings {
    pub(super) fn of_block(kind: Option<&str>) -> Brings {
        match kind {
            Some("text") => Brings::Text,
            Some("thinking") => Brings::Thinking,
            Some("tool_use" | "server_tool_use" | "mcp_tool_use") => Brings::Input,
            _ => Brings::Other,
        }
    }

    pub(super) fn of_delta(kind: &str) -> Brings {
        match kind {
            "text_delta" | "citations_delta" => Brings::Text,
            "thinking_delta" | "signature_delta" => Brings::Thinking,
            "input_json_delta" => Brings::Input,
            _ => Brings::Other,
        }
    }

    /// Both are known, and are not the same.
    pub(super) fn differs(self, other: Brings) -> bool {
        self != other && self != Brings::Other && other != Brings::Other
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Brings::Text => "text",
            Brings::Thinking => "thinking",
            Brings::Input => "tool",
            Brings::Other => "other",
        }
    }
}
