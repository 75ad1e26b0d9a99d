//! One thread that writes when it is time: sleeps while the gap is long, spins for the last moment.

use super::clock::{self, Lateness};
use super::link::Link;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So long before it is due the thread wakes up and spins.
const EARLY: i64 = 80_000;

/// Connections by when they want to write next.
#[derive(Default)]
pub(super) struct Pacer {
    queue: Mutex<Queue>,
    changed: Condvar,
    lateness: Mutex<Lateness>,
}

#[derive(Default)]
struct Queue {
    heap: BinaryHeap<Due>,
    stop: bool,
}

struct Due {
    at: i64,
    link: Arc<Link>,
}

impl Pacer {
    /// This connection wants to write at this time.
    pub(super) fn at(&self, at: i64, link: Arc<Link>) {
        let mut queue = lock(&self.queue);
        let first = queue.heap.peek().is_none_or(|d| at < d.at);
        queue.heap.push(Due { at, link });
        drop(queue);
        if first {
            self.changed.notify_one();
        }
    }

    pub(super) fn stop(&self) {
        lock(&self.queue).stop = true;
        self.changed.notify_all();
    }

    pub(super) fn lateness(&self) -> Lateness {
        lock(&self.lateness).clone()
    }

    /// The thread's work, until it is told to stop.
    pub(super) fn run(&self) {
        clock::precise();
        let mut queue = lock(&self.queue);
        while !queue.stop {
            let now = clock::now();
            let Some(next) = queue.heap.peek().map(|d| d.at) else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if let Some(gap) = next.checked_sub(now).filter(|gap| *gap > EARLY) {
                let sleep = Duration::from_nanos((gap - EARLY) as u64);
                queue = self.changed.wait_timeout(queue, sleep).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let Some(Due { at, link }) = queue.heap.pop() else { continue };
            drop(queue);
            while clock::now() < at {
                std::hint::spin_loop();
            }
            let next = link.advance(&mut |late| lock(&self.lateness).add(late));
            queue = lock(&self.queue);
            if let Some(at) = next {
                queue.heap.push(Due { at, link });
            }
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
