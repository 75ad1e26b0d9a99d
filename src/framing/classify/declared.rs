//! The declared media type, which breaks ties.

/// What the header declares, as far as it can break a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Sse,
    Ndjson,
    Json,
    JsonSeq,
    Aws,
    Grpc,
    Text,
    Other,
}

impl Declared {
    pub(super) fn of(content_type: Option<&str>) -> Declared {
        // Some servers send a list, such as `application/json, text/event-stream`: the last type is the most
        // specific.
        let last = content_type.unwrap_or_default().split(',').next_back().unwrap_or_default();
        let essence = last.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Declared::Sse,
            "application/vnd.amazon.eventstream" => Declared::Aws,
            "application/json-seq" => Declared::JsonSeq,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/x-jsonl"
            | "application/stream+json" => Declared::Ndjson,
            "application/json" => Declared::Json,
            e if is_grpc(e) => Declared::Grpc,
            e if e.ends_with("+json-seq") => Declared::JsonSeq,
            e if e.ends_with("+json") => Declared::Json,
            e if e.starts_with("text/") => Declared::Text,
            _ => Declared::Other,
        }
    }
}

/// gRPC, gRPC-Web (`-text` too), Connect's streams; with a codec's name after a plus.
fn is_grpc(essence: &str) -> bool {
    let Some(kind) = essence.strip_prefix("application/") else { return false };
    matches!(kind.split('+').next(), Some("grpc" | "grpc-web" | "grpc-web-text")) || kind.starts_with("connect+")
}
