//! QUIC connections by their first packets: who talks to whom, and the server name. Anybody can decrypt an Initial
//! packet (RFC 9001 section 5.2); everything after it is left alone.
//!
//! ```text
//! UdpDatagram ─► Flows (by addresses) ─► initial: keys, plaintext ─► hello: CRYPTO frames ─► ClientHello
//! ```
//! A datagram costs a look-up in a hash table, one look at another flow (whether it is idle), and, while the name of
//! its flow is not known, the decryption of itself. What is held has one bound over all flows.

mod hello;
mod initial;
#[cfg(test)]
mod tests;

use crate::conn::{ConnFacts, ConnId, Endpoints};
use crate::net::UdpDatagram;
use crate::time::{Span, Timestamp};
use crate::tls::ClientHello;
use hello::Hello;
use initial::{Keys, Version};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// Number of the first QUIC connection of a session. TCP connections count from 0, as in other tools, and do not reach
/// it.
pub const FIRST: u32 = 1 << 31;
/// Most flows at a time; beyond it the oldest one is reported as it is.
const MOST: usize = 4096;
/// Most bytes held over all flows; beyond it likewise.
pub const MOST_HELD: usize = 4 << 20;
/// A flow ends after this silence. The idle time-out of QUIC is negotiated out of sight (RFC 9000 section 10.1).
const IDLE: Span = Span::from_secs(120);
/// Initial packets that are looked at in one datagram.
const PACKETS: u32 = 8;
/// Packets of one flow that are decrypted in vain.
const TRIES: u32 = 32;
/// Longest server name in bytes (RFC 1035 section 2.3.4), and most protocols that are kept.
const NAME: usize = 255;
const PROTOCOLS: usize = 16;

/// A QUIC connection, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quic {
    /// Its number, from [`FIRST`].
    pub id: ConnId,
    /// Both ends: the client sent the first Initial that could be decrypted, or the lower port is the server's.
    pub endpoints: Endpoints,
    /// Time of the first datagram.
    pub opened_at: Timestamp,
    /// Time of the last datagram.
    pub closed_at: Timestamp,
    /// `quic/1` (RFC 9000) or `quic/2` (RFC 9369).
    pub speaks: &'static str,
    /// Server name of the ClientHello.
    pub sni: Option<String>,
    /// Whether the ClientHello has encrypted_client_hello; none if it was not read.
    pub ech: Option<bool>,
    /// Protocols that the client offered.
    pub offered: Vec<String>,
    /// Datagrams and payload bytes; nothing else of it applies.
    pub facts: ConnFacts,
}

/// Both ends in a fixed order, and the realm.
type Key = (SocketAddr, SocketAddr, u64);

/// All flows.
#[derive(Debug, Default)]
pub struct Flows {
    flows: HashMap<Key, Flow>,
    /// Every flow once: the front is the next one that may be idle.
    order: VecDeque<Key>,
    begun: u32,
    /// Bytes of what flows hold beside their own size.
    gathered: usize,
    most_held: Option<usize>,
}

#[derive(Debug)]
struct Flow {
    quic: Quic,
    /// The client's Initial packets of this connection identifier can be decrypted so.
    keys: Option<Keys>,
    state: State,
    tries: u32,
}

/// ```text
///   Gathering ──ClientHello whole──▶ Over
///       │ too long, too many vain tries
///       ▼
///      Over
/// ```
#[derive(Debug)]
enum State {
    Gathering(Hello),
    Over,
}

impl Flows {
    /// Holds at most a sixteenth of this, or 4 MiB.
    pub fn new(budget: usize) -> Flows {
        Flows { most_held: Some(budget / 16), ..Flows::default() }
    }

    /// The next datagram. `sink` gets the connections that are over.
    pub fn push(&mut self, d: &UdpDatagram<'_>, sink: &mut dyn FnMut(Quic)) {
        self.look_at_one(d.at, sink);
        let key = if d.src <= d.dst { (d.src, d.dst, d.realm) } else { (d.dst, d.src, d.realm) };
        let version = initial::version(d.payload);
        if !self.flows.contains_key(&key) {
            let Some(version) = version else { return };
            self.open(key, version, d, sink);
        }
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let before = flow.held();
        flow.push(d, version.is_some());
        self.gathered = self.gathered + flow.held() - before;
        while self.is_over() && self.flows.len() > 1 {
            self.end_oldest(sink);
        }
    }

    /// The capture is over: so are all connections.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Quic)) {
        while !self.order.is_empty() {
            self.end_oldest(sink);
        }
    }

    /// Time passes without datagrams.
    pub fn advance(&mut self, now: Timestamp, sink: &mut dyn FnMut(Quic)) {
        for _ in 0..self.order.len() {
            self.look_at_one(now, sink);
        }
    }

    /// Bytes of memory in use, about.
    pub fn held(&self) -> usize {
        self.flows.len() * (size_of::<Flow>() + 3 * size_of::<Key>()) + self.gathered
    }

    fn is_over(&self) -> bool {
        self.held() > self.most_held.unwrap_or(MOST_HELD).min(MOST_HELD)
    }

    fn open(&mut self, key: Key, version: Version, d: &UdpDatagram<'_>, sink: &mut dyn FnMut(Quic)) {
        while self.flows.len() >= MOST {
            self.end_oldest(sink);
        }
        let id = ConnId(FIRST.saturating_add(self.begun));
        self.begun = self.begun.saturating_add(1);
        // Until an Initial shows it: servers have the lower ports.
        let (client, server) = if d.dst.port() <= d.src.port() { (d.src, d.dst) } else { (d.dst, d.src) };
        let quic = Quic {
            id,
            endpoints: Endpoints { client, server },
            opened_at: d.at,
            closed_at: d.at,
            speaks: version.speaks(),
            sni: None,
            ech: None,
            offered: Vec::new(),
            facts: ConnFacts::default(),
        };
        self.flows.insert(key, Flow { quic, keys: None, state: State::Gathering(Hello::default()), tries: 0 });
        self.order.push_back(key);
    }

    /// Ends the flow at the front if it is idle, else puts it behind the others: the cost of a datagram does not grow
    /// with the number of flows, and each is looked at.
    fn look_at_one(&mut self, now: Timestamp, sink: &mut dyn FnMut(Quic)) {
        let Some(key) = self.order.front() else { return };
        if self.flows.get(key).is_some_and(|flow| now.since(flow.quic.closed_at) < IDLE) {
            self.order.rotate_left(1);
        } else {
            self.end_oldest(sink);
        }
    }

    fn end_oldest(&mut self, sink: &mut dyn FnMut(Quic)) {
        let Some(flow) = self.order.pop_front().and_then(|key| self.flows.remove(&key)) else { return };
        self.gathered -= flow.held();
        sink(flow.quic);
    }
}

impl Flow {
    /// Bytes beside its own size.
    fn held(&self) -> usize {
        let hello = if let State::Gathering(hello) = &self.state { hello.held() } else { 0 };
        let offered: usize = self.quic.offered.iter().map(|name| name.len() + size_of::<String>()).sum();
        hello + offered + self.quic.sni.as_ref().map_or(0, String::len)
    }

    fn push(&mut self, d: &UdpDatagram<'_>, may_be_initial: bool) {
        let bytes = d.payload.len() as u64 + u64::from(d.missing);
        self.quic.closed_at = self.quic.closed_at.max(d.at);
        self.quic.facts.packets += 1;
        if may_be_initial {
            self.read(d);
        }
        match d.src == self.quic.endpoints.client {
            true => self.quic.facts.client_bytes += bytes,
            false => self.quic.facts.server_bytes += bytes,
        }
    }

    /// Decrypts the Initial packets of a datagram, while the name is not known.
    fn read(&mut self, d: &UdpDatagram<'_>) {
        // The server's packets have other keys.
        if self.keys.is_some() && d.src == self.quic.endpoints.server {
            return;
        }
        let mut rest = d.payload;
        for _ in 0..PACKETS {
            let State::Gathering(hello) = &mut self.state else { return };
            let Some((packet, more)) = initial::split(rest) else { return };
            rest = more;
            // The client's later packets carry another identifier and have the same keys, unless a Retry came between.
            let (version, id) = (packet.version(), packet.to());
            let opened = self.keys.as_ref().and_then(|keys| packet.open(keys)).or_else(|| {
                let keys = Keys::of_client(version, id)?;
                let plain = packet.open(&keys)?;
                self.keys = Some(keys);
                Some(plain)
            });
            let Some(plain) = opened else {
                self.tries += 1;
                if self.tries >= TRIES {
                    self.state = State::Over;
                }
                continue;
            };
            self.quic.speaks = version.speaks();
            self.quic.endpoints = Endpoints { client: d.src, server: d.dst };
            hello.take(&plain);
            if let Some(body) = hello.whole() {
                self.learn(ClientHello::parse(&body));
            } else if hello.is_given_up() {
                self.state = State::Over;
            }
        }
    }

    fn learn(&mut self, hello: Option<ClientHello>) {
        self.state = State::Over;
        self.keys = None;
        if let Some(hello) = hello {
            self.quic.ech = Some(hello.ech);
            self.quic.sni = hello.sni.filter(|name| name.len() <= NAME);
            self.quic.offered = hello.alpn.into_iter().take(PROTOCOLS).collect();
        }
    }
}
