//! The bootstrap: how far the differences of two lists' figures would vary if both were drawn again (Efron 1979). The
//! generator is our own and starts from the same seed, so that equal input gives equal output.

use super::percentile;

/// Draws of both lists, unless they are long.
pub const RESAMPLES: usize = 2000;
/// Values that are drawn at most, and draws at least.
const MOST_VALUES: usize = 40_000_000;
const LEAST: usize = 200;

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, equidistributed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if that is 0. The bias is n ÷ 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A figure of a list of values whose difference is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// The arithmetic mean.
    Mean,
    /// The percentile of this number, nearest rank.
    Percentile(f64),
}

/// For each figure the differences (second list − first) of all draws, ascending. The lists are ascending and not
/// empty.
pub fn differences(a: &[f64], b: &[f64], figures: &[Figure], resamples: usize, seed: u64) -> Vec<Vec<f64>> {
    let resamples = resamples.min((MOST_VALUES / (a.len() + b.len()).max(1)).max(LEAST));
    let mut random = Random::new(seed);
    let mut out = vec![Vec::with_capacity(resamples); figures.len()];
    let (mut drawn_a, mut drawn_b) = (Vec::new(), Vec::new());
    for _ in 0..resamples {
        draw(a, &mut random, &mut drawn_a);
        draw(b, &mut random, &mut drawn_b);
        for (all, figure) in out.iter_mut().zip(figures) {
            all.extend(figure.of(&drawn_b).zip(figure.of(&drawn_a)).map(|(b, a)| b - a));
        }
    }
    out.iter_mut().for_each(|all| all.sort_by(f64::total_cmp));
    out
}

/// As many values as there are, each drawn by chance, ascending: counted, because sorting would take longer.
fn draw(values: &[f64], random: &mut Random, out: &mut Vec<f64>) {
    let mut counts = vec![0_u32; values.len()];
    (0..values.len()).for_each(|_| counts[random.below(values.len())] += 1);
    out.clear();
    for (value, count) in values.iter().zip(counts) {
        out.extend(std::iter::repeat_n(*value, count as usize));
    }
}

/// The interval that leaves out half of `1 − level` of ascending differences on either side (percentile method).
pub fn interval(differences: &[f64], level: f64) -> Option<(f64, f64)> {
    let outside = 100.0 * (1.0 - level) / 2.0;
    percentile(differences, outside).zip(percentile(differences, 100.0 - outside))
}

impl Figure {
    /// The figure of ascending values.
    pub fn of(self, sorted: &[f64]) -> Option<f64> {
        match self {
            Figure::Percentile(p) => percentile(sorted, p),
            Figure::Mean => super::stats::Stats::sorted(sorted).mean,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of SplitMix64 for the seed 1234567, as its reference implementation gives them.
        let mut random = Random::new(1_234_567);
        let drawn = [0; 3].map(|_: u64| random.next_u64());
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        let mut counts = [0_u32; 5];
        (0..50_000).for_each(|_| counts[random.below(5)] += 1);
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    /// The mean of n values varies by sd/√n, so the difference of two by √2 of that: 95 % lie within 1.96 of it.
    #[test]
    fn intervals_have_the_width_that_theory_gives_them() {
        let mut random = Random::new(7);
        let mut list = |shift: f64| {
            let mut values: Vec<f64> = (0..400).map(|_| random.unit() + shift).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (a, b) = (list(0.0), list(0.1));
        let figures = [Figure::Mean, Figure::Percentile(50.0)];
        let all = differences(&a, &b, &figures, 1000, 1);
        let (low, high) = interval(&all[0], 0.95).unwrap();
        let width = 2.0 * 1.96 * (2.0 / 12.0 / 400.0_f64).sqrt();
        assert!(((high - low) / width - 1.0).abs() < 0.1, "{low} {high} {width}");
        assert!(low < 0.1 && 0.1 < high);
        // The median of a uniform distribution varies by 1/(2√n).
        let (low, high) = interval(&all[1], 0.95).unwrap();
        let width = 2.0 * 1.96 * (2.0 / 4.0 / 400.0_f64).sqrt();
        assert!(((high - low) / width - 1.0).abs() < 0.3, "{low} {high} {width}");
        assert_eq!(differences(&a, &b, &figures, 1000, 1), all, "equal input, equal output");
    }
}
