//! What is counted per direction, and the facts of a connection that it gives.

use crate::conn::{ClosedAt, ConnFacts};
use crate::time::Timestamp;

/// What is counted per direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FlowCounters {
    /// Segments with payload that was all delivered before.
    pub(super) retransmitted: u64,
    /// Segments with payload that came while a byte before them was missing.
    pub(super) out_of_order: u64,
    /// Bytes delivered.
    pub(super) bytes: u64,
    /// There was a gap.
    pub(super) hole: bool,
    /// The first FIN that was seen.
    pub(super) fin: Option<Timestamp>,
    /// The first RST that was seen.
    pub(super) rst: Option<Timestamp>,
}

/// The facts of a connection that are counted per direction, from what its client and its server sent.
pub(super) fn facts(client: &FlowCounters, server: &FlowCounters) -> ConnFacts {
    ConnFacts {
        retransmitted_segments: client.retransmitted + server.retransmitted,
        out_of_order_segments: client.out_of_order + server.out_of_order,
        hole: client.hole || server.hole,
        client_fin: client.fin.is_some(),
        server_fin: server.fin.is_some(),
        client_rst: client.rst.is_some(),
        server_rst: server.rst.is_some(),
        closed: ClosedAt {
            client_fin: client.fin,
            server_fin: server.fin,
            client_rst: client.rst,
            server_rst: server.rst,
        },
        client_bytes: client.bytes,
        server_bytes: server.bytes,
        ..ConnFacts::default()
    }
}
