//! One TLS connection: handshake in clear, keys from the log, records opened in order.
//!
//! ```text
//! per direction, TLS 1.3:  Clear ──ServerHello──► Handshake ──Finished──► Application ──KeyUpdate──► Application'
//!                            └──(client) early data──► Early ──EndOfEarlyData──► Handshake
//! TLS 1.2:                 Clear ──ChangeCipherSpec──► Application ──ChangeCipherSpec (renegotiation)──► Application'
//! ```
//! A record that does not open under the epoch at hand is tried under the later ones: 0-RTT may be refused, and records may be lost.

use super::hello::{ClientHello, ServerHello, encrypted_extensions, handshake};
use super::open::{Opener, Sealed};
use super::record::{Reader, Step, content};
use super::suite::{Suite, suite};
use super::{Info, Keys, Reading, UNREADABLE};
use crate::conn::{ByteEvent, ConnId, Direction, End, UNKNOWN_GAP, What};
use crate::oddity::Oddity;
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Protected bytes that wait for their secrets.
const MAX_WAITING: usize = 4 << 20;
/// Handshake bytes that are collected (a chain of certificates may be long).
const MAX_HANDSHAKE: usize = 1 << 18;

type Sink<'s> = dyn FnMut(ByteEvent<'_>) + 's;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Epoch {
    Clear,
    Early,
    Handshake,
    Application,
}

/// One direction.
pub(super) struct Way {
    reader: Reader,
    pub(super) epoch: Epoch,
    pub(super) opener: Option<Opener>,
    /// The application secret in use, for KeyUpdate.
    pub(super) secret: Vec<u8>,
    pub(super) handshake: Vec<u8>,
    /// TLS 1.2: randoms of the handshake whose keys this direction switched to and could not derive yet.
    pub(super) wanted: Option<Wanted>,
    closed: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) client_random: [u8; 32],
    pub(super) server_random: [u8; 32],
    pub(super) suite: Suite,
    pub(super) encrypt_then_mac: bool,
}

/// A protected record in the order of arrival.
struct Waiting {
    at: Timestamp,
    frame: u64,
    dir: Direction,
    kind: u8,
    version: [u8; 2],
    body: Vec<u8>,
}

/// Where an event stands.
#[derive(Clone, Copy)]
struct Here {
    at: Timestamp,
    frame: u64,
    dir: Direction,
}

/// One TLS connection.
pub struct Session {
    conn: ConnId,
    pub(super) keys: Keys,
    pub(super) client: Option<ClientHello>,
    pub(super) server: Option<ServerHello>,
    pub(super) ways: [Way; 2],
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    pub(super) info: Info,
    plain: Vec<u8>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("info", &self.info).field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.keys.release(self.waiting_bytes);
    }
}

impl Way {
    fn new() -> Way {
        let reader = Reader::default();
        Way { reader, epoch: Epoch::Clear, opener: None, secret: Vec::new(), handshake: Vec::new(), wanted: None, closed: false }
    }
}

impl Session {
    /// A connection that speaks TLS.
    pub fn new(conn: ConnId, keys: Keys) -> Self {
        Session {
            conn,
            keys,
            client: None,
            server: None,
            ways: [Way::new(), Way::new()],
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            info: Info::default(),
            plain: Vec::new(),
        }
    }

    /// What is known of it so far.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// What happened below; `sink` gets what it means above.
    pub fn push(&mut self, event: &ByteEvent<'_>, sink: &mut Sink<'_>) {
        let here = Here { at: event.at, frame: event.frame, dir: event.dir };
        match &event.what {
            What::Data(bytes) => self.read(here, |reader, step| reader.push(bytes, step), sink),
            What::Gap(len) => self.read(here, |reader, step| reader.gap(*len, step), sink),
            What::End(how) => {
                self.drain(sink);
                self.end(here, *how, sink);
            }
            What::Closed(_) => {
                self.drain(sink);
                self.settle();
                sink(event.clone());
            }
            What::Open { .. } | What::Flip | What::Tls(_) | What::Oddity(_) => sink(event.clone()),
        }
    }

    fn read(&mut self, here: Here, f: impl FnOnce(&mut Reader, &mut dyn FnMut(Step<'_>)), sink: &mut Sink<'_>) {
        let mut reader = std::mem::take(&mut self.ways[here.dir.index()].reader);
        f(&mut reader, &mut |step| self.step(here, step, sink));
        self.ways[here.dir.index()].reader = reader;
        self.drain(sink);
    }

    fn step(&mut self, here: Here, step: Step<'_>, sink: &mut Sink<'_>) {
        let way = &mut self.ways[here.dir.index()];
        match step {
            Step::Record(kind, version, body) => self.record(here, kind, version, body, sink),
            Step::Damaged(fragment) => {
                if let Some(opener) = &mut way.opener {
                    opener.skip();
                    // What it protected is shorter by the expansion, which the suite does not always fix: a close guess is worse than none.
                    let what = if fragment > 0 { What::Gap(UNKNOWN_GAP) } else { return };
                    sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what });
                }
            }
            Step::Lost => {
                way.handshake.clear();
                if let Some(opener) = &mut way.opener {
                    opener.lost = true;
                    let what = What::Gap(UNKNOWN_GAP);
                    sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what });
                }
            }
        }
    }

    fn record(&mut self, here: Here, kind: u8, version: [u8; 2], body: &[u8], sink: &mut Sink<'_>) {
        let way = &self.ways[here.dir.index()];
        let tls13 = self.info.version == Some(0x0304);
        let clear = way.epoch == Epoch::Clear || (tls13 && kind != content::APPLICATION_DATA);
        match kind {
            content::CHANGE_CIPHER_SPEC if clear && !tls13 => self.change_cipher(here.dir),
            content::HANDSHAKE if clear => self.handshake(here, body),
            content::APPLICATION_DATA if clear && self.client.is_none() => self.info.reading = Reading::Joined,
            _ if clear && kind != content::APPLICATION_DATA => {}
            _ => self.protected(here, kind, version, body, sink),
        }
    }

    fn protected(&mut self, here: Here, kind: u8, version: [u8; 2], body: &[u8], sink: &mut Sink<'_>) {
        if !self.keys.is_expected() {
            self.info.reading = Reading::NoKeys;
            return;
        }
        // Since the delivery began, a ServerHello may have told what those that wait lacked (0-RTT data comes before it).
        self.drain(sink);
        if self.waiting.is_empty() && self.open(here, Sealed { kind, version, body }, sink) {
            return;
        }
        let pointless = self.keys.is_complete() && self.server.is_some();
        if pointless || self.waiting_bytes + body.len() > MAX_WAITING || !self.keys.reserve(body.len()) {
            self.info.reading = Reading::NoKeys;
            return;
        }
        self.waiting_bytes += body.len();
        self.waiting.push_back(Waiting { at: here.at, frame: here.frame, dir: here.dir, kind, version, body: body.to_vec() });
    }

    /// Open what waits, in the order of arrival, as far as the secrets go.
    fn drain(&mut self, sink: &mut Sink<'_>) {
        while let Some(first) = self.waiting.pop_front() {
            let here = Here { at: first.at, frame: first.frame, dir: first.dir };
            let sealed = Sealed { kind: first.kind, version: first.version, body: &first.body };
            let pointless = self.keys.is_complete() && self.server.is_some();
            if !self.open(here, sealed, sink) && !pointless {
                self.waiting.push_front(first);
                return;
            }
            self.waiting_bytes -= first.body.len();
            self.keys.release(first.body.len());
        }
    }

    /// One protected record. False where its secrets are not there yet; a record that does not open although they are is passed over.
    fn open(&mut self, here: Here, sealed: Sealed<'_>, sink: &mut Sink<'_>) -> bool {
        let i = here.dir.index();
        if self.ways[i].opener.is_none() && !self.next_key(here.dir) {
            return false;
        }
        let mut plain = std::mem::take(&mut self.plain);
        let mut kind = None;
        while let Some(opener) = &mut self.ways[i].opener {
            kind = opener.open(sealed, &mut plain);
            if kind.is_some() || self.info.version != Some(0x0304) || !self.next_key(here.dir) {
                break;
            }
        }
        let known = kind.is_some() || !self.may_get_later_keys(here.dir);
        match kind {
            Some(kind) => self.opened(here, kind, &plain, sink),
            None if known => {
                if let Some(opener) = &mut self.ways[i].opener {
                    opener.skip();
                }
                let what = What::Oddity(Oddity::new(UNREADABLE, here.at, format!("record of {} bytes", sealed.body.len())));
                sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what });
                sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what: What::Gap(UNKNOWN_GAP) });
            }
            None => {}
        }
        self.plain = plain;
        known
    }

    fn opened(&mut self, here: Here, kind: u8, plain: &[u8], sink: &mut Sink<'_>) {
        match kind {
            content::APPLICATION_DATA => {
                self.info.reading = Reading::Open;
                if !plain.is_empty() {
                    let what = What::Data(plain);
                    sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what });
                }
            }
            content::HANDSHAKE => self.handshake(here, plain),
            content::CHANGE_CIPHER_SPEC => self.change_cipher(here.dir),
            content::ALERT if plain.get(1) == Some(&0) => self.end(here, End::CloseNotify, sink),
            _ => {}
        }
    }

    fn end(&mut self, here: Here, how: End, sink: &mut Sink<'_>) {
        let way = &mut self.ways[here.dir.index()];
        if how == End::CloseNotify {
            self.info.close_notify[here.dir.index()].get_or_insert(here.at);
        }
        if !std::mem::replace(&mut way.closed, true) || how == End::Reset {
            sink(ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what: What::End(how) });
        }
    }

    fn settle(&mut self) {
        if self.info.reading == Reading::Handshake {
            self.info.reading = match (self.client.is_some(), &self.server) {
                (false, _) => Reading::Joined,
                (_, Some(server)) if suite(server.suite).is_none() => Reading::Unsupported,
                (true, _) if !self.waiting.is_empty() || !self.keys.is_expected() => Reading::NoKeys,
                _ => Reading::Handshake,
            };
        }
    }

    /// Handshake messages, in clear or decrypted.
    fn handshake(&mut self, here: Here, bytes: &[u8]) {
        let way = &mut self.ways[here.dir.index()];
        if way.handshake.len() + bytes.len() > MAX_HANDSHAKE {
            way.handshake.clear();
            return;
        }
        way.handshake.extend_from_slice(bytes);
        let mut all = std::mem::take(&mut way.handshake);
        let mut at = 0;
        while let Some((kind, body)) = message(&all[at..]) {
            at += 4 + body.len();
            self.message(here.dir, kind, body);
        }
        all.drain(..at);
        self.ways[here.dir.index()].handshake = all;
    }

    fn message(&mut self, dir: Direction, kind: u8, body: &[u8]) {
        let tls13 = self.info.version == Some(0x0304);
        match kind {
            handshake::CLIENT_HELLO => self.client_hello(body),
            handshake::SERVER_HELLO => self.server_hello(body),
            handshake::ENCRYPTED_EXTENSIONS if tls13 => self.info.alpn = encrypted_extensions(body),
            handshake::END_OF_EARLY_DATA if tls13 => self.leave(dir, Epoch::Early),
            handshake::FINISHED if tls13 => self.leave(dir, Epoch::Handshake),
            handshake::KEY_UPDATE if tls13 => self.key_update(dir),
            _ => {}
        }
    }

    fn client_hello(&mut self, body: &[u8]) {
        // The second ClientHello after a retry has the same random; one of a renegotiation has a new one.
        let Some(hello) = ClientHello::parse(body) else { return };
        self.info.sni = hello.sni.clone().or(self.info.sni.take());
        self.info.offered.clone_from(&hello.alpn);
        self.client = Some(hello);
    }

    fn server_hello(&mut self, body: &[u8]) {
        let Some(hello) = ServerHello::parse(body) else { return };
        if hello.is_retry {
            return;
        }
        self.info.version = Some(hello.version);
        self.info.suite = Some(hello.suite);
        self.info.alpn = hello.alpn.clone().or(self.info.alpn.take());
        if hello.version == 0x0304 {
            self.ways[Direction::ToClient.index()].epoch = Epoch::Clear;
        }
        self.server = Some(hello);
    }
}

/// The first whole handshake message: type and body.
fn message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let head = bytes.first_chunk::<4>()?;
    let len = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    Some((head[0], bytes.get(4..4 + len)?))
}
