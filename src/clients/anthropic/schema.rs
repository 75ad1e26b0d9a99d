//! What `@ai-sdk/anthropic` demands of an event.

use crate::clients::shape::Shape::{self, Any, Either, List, Number, Object, OneOf, Text};
use crate::clients::shape::{must, nullish};

const USAGE_IN: Shape = Object(&[must("input_tokens", Number), nullish("cache_read_input_tokens", Number)]);
const USAGE_OUT: Shape = Object(&[nullish("input_tokens", Number), must("output_tokens", Number)]);

/// Its schema, by the events that a chat brings.
pub(in crate::clients) static AI: Shape = Either(&[
    Object(&[must("type", OneOf(&["ping"]))]),
    Object(&[
        must("type", OneOf(&["message_start"])),
        must(
            "message",
            Object(&[
                nullish("id", Text),
                nullish("model", Text),
                nullish("role", Text),
                must("usage", USAGE_IN),
                nullish("content", List(&Object(&[must("type", OneOf(&["tool_use"]))]))),
                nullish("stop_reason", Text),
            ]),
        ),
    ]),
    Object(&[
        must("type", OneOf(&["content_block_start"])),
        must("index", Number),
        must(
            "content_block",
            Either(&[
                Object(&[must("type", OneOf(&["text"])), must("text", Text)]),
                Object(&[must("type", OneOf(&["thinking"])), must("thinking", Text)]),
                Object(&[must("type", OneOf(&["tool_use"])), must("id", Text), must("name", Text)]),
                Object(&[must("type", OneOf(&["redacted_thinking"])), must("data", Text)]),
                Object(&[
                    must("type", OneOf(&["server_tool_use", "mcp_tool_use"])),
                    must("id", Text),
                    must("name", Text),
                ]),
                Object(&[must(
                    "type",
                    OneOf(&[
                        "compaction",
                        "fallback",
                        "mcp_tool_result",
                        "web_fetch_tool_result",
                        "web_search_tool_result",
                        "code_execution_tool_result",
                    ]),
                )]),
            ]),
        ),
    ]),
    Object(&[
        must("type", OneOf(&["content_block_delta"])),
        must("index", Number),
        must(
            "delta",
            Either(&[
                Object(&[must("type", OneOf(&["text_delta"])), must("text", Text)]),
                Object(&[must("type", OneOf(&["input_json_delta"])), must("partial_json", Text)]),
                Object(&[must("type", OneOf(&["thinking_delta"])), must("thinking", Text)]),
                Object(&[must("type", OneOf(&["signature_delta"])), must("signature", Text)]),
                Object(&[must("type", OneOf(&["compaction_delta"]))]),
                Object(&[must("type", OneOf(&["citations_delta"])), must("citation", Object(&[]))]),
            ]),
        ),
    ]),
    Object(&[must("type", OneOf(&["content_block_stop"])), must("index", Number)]),
    Object(&[must("type", OneOf(&["error"])), must("error", Object(&[must("type", Text), must("message", Text)]))]),
    Object(&[
        must("type", OneOf(&["message_delta"])),
        must(
            "delta",
            Object(&[nullish("stop_reason", Text), nullish("stop_sequence", Text), nullish("container", Any)]),
        ),
        must("usage", USAGE_OUT),
    ]),
    Object(&[must("type", OneOf(&["message_stop"]))]),
]);
