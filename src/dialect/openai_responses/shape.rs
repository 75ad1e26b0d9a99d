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
    /// Of `content_part.done`: the part.
    #[serde(borrow)]
    pub(super) part: Obj<Part<'a>>,
    /// Of `output_text.done`: the whole text of the part.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// Of `function_call_arguments.done`.
    #[serde(borrow)]
    pub(super) arguments: Text<'a>,
    /// Of `custom_tool_call_input.done`.
    #[serde(borrow)]
    pub(super) input: Text<'a>,
    /// Of `code_interpreter_call_code.done`.
    #[serde(borrow)]
    pub(super) code: Text<'a>,
    /// Of `image_generation_call.partial_image`.
    #[serde(borrow)]
    pub(super) partial_image_b64: Text<'a>,
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
    #[serde(borrow)]
    pub(super) item_id: Text<'a>,
    /// Of `shell_call_command.added` and `.done`.
    #[serde(borrow)]
    pub(super) command: Text<'a>,
    pub(super) command_index: Num,
    /// The lane, over a WebSocket.
    #[serde(borrow)]
    pub(super) stream_id: Text<'a>,
    /// Of a wrapped error: the status that HTTP would have had.
    pub(super) status: Num,
    /// Of `steer.accepted`, `steer.pending` and `steer.failed`.
    #[serde(borrow)]
    pub(super) steer: Obj<Steer<'a>>,
}

/// Input that was sent for a response that goes on.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Steer<'a> {
    #[serde(borrow)]
    pub(super) previous_response_id: Text<'a>,
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
    pub(super) previous_response_id: Text<'a>,
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
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Raw<'a>,
    #[serde(borrow)]
    pub(super) input: Raw<'a>,
    /// Of calls of a shell, a computer and a search: what is to be done.
    #[serde(borrow)]
    pub(super) action: Raw<'a>,
    /// Of a `computer_call`, in the place of one action.
    #[serde(borrow)]
    pub(super) actions: Raw<'a>,
    /// Of an `apply_patch_call`.
    #[serde(borrow)]
    pub(super) operation: Raw<'a>,
    /// Of a `file_search_call`.
    #[serde(borrow)]
    pub(super) queries: Raw<'a>,
    /// Of a `code_interpreter_call` and a `program`.
    #[serde(borrow)]
    pub(super) code: Raw<'a>,
    /// Of an `image_generation_call`: the image.
    #[serde(borrow)]
    pub(super) result: Text<'a>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Part<'a>>>,
    #[serde(borrow)]
    pub(super) summary: List<Obj<Part<'a>>>,
}

/// What a `shell_call` runs.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Action<'a> {
    #[serde(borrow)]
    pub(super) commands: List<Text<'a>>,
}

/// Why a response is incomplete.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Details<'a> {
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
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

/// Items that call a tool, of the client or of the server.
pub(super) const CALLS: &[&str] = &[
    "function_call",
    "custom_tool_call",
    "mcp_call",
    "mcp_approval_request",
    "shell_call",
    "local_shell_call",
    "apply_patch_call",
    "computer_call",
    "code_interpreter_call",
    "web_search_call",
    "file_search_call",
    "tool_search_call",
    "program",
];
/// Those of them whose arguments come in deltas.
pub(super) const STREAMED_CALLS: &[&str] =
    &["function_call", "custom_tool_call", "mcp_call", "shell_call", "code_interpreter_call"];
/// Items that the model did not generate: results of tools, lists, and what the client sent.
pub(super) const BESIDE: &[&str] = &[
    "program_output",
    "tool_search_output",
    "shell_call_output",
    "function_call_output",
    "custom_tool_call_output",
    "computer_call_output",
    "local_shell_call_output",
    "apply_patch_call_output",
    "mcp_list_tools",
    "mcp_approval_response",
    "additional_tools",
    "compaction",
];

/// What follows `response.` in the event types of the document, but for those that the reader acts on.
pub(super) const QUIET: &[&str] = &[
    "queued",
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
    "image_generation_call.in_progress",
    "image_generation_call.generating",
    "image_generation_call.completed",
    "compaction.compacting",
    "shell_call_output_content.delta",
    "shell_call_output_content.done",
    "audio.done",
    "audio.transcript.done",
];
