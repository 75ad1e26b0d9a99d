//! TCP: segments become bytes in order, gaps, ends. One table, many connections, bounded memory.

use crate::conn::ByteEvent;
use crate::net::Segment;
use crate::time::{Span, Timestamp};

/// Bounds. All are options of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A hole that the receiver has acknowledged (so the capture lost it) is given up after this long …
    pub hole_acked: Span,
    /// … one that it has not acknowledged (so a retransmission will come) after this long …
    pub hole: Span,
    /// … or when this many bytes wait behind it …
    pub hole_bytes: usize,
    /// … or this many segments.
    pub hole_segments: usize,
    /// A connection without packets for this long is over.
    pub idle: Span,
    /// Bytes waiting behind holes, all connections together; beyond it the oldest holes are given up.
    pub memory: usize,
    /// Connections at once; beyond it the longest idle one is closed.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            hole_acked: Span::from_millis(1_000),
            hole: Span::from_secs(60),
            hole_bytes: 4 << 20,
            hole_segments: 4096,
            idle: Span::from_secs(600),
            memory: 64 << 20,
            connections: 100_000,
        }
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Table;

impl Table {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        let _ = limits;
        Table
    }

    /// One segment. Ends idle connections as packet time passes.
    pub fn push(&mut self, segment: &Segment<'_>, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let _ = (segment, sink);
    }

    /// Time passes without packets (live).
    pub fn advance(&mut self, now: Timestamp, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let _ = (now, sink);
    }

    /// The capture is over: everything that waits is delivered with its gaps, every connection is closed.
    pub fn finish(&mut self, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let _ = sink;
    }
}
