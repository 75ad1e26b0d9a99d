//! Which response answers which request: in order (RFC 9112 section 9.3), as far as the capture shows.

use super::length::Asked;
use crate::http::event::ResponseHead;
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Unanswered requests that are remembered. No client pipelines that many; captures of one direction alone
/// reach it.
const MAX_QUEUE: usize = 4096;

/// The requests that wait for their response.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// Number of the next exchange.
    next: u64,
    queue: VecDeque<Slot>,
    /// A request head has begun and has no number yet: what it asks for, as far as its first line says.
    pub(super) head: Option<Asked>,
    /// The number that an early response gave to the request whose head is still coming.
    early: Option<u64>,
    /// This request may switch protocols; later bytes of its sender wait for the response.
    waiting: Option<(u64, Asked)>,
    /// After [`Self::stop_waiting`].
    impatient: bool,
    /// A request was seen, whole or not. Before that a capture of one direction and a server that answers unasked
    /// look the same.
    asks: bool,
    /// No response will come any more.
    closed: bool,
    /// Responses may have been lost since the last one that was paired.
    unsure: bool,
    /// A delivery held the end of one request and the start of the next.
    pipelined: bool,
    /// What the response just read requires of the connection.
    pub(super) turn: Option<Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    exchange: u64,
    asked: Asked,
    /// When the request head was complete.
    at: Timestamp,
}

/// What a response head may require of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// No switch: the client's waiting bytes are requests.
    Release,
    /// From here on both directions speak something else.
    Switch {
        /// The exchange that switched.
        exchange: u64,
        /// The protocol it switches to.
        to: Upgrade,
    },
}

/// What a connection speaks after a switch, by its heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Upgrade {
    /// HTTP/2: the response itself follows on it, and belongs to the exchange (RFC 7540 section 3.2).
    H2c,
    /// Messages in both directions that belong to the exchange (RFC 6455).
    WebSocket,
    /// Unknown: after a CONNECT, or another Upgrade.
    Unknown,
}

impl Upgrade {
    /// What this head switches to, if it does.
    pub(super) fn by(head: &ResponseHead, asked: Asked) -> Option<Upgrade> {
        let h2c = || head.fields.all("upgrade").any(|v| v.eq_ignore_ascii_case(b"h2c"));
        match head.status {
            101 if h2c() => Some(Upgrade::H2c),
            101 if head.opens_websocket(None) => Some(Upgrade::WebSocket),
            101 => Some(Upgrade::Unknown),
            200..300 if asked == Asked::Connect => Some(Upgrade::Unknown),
            _ => None,
        }
    }
}

/// The request that a response answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) exchange: u64,
    pub(super) asked: Asked,
    /// There was no request to answer.
    pub(super) unasked: bool,
}

impl Pairing {
    pub(super) fn new(next: u64) -> Self {
        Pairing { next, ..Pairing::default() }
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.queue.capacity() * size_of::<Slot>()
    }

    /// Number of the next exchange.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// A request head is complete (or lost, and known to have been one). Returns its number, and whether an
    /// older one was forgotten.
    pub(super) fn request(&mut self, asked: Asked, may_switch: bool, at: Timestamp) -> (u64, bool) {
        (self.head, self.asks) = (None, true);
        if let Some(exchange) = self.early.take() {
            if let Some(slot) = self.queue.iter_mut().find(|s| s.exchange == exchange) {
                slot.asked = asked;
                self.wait(exchange, asked, may_switch);
            }
            return (exchange, false);
        }
        let exchange = self.number();
        let full = self.queue.len() >= MAX_QUEUE;
        if full {
            self.queue.pop_front();
        }
        self.queue.push_back(Slot { exchange, asked, at });
        self.wait(exchange, asked, may_switch);
        (exchange, full)
    }

    /// A response head is complete. A final one takes its request from the queue.
    pub(super) fn response(&mut self, interim: bool, at: Timestamp) -> Answers {
        let mut unasked = false;
        if std::mem::take(&mut self.unsure) && !self.pipelined {
            let asked = self.newest(at);
            self.queue.drain(..asked.unwrap_or(0));
            unasked = asked.is_none() && !self.queue.is_empty();
        }
        if unasked {
            return Answers { exchange: self.number(), asked: Asked::Other, unasked };
        }
        if self.queue.is_empty() {
            let exchange = self.number();
            let early = self.head.filter(|_| self.early.is_none());
            match early {
                Some(_) => self.early = Some(exchange),
                None => unasked = self.asks,
            }
            self.queue.push_back(Slot { exchange, asked: early.unwrap_or(Asked::Other), at });
        }
        let front = if interim { self.queue.front().copied() } else { self.queue.pop_front() };
        let Slot { exchange, asked, .. } = front.unwrap_or(Slot { exchange: self.next, asked: Asked::Other, at });
        Answers { exchange, asked, unasked }
    }

    /// The request that a response at this time answers, as far as known now.
    pub(super) fn expected(&self, at: Timestamp) -> Option<u64> {
        let slot = if self.unsure && !self.pipelined {
            self.newest(at).and_then(|i| self.queue.get(i))
        } else {
            self.queue.front()
        };
        slot.map(|s| s.exchange)
    }

    /// Without pipelining only the newest request can be unanswered when a response comes: the responses to
    /// older ones were lost with the missing bytes. Newer ones may be here already if a gap held the response
    /// up.
    fn newest(&self, at: Timestamp) -> Option<usize> {
        self.queue.iter().rposition(|slot| slot.at <= at)
    }

    /// A response without a head: it answers `expected` or a request that was not seen.
    pub(super) fn headless(&mut self, expected: Option<u64>) -> u64 {
        match expected {
            Some(exchange) => {
                // Responses come in order: older requests were answered before.
                while self.queue.front().is_some_and(|s| s.exchange <= exchange) {
                    self.queue.pop_front();
                }
                exchange
            }
            None => self.number(),
        }
    }

    /// The final head of `exchange` has come and does not switch.
    pub(super) fn no_switch(&mut self, exchange: u64) {
        if self.waits(exchange).is_some() {
            self.waiting = None;
            self.turn = Some(Turn::Release);
        }
    }

    /// Bytes after this request wait for its response.
    pub(super) fn waits(&self, exchange: u64) -> Option<Asked> {
        self.waiting.filter(|(waiting, _)| *waiting == exchange).map(|(_, asked)| asked)
    }

    /// Responses don't come in time: from here on only tunnels are waited for, upgrades are not.
    pub(super) fn stop_waiting(&mut self) {
        self.impatient = true;
        self.waiting = None;
    }

    /// No response comes any more, so nothing waits for one.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.waiting = None;
    }

    /// After [`Self::close`].
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes of responses are missing.
    pub(super) fn lost_responses(&mut self) {
        self.unsure = true;
    }

    /// Requests come without waiting for responses.
    pub(super) fn saw_pipelining(&mut self) {
        self.pipelined = true;
    }

    fn wait(&mut self, exchange: u64, asked: Asked, may_switch: bool) {
        let worth = may_switch && !self.closed && (asked == Asked::Connect || !self.impatient);
        self.waiting = worth.then_some((exchange, asked));
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
