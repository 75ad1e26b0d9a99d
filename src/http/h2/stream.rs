//! One HTTP/2 stream as a passive reader sees it, and its flow-control windows.
//!
//! ```text
//! per side:  Waiting ──1xx──► Interim ──HEADERS, DATA (joined)──► Open ──END_STREAM──► Ended
//!               └──────────────────┴──────────RST_STREAM, connection end────────────────┘
//! ```

use crate::conn::Direction;
use crate::time::{Span, Timestamp};

/// Progress of one side's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing was seen.
    Waiting,
    /// Only interim heads were seen.
    Interim,
    /// Its head was seen, or body bytes of a message whose head was not captured.
    Open,
    /// The message is over.
    Ended,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Exchange within the connection.
    pub(super) number: u64,
    /// Of request and response, indexed by direction.
    progress: [Progress; 2],
    /// The capture lost bytes that may have ended this side.
    unsure: [bool; 2],
    /// How much the server may still send.
    pub(super) window: Window,
}

impl Stream {
    pub(super) fn new(number: u64, initial_window: i64) -> Self {
        Stream { number, progress: [Progress::Waiting; 2], unsure: [false; 2], window: Window::new(initial_window) }
    }

    pub(super) fn progress(&self, dir: Direction) -> Progress {
        self.progress[dir.index()]
    }

    /// Waiting → Interim.
    pub(super) fn interim(&mut self, dir: Direction) {
        self.progress[dir.index()] = Progress::Interim;
    }

    /// Any state but Ended → Open.
    pub(super) fn open(&mut self, dir: Direction) {
        self.progress[dir.index()] = Progress::Open;
    }

    /// → Ended. False if it was ended already.
    pub(super) fn end(&mut self, dir: Direction) -> bool {
        std::mem::replace(&mut self.progress[dir.index()], Progress::Ended) != Progress::Ended
    }

    /// Bytes of this side that were not captured may have contained its end.
    pub(super) fn lose(&mut self, dir: Direction) {
        self.unsure[dir.index()] = true;
    }

    pub(super) fn is_unsure(&self, dir: Direction) -> bool {
        self.unsure[dir.index()]
    }

    pub(super) fn is_over(&self) -> bool {
        self.progress == [Progress::Ended; 2]
    }
}

/// A flow-control window (RFC 9113 section 5.2), and since when it has been shut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    size: i64,
    shut: Option<Timestamp>,
}

impl Window {
    pub(super) fn new(size: i64) -> Self {
        Window { size, shut: None }
    }

    /// DATA used `n` bytes of it.
    pub(super) fn spend(&mut self, n: u32, at: Timestamp) {
        self.size = self.size.saturating_sub(i64::from(n));
        if self.size <= 0 && self.shut.is_none() {
            self.shut = Some(at);
        }
    }

    /// Since when it has been shut; `None` if it is open.
    pub(super) fn shut_since(self) -> Option<Timestamp> {
        self.shut
    }

    /// WINDOW_UPDATE or SETTINGS changed it by `n`. Returns how long it had been shut, if this opened it.
    pub(super) fn grow(&mut self, n: i64, at: Timestamp) -> Option<Span> {
        self.size = self.size.saturating_add(n);
        if self.size <= 0 {
            self.shut.get_or_insert(at);
            return None;
        }
        self.shut.take().map(|since| at.since(since))
    }
}
