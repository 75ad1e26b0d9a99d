//! Reads and writes exchanges in the formats of other tools. The caller has removed secrets
//! (`exchange::redact::exchange`); nothing is hidden here.
//!
//! To add a format: one file here, one arm in `cli/export.rs` or `cli/import.rs`.

pub mod curl;
pub mod har;
pub mod pcapng;
pub mod records;
pub mod transcript;
pub mod vcr;
pub mod wiremock;

use crate::exchange::Exchange;
use crate::http::event::Fields;

/// Header fields as pairs of text.
fn pairs(fields: &Fields) -> impl Iterator<Item = (String, String)> {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    fields.iter().map(move |(name, value)| (text(name), text(value)))
}

/// The URL of the request.
fn url(exchange: &Exchange) -> String {
    let Some(request) = &exchange.request else { return "about:unknown".into() };
    let head = &request.head;
    if head.target.contains("://") {
        return head.target.clone();
    }
    let scheme = head.scheme.as_deref().unwrap_or(if exchange.tls.is_some() { "https" } else { "http" });
    let authority = head.authority.clone().unwrap_or_else(|| exchange.endpoints.server.to_string());
    format!("{scheme}://{authority}{}", head.target)
}
