//! One HTTP/2 stream as a listener sees it, and the flow-control windows around it.
//!
//! ```text
//! per side:  Waiting ──HEADERS──► Open ──END_STREAM──► Ended
//!               └────────RST_STREAM, connection end────────┘
//! ```

use crate::time::{Span, Timestamp};

/// How far one side's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No final head yet.
    Waiting,
    /// Head seen.
    Open,
    /// Over.
    Ended,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Exchange within the connection.
    pub(super) number: u64,
    pub(super) request: Progress,
    pub(super) response: Progress,
    /// What the server may still send.
    pub(super) window: Window,
}

impl Stream {
    pub(super) fn new(number: u64, initial_window: i64) -> Self {
        let window = Window::new(initial_window);
        Stream { number, request: Progress::Waiting, response: Progress::Waiting, window }
    }

    pub(super) fn is_over(&self) -> bool {
        self.request == Progress::Ended && self.response == Progress::Ended
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
        self.size -= i64::from(n);
        if self.size <= 0 && self.shut.is_none() {
            self.shut = Some(at);
        }
    }

    /// WINDOW_UPDATE or SETTINGS changed it by `n`. For how long it had been shut, if this opened it.
    pub(super) fn grow(&mut self, n: i64, at: Timestamp) -> Option<Span> {
        self.size = self.size.saturating_add(n);
        if self.size <= 0 {
            return None;
        }
        self.shut.take().map(|since| at.since(since))
    }
}
