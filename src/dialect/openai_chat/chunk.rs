//! The JSON of chat and legacy completions, chunks and documents alike: one typed, borrowed parse per record.
//!
//! Source: OpenAI's OpenAPI document 2.3.0, `CreateChatCompletionStreamResponse`, `CreateChatCompletionResponse`,
//! `CreateCompletionResponse`.

use super::super::json::{Boxed, Fill, List, Num, Obj, Raw, Text, fill};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess};
use std::borrow::Cow;

/// Names of unknown fields kept per record.
const UNKNOWN_LIMIT: usize = 32;

/// One chunk or one whole answer.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Chunk<'a> {
    /// `id`
    pub(in crate::dialect) id: Text<'a>,
    /// `object`
    pub(in crate::dialect) object: Text<'a>,
    /// `created`, seconds since 1970.
    pub(in crate::dialect) created: Num,
    /// `model`
    pub(in crate::dialect) model: Text<'a>,
    /// `system_fingerprint`
    pub(in crate::dialect) system_fingerprint: Text<'a>,
    /// `choices`
    pub(in crate::dialect) choices: List<Obj<Boxed<Choice<'a>>>>,
    /// `usage`
    pub(in crate::dialect) usage: Raw<'a>,
    /// `error`, which no chunk of the document has.
    pub(in crate::dialect) error: Raw<'a>,
    /// `base_resp`, which MiniMax adds: a status, of failure if it is not 0.
    pub(in crate::dialect) base_resp: Raw<'a>,
    /// `x_groq`, which Groq adds: usage, or the error that stopped the stream.
    pub(in crate::dialect) x_groq: Raw<'a>,
    /// `prompt_filter_results` or `prompt_annotations` (Azure's first chunk).
    pub(in crate::dialect) prompt_filter: bool,
    /// `timings`, which llama.cpp adds.
    pub(in crate::dialect) timings: Raw<'a>,
    /// Names that the document does not know.
    pub(in crate::dialect) unknown: Vec<Cow<'a, str>>,
}

impl Chunk<'_> {
    /// Azure's remarks on what it filtered: documented with empty id, object and model, and without deltas.
    pub(in crate::dialect) fn is_annotation(&self) -> bool {
        let remark = |choice: &Obj<Boxed<Choice<'_>>>| choice.here().is_some_and(|c| c.is_annotation());
        match self.choices.is_empty() {
            true => self.prompt_filter,
            false => self.object.str() == Some("") && self.choices.iter().all(remark),
        }
    }

    /// Nothing that a chunk has.
    pub(in crate::dialect) fn is_none(&self) -> bool {
        let fields = [&self.id, &self.object, &self.model].iter().any(|text| text.present());
        !(fields
            || self.created != Num::Absent
            || self.choices.kind != "absent"
            || self.usage.present()
            || self.error.present())
    }
}

/// One choice. A chunk has `delta`, a whole answer `message`, a legacy completion `text`.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Choice<'a> {
    /// `index`
    pub(in crate::dialect) index: Num,
    /// `delta`
    pub(in crate::dialect) delta: Obj<Boxed<Delta<'a>>>,
    /// `message`
    pub(in crate::dialect) message: Obj<Boxed<Delta<'a>>>,
    /// `text`
    pub(in crate::dialect) text: Text<'a>,
    /// `finish_reason`
    pub(in crate::dialect) finish_reason: Text<'a>,
    /// `logprobs`
    pub(in crate::dialect) logprobs: Obj<IgnoredAny>,
    /// `usage`, where Moonshot puts it.
    pub(in crate::dialect) usage: Raw<'a>,
    /// Mark of vLLM.
    pub(in crate::dialect) stop_reason: Seen,
    /// Mark of vLLM.
    pub(in crate::dialect) token_ids: Seen,
    /// Mark of SGLang.
    pub(in crate::dialect) matched_stop: Seen,
    /// Mark of OpenRouter.
    pub(in crate::dialect) native_finish_reason: Seen,
    /// Mark of Azure.
    pub(in crate::dialect) content_filter_results: Seen,
}

impl Choice<'_> {
    /// Results of a content filter and nothing else.
    pub(in crate::dialect) fn is_annotation(&self) -> bool {
        self.content_filter_results.0 && self.delta.kind() == "absent" && self.message.kind() == "absent"
    }
}

/// `delta` or `message`.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Delta<'a> {
    /// `role`
    pub(in crate::dialect) role: Text<'a>,
    /// `content`
    pub(in crate::dialect) content: Text<'a>,
    /// `refusal`
    pub(in crate::dialect) refusal: Text<'a>,
    /// `reasoning_content` (DeepSeek, Qwen, Kimi, SGLang, llama.cpp).
    pub(in crate::dialect) reasoning_content: Text<'a>,
    /// `reasoning` (OpenRouter, Ollama, Groq, new vLLM).
    pub(in crate::dialect) reasoning: Text<'a>,
    /// `tool_calls`
    pub(in crate::dialect) tool_calls: List<Obj<Box<ToolCall<'a>>>>,
    /// `function_call`, the legacy form of one tool call.
    pub(in crate::dialect) function_call: Obj<Box<Function<'a>>>,
    /// `audio`: speech and its transcript.
    pub(in crate::dialect) audio: Obj<Box<Audio<'a>>>,
    /// `images`, which OpenRouter and LiteLLM add.
    pub(in crate::dialect) images: List<IgnoredAny>,
    /// Mark of LitServe: its deltas are request messages.
    pub(in crate::dialect) tool_call_id: Seen,
}

/// Speech, and what it says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct Audio<'a> {
    /// `data`, base64.
    #[serde(borrow)]
    pub(in crate::dialect) data: Text<'a>,
    /// `transcript`
    #[serde(borrow)]
    pub(in crate::dialect) transcript: Text<'a>,
}

/// One fragment of a tool call.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct ToolCall<'a> {
    /// `index`
    pub(in crate::dialect) index: Num,
    /// `id`
    #[serde(borrow)]
    pub(in crate::dialect) id: Text<'a>,
    /// `type`
    #[serde(borrow, rename = "type")]
    pub(in crate::dialect) kind: Text<'a>,
    /// `function`
    #[serde(borrow)]
    pub(in crate::dialect) function: Obj<Function<'a>>,
}

/// `function` of a tool call.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct Function<'a> {
    /// `name`
    #[serde(borrow)]
    pub(in crate::dialect) name: Text<'a>,
    /// `arguments`: a string that holds JSON; some servers send the object itself.
    #[serde(borrow)]
    pub(in crate::dialect) arguments: Raw<'a>,
}

/// `usage`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct Usage {
    /// `prompt_tokens`
    pub(in crate::dialect) prompt_tokens: Num,
    /// `completion_tokens`
    pub(in crate::dialect) completion_tokens: Num,
    /// `total_tokens`
    pub(in crate::dialect) total_tokens: Num,
    /// `prompt_tokens_details`
    pub(in crate::dialect) prompt_tokens_details: Obj<PromptDetails>,
    /// `completion_tokens_details`
    pub(in crate::dialect) completion_tokens_details: Obj<CompletionDetails>,
}

/// `prompt_tokens_details`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct PromptDetails {
    /// `cached_tokens`
    pub(in crate::dialect) cached_tokens: Num,
}

/// `completion_tokens_details`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(in crate::dialect) struct CompletionDetails {
    /// `reasoning_tokens`
    pub(in crate::dialect) reasoning_tokens: Num,
}

/// A field of which only the presence counts, null included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::dialect) struct Seen(pub(in crate::dialect) bool);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Seen(true))
    }
}

fill!(Choice:
    "index" => index, "delta" => delta, "message" => message, "text" => text, "finish_reason" => finish_reason,
    "logprobs" => logprobs, "usage" => usage,
    "stop_reason" => stop_reason, "token_ids" => token_ids, "matched_stop" => matched_stop,
    "native_finish_reason" => native_finish_reason, "content_filter_results" => content_filter_results);

fill!(Delta:
    "role" => role, "content" => content, "refusal" => refusal,
    "reasoning_content" => reasoning_content, "reasoning" => reasoning,
    "tool_calls" => tool_calls, "function_call" => function_call, "audio" => audio, "images" => images,
    "tool_call_id" => tool_call_id);

impl<'a, 'de: 'a> Fill<'de> for Chunk<'a> {
    /// By hand, so that unknown names are noticed in the same pass.
    fn fill<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text::Str(key)) = map.next_key::<Text<'a>>()? {
            match key.as_ref() {
                "id" => self.id = map.next_value()?,
                "object" => self.object = map.next_value()?,
                "created" => self.created = map.next_value()?,
                "model" => self.model = map.next_value()?,
                "choices" => self.choices = map.next_value()?,
                "usage" => self.usage = map.next_value()?,
                "error" => self.error = map.next_value()?,
                "system_fingerprint" => self.system_fingerprint = map.next_value()?,
                "service_tier" | "moderation" | "obfuscation" => drop(map.next_value::<IgnoredAny>()?),
                "prompt_filter_results" | "prompt_annotations" => {
                    self.prompt_filter = true;
                    map.next_value::<IgnoredAny>()?;
                }
                name => {
                    match name {
                        "base_resp" => self.base_resp = map.next_value()?,
                        "x_groq" => self.x_groq = map.next_value()?,
                        "timings" => self.timings = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                    if self.unknown.len() < UNKNOWN_LIMIT {
                        self.unknown.push(key);
                    }
                }
            }
        }
        Ok(())
    }
}
