//! One thread that writes when it is time: sleeps while the gap is long, spins for the last moment.

use super::clock::{self, Lateness};
use super::link::{Link, Next};
use super::wakeup::WakeupLatency;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::Thread;
use std::time::Duration;

/// A connection whose reader holds it at the moment is asked again after so long.
const BUSY: i64 = 30_000;
/// The shortest sleep: the system's way into it and out of it takes about as long.
const NAP: i64 = 60_000;

/// A call that takes longer was interrupted.
const LONG_CALL: i64 = 100_000;

/// Connections by when they want to write next. The thread owns the queue; what others want comes by the inbox, so
/// nobody's lock, held by a
/// thread that the system has taken off its processor, keeps the others' writes waiting.
#[derive(Default)]
pub(super) struct Pacer {
    inbox: Mutex<Inbox>,
    /// Something has been put into the inbox.
    news: AtomicBool,
    stop: AtomicBool,
    /// Of the thread's own writes; of those that readers made.
    paced: Mutex<Lateness>,
    at_once: Mutex<Lateness>,
}

#[derive(Default)]
struct Inbox {
    due: Vec<Due>,
    /// Who is woken when something comes.
    thread: Option<Thread>,
}

struct Due {
    at: i64,
    link: Arc<Link>,
}

impl Pacer {
    /// This connection wants to write at this time.
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

    /// The same for one whose reader calls: what is due already is written without waiting for the pacer to wake up.
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

    /// The thread's work, until it is stopped.
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
                // The holder wakes this thread afterwards.
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
                // One who was woken before the time learns nothing about how late that would have been.
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

    /// Write what this connection wanted to, at its time. `takes`: how long the system's call takes lately. The packet
    /// leaves somewhere within it, so
    /// the call is made half of that earlier: wherever it leaves, it is half as far from its time as it could be.
    fn write(&self, due: Due, heap: &mut BinaryHeap<Due>, takes: &mut i64) {
        let Due { at, link } = due;
        // It has been put in again for an earlier time.
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
    /// The earliest is the greatest: [`BinaryHeap`] gives the greatest first.
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
