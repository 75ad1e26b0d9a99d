//! Where the time of answers went, for a group of exchanges.

use super::SpentBy;
use super::columns::cause;
use crate::delivery::{Cause, Stall};
use crate::metrics::clocks::Clocks;
use crate::report::groups::{By, Key, is_streamed};
use crate::report::latency;
use crate::summary::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

/// Names of the parts, in the order of time; [`Clocks::phases`] defines them. The pauses are not in `tokens`.
pub const PARTS: [&str; 6] = ["request", "head", "first-token", "tokens", "tail", "body"];

/// Where the time went, on average.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spent {
    /// Exchanges whose times are known.
    pub exchanges: u64,
    /// Arithmetic mean over them of each part of [`PARTS`], ms.
    pub parts_ms: Vec<f64>,
    /// The same of the pauses, by the causes of [`Cause::NAMES`].
    pub pauses_ms: Vec<f64>,
}

/// Sums of one group in nanoseconds, so that no rounding depends on their order.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    exchanges: u64,
    parts: [i64; PARTS.len()],
    pauses: [i64; Cause::NAMES.len()],
}

impl Sums {
    fn add(&mut self, clocks: &Clocks, stalls: &[Stall]) {
        let phases = clocks.phases();
        self.exchanges += u64::from(!phases.is_empty());
        for phase in &phases {
            let part = PARTS.iter().position(|name| *name == phase.name).unwrap_or_default();
            self.parts[part] = self.parts[part].saturating_add(phase.span().0);
            for stall in stalls.iter().filter(|s| phase.name == "tokens" && phase.from <= s.from && s.to <= phase.to) {
                self.parts[part] = self.parts[part].saturating_sub(stall.span().0);
                let pauses = &mut self.pauses[cause(stall.cause)];
                *pauses = pauses.saturating_add(stall.span().0);
            }
        }
    }

    fn mean(&self) -> Spent {
        let ms = |sum: &i64| if self.exchanges == 0 { 0.0 } else { *sum as f64 / self.exchanges as f64 / 1e6 };
        Spent {
            exchanges: self.exchanges,
            parts_ms: self.parts.iter().map(ms).collect(),
            pauses_ms: self.pauses.iter().map(ms).collect(),
        }
    }
}

/// Collects the groups of `report latency`.
#[derive(Debug)]
pub(super) struct Spending {
    by: Vec<By>,
    groups: BTreeMap<(Key, bool), Sums>,
    overall: Sums,
}

impl Spending {
    pub(super) fn new(by: &[By]) -> Spending {
        Spending { by: by.to_vec(), groups: BTreeMap::new(), overall: Sums::default() }
    }

    pub(super) fn add(&mut self, s: &Summary, clocks: &Clocks, stalls: &[Stall]) {
        let group = self.groups.entry((Key::of(s, &self.by), is_streamed(s))).or_default();
        group.add(clocks, stalls);
        self.overall.add(clocks, stalls);
    }

    /// In the order of the report's groups.
    pub(super) fn by(self, latency: &latency::Report) -> SpentBy {
        let of = |g: &latency::Group| {
            let key = (g.key.clone(), g.streamed.unwrap_or_default());
            self.groups.get(&key).copied().unwrap_or_default().mean()
        };
        SpentBy { groups: latency.groups.iter().map(of).collect(), overall: self.overall.mean() }
    }
}
