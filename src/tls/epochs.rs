//! Which keys a direction uses, and when it changes them.

use super::open::Opener;
use super::sealed::Sealed;
use super::session::{Epoch, Session, Wanted, Way};
use super::suite::suite;
use super::version::Version;
use super::{Label, Reading};
use crate::conn::Direction;

impl Session {
    /// TLS 1.2: from here on this direction is protected with the keys of the handshake just done.
    pub(super) fn change_cipher(&mut self, dir: Direction) {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return };
        let (client_random, server_random) = (client.random, server.random);
        let way = &mut self.ways[dir.index()];
        way.epoch = Epoch::Application;
        way.opener = None;
        way.handshake.clear();
        let version = Version(server.version);
        way.wanted = suite(server.suite).filter(|_| version.is_before_tls13()).map(|suite| Wanted {
            client_random,
            server_random,
            suite,
            version,
            encrypt_then_mac: server.encrypt_then_mac,
        });
        if way.wanted.is_none() {
            self.info.reading = Reading::Unsupported;
        }
    }

    /// The next key of a direction, if its secret is known: TLS 1.2 after a change of cipher, TLS 1.3 one
    /// epoch further.
    pub(super) fn next_key(&mut self, dir: Direction) -> bool {
        if let Some(wanted) = self.ways[dir.index()].wanted {
            let Some(master) = self.keys.find(&wanted.client_random, Label::Master) else { return false };
            let Wanted { client_random, server_random, suite, version, encrypt_then_mac } = wanted;
            let Some(keys) = suite.key_block(version, &master, &client_random, &server_random) else { return false };
            let way = &mut self.ways[dir.index()];
            way.take(Opener::new(suite, &keys[dir.index()], version, encrypt_then_mac));
            way.wanted = None;
            return way.opener.is_some();
        }
        let now = self.ways[dir.index()].epoch;
        [Epoch::Early, Epoch::Handshake, Epoch::Application]
            .into_iter()
            .any(|epoch| epoch > now && self.enter(dir, epoch))
    }

    /// Whether later keys may still come, so that the current record has to wait for them.
    pub(super) fn may_get_later_keys(&self, dir: Direction) -> bool {
        let Some(client) = &self.client else { return false };
        let label = label(dir, Epoch::Application);
        self.version().is_tls13()
            && self.ways[dir.index()].epoch < Epoch::Application
            && label.is_some_and(|l| self.keys.find(&client.random, l).is_none())
    }

    /// TLS 1.3: use the keys of this epoch.
    pub(super) fn enter(&mut self, dir: Direction, epoch: Epoch) -> bool {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return false };
        let version = Version(server.version);
        let Some(suite) = suite(server.suite).filter(|_| version.is_tls13()) else { return false };
        let Some(secret) = label(dir, epoch).and_then(|l| self.keys.find(&client.random, l)) else { return false };
        let Some(opener) = suite.traffic_keys(&secret).and_then(|keys| Opener::new(suite, &keys, version, false))
        else {
            return false;
        };
        let way = &mut self.ways[dir.index()];
        way.take(Some(opener));
        way.secret = secret;
        way.epoch = epoch;
        true
    }

    /// End this epoch in this direction; the next record belongs to a later one.
    pub(super) fn leave(&mut self, dir: Direction, epoch: Epoch) {
        let way = &mut self.ways[dir.index()];
        if way.epoch <= epoch {
            way.epoch = epoch;
            way.opener = None;
        }
    }

    pub(super) fn key_update(&mut self, dir: Direction) {
        if let Some((opener, secret)) = self.updated(dir) {
            let way = &mut self.ways[dir.index()];
            way.opener = Some(opener);
            way.secret = secret;
        }
    }

    /// Decrypt a record after a loss that hid a KeyUpdate: try the next keys and, if they fit, use them from
    /// now on.
    pub(super) fn open_updated(&mut self, dir: Direction, sealed: Sealed<'_>, plain: &mut Vec<u8>) -> Option<u8> {
        let way = &self.ways[dir.index()];
        if !way.lost || way.epoch != Epoch::Application {
            return None;
        }
        let (mut opener, secret) = self.updated(dir)?;
        opener.lose();
        let way = &mut self.ways[dir.index()];
        let kind = opener.open(sealed, &mut way.credit, plain)?;
        way.opener = Some(opener);
        way.secret = secret;
        Some(kind)
    }

    /// Keys and secret after a KeyUpdate.
    fn updated(&self, dir: Direction) -> Option<(Opener, Vec<u8>)> {
        let suite = self.server.as_ref().and_then(|s| suite(s.suite)).filter(|_| self.version().is_tls13())?;
        let secret = suite.next_secret(&self.ways[dir.index()].secret)?;
        let opener = suite.traffic_keys(&secret).and_then(|keys| Opener::new(suite, &keys, self.version(), false))?;
        Some((opener, secret))
    }
}

impl Way {
    /// Use new keys. Some of the lost records, if any, may have used them.
    fn take(&mut self, opener: Option<Opener>) {
        self.opener = opener;
        if let (true, Some(opener)) = (self.lost, &mut self.opener) {
            opener.lose();
        }
    }
}

fn label(dir: Direction, epoch: Epoch) -> Option<Label> {
    Some(match (dir, epoch) {
        (Direction::ToServer, Epoch::Early) => Label::ClientEarly,
        (Direction::ToServer, Epoch::Handshake) => Label::ClientHandshake,
        (Direction::ToClient, Epoch::Handshake) => Label::ServerHandshake,
        (Direction::ToServer, Epoch::Application) => Label::ClientApplication,
        (Direction::ToClient, Epoch::Application) => Label::ServerApplication,
        _ => return None,
    })
}
