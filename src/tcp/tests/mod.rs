//! Tests of the table as a whole: a small language for segments and for what comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod early;
mod ends;
mod geometry;
mod stall;
mod joined;
mod limits;
mod pcap;
mod property;
mod values;

use super::{Limits, Table};
use crate::conn::{ByteEvent, ConnFacts, ConnId, Direction, What};
use crate::net::{Segment, flags};
use crate::time::{Span, Timestamp};
use std::net::SocketAddr;

/// Initial sequence numbers: the server's space wraps after ten bytes.
const CLIENT_ISN: u32 = 1000;
const SERVER_ISN: u32 = u32::MAX - 10;

/// Segments that are early do not wait.
const AT_ONCE: Limits = Limits { early: Span(0), ..Limits::DEFAULT };

/// A table with one conversation 10.0.0.1:40000 ↔ 10.0.0.2:80; every segment is one packet, 1 ms after the one before.
struct Talk {
    table: Table,
    now: i64,
    frame: u64,
    /// Device of the packets that follow.
    device: Option<u32>,
    /// Realm of the packets that follow.
    realm: u64,
    ports: (u16, u16),
    /// Window of the segments that follow.
    window: u16,
    log: Log,
}

/// What came out: a line per event, bytes per connection and direction.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    facts: Vec<(ConnId, ConnFacts)>,
}

impl Log {
    fn take(&mut self, event: ByteEvent<'_>) {
        let arrow = if event.dir == Direction::ToServer { '>' } else { '<' };
        let (conn, frame) = (event.conn.0, event.frame);
        self.lines.push(match event.what {
            What::Open { endpoints, joined } => format!("{conn} open {} joined={joined}", endpoints.client.port()),
            What::Data(bytes) => format!("{conn}{arrow} {} #{frame}", String::from_utf8_lossy(bytes)),
            What::Gap(n) => format!("{conn}{arrow} gap {n} #{frame}"),
            What::End(end) => format!("{conn}{arrow} {end:?} #{frame}"),
            What::Flip => format!("{conn} flip"),
            What::Tls(_) => format!("{conn} tls"),
            What::Oddity(o) => match o.span {
                Some(span) => {
                    format!("{conn}{arrow} {} @{} for {} ms", o.kind.0, o.offset.unwrap(), span.0 / 1_000_000)
                }
                None => format!("{conn}{arrow} {} @{}", o.kind.0, o.offset.unwrap()),
            },
            What::Closed(facts) => {
                self.facts.push((event.conn, *facts));
                format!("{conn} closed")
            }
        });
    }
}

impl Talk {
    /// Nothing sent yet.
    fn silent(limits: Limits) -> Self {
        Talk {
            table: Table::new(limits),
            now: 0,
            frame: 0,
            device: None,
            realm: 0,
            ports: (40_000, 80),
            window: 1000,
            log: Log::default(),
        }
    }

    /// After the handshake, whose `Open` is read.
    fn open() -> Self {
        Talk::open_with(Limits::default())
    }

    fn open_with(limits: Limits) -> Self {
        let mut talk = Talk::silent(limits);
        talk.shake();
        assert_eq!(talk.said(), ["0 open 40000 joined=false"]);
        talk
    }

    /// SYN, SYN-ACK, ACK.
    fn shake(&mut self) {
        self.raw(true, CLIENT_ISN, 0, flags::SYN, b"", 0);
        self.raw(false, SERVER_ISN, CLIENT_ISN + 1, flags::SYN | flags::ACK, b"", 0);
        self.raw(true, CLIENT_ISN + 1, SERVER_ISN + 1, flags::ACK, b"", 0);
    }

    /// Any segment, numbers as on the wire.
    fn raw(&mut self, to_server: bool, seq: u32, ack: u32, flags: u8, payload: &[u8], missing: u32) {
        self.frame += 1;
        self.now += 1_000_000;
        let client = SocketAddr::from(([10, 0, 0, 1], self.ports.0));
        let server = SocketAddr::from(([10, 0, 0, 2], self.ports.1));
        let (src, dst) = if to_server { (client, server) } else { (server, client) };
        let segment = Segment {
            at: Timestamp(self.now),
            frame: self.frame,
            src,
            dst,
            realm: self.realm,
            device: self.device,
            ident: 0,
            seq,
            ack,
            flags,
            window: self.window,
            payload,
            missing,
        };
        let log = &mut self.log;
        self.table.push(&segment, &mut |event| log.take(event));
    }

    /// Server payload at a stream offset; the client has sent nothing.
    fn data(&mut self, offset: u32, payload: &str) {
        self.flagged(offset, payload, 0);
    }

    /// Server segment with flags besides ACK.
    fn flagged(&mut self, offset: u32, payload: &str, flags: u8) {
        self.raw(
            false,
            SERVER_ISN.wrapping_add(1).wrapping_add(offset),
            CLIENT_ISN + 1,
            flags | flags::ACK,
            payload.as_bytes(),
            0,
        );
    }

    /// Server payload of which the capture lacks the last `missing` bytes.
    fn cut(&mut self, offset: u32, payload: &str, missing: u32) {
        let seq = SERVER_ISN.wrapping_add(1).wrapping_add(offset);
        self.raw(false, seq, CLIENT_ISN + 1, flags::ACK, payload.as_bytes(), missing);
    }

    /// The client acknowledges server bytes before this offset.
    fn ack(&mut self, offset: u32) {
        self.raw(true, CLIENT_ISN + 1, SERVER_ISN.wrapping_add(1).wrapping_add(offset), flags::ACK, b"", 0);
    }

    fn wait(&mut self, millis: i64) {
        self.now += millis * 1_000_000;
    }

    /// Time passes without packets.
    fn tick(&mut self) {
        let log = &mut self.log;
        self.table.advance(Timestamp(self.now), &mut |event| log.take(event));
    }

    /// The lines since the last call.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log.lines)
    }

    /// The end of the capture: the last lines and the facts of the last connection closed.
    fn finish(&mut self) -> (Vec<String>, ConnFacts) {
        let log = &mut self.log;
        self.table.finish(&mut |event| log.take(event));
        assert_eq!(self.table.len(), 0);
        (self.said(), self.log.facts.last().unwrap().1)
    }
}
