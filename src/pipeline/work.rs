//! One exchange being read: HTTP events in, an [`Exchange`] out.

use super::closing::Closings;
use super::contributions::Contributions;
use super::held::Surge;
use super::intake::Intake;
use super::reading::{Around, Choice, Reading};
use super::request::RequestWork;
use super::socket::Socket;
use super::{Config, Part};
use crate::conn::{ConnId, Endpoints, Stamp};
use crate::dialect::{self, Answer};
use crate::exchange::clock;
use crate::exchange::ending::Ending;
use crate::exchange::redact::Heads;
use crate::exchange::{Exchange, ExchangeId, Response};
use crate::framing::Framing;
use crate::http::event::{EndSignal, Fields, HttpEvent, HttpWhat, MessageEnd, ResponseHead, Side, Transfer};
use crate::oddity::{Delivery, Kind, Oddities};
use crate::time::Timestamp;

/// Too many exchanges of one connection are open; this one is not followed any longer.
pub(super) const TOO_MANY_OPEN: Kind = Kind("pipeline.too-many-open");
/// Bytes after which `framing` no longer revises a classification.
pub(super) const FIRM: u64 = 64 << 10;

/// Whether something of an exchange was seen that begins it.
///
/// ```text
/// Pending ──a head, a transfer unit, or bytes of a message──► Begun
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Oddities and ends alone begin no exchange: they may belong to one that is over, or to one whose head
    /// never comes.
    Pending,
    /// The exchange has its number within the session.
    Begun,
}

/// One exchange and the parsers that read it.
pub(super) struct Work {
    /// Number within the connection, assigned by `http`.
    pub(super) number: u64,
    life: Life,
    /// How much of what was noticed about the connection the exchange has taken.
    pub(super) taken: u64,
    pub(super) exchange: Exchange,
    pub(super) request: Option<RequestWork>,
    pub(super) response: Option<ResponseWork>,
    /// What the client sends after the head that opened a WebSocket.
    pub(super) socket: Option<Socket>,
    /// How the response ended, once it did; how the request was cut if no response began.
    pub(super) ended: Option<(MessageEnd, EndSignal, Stamp)>,
    /// The part of the connection's sum that is of this exchange, in bytes.
    pub(super) counted: usize,
    /// One event brought more than there is room for: the rest of it was not read.
    pub(super) over: bool,
}

pub(super) struct ResponseWork {
    pub(super) head: Option<ResponseHead>,
    head_at: Timestamp,
    first_at: Timestamp,
    last_at: Timestamp,
    /// Last byte of the body.
    body_last_at: Option<Timestamp>,
    pub(super) informational: Vec<ResponseHead>,
    pub(super) trailers: Fields,
    pub(super) intake: Intake,
    pub(super) reading: Reading,
    end: Option<MessageEnd>,
}

impl Work {
    pub(super) fn new(number: u64, conn: ConnId, endpoints: Endpoints, taken: u64) -> Self {
        let (id, oddities) = (ExchangeId(u64::MAX), Oddities::default());
        let ending = Ending::default();
        let (request, response, websocket) = (None, None, None);
        let exchange =
            Exchange { id, conn, endpoints, tls: None, request, response, websocket, ending, oddities, gap: false };
        let life = Life::Pending;
        Work {
            number,
            life,
            taken,
            exchange,
            request: None,
            response: None,
            socket: None,
            ended: None,
            counted: 0,
            over: false,
        }
    }

    pub(super) fn life(&self) -> Life {
        self.life
    }

    pub(super) fn begin(&mut self, id: ExchangeId) {
        self.life = Life::Begun;
        self.exchange.id = id;
    }

    /// The next event, which may add `room` bytes to what is held.
    pub(super) fn on(&mut self, mut event: HttpEvent<'_>, config: &Config, room: usize) {
        let stamp = Stamp::from(&event);
        match (event.side, &mut event.what) {
            (Side::Response, HttpWhat::End(how, told)) => {
                if let Some(socket) = &mut self.socket {
                    let said = self.response.as_mut().and_then(|r| r.reading.found().last_word());
                    (*how, *told) = socket.server_ends(said, *how, *told);
                }
                self.ended = Some((*how, *told, stamp));
            }
            (Side::Request, HttpWhat::End(how, told)) if *how != MessageEnd::Complete => {
                self.ended.get_or_insert((*how, *told, stamp));
            }
            _ => {}
        }
        match (event.side, event.what) {
            (_, HttpWhat::Request(head)) => self.request = Some(RequestWork::new(*head, stamp.at, config)),
            (_, HttpWhat::Response(head)) => self.response_head(*head, stamp.at, config),
            (_, HttpWhat::Oddity(oddity)) => self.exchange.oddities.push_with(oddity, |o| {
                o.delivery.get_or_insert(Delivery { frame: stamp.frame, unit: None });
            }),
            (Side::Request, what) if self.socket.is_some() => self.client_sends(stamp, &what, room),
            (Side::Request, what) => {
                if let Some(request) = &mut self.request {
                    request.on(stamp, what, &mut self.exchange, config);
                }
            }
            (Side::Response, what) => self.response(stamp, what, config, room),
        }
    }

    fn response_head(&mut self, head: ResponseHead, at: Timestamp, config: &Config) {
        if head.is_interim() {
            let work = self.response.get_or_insert_with(|| ResponseWork::new(None, at, config));
            work.interim(head, &mut self.exchange.oddities, at);
            return;
        }
        // If the switch is to HTTP/2, the answer itself follows 101 (RFC 7540 section 3.2), which replaces
        // it.
        let informational = self.response.take().map(|w| w.informational).unwrap_or_default();
        let extensions = head
            .opens_websocket(self.request.as_ref().map(|r| &r.head))
            .then(|| head.fields.text("sec-websocket-extensions"));
        let mut response = ResponseWork { informational, last_at: at, ..ResponseWork::new(Some(head), at, config) };
        if let Some(extensions) = extensions {
            response.reading = Reading::websocket(extensions.as_deref(), config);
            self.socket = Some(Socket::new(extensions.as_deref(), at));
            if let Some(request) = &mut self.request {
                request.intake = Intake::new(None, config.contents);
            }
        }
        self.response = Some(response);
    }

    fn response(&mut self, stamp: Stamp, what: HttpWhat<'_>, config: &Config, room: usize) {
        let Work { exchange, request, response, counted, over, .. } = self;
        let work = response.get_or_insert_with(|| ResponseWork::new(None, stamp.at, config));
        let ResponseWork { head, intake, reading, trailers, .. } = work;
        let around = Around {
            request: request.as_ref().map(|r| &r.head),
            request_body: request.as_ref().map_or(&[], |r| &r.kept),
            response: head.as_ref(),
        };
        match what {
            HttpWhat::UnitStart { len, line } => intake.unit_start(len, line),
            HttpWhat::Data(bytes) => {
                if reading.found().deltas.is_empty() {
                    intake.body.arrival.silent(stamp.at.since(work.last_at), stamp.at);
                }
                work.last_at = stamp.at;
                work.body_last_at = Some(stamp.at);
                let unit = intake.current_unit();
                reading.allow(room);
                let mut surge = Surge::new(counted.saturating_add(room), over);
                intake.data(stamp, bytes, &mut exchange.oddities, &mut |piece, swollen| {
                    if surge.has_room(piece.bytes.len(), reading) {
                        reading.take_in(piece, swollen, unit, around);
                    }
                });
                *over |= reading.is_short();
            }
            HttpWhat::UnitEnd => intake.unit_end(stamp),
            HttpWhat::Gap(len) => {
                exchange.gap = true;
                intake.gap(stamp, len, &mut exchange.oddities);
                reading.gap(stamp.at, len, around);
            }
            HttpWhat::Trailers(fields) => *trailers = fields,
            HttpWhat::End(how, _) => {
                // A body that ends by close has no final byte: its last byte is the last that came.
                let by_close = head.as_ref().is_some_and(|h| h.transfer == Transfer::Close)
                    || reading.framing() == Framing::WebSocket;
                if how == MessageEnd::Complete && !by_close {
                    work.last_at = stamp.at;
                }
                work.end = Some(how);
                intake.finish(stamp, &mut exchange.oddities);
                reading.finish(work.last_at, how == MessageEnd::Complete, trailers, around);
            }
            HttpWhat::Request(_) | HttpWhat::Response(_) | HttpWhat::Oddity(_) => {}
        }
    }

    /// Something of the response came.
    pub(super) fn is_answered(&self) -> bool {
        self.response.is_some()
    }

    /// Both messages are over.
    pub(super) fn done(&self) -> bool {
        self.response.as_ref().is_some_and(|r| r.end.is_some()) && self.request.as_ref().is_none_or(|r| r.end.is_some())
    }

    /// What each record added, if [`Config::contributions`] is set.
    pub(super) fn contributions(self) -> Contributions {
        self.response.map(|mut r| r.reading.observed()).unwrap_or_default()
    }

    /// Take out what waits, if it exceeds the limits.
    pub(super) fn part(&mut self, config: &Config) -> Option<Part> {
        let firm = |r: &ResponseWork| r.end.is_none() && r.intake.body.decoded_bytes > FIRM;
        let full = |b: &crate::exchange::Body| b.bytes.len() > config.part_bytes || b.pieces.len() > config.part_items;
        let waiting = self.request.as_ref().is_some_and(|r| full(&r.intake.body))
            || self.response.as_mut().is_some_and(|r| {
                full(&r.intake.body) || (firm(r) && r.reading.found().records.len() > config.part_items)
            });
        if !waiting {
            return None;
        }
        let request = self.request.as_mut().map(|r| r.intake.take()).unwrap_or_default();
        let (response, records) = match &mut self.response {
            Some(r) => {
                let records = if firm(r) { r.reading.found().take_records() } else { Vec::new() };
                (r.intake.take(), records)
            }
            None => Default::default(),
        };
        let response_head = self.response.as_ref().and_then(|r| r.head.as_ref());
        let codings = [self.request.as_ref().map(|r| &r.head.fields), response_head.map(|h| &h.fields)]
            .map(|f| f.and_then(Fields::content_codings));
        let heads = Heads { request: self.request.as_ref().map(|r| r.head.clone()), response: response_head.cloned() };
        Some(Part { id: self.exchange.id, codings, heads, request, response, records })
    }

    /// The exchange in its present state; the capture cut messages without an end.
    pub(super) fn finish(mut self: Box<Self>, endpoints: Endpoints, closings: &Closings) -> Box<Exchange> {
        if self.socket.is_some() {
            let at = self.response.as_ref().map(|r| r.last_at).unwrap_or_default();
            let end = HttpWhat::End(MessageEnd::CutByCapture, EndSignal::CaptureEnd);
            self.client_sends(Stamp { at, frame: 0 }, &end, usize::MAX);
        }
        let Work { mut exchange, request, response, socket, ended, .. } = *self;
        exchange.websocket = socket.map(|socket| Box::new(socket.into_found()));
        exchange.endpoints = endpoints;
        exchange.ending = closings.ending(ended);
        let around_head = request.as_ref().map(|r| r.head.clone());
        let kept = request.as_ref().map(|r| r.kept.clone()).unwrap_or_default();
        exchange.request = request.map(|r| r.finish(&mut exchange.oddities));
        // A stream that was reset before its answer began has no answer, and no bytes of it are missing.
        exchange.response = response.filter(|r| !r.is_unbegun()).map(|mut r| {
            if r.end.is_none() {
                let stamp = Stamp { at: r.last_at, frame: 0 };
                let around = Around { request: around_head.as_ref(), request_body: &kept, response: r.head.as_ref() };
                r.intake.finish(stamp, &mut exchange.oddities);
                r.reading.finish(r.last_at, false, &r.trailers, around);
            }
            // A missing final head was not captured, and possibly more was lost.
            exchange.gap |= r.head.is_none() && r.informational.is_empty();
            r.tell(&mut exchange.ending);
            r.finish(&mut exchange.oddities)
        });
        clock::oddities(&exchange).into_iter().for_each(|oddity| exchange.oddities.push(oddity));
        Box::new(exchange)
    }
}

impl ResponseWork {
    fn new(head: Option<ResponseHead>, at: Timestamp, config: &Config) -> Self {
        let fields = head.as_ref().map(|h| &h.fields);
        let mut intake = Intake::new(fields.and_then(Fields::content_codings).as_deref(), config.contents);
        if head.as_ref().is_some_and(|h| matches!(h.transfer, Transfer::Chunked | Transfer::H2)) {
            intake.body.units = Some(0);
        }
        let reading = Reading::new(fields.and_then(|f| f.text("content-type")).as_deref(), config);
        let first_at = head.as_ref().map_or(at, |h| h.first_at);
        let (informational, trailers) = (Vec::new(), Fields::default());
        ResponseWork {
            head,
            head_at: at,
            first_at,
            last_at: at,
            body_last_at: None,
            informational,
            trailers,
            intake,
            reading,
            end: None,
        }
    }

    /// Whether only the end of the message was seen, and a party caused it.
    fn is_unbegun(&self) -> bool {
        let cut = matches!(self.end, Some(MessageEnd::CutByClient | MessageEnd::CutByServer));
        cut && self.head.is_none() && self.informational.is_empty() && self.intake.is_untouched()
    }

    /// What the body shows about the end.
    fn tell(&mut self, ending: &mut Ending) {
        ending.last_byte_at = self.body_last_at;
        let found = self.reading.found();
        (ending.terminator_at, ending.finish_at) = (found.terminator_at, found.finish_at);
    }

    fn finish(mut self, oddities: &mut Oddities) -> Response {
        self.intake.body.tail = self.reading.tail();
        self.intake.body.arrival.split_records = self.reading.found().split_records;
        let bodiless = self.head.as_ref().is_some_and(|h| h.transfer == Transfer::None)
            && self.reading.framing() != Framing::WebSocket;
        let framing = if bodiless { Framing::Empty } else { self.reading.framing() };
        let mut found = self.reading.into_found();
        found.answer.terminator.is_last_record.get_or_insert(false);
        for (oddity, count) in found.oddities.iter() {
            oddities.push_many(oddity.clone(), count);
        }
        let (dialect, dialect_why) = match found.choice {
            Choice::Chosen { dialect, why, .. } => (dialect.map(|d| d.name), grounds(why, &found.answer)),
            // An event stream without a single event is still a stream, without a dialect.
            Choice::Undecided { .. } => (framing.is_stream().then_some(dialect::none::DIALECT.name), String::new()),
        };
        Response {
            head: self.head,
            head_at: self.head_at,
            first_at: self.first_at,
            last_at: self.last_at,
            informational: self.informational,
            body: self.intake.body,
            trailers: self.trailers,
            framing,
            dialect,
            dialect_why,
            record_count: found.record_count,
            first_record_at: found.first_record_at,
            last_record_at: found.last_record_at,
            comments: found.comments,
            deltas: found.deltas,
            answer: found.answer,
            records: found.records,
            end: self.end.unwrap_or(MessageEnd::CutByCapture),
        }
    }
}

/// The reasons for the dialect and for its variant.
fn grounds(why: String, answer: &Answer) -> String {
    match (answer.variant, &answer.variant_by) {
        (Some(variant), Some(mark)) => format!("{why}; {variant} by {mark}"),
        _ => why,
    }
}
