//! Rules by family, in the order of the layers. To add a rule: a `static` in the file of its family, and its name in
//! the
//! `RULES` of that file. To add a family: a file, its `mod`, and a line in [`FAMILIES`].

use super::Rule;

pub mod capture;
pub mod tcp;
pub mod http;
pub mod sse;
pub mod json;
pub mod websocket;
pub mod xai;
pub mod chat;
pub mod responses;
pub mod realtime;
pub mod anthropic;
pub mod anthropic_sessions;
pub mod gemini;
pub mod cohere;
pub mod multipart;
pub mod ndjson;
pub mod ollama;
pub mod aws;
pub mod grpc;
pub mod acp;
pub mod mcp;
pub mod a2a;
pub mod ai_sdk;
pub mod ag_ui;
pub mod dashscope;
pub mod tgi;
pub mod llamacpp;
pub mod koboldcpp;
pub mod lmstudio;
pub mod llm;
pub mod records;
pub mod delivery;

/// The families, from transport to delivery. Each lists its own rules, by number.
const FAMILIES: &[&[&Rule]] = &[
    capture::RULES,
    tcp::RULES,
    http::RULES,
    sse::RULES,
    json::RULES,
    websocket::RULES,
    chat::RULES,
    responses::RULES,
    realtime::RULES,
    anthropic::RULES,
    anthropic_sessions::RULES,
    gemini::RULES,
    cohere::RULES,
    ndjson::RULES,
    multipart::RULES,
    ollama::RULES,
    aws::RULES,
    grpc::RULES,
    xai::RULES,
    mcp::RULES,
    acp::RULES,
    a2a::RULES,
    ai_sdk::RULES,
    ag_ui::RULES,
    dashscope::RULES,
    tgi::RULES,
    llamacpp::RULES,
    koboldcpp::RULES,
    lmstudio::RULES,
    llm::RULES,
    records::RULES,
    delivery::RULES,
];

/// How many rules there are.
const COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// Every rule, in the order of the catalogue: family by family, from transport to delivery, each in the order of its
/// numbers.
pub static RULES: &[&Rule] = &{
    let mut rules = [FAMILIES[0][0]; COUNT];
    let (mut at, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut n = 0;
        while n < FAMILIES[family].len() {
            rules[at] = FAMILIES[family][n];
            at += 1;
            n += 1;
        }
        family += 1;
    }
    rules
};
