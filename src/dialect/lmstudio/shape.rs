//! The JSON of LM Studio's events and answers. Source: LM Studio's REST API, "Chat with a model", "Streaming events".

use super::super::json::{List, Num, Obj, Raw, Text};

/// Any event, or a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) model_instance_id: Text<'a>,
    pub(super) load_time_seconds: Num,
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    pub(super) tool: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    /// The whole answer in `chat.end`.
    #[serde(borrow)]
    pub(super) result: Obj<Whole<'a>>,
    #[serde(borrow)]
    pub(super) output: List<Obj<Item<'a>>>,
    #[serde(borrow)]
    pub(super) stats: Raw<'a>,
}

/// A whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Whole<'a> {
    #[serde(borrow)]
    pub(super) model_instance_id: Text<'a>,
    #[serde(borrow)]
    pub(super) output: List<Obj<Item<'a>>>,
    #[serde(borrow)]
    pub(super) stats: Raw<'a>,
    #[serde(borrow)]
    pub(super) response_id: Text<'a>,
}

/// A part of a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    pub(super) tool: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
}

/// `stats`: tokens, and times by the server's clock.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    pub(super) total_output_tokens: Num,
    pub(super) time_to_first_token_seconds: Num,
    pub(super) model_load_time_seconds: Num,
}
