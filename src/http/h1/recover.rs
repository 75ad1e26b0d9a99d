//! The part of a reader that handles missing bytes: what a gap does to the message around it, and how reading
//! resumes.

use super::HEAD_GAP;
use super::chunked::{Dechunk, Hole};
use super::length::{self, Asked};
use super::lost::Lost;
use super::pairing::{Pairing, Turn};
use super::reader::{Body, NOT_CAPTURED, Out, Phase, Reader, new_head};
use crate::conn::UNKNOWN_GAP;
use crate::http::backlog::Item;
use crate::http::detect::{starts_request, starts_status};
use crate::http::event::{EndSignal, HttpWhat, MessageEnd, Side};
use crate::oddity::{Kind, excerpt};

/// Nesting limit of boundaries found in bytes that were kept after other boundaries.
const MAX_DEPTH: u32 = 8;

impl Reader {
    /// `len` bytes of the wire are missing here.
    pub(super) fn gap(&mut self, len: u64, pairing: &mut Pairing, out: &mut Out<'_>) {
        match &mut self.phase {
            Phase::Head { buf, .. } if buf.is_open() => self.lose_head(HEAD_GAP, pairing, out),
            Phase::Head { .. } => self.lose(None, pairing),
            Phase::Body { exchange, body: body @ Body::Length { .. } } if len == UNKNOWN_GAP => {
                let left = if let Body::Length { left } = body { *left } else { 0 };
                *body = Body::AtMost { left };
                out.emit(*exchange, HttpWhat::Gap(None));
            }
            Phase::Body { exchange, body: Body::AtMost { .. } } => out.emit(*exchange, HttpWhat::Gap(None)),
            Phase::Body { exchange, body: Body::Length { left } } => {
                let (exchange, bytes) = (*exchange, len.min(*left));
                *left -= bytes;
                let done = *left == 0;
                out.emit(exchange, HttpWhat::Gap(Some(bytes)));
                if done {
                    self.complete(exchange, EndSignal::Length, pairing, out);
                    if len > bytes {
                        self.gap(len - bytes, pairing, out);
                    }
                }
            }
            Phase::Body { exchange, body: Body::Close } => {
                out.emit(*exchange, HttpWhat::Gap(Some(len).filter(|n| *n != UNKNOWN_GAP)))
            }
            Phase::Body { exchange, body: Body::Chunked(body) } => {
                let exchange = *exchange;
                match body.gap(len) {
                    Hole::Inside { bytes, ends_chunk } => {
                        if bytes > 0 {
                            out.emit(exchange, HttpWhat::Gap(Some(bytes)));
                        }
                        if ends_chunk {
                            out.emit(exchange, HttpWhat::UnitEnd);
                        }
                    }
                    Hole::AfterLast { exact } => {
                        out.emit(exchange, HttpWhat::Gap(None));
                        self.complete(exchange, EndSignal::ZeroChunk, pairing, out);
                        if !exact {
                            self.lose(None, pairing);
                        }
                    }
                    Hole::Lost => {
                        out.emit(exchange, HttpWhat::Gap(None));
                        self.lose(Some(exchange), pairing);
                    }
                }
            }
            Phase::Body { body: Body::Unreadable, .. } => {}
            Phase::Waiting { backlog, .. } => backlog.push(0, out.stamp, Item::Gap(len)),
            Phase::Lost(lost) => lost.gap_more(out.stamp, len),
        }
    }

    /// Abandons the head that was being read; its message keeps its number, so that pairing stays right.
    pub(super) fn lose_head(&mut self, why: Kind, pairing: &mut Pairing, out: &mut Out<'_>) {
        let found = match &self.phase {
            Phase::Head { buf, .. } => excerpt(buf.seen()),
            _ => String::new(),
        };
        let exchange = self.broken_head(pairing, out);
        self.opens(exchange, out);
        out.odd(exchange, why, found);
        out.emit(exchange, HttpWhat::Gap(None));
        self.lose(Some(exchange), pairing);
    }

    /// An incomplete head: its complete lines are emitted, so that the message is known by what was seen of
    /// it.
    pub(super) fn broken_head(&mut self, pairing: &mut Pairing, out: &mut Out<'_>) -> u64 {
        let seen = match &self.phase {
            Phase::Head { buf, .. } => buf.whole_lines(),
            _ => None,
        };
        match self.side {
            Side::Request => {
                let head = seen.and_then(|buf| buf.into_request(&mut |_, _| {}));
                let asked = head.as_ref().map_or(Asked::Other, |head| Asked::by(&head.method));
                let exchange = pairing.request(asked, false, out.stamp.at).0;
                if let Some(mut head) = head {
                    head.transfer = length::request(&head.fields, head.version, &mut |_, _| {});
                    out.emit(exchange, HttpWhat::Request(Box::new(head)));
                }
                exchange
            }
            Side::Response => {
                let answers = pairing.response(false, out.stamp.at);
                let head = seen.and_then(|buf| buf.into_response(&mut |_, _| {})).filter(|head| !head.is_interim());
                self.opens(answers.exchange, out);
                if let Some(mut head) = head {
                    head.transfer =
                        length::response(&head.fields, head.version, head.status, answers.asked, &mut |_, _| {});
                    out.emit(answers.exchange, HttpWhat::Response(Box::new(head)));
                }
                answers.exchange
            }
        }
    }

    fn lose(&mut self, message: Option<u64>, pairing: &mut Pairing) {
        if self.side == Side::Response {
            pairing.lost_responses();
        }
        self.last = message.or(self.last);
        let chunks = self.side == Side::Response || matches!(self.phase, Phase::Body { body: Body::Chunked(_), .. });
        let in_body = message.is_some() && matches!(self.phase, Phase::Body { .. });
        self.phase = Phase::Lost(Box::new(Lost::gap(message, chunks, in_body)));
    }

    pub(super) fn lost(&mut self, bytes: &[u8], fresh: bool, pairing: &mut Pairing, out: &mut Out<'_>) -> usize {
        let Phase::Lost(lost) = &mut self.phase else { return bytes.len() };
        let starts = match self.side {
            Side::Request => starts_request(bytes),
            Side::Response => starts_status(bytes),
        };
        if fresh && starts {
            if let Some(exchange) = lost.message {
                // Another message begins, so the broken framing hid the end of this one: its sender's fault.
                out.emit(
                    exchange,
                    if lost.broken {
                        HttpWhat::End(own_fault(self.side), EndSignal::NotCaptured)
                    } else {
                        NOT_CAPTURED
                    },
                );
            }
            self.phase = new_head();
            return 0;
        }
        let Some(boundary) = lost.data(out.stamp, bytes, pairing.expected(out.stamp.at)) else { return bytes.len() };
        let Phase::Lost(lost) = std::mem::replace(&mut self.phase, new_head()) else { return bytes.len() };
        let exchange = lost.message.unwrap_or_else(|| pairing.headless(lost.expected.flatten()));
        self.last = Some(exchange);
        self.opens(exchange, out);
        for (stamp, data) in lost.tail(boundary) {
            Out { stamp, side: out.side, sink: &mut *out.sink }.emit(exchange, HttpWhat::Data(data));
        }
        self.phase = Phase::Body { exchange, body: Body::Chunked(Dechunk::new()) };
        self.depth += 1;
        for (_, stamp, item) in lost.backlog.from(boundary) {
            let mut out = Out { stamp, side: out.side, sink: &mut *out.sink };
            match item {
                Item::Data(data) => {
                    let used = self.data(data, true, pairing, &mut out);
                    // A switch inside bytes that were lost already: what follows it is dropped.
                    if matches!(pairing.turn, Some(Turn::Switch { .. })) {
                        break;
                    }
                    if used < data.len() {
                        self.data(&data[used..], false, pairing, &mut out);
                    }
                }
                Item::Gap(len) => self.gap(len, pairing, &mut out),
                Item::End(_) => {}
            }
            if let Phase::Lost(lost) = &mut self.phase
                && self.depth > MAX_DEPTH
            {
                lost.stop_looking();
            }
        }
        self.depth -= 1;
        bytes.len()
    }
}

fn own_fault(side: Side) -> MessageEnd {
    match side {
        Side::Request => MessageEnd::CutByClient,
        Side::Response => MessageEnd::CutByServer,
    }
}
