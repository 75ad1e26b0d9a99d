//! The JSON of Responses events and of whole responses. Source: OpenAI's OpenAPI document 2.3.0, `ResponseStreamEvent`,
//! `Response`.

use super::super::json::{List, Num, Obj, Raw, Text};

/// Any event; a whole response has its fields at the top.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) sequence_number: Num,
    pub(super) output_index: Num,
    pub(super) content_index: Num,
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    /// Of `output_text.done`: the whole text of the part.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Of `function_call_arguments.done`.
    #[serde(borrow)]
    pub(super) arguments: Text<'a>,
    /// Of `custom_tool_call_input.done`.
    #[serde(borrow)]
    pub(super) input: Text<'a>,
    /// Of `refusal.done`.
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
    /// Of `function_call_arguments.done`: the tool.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) item: Obj<Item<'a>>,
    #[serde(borrow)]
    pub(super) response: Obj<Response<'a>>,
    /// Of `error`: flat, or under this key as some relays have it.
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) object: Text<'a>,
}

/// The response, as far as it is there.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) incomplete_details: Raw<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow)]
    pub(super) error: Raw<'a>,
    #[serde(borrow)]
    pub(super) output: List<Obj<Item<'a>>>,
}

/// One item of the output.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(super) input: Raw<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    pub(super) summary: List<Obj<Part<'a>>>,
}

/// A part of an item's content.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) output_tokens: Num,
}

/// What follows `response.` in the event types of the document, but for those that the reader acts on.
pub(super) const QUIET: &[&str] = &[
    "queued",
    "content_part.done",
    "output_text.annotation.added",
    "reasoning_summary_part.added",
    "reasoning_summary_part.done",
    "mcp_call.in_progress",
    "mcp_call.completed",
    "mcp_call.failed",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "file_search_call.in_progress",
    "file_search_call.searching",
    "file_search_call.completed",
    "web_search_call.in_progress",
    "web_search_call.searching",
    "web_search_call.completed",
    "code_interpreter_call.in_progress",
    "code_interpreter_call.interpreting",
    "code_interpreter_call.completed",
    "code_interpreter_call_code.delta",
    "code_interpreter_call_code.done",
    "image_generation_call.in_progress",
    "image_generation_call.generating",
    "image_generation_call.partial_image",
    "image_generation_call.completed",
    "audio.delta",
    "audio.done",
    "audio.transcript.delta",
    "audio.transcript.done",
];
