//! A queue bounded by bytes, with one producer and one consumer that takes all messages. `push` blocks while the queue
//! is full;
//! `take` waits up to 250 ms for a batch.

use super::message::Message;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rows that make a batch worth a transaction at once.
///
/// Exchanges that run at once end up on the same pages of the tables: the more go in together, the fewer pages are
/// written twice.
pub(super) const BATCH_ROWS: usize = 16 << 10;
/// How long the first message of a batch waits for more.
pub(super) const BATCH_WAIT: Duration = Duration::from_millis(250);
/// Bytes that may wait, unless told otherwise; as many again are being written.
const CAPACITY: usize = 16 << 20;

/// The queue between the pipeline and the writer thread.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes that may wait.
    capacity: usize,
    waiting: Vec<Message>,
    bytes: usize,
    rows: usize,
    /// The producer has nothing more to say.
    closed: bool,
    /// To be done once by the consumer.
    on_thread_start: Option<fn()>,
    /// The consumer is gone.
    dead: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            capacity: CAPACITY,
            waiting: Vec::new(),
            bytes: 0,
            rows: 0,
            closed: false,
            on_thread_start: None,
            dead: false,
        }
    }
}

impl Queue {
    /// Bytes that may wait.
    pub(super) fn set_capacity(&self, bytes: usize) {
        self.lock().capacity = bytes;
        self.changed.notify_all();
    }

    /// The consumer does this once, on its own thread, before it takes more.
    pub(super) fn on_thread_start(&self, on_thread_start: fn()) {
        self.lock().on_thread_start = Some(on_thread_start);
    }

    /// Block while the queue is full, then put in. False: the consumer is gone.
    pub(super) fn push(&self, message: Message) -> bool {
        let (bytes, rows) = message.cost();
        let mut state = self.wait(self.lock(), |s| s.bytes >= s.capacity && !s.dead);
        if state.dead {
            return false;
        }
        let first = state.waiting.is_empty();
        state.bytes += bytes;
        state.rows += rows;
        state.waiting.push(message);
        if first || state.rows >= BATCH_ROWS || state.bytes >= state.capacity {
            self.changed.notify_all();
        }
        true
    }

    /// Everything that waits, once it is worth it; none when closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Message>> {
        let state = self.wait(self.lock(), |s| s.waiting.is_empty() && !s.closed);
        let is_small = |s: &mut State| s.rows < BATCH_ROWS && s.bytes < s.capacity && !s.closed;
        let waited = self.changed.wait_timeout_while(state, BATCH_WAIT, is_small);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.bytes, state.rows) = (0, 0);
        let all = std::mem::take(&mut state.waiting);
        let on_thread_start = state.on_thread_start.take();
        drop(state);
        self.changed.notify_all();
        if let Some(on_thread_start) = on_thread_start {
            on_thread_start();
        }
        (!all.is_empty()).then_some(all)
    }

    /// Nothing more will be put in.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Nothing more will be taken out.
    pub(super) fn die(&self) {
        let mut state = self.lock();
        state.dead = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves plain counters behind: nothing that could be half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(
        &'q self,
        guard: MutexGuard<'q, State>,
        mut until_not: impl FnMut(&State) -> bool,
    ) -> MutexGuard<'q, State> {
        self.changed.wait_while(guard, |s| until_not(s)).unwrap_or_else(PoisonError::into_inner)
    }
}
