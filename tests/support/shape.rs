//! An exchange without its times: what must be equal through every door.

use sniff::exchange::{Body, Exchange};
use sniff::internal::http::event::{Fields, Transfer};
use sniff::time::Timestamp;
use std::fmt::Write;

/// Everything about an exchange that does not depend on when its bytes arrived and in which pieces.
pub fn shape(e: &Exchange) -> String {
    let mut s = String::new();
    if let Some(r) = &e.request {
        let _ = writeln!(s, "> {} {} {:?} {:?}", r.head.method, r.head.target, r.head.version, r.head.transfer);
        let _ = writeln!(s, "  head {:?}", String::from_utf8_lossy(r.head.fields.raw()));
        let _ = writeln!(s, "  model {:?} stream {:?} end {:?} {}", r.model, r.stream, r.end, body(&r.body));
    }
    if let Some(r) = &e.response {
        if let Some(h) = &r.head {
            let _ = writeln!(s, "< {} {:?} {:?}", h.status, h.version, h.transfer);
            let _ = writeln!(s, "  head {:?}", String::from_utf8_lossy(h.fields.raw()));
        }
        let interim: Vec<_> =
            r.informational.iter().map(|h| (h.status, String::from_utf8_lossy(h.fields.raw()))).collect();
        let _ = writeln!(s, "  interim {interim:?} trailers {:?} end {:?} {}", r.trailers, r.end, body(&r.body));
        let _ = writeln!(
            s,
            "  {:?} {:?} records {} comments {} deltas {}",
            r.framing,
            r.dialect,
            r.record_count,
            r.comments,
            r.deltas.len()
        );
        for x in &r.records {
            let _ = writeln!(s, "  #{} {}..{} {:?} {:?}", x.n, x.start, x.end, x.event, x.meaning.delta());
        }
        // The delay of records against the server's clock depends on times, and so do these.
        let mut answer = r.answer.clone();
        answer.server_clock.lag_spread = None;
        answer.reasoning_sign = answer.reasoning_sign.map(|_| Timestamp(0));
        answer.stages = Default::default();
        answer.rpc_answered = answer.rpc_answered.map(|_| Timestamp(0));
        for found in &mut answer.rpc_elsewhere {
            (found.at, found.first_delta) = (Timestamp(0), found.first_delta.map(|_| Timestamp(0)));
        }
        for turn in &mut answer.turns {
            (turn.asked, turn.begun, turn.first_delta, turn.first_content) = (None, None, None, None);
            (turn.ended, turn.quiet) = (None, None);
        }
        let _ = writeln!(s, "  {answer:?}");
    }
    let mut odd: Vec<_> =
        e.oddities.iter().map(|(o, n)| format!("{} ×{n} at {:?} record {:?}", o.kind.0, o.offset, o.record)).collect();
    // Layers on different sides of a boundary may notice oddities in another order.
    odd.sort();
    let _ = writeln!(s, "  odd {odd:?}");
    s
}

/// What is equal across HTTP versions: heads in the form of HTTP/2, bodies, records, answers, oddities of the
/// layers above HTTP. Times are unchanged.
pub fn content(e: &Exchange) -> String {
    let mut s = String::new();
    let list = |f: &Fields, t: Transfer| {
        let list = fields(f, t).into_iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(&v)));
        list.collect::<Vec<_>>()
    };
    if let Some(r) = &e.request {
        let h = &r.head;
        let _ = writeln!(s, "> {} {} {:?} {:?}", h.method, h.target, h.authority, list(&h.fields, h.transfer));
        let _ = writeln!(s, "  model {:?} stream {:?} end {:?} {:?}", r.model, r.stream, r.end, whole(&r.body));
    }
    if let Some(r) = &e.response {
        // Only HTTP/1 says whether a body is chunked; for a chunked body HTTP/2 sends one frame per chunk.
        let transfer = r.head.as_ref().map_or(Transfer::None, |h| h.transfer);
        if let Some(h) = &r.head {
            let _ = writeln!(s, "< {} {:?}", h.status, list(&h.fields, transfer));
        }
        let statuses: Vec<u16> = r.informational.iter().map(|h| h.status).collect();
        let _ = writeln!(
            s,
            "  interim {:?} trailers {:?} end {:?} {:?}",
            statuses,
            list(&r.trailers, transfer),
            r.end,
            whole(&r.body)
        );
        let _ = writeln!(
            s,
            "  {:?} {:?} records {} comments {} {:?}",
            r.framing, r.dialect, r.record_count, r.comments, r.deltas
        );
        for x in &r.records {
            let _ =
                writeln!(s, "  {} #{} {}..{} {:?} {:?}", x.at.nanos(), x.n, x.start, x.end, x.event, x.meaning.delta());
        }
        let _ = writeln!(s, "  {:?}", r.answer);
    }
    let transport = ["h1.", "h2."];
    let above = e.oddities.iter().filter(|(o, _)| !transport.iter().any(|t| o.kind.0.starts_with(t)));
    let mut odd: Vec<_> =
        above.map(|(o, n)| format!("{} ×{n} at {:?} record {:?}", o.kind.0, o.offset, o.record)).collect();
    odd.sort();
    let _ = writeln!(s, "  odd {odd:?}");
    s
}

/// A body's bytes, before and after content decoding, and the number of bytes at each time.
fn whole(b: &Body) -> impl std::fmt::Debug + use<'_> {
    let mut times = std::collections::BTreeMap::new();
    b.pieces.iter().filter(|p| p.len > 0).for_each(|p| *times.entry(p.at.nanos()).or_insert(0) += p.len);
    (b.wire_bytes, b.wire_sha256, b.decoded_bytes, b.decoded_sha256, String::from_utf8_lossy(&b.bytes), times)
}

fn body(b: &Body) -> String {
    format!(
        "{} bytes {:02x?} decoded {} {:02x?} units {:?} lines {:?} bytes {:?}",
        b.wire_bytes,
        b.wire_sha256,
        b.decoded_bytes,
        b.decoded_sha256,
        b.units,
        b.unit_lines,
        String::from_utf8_lossy(&b.bytes)
    )
}

/// Fields of HTTP/1 that HTTP/2 does not allow (RFC 9113 section 8.2.2), and those that became pseudo-header
/// fields.
const CONNECTION: [&str; 8] =
    ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "http2-settings"];

/// The fields of a head as HTTP/2 sends them. `chunked` bodies have no length (RFC 9112 section 6.3).
pub fn fields(fields: &Fields, transfer: Transfer) -> Vec<(String, Vec<u8>)> {
    let lower = fields.iter().map(|(n, v)| (String::from_utf8_lossy(n).to_lowercase(), v.to_vec()));
    let void = |n: &str| CONNECTION.contains(&n) || (n == "content-length" && transfer == Transfer::Chunked);
    lower.filter(|(n, _)| !void(n)).collect()
}
