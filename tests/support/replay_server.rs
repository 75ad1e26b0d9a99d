//! Recordings as a server on this machine, until it is dropped.

use sniff::exchange::Exchange;
use sniff::internal::replay::matching::{Asked, Repeat};
use sniff::internal::replay::serve::{NewSeal, Service};
use sniff::internal::replay::{Book, MatchBy, Pace, Script};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server of exchanges, which stops when it is dropped.
pub struct Replay {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Replay {
    /// They answer in order, each once, as fast as possible.
    pub fn of<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Replay {
        let mut book = Book::new(MatchBy::Sequence, Repeat::Once, Vec::new());
        for exchange in exchanges {
            book.add(Asked::default(), Script::new(exchange, false).unwrap_or_else(|e| panic!("{e}")));
        }
        Replay::start(book, Pace { speed: f64::INFINITY, ..Pace::default() })
    }

    pub fn start(book: Book, pace: Pace) -> Replay {
        Replay::sealed(book, pace, None)
    }

    pub fn sealed(book: Book, pace: Pace, seal: Option<NewSeal>) -> Replay {
        let listener = sniff::internal::replay::serve::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let service = Service::start(book, pace, seal, Box::new(|_| ())).unwrap();
        let thread = std::thread::spawn(move || {
            service.listen(&listener, &theirs).unwrap();
            service.finish();
        });
        Replay { address, stop, thread: Some(thread) }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more connection, so that the server notices the stop at once.
        drop(TcpStream::connect(self.address));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
