//! HTTP messages from bytes: `detect` finds what a connection speaks, `h1` and `h2` read it, `event` is the
//! vocabulary of both versions.
//!
//! To add a protocol: a verdict in `detect`, a variant of `Protocol`, an arm in each of its matches.

mod detect;
pub mod event;
pub mod h1;
pub mod h2;
pub mod incremental;
mod backlog;
mod socket;
pub mod stored;
mod structured;

use crate::conn::Stamp;
use crate::conn::{ByteEvent, ConnId, Direction, End, What};
use crate::tls;
use backlog::{Backlog, Item};
use detect::{Detect, Verdict};
use event::{HttpEvent, HttpWhat, Side};
use socket::Socket;

/// What a connection speaks, as far as its bytes have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaks {
    /// No byte yet, or too few.
    #[default]
    Unknown,
    /// HTTP/1.x.
    Http1,
    /// HTTP/2 (connection preface or upgrade).
    Http2,
    /// A TLS handshake or record.
    Tls,
    /// Something else.
    Other,
}

impl Speaks {
    /// For users and for the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Speaks::Unknown => "unknown",
            Speaks::Http1 => "http/1",
            Speaks::Http2 => "http/2",
            Speaks::Tls => "tls",
            Speaks::Other => "other",
        }
    }
}

/// Protocol switches that one connection may make; more are hostile.
const MAX_SWITCHES: u32 = 16;

/// ```text
///                 ┌── CONNECT answered 2xx, Upgrade answered 101 ──┐
///                 ▼                                                │
///   (start) ▶ Deciding ──start line, chunks──▶ Http1 ──────────────┤
///                 ├─────preface──▶ Http2 ◀──Upgrade: h2c──────────┤
///                 └─────record──▶ Tls    Socket ◀──Upgrade: websocket──┘
/// ```
#[derive(Debug)]
enum Protocol {
    /// Not decided yet, or not recognized so far.
    Deciding(Box<Detect>),
    /// HTTP/1.x.
    Http1(Box<h1::Conn>),
    /// HTTP/2.
    Http2(Box<h2::Conn>),
    /// A WebSocket.
    Socket(Socket),
    /// TLS; the inner connection is read if the secrets are known.
    Tls(Box<Sealed>),
    /// Not readable.
    Other,
}

/// A TLS session and the connection that it protects.
#[derive(Debug)]
struct Sealed {
    session: tls::Session,
    inner: Conn,
    /// Number of the first exchange inside TLS.
    from: u64,
    /// Number of the newest exchange inside TLS.
    newest: u64,
}

/// One connection: bytes in, HTTP events out. It finds out what is spoken and which end is the client.
///
/// Oddities may name an exchange whose messages are over, or one whose head comes later or never.
#[derive(Debug)]
pub struct Conn {
    protocol: Protocol,
    flipped: bool,
    /// Number of the next exchange while no protocol counts them.
    next: u64,
    switches: u32,
    keys: tls::Keys,
    /// Facts of TLS that the door decrypted itself (the proxy).
    opened: Option<Box<tls::Info>>,
}

impl Default for Conn {
    fn default() -> Self {
        Conn::new(false)
    }
}

impl Conn {
    /// A connection; `joined` as in [`crate::conn::What::Open`].
    pub fn new(joined: bool) -> Self {
        Conn::with_keys(joined, tls::Keys::default())
    }

    /// The same; these secrets decrypt TLS.
    pub fn with_keys(joined: bool, keys: tls::Keys) -> Self {
        Conn {
            protocol: Protocol::Deciding(Box::new(Detect::new(joined))),
            flipped: false,
            next: 0,
            switches: 0,
            keys,
            opened: None,
        }
    }

    /// What is known of TLS on this connection, and the number of the first exchange inside it.
    pub fn tls(&self) -> Option<(&tls::Info, u64)> {
        match &self.protocol {
            Protocol::Tls(sealed) => Some((sealed.session.info(), sealed.from)),
            _ => self.opened.as_deref().map(|info| (info, 0)),
        }
    }

    /// Reads the next event. `Open` and `Closed` are allowed, and `Closed` ends every open message.
    pub fn push(&mut self, event: &ByteEvent<'_>, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let stamp = Stamp::from(event);
        let dir = if self.flipped { event.dir.other() } else { event.dir };
        match &event.what {
            What::Data(bytes) => self.feed(dir, stamp, Item::Data(bytes), sink),
            What::Gap(len) => self.feed(dir, stamp, Item::Gap(*len), sink),
            What::End(end) => {
                if let Some(info) = self.opened.as_mut().filter(|_| *end == End::CloseNotify) {
                    info.close_notify[dir.index()].get_or_insert(event.at);
                }
                self.feed(dir, stamp, Item::End(*end), sink);
            }
            What::Flip => self.flip(),
            What::Tls(facts) => self.opened = Some(Box::new(tls::Info::from(&**facts))),
            What::Closed(_) => match &mut self.protocol {
                Protocol::Http1(h1) => h1.close(stamp, sink),
                Protocol::Http2(h2) => h2.push(event, sink),
                Protocol::Socket(socket) => socket.close(stamp, sink),
                Protocol::Tls(sealed) => sealed.push(event, sink),
                Protocol::Deciding(_) | Protocol::Other => {}
            },
            What::Open { .. } | What::Oddity(_) => {}
        }
    }

    /// Bytes of memory in use, about. Takes constant time.
    pub fn held(&self) -> usize {
        match &self.protocol {
            Protocol::Deciding(detect) => detect.memory(),
            Protocol::Http1(h1) => h1.held(),
            Protocol::Http2(h2) => h2.held(),
            Protocol::Tls(sealed) => size_of::<Sealed>() + sealed.session.held() + sealed.inner.held(),
            Protocol::Socket(_) | Protocol::Other => 0,
        }
    }

    /// The same connection from its next event on, as if it were joined there: nothing of the past is kept.
    #[must_use]
    pub fn joined_again(&self) -> Conn {
        let next = match &self.protocol {
            Protocol::Http1(h1) => h1.next(),
            _ => self.next,
        };
        let (flipped, opened) = (self.flipped(), self.opened.clone());
        Conn { flipped, next, opened, ..Conn::with_keys(true, self.keys.clone()) }
    }

    /// What it speaks.
    pub fn speaks(&self) -> Speaks {
        match &self.protocol {
            Protocol::Deciding(detect) if detect.other() => Speaks::Other,
            // After an answered CONNECT or Upgrade, while the new protocol is unknown: the connection did
            // speak HTTP/1.
            Protocol::Deciding(_) if self.switches > 0 => Speaks::Http1,
            Protocol::Deciding(_) => Speaks::Unknown,
            Protocol::Http1(_) | Protocol::Socket(_) => Speaks::Http1,
            Protocol::Http2(_) => Speaks::Http2,
            Protocol::Tls(sealed) if sealed.session.info().reading == tls::Reading::Open => sealed.inner.speaks(),
            Protocol::Tls(_) => Speaks::Tls,
            Protocol::Other => Speaks::Other,
        }
    }

    /// The bytes showed that client and server are swapped compared with the events.
    pub fn flipped(&self) -> bool {
        match &self.protocol {
            Protocol::Http2(h2) => self.flipped != h2.flipped(),
            _ => self.flipped,
        }
    }

    fn flip(&mut self) {
        match &mut self.protocol {
            Protocol::Deciding(detect) => detect.flip(),
            _ => self.flipped = !self.flipped,
        }
    }

    fn feed(&mut self, dir: Direction, stamp: Stamp, item: Item<'_>, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        match &mut self.protocol {
            Protocol::Deciding(detect) => {
                if let Some(verdict) = detect.push(dir, stamp, item) {
                    self.decided(verdict, sink);
                }
            }
            Protocol::Http1(h1) => {
                let side = Side::from(dir);
                match item {
                    Item::Data(bytes) => {
                        if let Some(switched) = h1.data(side, stamp, bytes, sink) {
                            self.switch(switched, dir, stamp, bytes, sink);
                        }
                    }
                    Item::Gap(len) => h1.gap(side, stamp, len, sink),
                    Item::End(end) => h1.end(side, stamp, end, sink),
                }
            }
            Protocol::Http2(h2) => h2.push(&item.event(dir, stamp), sink),
            Protocol::Socket(socket) => socket.push(Side::from(dir), stamp, item, sink),
            Protocol::Tls(sealed) => sealed.push(&item.event(dir, stamp), sink),
            Protocol::Other => {}
        }
    }

    fn decided(&mut self, verdict: Verdict, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let Protocol::Deciding(detect) = std::mem::replace(&mut self.protocol, Protocol::Other) else { return };
        let joined = detect.joined();
        let mut backlogs = detect.into_held();
        let client = match verdict {
            Verdict::Http1 { client } => {
                self.protocol = Protocol::Http1(Box::new(h1::Conn::new(joined, self.next)));
                client
            }
            Verdict::Http2 { client } => {
                self.protocol = Protocol::Http2(Box::new(h2::Conn::new(joined, self.next)));
                client
            }
            Verdict::Tls { client } => {
                let session = tls::Session::new(ConnId(0), self.keys.clone());
                let inner = Conn { next: self.next, switches: self.switches, ..Conn::new(false) };
                self.protocol = Protocol::Tls(Box::new(Sealed { session, inner, from: self.next, newest: self.next }));
                client
            }
        };
        if client == Direction::ToClient {
            self.flipped = !self.flipped;
            backlogs.swap(0, 1);
        }
        in_order(&backlogs, |dir, stamp, item| self.feed(dir, stamp, item, sink));
    }

    fn switch(
        &mut self,
        switched: h1::Switched,
        dir: Direction,
        stamp: Stamp,
        bytes: &[u8],
        sink: &mut dyn FnMut(HttpEvent<'_>),
    ) {
        self.next = switched.next;
        self.switches += 1;
        self.protocol = match switched.to {
            h1::Upgrade::WebSocket => Protocol::Socket(Socket::new(switched.exchange)),
            _ if self.switches > MAX_SWITCHES => Protocol::Other,
            h1::Upgrade::H2c => Protocol::Http2(Box::new(h2::Conn::upgraded(switched.exchange))),
            h1::Upgrade::Unknown => Protocol::Deciding(Box::new(Detect::new(false))),
        };
        // What the client sent before the response came earlier than the rest of this delivery.
        for (_, stamp, item) in switched.ahead.from(0) {
            self.feed(Direction::ToServer, stamp, item, sink);
        }
        if let Some(rest) = bytes.get(switched.used..).filter(|rest| !rest.is_empty()) {
            self.feed(dir, stamp, Item::Data(rest), sink);
        }
        for (dir, end) in [Direction::ToServer, Direction::ToClient].into_iter().zip(switched.ends) {
            if let Some(end) = end {
                self.feed(dir, stamp, Item::End(end), sink);
            }
        }
    }
}

impl Sealed {
    fn push(&mut self, event: &ByteEvent<'_>, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let Sealed { session, inner, newest, .. } = self;
        session.push(event, &mut |plain| match plain.what {
            // An oddity of TLS records belongs to the newest exchange inside.
            What::Oddity(oddity) => {
                let side = Side::from(plain.dir);
                sink(HttpEvent {
                    at: plain.at,
                    frame: plain.frame,
                    exchange: *newest,
                    side,
                    what: HttpWhat::Oddity(oddity),
                });
            }
            _ => inner.push(&plain, &mut |event| {
                *newest = (*newest).max(event.exchange);
                sink(event);
            }),
        });
    }
}

impl<'a> Item<'a> {
    /// The byte event that the protocols take.
    fn event(self, dir: Direction, stamp: Stamp) -> ByteEvent<'a> {
        let what = match self {
            Item::Data(bytes) => What::Data(bytes),
            Item::Gap(len) => What::Gap(len),
            Item::End(end) => What::End(end),
        };
        ByteEvent { at: stamp.at, frame: stamp.frame, conn: ConnId(0), dir, what }
    }
}

/// The items of both directions in order of arrival.
fn in_order(backlogs: &[Backlog; 2], mut each: impl FnMut(Direction, Stamp, Item<'_>)) {
    let mut client = backlogs[0].from(0).peekable();
    let mut server = backlogs[1].from(0).peekable();
    loop {
        let from_client = match (client.peek(), server.peek()) {
            (Some(c), Some(s)) => c.0 <= s.0,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        let next = if from_client { client.next() } else { server.next() };
        if let Some((_, stamp, item)) = next {
            each(if from_client { Direction::ToServer } else { Direction::ToClient }, stamp, item);
        }
    }
}
