//! TCP: segments become bytes in order, gaps, ends. One table, many connections, bounded memory.
//!
//! ```text
//! Segment ─► Table ─► Connection ─► Flow (one direction) ─► ByteEvent
//!            (timers,  (roles,       ├ positions: where it begins, what was delivered and acknowledged
//!             limits)   port reuse,  ├ waiting:   what came before the bytes that precede it
//!                       early)       ├ holes:     what is missing, since when
//!                                    ├ stall:     what makes the sender wait
//!                                    └ tail:      how it ends
//! ```
//!
//! **Time of a byte**: when it became deliverable in order. Bytes that waited after a hole carry time and
//! number of the packet that filled it. If the hole is given up ([`What::Gap`](crate::conn::What::Gap)) they
//! carry their own, because the receiver had the missing bytes and only the capture lacks them.
//!
//! **Order of the directions**: a segment that acknowledges what was not seen yet waits for it (`early`).
//!
//! **Overlaps**: the copy that was seen first wins. Different bytes in a later copy are noticed while the
//! first copy still waits. Of delivered bytes only the checksums of the last deliveries are kept: the usual
//! path copies nothing and different content is still noticed.
//!
//! **Urgent data** stays in the stream, as for a receiver that sets `SO_OOBINLINE` (RFC 6093 section 4).
//!
//! **Counts**: a payload segment is out of order if a byte before it was missing when it came, and
//! retransmitted if all of it had been delivered. The segment that fills a hole is neither.
//!
//! **Who is the client**: the sender of the SYN; else the receiver of the SYN-ACK; else the end with the
//! higher port; else the sender of the first segment.
//!
//! **The end**: every direction ends once. One that neither FIN nor RST ended gets `Idle` when time closes
//! the connection (also after the peer's RST), and `Capture` when the capture, a limit or the next connection
//! with the same addresses does. If the sender of a reset continues and the receiver acknowledges that, the
//! reset ended nothing: the bytes after it become a connection that was joined there (`tcp.reset-ignored`).

mod connection;
mod counters;
mod early;
mod flow;
mod hole;
mod ignored_reset;
mod kept;
mod key;
mod out;
mod positions;
mod recent;
mod round_trip;
mod seq;
mod stall;
mod table;
mod tail;
mod waiting;

#[cfg(test)]
mod tests;

pub use table::Table;

use crate::oddity::Kind;
use crate::time::Span;

/// Two copies of the same bytes differ; the offset is that of the first byte that does.
pub const OVERLAP_DIFFERS: Kind = Kind("tcp.overlap-differs");
/// Bytes after the FIN; not delivered.
pub const DATA_AFTER_FIN: Kind = Kind("tcp.data-after-fin");
/// Bytes of a sender that had reset the connection before; not delivered. Either the RST was forged or
/// packets overtook each other.
pub const DATA_AFTER_RESET: Kind = Kind("tcp.data-after-reset");
/// The sender of a reset continued, and the receiver acknowledged it: a third party sent the reset, or its
/// sequence number was wrong.
pub const RESET_IGNORED: Kind = Kind("tcp.reset-ignored");
/// Bytes for a hole that was given up, or from before the start of a connection that was joined; not delivered.
pub const LATE: Kind = Kind("tcp.late");
/// The receiver had no room while the sender had bytes for it. During the span the receiver caused the pause,
/// not the sender.
pub const ZERO_WINDOW: Kind = Kind("tcp.zero-window");
/// Bytes came late, by the span, because they had been lost and were sent again.
pub const RETRANSMISSION_STALL: Kind = Kind("tcp.retransmission-stall");
/// Bytes were sent at once after an acknowledgement that the receiver had delayed by the span: Nagle's
/// algorithm met delayed acknowledgements. A single case may be chance.
pub const DELAYED_ACK: Kind = Kind("tcp.delayed-ack");
/// Packets of one end only were captured.
pub const ONE_SIDED: Kind = Kind("tcp.one-sided");
/// Urgent data (RFC 9293 section 3.8.5): receivers may take a byte out of the stream; this reader leaves it
/// in.
pub const URGENT: Kind = Kind("tcp.urgent");
/// A segment that no receiver would accept; ignored.
pub const OUT_OF_WINDOW: Kind = Kind("tcp.out-of-window");

/// How long a connection that is over is kept, so that later segments (retransmissions, RST after FIN) are
/// still counted with it.
const LINGER: Span = Span::from_secs(5);

/// Limits of the table. All but `early` are options of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time after which a hole that the receiver has acknowledged (so the capture lost it) is given up.
    pub hole_acked: Span,
    /// Time after which a hole that the receiver has not acknowledged (so a retransmission will come) is
    /// given up.
    pub hole: Span,
    /// Bytes that may wait after a hole of one direction; beyond it the hole is given up.
    pub hole_bytes: usize,
    /// Segments that may wait after a hole of one direction; beyond it the hole is given up.
    pub hole_segments: usize,
    /// A connection is over after this time without packets.
    pub idle: Span,
    /// Bytes that may wait after holes, all connections together; beyond it the oldest holes are given up.
    pub memory: usize,
    /// How long a segment that acknowledges bytes which were not seen yet waits for them; 0: it does not wait.
    pub early: Span,
    /// Connections that may be open at once; beyond it the longest idle one is closed.
    pub connections: usize,
}

impl Limits {
    /// The usual ones.
    pub const DEFAULT: Limits = Limits {
        hole_acked: Span::from_millis(1_000),
        hole: Span::from_secs(60),
        hole_bytes: 4 << 20,
        hole_segments: 4096,
        idle: Span::from_secs(600),
        memory: 64 << 20,
        early: Span::from_millis(50),
        connections: 100_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
