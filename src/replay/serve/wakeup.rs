//! How late this machine wakes up a thread that sleeps, learned from its sleeps: so much earlier it is woken, and spins
//! for what is left.
//!
//! A processor that has slept for long (one that the host has given to others, a core in a deep state) comes back later
//! than one that has just
//! been awake. So a long gap is slept in two: the first sleep ends early enough for the worst, the second is short and
//! ends close to the time.

/// Sleeps that are remembered, of each kind.
const REMEMBERED: usize = 256;
/// This many of them may have been later than the allowance: one in a hundred is the aim.
const MISSED: usize = 2;
/// Never less than this, ns …
const LEAST: i64 = 50_000;
/// … and never more: what is later than that is not the sleep's fault.
const MOST: i64 = 2_000_000;
/// What is allowed for before anything was learned, ns.
const FIRST: i64 = 150_000;
/// A sleep up to this long is a short one, ns.
const SHORT: i64 = 2 * MOST;

/// What was learned.
#[derive(Default)]
pub(super) struct WakeupLatency {
    short: LatencyEstimate,
    long: LatencyEstimate,
}

impl WakeupLatency {
    /// How long to sleep when something is to be done in so long, ns; none where there is no time for it.
    pub(super) fn nap(&self, left: i64) -> Option<i64> {
        let short = left.saturating_sub(self.short.early);
        let nap = if short <= SHORT { short } else { left.saturating_sub(self.long.early.max(self.short.early)) };
        (nap > 0).then_some(nap)
    }

    /// A sleep of so long ended so much too late.
    pub(super) fn slept(&mut self, nap: i64, late: i64) {
        if nap <= SHORT { self.short.learn(late) } else { self.long.learn(late) }
    }
}

/// One kind of sleep.
struct LatencyEstimate {
    /// The last ones: how late each ended; a ring.
    late: [i64; REMEMBERED],
    next: usize,
    /// So much earlier the next one is to end.
    early: i64,
}

impl Default for LatencyEstimate {
    fn default() -> Self {
        LatencyEstimate { late: [0; REMEMBERED], next: 0, early: FIRST }
    }
}

impl LatencyEstimate {
    fn learn(&mut self, late: i64) {
        self.late[self.next % REMEMBERED] = late;
        self.next += 1;
        let mut known = self.late;
        let known = &mut known[..self.next.min(REMEMBERED)];
        // Until enough is known, the worst counts.
        let rank = known.len() - 1 - MISSED * known.len() / REMEMBERED;
        let (_, worst, _) = known.select_nth_unstable(rank);
        // A quarter more than seen: the next may be a little later.
        self.early = (*worst + *worst / 4).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_machine_is_spun_on_for_little_and_a_late_one_for_more() {
        let mut wakeups = WakeupLatency::default();
        (0..300).for_each(|n| wakeups.slept(20_000_000, 60_000 + n * 10));
        (0..300).for_each(|n| wakeups.slept(1_000_000, 40_000 + n * 10));
        let calm = wakeups.nap(20_000_000).unwrap();
        assert!((20_000_000 - 80_000..20_000_000 - 60_000).contains(&calm), "{calm}");
        // Two in a hundred are a millisecond late: those are to be caught too.
        (0..300).for_each(|n| wakeups.slept(20_000_000, if n % 50 == 0 { 1_000_000 } else { 60_000 }));
        assert_eq!(wakeups.nap(20_000_000), Some(20_000_000 - 1_250_000));
        // What is left of the second sleep is not affected.
        assert!(wakeups.nap(1_250_000).unwrap() > 1_150_000);
        // Calm again: it is forgotten.
        (0..300).for_each(|_| wakeups.slept(20_000_000, 30_000));
        assert_eq!(wakeups.nap(20_000_000), Some(20_000_000 - LEAST.max(wakeups.short.early)));
    }

    #[test]
    fn within_bounds_whatever_happens() {
        let mut wakeups = WakeupLatency::default();
        (0..9).for_each(|_| wakeups.slept(1_000_000_000, i64::MAX / 2));
        (0..9).for_each(|_| wakeups.slept(1_000, 0));
        assert_eq!((wakeups.long.early, wakeups.short.early), (MOST, LEAST));
        assert_eq!(wakeups.nap(LEAST), None);
        assert_eq!(wakeups.nap(i64::MIN), None);
        assert_eq!(wakeups.nap(1_000_000_000), Some(1_000_000_000 - MOST));
    }
}
