//! Instants and spans of the capture point: integer nanoseconds, never rounded. This module reads no clock.

use std::fmt;

/// An instant: nanoseconds since 1970-01-01 UTC, as stamped by the capture point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Timestamp(pub i64);

/// A signed distance between two instants in nanoseconds. Captures may step backwards, so it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl Timestamp {
    /// From whole seconds and nanoseconds within the second; saturates instead of overflowing.
    pub fn from_parts(secs: i64, nanos: i64) -> Self {
        Timestamp(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// Nanoseconds since 1970 UTC.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// The span from `earlier` to `self`; negative if the clock stepped back.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The span from `earlier` to `self`, if there is one: the clock did not step back between them, and neither lies
    /// outside the years 1678 to 2262, where instants saturate.
    pub fn elapsed(self, earlier: Timestamp) -> Option<Span> {
        let known = |t: Timestamp| t.0 != i64::MAX && t.0 != i64::MIN;
        Some(self.since(earlier)).filter(|span| span.0 >= 0 && known(self) && known(earlier))
    }

    /// This instant plus a span.
    pub fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Span {
    /// From whole milliseconds.
    pub const fn from_millis(ms: i64) -> Span {
        Span(ms * 1_000_000)
    }

    /// From whole seconds.
    pub const fn from_secs(s: i64) -> Span {
        Span(s * 1_000_000_000)
    }

    /// Milliseconds with the fraction.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds with the fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with nine fractional digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = chrono::DateTime::from_timestamp_nanos(self.0);
        write!(f, "{}", t.format("%Y-%m-%dT%H:%M:%S%.9fZ"))
    }
}

impl fmt::Display for Span {
    /// With a unit that keeps three significant digits: `812 µs`, `20.1 ms`, `1.50 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.unsigned_abs() as f64;
        let sign = if self.0 < 0 { "-" } else { "" };
        let (value, unit) = match ns {
            n if n < 1e3 => return write!(f, "{sign}{n:.0} ns"),
            n if n < 1e6 => (n / 1e3, "µs"),
            n if n < 1e9 => (n / 1e6, "ms"),
            n => (n / 1e9, "s"),
        };
        let digits = if value < 9.995 {
            2
        } else if value < 99.95 {
            1
        } else {
            0
        };
        write!(f, "{sign}{value:.digits$} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_three_digits() {
        let said = |ns| Span(ns).to_string();
        assert_eq!(said(999), "999 ns");
        assert_eq!(said(812_400), "812 µs");
        assert_eq!(said(20_140_000), "20.1 ms");
        assert_eq!(said(1_500_000_000), "1.50 s");
        assert_eq!(said(-1_500_000_000), "-1.50 s");
    }

    #[test]
    fn backwards_clock_gives_negative_span() {
        assert_eq!(Timestamp(5).since(Timestamp(7)), Span(-2));
    }

    #[test]
    fn no_time_elapses_backwards_or_outside_of_the_calendar() {
        assert_eq!(Timestamp(7).elapsed(Timestamp(5)), Some(Span(2)));
        assert_eq!(Timestamp(7).elapsed(Timestamp(7)), Some(Span(0)));
        assert_eq!(Timestamp(5).elapsed(Timestamp(7)), None);
        for outside in [Timestamp(i64::MAX), Timestamp(i64::MIN)] {
            assert_eq!((outside.elapsed(Timestamp(0)), Timestamp(0).elapsed(outside)), (None, None));
            assert_eq!(outside.elapsed(outside), None);
        }
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(Timestamp::from_parts(i64::MAX, 1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN).since(Timestamp(i64::MAX)), Span(i64::MIN));
    }
}
