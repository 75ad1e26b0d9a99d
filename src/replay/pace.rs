//! When each write is due: the recorded times, scaled, shifted, with jitter.

use crate::time::Span;

/// Changes to the recorded times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Factor of speed; infinite: everything at once.
    pub speed: f64,
    /// Time from the request's end to the first write; replaces the recorded time.
    pub first_delay: Option<Span>,
    /// Each write is moved by up to this much, earlier or later.
    pub jitter: Span,
    /// Seed of the random numbers: equal seeds give equal times.
    pub seed: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { speed: 1.0, first_delay: None, jitter: Span(0), seed: 0 }
    }
}

impl Pace {
    /// The times for writes that were recorded at these times (ascending, since the request's end), for the `n`th
    /// answer of this recording. They never decrease.
    pub fn times(&self, recorded: &[Span], n: u64) -> Vec<Span> {
        let scale = |s: i64| if self.speed.is_finite() { (s as f64 / self.speed) as i64 } else { 0 };
        let first = recorded.first().map_or(0, |s| s.0);
        let begin = self.first_delay.map_or(scale(first), |d| d.0);
        let mut random = Random(self.seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut last = 0;
        let time = |s: &Span| {
            let shaken = if self.jitter.0 > 0 { random.within(self.jitter.0) } else { 0 };
            last = last.max(begin.saturating_add(scale(s.0 - first)).saturating_add(shaken));
            Span(last)
        };
        recorded.iter().map(time).collect()
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough for jitter.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from −`most` to `most`.
    fn within(&mut self, most: i64) -> i64 {
        let range = (most as u64).saturating_mul(2).saturating_add(1);
        (self.next() % range) as i64 - most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: [Span; 3] = [Span(1000), Span(3000), Span(9000)];

    #[test]
    fn scaled_and_shifted() {
        let times = |p: Pace| p.times(&RECORDED, 0).iter().map(|s| s.0).collect::<Vec<_>>();
        assert_eq!(times(Pace::default()), [1000, 3000, 9000]);
        assert_eq!(times(Pace { speed: 10.0, ..Pace::default() }), [100, 300, 900]);
        assert_eq!(times(Pace { speed: f64::INFINITY, ..Pace::default() }), [0, 0, 0]);
        assert_eq!(times(Pace { first_delay: Some(Span(50)), ..Pace::default() }), [50, 2050, 8050]);
    }

    #[test]
    fn jitter_stays_within_its_bound_never_steps_back_and_is_the_seeds() {
        let pace = Pace { jitter: Span(5000), seed: 7, ..Pace::default() };
        let times = pace.times(&RECORDED, 3);
        assert!(times.is_sorted() && times[0].0 >= 0 && times.iter().zip(RECORDED).all(|(t, r)| t.0 <= r.0 + 5000));
        assert_eq!(times, pace.times(&RECORDED, 3));
        assert_ne!(times, pace.times(&RECORDED, 4));
    }
}
