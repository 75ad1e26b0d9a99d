//! One TLS connection: handshake in clear, keys from the log, records opened in order.
//!
//! ```text
//! per direction, TLS 1.3:  Clear ──ServerHello──► Handshake ──Finished──► Application ──KeyUpdate──► Application'
//!                            └──(client) early data──► Early ──EndOfEarlyData──► Handshake
//! TLS 1.2:                 Clear ──ChangeCipherSpec──► Application ──ChangeCipherSpec (renegotiation)──► Application'
//! ```
//! A record that does not decrypt in the current epoch is tried in the later ones: 0-RTT may be refused, and
//! records may be lost.

use super::hello::{ClientHello, ServerHello, encrypted_extensions, handshake};
use super::here::Here;
use super::open::{Credit, Opener};
use super::record::{Reader, Step, content};
use super::sealed::Sealed;
use super::suite::{Suite, suite};
use super::version::Version;
use super::waiting::{Item, Queue};
use super::{Info, Keys, Reading, UNREADABLE};
use crate::conn::{ByteEvent, ConnId, Direction, End, UNKNOWN_GAP, What};
use crate::oddity::Oddity;

/// Handshake bytes that may be collected per direction (a chain of certificates may be long).
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
    /// Records were lost since the last one that decrypted: the next keys may have been used already.
    pub(super) lost: bool,
    /// Records were passed over before the first one that decrypted, for want of secrets.
    missed: bool,
    pub(super) credit: Credit,
    closed: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) client_random: [u8; 32],
    pub(super) server_random: [u8; 32],
    pub(super) suite: Suite,
    pub(super) version: Version,
    pub(super) encrypt_then_mac: bool,
}

/// One TLS connection.
pub struct Session {
    conn: ConnId,
    pub(super) keys: Keys,
    pub(super) client: Option<ClientHello>,
    pub(super) server: Option<ServerHello>,
    pub(super) ways: [Way; 2],
    waiting: Queue,
    pub(super) info: Info,
    plain: Vec<u8>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("info", &self.info)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Way {
    fn new() -> Way {
        let reader = Reader::default();
        let (secret, handshake, credit) = (Vec::new(), Vec::new(), Credit::default());
        Way {
            reader,
            epoch: Epoch::Clear,
            opener: None,
            secret,
            handshake,
            wanted: None,
            lost: false,
            missed: false,
            credit,
            closed: false,
        }
    }
}

impl Session {
    /// The state of a connection that speaks TLS.
    pub fn new(conn: ConnId, keys: Keys) -> Self {
        Session {
            conn,
            waiting: Queue::new(keys.clone()),
            keys,
            client: None,
            server: None,
            ways: [Way::new(), Way::new()],
            info: Info::default(),
            plain: Vec::new(),
        }
    }

    /// Bytes of memory in use, about.
    pub fn held(&self) -> usize {
        let ways = self.ways.iter().map(|way| way.reader.held() + way.handshake.capacity()).sum::<usize>();
        ways + self.waiting.held() + self.plain.capacity()
    }

    /// The facts known so far.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Process a byte event of the TLS layer; `sink` gets byte events of the plaintext.
    pub fn push(&mut self, event: &ByteEvent<'_>, sink: &mut Sink<'_>) {
        let here = Here { at: event.at, frame: event.frame, dir: event.dir };
        match &event.what {
            What::Data(bytes) => self.read(here, |reader, step| reader.push(bytes, step), sink),
            What::Gap(len) => self.read(here, |reader, step| reader.gap(*len, step), sink),
            What::End(how) => {
                self.drain(sink);
                self.in_turn(here, Item::End(*how), sink);
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
        match step {
            Step::Record(kind, version, body) => self.record(here, kind, version, body, sink),
            Step::Damaged(fragment) => self.in_turn(here, Item::Damaged(fragment), sink),
            Step::Lost => self.in_turn(here, Item::Lost, sink),
        }
    }

    /// Process an item that is not a record: after the records that wait, or at once.
    fn in_turn(&mut self, here: Here, item: Item, sink: &mut Sink<'_>) {
        if !self.waiting.is_empty() {
            self.waiting.push_or_lose(here, item);
            return;
        }
        self.at_once(here, item, sink);
    }

    fn at_once(&mut self, here: Here, item: Item, sink: &mut Sink<'_>) {
        let way = &mut self.ways[here.dir.index()];
        match item {
            Item::Record { .. } => {}
            Item::End(how) => self.end(here, how, sink),
            Item::Damaged(fragment) => {
                if let Some(opener) = &mut way.opener {
                    opener.damaged(fragment);
                    // The plaintext is shorter by the expansion, which the suite does not always fix: a wrong
                    // guess is worse than none.
                    if fragment > 0 {
                        sink(self.event(here, What::Gap(UNKNOWN_GAP)));
                    }
                }
            }
            Item::Lost => {
                way.handshake.clear();
                way.lost = true;
                if let Some(opener) = &mut way.opener {
                    opener.lose();
                    sink(self.event(here, What::Gap(UNKNOWN_GAP)));
                } else if way.epoch != Epoch::Clear || self.server.is_some() {
                    way.missed = true;
                }
            }
        }
    }

    fn event<'a>(&self, here: Here, what: What<'a>) -> ByteEvent<'a> {
        ByteEvent { at: here.at, frame: here.frame, conn: self.conn, dir: here.dir, what }
    }

    fn record(&mut self, here: Here, kind: u8, version: [u8; 2], body: &[u8], sink: &mut Sink<'_>) {
        let way = &self.ways[here.dir.index()];
        let tls13 = self.version().is_tls13();
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
            self.miss(here.dir);
            return;
        }
        // A ServerHello of this delivery may have brought what the waiting records lacked (0-RTT data comes
        // before it).
        self.drain(sink);
        if self.waiting.is_empty() && self.open(here, Sealed { kind, version, body }, sink) {
            return;
        }
        let body = body.to_vec();
        if self.is_pointless() || !self.waiting.push_or_lose(here, Item::Record { kind, version, body }) {
            self.miss(here.dir);
            return;
        }
        self.keys.want();
    }

    /// A record is passed over because its secrets are not known. If they come later, the numbers of the later
    /// records have to be found.
    fn miss(&mut self, dir: Direction) {
        self.info.reading = Reading::NoKeys;
        let way = &mut self.ways[dir.index()];
        if way.opener.is_none() {
            (way.lost, way.missed) = (true, true);
        }
    }

    /// Whether no secret can come that decrypts what does not decrypt now.
    fn is_pointless(&self) -> bool {
        self.keys.is_complete() && self.server.is_some()
    }

    /// Decrypt the waiting items in the order of arrival, as far as the secrets allow.
    fn drain(&mut self, sink: &mut Sink<'_>) {
        while let Some((here, item)) = self.waiting.pop() {
            match &item {
                Item::Record { kind, version, body } => {
                    let sealed = Sealed { kind: *kind, version: *version, body };
                    if !self.open(here, sealed, sink) && !self.is_pointless() {
                        self.waiting.put_back(here, item);
                        return;
                    }
                }
                _ => self.at_once(here, item, sink),
            }
        }
    }

    /// Decrypt one record. False if its secrets are not known yet. A record that does not decrypt with known
    /// secrets is skipped.
    fn open(&mut self, here: Here, sealed: Sealed<'_>, sink: &mut Sink<'_>) -> bool {
        let i = here.dir.index();
        if self.ways[i].opener.is_none() && !self.next_key(here.dir) {
            return false;
        }
        let mut plain = std::mem::take(&mut self.plain);
        let mut kind = None;
        while let Way { opener: Some(opener), credit, .. } = &mut self.ways[i] {
            kind = opener.open(sealed, credit, &mut plain);
            if kind.is_some() || !self.version().is_tls13() || !self.next_key(here.dir) {
                break;
            }
        }
        kind = kind.or_else(|| self.open_updated(here.dir, sealed, &mut plain));
        self.ways[i].lost &= kind.is_none();
        let known = kind.is_some() || !self.may_get_later_keys(here.dir);
        match kind {
            Some(kind) => self.opened(here, kind, &plain, sink),
            None if known => {
                if let Some(opener) = &mut self.ways[i].opener {
                    opener.skip(sealed);
                }
                let oddity = Oddity::new(UNREADABLE, here.at, format!("record of {} bytes", sealed.body.len()));
                sink(self.event(here, What::Oddity(oddity)));
                sink(self.event(here, What::Gap(UNKNOWN_GAP)));
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
                if std::mem::take(&mut self.ways[here.dir.index()].missed) {
                    self.say_missed(here, sink);
                }
                if !plain.is_empty() {
                    sink(self.event(here, What::Data(plain)));
                }
            }
            content::HANDSHAKE => self.handshake(here, plain),
            content::CHANGE_CIPHER_SPEC => self.change_cipher(here.dir),
            content::ALERT if plain.get(1) == Some(&0) => self.end(here, End::CloseNotify, sink),
            _ => {}
        }
    }

    /// The first record that decrypts after some that could not wait for their secrets.
    fn say_missed(&self, here: Here, sink: &mut Sink<'_>) {
        let found = "records before this one came before their secrets and were not kept; a capture file is searched \
            for later secrets, standard input cannot be";
        sink(self.event(here, What::Oddity(Oddity::new(UNREADABLE, here.at, found))));
        sink(self.event(here, What::Gap(UNKNOWN_GAP)));
    }

    fn end(&mut self, here: Here, how: End, sink: &mut Sink<'_>) {
        let way = &mut self.ways[here.dir.index()];
        if how == End::CloseNotify {
            self.info.close_notify[here.dir.index()].get_or_insert(here.at);
        }
        if !std::mem::replace(&mut way.closed, true) || how == End::Reset {
            sink(self.event(here, What::End(how)));
        }
    }

    /// The version agreed on.
    pub(super) fn version(&self) -> Version {
        Version(self.info.version.unwrap_or_default())
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
        let tls13 = self.version().is_tls13();
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
        self.info.ech = Some(hello.ech);
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
        if self.version().is_tls13() {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
