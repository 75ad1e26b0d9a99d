//! THE WAIST. Every door (packets, proxy, transcripts, imports) emits these events, and every parser takes
//! them: the bytes of a connection, in order, with the time of each.

use crate::oddity::Oddity;
use crate::time::{Span, Timestamp};
use std::net::SocketAddr;

/// One connection of a session, counted from 0 in the order of first sight: the `stream` of `list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// Both ends of a connection. Which end is the client may be a guess until a `Flip` or an HTTP head settles
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// The end that opened the connection (SYN), or the guess.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
}

/// When something happened and in which packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Time of the packet or delivery.
    pub at: Timestamp,
    /// Its number, as in [`ByteEvent::frame`]; 0 if it has none.
    pub frame: u64,
}

impl From<&ByteEvent<'_>> for Stamp {
    fn from(event: &ByteEvent<'_>) -> Self {
        Stamp { at: event.at, frame: event.frame }
    }
}

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Client to server: requests.
    ToServer,
    /// Server to client: responses.
    ToClient,
}

impl Direction {
    /// The opposite direction.
    pub fn other(self) -> Self {
        match self {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }

    /// 0 for `ToServer`, 1 for `ToClient`: index into a pair.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Something that happened to one connection.
///
/// Order per connection: `Open`, then any of the others, then one `Closed`, after which nothing follows.
/// Per direction: `Data` and `Gap` in stream order, then at most one `End`.
#[derive(Debug, Clone, PartialEq)]
pub struct ByteEvent<'a> {
    /// Time of the event; for `Data` the time at which these bytes became deliverable in order.
    pub at: Timestamp,
    /// Number of the packet that caused it, from 1 in the order of the capture; from a proxy the number of
    /// the delivery; 0 if it has neither.
    pub frame: u64,
    /// The connection.
    pub conn: ConnId,
    /// The direction; meaningless for `Open`, `Flip`, `Tls`, `Closed`.
    pub dir: Direction,
    /// The event itself.
    pub what: What<'a>,
}

/// The kinds of byte events.
#[derive(Debug, Clone, PartialEq)]
pub enum What<'a> {
    /// First sight of the connection.
    Open {
        /// Both ends.
        endpoints: Endpoints,
        /// The start was not seen: both directions may begin in the middle of a message.
        joined: bool,
    },
    /// The next bytes of this direction. Never empty.
    Data(&'a [u8]),
    /// This many bytes of this direction were sent and not captured ([`UNKNOWN_GAP`]: an unknown number). The
    /// next bytes follow them.
    Gap(u64),
    /// This direction carries no more bytes.
    End(End),
    /// The guess which end is the client was wrong: from now on the directions mean the opposite.
    Flip,
    /// This connection uses TLS and its door has decrypted it: `Data` is the plaintext, and these are the
    /// negotiated parameters. Comes before any `Data`.
    Tls(Box<TlsFacts>),
    /// A lower layer noticed something unusual.
    Oddity(Oddity),
    /// The last event: what the lower layers counted over the whole connection.
    Closed(Box<ConnFacts>),
}

/// The negotiated parameters of a TLS connection, from a door between both ends. (For captured packets the
/// `tls` layer finds them.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFacts {
    /// Server name that the client asked for.
    pub sni: Option<String>,
    /// Protocol agreed on.
    pub alpn: Option<String>,
    /// Version agreed on, `0x0304` for TLS 1.3.
    pub version: Option<u16>,
    /// Cipher suite number.
    pub suite: Option<u16>,
}

/// Length of a gap of unknown length, for example after a lost TLS record.
pub const UNKNOWN_GAP: u64 = u64::MAX;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// FIN of this direction's sender, all its bytes delivered.
    Fin,
    /// RST by this direction's sender. It ends the other direction too.
    Reset,
    /// TLS close_notify by this direction's sender (RFC 8446 section 6.1): only for the bytes inside TLS.
    CloseNotify,
    /// No packets for longer than the idle limit.
    Idle,
    /// The capture ended first, or a limit evicted the connection.
    Capture,
}

impl End {
    /// Whether the sender closed after all its bytes were delivered.
    pub fn is_orderly(self) -> bool {
        matches!(self, End::Fin | End::CloseNotify)
    }

    /// Whether the sender closed or reset, and did not just fall silent.
    pub fn is_close(self) -> bool {
        self.is_orderly() || self == End::Reset
    }
}

/// Time at which each end first closed or reset, in ns since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[allow(missing_docs)] // the flags of `ConnFacts` explain the fields
pub struct ClosedAt {
    #[serde(rename = "client_fin_ns")]
    pub client_fin: Option<Timestamp>,
    #[serde(rename = "server_fin_ns")]
    pub server_fin: Option<Timestamp>,
    #[serde(rename = "client_rst_ns")]
    pub client_rst: Option<Timestamp>,
    #[serde(rename = "server_rst_ns")]
    pub server_rst: Option<Timestamp>,
}

/// What TCP counted over a whole connection. All zero and false from doors without TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct ConnFacts {
    /// SYN and SYN-ACK were both captured.
    pub handshake_seen: bool,
    /// Segments with payload of which every byte had been delivered before.
    pub retransmitted_segments: u64,
    /// Segments with payload that came while a byte before them was missing.
    pub out_of_order_segments: u64,
    /// The capture lacks bytes that were sent.
    pub hole: bool,
    /// FIN by the client.
    pub client_fin: bool,
    /// FIN by the server.
    pub server_fin: bool,
    /// RST by the client.
    pub client_rst: bool,
    /// RST by the server.
    pub server_rst: bool,
    /// Times of the first FIN and RST of each end.
    pub closed: ClosedAt,
    /// Packets of this connection.
    pub packets: u64,
    /// Payload bytes client to server, each once, gaps not counted.
    pub client_bytes: u64,
    /// Payload bytes server to client, each once, gaps not counted.
    pub server_bytes: u64,
    /// The least round-trip time between the capture point and the client: from a byte (or SYN-ACK) of the server to
    /// the acknowledgement of the client.
    #[serde(skip)]
    pub rtt_client: Option<Span>,
    /// The same between the capture point and the server.
    #[serde(skip)]
    pub rtt_server: Option<Span>,
}
