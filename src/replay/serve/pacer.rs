//! One thread that writes when it is time: it sleeps during long gaps and spins for the last moment.

use super::clock::{self, Lateness};
use super::link::{Link, Next};
use super::wakeup::WakeupLatency;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::Thread;
use std::time::Duration;

/// Time after which a connection is visited again whose reading thread holds its lock, ns.
const BUSY: i64 = 30_000;
/// The shortest sleep, ns: to fall asleep and to wake up takes about as long.
const NAP: i64 = 60_000;

/// A call that takes longer than this was interrupted, ns.
const LONG_CALL: i64 = 100_000;

/// Connections by the time of their next write. The thread owns the queue; others use the inbox, so that no lock of
/// a preempted thread delays the writes of others.
#[derive(Default)]
pub(super) struct Pacer {
    inbox: Mutex<Inbox>,
    /// Something is in the inbox.
    news: AtomicBool,
    stop: AtomicBool,
    /// Lateness of the thread's own writes, and of those that reading threads made.
    paced: Mutex<Lateness>,
    at_once: Mutex<Lateness>,
}

#[derive(Default)]
struct Inbox {
    due: Vec<Due>,
    /// The thread to wake when something is put into the inbox.
    thread: Option<Thread>,
}

struct Due {
    at: i64,
    link: Arc<Link>,
}

impl Pacer {
    /// Plans a write of this connection at this time.
    pub(super) fn at(&self, at: i64, link: &Arc<Link>) {
        if !link.wants(at) {
            return;
        }
        let mut inbox = lock(&self.inbox);
        inbox.due.push(Due { at, link: link.clone() });
        let thread = inbox.thread.clone();
        drop(inbox);
        self.news.store(true, Ordering::Release);
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    /// The same when a reading thread calls: it writes at once what is due already, without waiting for the pacer
    /// to wake up.
    pub(super) fn now_or_at(&self, at: i64, link: &Arc<Link>) {
        let at = if at <= clock::now() { self.advance(link, &self.at_once, &mut |_| ()) } else { Some(at) };
        at.into_iter().for_each(|at| self.at(at, link));
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = lock(&self.inbox).thread.clone() {
            thread.unpark();
        }
    }

    pub(super) fn lateness(&self) -> Lateness {
        let mut all = lock(&self.paced).clone();
        all.merge(&lock(&self.at_once));
        all
    }

    /// The work of the thread until it is stopped.
    pub(super) fn run(&self) {
        clock::precise();
        lock(&self.inbox).thread = Some(std::thread::current());
        let mut heap: BinaryHeap<Due> = BinaryHeap::new();
        let mut wakeups = WakeupLatency::default();
        let mut takes = 0;
        while !self.stop.load(Ordering::Acquire) {
            self.news.store(false, Ordering::Release);
            match self.inbox.try_lock() {
                Ok(mut inbox) => heap.extend(inbox.due.drain(..)),
                Err(TryLockError::Poisoned(inbox)) => heap.extend(inbox.into_inner().due.drain(..)),
                // The holder of the lock wakes this thread afterwards.
                Err(TryLockError::WouldBlock) => {}
            }
            let Some(next) = heap.peek() else {
                std::thread::park();
                continue;
            };
            let left = next.at.saturating_sub(clock::now());
            if let Some(nap) = wakeups.nap(left).filter(|nap| *nap >= NAP) {
                let before = clock::now();
                std::thread::park_timeout(Duration::from_nanos(nap as u64));
                let slept = clock::now() - before;
                // A sleep that was interrupted early does not show how late it would have ended.
                if slept >= nap {
                    wakeups.slept(nap, slept - nap);
                }
                continue;
            }
            if let Some(due) = heap.pop() {
                self.write(due, &mut heap, &mut takes);
            }
        }
    }

    /// Writes what is due on this connection. `takes`: how long the system's call took lately, ns. The packet
    /// leaves at some moment of the call, so the call starts half of that earlier, which halves the largest error.
    fn write(&self, due: Due, heap: &mut BinaryHeap<Due>, takes: &mut i64) {
        let Due { at, link } = due;
        // It was planned again for an earlier time.
        if !link.comes(at) {
            return;
        }
        if clock::now() < at {
            let lead = *takes / 2;
            link.prepare(at, lead);
            while clock::now() < at - lead {
                // Another write may be due before.
                if self.news.load(Ordering::Acquire) {
                    if link.wants(at) {
                        heap.push(Due { at, link });
                    }
                    return;
                }
                std::hint::spin_loop();
            }
        }
        let mut took = |ns: i64| *takes += (ns.min(LONG_CALL) - *takes) / 8;
        if let Some(again) = self.advance(&link, &self.paced, &mut took).filter(|again| link.wants(*again)) {
            heap.push(Due { at: again, link });
        }
    }

    fn advance(&self, link: &Link, lateness: &Mutex<Lateness>, took: &mut dyn FnMut(i64)) -> Option<i64> {
        let mut wrote = |late, ns| {
            lock(lateness).add(late);
            took(ns);
        };
        match link.advance(&mut wrote) {
            Next::At(at) => Some(at),
            Next::Busy => Some(clock::now().saturating_add(BUSY)),
            Next::Nothing => None,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ord for Due {
    /// The earliest is the greatest, because [`BinaryHeap`] returns the greatest first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}
