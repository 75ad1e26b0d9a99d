//! The exchanges of the last minute (or another time), and whether the condition of an alert holds for them.
//!
//! ```text
//! Quiet --condition holds--> Firing --it holds no more--> Quiet
//!      \ a line                     \ a line
//! ```
//! Time is that of the packets, so a file gives the same lines as the traffic did.

use super::Observation;
use super::alert::{Alert, Stat, What};
use crate::report::text::{clean, count, span};
use crate::report::zone::Zone;
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// Values that are kept of one alert: 8 MB. If the window has more, the oldest go early, and the line says so.
const MOST_VALUES: usize = 1 << 20;
/// The condition is looked at this many times while one window passes, at most, and after each transaction.
const STEPS: i64 = 100;

/// One exchange of the window.
#[derive(Debug)]
struct Entry {
    at: Timestamp,
    id: i64,
    /// Values of the figure.
    values: Vec<f64>,
    /// It is one of those that are counted.
    counts: bool,
}

impl Entry {
    fn cost(&self) -> usize {
        self.values.len().max(1)
    }
}

/// A figure that broke the limit, or is nearest to it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Worst {
    id: i64,
    value: f64,
}

/// The window of one alert.
#[derive(Debug)]
pub(super) struct Window {
    alert: Alert,
    entries: VecDeque<Entry>,
    /// Values in `entries`.
    held: usize,
    /// The window has more values than are kept.
    short: bool,
    /// When the first exchange came.
    began: Option<Timestamp>,
    now: Timestamp,
    judged: Timestamp,
    firing: Option<Firing>,
}

#[derive(Debug)]
struct Firing {
    since: Timestamp,
    worst: Option<Worst>,
}

impl Window {
    pub(super) fn new(alert: Alert) -> Window {
        Window {
            alert,
            entries: VecDeque::new(),
            held: 0,
            short: false,
            began: None,
            now: Timestamp(i64::MIN),
            judged: Timestamp(i64::MIN),
            firing: None,
        }
    }

    pub(super) fn text(&self) -> &str {
        self.alert.text()
    }

    pub(super) fn fires(&self) -> bool {
        self.firing.is_some()
    }

    /// An exchange ended. Returns the lines that follow.
    pub(super) fn add(&mut self, o: &Observation) -> Vec<String> {
        let entry = Entry {
            at: o.at,
            id: o.id,
            values: self.alert.what.values(o),
            counts: self.alert.what.which().is_some_and(|which| which.has(o)),
        };
        // What went out of the window since the last exchange may have ended the alert before this one came.
        let mut lines: Vec<String> = self.advance(o.at).into_iter().collect();
        self.began.get_or_insert(o.at);
        let is_figure = self.alert.what.which().is_none();
        if (is_figure && entry.values.is_empty()) || o.at.nanos() <= self.from() {
            return lines;
        }
        self.held += entry.cost();
        let place = self.entries.iter().rposition(|e| e.at <= entry.at).map_or(0, |at| at + 1);
        self.entries.insert(place, entry);
        while self.held > MOST_VALUES && self.entries.len() > 1 {
            self.short = true;
            self.forget_first();
        }
        let step = self.alert.window.0 / STEPS;
        if self.now.nanos() >= self.judged.nanos().saturating_add(step) {
            lines.extend(self.judge());
        }
        lines
    }

    /// It is `now`. Returns the line of an alert that ends, or of one that begins because nothing came.
    pub(super) fn tick(&mut self, now: Timestamp) -> Option<String> {
        let begun = self.began.is_some();
        let line = self.advance(now);
        if line.is_none() && begun && !self.alert.above { self.judge() } else { line }
    }

    fn advance(&mut self, now: Timestamp) -> Option<String> {
        if now <= self.now {
            return None;
        }
        self.now = now;
        let before = self.entries.len();
        while self.entries.front().is_some_and(|e| e.at.nanos() <= self.from()) {
            self.forget_first();
        }
        if self.entries.is_empty() {
            self.short = false;
        }
        if self.entries.len() < before && self.fires() { self.judge() } else { None }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.entries.pop_front() {
            self.held -= first.cost();
        }
    }

    /// The window has what came after this.
    fn from(&self) -> i64 {
        self.now.nanos().saturating_sub(self.alert.window.0)
    }

    /// Looks whether the condition holds now. Returns the line if that has changed.
    pub(super) fn judge(&mut self) -> Option<String> {
        self.judged = self.now;
        let value = self.value();
        let holds = value.is_some_and(|v| if self.alert.above { v > self.alert.limit } else { v < self.alert.limit });
        let worst = self.worst();
        match (&mut self.firing, holds) {
            (Some(firing), true) => {
                let worse = |a: f64, b: f64| if self.alert.above { a > b } else { a < b };
                if let Some(new) = worst.filter(|new| firing.worst.is_none_or(|old| worse(new.value, old.value))) {
                    firing.worst = Some(new);
                }
                None
            }
            (None, true) => {
                self.firing = Some(Firing { since: self.now, worst });
                Some(format!("{}: {}{}", self.named("begins"), self.shown(value), self.about(worst)))
            }
            (Some(_), false) => self.firing.take().map(|firing| {
                let took = span(Some(self.now.since(firing.since)));
                format!("{}: {} after {took}{}", self.named("ends"), self.shown(value), self.about(firing.worst))
            }),
            (None, false) => None,
        }
    }

    /// The line of an alert that fires when the recording ends.
    pub(super) fn at_the_end(&self) -> Option<String> {
        let firing = self.firing.as_ref()?;
        let value = self.value();
        Some(format!("{}: {}{}", self.named("still holds"), self.shown(value), self.about(firing.worst)))
    }

    fn named(&self, what: &str) -> String {
        format!("{} {} {what}", Zone::Utc.clock(self.now.nanos(), true), clean(self.alert.text()))
    }

    fn values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.entries.iter().flat_map(|e| e.values.iter().copied()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// What is compared with the limit; none if the window has nothing to say.
    fn value(&self) -> Option<f64> {
        let counted = || self.entries.iter().filter(|e| e.counts).count() as f64;
        let value = match &self.alert.what {
            What::Figure(stat, _) => {
                let values = self.values();
                match stat {
                    Stat::Percentile(p) => crate::metrics::percentile(&values, *p),
                    Stat::Min => values.first().copied(),
                    Stat::Max => values.last().copied(),
                    Stat::Mean => (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
                }?
            }
            What::Share(_) => (!self.entries.is_empty()).then(|| counted() / self.entries.len() as f64)?,
            What::Count(_) => counted(),
            What::Rate(_) => counted() / self.alert.window.as_secs_f64(),
        };
        // Too few is known only when the whole window was watched.
        let watched = || self.began.is_some_and(|began| began.nanos() <= self.from());
        let is_number = matches!(self.alert.what, What::Count(_) | What::Rate(_));
        (self.alert.above || !is_number || watched()).then_some(value)
    }

    /// The exchange with the worst value; of those that are counted the last one.
    fn worst(&self) -> Option<Worst> {
        if self.alert.what.which().is_some() {
            let last = self.entries.iter().rev().find(|e| e.counts)?;
            return Some(Worst { id: last.id, value: last.at.nanos() as f64 });
        }
        let all = self.entries.iter().flat_map(|e| e.values.iter().map(|value| Worst { id: e.id, value: *value }));
        if self.alert.above {
            all.max_by(|a, b| a.value.total_cmp(&b.value))
        } else {
            all.min_by(|a, b| a.value.total_cmp(&b.value))
        }
    }

    fn shown(&self, value: Option<f64>) -> String {
        let Some(value) = value else { return "nothing more".into() };
        match self.alert.what {
            What::Figure(_, figure) => figure_text(figure, value),
            What::Count(_) => count(value as u64, "exchange", "exchanges"),
            What::Rate(_) => format!("{value:.3}/s"),
            What::Share(_) => format!("{:.1} %", value * 100.0),
        }
    }

    fn about(&self, worst: Option<Worst>) -> String {
        let short = if self.short { ", of the newest values only" } else { "" };
        match (worst, &self.alert.what) {
            (Some(w), What::Figure(_, figure)) => {
                format!(" (worst: exchange {}, {}{short})", w.id, figure_text(figure, w.value))
            }
            (Some(w), _) => format!(" (last: exchange {}{short})", w.id),
            (None, _) => String::new(),
        }
    }
}

fn figure_text(figure: &str, value: f64) -> String {
    if figure == crate::metrics::slo::RATE {
        return format!("{value:.1} tokens/s");
    }
    span(Some(Span((value * 1e6).round() as i64)))
}
