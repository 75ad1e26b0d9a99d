//! An exchange without its times: what must be equal whichever door it came through.

use sniff::exchange::{Body, Exchange};
use std::fmt::Write;

/// Everything about an exchange that does not depend on when and in which pieces its bytes came.
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
        let interim: Vec<_> = r.informational.iter().map(|h| (h.status, String::from_utf8_lossy(h.fields.raw()))).collect();
        let _ = writeln!(s, "  interim {interim:?} trailers {:?} end {:?} {}", r.trailers, r.end, body(&r.body));
        let _ =
            writeln!(s, "  {:?} {:?} records {} comments {} deltas {}", r.framing, r.dialect, r.record_count, r.comments, r.deltas.len());
        for x in &r.records {
            let _ = writeln!(s, "  #{} {}..{} {:?} {:?}", x.n, x.start, x.end, x.event, x.meaning.delta());
        }
        let _ = writeln!(s, "  {:?}", r.answer);
    }
    let mut odd: Vec<_> = e.oddities.iter().map(|(o, n)| format!("{} ×{n} at {:?} record {:?}", o.kind.0, o.offset, o.record)).collect();
    // Layers that run on different sides of a boundary may notice in another order.
    odd.sort();
    let _ = writeln!(s, "  odd {odd:?}");
    s
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
