//! Sentences across exchanges, from summaries.

use super::Summary;
use crate::conformance::Level;
use crate::conn::Endpoints;
use crate::delivery::across::{Lines, Outcome, Print, Seen, hash};
use crate::time::Timestamp;
use std::net::SocketAddr;

/// What is compared of this exchange; it ended at `ended`.
pub fn seen(s: &Summary, ended: Timestamp) -> Seen {
    let (q, r) = (s.request.as_ref(), s.response.as_ref());
    let body = q.and_then(|q| q.body_sha256.as_deref()).map(hash);
    let decoded = r.filter(|r| r.decoded_bytes > 0).and_then(|r| r.decoded_sha256.as_deref()).map(hash);
    let print = Print { request: body, body: decoded, ..Print::default() };
    let of_model = q.is_some_and(|q| q.model.is_some() || q.stream.is_some());
    let errors = s.findings.iter().any(|f| f.level == Level::Error);
    let cut_by = r.and_then(|r| r.cut_by.as_deref());
    Seen {
        id: s.id,
        ends: Endpoints {
            client: SocketAddr::new(s.client_ip, s.client_port),
            server: SocketAddr::new(s.server_ip, s.server_port),
        },
        conn: s.stream,
        begun: s.timing.t_request_start_ns.map(Timestamp),
        ended,
        asked: q.and_then(|q| Seen::asks(&q.method, &q.path, body, q.body_bytes, of_model)),
        print: print.with_text(r.and_then(|r| r.text.as_deref())),
        pace: s.timing.ttft.zip(s.timing.itl_p50),
        outcome: Outcome::of(s.verdict.as_deref(), cut_by, r.and_then(|r| r.status), errors),
    }
}

/// Adds the sentences about this exchange.
pub fn add(s: &mut Summary, lines: &mut Lines) {
    s.across = lines.remove(&s.id).unwrap_or_default();
    s.delivery.extend(s.across.iter().cloned());
}
