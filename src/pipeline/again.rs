//! An exchange once more, from what was kept of it: heads and deliveries go through the machines that read them the first time.
//!
//! So a store keeps what was received, and what was made of it need not be kept: text, deltas, figures come out again.

use super::closing::Closings;
use super::work::Work;
use super::{BodyPart, Config};
use crate::conn::{ConnId, Endpoints};
use crate::exchange::ending::Ending;
use crate::exchange::{Exchange, ExchangeId, PieceInfo, TlsInfo};
use crate::http::event::{Fields, HttpEvent, HttpWhat, MessageEnd, RequestHead, ResponseHead, Side, Told};
use crate::oddity::Oddities;
use crate::time::Timestamp;

/// What was received of an exchange.
#[derive(Debug)]
pub struct Kept {
    /// [`Exchange::id`]
    pub id: ExchangeId,
    /// [`Exchange::conn`]
    pub conn: ConnId,
    /// [`Exchange::endpoints`]
    pub endpoints: Endpoints,
    /// [`Exchange::tls`]
    pub tls: Option<TlsInfo>,
    /// The request, if any of it was seen.
    pub request: Option<KeptMessage<RequestHead>>,
    /// The response, if any of it was seen.
    pub response: Option<KeptMessage<ResponseHead>>,
    /// Interim heads before the response's own.
    pub informational: Vec<ResponseHead>,
    /// [`Exchange::ending`], where it was kept.
    pub ending: Option<Ending>,
    /// [`Exchange::oddities`]: layers below HTTP noticed some of them, so they are kept.
    pub oddities: Oddities,
    /// [`Exchange::gap`]
    pub gap: bool,
}

/// What was received of a message.
#[derive(Debug)]
pub struct KeptMessage<H> {
    /// Its head, if that was captured.
    pub head: Option<H>,
    /// Its body.
    pub body: BodyPart,
    /// [`crate::exchange::Body::units`]
    pub units: Option<u64>,
    /// Its trailer section.
    pub trailers: Fields,
    /// Time of its last byte.
    pub last_at: Timestamp,
    /// How it ended.
    pub end: MessageEnd,
}

impl Kept {
    /// The exchange, whole: nothing is handed on in parts.
    pub fn read(self) -> Exchange {
        let Kept { id, conn, endpoints, tls, request, response, informational, ending, oddities, gap } = self;
        let mut feed = Feed { work: Work::new(0, conn, endpoints), config: Config { request_kept: usize::MAX, ..Config::default() } };
        feed.work.begin(id);
        let times = (request.as_ref().map(|r| r.last_at), response.as_ref().map(|r| r.last_at));
        if let Some(KeptMessage { head: Some(head), body, units, trailers, last_at, end }) = request {
            feed.say(head.first_at, 0, Side::Request, HttpWhat::Request(Box::new(head)));
            feed.message(Side::Request, &body, units, trailers, last_at, end);
        }
        for head in informational {
            feed.say(head.first_at, 0, Side::Response, HttpWhat::Response(Box::new(head)));
        }
        if let Some(KeptMessage { head, body, units, trailers, last_at, end }) = response {
            if let Some(head) = head {
                feed.say(head.first_at, 0, Side::Response, HttpWhat::Response(Box::new(head)));
            }
            feed.message(Side::Response, &body, units, trailers, last_at, end);
        }
        let mut exchange = *Box::new(feed.work).finish(endpoints, &Closings::default());
        if let (Some(request), Some(at)) = (&mut exchange.request, times.0) {
            request.last_at = at;
        }
        if let (Some(response), Some(at)) = (&mut exchange.response, times.1) {
            response.last_at = at;
        }
        let ending = ending.unwrap_or(exchange.ending);
        Exchange { tls, ending, oddities, gap, ..exchange }
    }
}

struct Feed {
    work: Work,
    config: Config,
}

impl Feed {
    fn say(&mut self, at: Timestamp, frame: u64, side: Side, what: HttpWhat<'_>) {
        self.work.on(HttpEvent { at, frame, exchange: 0, side, what }, &self.config);
    }

    fn message(&mut self, side: Side, body: &BodyPart, units: Option<u64>, trailers: Fields, last_at: Timestamp, end: MessageEnd) {
        let mut bytes = body.bytes.as_slice();
        let mut started = 0;
        for run in body.pieces.chunk_by(|a, b| a.unit == b.unit) {
            let [first, ..] = run else { continue };
            let in_unit = units.is_some_and(|n| first.unit < n) && first.unit >= started;
            if in_unit {
                started = first.unit + 1;
                self.unit(side, first, run, &body.unit_lines);
            }
            for piece in run {
                match (piece.gap, piece.len as usize) {
                    (true, 0) => self.say(piece.at, piece.frame, side, HttpWhat::Gap(None)),
                    (true, len) => self.say(piece.at, piece.frame, side, HttpWhat::Gap(Some(len as u64))),
                    (false, 0) => {}
                    (false, len) => {
                        let (data, rest) = bytes.split_at(len.min(bytes.len()));
                        bytes = rest;
                        self.say(piece.at, piece.frame, side, HttpWhat::Data(data));
                    }
                }
            }
            if let Some(last) = run.last().filter(|_| in_unit) {
                self.say(last.at, last.frame, side, HttpWhat::UnitEnd);
            }
        }
        if !trailers.is_empty() {
            self.say(last_at, 0, side, HttpWhat::Trailers(trailers));
        }
        // What told it is kept with the ending.
        self.say(last_at, 0, side, HttpWhat::End(end, Told::NotCaptured));
    }

    fn unit(&mut self, side: Side, first: &PieceInfo, run: &[PieceInfo], lines: &[(u64, Vec<u8>)]) {
        let line = lines.binary_search_by_key(&first.unit, |(n, _)| *n).map_or(&[][..], |i| &lines[i].1);
        let len = run.iter().map(|p| u64::from(p.len)).sum();
        self.say(first.at, first.frame, side, HttpWhat::UnitStart { len, line });
    }
}
