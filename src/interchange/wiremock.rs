//! Writes stub mappings of WireMock. Its chunked dribble delay, which sends equal slices over a total time, is the
//! nearest feature to recorded times.

use super::pairs;
use crate::encoding::to_base64;
use crate::exchange::Exchange;
use crate::time::Span;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The mappings of these exchanges; those without request or response are left out.
pub fn mappings(exchanges: &[Exchange]) -> Value {
    let mut all: Vec<Value> = exchanges.iter().filter_map(mapping).collect();
    in_order(&mut all);
    json!({ "mappings": all })
}

/// WireMock would answer equal requests always with the last mapping. As a scenario the mappings answer in order,
/// and the last one repeats.
fn in_order(mappings: &mut [Value]) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, mapping) in mappings.iter().enumerate() {
        groups.entry(mapping["request"].to_string()).or_default().push(i);
    }
    for (n, group) in groups.values().filter(|g| g.len() > 1).enumerate() {
        let state = |i: usize| if i == 0 { "Started".to_owned() } else { format!("answered {i} times") };
        for (i, at) in group.iter().enumerate() {
            mappings[*at]["scenarioName"] = json!(format!("sniff {}", n + 1));
            mappings[*at]["requiredScenarioState"] = json!(state(i));
            if i + 1 < group.len() {
                mappings[*at]["newScenarioState"] = json!(state(i + 1));
            }
        }
    }
}

fn mapping(exchange: &Exchange) -> Option<Value> {
    let request = exchange.request.as_ref()?;
    let response = exchange.response.as_ref()?;
    let head = response.head.as_ref()?;
    let mut wanted = json!({"method": request.head.method, "url": request.head.target});
    if let Ok(text) = String::from_utf8(request.decoded().bytes)
        && !text.is_empty()
    {
        let pattern = match serde_json::from_str::<Value>(&text) {
            Ok(body) => json!({"equalToJson": body, "ignoreArrayOrder": false}),
            Err(_) => json!({"equalTo": text}),
        };
        wanted["bodyPatterns"] = json!([pattern]);
    }
    let mut headers = Map::new();
    let made = ["content-length", "transfer-encoding", "connection", "content-encoding"];
    for (name, value) in pairs(&head.fields).filter(|(n, _)| !made.contains(&n.to_ascii_lowercase().as_str())) {
        match headers.get_mut(&name) {
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.clone(), value]),
            None => drop(headers.insert(name, json!(value))),
        }
    }
    let mut answered = json!({"status": head.status, "headers": headers});
    match String::from_utf8(response.decoded().bytes) {
        Ok(text) => answered["body"] = json!(text),
        Err(e) => answered["base64Body"] = json!(to_base64(e.as_bytes())),
    }
    let whole_ms = |span: Span| span.0.max(0) / 1_000_000;
    answered["fixedDelayMilliseconds"] = json!(whole_ms(response.first_at.since(request.last_at)));
    if response.framing.is_stream() {
        let total = whole_ms(response.last_at.since(response.first_at)).max(1);
        let deliveries = response.body.pieces.iter().filter(|p| !p.gap).count().max(1);
        answered["chunkedDribbleDelay"] = json!({"numberOfChunks": deliveries, "totalDuration": total});
    }
    Some(json!({"request": wanted, "response": answered}))
}
