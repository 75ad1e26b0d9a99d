//! Both directions of an HTTP/1 connection: what the response to a request means for the other side, and who
//! cut what.

use super::length::Asked;
use super::pairing::{Pairing, Turn, Upgrade};
use super::reader::{Out, Reader};
use crate::conn::End;
use crate::conn::Stamp;
use crate::http::backlog::{Backlog, Item};
use crate::http::event::{EndSignal, HttpEvent, MessageEnd, Side};
use crate::time::{Span, Timestamp};

/// Bytes in flight when the client closes come within this time.
const IN_FLIGHT: Span = Span::from_secs(1);

/// An HTTP/1 connection.
#[derive(Debug)]
pub(in crate::http) struct Conn {
    client: Reader,
    server: Reader,
    pairing: Pairing,
    ends: [Option<End>; 2],
    /// The side that closed or reset first, and how.
    first: Option<(Side, End)>,
    /// When the client closed, in the middle of a body that only the server's close ends.
    client_left: Option<Timestamp>,
}

/// The connection speaks something else from here on.
#[derive(Debug)]
pub(in crate::http) struct Switched {
    /// The exchange whose response switched.
    pub(in crate::http) exchange: u64,
    /// The protocol it switched to.
    pub(in crate::http) to: Upgrade,
    /// Number of the next exchange.
    pub(in crate::http) next: u64,
    /// Number of bytes of the delivery that still belonged to HTTP/1.
    pub(in crate::http) used: usize,
    /// What the client sent before the response came.
    pub(in crate::http) ahead: Backlog,
    /// How each direction ended, if it did.
    pub(in crate::http) ends: [Option<End>; 2],
}

impl Conn {
    /// `next`: number of its first exchange; `joined`: its start was not captured.
    pub(in crate::http) fn new(joined: bool, next: u64) -> Self {
        Conn {
            client: Reader::new(Side::Request, joined),
            server: Reader::new(Side::Response, joined),
            pairing: Pairing::new(next),
            ends: [None; 2],
            first: None,
            client_left: None,
        }
    }

    /// Number of the next exchange.
    pub(in crate::http) fn next(&self) -> u64 {
        self.pairing.next()
    }

    /// Bytes of memory in use.
    pub(in crate::http) fn held(&self) -> usize {
        size_of::<Conn>() + self.client.held() + self.server.held() + self.pairing.held()
    }

    /// One delivery of one side.
    pub(in crate::http) fn data(
        &mut self,
        side: Side,
        stamp: Stamp,
        bytes: &[u8],
        sink: &mut dyn FnMut(HttpEvent<'_>),
    ) -> Option<Switched> {
        if self.ends[side as usize].is_some() {
            return None;
        }
        // Later bytes than those in flight: the client has closed its own side only.
        self.client_left = self.client_left.filter(|at| side == Side::Request || stamp.at.since(*at) <= IN_FLIGHT);
        let mut used = 0;
        loop {
            let reader = match side {
                Side::Request => &mut self.client,
                Side::Response => &mut self.server,
            };
            used += reader.data(&bytes[used..], used == 0, &mut self.pairing, &mut Out { stamp, side, sink });
            match self.pairing.turn.take() {
                Some(Turn::Release) => self.release(sink),
                Some(Turn::Switch { exchange, to }) => {
                    let ahead = self.client.take_waiting().map(|(backlog, _)| backlog).unwrap_or_default();
                    // The response ends a request that was still arriving.
                    let cut = (MessageEnd::CutByServer, EndSignal::Switched);
                    self.client.finish(cut, cut, &mut self.pairing, &mut Out { stamp, side: Side::Request, sink });
                    let (next, ends) = (self.next(), self.ends);
                    return Some(Switched { exchange, to, next, used, ahead, ends });
                }
                None => return None,
            }
        }
    }

    /// Missing bytes of one side.
    pub(in crate::http) fn gap(&mut self, side: Side, stamp: Stamp, len: u64, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let reader = match side {
            _ if self.ends[side as usize].is_some() => return,
            Side::Request => &mut self.client,
            Side::Response => &mut self.server,
        };
        reader.gap(len, &mut self.pairing, &mut Out { stamp, side, sink });
    }

    /// One side sends no more.
    pub(in crate::http) fn end(&mut self, side: Side, stamp: Stamp, how: End, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let own = &mut self.ends[side as usize];
        if own.is_some() {
            return;
        }
        *own = Some(how);
        if how.is_close() {
            self.first.get_or_insert((side, how));
        }
        if side == Side::Request && self.first == Some((side, how)) && self.server.reads_to_close() {
            self.client_left = Some(stamp.at);
        }
        self.finish(side, stamp, how, sink);
    }

    /// Nothing follows: ends every open message.
    pub(in crate::http) fn close(&mut self, stamp: Stamp, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        self.pairing.close();
        self.release(sink);
        for side in [Side::Request, Side::Response] {
            self.finish(side, stamp, self.ends[side as usize].unwrap_or(End::Capture), sink);
        }
    }

    fn finish(&mut self, side: Side, stamp: Stamp, how: End, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let cut = self.cut_by(side, how);
        // A client that closes first, with a body under way that only the close ends, has given up: the server's close
        // answers it. One that closes its side before the answer begins only says that it asks no more.
        let orderly = how.is_orderly() && (side == Side::Request || self.client_left.is_none());
        let close = if orderly { (MessageEnd::Complete, EndSignal::Close) } else { cut };
        let reader = match side {
            Side::Request => &mut self.client,
            Side::Response => &mut self.server,
        };
        reader.finish(close, cut, &mut self.pairing, &mut Out { stamp, side, sink });
    }

    /// The party that cut a message of `side`: the end that closed first. A side that just fell silent
    /// stopped because of the other's FIN or RST, if there was one; else the capture ended.
    fn cut_by(&self, side: Side, how: End) -> (MessageEnd, EndSignal) {
        let other = match side {
            Side::Request => Side::Response,
            Side::Response => Side::Request,
        };
        let guilty = match how {
            End::Fin | End::Reset | End::CloseNotify => self.first.or(Some((side, how))),
            End::Idle | End::Capture => self.first.filter(|first| first.0 == other),
        };
        match guilty {
            Some((Side::Request, how)) => (MessageEnd::CutByClient, EndSignal::of(how)),
            Some((Side::Response, how)) => (MessageEnd::CutByServer, EndSignal::of(how)),
            None => (MessageEnd::CutByCapture, EndSignal::of(how)),
        }
    }

    /// The client's waiting bytes are requests after all, unless the response to a CONNECT never came.
    fn release(&mut self, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let Some((held, asked)) = self.client.take_waiting() else { return };
        if asked == Asked::Connect && self.pairing.is_closed() {
            return;
        }
        for (_, stamp, item) in held.from(0) {
            let mut out = Out { stamp, side: Side::Request, sink: &mut *sink };
            match item {
                Item::Data(bytes) => {
                    self.client.data(bytes, true, &mut self.pairing, &mut out);
                }
                Item::Gap(len) => self.client.gap(len, &mut self.pairing, &mut out),
                Item::End(_) => {}
            }
        }
    }
}
