//! Prints what the writer's thread reports: exchanges once they are durable, and at once why storing ends.

use super::lines::Lines;
use super::status_line::StatusLine;
use crate::cli::common::{report_text, say};
use crate::metrics::Metrics;
use crate::report::text::{bytes, count};
use crate::store::{Ended, Gone, Progress, Stop};
use crate::summary::Summary;
use crate::watch::{Observation, Watch};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Standard error during a recording, which the reading thread and the writer's thread share.
#[derive(Clone)]
pub(super) struct Status(Arc<Mutex<StatusLine>>);

impl Status {
    pub(super) fn new(status: StatusLine) -> Status {
        Status(Arc::new(Mutex::new(status)))
    }

    /// The lines, for this thread alone. A thread that panicked while it printed left nothing half done.
    pub(super) fn lock(&self) -> MutexGuard<'_, StatusLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens when storing ends before the source does.
#[derive(Debug, Clone)]
pub(in crate::cli) enum AtEnd {
    /// The recording ends: this flag stops its source.
    Stop(Arc<AtomicBool>),
    /// The source goes on: a proxy's clients need it.
    GoOn,
}

/// The receiver of the writer's reports.
pub(super) struct Printer {
    pub(super) status: Status,
    pub(super) at_end: AtEnd,
    /// With `--format jsonl`.
    pub(super) lines: Option<Lines>,
    /// Who watches the recording, and what it gets once that is durable.
    pub(super) watch: Option<Arc<Watch>>,
    pub(super) observed: Vec<Observation>,
}

impl Progress for Printer {
    fn written(&mut self, exchange: &Summary) {
        self.status.lock().written(exchange);
        if let Some(lines) = &mut self.lines {
            lines.written(exchange);
        }
    }

    fn figures(&mut self, exchange: &Summary, figures: &Metrics) {
        if self.watch.is_some() {
            self.observed.push(Observation::new(exchange, figures));
        }
    }

    fn committed(&mut self) {
        self.status.lock().committed();
        if let Some(watch) = &self.watch {
            let lines = watch.add(std::mem::take(&mut self.observed));
            self.status.lock().alerts(&lines);
        }
        if let Some(lines) = &mut self.lines {
            lines.committed();
        }
    }

    fn notice(&mut self, text: &str) {
        self.status.lock().notice(text);
    }

    fn ended(&mut self, why: &Ended<'_>) {
        match (&self.at_end, why) {
            // The error itself is the last line of the command, which ends now.
            (AtEnd::Stop(stop), Ended::Failed(_)) => stop.store(true, Ordering::SeqCst),
            (AtEnd::Stop(stop), Ended::Stopped(limit)) => {
                self.status.lock().notice(&format!("{}; the recording ends", stopped(*limit)));
                stop.store(true, Ordering::SeqCst);
            }
            // Also with --quiet, and while a command has the terminal: the user may be able to help.
            (AtEnd::GoOn, Ended::Failed(e)) => {
                say(&format!("sniff: error: the recording stopped, the proxy continues: {}", report_text(e)));
            }
            (AtEnd::GoOn, Ended::Stopped(limit)) => {
                say(&format!("sniff: warning: the recording stopped, the proxy continues: {}", stopped(*limit)));
            }
        }
    }
}

/// A limit in words.
pub(super) fn stopped(limit: Stop) -> String {
    match limit {
        Stop::Session(limit) => format!("the database has grown by {}, the limit of --max-session", bytes(limit)),
        Stop::Reserve { free, reserve } => {
            format!("the disk of the database has {} free, and {} stay free (--reserve)", bytes(free), bytes(reserve))
        }
    }
}

/// What a limit of the database cost, in words.
pub(super) fn gone(gone: Gone) -> Vec<String> {
    let line = |n: u64, one: &str, many: &str, what: &str| (n > 0).then(|| format!("{} {what}", count(n, one, many)));
    let deleted = line(gone.deleted, "older exchange was", "older exchanges were", "deleted (--max-db)");
    let missed = "not stored to the end: too large for --max-db, or another process read the database all the time";
    deleted.into_iter().chain(line(gone.missed, "exchange was", "exchanges were", missed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_words() {
        assert!(gone(Gone::default()).is_empty());
        let said = gone(Gone { deleted: 1, missed: 2 });
        assert_eq!(said[0], "1 older exchange was deleted (--max-db)");
        assert!(said[1].starts_with("2 exchanges were not stored to the end: "), "{said:?}");
    }

    #[test]
    fn a_limit_in_words() {
        assert_eq!(stopped(Stop::Session(2_500_000)), "the database has grown by 2.50 MB, the limit of --max-session");
        assert_eq!(
            stopped(Stop::Reserve { free: 1_000_000, reserve: 3_000_000 }),
            "the disk of the database has 1.00 MB free, and 3.00 MB stay free (--reserve)"
        );
    }
}
