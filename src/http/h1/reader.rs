//! One direction of an HTTP/1 connection: heads and bodies one after another, and the recovery when bytes are
//! missing.

use super::chunked::{Dechunk, Step};
use super::head::{Collected, HeadBuf};
use super::length::{self, Asked};
use super::lost::Lost;
use super::pairing::{Pairing, Turn, Upgrade};
use super::{HEAD_CUT, HEAD_TOO_LONG, NOT_HTTP, SURPLUS, UNANSWERED, UNASKED};
use crate::conn::Stamp;
use crate::http::backlog::{Backlog, Item, LIMIT};
use crate::http::detect::{starts_request, starts_status};
use crate::http::event::{EndSignal, HttpEvent, HttpWhat, MessageEnd, Side, Transfer};
use crate::oddity::{Kind, Oddity, excerpt};

/// Lines that start no message and are skipped one by one; after them the direction counts as lost.
const STRAY_LINES: u32 = 8;

/// How a message ended, and the signal that ended it.
pub(super) type Ended = (MessageEnd, EndSignal);

/// The end of a message was in bytes that the capture lacks.
const LOST: Ended = (MessageEnd::CutByCapture, EndSignal::NotCaptured);
pub(super) const NOT_CAPTURED: HttpWhat<'static> = HttpWhat::End(LOST.0, LOST.1);

/// Sink of the events, and their time.
pub(super) struct Out<'s> {
    pub(super) stamp: Stamp,
    pub(super) side: Side,
    pub(super) sink: &'s mut dyn FnMut(HttpEvent<'_>),
}

impl Out<'_> {
    pub(super) fn emit(&mut self, exchange: u64, what: HttpWhat<'_>) {
        (self.sink)(HttpEvent { at: self.stamp.at, frame: self.stamp.frame, exchange, side: self.side, what });
    }

    pub(super) fn odd(&mut self, exchange: u64, kind: Kind, found: impl Into<std::borrow::Cow<'static, str>>) {
        self.emit(exchange, HttpWhat::Oddity(Oddity::new(kind, self.stamp.at, found)));
    }
}

/// ```text
///               ┌───────────────── body complete ────────────────┐
///               ▼                                                │
///   (start) ▶ Head ──head complete──▶ Body ──hole over the end──▶ Lost ◀── (joined)
///              ▲ ▲                     │ CONNECT, Upgrade         │
///              │ └──answer: no switch── Waiting                   │
///              └───────── a delivery starts a message ────────────┘
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Between messages or inside a head.
    Head { buf: HeadBuf, strays: u32 },
    /// Inside the body of this exchange.
    Body { exchange: u64, body: Body },
    /// A request may switch protocols: bytes are kept until the response decides.
    Waiting { backlog: Backlog, asked: Asked },
    /// The beginning of the next message or chunk is unknown.
    Lost(Box<Lost>),
}

/// How the end of a body is found.
#[derive(Debug)]
pub(super) enum Body {
    Length {
        left: u64,
    },
    /// `Length` after a gap of unknown length: no more than this, less the size of the gap.
    AtMost {
        left: u64,
    },
    Close,
    Chunked(Dechunk),
    /// The sender broke the framing.
    Unreadable,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) side: Side,
    pub(super) phase: Phase,
    /// The newest exchange of this side: stray bytes are reported there.
    pub(super) last: Option<u64>,
    /// Only interim heads of this exchange's response were seen.
    interim: Option<u64>,
    joined: bool,
    /// Nesting depth of boundaries that are being read.
    pub(super) depth: u32,
}

impl Reader {
    pub(super) fn new(side: Side, joined: bool) -> Self {
        let phase = if joined { Phase::Lost(Box::new(Lost::joined(side))) } else { new_head() };
        Reader { side, phase, last: None, interim: None, joined, depth: 0 }
    }

    /// Bytes of one delivery, or the rest of one (`fresh` false). Stops if the connection must act
    /// ([`Pairing::turn`]). Returns the number of bytes consumed.
    pub(super) fn data(&mut self, bytes: &[u8], fresh: bool, pairing: &mut Pairing, out: &mut Out<'_>) -> usize {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            used += self.step(rest, fresh && used == 0, pairing, out).min(rest.len());
            if pairing.turn.is_some() {
                break;
            }
        }
        used
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        match &self.phase {
            Phase::Head { buf, .. } => buf.held(),
            Phase::Body { body: Body::Chunked(body), .. } => body.held(),
            Phase::Body { .. } => 0,
            Phase::Waiting { backlog, .. } => backlog.memory(),
            Phase::Lost(lost) => lost.held(),
        }
    }

    fn step(&mut self, bytes: &[u8], fresh: bool, pairing: &mut Pairing, out: &mut Out<'_>) -> usize {
        match &mut self.phase {
            Phase::Head { .. } => self.head(bytes, fresh, pairing, out),
            Phase::Body { exchange, body: Body::Length { left } } => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= n as u64;
                let (exchange, left) = (*exchange, *left);
                out.emit(exchange, HttpWhat::Data(&bytes[..n]));
                if left == 0 {
                    self.complete(exchange, EndSignal::Length, pairing, out);
                }
                n
            }
            Phase::Body { exchange, body: Body::AtMost { left } } => {
                let starts = match self.side {
                    Side::Request => starts_request(bytes),
                    Side::Response => starts_status(bytes),
                };
                if fresh && starts {
                    out.emit(*exchange, NOT_CAPTURED);
                    self.phase = new_head();
                    return 0;
                }
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= n as u64;
                let (exchange, left) = (*exchange, *left);
                out.emit(exchange, HttpWhat::Data(&bytes[..n]));
                if left == 0 {
                    self.complete(exchange, EndSignal::Length, pairing, out);
                }
                n
            }
            Phase::Body { exchange, body: Body::Close } => {
                out.emit(*exchange, HttpWhat::Data(bytes));
                bytes.len()
            }
            Phase::Body { body: Body::Chunked(_), .. } => self.chunked(bytes, pairing, out),
            Phase::Body { body: Body::Unreadable, .. } => bytes.len(),
            Phase::Waiting { backlog, asked } => {
                backlog.push(0, out.stamp, Item::Data(bytes));
                if *asked == Asked::Connect {
                    backlog.trim();
                } else if backlog.held() > LIMIT {
                    // No response in sight: HTTP is a better guess than silence, here and from now on.
                    pairing.stop_waiting();
                    pairing.turn = Some(Turn::Release);
                }
                bytes.len()
            }
            Phase::Lost(_) => self.lost(bytes, fresh, pairing, out),
        }
    }

    fn head(&mut self, bytes: &[u8], fresh: bool, pairing: &mut Pairing, out: &mut Out<'_>) -> usize {
        let Phase::Head { buf, strays } = &mut self.phase else { return bytes.len() };
        if !buf.is_open()
            && !fresh
            && self.side == Side::Request
            && self.last.is_some()
            && !matches!(bytes, [b'\r' | b'\n', ..])
        {
            pairing.saw_pipelining();
        }
        let (used, collected) = buf.take(bytes, out.stamp.at, true);
        match collected {
            Collected::More => {}
            Collected::FirstLine if buf.starts(self.side) => *strays = 0,
            // Only a request can be meant here, so this is a malformed one.
            Collected::FirstLine
                if self.side == Side::Request
                    && *strays == 0
                    && buf.means_request(self.last.is_none() && !self.joined) => {}
            Collected::FirstLine => {
                let found = excerpt(buf.seen());
                *buf = HeadBuf::default();
                *strays += 1;
                let (first, many) = (*strays == 1, *strays > STRAY_LINES);
                if first {
                    let surplus = self.last.filter(|_| self.side == Side::Response);
                    let kind = if surplus.is_some() { SURPLUS } else { NOT_HTTP };
                    out.odd(self.last.unwrap_or(pairing.next()), kind, found);
                }
                if many {
                    self.phase = Phase::Lost(Box::new(Lost::strayed()));
                }
            }
            Collected::TooLong => self.lose_head(HEAD_TOO_LONG, pairing, out),
            Collected::Complete => {
                let buf = std::mem::take(buf);
                match self.side {
                    Side::Request => self.request(buf, pairing, out),
                    Side::Response => self.response(buf, pairing, out),
                }
            }
        }
        if self.side == Side::Request {
            pairing.head = match &self.phase {
                Phase::Head { buf, .. } if collected == Collected::FirstLine && buf.is_open() => {
                    Some(buf.method().map_or(Asked::Other, |method| Asked::by(&method)))
                }
                Phase::Head { buf, .. } if buf.is_open() => pairing.head.or(Some(Asked::Other)),
                _ => None,
            };
        }
        used
    }

    fn request(&mut self, buf: HeadBuf, pairing: &mut Pairing, out: &mut Out<'_>) {
        let mut odd = Vec::new();
        let Some(mut head) = buf.into_request(&mut |kind, found| odd.push((kind, found))) else {
            return self.lose_head(NOT_HTTP, pairing, out);
        };
        head.transfer = length::request(&head.fields, head.version, &mut |kind, found| odd.push((kind, found)));
        let asked = Asked::by(&head.method);
        let may_switch = asked == Asked::Connect || head.fields.all("upgrade").any(|v| !v.is_empty());
        let (exchange, forgot) = pairing.request(asked, may_switch, out.stamp.at);
        let transfer = head.transfer;
        out.emit(exchange, HttpWhat::Request(Box::new(head)));
        odd.into_iter().for_each(|(kind, found)| out.odd(exchange, kind, found));
        if forgot {
            out.odd(exchange, UNANSWERED, "too many requests without an answer");
        }
        self.body(exchange, transfer, pairing, out);
    }

    fn response(&mut self, buf: HeadBuf, pairing: &mut Pairing, out: &mut Out<'_>) {
        let mut odd = Vec::new();
        let Some(mut head) = buf.into_response(&mut |kind, found| odd.push((kind, found))) else {
            return self.lose_head(NOT_HTTP, pairing, out);
        };
        let interim = head.is_interim();
        let answers = pairing.response(interim, out.stamp.at);
        let (exchange, status) = (answers.exchange, head.status);
        head.transfer = length::response(&head.fields, head.version, status, answers.asked, &mut |kind, found| {
            odd.push((kind, found))
        });
        let transfer = head.transfer;
        let switch = Upgrade::by(&head, answers.asked);
        self.opens(exchange, out);
        out.emit(exchange, HttpWhat::Response(Box::new(head)));
        odd.into_iter().for_each(|(kind, found)| out.odd(exchange, kind, found));
        if let Some(to @ (Upgrade::H2c | Upgrade::WebSocket)) = switch {
            // More of this exchange follows.
            pairing.turn = Some(Turn::Switch { exchange, to });
            return;
        }
        if answers.unasked && !self.joined {
            out.odd(exchange, UNASKED, status.to_string());
        }
        if interim {
            (self.last, self.interim) = (Some(exchange), Some(exchange));
            self.phase = new_head();
            return;
        }
        self.body(exchange, transfer, pairing, out);
        match switch {
            Some(to) => pairing.turn = Some(Turn::Switch { exchange, to }),
            None => pairing.no_switch(exchange),
        }
    }

    /// A response continues or begins: if interim heads promised another one, that one is lost.
    pub(super) fn opens(&mut self, exchange: u64, out: &mut Out<'_>) {
        if let Some(other) = self.interim.take().filter(|other| *other != exchange) {
            out.emit(other, NOT_CAPTURED);
        }
    }

    fn body(&mut self, exchange: u64, transfer: Transfer, pairing: &mut Pairing, out: &mut Out<'_>) {
        self.last = Some(exchange);
        let body = match transfer {
            Transfer::Chunked => Body::Chunked(Dechunk::new()),
            Transfer::Close => Body::Close,
            Transfer::Length(left) if left > 0 => Body::Length { left },
            Transfer::Length(_) | Transfer::None | Transfer::H2 => {
                return self.complete(exchange, EndSignal::NoBody, pairing, out);
            }
        };
        self.phase = Phase::Body { exchange, body };
    }

    pub(super) fn complete(&mut self, exchange: u64, told: EndSignal, pairing: &Pairing, out: &mut Out<'_>) {
        out.emit(exchange, HttpWhat::End(MessageEnd::Complete, told));
        self.phase = match pairing.waits(exchange).filter(|_| self.side == Side::Request) {
            Some(asked) => Phase::Waiting { backlog: Backlog::default(), asked },
            None => new_head(),
        };
    }

    fn chunked(&mut self, bytes: &[u8], pairing: &mut Pairing, out: &mut Out<'_>) -> usize {
        let Phase::Body { exchange, body: Body::Chunked(body) } = &mut self.phase else { return bytes.len() };
        let exchange = *exchange;
        let offset = body.offset();
        let at = out.stamp.at;
        let mut odd = Vec::new();
        let (used, step) = body.step(bytes, at, &mut |kind, found| odd.push((kind, found)));
        for (kind, found) in odd {
            out.emit(exchange, HttpWhat::Oddity(Oddity::new(kind, at, found).offset(offset)));
        }
        match step {
            Step::More => {}
            Step::Start { len, line } => out.emit(exchange, HttpWhat::UnitStart { len, line }),
            Step::Data(data) => out.emit(exchange, HttpWhat::Data(data)),
            Step::End => out.emit(exchange, HttpWhat::UnitEnd),
            Step::Done(trailers) => {
                if let Some(trailers) = trailers {
                    out.emit(exchange, HttpWhat::Trailers(trailers));
                }
                self.complete(exchange, EndSignal::ZeroChunk, pairing, out);
            }
            Step::Lost => self.phase = Phase::Lost(Box::new(Lost::broken(exchange))),
            Step::Broken => self.phase = Phase::Body { exchange, body: Body::Unreadable },
        }
        used
    }

    /// The bytes that wait for a response, if any: from here on the direction reads heads again.
    pub(super) fn take_waiting(&mut self) -> Option<(Backlog, Asked)> {
        match std::mem::replace(&mut self.phase, new_head()) {
            Phase::Waiting { backlog, asked } => Some((backlog, asked)),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// A body is open that lasts until the close.
    pub(super) fn reads_to_close(&self) -> bool {
        matches!(self.phase, Phase::Body { body: Body::Close, .. })
    }

    /// The direction is over. `close`: end of a body that lasts until the close; `cut`: end of any other
    /// body.
    pub(super) fn finish(&mut self, close: Ended, cut: Ended, pairing: &mut Pairing, out: &mut Out<'_>) {
        let interim = self.interim.take();
        let cut_head = match &self.phase {
            Phase::Head { buf, .. } if buf.is_open() => Some((excerpt(buf.seen()), buf.whole_lines().is_some())),
            _ => None,
        };
        if let (Side::Request, Phase::Head { buf, .. }) = (self.side, &mut self.phase)
            && buf.is_simple_request()
        {
            let buf = std::mem::take(buf);
            return self.request(buf, pairing, out);
        }
        if let Some((found, whole_line)) = cut_head {
            let expected = pairing.expected(out.stamp.at).filter(|_| self.side == Side::Response);
            let begun = match self.side {
                Side::Request => whole_line,
                Side::Response => expected.is_some(),
            };
            if begun {
                let exchange = self.broken_head(pairing, out);
                out.odd(exchange, HEAD_CUT, found);
                self.phase = new_head();
                self.interim = None;
                if let Some(other) = interim.filter(|other| *other != exchange) {
                    out.emit(other, NOT_CAPTURED);
                }
                out.emit(exchange, HttpWhat::End(cut.0, cut.1));
                return;
            }
            out.odd(self.last.filter(|_| self.side == Side::Response).unwrap_or(pairing.next()), HEAD_CUT, found);
            self.phase = new_head();
        }
        let open = match std::mem::replace(&mut self.phase, new_head()) {
            Phase::Head { .. } => interim.map(|exchange| (exchange, cut)),
            // The response may still come.
            waiting @ Phase::Waiting { .. } => {
                self.phase = waiting;
                None
            }
            Phase::Body { exchange, body: Body::Close } => Some((exchange, close)),
            Phase::Body { exchange, body: Body::AtMost { .. } } => Some((exchange, LOST)),
            Phase::Body { exchange, .. } => Some((exchange, cut)),
            Phase::Lost(lost) => {
                lost.message.or(interim).map(|exchange| (exchange, if lost.broken { cut } else { LOST }))
            }
        };
        if let Some(other) = interim.filter(|other| open.is_none_or(|(exchange, _)| exchange != *other)) {
            out.emit(other, NOT_CAPTURED);
        }
        if let Some((exchange, end)) = open {
            out.emit(exchange, HttpWhat::End(end.0, end.1));
        }
    }
}

/// Before a head.
pub(super) fn new_head() -> Phase {
    Phase::Head { buf: HeadBuf::default(), strays: 0 }
}
