//! HTTP messages from bytes: `detect` tells what a connection speaks, `h1` reads HTTP/1.x, `event` is the vocabulary of both versions.

pub mod event;
mod h2;

use crate::conn::ByteEvent;
use event::HttpEvent;

/// What a connection speaks, as far as its bytes have told.
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
    /// For people and the store.
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

/// One connection: bytes in, HTTP events out. Finds out what is spoken and which end is the client.
#[derive(Debug, Default)]
pub struct Conn;

impl Conn {
    /// A connection; `joined` as in [`crate::conn::What::Open`].
    pub fn new(joined: bool) -> Self {
        let _ = joined;
        Conn
    }

    /// The next thing that happened to it. `Open` and `Closed` are allowed and `Closed` ends every open message.
    pub fn push(&mut self, event: &ByteEvent<'_>, sink: &mut dyn FnMut(HttpEvent<'_>)) {
        let _ = (event, sink);
    }

    /// What it speaks.
    pub fn speaks(&self) -> Speaks {
        Speaks::Unknown
    }

    /// The bytes showed that client and server are the other way round than the events say.
    pub fn flipped(&self) -> bool {
        false
    }
}
