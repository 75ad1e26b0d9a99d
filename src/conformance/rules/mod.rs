//! Rules by family, in the order of the layers. To add one more: a `static` in its family's file, a line here.

use super::Rule;

/// Pieces of samples; macros, so that `concat!` can join them at compile time.
#[macro_use]
mod samples;

pub mod http;

pub mod sse;

pub mod openai;

pub mod anthropic;

pub mod ndjson;

pub mod ollama;

pub mod aws;

pub mod grpc;

pub mod delivery;

/// Every rule, in the order of the catalogue.
pub static RULES: &[&Rule] = &[
    &http::HTTP_001,
    &http::HTTP_002,
    &http::HTTP_003,
    &http::HTTP_006,
    &http::HTTP_007,
    &sse::SSE_001,
    &sse::SSE_002,
    &sse::SSE_004,
    &sse::SSE_012,
    &sse::SSE_013,
    &sse::SSE_016,
    &openai::OAI_CHAT_001,
    &openai::OAI_CHAT_003,
    &openai::OAI_CHAT_004,
    &openai::OAI_CHAT_005,
    &openai::OAI_CHAT_006,
    &openai::OAI_CHAT_020,
    &openai::OAI_CHAT_024,
    &openai::OAI_CHAT_031,
    &openai::OAI_CHAT_036,
    &anthropic::ANT_001,
    &ndjson::NDJSON_001,
    &ollama::OLLAMA_001,
    &aws::AWS_001,
    &grpc::GRPC_001,
    &delivery::DLV_001,
    &delivery::DLV_005,
    &delivery::DLV_010,
    &delivery::DLV_015,
];
