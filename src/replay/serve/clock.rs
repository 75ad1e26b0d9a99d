//! The monotonic clock in nanoseconds, and statistics of how late writes were.

/// The time of CLOCK_MONOTONIC in ns.
pub(super) fn now() -> i64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Difference between the wall clock and the monotonic clock in ns, to convert the kernel's time stamps. A thread
/// may be preempted between two readings, so the tightest of several pairs of readings counts.
pub(super) fn wall_ahead() -> i64 {
    const TIGHT: i64 = 2_000;
    let mut best = (i64::MAX, 0);
    for _ in 0..8 {
        let before = now();
        let wall = read(libc::CLOCK_REALTIME);
        let took = now().wrapping_sub(before);
        best = best.min((took, wall.wrapping_sub(before + took / 2)));
        if best.0 <= TIGHT {
            break;
        }
    }
    best.1
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes one timespec to the pointer, which is valid during the call.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    t.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec)
}

/// Lets this thread run when it is due: with real-time priority if the system allows it, and with timers without
/// the usual slack of 50 µs.
pub(super) fn precise() {
    #[cfg(target_os = "linux")]
    // SAFETY: the policy's parameter is valid during the call, which fails without the privilege (CAP_SYS_NICE);
    // PR_SET_TIMERSLACK takes a number. The slack is set last, because a change of policy resets it.
    unsafe {
        let priority = libc::sched_param { sched_priority: 1 };
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const priority);
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0);
    }
}

/// How late writes were: a histogram with eight steps per doubling, so that its memory does not grow.
#[derive(Debug, Clone)]
pub struct Lateness {
    counts: Vec<u64>,
    /// Number of writes.
    pub writes: u64,
    /// Number of writes that were more than a millisecond late.
    pub late: u64,
    /// The latest write, ns.
    pub worst: i64,
}

impl Default for Lateness {
    fn default() -> Self {
        Lateness { counts: vec![0; 64 * 8], writes: 0, late: 0, worst: 0 }
    }
}

impl Lateness {
    pub(super) fn add(&mut self, ns: i64) {
        let ns = ns.max(0);
        self.writes += 1;
        self.late += u64::from(ns > 1_000_000);
        self.worst = self.worst.max(ns);
        let bucket = bucket(ns as u64);
        self.counts[bucket] += 1;
    }

    /// Adds the counts of `other`.
    pub(super) fn merge(&mut self, other: &Lateness) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(n, more)| *n += more);
        self.writes += other.writes;
        self.late += other.late;
        self.worst = self.worst.max(other.worst);
    }

    /// The `p`th percentile in ns, accurate to an eighth.
    pub fn percentile(&self, p: f64) -> i64 {
        let rank = ((p / 100.0) * self.writes as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (i, n) in self.counts.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return upper(i).min(self.worst);
            }
        }
        self.worst
    }
}

fn bucket(ns: u64) -> usize {
    if ns < 8 {
        return ns as usize;
    }
    let log = 63 - ns.leading_zeros() as usize;
    (log - 2) * 8 + ((ns >> (log - 3)) & 7) as usize
}

fn upper(bucket: usize) -> i64 {
    if bucket < 8 {
        return bucket as i64;
    }
    let (log, eighth) = (bucket / 8 + 2, bucket % 8);
    ((9 + eighth as i64) << (log - 3)).wrapping_sub(1).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_everything_once() {
        for ns in (0..2000).chain([1 << 20, (1 << 40) + 5, i64::MAX as u64 / 4]) {
            let b = bucket(ns);
            assert!(upper(b) >= ns as i64 && (b == 0 || upper(b - 1) < ns as i64), "{ns}");
        }
    }

    #[test]
    fn percentiles_are_right_to_an_eighth() {
        let mut l = Lateness::default();
        (1..=1000).for_each(|us| l.add(us * 1000));
        let near = |have: i64, want: i64| have >= want && have <= want + want / 8 + 1;
        assert!(near(l.percentile(50.0), 500_000) && near(l.percentile(99.0), 990_000));
        assert_eq!((l.worst, l.late), (1_000_000, 0));
    }
}
