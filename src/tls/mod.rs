//! TLS seen from outside: with the secrets of a key log the plaintext, without them the names that stand in clear (RFC 8446, RFC 5246).
//!
//! `Session` takes the bytes of one connection and gives the same waist again: [`ByteEvent`]s of the plaintext, each dated by the packet that
//! completed its record.

mod cipher;
mod derive;
mod epochs;
mod hello;
mod here;
mod keylog;
#[cfg_attr(not(feature = "legacy-tls"), path = "legacy/absent.rs")]
mod legacy;
mod open;
mod record;
mod sealed;
mod session;
mod suite;
mod version;
mod waiting;

pub use keylog::{KeyLog, Label};
pub use session::Session;

use crate::oddity::Kind;
use crate::time::Timestamp;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock};

/// A record did not open under the keys at hand.
pub const UNREADABLE: Kind = Kind("tls.record-unreadable");

/// The key log of a session, shared by all its connections and added to while it runs.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: RwLock<KeyLog>,
    /// Secrets may come: connections whose secrets are not there yet wait for them, within bounds.
    expected: AtomicBool,
    /// No more will come.
    complete: AtomicBool,
    /// A record has begun to wait since somebody asked.
    wanted: AtomicBool,
    /// Protected bytes that wait, all connections together.
    waiting: AtomicUsize,
}

/// Bound of [`Shared::waiting`].
const MAX_WAITING: usize = 64 << 20;

impl Keys {
    /// Secrets will come, perhaps later than the records that they open.
    pub fn expect(&self) {
        self.0.expected.store(true, Relaxed);
    }

    /// More of a key log.
    pub fn push(&self, bytes: &[u8]) {
        self.expect();
        self.write(|log| log.push(bytes));
    }

    /// No more secrets will come: nothing waits for them any longer.
    pub fn finish(&self) {
        self.write(KeyLog::finish);
        self.0.complete.store(true, Relaxed);
    }

    /// Number of secrets known.
    pub fn len(&self) -> usize {
        self.read(KeyLog::len)
    }

    /// No secret is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records began to wait for secrets since the last call: the moment to look whether the key log has grown.
    pub fn take_wanted(&self) -> bool {
        self.0.wanted.swap(false, Relaxed)
    }

    fn want(&self) {
        self.0.wanted.store(true, Relaxed);
    }

    fn is_expected(&self) -> bool {
        self.0.expected.load(Relaxed)
    }

    fn is_complete(&self) -> bool {
        self.0.complete.load(Relaxed)
    }

    /// Room for so many protected bytes that wait. What was taken is given back with [`Keys::release`].
    fn reserve(&self, bytes: usize) -> bool {
        let fits = |have: usize| have.checked_add(bytes).filter(|sum| *sum <= MAX_WAITING);
        self.0.waiting.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.0.waiting.fetch_sub(bytes, Relaxed);
    }

    fn find(&self, client_random: &[u8; 32], label: Label) -> Option<Vec<u8>> {
        self.read(|log| log.find(client_random, label).map(<[u8]>::to_vec))
    }

    // A poisoned lock holds secrets as good as any: nothing in here leaves them half written.
    fn read<T>(&self, f: impl FnOnce(&KeyLog) -> T) -> T {
        f(&self.0.log.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, f: impl FnOnce(&mut KeyLog)) {
        f(&mut self.0.log.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What is known of a TLS connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// Server name asked for.
    pub sni: Option<String>,
    /// Protocols offered by the client.
    pub offered: Vec<String>,
    /// Protocol agreed on; in TLS 1.3 known only with keys.
    pub alpn: Option<String>,
    /// Version agreed on, `0x0304` for TLS 1.3.
    pub version: Option<u16>,
    /// Cipher suite number.
    pub suite: Option<u16>,
    /// How far the content could be read.
    pub reading: Reading,
    /// When each direction said close_notify, index by direction.
    pub close_notify: [Option<Timestamp>; 2],
}

impl From<&crate::conn::TlsFacts> for Info {
    /// Opened by the door.
    fn from(f: &crate::conn::TlsFacts) -> Self {
        Info { sni: f.sni.clone(), alpn: f.alpn.clone(), version: f.version, suite: f.suite, reading: Reading::Open, ..Info::default() }
    }
}

/// How far the content of a TLS connection could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The handshake is not over.
    #[default]
    Handshake,
    /// Plaintext came out.
    Open,
    /// No secrets for this connection.
    NoKeys,
    /// Its beginning was not captured, so its secrets can't be found.
    Joined,
    /// The cipher suite or version is not read.
    Unsupported,
}
