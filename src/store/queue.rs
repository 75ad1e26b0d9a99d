//! A queue bounded by bytes, with one producer and one consumer that takes all messages. `push` blocks while the
//! queue is full; `take` waits up to 250 ms for a batch, and returns once a second when nothing comes.

use super::message::Message;
use crate::budget::Budget;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Number of rows for which a transaction starts at once.
///
/// Exchanges that run at the same time share pages of the tables: the more rows one transaction has, the fewer
/// pages are written twice.
pub(super) const BATCH_ROWS: usize = 16 << 10;
/// How long the first message of a batch waits for more.
pub(super) const BATCH_WAIT: Duration = Duration::from_millis(250);
/// How long the consumer waits for a first message before it gets [`Taken::Nothing`].
const IDLE: Duration = Duration::from_secs(1);
/// Default of the bytes that may wait; the same amount again may be in the transaction that is being written.
const CAPACITY: usize = 16 << 20;

/// What the consumer gets.
#[derive(Debug)]
pub(super) enum Taken {
    /// Messages for one transaction.
    Messages(Vec<Message>),
    /// No message came for a second.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

/// The queue between the pipeline and the writer thread.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Most bytes that may wait.
    capacity: usize,
    waiting: Vec<Message>,
    bytes: usize,
    rows: usize,
    /// Bytes of the messages that the consumer took last and may still hold.
    taken: usize,
    /// What waits, and what was taken last, counts here.
    budget: Option<Budget>,
    /// The producer will send no more messages.
    closed: bool,
    /// Function that the consumer calls once.
    on_thread_start: Option<Box<dyn FnOnce() + Send>>,
    /// The consumer has ended.
    dead: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Default for State {
    fn default() -> Self {
        State {
            capacity: CAPACITY,
            waiting: Vec::new(),
            bytes: 0,
            rows: 0,
            taken: 0,
            budget: None,
            closed: false,
            on_thread_start: None,
            dead: false,
        }
    }
}

impl State {
    fn forget_taken(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if let Some(budget) = &self.budget {
            budget.done(taken);
        }
    }
}

impl Queue {
    /// Sets the most bytes that may wait, and where they count.
    pub(super) fn set_capacity(&self, bytes: usize, budget: Budget) {
        let mut state = self.lock();
        budget.queue(state.bytes + state.taken);
        (state.capacity, state.budget) = (bytes, Some(budget));
        drop(state);
        self.changed.notify_all();
    }

    /// Has the consumer call this function once, on its own thread, before it takes the next messages.
    pub(super) fn on_thread_start(&self, on_thread_start: Box<dyn FnOnce() + Send>) {
        self.lock().on_thread_start = Some(on_thread_start);
        self.changed.notify_all();
    }

    /// Blocks while the queue is full, then adds the message. Returns false if the consumer has ended.
    pub(super) fn push(&self, message: Message) -> bool {
        let (bytes, rows) = message.cost();
        // A message may be larger than the capacity: what is being written counts too.
        let full = |s: &State| s.bytes >= s.capacity || s.bytes + s.taken >= 2 * s.capacity;
        let mut state = self.wait(self.lock(), |s| s.bytes + s.taken > 0 && full(s) && !s.dead);
        if state.dead {
            return false;
        }
        let first = state.waiting.is_empty();
        if let Some(budget) = &state.budget {
            budget.queue(bytes);
        }
        state.bytes += bytes;
        state.rows += rows;
        state.waiting.push(message);
        if first || state.rows >= BATCH_ROWS || state.bytes >= state.capacity {
            self.changed.notify_all();
        }
        true
    }

    /// Whether the consumer has ended.
    pub(super) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Blocks until a batch is worth a transaction, then returns all waiting messages. Those that were taken before are
    /// gone by now.
    pub(super) fn take(&self) -> Taken {
        self.lock().forget_taken();
        self.changed.notify_all();
        let waits = |s: &mut State| s.waiting.is_empty() && !s.closed && s.on_thread_start.is_none();
        let first = |state| self.changed.wait_timeout_while(state, IDLE, waits).unwrap_or_else(PoisonError::into_inner);
        let (mut state, mut waited) = first(self.lock());
        while let Some(on_thread_start) = state.on_thread_start.take() {
            drop(state);
            on_thread_start();
            (state, waited) = first(self.lock());
        }
        if waited.timed_out() {
            return Taken::Nothing;
        }
        let is_small = |s: &mut State| s.rows < BATCH_ROWS && s.bytes < s.capacity && !s.closed;
        let waited = self.changed.wait_timeout_while(state, BATCH_WAIT, is_small);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.taken, state.bytes, state.rows) = (state.bytes, 0, 0);
        let all = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        // Something came, or the queue was closed.
        if all.is_empty() { Taken::Closed } else { Taken::Messages(all) }
    }

    /// The producer will send no more messages.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The consumer will take no more messages.
    pub(super) fn die(&self) {
        let mut state = self.lock();
        state.dead = true;
        state.waiting.clear();
        state.forget_taken();
        state.taken = std::mem::take(&mut state.bytes);
        state.forget_taken();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves only counters, none of them half-written.
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
