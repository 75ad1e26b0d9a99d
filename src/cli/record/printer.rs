//! Prints what the writer's thread reports: exchanges once they are durable, and at once why storing ends.

use super::status_line::StatusLine;
use crate::cli::common::{report_text, say};
use crate::report::text::bytes;
use crate::store::{Ended, Progress, Stop};
use crate::summary::Summary;
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
}

impl Progress for Printer {
    fn written(&mut self, exchange: &Summary) {
        self.status.lock().written(exchange);
    }

    fn committed(&mut self) {
        self.status.lock().committed();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_in_words() {
        assert_eq!(stopped(Stop::Session(2_500_000)), "the database has grown by 2.50 MB, the limit of --max-session");
        assert_eq!(
            stopped(Stop::Reserve { free: 1_000_000, reserve: 3_000_000 }),
            "the disk of the database has 1.00 MB free, and 3.00 MB stay free (--reserve)"
        );
    }
}
