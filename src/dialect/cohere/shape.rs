//! The JSON of Cohere events and answers, versions 1 and 2. Source: Cohere's API reference, "Chat with streaming".

use super::super::json::{Num, Obj, Raw, Text};

/// Any event or whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) generation_id: Text<'a>,
    pub(super) index: Num,
    #[serde(borrow)]
    pub(super) delta: Obj<Delta<'a>>,
    /// Version 1: text of the event or the whole answer.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    /// Version 1: the whole answer in `stream-end`.
    #[serde(borrow)]
    pub(super) response: Obj<Response<'a>>,
    #[serde(borrow)]
    pub(super) tool_call_delta: Obj<CallV1<'a>>,
    /// Version 2: the whole message; of an error its text.
    #[serde(borrow)]
    pub(super) message: Raw<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow)]
    pub(super) meta: Raw<'a>,
}

/// `delta` of version 2.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) message: Obj<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
}

/// `message`: in events content and call are objects, in whole answers arrays.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Raw<'a>,
    #[serde(borrow)]
    pub(super) tool_plan: Text<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: Raw<'a>,
}

/// A part of the content.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
}

/// A tool call of version 2.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(super) function: Obj<Function<'a>>,
}

/// Its function.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
}

/// `tool_call_delta` of version 1.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct CallV1<'a> {
    pub(super) index: Num,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) parameters: Raw<'a>,
}

/// `response` of version 1.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) generation_id: Text<'a>,
    #[serde(borrow)]
    pub(super) response_id: Text<'a>,
    #[serde(borrow)]
    pub(super) meta: Raw<'a>,
}

/// Token counts.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) tokens: Obj<Tokens>,
    pub(super) billed_units: Obj<Tokens>,
}

/// One set of counts.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub(super) output_tokens: Num,
}
