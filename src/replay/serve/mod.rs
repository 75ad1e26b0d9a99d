//! Sockets: a thread reads each client, one thread writes to all of them when it is time. Everything that reads a clock
//! or owns a socket is here.

mod clock;
mod client_threads;
mod link;
mod pacer;
pub mod probe;
mod requests;
mod socket;
#[cfg(feature = "proxy")]
pub mod tls;
mod wakeup;

pub use clock::Lateness;

use super::matching::{Asked, Book};
use super::pace::Pace;
use anyhow::{Context, Result};
use client_threads::ClientThreads;
use pacer::Pacer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Clients at once; more wait in the kernel's queue.
const MAX_CLIENTS: usize = 4096;
/// How long a listener waits when the limit of connections is reached.
const FULL: Duration = Duration::from_millis(20);

/// The TLS of one connection, with either certificate source.
pub trait Seal: Send {
    /// The client's bytes; what they hold is appended to `plain`.
    ///
    /// # Errors
    /// They are not what TLS allows here.
    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> io::Result<()>;
    /// Bytes for the client.
    fn seal(&mut self, plain: &[u8]);
    /// Nothing more comes.
    fn close(&mut self);
    /// What is to be sent is appended to `out`.
    fn take(&mut self, out: &mut Vec<u8>);
}

/// Makes the sealing of a new connection.
pub type NewSeal = Arc<dyn Fn() -> Box<dyn Seal> + Send + Sync>;

/// The observer.
pub type Tell = Box<dyn Fn(&Served<'_>) + Send + Sync>;

/// What happened, for the observer.
#[derive(Debug)]
pub enum Served<'a> {
    /// A request has its recording.
    Answered {
        /// The request.
        asked: &'a Asked,
        /// The exchange that answers.
        id: u64,
        /// Over HTTP/2.
        h2: bool,
    },
    /// A request has none.
    Unmatched {
        /// The request.
        asked: &'a Asked,
        /// The body of the 404.
        why: &'a str,
    },
    /// A connection that could not be served, and why.
    Failed(&'a str),
}

/// How the service went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How late writes were.
    pub lateness: Lateness,
    /// Requests without a recording.
    pub unmatched: u64,
    /// Recorded units that the client's limits made smaller frames of.
    pub cut: u64,
}

/// What all connections share.
struct Shared {
    book: Mutex<Book>,
    pace: Pace,
    pacer: Pacer,
    seal: Option<NewSeal>,
    tell: Tell,
    unmatched: AtomicU64,
    cut: AtomicU64,
}

/// A listener on the first of these addresses that can be had. What comes in is stamped from its first byte on, also
/// before anybody serves it.
///
/// # Errors
/// None of them can be had.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addresses)?;
    socket::stamp_arrivals(&listener);
    Ok(listener)
}

/// A service under way.
pub struct Service {
    shared: Arc<Shared>,
    pacer: std::thread::JoinHandle<()>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// Everything but the listening.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(book: Book, pace: Pace, seal: Option<NewSeal>, tell: Tell) -> Result<Service> {
        let (unmatched, cut) = Default::default();
        let shared =
            Arc::new(Shared { book: Mutex::new(book), pace, pacer: Pacer::default(), seal, tell, unmatched, cut });
        let theirs = shared.clone();
        let pacer = std::thread::Builder::new()
            .name("pacer".into())
            .spawn(move || theirs.pacer.run())
            .context("cannot start the pacer")?;
        Ok(Service { shared, pacer })
    }

    /// Take clients from this listener (of [`bind`]) until `stop` is set.
    ///
    /// # Errors
    /// The listener broke.
    pub fn listen(&self, listener: &TcpListener, stop: &AtomicBool) -> Result<()> {
        listener.set_nonblocking(true)?;
        let shared = self.shared.clone();
        let threads = ClientThreads::new(Box::new(move |socket, buffer| {
            // A socket from a listener that never waits may not wait either.
            if socket.set_nonblocking(false).is_ok() {
                requests::serve(socket, buffer, &shared);
            }
        }));
        while !stop.load(Ordering::Relaxed) {
            if threads.clients() >= MAX_CLIENTS {
                std::thread::sleep(FULL);
            } else if readable(listener) {
                // Where there is none, the client has gone again, or descriptors are short for the moment.
                listener.accept().into_iter().for_each(|(socket, _)| threads.serve(socket));
            }
        }
        Ok(())
    }

    /// How it went so far.
    pub fn report(&self) -> Report {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Report {
            lateness: self.shared.pacer.lateness(),
            unmatched: count(&self.shared.unmatched),
            cut: count(&self.shared.cut),
        }
    }

    /// Stop writing. What was not sent is not sent.
    pub fn finish(self) -> Report {
        let report = self.report();
        self.shared.pacer.stop();
        let _ = self.pacer.join();
        report
    }
}

/// Waits a tenth of a second for a client, so that a stop is noticed.
fn readable(listener: &TcpListener) -> bool {
    let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, and the count says so.
    unsafe { libc::poll(&raw mut poll, 1, 100) > 0 }
}
