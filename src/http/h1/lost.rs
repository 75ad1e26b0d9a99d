//! A direction whose framing is lost: bytes are kept until a chunk boundary is proven or a delivery starts a message.

use super::resync::Boundaries;
use crate::conn::Stamp;
use crate::http::backlog::{Backlog, Item};
use crate::http::event::Side;

/// State of a direction without framing.
#[derive(Debug)]
pub(super) struct Lost {
    /// The message that is still open.
    pub(super) message: Option<u64>,
    /// The sender broke the framing; the capture lacks nothing.
    pub(super) broken: bool,
    /// The exchange that the next response would have answered when the first of these bytes came. Outer
    /// `None`: no byte yet.
    pub(super) expected: Option<Option<u64>>,
    /// Bytes since the framing was lost, while chunks are looked for.
    pub(super) backlog: Backlog,
    boundaries: Option<Boundaries>,
    /// The bytes before the boundary belong to a chunk of the open message.
    tail: bool,
}

impl Lost {
    /// The capture joined a connection under way. Requests are rarely chunked: only heads are looked for in
    /// them.
    pub(super) fn joined(side: Side) -> Self {
        Lost::new(None, side == Side::Response, false, false)
    }

    /// Bytes are missing. `in_body`: inside the chunked body of the open message.
    pub(super) fn gap(message: Option<u64>, chunks: bool, in_body: bool) -> Self {
        Lost::new(message, chunks, false, chunks && in_body)
    }

    /// A chunk did not end at its announced length.
    pub(super) fn broken(message: u64) -> Self {
        Lost::new(Some(message), true, true, false)
    }

    /// Bytes that do not start a message.
    pub(super) fn strayed() -> Self {
        Lost::new(None, false, true, false)
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        size_of::<Lost>() + self.backlog.memory() + self.boundaries.as_ref().map_or(0, Boundaries::held)
    }

    fn new(message: Option<u64>, chunks: bool, broken: bool, tail: bool) -> Self {
        Lost {
            message,
            broken,
            expected: None,
            backlog: Backlog::default(),
            boundaries: chunks.then(Boundaries::default),
            tail,
        }
    }

    /// More bytes. Returns the offset of a chunk-size line in `backlog`, once one is proven.
    pub(super) fn data(&mut self, stamp: Stamp, bytes: &[u8], expected: Option<u64>) -> Option<u64> {
        self.expected.get_or_insert(expected);
        let boundaries = self.boundaries.as_mut()?;
        self.backlog.push(0, stamp, Item::Data(bytes));
        let found = boundaries.search(&self.backlog);
        if found.is_none() {
            self.backlog.trim();
        }
        found
    }

    /// More bytes are missing.
    pub(super) fn gap_more(&mut self, stamp: Stamp, len: u64) {
        if self.boundaries.is_some() {
            self.backlog.push(0, stamp, Item::Gap(len));
            self.backlog.trim();
        }
    }

    /// From here on only heads are looked for.
    pub(super) fn stop_looking(&mut self) {
        self.boundaries = None;
        self.backlog = Backlog::default();
    }

    /// Body bytes before the boundary: the end of a chunk whose beginning is missing, without the line end
    /// after it.
    pub(super) fn tail(&self, boundary: u64) -> impl Iterator<Item = (Stamp, &[u8])> {
        let whole = self.tail && !self.backlog.evicted();
        let end = boundary.saturating_sub(2);
        let mut at = self.backlog.start();
        self.backlog.from(at).map_while(move |(_, stamp, item)| match item {
            Item::Data(data) if whole && at < end => {
                let n = (end - at).min(data.len() as u64) as usize;
                at += data.len() as u64;
                Some((stamp, &data[..n]))
            }
            _ => None,
        })
    }
}
