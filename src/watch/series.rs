//! The series: for each family the sets of labels and their values, within a bound.

use super::families::{FAMILIES, Family};
use crate::report::text::{clean, clip};
use std::collections::BTreeMap;

/// Longest value of a label, in columns. Longer ones are cut.
const LONGEST: usize = 100;
/// What a label says in the series that takes what has no room.
const OTHER: &str = "other";
/// Labels that an exchange may lack.
const OPTIONAL: [&str; 4] = [REQUEST_MODEL, RESPONSE_MODEL, PORT, ERROR];
pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const ADDRESS: &str = "server.address";
pub(super) const PORT: &str = "server.port";
pub(super) const ERROR: &str = "error.type";

/// Names and values of labels, in the order of their names' first use. Values have no control characters and are
/// short.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Vec<(&'static str, String)>);

impl Labels {
    /// These labels.
    pub fn of(all: &[(&'static str, &str)]) -> Labels {
        let mut labels = Labels::default();
        all.iter().for_each(|(name, value)| labels.push(name, value));
        labels
    }

    /// Adds a label.
    pub fn push(&mut self, name: &'static str, value: &str) {
        // Cleaning may make a text longer, so that it is cut last; what is far too long is not even looked at.
        let begin: String = value.chars().take(LONGEST + 1).collect();
        self.0.push((name, clip(&clean(&begin), LONGEST)));
    }

    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The one set of labels of a family that takes what has no room. Which labels an exchange has must not matter.
    fn other(&self) -> Labels {
        let asked = self.0.iter().any(|(name, _)| *name == OPERATION).then_some(REQUEST_MODEL);
        let always = self.0.iter().map(|(name, _)| *name).filter(|name| !OPTIONAL.contains(name));
        Labels(always.chain(asked).map(|name| (name, OTHER.to_owned())).collect())
    }
}

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a distribution.
    Histogram(Histogram),
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Values in each bucket; the last has no bound.
    pub counts: Vec<u64>,
    /// The sum, exact: in ns, or as a number.
    pub sum: i128,
}

/// All series.
pub(super) struct Series {
    all: BTreeMap<&'static str, BTreeMap<Labels, Value>>,
    /// Series of Prometheus that there is room for, beside those for which room is kept.
    left: usize,
}

impl Series {
    /// Room for `most` series of Prometheus, of which `alerts` are those of alerts.
    pub(super) fn new(most: usize, alerts: usize) -> Series {
        // Each family may need a series for what has no room. Labels of gauges and of drops come from here.
        let kept: usize = FAMILIES.iter().map(|family| family.cost()).sum();
        Series { all: BTreeMap::new(), left: most.saturating_sub(kept + alerts + 1) }
    }

    /// Sets a number whose labels do not come from the wire.
    pub(super) fn set(&mut self, family: &'static Family, labels: Labels, number: f64) {
        self.all.entry(family.name).or_default().insert(labels, Value::Number(number));
    }

    /// Adds to a counter.
    pub(super) fn add(&mut self, family: &'static Family, labels: Labels, n: u64) {
        let labels = self.within(family, labels);
        let value = self.all.entry(family.name).or_default().entry(labels).or_insert(Value::Number(0.0));
        if let Value::Number(number) = value {
            *number += n as f64;
        }
    }

    /// Adds values to a distribution, in ns or as numbers. Returns the labels under which they are counted.
    pub(super) fn observe(
        &mut self,
        family: &'static Family,
        labels: Labels,
        raw: impl Iterator<Item = i64>,
    ) -> Labels {
        let bounds = family.bounds();
        let labels = self.within(family, labels);
        let of = self.all.entry(family.name).or_default();
        let fresh = || Value::Histogram(Histogram { counts: vec![0; bounds.len() + 1], sum: 0 });
        if let Value::Histogram(histogram) = of.entry(labels.clone()).or_insert_with(fresh) {
            for raw in raw {
                let value = family.shown(raw);
                histogram.counts[bounds.partition_point(|bound| *bound < value)] += 1;
                histogram.sum += i128::from(raw);
            }
        }
        labels
    }

    /// The labels if they are known or there is room, else those of what has none.
    fn within(&mut self, family: &'static Family, labels: Labels) -> Labels {
        if self.all.get(family.name).is_some_and(|of| of.contains_key(&labels)) {
            return labels;
        }
        match self.left.checked_sub(family.cost()) {
            Some(left) => {
                self.left = left;
                labels
            }
            None => labels.other(),
        }
    }

    /// The series of a family.
    pub(super) fn of(&self, family: &Family) -> impl Iterator<Item = (&Labels, &Value)> {
        self.all.get(family.name).into_iter().flatten()
    }
}
