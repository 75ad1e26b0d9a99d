//! Reads a stored exchange again: its heads and deliveries go through the same parsers as the first time.
//!
//! So a store keeps only what was received: text, deltas and figures are computed again.

use super::closing::Closings;
use super::contributions::Contributions;
use super::work::Work;
use super::{BodyPart, Config};
use crate::conn::{ConnId, Endpoints};
use crate::exchange::ending::Ending;
use crate::exchange::{Body, Exchange, ExchangeId, TlsInfo};
use crate::http::event::{EndSignal, Fields, HttpEvent, HttpWhat, MessageEnd, RequestHead, ResponseHead, Side};
use crate::oddity::Oddities;
use crate::time::Timestamp;

/// The stored parts of an exchange.
#[derive(Debug)]
pub struct StoredExchange {
    /// [`Exchange::id`]
    pub id: ExchangeId,
    /// [`Exchange::conn`]
    pub conn: ConnId,
    /// [`Exchange::endpoints`]
    pub endpoints: Endpoints,
    /// [`Exchange::tls`]
    pub tls: Option<TlsInfo>,
    /// The request, if any of it was seen.
    pub request: Option<StoredMessage<RequestHead>>,
    /// The response, if any of it was seen.
    pub response: Option<StoredMessage<ResponseHead>>,
    /// Interim heads before the response's own.
    pub informational: Vec<ResponseHead>,
    /// [`Exchange::ending`], if it was stored.
    pub ending: Option<Ending>,
    /// [`Exchange::oddities`]: layers below HTTP noticed some of them, so they are stored.
    pub oddities: Oddities,
    /// [`Exchange::gap`]
    pub gap: bool,
}

/// The stored parts of a message.
#[derive(Debug)]
pub struct StoredMessage<H> {
    /// Its head, if that was captured.
    pub head: Option<H>,
    /// Time at which the head was complete.
    pub head_at: Timestamp,
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

impl StoredExchange {
    /// Read the exchange again, whole (not in parts).
    pub fn read(mut self) -> Exchange {
        let config = Config { request_kept: usize::MAX, ..Config::default() };
        let mut exchange = *Box::new(self.work(&config)).finish(self.endpoints, &Closings::default());
        if let (Some(read), Some(kept)) = (&mut exchange.request, &self.request) {
            read.last_at = kept.last_at;
        }
        if let (Some(read), Some(kept)) = (&mut exchange.response, &self.response) {
            read.last_at = kept.last_at;
        }
        let ending = self.ending.unwrap_or(exchange.ending);
        let oddities = self.oddities.shown_as(&exchange.oddities);
        Exchange { tls: self.tls, ending, oddities, gap: self.gap, ..exchange }
    }

    /// Read the exchange again for what each record adds to the answer; nothing else is kept.
    pub fn contributions(mut self) -> Contributions {
        let config = Config { request_kept: usize::MAX, contents: false, contributions: true, ..Config::default() };
        self.work(&config).contributions()
    }

    /// The exchange after its last event, read by the machines of a live one.
    fn work(&mut self, config: &Config) -> Work {
        let StoredExchange { id, conn, endpoints, request, response, informational, .. } = self;
        let head = |at, side, what| HttpEvent { at, frame: 0, exchange: 0, side, what };
        let (mut asked, mut answered, mut socket) = (Vec::new(), Vec::new(), false);
        let answer = response.as_mut().and_then(|r| r.head.take());
        if let Some(m) = request
            && let Some(h) = m.head.take()
        {
            socket = answer.as_ref().is_some_and(|answer| answer.opens_websocket(Some(&h)));
            asked.push(head(m.head_at, Side::Request, HttpWhat::Request(Box::new(h))));
            m.steps(Side::Request, &mut asked);
        }
        let answered_at = response.as_ref().map(|r| r.head_at).unwrap_or_default();
        let interim = std::mem::take(informational).into_iter().map(|h| (h.first_at, h));
        for (at, h) in interim.chain(answer.map(|h| (answered_at, h))) {
            answered.push(head(at, Side::Response, HttpWhat::Response(Box::new(h))));
        }
        let heads = answered.len();
        if let Some(m) = response {
            m.steps(Side::Response, &mut answered);
        }
        // After the head that opened a WebSocket both sides send at once.
        let order = if socket { answered.drain(..heads).rev().collect::<Vec<_>>() } else { Vec::new() };
        order.into_iter().for_each(|h| asked.insert(1, h));
        asked.append(&mut answered);
        if socket {
            asked[1 + heads..].sort_by_key(|event| (matches!(event.what, HttpWhat::End(..)), event.at));
        }
        let mut work = Work::new(0, *conn, *endpoints, 0);
        work.begin(*id);
        asked.into_iter().for_each(|event| work.on(event, config, usize::MAX));
        work
    }
}

impl From<&Exchange> for StoredExchange {
    /// What a store would have kept of an exchange that is whole in memory.
    fn from(x: &Exchange) -> StoredExchange {
        let part = |body: &Body| BodyPart {
            pieces: body.pieces.clone(),
            bytes: body.bytes.clone(),
            unit_lines: body.unit_lines.clone(),
        };
        let request = x.request.as_ref().map(|r| StoredMessage {
            head: Some(r.head.clone()),
            head_at: r.head_at,
            body: part(&r.body),
            units: r.body.units,
            trailers: Fields::default(),
            last_at: r.last_at,
            end: r.end,
        });
        let response = x.response.as_ref().map(|r| StoredMessage {
            head: r.head.clone(),
            head_at: r.head_at,
            body: part(&r.body),
            units: r.body.units,
            trailers: r.trailers.clone(),
            last_at: r.last_at,
            end: r.end,
        });
        StoredExchange {
            id: x.id,
            conn: x.conn,
            endpoints: x.endpoints,
            tls: x.tls.clone(),
            request,
            response,
            informational: x.response.as_ref().map(|r| r.informational.clone()).unwrap_or_default(),
            ending: Some(x.ending),
            oddities: x.oddities.clone(),
            gap: x.gap,
        }
    }
}

impl<H> StoredMessage<H> {
    /// The events of the message after its head.
    fn steps<'k>(&'k mut self, side: Side, out: &mut Vec<HttpEvent<'k>>) {
        let trailers = std::mem::take(&mut self.trailers);
        let StoredMessage { body, units, last_at, end, .. } = self;
        let mut say = |at, frame, what| out.push(HttpEvent { at, frame, exchange: 0, side, what });
        let mut bytes = body.bytes.as_slice();
        let mut started = 0;
        for run in body.pieces.chunk_by(|a, b| a.unit == b.unit) {
            let [first, ..] = run else { continue };
            let in_unit = units.is_some_and(|n| first.unit < n) && first.unit >= started;
            if in_unit {
                started = first.unit + 1;
                let lines = &body.unit_lines;
                let line = lines.binary_search_by_key(&first.unit, |(n, _)| *n).map_or(&[][..], |i| &lines[i].1);
                let len = run.iter().map(|p| u64::from(p.len)).sum();
                say(first.at, first.frame, HttpWhat::UnitStart { len, line });
            }
            for piece in run {
                match (piece.gap, piece.len as usize) {
                    (true, 0) => say(piece.at, piece.frame, HttpWhat::Gap(None)),
                    (true, len) => say(piece.at, piece.frame, HttpWhat::Gap(Some(len as u64))),
                    (false, 0) => {}
                    (false, len) => {
                        let (data, rest) = bytes.split_at(len.min(bytes.len()));
                        bytes = rest;
                        say(piece.at, piece.frame, HttpWhat::Data(data));
                    }
                }
            }
            if let Some(last) = run.last().filter(|_| in_unit) {
                say(last.at, last.frame, HttpWhat::UnitEnd);
            }
        }
        if !trailers.raw().is_empty() {
            say(*last_at, 0, HttpWhat::Trailers(trailers));
        }
        // The signal of the end is stored with the ending.
        say(*last_at, 0, HttpWhat::End(*end, EndSignal::NotCaptured));
    }
}
