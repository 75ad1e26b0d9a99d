//! Blocks of Anthropic messages as they begin and as they are, and usage.

use super::super::json::{List, Obj, Raw};
use super::super::{Answer, Meaning};
use super::shape::{Block, Event};

/// Blocks that the model did not generate, or that have nothing for a person: results of the server's tools, lists of
/// tools, files, summaries for the next request.
const BESIDE: &[&str] = &[
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
    "mcp_tool_result",
    "mcp_tool_listing",
    "tool_addition",
    "tool_removal",
    "container_upload",
    "compaction",
    "fallback",
];

impl Block<'_> {
    /// It is of a type that the reference does not have: output came.
    pub(super) fn is_unknown(&self) -> bool {
        let known = |kind: &str| {
            matches!(kind, "text" | "thinking" | "redacted_thinking")
                || kind.ends_with("tool_use")
                || kind.ends_with("_tool_result")
                || BESIDE.contains(&kind)
        };
        self.kind.full().is_some_and(|kind| !known(kind))
    }

    /// Its content comes in deltas, so it starts empty. (Results of tools and calls of the server's own tools come
    /// whole.)
    pub(super) fn streams(&self) -> bool {
        matches!(self.kind.str(), Some("text" | "thinking" | "tool_use"))
    }

    /// A block begins, with what it holds already (usually nothing).
    pub(super) fn begin(&self, index: u32, answer: &mut Answer) -> Meaning {
        let mut meaning = Meaning {
            content: self.text.full().is_some_and(|text| answer.add_text(0, text))
                | answer.add_media(self.is_unknown()),
            reasoning: self.thinking.full().is_some_and(|text| answer.add_reasoning(text)),
            ..Meaning::default()
        };
        if self.kind.str().is_some_and(|kind| kind.ends_with("tool_use")) {
            let key = index.to_string();
            answer.name_tool(&key, self.name.str().unwrap_or_default());
            let input = self.input.json().filter(|input| *input != "{}").unwrap_or_default();
            answer.add_arguments(&key, input);
            meaning.tool = !input.is_empty();
        }
        meaning
    }
}

/// A whole message.
pub(super) fn whole(message: &Event<'_>, answer: &mut Answer) -> Meaning {
    answer.identify(message.model.full(), message.id.full());
    merge(&message.usage, answer);
    if let Some(reason) = message.stop_reason.full() {
        answer.finish(0, reason);
    }
    blocks(&message.content, answer)
}

/// The blocks of a whole message.
pub(super) fn blocks(content: &List<Obj<Block<'_>>>, answer: &mut Answer) -> Meaning {
    let mut all = Meaning::default();
    for (index, block) in content.iter().enumerate() {
        if let Obj::Here(block) = block {
            let meaning = block.begin(index as u32, answer);
            all.content |= meaning.content;
            all.reasoning |= meaning.reasoning;
            all.tool |= meaning.tool;
            if block.kind.str() == Some("fallback")
                && let Some(model) = block.to.here().and_then(|to| to.model.full())
            {
                answer.hand_over(model);
            }
        }
    }
    all
}

/// Usage comes in `message_start` and, cumulative, in `message_delta`: later figures replace earlier ones; figures that
/// are not repeated stay.
pub(super) fn merge(usage: &Raw<'_>, answer: &mut Answer) {
    let Some(serde_json::Value::Object(new)) = usage.value() else { return };
    let mut all = match answer.usage.take() {
        Some(serde_json::Value::Object(old)) => old,
        _ => serde_json::Map::new(),
    };
    all.extend(new.into_iter().filter(|(_, figure)| !figure.is_null()));
    let output = all.get("output_tokens").and_then(serde_json::Value::as_u64);
    answer.report_usage(Some(serde_json::Value::Object(all)), output);
}
