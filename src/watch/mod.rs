//! What a recording tells while it runs: counts and distributions of the exchanges that it has stored, as metrics, and
//! alerts. No sockets here: `cli/watch` serves and sends what this keeps.
//!
//! The number of series is bounded: names come from the wire. A series beyond the bound is counted under `other`.

pub mod alert;
mod families;
mod observation;
mod series;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use alert::Alert;
pub use families::Family;
#[cfg(any(feature = "otlp", test))]
pub use families::{FAMILIES, Kind};
pub use observation::Observation;
pub use series::{Labels, Value};

use crate::capture::Counts;
use crate::time::{Span, Timestamp};
use families as f;
use series::{ERROR, Series};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use window::Window;

/// Series of Prometheus that are kept unless another number is asked for.
pub const MOST_SERIES: usize = 1000;

/// Takes each value of a distribution too, for a sender that keeps its own.
pub trait Recorder: Send {
    /// Values in the family's unit, under these labels.
    fn record(&mut self, family: &'static Family, labels: &Labels, values: &mut dyn Iterator<Item = f64>);
}

/// The metrics and alerts of one recording, which several threads share.
pub struct Watch {
    state: Mutex<State>,
    in_flight: AtomicI64,
    /// A gap between deltas of at least this is a stall.
    stall: Span,
    /// No series is kept: there are only alerts.
    only_alerts: bool,
}

struct State {
    series: Series,
    windows: Vec<Window>,
    recorder: Option<Box<dyn Recorder>>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("stall", &self.stall).finish_non_exhaustive()
    }
}

impl Watch {
    /// `most`: how many series of Prometheus are kept; none: alerts alone are wanted. `stall`: a gap between deltas of
    /// at least this counts as one.
    pub fn new(alerts: Vec<Alert>, stall: Span, most: Option<usize>) -> Watch {
        let mut series = Series::new(most.unwrap_or(MOST_SERIES), alerts.len());
        series.set(&f::BUILD, Labels::of(&[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
        for alert in &alerts {
            series.set(&f::FIRING, Labels::of(&[("sniff.alert", alert.text())]), 0.0);
        }
        let windows = alerts.into_iter().map(Window::new).collect();
        let state = Mutex::new(State { series, windows, recorder: None });
        Watch { state, in_flight: AtomicI64::new(0), stall, only_alerts: most.is_none() }
    }

    /// Passes each value of a distribution to this recorder from here on.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub fn record_with(&self, recorder: Box<dyn Recorder>) {
        self.lock().recorder = Some(recorder);
    }

    /// An exchange has begun.
    pub fn begun(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// An exchange has ended.
    pub fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// What the capture point has counted so far.
    pub fn counted(&self, counts: &Counts) {
        let mut state = self.lock();
        for (place, dropped) in [("kernel", counts.dropped_kernel), ("device", counts.dropped_device)] {
            if let Some(dropped) = dropped {
                state.series.set(&f::DROPPED, Labels::of(&[("sniff.place", place)]), dropped as f64);
            }
        }
    }

    /// Bytes that a proxy has relayed and not recorded so far.
    #[cfg_attr(not(feature = "proxy"), allow(dead_code))]
    pub fn lost(&self, bytes: u64) {
        self.lock().series.set(&f::LOST, Labels::default(), bytes as f64);
    }

    /// These exchanges are in the database now. Returns the lines of alerts that begin or end.
    pub fn add(&self, all: Vec<Observation>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut state = self.lock();
        let State { series, windows, recorder } = &mut *state;
        for o in all {
            if !self.only_alerts {
                self.count(&o, series, recorder);
            }
            windows.iter_mut().for_each(|window| lines.extend(window.add(&o)));
        }
        windows.iter_mut().for_each(|window| lines.extend(window.judge()));
        state.show_alerts();
        lines
    }

    /// It is `now` where the packets come from. Returns the lines of alerts that end.
    #[cfg_attr(not(any(feature = "live", feature = "proxy")), allow(dead_code))]
    pub fn tick(&self, now: Timestamp) -> Vec<String> {
        let mut state = self.lock();
        let lines: Vec<String> = state.windows.iter_mut().filter_map(|window| window.tick(now)).collect();
        if !lines.is_empty() {
            state.show_alerts();
        }
        lines
    }

    /// The lines of alerts that fire when the recording ends.
    pub fn end(&self) -> Vec<String> {
        self.lock().windows.iter().filter_map(Window::at_the_end).collect()
    }

    /// All series in the text format of Prometheus; `database`: bytes of the database now.
    pub fn text(&self, database: Option<u64>) -> String {
        self.settle(database);
        text::of(&self.lock().series)
    }

    /// The values of a family that has no distributions now; `database` as in [`Watch::text`].
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub fn values(&self, family: &'static Family, database: Option<u64>) -> Vec<(Labels, f64)> {
        self.settle(database);
        let state = self.lock();
        let number = |(labels, value): (&Labels, &Value)| match value {
            Value::Number(number) => Some((labels.clone(), *number)),
            Value::Histogram(_) => None,
        };
        state.series.of(family).filter_map(number).collect()
    }

    fn settle(&self, database: Option<u64>) {
        let mut state = self.lock();
        let in_flight = self.in_flight.load(Ordering::Relaxed).max(0);
        state.series.set(&f::IN_FLIGHT, Labels::default(), in_flight as f64);
        if let Some(bytes) = database {
            state.series.set(&f::DATABASE, Labels::default(), bytes as f64);
        }
    }

    fn count(&self, o: &Observation, series: &mut Series, recorder: &mut Option<Box<dyn Recorder>>) {
        let server = o.server();
        let mut with = server.clone();
        with.push("sniff.verdict", o.verdict());
        with.push("http.response.status_code", &o.status.map_or("unknown".into(), |s| s.to_string()));
        series.add(&f::EXCHANGES, with, 1);
        for finding in &o.findings {
            let labels = Labels::of(&[("sniff.rule", &finding.rule), ("sniff.level", finding.level.as_str())]);
            series.add(&f::FINDINGS, labels, finding.count);
        }
        let mut observe = |family: &'static Family, labels: &Labels, raw: &[i64]| {
            let labels = series.observe(family, labels.clone(), raw.iter().copied());
            if let Some(recorder) = recorder {
                recorder.record(family, &labels, &mut raw.iter().map(|raw| family.shown(*raw)));
            }
        };
        if !o.gaps.is_empty() {
            observe(&f::GAP, &server, &o.gaps);
        }
        let stalls = o.gaps.iter().filter(|gap| **gap >= self.stall.0).count() as u64;
        if let Some(labels) = o.generation() {
            let mut ended = labels.clone();
            if let Some(error) = o.error() {
                ended.push(ERROR, &error);
            }
            if let Some(duration) = o.duration {
                observe(&f::DURATION, &ended, &[duration.0]);
            }
            if o.error().is_none() {
                if let Some(ttft) = o.ttft.filter(|_| o.streamed) {
                    observe(&f::FIRST_TOKEN, &labels, &[ttft.0]);
                }
                if let Some(tpot) = o.tpot {
                    observe(&f::PER_TOKEN, &labels, &[tpot.0]);
                }
            }
            if let Some(tokens) = o.output_tokens {
                let mut output = labels;
                output.push("gen_ai.token.type", "output");
                observe(&f::TOKENS, &output, &[i64::try_from(tokens).unwrap_or(i64::MAX)]);
            }
        }
        if stalls > 0 {
            series.add(&f::STALLS, server, stalls);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves counts of one exchange unfinished, no more.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show_alerts(&mut self) {
        for window in &self.windows {
            let labels = Labels::of(&[("sniff.alert", window.text())]);
            self.series.set(&f::FIRING, labels, if window.fires() { 1.0 } else { 0.0 });
        }
    }
}
