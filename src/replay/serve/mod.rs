//! Sockets: a thread per client reads, one thread writes to all of them when it is time. Everything that reads a
//! clock or owns a socket is here.

mod bodies;
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
use bodies::Room;
use client_threads::ClientThreads;
use pacer::Pacer;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Most clients at once; more wait in the kernel's queue.
const MAX_CLIENTS: usize = 4096;
/// How long the listener waits if the limit of clients is reached.
const FULL: Duration = Duration::from_millis(20);

/// The TLS of one connection, whatever the source of its certificate.
pub trait Seal: Send {
    /// Decrypts the client's bytes and appends the content to `plain`.
    ///
    /// # Errors
    /// The bytes are not valid TLS at this point.
    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> io::Result<()>;
    /// Encrypts bytes for the client.
    fn seal(&mut self, plain: &[u8]);
    /// Ends the connection's TLS (close_notify).
    fn close(&mut self);
    /// Appends what must be sent to `out`.
    fn take(&mut self, out: &mut Vec<u8>);
}

/// Makes the TLS of a new connection.
pub type NewSeal = Arc<dyn Fn() -> Box<dyn Seal> + Send + Sync>;

/// The observer of what happens.
pub type Tell = Box<dyn Fn(&Served<'_>) + Send + Sync>;

/// What happened, for the observer.
#[derive(Debug)]
pub enum Served<'a> {
    /// A recording answers a request.
    Answered {
        /// The request.
        asked: &'a Asked,
        /// Number of the exchange that answers.
        id: u64,
        /// Whether the request came over HTTP/2.
        h2: bool,
    },
    /// No recording answers a request.
    Unmatched {
        /// The request.
        asked: &'a Asked,
        /// The body of the 404 response.
        why: &'a str,
    },
    /// A connection could not be served, for this reason.
    Failed(&'a str),
}

/// Statistics of the service.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How late writes were.
    pub lateness: Lateness,
    /// Number of requests without a recording.
    pub unmatched: u64,
    /// Number of recorded units that the client's limits cut into smaller frames.
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
    /// What the bodies of all requests that are being received may take.
    room: Arc<Room>,
}

/// Opens a listener on the first of these addresses that is available. The kernel stamps input from its first byte
/// on, also before the client is accepted.
///
/// # Errors
/// None of the addresses is available.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addresses)?;
    socket::stamp_arrivals(&listener);
    Ok(listener)
}

/// A service that is running.
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
    /// Starts everything except the listening.
    ///
    /// # Errors
    /// A thread could not be started.
    pub fn start(book: Book, pace: Pace, seal: Option<NewSeal>, tell: Tell) -> Result<Service> {
        let (unmatched, cut) = Default::default();
        let room = Arc::new(Room::for_bodies_up_to(book.longest_body()));
        let (book, pacer) = (Mutex::new(book), Pacer::default());
        let shared = Arc::new(Shared { book, pace, pacer, seal, tell, unmatched, cut, room });
        let theirs = shared.clone();
        let pacer = std::thread::Builder::new()
            .name("pacer".into())
            .spawn(move || theirs.pacer.run())
            .context("cannot start the pacer")?;
        Ok(Service { shared, pacer })
    }

    /// Accepts clients from this listener (of [`bind`]) until `stop` is set.
    ///
    /// # Errors
    /// The listener failed.
    pub fn listen(&self, listener: &TcpListener, stop: &AtomicBool) -> Result<()> {
        listener.set_nonblocking(true)?;
        let shared = self.shared.clone();
        let threads = ClientThreads::new(Box::new(move |socket, buffer| {
            // A socket that was accepted by a non-blocking listener may be non-blocking itself.
            if socket.set_nonblocking(false).is_ok() {
                requests::serve(socket, buffer, &shared);
            }
        }));
        while !stop.load(Ordering::Relaxed) {
            if threads.clients() >= MAX_CLIENTS {
                std::thread::sleep(FULL);
            } else if readable(listener) {
                // If there is none, the client has closed, or no descriptors are available for the moment.
                listener.accept().into_iter().for_each(|(socket, _)| threads.serve(socket));
            }
        }
        Ok(())
    }

    /// The statistics so far.
    pub fn report(&self) -> Report {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Report {
            lateness: self.shared.pacer.lateness(),
            unmatched: count(&self.shared.unmatched),
            cut: count(&self.shared.cut),
        }
    }

    /// Stops writing. What was not sent is discarded.
    pub fn finish(self) -> Report {
        let report = self.report();
        self.shared.pacer.stop();
        let _ = self.pacer.join();
        report
    }
}

/// Waits up to a tenth of a second for a client, so that a stop is noticed.
fn readable(listener: &TcpListener) -> bool {
    let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the pointer is to one pollfd, and the count is one.
    unsafe { libc::poll(&raw mut poll, 1, 100) > 0 }
}
