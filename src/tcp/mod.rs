//! TCP: segments become bytes in order, gaps, ends. One table, many connections, bounded memory.
//!
//! ```text
//! Segment ─► Table ─► Connection ─► Flow (one direction) ─► ByteEvent
//!            (timers,  (roles,       ├ start:   where it begins
//!             limits)   port reuse)  ├ waiting: what came too early
//!                                    └ hole:    what is missing, until when
//! ```
//!
//! **Time of a byte**: when it became deliverable in order. Bytes that waited behind a hole carry time and number of the packet that
//! filled it; where the hole is given up ([`What::Gap`](crate::conn::What::Gap)) they carry their own, because the receiver had
//! the missing bytes and only the capture lacks them.
//!
//! **Overlaps**: the copy that was seen first wins. Other bytes in a later copy are noticed as long as the first one still waits; of what went
//! up only checksums of the last deliveries are kept, so that the usual path copies nothing and another content is noticed all the same.
//!
//! **Urgent data** stays in the stream, as for a receiver that sets `SO_OOBINLINE` (RFC 6093 section 4).
//!
//! **Counts**: a payload segment is out of order when it came before its turn (a byte before it was missing then), and retransmitted
//! when all of it had been delivered. The segment that fills a hole is neither.
//!
//! **Who is the client**: the sender of the SYN; else the receiver of the SYN-ACK; else the end with the higher port; else who spoke first.
//!
//! **The end**: every direction ends once. One that neither FIN nor RST ended gets `Idle` when time closes the connection (also after the
//! peer's RST), and `Capture` when the capture, a limit or the next connection with the same addresses does. A reset whose sender goes on and whose
//! receiver acknowledges that ended nothing: what comes behind it is told as a connection joined there (`tcp.reset-ignored`).

mod connection;
mod ignored_reset;
mod flow;
mod stall;
mod hole;
mod key;
mod out;
mod recent;
mod seq;
mod start;
mod table;
mod waiting;

#[cfg(test)]
mod tests;

pub use table::Table;

use crate::oddity::Kind;
use crate::time::Span;

/// Two copies of the same bytes differ; the offset is that of the first byte that does.
pub const OVERLAP_DIFFERS: Kind = Kind("tcp.overlap-differs");
/// Bytes behind the FIN; not delivered.
pub const DATA_AFTER_FIN: Kind = Kind("tcp.data-after-fin");
/// Bytes of a sender that had reset the connection before; not delivered. Either the RST was forged or packets overtook each other.
pub const DATA_AFTER_RESET: Kind = Kind("tcp.data-after-reset");
/// The sender of a reset went on, and the receiver acknowledged it: somebody else sent the reset, or it stood in the wrong place.
pub const RESET_IGNORED: Kind = Kind("tcp.reset-ignored");
/// Bytes for a hole that was given up, or from before the start of a connection that was joined; not delivered.
pub const LATE: Kind = Kind("tcp.late");
/// The receiver had no room while the sender had bytes for it: for so long the receiver held the connection up, not the sender.
pub const ZERO_WINDOW: Kind = Kind("tcp.zero-window");
/// Bytes came late by so much because they had been lost and were sent again.
pub const RETRANSMISSION_STALL: Kind = Kind("tcp.retransmission-stall");
/// Bytes left at once when an acknowledgement came that the receiver had held back for so long: Nagle's algorithm met delayed acknowledgements.
/// Once may be chance.
pub const DELAYED_ACK: Kind = Kind("tcp.delayed-ack");
/// Urgent data (RFC 9293 section 3.8.5): receivers may take a byte out of the stream, which is not done here.
pub const URGENT: Kind = Kind("tcp.urgent");
/// A segment that no receiver would accept; ignored.
pub const OUT_OF_WINDOW: Kind = Kind("tcp.out-of-window");

/// How long a connection that is over is kept, so that what follows (retransmissions, RST after FIN) is still counted with it.
const LINGER: Span = Span::from_secs(5);

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
