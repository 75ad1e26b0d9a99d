//! Compares a replay as it was received with the recording: bytes, boundaries, times.

use super::script::{Ending, What};
use super::{Pace, Script};
use crate::exchange::{Body, Exchange};
use crate::http::event::{MessageEnd, Transfer};
use crate::time::Span;

/// The comparison of a recording with its replay.
#[derive(Debug, Clone)]
pub struct Fidelity {
    /// Number of the exchange.
    pub id: u64,
    /// Body bytes: received, recorded.
    pub bytes: (u64, u64),
    /// Whether the bodies are equal.
    pub bytes_equal: bool,
    /// Transfer units: received, recorded. A body without units has no boundaries over HTTP/1.
    pub units: (usize, usize),
    /// Whether the units have the same lengths and size lines.
    pub boundaries_equal: bool,
    /// Whether status line, fields and trailers are equal.
    pub heads_equal: bool,
    /// Whether the replay ended as the recording did.
    pub end_equal: bool,
    /// For each delivery how much later than planned its last byte arrived, ns.
    pub errors: Vec<i64>,
}

impl Fidelity {
    /// Whether everything except the times is equal; no busy machine can guarantee times.
    pub fn is_equal(&self) -> bool {
        self.bytes_equal && self.boundaries_equal && self.heads_equal && self.end_equal
    }

    /// A percentile of the absolute timing errors, ns; none without deliveries.
    pub fn error(&self, p: f64) -> Option<i64> {
        let mut sizes: Vec<Span> = self.errors.iter().map(|e| Span(e.abs())).collect();
        sizes.sort_unstable();
        crate::metrics::percentile(&sizes, p).map(|s| s.0)
    }
}

/// Compares. `script` was played at `pace`, as the `n`th answer.
pub fn compare(script: &Script, pace: &Pace, n: u64, heard: Option<&Exchange>) -> Fidelity {
    let response = heard.and_then(|e| e.response.as_ref());
    let nothing = Body::default();
    let body = response.map_or(&nothing, |r| &r.body);
    let has_units = matches!(script.head.transfer, Transfer::Chunked | Transfer::H2);
    let recorded: Vec<(usize, Option<&[u8]>)> =
        script.parts.iter().filter_map(|p| p.opens.as_ref()).map(|u| (u.len, u.line.as_deref())).collect();
    let units = units(body);
    let head = response.and_then(|r| r.head.as_ref());
    let ended = |e: &Exchange| e.response.as_ref().map(|r| r.end);
    // Nothing more was received until the client stopped: the client reports it as one end, a capture shows it as
    // the other.
    let ended_so = |end: MessageEnd| match script.ending {
        Ending::Clean => end == MessageEnd::Complete,
        Ending::Cut | Ending::Reset(_) => end == MessageEnd::CutByServer,
        Ending::Open => matches!(end, MessageEnd::CutByCapture | MessageEnd::CutByClient),
    };
    Fidelity {
        id: script.id,
        bytes: (body.bytes.len() as u64, script.body.len() as u64),
        bytes_equal: body.bytes == script.body,
        units: (if has_units { units.len() } else { body.pieces.len() }, recorded.len()),
        boundaries_equal: !has_units || units == recorded,
        heads_equal: head.is_some_and(|h| h.fields.raw() == script.head.fields.raw())
            && response.is_some_and(|r| r.trailers.iter().eq(script.trailers.iter())),
        end_equal: heard.and_then(ended).is_some_and(ended_so),
        errors: errors(script, pace, n, heard),
    }
}

fn units(body: &Body) -> Vec<(usize, Option<&[u8]>)> {
    let line = |unit: u64| body.unit_lines.iter().find(|(n, _)| *n == unit).map(|(_, line)| line.as_slice());
    let runs = body.pieces.chunk_by(|a, b| a.unit == b.unit);
    runs.map(|run| (run.iter().map(|p| p.len as usize).sum(), run.first().and_then(|p| line(p.unit)))).collect()
}

/// The time at which the last byte of each delivery arrived, minus the planned time.
fn errors(script: &Script, pace: &Pace, n: u64, heard: Option<&Exchange>) -> Vec<i64> {
    let Some((request, response)) = heard.and_then(|e| Some((e.request.as_ref()?, e.response.as_ref()?))) else {
        return Vec::new();
    };
    let recorded: Vec<Span> = script.groups().filter_map(|g| g.first()).map(|s| s.at).collect();
    let planned = pace.times(&recorded, n);
    let mut errors = Vec::new();
    for (group, planned) in script.groups().zip(planned) {
        let parts = group.iter().filter_map(|s| if let What::Part(i) = s.what { script.parts.get(i) } else { None });
        let Some(end) = parts.map(|p| p.bytes.end as u64).max() else { continue };
        let piece = response.body.pieces.iter().find(|p| p.offset + u64::from(p.len) >= end);
        errors.extend(piece.map(|p| p.at.since(request.last_at).0 - planned.0));
    }
    errors
}
