//! TLS as a passive reader sees it: with the secrets of a key log the plaintext, without them the names that
//! are sent in clear (RFC 8446, RFC 5246).
//!
//! `Session` takes the byte events of one connection and gives byte events of the plaintext
//! ([`ByteEvent`](crate::conn::ByteEvent)), each with the time of the packet that completed its record.

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

pub(crate) use hello::ClientHello;
pub use keylog::{KeyLog, Label};
pub use session::Session;

use crate::oddity::Kind;
use crate::time::Timestamp;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock};

/// A record could not be decrypted with the known keys.
pub const UNREADABLE: Kind = Kind("tls.record-unreadable");

/// The key log of a session. All connections share it, and it grows while the session runs.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: RwLock<KeyLog>,
    /// Secrets may come: connections without secrets wait for them, within limits.
    expected: AtomicBool,
    /// No more secrets will come.
    complete: AtomicBool,
    /// A record has begun to wait since the last [`Keys::take_wanted`].
    wanted: AtomicBool,
    /// Protected bytes that wait, all connections together.
    waiting: AtomicUsize,
}

/// Limit of [`Shared::waiting`] in bytes.
const MAX_WAITING: usize = 64 << 20;

impl Keys {
    /// Announce that secrets will come, perhaps later than the records that they decrypt.
    pub fn expect(&self) {
        self.0.expected.store(true, Relaxed);
    }

    /// Add bytes of a key log.
    pub fn push(&self, bytes: &[u8]) {
        self.expect();
        self.write(|log| log.push(bytes));
    }

    /// Add a whole block of key log lines. Its last line may lack its end.
    pub fn push_block(&self, bytes: &[u8]) {
        self.expect();
        self.write(|log| {
            log.push(bytes);
            log.finish();
        });
    }

    /// Announce that no more secrets will come, so that no record waits any longer.
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

    /// Whether records began to wait for secrets since the last call. If so, read the key log again.
    pub fn take_wanted(&self) -> bool {
        // The usual answer costs a plain load.
        self.0.wanted.load(Relaxed) && self.0.wanted.swap(false, Relaxed)
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

    /// Reserve room for this many waiting bytes; false if there is none. [`Keys::release`] returns it.
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

    // A poisoned lock still holds valid secrets: no code in here leaves them half written.
    fn read<T>(&self, f: impl FnOnce(&KeyLog) -> T) -> T {
        f(&self.0.log.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, f: impl FnOnce(&mut KeyLog)) {
        f(&mut self.0.log.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Facts of a TLS connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// Server name that the client asked for.
    pub sni: Option<String>,
    /// Whether its ClientHello has encrypted_client_hello (RFC 9849): then `sni` may be the outer name, which several
    /// servers share. A client that greases has the same extension. `None` if no hello was seen.
    pub ech: Option<bool>,
    /// Protocols offered by the client.
    pub offered: Vec<String>,
    /// Protocol agreed on; in TLS 1.3 known only with keys.
    pub alpn: Option<String>,
    /// Version agreed on, `0x0304` for TLS 1.3.
    pub version: Option<u16>,
    /// Cipher suite number.
    pub suite: Option<u16>,
    /// How far the content could be decrypted.
    pub reading: Reading,
    /// Time of each direction's close_notify, indexed by direction.
    pub close_notify: [Option<Timestamp>; 2],
}

impl From<&crate::conn::TlsFacts> for Info {
    /// The door decrypted it.
    fn from(f: &crate::conn::TlsFacts) -> Self {
        Info {
            sni: f.sni.clone(),
            alpn: f.alpn.clone(),
            version: f.version,
            suite: f.suite,
            reading: Reading::Open,
            ..Info::default()
        }
    }
}

/// How far the content of a TLS connection could be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The handshake is not over.
    #[default]
    Handshake,
    /// Content was decrypted.
    Open,
    /// No secrets for this connection.
    NoKeys,
    /// Its beginning was not captured, so its secrets cannot be found.
    Joined,
    /// The cipher suite or version is unsupported.
    Unsupported,
}
