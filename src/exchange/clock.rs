//! The clock of the capture point, as an exchange shows it: whether it stepped back, and whether its times are in the
//! calendar.

use super::Exchange;
use crate::oddity::{Kind, Oddity};
use crate::time::{Span, Timestamp};

/// A later byte of the exchange has an earlier time. The oddity's span says by how much.
pub const STEPPED_BACK: Kind = Kind("clock.stepped-back");
/// A time lies outside the years 1678 to 2262, which 64 bits of nanoseconds can hold.
pub const OUT_OF_RANGE: Kind = Kind("clock.out-of-range");

/// Clocks of two capture points, or of two devices of one, may differ by this much without a step.
pub const SKEW: Span = Span::from_millis(50);

/// What is wrong with the times of this exchange: at most one oddity of each kind.
pub fn oddities(exchange: &Exchange) -> Vec<Oddity> {
    let request = exchange.request.as_ref().map(|r| (r.head.first_at, r.last_at));
    let begun = request.map(|(first, _)| first);
    // An answer may begin while its request is still sent, never before.
    let answer = exchange.response.iter().flat_map(|r| {
        let deltas = r.deltas.iter().map(|d| d.at);
        std::iter::once(r.first_at).chain(deltas).chain([r.last_at])
    });
    let mut times = Times::default();
    times.follow(request.into_iter().flat_map(|(first, last)| [first, last]));
    times.follow(begun.into_iter().chain(answer));
    let stepped = times.back.map(|(step, at)| {
        let found = format!("the capture's clock went back by {step}: times across that moment are not given");
        Oddity { span: Some(step), ..Oddity::new(STEPPED_BACK, at, found) }
    });
    let strange = times.outside.map(|at| {
        let found = "the capture has times outside the years 1678 to 2262: no time is given from or to them";
        Oddity::new(OUT_OF_RANGE, at, found)
    });
    stepped.into_iter().chain(strange).collect()
}

#[derive(Debug, Default)]
struct Times {
    /// The largest step back, and the time after it.
    back: Option<(Span, Timestamp)>,
    /// The first time outside of the calendar.
    outside: Option<Timestamp>,
}

impl Times {
    /// Follows times in the order of their bytes.
    fn follow(&mut self, times: impl Iterator<Item = Timestamp>) {
        let mut before = None;
        for at in times {
            if at.0 == i64::MAX || at.0 == i64::MIN {
                self.outside.get_or_insert(at);
            } else if let Some(before) = before.replace(at).filter(|before| at < *before) {
                let step = before.since(at);
                if self.back.is_none_or(|(most, _)| most < step) {
                    self.back = Some((step, at));
                }
            }
        }
    }
}
