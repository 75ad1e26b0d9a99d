//! Which keys a direction uses, and when it changes them.

use super::open::Opener;
use super::session::{Epoch, Session, Wanted};
use super::suite::suite;
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
        way.wanted = suite(server.suite).filter(|_| server.version == 0x0303).map(|suite| Wanted {
            client_random,
            server_random,
            suite,
            encrypt_then_mac: server.encrypt_then_mac,
        });
        if way.wanted.is_none() {
            self.info.reading = Reading::Unsupported;
        }
    }

    /// The next key of a direction, if its secret is known: TLS 1.2 after a change of cipher, TLS 1.3 one epoch further.
    pub(super) fn next_key(&mut self, dir: Direction) -> bool {
        if let Some(wanted) = self.ways[dir.index()].wanted {
            let Some(master) = self.keys.find(&wanted.client_random, Label::Master) else { return false };
            let Some(keys) = wanted.suite.key_block(&master, &wanted.client_random, &wanted.server_random) else { return false };
            let way = &mut self.ways[dir.index()];
            way.opener = Opener::new(wanted.suite, &keys[dir.index()], false, wanted.encrypt_then_mac);
            way.wanted = None;
            return way.opener.is_some();
        }
        let now = self.ways[dir.index()].epoch;
        [Epoch::Early, Epoch::Handshake, Epoch::Application].into_iter().any(|epoch| epoch > now && self.enter(dir, epoch))
    }

    /// Later keys may still be learnt: the record at hand has to wait for them.
    pub(super) fn may_get_later_keys(&self, dir: Direction) -> bool {
        let Some(client) = &self.client else { return false };
        let label = label(dir, Epoch::Application);
        self.info.version == Some(0x0304)
            && self.ways[dir.index()].epoch < Epoch::Application
            && label.is_some_and(|l| self.keys.find(&client.random, l).is_none())
    }

    /// TLS 1.3: use the keys of this epoch.
    pub(super) fn enter(&mut self, dir: Direction, epoch: Epoch) -> bool {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return false };
        let Some(suite) = suite(server.suite).filter(|_| server.version == 0x0304) else { return false };
        let Some(secret) = label(dir, epoch).and_then(|l| self.keys.find(&client.random, l)) else { return false };
        let Some(opener) = suite.traffic_keys(&secret).and_then(|keys| Opener::new(suite, &keys, true, false)) else { return false };
        let way = &mut self.ways[dir.index()];
        way.opener = Some(opener);
        way.secret = secret;
        way.epoch = epoch;
        true
    }

    /// This epoch is over in this direction; the next record is of a later one.
    pub(super) fn leave(&mut self, dir: Direction, epoch: Epoch) {
        let way = &mut self.ways[dir.index()];
        if way.epoch <= epoch {
            way.epoch = epoch;
            way.opener = None;
        }
    }

    pub(super) fn key_update(&mut self, dir: Direction) {
        let Some(suite) = self.server.as_ref().and_then(|s| suite(s.suite)) else { return };
        let way = &mut self.ways[dir.index()];
        let Some(secret) = suite.next_secret(&way.secret) else { return };
        way.opener = suite.traffic_keys(&secret).and_then(|keys| Opener::new(suite, &keys, true, false));
        way.secret = secret;
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
