//! Idle limits after which intermediaries between client and server close.

use crate::time::Span;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Length in seconds.
    pub secs: i64,
    /// The product whose default it is.
    pub of: &'static str,
}

/// Defaults according to their vendors' documentation.
const LIMITS: &[Limit] = &[
    Limit { secs: 30, of: "Google Cloud load balancers, CloudFront's origin" },
    Limit { secs: 50, of: "HAProxy's usual configuration" },
    Limit { secs: 60, of: "nginx proxy_read_timeout, AWS ALB" },
    Limit { secs: 100, of: "Cloudflare, formerly" },
    Limit { secs: 120, of: "Cloudflare, Bifrost" },
    Limit { secs: 125, of: "Cloudflare" },
    Limit { secs: 300, of: "Envoy's stream idle limit" },
    Limit { secs: 350, of: "AWS NLB" },
];

/// The limit that fits this silence: the silence is at most as much shorter as clocks and the network
/// explain, and at most as much longer as a timer can be late.
pub fn near(silence: Span) -> Option<Limit> {
    let fits = |l: &&Limit| {
        let over = silence.0 - Span::from_secs(l.secs).0;
        (-EARLY.0..=LATE.0 + Span::from_millis(l.secs * 5).0).contains(&over)
    };
    LIMITS.iter().find(fits).copied()
}

const EARLY: Span = Span::from_millis(150);
/// Timers of a second's grain are late by up to one; half a percent is added.
const LATE: Span = Span::from_millis(1_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_fits_a_limit_or_none() {
        let secs = |ms| near(Span::from_millis(ms)).map(|l| l.secs);
        assert_eq!([29_900, 30_000, 31_050].map(secs), [Some(30); 3]);
        assert_eq!([60_003, 61_200].map(secs), [Some(60); 2]);
        assert_eq!([119_990, 125_100, 300_500, 350_002].map(secs), [Some(120), Some(125), Some(300), Some(350)]);
        assert_eq!([5_000, 29_000, 31_500, 45_000, 62_000, 600_000].map(secs), [None; 6]);
    }
}
