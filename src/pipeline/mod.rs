//! The only place that connects http, body, framing and dialect. `feed` takes byte events of connections,
//! `drain` gives finished exchanges.
//!
//! ```text
//! ByteEvent ─► http::Conn ─► HttpEvent ─► Work (one exchange)
//!                                          ├ request:  Intake (pieces, hash, coding)
//!                                          └ response: Intake ─► framing::Stream ─► Reading (dialect)
//! ```

mod reread;
mod asked;
mod closing;
mod contributions;
mod evidence;
mod held;
mod intake;
pub mod messages;
mod noticed;
mod output;
mod reading;
mod request;
mod socket;
mod work;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use contributions::Contributions;
pub use output::{BodyPart, Connection, Output, Part};
pub use reread::{StoredExchange, StoredMessage};

use crate::budget::Budget;
use crate::conn::{ByteEvent, ClosedAt, ConnFacts, ConnId, Endpoints, Stamp, What};
use crate::exchange::{Exchange, TlsInfo};
use crate::http;
use crate::http::event::HttpWhat;
use crate::oddity::{Delivery, Oddity};
use crate::time::Timestamp;
use crate::tls;
use closing::Closings;
use noticed::Noticed;
use socket::Socket;
use std::collections::{BTreeMap, VecDeque};
use work::{Life, Work};

/// Exchanges of one connection that are open at once: more than `http` itself follows (4096 unanswered requests, 4096
/// streams). Beyond it the oldest one is given up.
const MAX_OPEN: usize = 4096 + 256;

/// Limits of an exchange; beyond them it is emitted in parts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Body bytes of an exchange that may wait before a part is emitted.
    pub part_bytes: usize,
    /// Deliveries or records of an exchange that may wait before a part is emitted.
    pub part_items: usize,
    /// Bytes of a request body that are kept to read `model` and `stream` from it and to recognise the dialect.
    pub request_kept: usize,
    /// Secrets that decrypt TLS.
    pub keys: tls::Keys,
    /// Keep body bytes, deliveries, records and hashes. Without them an exchange has only the results: enough
    /// to judge it.
    pub contents: bool,
    /// Note what each record adds to the answer, as only what reads stored exchanges does.
    pub contributions: bool,
    /// Memory of all connections together.
    pub budget: Budget,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            part_bytes: 256 << 10,
            part_items: 4096,
            request_kept: 8 << 20,
            keys: tls::Keys::default(),
            contents: true,
            contributions: false,
            budget: Budget::default(),
        }
    }
}

/// All connections of a session (or of one shard of it).
#[derive(Default)]
pub struct Pipeline {
    config: Config,
    /// Live connections by `ConnId − base`: identifiers are dense, so a lookup is an index.
    conns: VecDeque<Option<Box<Conn>>>,
    base: u32,
    next_exchange: u64,
    /// The newest time of all connections.
    now: Timestamp,
    out: Vec<Output>,
    /// Number of events so far.
    events: u64,
    /// Bytes of memory of all connections, and of the layers below.
    held: usize,
    below: usize,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("connections", &self.conns.len())
            .field("exchanges", &self.next_exchange)
            .finish_non_exhaustive()
    }
}

/// One connection with the exchanges that are open on it.
struct Conn {
    id: ConnId,
    endpoints: Endpoints,
    closings: Closings,
    opened_at: Timestamp,
    last_at: Timestamp,
    http: http::Conn,
    /// By number.
    open: BTreeMap<u64, Box<Work>>,
    noticed: Noticed,
    exchanges: u64,
    /// Bytes of memory of the open exchanges, and the part of the pipeline's sum that is of this connection.
    works: usize,
    counted: usize,
    /// An exchange came to its end.
    finished: bool,
    /// Numbers of the first event, and of the one that brought the last bytes of a message whose head was read.
    opened: u64,
    progress: Option<u64>,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(config: Config) -> Self {
        Pipeline { config, ..Pipeline::default() }
    }

    /// Process the next event.
    pub fn feed(&mut self, event: &ByteEvent<'_>) {
        self.now = self.now.max(event.at);
        if let What::Open { endpoints, joined } = event.what {
            self.open(event, endpoints, joined);
        }
        let Some(slot) = event.conn.0.checked_sub(self.base).map(|i| i as usize) else { return };
        let Some(conn) = self.conns.get_mut(slot).and_then(Option::as_mut) else { return };
        self.events += 1;
        let Pipeline { config, next_exchange, out, held, below, .. } = self;
        let cx = Context { config, next_exchange, now: self.now, out, held, below: *below, event: self.events };
        conn.feed(event, cx);
        if let What::Closed(facts) = &event.what {
            if let Some(conn) = self.conns.get_mut(slot).and_then(Option::take) {
                self.held -= conn.counted;
                conn.close(**facts, self.now, &mut self.out);
            }
            while let Some(None) = self.conns.front() {
                self.conns.pop_front();
                self.base += 1;
            }
        }
    }

    /// Whether there are results to emit.
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Emit the results so far, in order.
    pub fn drain(&mut self, sink: &mut dyn FnMut(Output)) {
        self.out.drain(..).for_each(sink);
    }

    /// End the session: connections that are still open end with the capture. (After `tcp::Table::finish`
    /// there are none.)
    pub fn finish(&mut self) {
        let left: Vec<(ConnId, Timestamp)> = self.conns.iter().flatten().map(|c| (c.id, c.last_at)).collect();
        for (conn, at) in left {
            let what = What::Closed(Box::default());
            self.feed(&ByteEvent { at, frame: 0, conn, dir: crate::conn::Direction::ToServer, what });
        }
    }

    fn open(&mut self, event: &ByteEvent<'_>, endpoints: Endpoints, joined: bool) {
        if self.conns.is_empty() {
            self.base = event.conn.0;
        }
        let Some(slot) = event.conn.0.checked_sub(self.base).map(|i| i as usize) else { return };
        if self.conns.len() <= slot {
            self.conns.resize_with(slot + 1, || None);
        }
        self.conns[slot] = Some(Box::new(Conn {
            id: event.conn,
            endpoints,
            closings: Closings::default(),
            opened_at: event.at,
            last_at: event.at,
            http: http::Conn::with_keys(joined, self.config.keys.clone()),
            open: BTreeMap::new(),
            noticed: Noticed::default(),
            exchanges: 0,
            works: 0,
            counted: 0,
            finished: false,
            opened: self.events,
            progress: None,
        }));
    }
}

/// What a connection needs from the pipeline.
struct Context<'p> {
    config: &'p Config,
    next_exchange: &'p mut u64,
    now: Timestamp,
    out: &'p mut Vec<Output>,
    /// Bytes of memory of all connections, and of the layers below.
    held: &'p mut usize,
    below: usize,
    /// Number of the event.
    event: u64,
}

impl Conn {
    fn feed(&mut self, event: &ByteEvent<'_>, mut cx: Context<'_>) {
        let cx = &mut cx;
        self.last_at = event.at;
        self.closings.note(event);
        match &event.what {
            What::Flip => std::mem::swap(&mut self.endpoints.client, &mut self.endpoints.server),
            What::Gap(_) => self.noticed.gap(),
            What::Oddity(oddity) => {
                let delivery = Some(Delivery { frame: event.frame, unit: None });
                let oddity = Oddity { delivery, ..oddity.clone() };
                self.noticed.oddity(oddity, || self.open.values().map(|w| w.taken).min());
            }
            _ => {}
        }
        let Conn { http, open, noticed, id, endpoints, exchanges, works, progress, .. } = self;
        let mut done = Vec::new();
        let room = cx.config.budget.room(cx.below + *cx.held);
        // The exchange that was touched last: its part of the sum is settled when another one is, or at the end.
        let (mut touched, mut over) = (None, false);
        http.push(event, &mut |event| {
            let before = touched.replace(event.exchange).filter(|n| *n != event.exchange);
            if let Some(work) = before.and_then(|n| open.get_mut(&n)) {
                Conn::settle(works, work);
            }
            let work = open
                .entry(event.exchange)
                .or_insert_with(|| Box::new(Work::new(event.exchange, *id, *endpoints, noticed.begin())));
            noticed.give(&mut work.exchange, &mut work.taken);
            let substance = matches!(
                event.what,
                HttpWhat::Request(_) | HttpWhat::Response(_) | HttpWhat::UnitStart { .. } | HttpWhat::Data(_)
            );
            if substance {
                *progress = Some(cx.event);
                if let Some(id) = Conn::begin(work, cx.next_exchange) {
                    *exchanges += 1;
                    cx.out.push(Output::Begun(id));
                }
            }
            work.on(event, cx.config, room);
            over |= work.over;
            if work.done() {
                done.push(work.number);
            }
            if let Some(part) = work.part(cx.config) {
                cx.out.push(Output::Part(Box::new(part)));
            }
        });
        if let Some(work) = touched.and_then(|n| open.get_mut(&n)) {
            Conn::settle(works, work);
        }
        let surplus = self.open.len().saturating_sub(MAX_OPEN);
        if surplus > 0 {
            done.extend(self.give_up_oldest(surplus, Stamp::from(event)));
        }
        if !done.is_empty() {
            done.sort_unstable();
            let closings = self.closings(cx.now);
            for number in done {
                if let Some(work) = self.open.remove(&number) {
                    self.works -= work.counted;
                    self.finished |= work.done();
                    self.emit(work, &closings, cx.out);
                }
            }
        }
        if self.account(cx) || over {
            self.give_way(Stamp::from(event), cx);
        }
    }

    /// Give up this many exchanges: those that have waited longest for an answer. Their numbers.
    #[cold]
    fn give_up_oldest(&mut self, surplus: usize, stamp: Stamp) -> Vec<u64> {
        let waiting = self.open.iter_mut().filter(|(_, work)| !work.is_answered());
        let found = format!("more than {MAX_OPEN} exchanges are open on the connection");
        let why = Oddity::new(work::TOO_MANY_OPEN, stamp.at, found);
        waiting.take(surplus).map(|(number, work)| (*number, work.give_up(stamp, why.clone())).0).collect()
    }

    /// One exchange is over.
    fn emit(&mut self, mut work: Box<Work>, closings: &Closings, out: &mut Vec<Output>) {
        self.noticed.give(&mut work.exchange, &mut work.taken);
        if work.life() == Life::Pending {
            return;
        }
        if let Some((info, from)) = self.http.tls()
            && work.number >= from
        {
            work.exchange.tls = Some(TlsInfo::from(info));
        }
        out.push(Output::Exchange(work.finish(self.endpoints(), closings)));
    }

    fn close(mut self, facts: ConnFacts, now: Timestamp, out: &mut Vec<Output>) {
        let (endpoints, closings) = (self.endpoints(), self.closings(now));
        for work in std::mem::take(&mut self.open).into_values() {
            self.emit(work, &closings, out);
        }
        let flipped = endpoints.client != self.endpoints.client;
        out.push(Output::Connection(Box::new(Connection {
            id: self.id,
            endpoints,
            opened_at: self.opened_at,
            closed_at: self.last_at,
            speaks: self.http.speaks().as_str(),
            tls: self.http.tls().map(|(info, _)| TlsInfo::from(info)),
            offered: self.http.tls().map_or(Vec::new(), |(info, _)| info.offered.clone()),
            facts: if flipped { swap(facts) } else { facts },
            exchanges: self.exchanges,
        })));
    }

    /// How the connection ended so far, with client and server as the bytes showed them.
    fn closings(&self, now: Timestamp) -> Closings {
        let notified = self.http.tls().map(|(info, _)| info.close_notify).unwrap_or_default();
        self.closings.seen(self.http.flipped(), notified, now)
    }

    fn endpoints(&self) -> Endpoints {
        match self.http.flipped() {
            true => Endpoints { client: self.endpoints.server, server: self.endpoints.client },
            false => self.endpoints,
        }
    }
}

/// The same facts with client and server exchanged: the HTTP bytes showed that the guess of the lower layer
/// was wrong.
fn swap(f: ConnFacts) -> ConnFacts {
    ConnFacts {
        client_fin: f.server_fin,
        server_fin: f.client_fin,
        client_rst: f.server_rst,
        server_rst: f.client_rst,
        client_bytes: f.server_bytes,
        server_bytes: f.client_bytes,
        rtt_client: f.rtt_server,
        rtt_server: f.rtt_client,
        closed: ClosedAt {
            client_fin: f.closed.server_fin,
            server_fin: f.closed.client_fin,
            client_rst: f.closed.server_rst,
            server_rst: f.closed.client_rst,
        },
        ..f
    }
}

/// Every exchange of a sequence of events, whole (not in parts). For tests, rule samples and small inputs.
pub fn exchanges_of(events: impl FnOnce(&mut dyn FnMut(ByteEvent<'_>))) -> Vec<Exchange> {
    let mut pipeline = Pipeline::new(Config { part_bytes: usize::MAX, part_items: usize::MAX, ..Config::default() });
    events(&mut |event| pipeline.feed(&event));
    pipeline.finish();
    let mut all = Vec::new();
    pipeline.drain(&mut |output| {
        if let Output::Exchange(exchange) = output {
            all.push(*exchange);
        }
    });
    all.sort_by_key(|e| e.id);
    all
}
