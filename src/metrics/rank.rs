//! Whether one list of values lies above another: the rank test of Mann and Whitney, Fisher's exact test for shares,
//! and Holm's correction for several tests at once.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The result of a rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// Probability that such a difference, in either direction, comes by chance.
    pub p: f64,
    /// Standard deviations between the ranks and those of equal lists.
    pub z: f64,
    /// Share of the pairs in which the value of the second list is the larger one; equal values count as half.
    pub above: f64,
}

/// Fewest values on each side: with fewer the normal approximation does not hold.
pub const FEWEST: usize = 8;

/// Compares two lists (Mann and Whitney 1947), by the normal approximation with corrections for ties and continuity.
/// None if one has fewer than [`FEWEST`] values.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<RankTest> {
    if a.len().min(b.len()) < FEWEST {
        return None;
    }
    let mut all: Vec<(f64, bool)> = a.iter().map(|v| (*v, false)).chain(b.iter().map(|v| (*v, true))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (n_a, n_b, n) = (a.len() as f64, b.len() as f64, all.len() as f64);
    let (mut ranks_of_b, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|x, y| x.0 == y.0) {
        let len = equal.len() as f64;
        let of_b = equal.iter().filter(|(_, is_b)| *is_b).count() as f64;
        ranks_of_b += of_b * (before + (len + 1.0) / 2.0);
        ties += len * (len * len - 1.0);
        before += len;
    }
    let u = ranks_of_b - n_b * (n_b + 1.0) / 2.0;
    let variance = n_a * n_b / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
    let distance = ((u - n_a * n_b / 2.0).abs() - 0.5).max(0.0);
    let z = if variance > 0.0 { distance / variance.sqrt() } else { 0.0 };
    Some(RankTest { p: erfc(z * FRAC_1_SQRT_2).min(1.0), z, above: u / (n_a * n_b) })
}

/// Fisher's exact test, in both directions: the probability that shares as unequal as `a` of `of_a` and `b` of `of_b`
/// come by chance.
pub fn fisher(a: u64, of_a: u64, b: u64, of_b: u64) -> f64 {
    let (hits, all) = (a + b, of_a + of_b);
    let facts = ln_factorials(all);
    let fact = |n: u64| facts.get(n as usize).copied().unwrap_or(0.0);
    let choose = |n: u64, k: u64| fact(n) - fact(k) - fact(n - k);
    let ln_p = |k: u64| choose(of_a, k) + choose(of_b, hits - k) - choose(all, hits);
    let seen = ln_p(a);
    let range = hits.saturating_sub(of_b)..=hits.min(of_a);
    // Tables that are as likely as the seen one differ from it by rounding only.
    range.map(ln_p).filter(|ln| *ln <= seen + 1e-7).map(f64::exp).sum::<f64>().min(1.0)
}

fn ln_factorials(n: u64) -> Vec<f64> {
    let sum = |total: &mut f64, k: u64| {
        *total += (k.max(1) as f64).ln();
        Some(*total)
    };
    (0..=n).scan(0.0, sum).collect()
}

/// The probabilities of several tests, each made larger so that the chance of one false alarm among all of them stays
/// what a single test would have (Holm 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|x, y| p[*x].total_cmp(&p[*y]));
    let mut out = vec![1.0; p.len()];
    let mut largest = 0.0_f64;
    for (done, at) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - done) as f64 * p[at]).min(1.0);
        out[at] = largest;
    }
    out
}

/// The complementary error function for `x` ≥ 0: its power series (Abramowitz and Stegun 7.1.5) for small values, its
/// continued fraction (7.1.14) for larger ones.
fn erfc(x: f64) -> f64 {
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return 1.0 - 2.0 / PI.sqrt() * sum;
    }
    let tail = (1..=80).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    (-x * x).exp() / PI.sqrt() / tail
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn close(have: f64, want: f64) {
        assert!((have - want).abs() <= 1e-6 * want.abs().max(1e-12), "{have} is not {want}");
    }

    #[test]
    fn tails_of_the_normal_distribution() {
        // Two-sided probabilities of 1, 1.96, 3 and 5 standard deviations, from tables.
        for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_507_9), (1.96, 0.049_995_790_3), (3.0, 0.002_699_796_06)] {
            close(erfc(z * FRAC_1_SQRT_2), p);
        }
        close(erfc(5.0 * FRAC_1_SQRT_2), 5.733_031_44e-7);
        close(erfc(2.499_999_999), erfc(2.500_000_001));
    }

    #[test]
    fn ranks_are_counted_pair_by_pair() {
        let a: Vec<f64> = (0..20).map(|n| f64::from(n * 7 % 20)).collect();
        let b: Vec<f64> = (0..12).map(|n| f64::from(n * 5 % 12) + 7.0).collect();
        let test = mann_whitney(&a, &b).unwrap();
        let of = |x: f64, y: f64| {
            if y > x {
                1.0
            } else if y == x {
                0.5
            } else {
                0.0
            }
        };
        let pairs: f64 = a.iter().flat_map(|x| b.iter().map(move |y| of(*x, *y))).sum();
        close(test.above, pairs / 240.0);
        // The same formula in another program, with the erfc of the C library.
        close(test.p, 0.166_555_198_249_657_34);
        assert_eq!(mann_whitney(&a, &a).unwrap(), RankTest { p: 1.0, z: 0.0, above: 0.5 });
        assert_eq!(mann_whitney(&[1.0; 9], &[1.0; 9]).unwrap(), RankTest { p: 1.0, z: 0.0, above: 0.5 });
        assert_eq!(mann_whitney(&a, &b[..7]), None);
    }

    #[test]
    fn shares_are_compared_exactly() {
        // Fisher's tea: 3 of 4 against 1 of 4 is 34/70.
        close(fisher(3, 4, 1, 4), 34.0 / 70.0);
        close(fisher(5, 5, 0, 5), 2.0 / 252.0);
        close(fisher(0, 7, 0, 9), 1.0);
        close(fisher(0, 0, 3, 9), 1.0);
    }

    #[test]
    fn several_tests_share_one_chance() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (have, want) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(*have, want);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
