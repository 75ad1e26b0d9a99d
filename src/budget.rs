//! One bound for all memory that captured bytes make the program hold, and which connections give way when it is
//! reached.
//!
//! Every layer says in constant time what it holds. The analyzer keeps the sum per connection and in all; queues
//! between threads count here. The sums are estimates: bytes kept, and the size of what is kept for each item.
//!
//! Who gives way is chosen by one look at all connections, and so much is freed that the next look is an eighth of the
//! budget away. A connection counts at least its own size, over a kilobyte, so a look costs a constant per byte that
//! came to be held since the last one, however many connections there are.

use crate::conn::ConnId;
use crate::oddity::Kind;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory limit was reached, and the connection gave way: the rest of its open exchanges was not read.
pub const LIMIT_REACHED: Kind = Kind("memory.limit-reached");

/// Bytes of memory that may be held unless another number is given.
pub const DEFAULT: usize = 128 << 20;
/// Bytes that one event may add beyond the budget before its own connection gives way.
const SURGE: usize = 24 << 20;
/// Bytes that every event may add.
const LEAST: usize = 1 << 20;
/// Events since the last progress after which a connection has made none, for each connection that is open.
const PATIENCE: u64 = 4;
/// Bytes up to which a list that grows is doubled.
const DOUBLED: usize = 1 << 20;

/// Adds to a list that captured bytes make grow. What it has room for is held too, so a large one is not doubled: it
/// grows by a quarter.
#[inline]
pub fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        grow(list);
    }
    list.push(item);
}

/// The same for a text.
#[inline]
pub fn push_str(text: &mut String, more: &str) {
    if text.capacity() - text.len() < more.len() {
        text.reserve_exact(more.len().max(text.len() / 4));
    }
    text.push_str(more);
}

#[cold]
fn grow<T>(list: &mut Vec<T>) {
    if list.len().saturating_mul(size_of::<T>()) > DOUBLED {
        list.reserve_exact(list.len() / 4);
    }
}

/// The budget, shared by all who hold something.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    queued: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(DEFAULT)
    }
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(limit: usize) -> Self {
        Budget(Arc::new(Shared { limit, queued: AtomicUsize::new(0) }))
    }

    /// Its size in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// This many bytes more wait between threads.
    pub fn queue(&self, bytes: usize) {
        self.0.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    /// This many bytes of those that waited are gone.
    pub fn done(&self, bytes: usize) {
        self.0.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes that wait between threads.
    pub fn queued(&self) -> usize {
        self.0.queued.load(Ordering::Relaxed)
    }

    /// Whether `held` bytes, with those that wait, are too many.
    #[inline]
    pub fn is_over(&self, held: usize) -> bool {
        held.saturating_add(self.queued()) > self.0.limit
    }

    /// Bytes that the next event may add while `held` are held.
    #[inline]
    pub fn room(&self, held: usize) -> usize {
        self.most().saturating_sub(held.saturating_add(self.queued())).max(LEAST)
    }

    /// Whether `held` bytes, with those that wait, are more than may be for even one event.
    #[inline]
    pub fn is_far_over(&self, held: usize) -> bool {
        held.saturating_add(self.queued()) > self.most().saturating_add(LEAST)
    }

    fn most(&self) -> usize {
        self.0.limit.saturating_add(SURGE.min(self.0.limit / 4))
    }

    /// Bytes that may still be held once connections have given way.
    pub fn target(&self) -> usize {
        (self.0.limit - self.0.limit / 8).saturating_sub(self.queued())
    }
}

/// A connection that holds memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub conn: ConnId,
    /// Bytes that it holds.
    pub held: usize,
    /// An exchange of it came to its end.
    pub finished: bool,
    /// The number of its first event.
    pub opened: u64,
    /// The number of the event that brought the last progress: bytes of a message whose head was read.
    pub progress: Option<u64>,
}

/// The connections that give way, in order, so that at most `target` bytes remain. `now` is the number of the last
/// event.
///
/// First each that alone holds over a quarter of what all hold. Then those that made no progress and never finished an
/// exchange, the longest without progress first; one that holds less than half of the average is passed over, because
/// its loss would free nothing. Then the largest.
pub fn give_way(mut holders: Vec<Holder>, target: usize, now: u64) -> Vec<Holder> {
    let mut held: usize = holders.iter().map(|h| h.held).sum();
    let (quarter, half) = (held / 4, held / 2 / holders.len().max(1));
    let patience = PATIENCE * holders.len() as u64;
    let rank = |h: &Holder| {
        let stalled = !h.finished && h.progress.is_none_or(|at| now.saturating_sub(at) > patience);
        let since = h.progress.unwrap_or(h.opened);
        match () {
            () if h.held > quarter => (0, Reverse(h.held), since),
            () if stalled && h.held >= half => (1, Reverse(0), since),
            () => (2, Reverse(h.held), since),
        }
    };
    holders.sort_unstable_by_key(|h| (rank(h), h.conn));
    let enough = |h: &Holder| {
        let goes = held > target;
        held -= h.held.min(held);
        goes
    };
    holders.into_iter().take_while(enough).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(conn: u32, held: usize, finished: bool, progress: u64) -> Holder {
        Holder { conn: ConnId(conn), held, finished, opened: 0, progress: Some(progress) }
    }

    fn order(holders: &[Holder], target: usize, now: u64) -> Vec<u32> {
        give_way(holders.to_vec(), target, now).iter().map(|h| h.conn.0).collect()
    }

    #[test]
    fn a_hog_goes_first_then_the_oldest_without_progress_then_the_largest() {
        let all = [
            holder(0, 100, true, 900),
            holder(1, 110, false, 20),
            holder(2, 120, false, 10),
            holder(3, 130, false, 990),
            holder(4, 1, false, 5),
            holder(5, 400, true, 999),
        ];
        assert_eq!(order(&all, 0, 1000), [5, 2, 1, 3, 0, 4]);
        assert_eq!(order(&all, 861, 1000), Vec::<u32>::new(), "none has to");
        assert_eq!(order(&all, 860, 1000), [5]);
        assert_eq!(order(&all, 400, 1000), [5, 2]);
        // One that never made any is not waited for.
        let never = Holder { opened: 995, progress: None, ..all[3] };
        assert_eq!(order(&[all[0], all[1], all[2], never, all[5]], 0, 1000), [5, 2, 1, 3, 0]);
    }

    /// Many small answers do not pay for a few large ones, and an honest one that runs outlives those that stopped.
    #[test]
    fn the_small_and_the_running_stay() {
        let mut all: Vec<Holder> = (0..1000).map(|n| holder(n, 4 << 10, false, u64::from(n))).collect();
        all.extend((1000..1030).map(|n| holder(n, 4 << 20, false, u64::from(n))));
        all.push(holder(2000, 9 << 20, false, 99_990));
        let gone = give_way(all, 64 << 20, 100_000);
        assert!(gone.iter().all(|h| (1000..1030).contains(&h.conn.0)), "{gone:?}");
        assert!(gone.is_sorted_by_key(|h| h.progress), "the oldest first");
    }

    #[test]
    fn a_large_list_has_no_more_than_a_quarter_to_spare() {
        let mut list = Vec::new();
        for n in 0..1_000_000_u64 {
            push(&mut list, n);
            let spare = (list.capacity() - list.len()) * 8;
            assert!(spare <= DOUBLED.max(list.len() * 2), "{n}: {spare}");
        }
    }

    #[test]
    fn queues_take_their_part() {
        let mib = |n: usize| n << 20;
        let budget = Budget::new(mib(32));
        budget.clone().queue(mib(20));
        assert!(budget.is_over(mib(12) + 1) && !budget.is_over(mib(12)));
        // One event may add a quarter, and always something.
        assert_eq!([mib(10), mib(19), mib(40)].map(|held| budget.room(held)), [mib(10), mib(1), mib(1)]);
        assert!(budget.is_far_over(mib(21) + 1) && !budget.is_far_over(mib(21)));
        assert_eq!(budget.target(), mib(8));
        budget.done(mib(20));
        assert_eq!((budget.room(mib(10)), budget.target()), (mib(30), mib(28)));
    }
}
