//! One HTTP/2 stream as a listener sees it, and the flow-control windows around it.
//!
//! ```text
//! per side:  Waiting ──1xx──► Interim ──HEADERS, DATA (joined)──► Open ──END_STREAM──► Ended
//!               └──────────────────┴──────────RST_STREAM, connection end────────────────┘
//! ```

use crate::conn::Direction;
use crate::time::{Span, Timestamp};

/// How far one side's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing of it.
    Waiting,
    /// Interim heads, and nothing else.
    Interim,
    /// Its head, or body bytes of one whose head was not captured.
    Open,
    /// Over.
    Ended,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Exchange within the connection.
    pub(super) number: u64,
    /// Of request and response: index by direction.
    progress: [Progress; 2],
    /// The capture lost bytes that may have told the end of this side.
    unsure: [bool; 2],
    /// What the server may still send.
    pub(super) window: Window,
}

impl Stream {
    pub(super) fn new(number: u64, initial_window: i64) -> Self {
        Stream { number, progress: [Progress::Waiting; 2], unsure: [false; 2], window: Window::new(initial_window) }
    }

    pub(super) fn progress(&self, dir: Direction) -> Progress {
        self.progress[dir.index()]
    }

    /// → Interim.
    pub(super) fn interim(&mut self, dir: Direction) {
        self.progress[dir.index()] = Progress::Interim;
    }

    /// → Open.
    pub(super) fn open(&mut self, dir: Direction) {
        self.progress[dir.index()] = Progress::Open;
    }

    /// → Ended. False where it was already.
    pub(super) fn end(&mut self, dir: Direction) -> bool {
        std::mem::replace(&mut self.progress[dir.index()], Progress::Ended) != Progress::Ended
    }

    /// Bytes of this side that were not captured may have held its end.
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

    /// DATA used it up by `n`.
    pub(super) fn spend(&mut self, n: u32, at: Timestamp) {
        self.size = self.size.saturating_sub(i64::from(n));
        if self.size <= 0 && self.shut.is_none() {
            self.shut = Some(at);
        }
    }

    /// When it shut, while it is shut.
    pub(super) fn shut_since(self) -> Option<Timestamp> {
        self.shut
    }

    /// WINDOW_UPDATE or SETTINGS changed it by `n`. For how long it had been shut, if this opened it.
    pub(super) fn grow(&mut self, n: i64, at: Timestamp) -> Option<Span> {
        self.size = self.size.saturating_add(n);
        if self.size <= 0 {
            self.shut.get_or_insert(at);
            return None;
        }
        self.shut.take().map(|since| at.since(since))
    }
}
