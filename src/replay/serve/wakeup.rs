//! Learns from past sleeps how late this machine wakes up a sleeping thread: the thread is woken that much earlier,
//! and spins for the rest.
//!
//! A processor that slept long (one that the host gave to others, or a core in a deep state) resumes later than one
//! that was just awake. So a long gap is slept in two steps: the first sleep ends early enough for the worst case,
//! the second is short and ends close to the time.

/// Sleeps of each kind that are remembered.
const REMEMBERED: usize = 256;
/// This many of the remembered sleeps may end later than allowed for: the aim is one in a hundred.
const MISSED: usize = 2;
/// The smallest allowance, ns.
const LEAST: i64 = 50_000;
/// The largest allowance, ns: the sleep does not cause more lateness than this.
const MOST: i64 = 2_000_000;
/// The allowance before anything was learned, ns.
const FIRST: i64 = 150_000;
/// The longest sleep that counts as short, ns.
const SHORT: i64 = 2 * MOST;

/// What was learned about short and about long sleeps.
#[derive(Default)]
pub(super) struct WakeupLatency {
    short: LatencyEstimate,
    long: LatencyEstimate,
}

impl WakeupLatency {
    /// How long to sleep if something is due in `left` ns; none if there is no time to sleep.
    pub(super) fn nap(&self, left: i64) -> Option<i64> {
        let short = left.saturating_sub(self.short.early);
        let nap = if short <= SHORT { short } else { left.saturating_sub(self.long.early.max(self.short.early)) };
        (nap > 0).then_some(nap)
    }

    /// Records that a sleep of `nap` ns ended `late` ns too late.
    pub(super) fn slept(&mut self, nap: i64, late: i64) {
        if nap <= SHORT { self.short.learn(late) } else { self.long.learn(late) }
    }
}

/// The latencies of one kind of sleep.
struct LatencyEstimate {
    /// How late each of the last sleeps ended, ns; a ring.
    late: [i64; REMEMBERED],
    next: usize,
    /// How much earlier the next sleep must end, ns.
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
        // Until enough sleeps are known, the worst one counts.
        let rank = known.len() - 1 - MISSED * known.len() / REMEMBERED;
        let (_, worst, _) = known.select_nth_unstable(rank);
        // A quarter more than observed, since the next sleep may end a little later.
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
        // Two in a hundred end a millisecond late: the estimate must cover those too.
        (0..300).for_each(|n| wakeups.slept(20_000_000, if n % 50 == 0 { 1_000_000 } else { 60_000 }));
        assert_eq!(wakeups.nap(20_000_000), Some(20_000_000 - 1_250_000));
        // The rest of the second sleep is not affected.
        assert!(wakeups.nap(1_250_000).unwrap() > 1_150_000);
        // After a calm time the late sleeps are forgotten.
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
