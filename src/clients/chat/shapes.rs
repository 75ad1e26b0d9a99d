//! What typed clients of chat completions demand of a chunk, read from their schemas.

use crate::clients::shape::Shape::{self, Any, Either, Integer, IntegerLike, List, Null, Number, Object, OneOf, Text};
use crate::clients::shape::{Field, must, nullable, nullish, optional};

const FUNCTION: &[Field] = &[nullish("name", Text), nullish("arguments", Text)];

const OPENAI_USAGE: Shape = Object(&[
    nullish("prompt_tokens", Number),
    nullish("completion_tokens", Number),
    nullish("total_tokens", Number),
    nullish("prompt_tokens_details", Object(&[nullish("cached_tokens", Number)])),
    nullish("completion_tokens_details", Object(&[nullish("reasoning_tokens", Number)])),
]);

/// `@ai-sdk/openai`: the chunk, or an error object.
pub(in crate::clients) static AI_OPENAI: Shape = Object(&[
    nullish("id", Text),
    nullish("created", Number),
    nullish("model", Text),
    must(
        "choices",
        List(&Object(&[
            nullish(
                "delta",
                Object(&[
                    nullish("role", OneOf(&["assistant"])),
                    nullish("content", Text),
                    nullish("refusal", Text),
                    nullish(
                        "annotations",
                        List(&Object(&[must("type", OneOf(&["url_citation"])), must("url_citation", Object(&[]))])),
                    ),
                    nullish(
                        "tool_calls",
                        List(&Object(&[
                            must("index", Number),
                            nullish("id", Text),
                            nullish("type", OneOf(&["function"])),
                            must("function", Object(FUNCTION)),
                        ])),
                    ),
                ]),
            ),
            nullish(
                "logprobs",
                Object(&[nullish("content", List(&Object(&[must("token", Text), must("logprob", Number)])))]),
            ),
            nullish("finish_reason", Text),
            must("index", Number),
        ])),
    ),
    nullish("usage", OPENAI_USAGE),
]);

/// `@ai-sdk/openai-compatible`.
pub(in crate::clients) static AI_COMPATIBLE: Shape = Object(&[
    nullish("id", Text),
    nullish("created", Number),
    nullish("model", Text),
    must(
        "choices",
        List(&Object(&[
            nullish(
                "delta",
                Object(&[
                    nullish("role", OneOf(&["assistant", ""])),
                    nullish("content", Either(&[Text, List(&Object(&[must("type", Text)]))])),
                    nullish("reasoning_content", Text),
                    nullish("reasoning", Text),
                    nullish(
                        "tool_calls",
                        List(&Object(&[
                            nullish("index", Number),
                            nullish("id", Text),
                            must("function", Object(FUNCTION)),
                        ])),
                    ),
                ]),
            ),
            nullish("finish_reason", Text),
        ])),
    ),
    nullish("usage", OPENAI_USAGE),
]);

/// `@openrouter/ai-sdk-provider`.
pub(in crate::clients) static AI_OPENROUTER: Shape = Object(&[
    optional("id", Text),
    optional("model", Text),
    optional("provider", Text),
    must(
        "choices",
        List(&Object(&[
            nullish(
                "delta",
                Object(&[
                    optional("role", OneOf(&["assistant"])),
                    nullish("content", Text),
                    nullish("reasoning", Text),
                    nullish("reasoning_details", List(&Any)),
                    nullish("images", List(&Any)),
                    nullish("annotations", List(&Object(&[must("type", Text)]))),
                    nullish(
                        "tool_calls",
                        List(&Object(&[
                            nullish("index", Number),
                            nullish("id", Text),
                            optional("type", OneOf(&["function"])),
                            must("function", Object(FUNCTION)),
                        ])),
                    ),
                ]),
            ),
            nullish(
                "logprobs",
                Object(&[must(
                    "content",
                    Either(&[List(&Object(&[must("token", Text), must("logprob", Number)])), Null]),
                )]),
            ),
            nullish("finish_reason", Text),
            nullish("index", Number),
        ])),
    ),
    nullish(
        "usage",
        Object(&[
            must("prompt_tokens", Number),
            must("completion_tokens", Number),
            must("total_tokens", Number),
            nullish("prompt_tokens_details", Object(&[must("cached_tokens", Number)])),
            nullish("completion_tokens_details", Object(&[must("reasoning_tokens", Number)])),
        ]),
    ),
]);

const MISTRAL_CONTENT: Shape = Either(&[Text, List(&Object(&[optional("type", Text)]))]);
const MISTRAL_FUNCTION: Shape = Object(&[must("name", Text), must("arguments", Either(&[Text, Object(&[])]))]);

/// `@mistralai/mistralai`.
pub(in crate::clients) static MISTRAL_SCRIPT: Shape = Object(&[
    must("id", Text),
    optional("object", Text),
    optional("created", Integer),
    must("model", Text),
    optional(
        "usage",
        Object(&[
            optional("prompt_tokens", Integer),
            optional("completion_tokens", Integer),
            optional("total_tokens", Integer),
            nullish("prompt_audio_seconds", Integer),
        ]),
    ),
    must(
        "choices",
        List(&Object(&[
            must("index", Integer),
            must(
                "delta",
                Object(&[
                    nullish("role", Text),
                    nullish("content", MISTRAL_CONTENT),
                    nullish(
                        "tool_calls",
                        List(&Object(&[
                            optional("id", Text),
                            optional("type", Text),
                            must("function", MISTRAL_FUNCTION),
                            optional("index", Integer),
                        ])),
                    ),
                ]),
            ),
            nullable("finish_reason", Text),
        ])),
    ),
]);

/// `mistralai` of Python: pydantic, which takes numbers in strings, and null where a value may be absent.
pub(in crate::clients) static MISTRAL_PYTHON: Shape = Object(&[
    must("id", Text),
    nullish("object", Text),
    nullish("created", IntegerLike),
    must("model", Text),
    nullish(
        "usage",
        Object(&[
            nullish("prompt_tokens", IntegerLike),
            nullish("completion_tokens", IntegerLike),
            nullish("total_tokens", IntegerLike),
            nullish("prompt_audio_seconds", IntegerLike),
        ]),
    ),
    must(
        "choices",
        List(&Object(&[
            must("index", IntegerLike),
            must(
                "delta",
                Object(&[
                    nullish("role", Text),
                    nullish("content", MISTRAL_CONTENT),
                    nullish(
                        "tool_calls",
                        List(&Object(&[
                            nullish("id", Text),
                            nullish("type", Text),
                            must("function", MISTRAL_FUNCTION),
                            nullish("index", IntegerLike),
                        ])),
                    ),
                ]),
            ),
            nullish("logprobs", Object(&[])),
            nullable("finish_reason", Text),
        ])),
    ),
]);

/// Zed's `open_ai` crate: closed types under serde.
pub(in crate::clients) static ZED: Shape = Object(&[must(
    "choices",
    List(&Object(&[
        must("index", Integer),
        nullish(
            "delta",
            Object(&[
                nullish("role", Text),
                nullish("content", Text),
                nullish(
                    "tool_calls",
                    List(&Object(&[
                        must("index", Integer),
                        nullish("id", Text),
                        nullish("function", Object(FUNCTION)),
                    ])),
                ),
            ]),
        ),
        nullish("finish_reason", Text),
    ])),
)]);
