//! What follows the 101 that opened a WebSocket: the bytes of both directions are the bodies of its exchange,
//! until both directions are over.

use super::backlog::Item;
use super::event::{EndSignal, HttpEvent, HttpWhat, MessageEnd, Side};
use crate::conn::Stamp;
use crate::conn::{End, UNKNOWN_GAP};

/// A connection after its 101.
#[derive(Debug)]
pub(super) struct Socket {
    exchange: u64,
    over: [bool; 2],
    /// The side that closed or reset first, and how.
    first: Option<(Side, End)>,
    /// How a side fell silent, if it did so without closing.
    silent: Option<End>,
    said: bool,
}

impl Socket {
    /// A WebSocket that belongs to this exchange.
    pub(super) fn new(exchange: u64) -> Self {
        Socket { exchange, over: [false; 2], first: None, silent: None, said: false }
    }

    /// One more item of one side.
    pub(super) fn push(&mut self, side: Side, stamp: Stamp, item: Item<'_>, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        if self.said || self.over[side as usize] {
            return;
        }
        let what = match item {
            Item::Data(bytes) => HttpWhat::Data(bytes),
            Item::Gap(len) => HttpWhat::Gap(Some(len).filter(|len| *len != UNKNOWN_GAP)),
            Item::End(how) => {
                self.over[side as usize] = true;
                if how.is_close() {
                    self.first.get_or_insert((side, how));
                } else {
                    self.silent = Some(how);
                }
                if self.over == [true; 2] || how == End::Reset {
                    self.close(stamp, sink);
                }
                return;
            }
        };
        sink(HttpEvent { at: stamp.at, frame: stamp.frame, exchange: self.exchange, side, what });
    }

    /// Ends both messages. The side that closed the connection first ended them, unless a Close frame in the
    /// bytes did.
    pub(super) fn close(&mut self, stamp: Stamp, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        if std::mem::replace(&mut self.said, true) {
            return;
        }
        let (end, told) = match self.first {
            Some((Side::Request, how)) => (MessageEnd::CutByClient, EndSignal::of(how)),
            Some((Side::Response, how)) => (MessageEnd::CutByServer, EndSignal::of(how)),
            None => (MessageEnd::CutByCapture, self.silent.map_or(EndSignal::CaptureEnd, EndSignal::of)),
        };
        for side in [Side::Request, Side::Response] {
            sink(HttpEvent {
                at: stamp.at,
                frame: stamp.frame,
                exchange: self.exchange,
                side,
                what: HttpWhat::End(end, told),
            });
        }
    }
}
