//! Rules about the transport: content type, body, what happens on the way, and whether the answer is what was asked
//! for.

mod asked;
mod body;
mod incremental;
mod h2;
mod message;
mod types;
mod intermediaries;

pub use asked::*;
pub use body::*;
pub use h2::*;
pub use incremental::*;
pub use intermediaries::*;
pub use message::*;

/// The rules of this family, in the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[
    &HTTP_001, &HTTP_002, &HTTP_003, &HTTP_004, &HTTP_005, &HTTP_006, &HTTP_007, &HTTP_008, &HTTP_009, &HTTP_010,
    &HTTP_011, &HTTP_012, &HTTP_013, &HTTP_014, &HTTP_015, &HTTP_016, &HTTP_017, &HTTP_018, &HTTP_019, &HTTP_020,
    &HTTP_021, &HTTP_023, &HTTP_024, &HTTP_025, &HTTP_026, &HTTP_027, &HTTP_028, &HTTP_029, &HTTP_030,
];
#[cfg(test)]
pub(crate) use types::wrong_type;
pub use types::*;

use crate::conformance::Rule;
use crate::exchange::Response;
use crate::framing::Framing;
use crate::http::event::{Known, ResponseHead, Transfer};

fn transfer(response: &Response) -> Option<Transfer> {
    response.head.as_ref().map(|h| h.transfer)
}

/// The media type without parameters in lower case; none where the field is absent, empty or could not be read.
pub(super) fn essence(head: &ResponseHead) -> Option<String> {
    let Known::Sent(value) = head.fields.known("content-type") else { return None };
    let value = String::from_utf8_lossy(value);
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

/// The head has no media type: the field is absent or empty. A field that could not be read is not absent.
fn is_untyped(head: &ResponseHead) -> bool {
    head.fields.known("content-type") != Known::Unread && essence(head).is_none()
}

/// A media type for one JSON value per line. None is registered; these are in use.
pub(super) fn is_lines(declared: &str) -> bool {
    const LINES: &[&str] = &[
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
        "application/json-lines",
        "application/stream+json",
        "application/x-json-stream",
    ];
    LINES.contains(&declared)
}

/// This media type promises a stream of records.
fn promises_records(declared: &str) -> bool {
    const STREAMS: &[&str] = &["text/event-stream", "application/json-seq", "application/vnd.amazon.eventstream"];
    STREAMS.contains(&declared) || is_lines(declared)
}

/// This media type may carry this framing.
fn fits(declared: &str, framing: Framing) -> bool {
    let json = declared == "application/json" || declared == "text/json" || declared.ends_with("+json");
    match framing {
        Framing::Sse => declared == "text/event-stream",
        Framing::Ndjson => is_lines(declared),
        Framing::JsonArray => json,
        // No type is registered for values without a delimiter. Any JSON type may carry them; a type for lines may
        // not.
        Framing::ConcatJson => json,
        Framing::JsonSeq => declared == "application/json-seq" || declared.ends_with("+json-seq"),
        Framing::AwsEventStream => declared == "application/vnd.amazon.eventstream",
        Framing::Grpc => declared.starts_with("application/grpc") || declared.starts_with("application/connect+"),
        Framing::CodedLines => declared == "text/plain",
        Framing::Multipart => declared.starts_with("multipart/"),
        Framing::WebSocket | Framing::Json | Framing::Text | Framing::Binary | Framing::Empty => true,
    }
}
