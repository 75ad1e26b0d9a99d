//! The messages of a WebSocket in both directions, from the bodies of a whole exchange.

use crate::body::Piece;
use crate::exchange::{Body, Exchange};
use crate::framing::websocket::Sender;
use crate::framing::{Framed, Stream};
use crate::time::Timestamp;

/// One message, unmasked and decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Time of its last byte.
    pub at: Timestamp,
    /// The end that sent it.
    pub from: Sender,
    /// Its number among the messages of that end, from 0; for the server's messages the number of the record.
    pub n: u64,
    /// Whether it is binary.
    pub binary: bool,
    /// Its payload.
    pub data: Vec<u8>,
}

/// All messages in order of time. Empty if the exchange did not become a WebSocket, or its bodies were not
/// kept.
pub fn of(exchange: &Exchange) -> Vec<Message> {
    let (Some(_), Some(response)) = (&exchange.websocket, &exchange.response) else { return Vec::new() };
    let extensions = response.head.as_ref().and_then(|h| h.fields.text("sec-websocket-extensions"));
    let mut all = Vec::new();
    let asked = exchange.request.as_ref().map(|r| (&r.body, Sender::Client));
    for (body, from) in asked.into_iter().chain([(&response.body, Sender::Server)]) {
        read(body, from, extensions.as_deref(), &mut all);
    }
    all.sort_by_key(|m| m.at);
    all
}

fn read(body: &Body, from: Sender, extensions: Option<&str>, all: &mut Vec<Message>) {
    let mut stream = Stream::websocket(from, extensions);
    let mut hear = |framed: Framed<'_>| {
        if let Framed::Record(r) = framed {
            all.push(Message { at: r.at, from, n: r.n, binary: r.event == "binary", data: r.data.to_vec() });
        }
    };
    for (piece, bytes) in body.deliveries() {
        match piece.gap {
            true => stream.gap(piece.at, Some(u64::from(piece.len)).filter(|n| *n > 0), &mut hear),
            false => stream.push(Piece { at: piece.at, frame: piece.frame, bytes }, &mut hear),
        }
    }
}
