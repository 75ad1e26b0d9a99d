//! `.wire` transcripts: text that describes what happened on one connection. The fourth door, for fixtures
//! and rule samples.
//!
//! One directive per line. A delivery is what arrived at one time in one piece; it ends at a blank line, an
//! `@`, a `!`, or where the direction changes.
//!
//! | line | means |
//! |---|---|
//! | `# text` | comment; does not end a delivery |
//! | (empty) | ends the delivery |
//! | `@ +20ms` `@ -5us` `@ 2026-01-01T00:00:00Z` | moves the time (`s`, `ms`, `us`, `ns`) or sets it; it starts at [`START`] |
//! | `> text` `< text` | client to server, server to client: the text and CRLF; `>` and `<` alone: CRLF |
//! | <code>>&#124; text</code> <code><&#124; text</code> | the same without the line end |
//! | `<chunk text` `<chunk;ext=1 text` | one HTTP/1.1 chunk of exactly this text: size line, data, CRLF (a space in the extension: `\x20`) |
//! | `<last` `<last X-T: v` | the last chunk, with a trailer field |
//! | `>json {…}` | ends a head: `Content-Type`, `Content-Length`, the empty line, and this body |
//! | `<h2 headers 1 :status: 200 \| server: x` `<h2 data+end 1 text` `<h2 rst 1 CANCEL` | one HTTP/2 frame (below) |
//! | `<aws messageStart {…}` `<chunk/aws …` | one message of an AWS event stream; the same in a chunk |
//! | `<grpc text` `<chunk/grpc …` `<h2 data/grpc 1 …` | one message of gRPC; the same in a chunk, in a DATA frame |
//! | `!join` | first: the start of the connection was not captured |
//! | `!syn` | first: the connection opens here, though its first bytes come later |
//! | `!gap < 120` | this many bytes of this direction were not captured |
//! | `!tcp < overlap-differs` | TCP noticed this in this direction (an oddity `tcp.…`) |
//! | `!fin <` `!rst >` `!idle <` | this direction ends: FIN, RST, or silence beyond the limit |
//! | `!end` `!end <` | the capture ends: both directions, or one |
//! | `!stay` | last: nothing is implied, the connection stays open |
//!
//! The frames of HTTP/2 (RFC 9113; lengths and field blocks are computed, a name or number is taken for error
//! codes and settings):
//!
//! | line | means |
//! |---|---|
//! | `>h2 preface` | the 24 bytes with which a client begins; its settings follow in their own line |
//! | `<h2 settings INITIAL_WINDOW_SIZE=222 …` `<h2 settings+ack` | SETTINGS |
//! | `<h2 headers STREAM name: value \| name: value` | HEADERS: literal fields, not indexed, without Huffman coding |
//! | `<h2 continuation STREAM fields` | CONTINUATION, after a frame with `+more` |
//! | `<h2 push STREAM PROMISED fields` | PUSH_PROMISE |
//! | `<h2 data STREAM text` | DATA |
//! | `<h2 rst STREAM CODE` `<h2 goaway LAST CODE text` | RST_STREAM, GOAWAY |
//! | `<h2 window_update STREAM N` `<h2 ping 8 bytes` | WINDOW_UPDATE, PING |
//! | `<h2 frame TYPE FLAGS STREAM text` | any frame, by numbers |
//!
//! Flags follow the kind: `+end` (END_STREAM: data, headers), `+more` (no END_HEADERS: headers, push,
//! continuation), `+ack` (settings, ping), `+pad=N` (data, headers, push): `<h2 data+end+pad=3 1 text`. A bar
//! in a field's value is `\x7c`.
//!
//! A message of an AWS event stream has the headers `:event-type` (the name), `:content-type`
//! (`application/json`) and `:message-type`, and both checksums. `aws+exception` makes an exception of that
//! name, `aws+bad-crc` changes the last bit of the second checksum. A message of gRPC has its flags and its
//! length: `grpc+gzip` (the text is compressed already), `grpc+trailers` (gRPC-Web), `grpc+end` (Connect).
//!
//! All of these lines exist both ways. Escapes in every text: `\n \r \t \0 \\ \xHH \u{HEX}`. A line never
//! ends in white space; write `\x20`.
//!
//! Implied: a direction without an end at the end of the text ends with FIN, the server's first, unless there
//! was an RST or `!stay`.

mod escape;
mod h2;
mod message;
mod parse;
mod write;

#[cfg(test)]
mod tests;

pub use h2::ERRORS as H2_ERRORS;
pub use parse::{WireError, begins, parse};
pub use write::write;

use crate::conn::{self, ByteEvent, ClosedAt, ConnFacts, ConnId, Direction, End, Endpoints};
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The time of a transcript that sets none: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp(1_767_225_600_000_000_000);

/// What happened on one connection, owned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcript {
    /// In order of arrival; the first is [`What::Open`] unless the transcript is empty.
    pub events: Vec<Event>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Time of the event.
    pub at: Timestamp,
    /// Direction; `ToServer` for `Open`, which has no direction.
    pub dir: Direction,
    /// The event itself.
    pub what: What,
}

/// The owned counterpart of [`conn::What`], as far as a transcript can express it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// First sight of the connection.
    Open {
        /// Its start was not captured.
        joined: bool,
    },
    /// The next bytes of this direction. Never empty.
    Data(Vec<u8>),
    /// This many bytes of this direction were sent and not captured.
    Gap(u64),
    /// TCP noticed something of this kind in this direction.
    Odd(Kind),
    /// This direction is over.
    End(End),
}

impl Transcript {
    /// All events in order as connection `conn`: `Open` first, `Closed` with the counts last. There are no
    /// packets, so every frame number is 0.
    pub fn replay(&self, conn: ConnId, sink: &mut dyn FnMut(ByteEvent<'_>)) {
        let (Some(first), Some(last)) = (self.events.first(), self.events.last()) else { return };
        let mut send = |at, dir, what| sink(ByteEvent { at, frame: 0, conn, dir, what });
        let endpoints = endpoints(conn);
        if !matches!(first.what, What::Open { .. }) {
            send(first.at, Direction::ToServer, conn::What::Open { endpoints, joined: false });
        }
        for event in &self.events {
            let what = match &event.what {
                What::Open { joined } => conn::What::Open { endpoints, joined: *joined },
                What::Data(bytes) => conn::What::Data(bytes),
                What::Gap(len) => conn::What::Gap(*len),
                What::Odd(kind) => conn::What::Oddity(Oddity::new(*kind, event.at, "noticed by TCP")),
                What::End(end) => conn::What::End(*end),
            };
            send(event.at, event.dir, what);
        }
        send(last.at, Direction::ToServer, conn::What::Closed(Box::new(self.facts())));
    }

    /// Bytes that were captured of this direction.
    pub fn bytes(&self, dir: Direction) -> u64 {
        let len = |e: &Event| if let What::Data(bytes) = &e.what { bytes.len() as u64 } else { 0 };
        self.events.iter().filter(|e| e.dir == dir).map(len).sum()
    }

    /// What TCP would have counted, as far as a transcript shows it.
    fn facts(&self) -> ConnFacts {
        let (client_bytes, server_bytes) = (self.bytes(Direction::ToServer), self.bytes(Direction::ToClient));
        let mut facts = ConnFacts { handshake_seen: true, client_bytes, server_bytes, ..ConnFacts::default() };
        for event in &self.events {
            let client = event.dir == Direction::ToServer;
            match &event.what {
                What::Open { joined } => facts.handshake_seen = !joined,
                What::Gap(_) => facts.hole = true,
                What::End(End::Fin | End::CloseNotify) if client => facts.closed.client_fin = Some(event.at),
                What::End(End::Fin | End::CloseNotify) => facts.closed.server_fin = Some(event.at),
                What::End(End::Reset) if client => facts.closed.client_rst = Some(event.at),
                What::End(End::Reset) => facts.closed.server_rst = Some(event.at),
                What::Data(_) | What::Odd(_) | What::End(End::Idle | End::Capture) => {}
            }
        }
        let ClosedAt { client_fin, server_fin, client_rst, server_rst } = facts.closed;
        facts.client_fin = client_fin.is_some();
        facts.server_fin = server_fin.is_some();
        facts.client_rst = client_rst.is_some();
        facts.server_rst = server_rst.is_some();
        facts
    }
}

/// Addresses of the documentation range (RFC 5737), another client port for every connection.
fn endpoints(conn: ConnId) -> Endpoints {
    let port = 49_152 + (conn.0 % 16_384) as u16;
    Endpoints {
        client: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), port),
        server: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80),
    }
}
