//! Threads that read clients, kept for the next clients: a new thread starts with untouched memory, which alone can
//! cost milliseconds.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Stack size of a client's thread: parsers do not recurse deeply.
const STACK: usize = 512 << 10;
/// Threads that are started before the first client.
const READY: usize = 2;
/// How long a thread waits for its next client before it ends.
const IDLE: Duration = Duration::from_secs(30);

/// Serves one client; the buffer belongs to the thread and holds what it reads.
type Work = dyn Fn(TcpStream, &mut [u8]) + Send + Sync;

/// Threads that serve clients. At least `READY` of them are started at the beginning.
pub(super) struct ClientThreads {
    shared: Arc<Shared>,
}

struct Shared {
    work: Box<Work>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<TcpStream>,
    /// Number of threads without a client; number of all threads.
    idle: usize,
    all: usize,
    over: bool,
}

impl ClientThreads {
    pub(super) fn new(work: Box<Work>) -> ClientThreads {
        let threads =
            ClientThreads { shared: Arc::new(Shared { work, state: Mutex::default(), changed: Condvar::new() }) };
        // Threads that cannot be started now may be started later.
        (0..READY).for_each(|_| drop(threads.one_more()));
        threads
    }

    /// Number of clients that are served or wait for a thread.
    pub(super) fn clients(&self) -> usize {
        let state = self.shared.lock();
        state.all - state.idle + state.waiting.len()
    }

    pub(super) fn serve(&self, socket: TcpStream) {
        let mut state = self.shared.lock();
        state.waiting.push_back(socket);
        let short = state.waiting.len() > state.idle;
        drop(state);
        self.shared.changed.notify_one();
        // Without a thread the client waits until another client has gone.
        if short && self.one_more().is_err() && self.shared.lock().all == 0 {
            self.shared.lock().waiting.clear();
        }
    }

    fn one_more(&self) -> io::Result<()> {
        let shared = self.shared.clone();
        shared.lock().all += 1;
        let started = std::thread::Builder::new().name("client".into()).stack_size(STACK).spawn(move || shared.run());
        if started.is_err() {
            self.shared.lock().all -= 1;
        }
        started.map(drop)
    }
}

impl Drop for ClientThreads {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        // The buffer is written to, so that its memory exists when the first client comes.
        let mut buffer = vec![1; 64 << 10];
        loop {
            let mut state = self.lock();
            state.idle += 1;
            let waits = |s: &mut State| s.waiting.is_empty() && !s.over;
            state = self.changed.wait_timeout_while(state, IDLE, waits).unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
            let Some(socket) = state.waiting.pop_front() else {
                state.all -= 1;
                return;
            };
            drop(state);
            (self.work)(socket, &mut buffer);
        }
    }
}
