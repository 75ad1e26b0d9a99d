//! What is known of the end of an answer: what was promised, what came, who ended it, and what the capture cannot
//! tell. Made once from an exchange; verdict, reasons and rules ask it and look for nothing themselves.

use super::promise::{EVENT_STREAM, Promise, declared};
use super::timeout::{Kind, Limit, reached};
use crate::dialect::{self, Answer, End};
use crate::exchange::ending::Party;
use crate::exchange::{Exchange, Response};
use crate::framing::{Framing, json};
use crate::http::event::{EndSignal, MessageEnd};
use crate::oddity::Oddity;
use crate::time::{Span, Timestamp};
use crate::{body, budget, http, tcp, tls};

/// The facts about the end of one exchange.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the heads, the request and the dialect promise at the end.
    pub promise: Promise,
    /// What came of the answer.
    pub came: Came,
    /// The records say that the answer is over.
    pub said_end: bool,
    /// A call of gRPC ended without its status, and all trailers could be read.
    pub lacks_status: bool,
    /// How the response's message ended; `None` if no response began.
    pub body: Option<MessageEnd>,
    /// The error in the body of a success.
    pub failed: bool,
    /// The party that ended it: the one that closed first, by time and acknowledgement. A client that closed its own
    /// side only and went on reading has not ended it.
    pub by: Party,
    /// The client had closed its own side only.
    pub half_closed: bool,
    /// Something of it that was sent, or may have been, cannot be read.
    pub unseen: Option<Unseen>,
    /// The request was written when the server had ended the connection already.
    pub race: Option<Race>,
    /// How a WebSocket was closed, if a Close frame ended it.
    pub closed: Option<Closed>,
    /// Silence before the end: since the answer's last byte, or since the request if nothing came.
    pub silence: Option<Span>,
    /// From the request's last byte to the end.
    pub total: Option<Span>,
    /// How long a gateway waited before it answered with its own 504 or 524.
    pub waited: Option<Span>,
    /// The time-out of the party that ended it whose length fits.
    pub limit: Option<Limit>,
}

/// How far the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// No byte of it.
    Nothing,
    /// A head, and nothing in the body but blank space or comments.
    Blank,
    /// Text that is no event where events were promised: an error message, a page.
    Other,
    /// A JSON document that breaks off.
    Part,
    /// Something in the body.
    Content,
}

/// Why the capture cannot tell the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Packets of one side only were captured: nothing of the server's.
    OneSided,
    /// TLS records came that could not be decrypted.
    Unreadable,
    /// The memory limit was reached, and the connection gave way.
    LimitReached,
    /// Bytes are missing: packets were lost, or the receiver acknowledges bytes that the file lacks.
    Gap,
    /// The recording ended first, or lost the connection.
    Ended,
}

/// What the server had said when the request was written: no server processes such a request, and it may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Race {
    /// It had closed the connection this long before.
    Closed(Span),
    /// GOAWAY gives the request's stream up, sent this long before; `None` if it came after the request.
    GoAway(Option<Span>),
}

/// The first Close frame of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Its sender.
    pub by: Party,
    /// Its code says that all is well: 1000, 1005 (none given), or 1001 (going away) with nothing asked and open.
    pub well: bool,
}

/// CANCEL (RFC 9113 section 7): the stream is not needed any longer.
const CANCEL: u32 = 8;
/// Bytes in flight when the client closed come within this time.
const HALF_CLOSED: Span = Span::from_secs(1);
/// A longer silence is none of the network.
const FLOWING: Span = Span::from_secs(10);

impl Facts {
    /// The facts of an exchange.
    pub fn of(x: &Exchange) -> Facts {
        let r = x.response.as_ref();
        let half_closed = half_closed(x);
        let by = if half_closed { Party::Server } else { x.ending.by };
        let promise = r.map_or(Promise::Nothing, |r| Promise::of(x, r));
        let mut facts = Facts {
            promise,
            came: r.map_or(Came::Nothing, |r| came(x, r, promise)),
            said_end: r.is_some_and(|r| said_its_end(x, r)),
            lacks_status: r.is_some_and(|r| lacks_status(x, r)),
            body: r.map(|r| r.end),
            failed: r.is_some_and(|r| failed(x, r)),
            by,
            half_closed,
            unseen: unseen(x),
            race: race(x),
            closed: closed(x),
            silence: silence(x),
            total: x.request.as_ref().map(|q| x.ending.at.since(q.last_at)),
            waited: waited(x),
            limit: None,
        };
        facts.limit = facts.reached(x.ending.told);
        facts
    }

    /// The promise was kept: what was promised as the end came, or the promise was of the body only.
    pub fn kept(&self) -> bool {
        match self.promise {
            Promise::Nothing => true,
            Promise::Answer | Promise::Document => self.came == Came::Content,
            Promise::Status => !self.lacks_status,
            Promise::Marked(_) => self.said_end,
        }
    }

    /// What was promised and did not come, other than the marks of an end: no event, no document.
    pub fn missing(&self) -> Option<&'static str> {
        if self.kept() || self.failed || self.came == Came::Nothing {
            return None;
        }
        match (self.promise, self.came) {
            (Promise::Document, Came::Part) => Some("the JSON document breaks off"),
            (Promise::Document, _) => Some("no JSON document came, the body is blank"),
            (Promise::Answer, Came::Other) => Some("no event came, the body is other text"),
            (Promise::Answer, _) => Some("no event came"),
            (Promise::Status, _) => Some("no status came at the end of the call"),
            (Promise::Nothing | Promise::Marked(_), _) => None,
        }
    }

    /// The time-out that ended it, as far as its length shows: only of the side that ended it, and never where a
    /// frame says that the end was meant (RST_STREAM with CANCEL).
    fn reached(&self, told: Option<EndSignal>) -> Option<Limit> {
        if self.by == Party::Capture || self.race.is_some() || told == Some(EndSignal::RstStream(CANCEL)) {
            return None;
        }
        let idle = self.silence.and_then(|span| reached(self.by, Kind::Idle, span));
        let flowing = self.silence.is_none_or(|span| span < FLOWING);
        idle.or_else(|| self.total.filter(|_| flowing).and_then(|span| reached(self.by, Kind::Total, span)))
    }
}

/// From the request to a status which says that a gateway has waited for the server in vain.
fn waited(x: &Exchange) -> Option<Span> {
    let r = x.response.as_ref().filter(|r| r.head.as_ref().is_some_and(|h| matches!(h.status, 504 | 524)))?;
    x.request.as_ref().map(|request| r.first_at.since(request.last_at))
}

/// The limit of a gateway that waited for this time and got nothing.
pub(super) fn waited_for(span: Span) -> Option<Limit> {
    let of = |kind| reached(Party::Server, kind, span);
    of(Kind::Idle).or_else(|| of(Kind::Total))
}

/// Status of success, or not seen.
pub(super) fn succeeded(status: Option<u16>) -> bool {
    status.is_none_or(|s| (200..300).contains(&s))
}

/// Whether the records show that the answer is over: a terminator, or a finish reason of each choice that no delta
/// follows. Of several reasons of a choice the last counts. Of a conversation every answer is over.
pub fn said_its_end(x: &Exchange, r: &Response) -> bool {
    if !r.answer.turns.is_empty() {
        return r.answer.turns.iter().all(|turn| turn.ended.is_some());
    }
    let last_delta = r.deltas.last().map(|d| d.at);
    let finished = x.ending.finish_at.is_some_and(|at| last_delta.is_none_or(|last| at >= last));
    r.answer.terminator.seen || (finished && every_choice_finished(&r.answer))
}

/// An error came under a success, which the 101 of a WebSocket is; in a conversation, in the place of an answer or in
/// it.
fn failed(x: &Exchange, r: &Response) -> bool {
    let success = || x.websocket.is_some() || succeeded(r.head.as_ref().map(|h| h.status));
    match r.answer.turns.as_slice() {
        [] => r.answer.error.is_some() && success(),
        turns => turns.iter().any(|turn| turn.error.is_some()),
    }
}

fn lacks_status(x: &Exchange, r: &Response) -> bool {
    let unread = r.trailers.has_unread() || r.head.as_ref().is_some_and(|h| h.fields.has_unread());
    !unread && x.oddities.find(dialect::grpc::NO_STATUS).is_some()
}

fn every_choice_finished(answer: &Answer) -> bool {
    answer.texts.keys().all(|choice| answer.finish_reasons.contains_key(choice))
}

fn came(x: &Exchange, r: &Response, promise: Promise) -> Came {
    let text = |is: fn(&str) -> bool| r.answer.texts.values().any(|t| is(t.trim_start()));
    let broken_off = || x.oddities.find(json::TRUNCATED).is_some_and(|(odd, _)| !odd.found.is_empty());
    match r.framing {
        _ if r.record_count > 0 => Came::Content,
        // What an unread coding hides is neither an answer nor the lack of one.
        _ if r.body.wire_bytes > 0 && unread_coding(x).is_some() => Came::Content,
        Framing::Json if broken_off() => Came::Part,
        // The declared type says events; a page is never what a request for a stream meant.
        Framing::Text
            if promise == Promise::Answer && (declared(r) == EVENT_STREAM || text(|t| t.starts_with('<'))) =>
        {
            if text(|t| !t.is_empty()) { Came::Other } else { Came::Blank }
        }
        Framing::Text if text(|t| !t.is_empty()) => Came::Content,
        Framing::Binary => Came::Content,
        _ => Came::Blank,
    }
}

/// The coding of the body that is not read here, or not without a dictionary. None if the body is not coded at all:
/// some servers write `none`, or a charset, where a coding stands.
pub fn unread_coding(x: &Exchange) -> Option<&Oddity> {
    let plain = x.response.as_ref().is_some_and(|r| r.framing.is_stream() || r.framing == Framing::Json);
    let kinds = [body::UNKNOWN, body::NEEDS_DICTIONARY].into_iter();
    kinds.filter(|kind| !plain || *kind != body::UNKNOWN).find_map(|kind| x.oddities.find(kind)).map(|(odd, _)| odd)
}

/// A client that closed its own side and continued to read has not left. If the server continues for a while and then
/// cuts the answer, the server ended it.
fn half_closed(x: &Exchange) -> bool {
    let e = &x.ending;
    let read_on = match (e.client.fin, e.last_byte_at) {
        (Some(fin), Some(last)) => e.client.rst.is_none() && last.since(fin) > HALF_CLOSED,
        _ => false,
    };
    e.by == Party::Client && e.told == Some(EndSignal::Fin) && read_on
}

fn unseen(x: &Exchange) -> Option<Unseen> {
    let has = |kind| x.oddities.find(kind).is_some();
    if has(budget::LIMIT_REACHED) {
        return Some(Unseen::LimitReached);
    }
    let whole = x.response.as_ref().is_some_and(|r| r.end == MessageEnd::Complete);
    if x.response.is_none() && has(tcp::ONE_SIDED) {
        Some(Unseen::OneSided)
    } else if !whole && has(tls::UNREADABLE) {
        Some(Unseen::Unreadable)
    } else if x.gap {
        Some(Unseen::Gap)
    } else if x.ending.by == Party::Capture {
        Some(Unseen::Ended)
    } else {
        None
    }
}

/// Only a request without an answer can have come too late.
fn race(x: &Exchange) -> Option<Race> {
    let request = x.request.as_ref().filter(|_| x.response.is_none())?;
    let before = |at: Timestamp| (at < request.head.first_at).then(|| request.head.first_at.since(at));
    if let Some(EndSignal::GoAway { last, .. }) = x.ending.told.filter(|_| x.ending.by == Party::Server) {
        // Streams up to the last one may have been processed (RFC 9113 section 6.8).
        let beyond = request.head.h2_stream.is_some_and(|id| id > last);
        let sent = || x.oddities.find(http::h2::GOAWAY).and_then(|(odd, _)| before(odd.at));
        return beyond.then(|| Race::GoAway(sent()));
    }
    x.ending.server.first().and_then(|(_, at)| before(at)).map(Race::Closed)
}

/// 1000: normal; 1001: going away; 1005: no code was given (RFC 6455 section 7.4.1).
fn closed(x: &Exchange) -> Option<Closed> {
    let socket = x.websocket.as_ref().filter(|_| x.ending.told == Some(EndSignal::CloseFrame))?;
    let close = socket.close.as_ref()?;
    let answered_at = x.response.as_ref().and_then(|r| r.last_record_at);
    let open = socket.asks.last().is_some_and(|asked| answered_at.is_none_or(|at| at < *asked));
    let well = match close.code {
        1000 | 1005 => true,
        1001 => close.by == Party::Client || !open,
        _ => false,
    };
    Some(Closed { by: close.by, well })
}

/// Silence before the end: since the last byte of the answer, or since the request without an answer.
fn silence(x: &Exchange) -> Option<Span> {
    let asked = || x.request.as_ref().map(|r| x.ending.at.since(r.last_at));
    x.ending.silence().or_else(|| match &x.response {
        Some(r) => Some(x.ending.at.since(r.last_at)),
        None => asked(),
    })
}

/// The stream's records mark their end, by its dialect.
pub(super) fn marked(r: &Response) -> Option<End> {
    Some(r.answer.end).filter(|end| r.framing.is_stream() && end.is_promised())
}
