//! Writes a cassette of vcrpy, version 1. It is JSON, which is also YAML. The format has no times and chunk
//! boundaries: they are lost.

use super::{pairs, url};
use crate::encoding::to_base64;
use crate::exchange::Exchange;
use crate::report::json;
use serde_json::{Map, Value, json};

/// The cassette of these exchanges; those without request or response are left out.
pub fn cassette(exchanges: &[Exchange]) -> String {
    let all: Vec<String> = exchanges.iter().filter_map(interaction).collect();
    format!("interactions:\n{}version: 1\n", all.concat())
}

fn interaction(exchange: &Exchange) -> Option<String> {
    let request = exchange.request.as_ref()?;
    let response = exchange.response.as_ref()?;
    let head = response.head.as_ref()?;
    let (asked, body) = (request.decoded().bytes, response.decoded().bytes);
    // The body is stored decoded, so its header fields must not name a content coding.
    let answered =
        headers(pairs(&head.fields).filter(|(n, _)| {
            !n.eq_ignore_ascii_case("content-encoding") && !n.eq_ignore_ascii_case("transfer-encoding")
        }));
    let mut out = String::new();
    out += "- request:\n";
    out += &format!("    body: {}\n", if asked.is_empty() { "null".into() } else { scalar(&asked) });
    out += &format!("    headers: {}\n", headers(pairs(&request.head.fields)));
    out += &format!(
        "    method: {}\n    uri: {}\n",
        json::text(&json!(request.head.method)),
        json::text(&json!(url(exchange)))
    );
    out += "  response:\n";
    out += &format!("    body:\n      string: {}\n", scalar(&body));
    out += &format!("    headers: {answered}\n");
    out += &format!(
        "    status:\n      code: {}\n      message: {}\n",
        head.status,
        json::text(&json!(String::from_utf8_lossy(&head.reason)))
    );
    Some(out)
}

/// A YAML scalar: a JSON string, or `!!binary`. [`json::text`] leaves no character unescaped that YAML forbids.
fn scalar(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => json::text(&json!(text)),
        Err(_) => format!("!!binary {}", to_base64(bytes)),
    }
}

fn headers(pairs: impl Iterator<Item = (String, String)>) -> String {
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        match all.entry(name).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(json!(value)),
            _ => continue,
        }
    }
    json::text(&Value::Object(all))
}
