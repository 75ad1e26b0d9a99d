//! Rules by family, in the order of the layers. To add one more: a `static` in its family's file, a line here.

use super::Rule;

pub mod tcp;

pub mod http;

pub mod sse;

pub mod chat;

pub mod responses;

pub mod anthropic;

pub mod gemini;

pub mod cohere;

pub mod multipart;
pub mod ndjson;

pub mod ollama;

pub mod aws;

pub mod grpc;

pub mod mcp;

pub mod a2a;

pub mod ai_sdk;

pub mod dashscope;

pub mod tgi;

pub mod llamacpp;

pub mod delivery;

/// Every rule, in the order of the catalogue.
pub static RULES: &[&Rule] = &[
    &tcp::TCP_001,
    &tcp::TCP_002,
    &tcp::TCP_003,
    &tcp::TCP_004,
    &http::HTTP_001,
    &http::HTTP_002,
    &http::HTTP_003,
    &http::HTTP_004,
    &http::HTTP_005,
    &http::HTTP_006,
    &http::HTTP_007,
    &http::HTTP_008,
    &http::HTTP_009,
    &http::HTTP_010,
    &http::HTTP_011,
    &http::HTTP_012,
    &http::HTTP_013,
    &http::HTTP_014,
    &http::HTTP_015,
    &http::HTTP_016,
    &http::HTTP_017,
    &http::HTTP_018,
    &http::HTTP_019,
    &http::HTTP_020,
    &http::HTTP_021,
    &http::HTTP_023,
    &http::HTTP_024,
    &sse::SSE_001,
    &sse::SSE_002,
    &sse::SSE_003,
    &sse::SSE_004,
    &sse::SSE_005,
    &sse::SSE_006,
    &sse::SSE_007,
    &sse::SSE_008,
    &sse::SSE_009,
    &sse::SSE_010,
    &sse::SSE_011,
    &sse::SSE_012,
    &sse::SSE_013,
    &sse::SSE_014,
    &sse::SSE_015,
    &sse::SSE_016,
    &sse::SSE_017,
    &sse::SSE_018,
    &sse::SSE_019,
    &sse::SSE_020,
    &sse::SSE_021,
    &sse::SSE_022,
    &sse::SSE_023,
    &sse::SSE_024,
    &sse::SSE_025,
    &sse::SSE_026,
    &chat::OAI_CHAT_001,
    &chat::OAI_CHAT_002,
    &chat::OAI_CHAT_003,
    &chat::OAI_CHAT_004,
    &chat::OAI_CHAT_005,
    &chat::OAI_CHAT_006,
    &chat::OAI_CHAT_007,
    &chat::OAI_CHAT_008,
    &chat::OAI_CHAT_009,
    &chat::OAI_CHAT_010,
    &chat::OAI_CHAT_011,
    &chat::OAI_CHAT_012,
    &chat::OAI_CHAT_013,
    &chat::OAI_CHAT_014,
    &chat::OAI_CHAT_015,
    &chat::OAI_CHAT_016,
    &chat::OAI_CHAT_017,
    &chat::OAI_CHAT_018,
    &chat::OAI_CHAT_019,
    &chat::OAI_CHAT_020,
    &chat::OAI_CHAT_021,
    &chat::OAI_CHAT_022,
    &chat::OAI_CHAT_023,
    &chat::OAI_CHAT_024,
    &chat::OAI_CHAT_025,
    &chat::OAI_CHAT_026,
    &chat::OAI_CHAT_027,
    &chat::OAI_CHAT_028,
    &chat::OAI_CHAT_029,
    &chat::OAI_CHAT_030,
    &chat::OAI_CHAT_031,
    &chat::OAI_CHAT_032,
    &chat::OAI_CHAT_033,
    &chat::OAI_CHAT_034,
    &chat::OAI_CHAT_035,
    &chat::OAI_CHAT_036,
    &chat::OAI_CHAT_037,
    &chat::OAI_CHAT_038,
    &chat::OAI_CHAT_039,
    &chat::OAI_CHAT_040,
    &chat::OAI_CMPL_001,
    &responses::OAI_RESP_001,
    &responses::OAI_RESP_002,
    &responses::OAI_RESP_003,
    &responses::OAI_RESP_004,
    &responses::OAI_RESP_005,
    &responses::OAI_RESP_006,
    &responses::OAI_RESP_007,
    &anthropic::ANT_001,
    &anthropic::ANT_002,
    &anthropic::ANT_003,
    &anthropic::ANT_004,
    &anthropic::ANT_005,
    &anthropic::ANT_006,
    &anthropic::ANT_007,
    &anthropic::ANT_008,
    &anthropic::ANT_009,
    &anthropic::ANT_010,
    &anthropic::ANT_011,
    &anthropic::ANT_012,
    &gemini::GEM_001,
    &gemini::GEM_002,
    &gemini::GEM_003,
    &gemini::GEM_004,
    &cohere::COHERE_001,
    &ndjson::NDJSON_001,
    &ndjson::NDJSON_002,
    &ndjson::NDJSON_003,
    &multipart::MPART_001,
    &ollama::OLLAMA_001,
    &ollama::OLLAMA_002,
    &ollama::OLLAMA_003,
    &ollama::OLLAMA_004,
    &aws::AWS_001,
    &aws::AWS_002,
    &aws::AWS_003,
    &grpc::GRPC_001,
    &mcp::MCP_001,
    &mcp::MCP_002,
    &mcp::MCP_003,
    &a2a::A2A_001,
    &ai_sdk::UI_001,
    &ai_sdk::UI_002,
    &dashscope::DASH_001,
    &dashscope::DASH_002,
    &tgi::TGI_001,
    &llamacpp::LLAMA_001,
    &delivery::DLV_001,
    &delivery::pace::DLV_002,
    &delivery::pace::DLV_003,
    &delivery::pace::DLV_004,
    &delivery::DLV_005,
    &delivery::silence::DLV_006,
    &delivery::silence::DLV_007,
    &delivery::silence::DLV_008,
    &delivery::silence::DLV_009,
    &delivery::DLV_010,
    &delivery::DLV_011,
    &delivery::silence::DLV_012,
    &delivery::pace::DLV_013,
    &delivery::pace::DLV_014,
    &delivery::DLV_015,
];
