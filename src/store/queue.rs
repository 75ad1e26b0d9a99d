//! A queue bounded by bytes, with one producer and one consumer that takes everything there is. The producer waits when it is full, the consumer for company.

use super::message::Message;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rows that make a batch worth a transaction at once.
///
/// Exchanges that run at once end up on the same pages of the tables: the more go in together, the fewer pages are written twice.
pub(super) const BATCH_ROWS: usize = 16 << 10;
/// How long the first message of a batch waits for company.
pub(super) const BATCH_WAIT: Duration = Duration::from_millis(250);
/// Bytes that may wait, unless told otherwise; as many again are being written.
const ROOM: usize = 16 << 20;

/// The queue between the pipeline and the writer thread.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes that may wait.
    room: usize,
    waiting: Vec<Message>,
    bytes: usize,
    rows: usize,
    /// The producer has nothing more to say.
    closed: bool,
    /// To be done once by the consumer.
    errand: Option<fn()>,
    /// The consumer is gone.
    dead: bool,
}

impl Default for State {
    fn default() -> Self {
        State { room: ROOM, waiting: Vec::new(), bytes: 0, rows: 0, closed: false, errand: None, dead: false }
    }
}

impl Queue {
    /// So many bytes may wait.
    pub(super) fn set_room(&self, bytes: usize) {
        self.lock().room = bytes;
        self.changed.notify_all();
    }

    /// The consumer does this once, on its own thread, before it takes more.
    pub(super) fn set_errand(&self, errand: fn()) {
        self.lock().errand = Some(errand);
    }

    /// Wait for room, put in. False: the consumer is gone.
    pub(super) fn push(&self, message: Message) -> bool {
        let (bytes, rows) = message.cost();
        let mut state = self.wait(self.lock(), |s| s.bytes >= s.room && !s.dead);
        if state.dead {
            return false;
        }
        let first = state.waiting.is_empty();
        state.bytes += bytes;
        state.rows += rows;
        state.waiting.push(message);
        if first || state.rows >= BATCH_ROWS || state.bytes >= state.room {
            self.changed.notify_all();
        }
        true
    }

    /// Everything that waits, once it is worth it; none when closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Message>> {
        let state = self.wait(self.lock(), |s| s.waiting.is_empty() && !s.closed);
        let lonely = |s: &mut State| s.rows < BATCH_ROWS && s.bytes < s.room && !s.closed;
        let waited = self.changed.wait_timeout_while(state, BATCH_WAIT, lonely);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.bytes, state.rows) = (0, 0);
        let all = std::mem::take(&mut state.waiting);
        let errand = state.errand.take();
        drop(state);
        self.changed.notify_all();
        if let Some(errand) = errand {
            errand();
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

    fn wait<'q>(&'q self, guard: MutexGuard<'q, State>, mut until_not: impl FnMut(&State) -> bool) -> MutexGuard<'q, State> {
        self.changed.wait_while(guard, |s| until_not(s)).unwrap_or_else(PoisonError::into_inner)
    }
}
