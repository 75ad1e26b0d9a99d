//! Threads that read clients, kept for the next ones: a new thread begins with memory that was never touched, and that
//! alone can take milliseconds.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Stack of a client's thread: parsers do not recurse deeply.
const STACK: usize = 512 << 10;
/// Threads that are there before anybody comes.
const READY: usize = 2;
/// So long a thread waits for its next client.
const IDLE: Duration = Duration::from_secs(30);

/// What is done for a client; the buffer is the thread's own, for what it reads.
type Work = dyn Fn(TcpStream, &mut [u8]) + Send + Sync;

/// Threads that serve clients, at least `READY` of them at the start.
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
    /// Threads without a client, and all.
    idle: usize,
    all: usize,
    over: bool,
}

impl ClientThreads {
    pub(super) fn new(work: Box<Work>) -> ClientThreads {
        let threads =
            ClientThreads { shared: Arc::new(Shared { work, state: Mutex::default(), changed: Condvar::new() }) };
        // Those that cannot be had now may be had later.
        (0..READY).for_each(|_| drop(threads.one_more()));
        threads
    }

    /// Clients that are served or wait for it.
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
        // Without a thread of its own the client waits until another has gone.
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
        // Written to, so that it is there when the first client comes.
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
