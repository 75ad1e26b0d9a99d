//! How far a command is that reads many exchanges: one line on a terminal, from the first second on.

use super::common::Common;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Before this the line would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(200);

/// Counts exchanges.
#[derive(Debug)]
pub(super) struct Progress {
    /// Standard error is a terminal, and messages are wanted.
    wanted: bool,
    exchanges: u64,
    next: Instant,
    shown: bool,
}

impl Progress {
    pub(super) fn new(common: &Common) -> Progress {
        let wanted = !common.quiet && std::io::stderr().is_terminal();
        Progress { wanted, exchanges: 0, next: Instant::now() + PATIENCE, shown: false }
    }

    /// One exchange was read.
    pub(super) fn step(&mut self) {
        self.exchanges += 1;
        if self.wanted && Instant::now() >= self.next {
            self.next = Instant::now() + BETWEEN;
            self.shown = true;
            let _ = write!(std::io::stderr(), "\r{} exchanges …", self.exchanges);
        }
    }
}

impl Drop for Progress {
    /// What follows begins on an empty line.
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
