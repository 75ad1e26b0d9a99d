//! The JSON of Bedrock events. Source: the Bedrock Runtime API reference, `ConverseStreamOutput`, `ConverseResponse`,
//! `PayloadPart`.

use super::super::json::{List, Num, Obj, Raw, Text};
use super::super::{Answer, Meaning};

/// The payload of any event, or a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    pub(super) content_block_index: Num,
    #[serde(borrow)]
    pub(super) start: Obj<Start<'a>>,
    #[serde(borrow)]
    pub(super) delta: Obj<Delta<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) usage: Raw<'a>,
    /// A whole answer.
    #[serde(borrow)]
    pub(super) output: Obj<Output<'a>>,
    /// An error.
    #[serde(borrow)]
    pub(super) message: Raw<'a>,
}

/// `start` of `contentBlockStart`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    pub(super) tool_use: Obj<ToolUse<'a>>,
}

/// A tool call, or a fragment of its input.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Raw<'a>,
}

/// `delta` of `contentBlockDelta`; a block of a whole answer has the same fields.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) image: Raw<'a>,
    #[serde(borrow)]
    pub(super) reasoning_content: Obj<Reasoning<'a>>,
    #[serde(borrow)]
    pub(super) tool_use: Obj<ToolUse<'a>>,
}

/// Reasoning: in deltas the text itself, in whole answers one level deeper.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning_text: Obj<ReasoningText<'a>>,
}

/// The deeper level.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ReasoningText<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

/// `output` of a whole answer.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) message: Obj<Message<'a>>,
}

/// Its message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: List<Obj<Delta<'a>>>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Usage {
    pub(super) output_tokens: Num,
}

/// An event of a model other than Anthropic's, which has no `type`: Llama, Titan, Mistral (Bedrock user guide,
/// inference parameters).
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Foreign<'a> {
    /// Llama.
    #[serde(borrow)]
    generation: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    /// Titan.
    #[serde(borrow, rename = "outputText")]
    output_text: Text<'a>,
    #[serde(borrow, rename = "completionReason")]
    completion_reason: Text<'a>,
    /// Mistral.
    #[serde(borrow)]
    outputs: List<Obj<Piece<'a>>>,
}

/// One of Mistral's outputs.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Piece<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

impl Foreign<'_> {
    /// Text and finish reason.
    pub(super) fn take(&self, answer: &mut Answer) -> Meaning {
        let mut meaning = Meaning::default();
        for text in [&self.generation, &self.output_text]
            .into_iter()
            .chain(self.outputs.iter().filter_map(Obj::here).map(|o| &o.text))
        {
            meaning.content |= text.full().is_some_and(|text| answer.add_text(0, text));
        }
        for reason in [&self.stop_reason, &self.completion_reason]
            .into_iter()
            .chain(self.outputs.iter().filter_map(Obj::here).map(|o| &o.stop_reason))
        {
            if let Some(reason) = reason.full() {
                answer.finish(0, reason);
            }
        }
        meaning
    }
}
