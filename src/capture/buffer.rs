//! Buffers the bytes of a capture: reads the source only if the current record is not whole, so that a pipe
//! never waits for a full buffer.

use std::io::{self, Read};
use std::ops::Range;

/// First size in bytes. The buffer grows only for a longer record, whose length the parsers limit.
const SIZE: usize = 1 << 20;

/// A window over a stream.
pub(super) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the (decompressed) stream of `bytes[start]`.
    offset: u64,
    over: Over,
}

/// Whether more bytes can come.
enum Over {
    /// More may come.
    No,
    /// The source ended without an error.
    Clean,
    /// The source failed.
    Failed(io::Error),
}

impl Buffer {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Buffer { source, bytes: Vec::new(), start: 0, end: 0, offset: 0, over: Over::No }
    }

    /// Read until `n` bytes are buffered; false if the source ends earlier.
    #[inline]
    pub(super) fn want(&mut self, n: usize) -> bool {
        while self.end - self.start < n {
            if !self.more(n) {
                return false;
            }
        }
        true
    }

    /// The buffered bytes.
    #[inline]
    pub(super) fn seen(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Consume `n` bytes (at most those that are buffered). They stay readable through the returned range
    /// until the next `want`.
    #[inline]
    pub(super) fn take(&mut self, n: usize) -> Range<usize> {
        let n = n.min(self.end - self.start);
        let range = self.start..self.start + n;
        self.start += n;
        self.offset += n as u64;
        range
    }

    /// The bytes of a range that `take` returned.
    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Offset in the stream of the first byte of `seen`.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The error that ended the source, if one did.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        match &self.over {
            Over::Failed(e) => Some(e),
            _ => None,
        }
    }

    /// Read once; false at the end.
    #[cold]
    fn more(&mut self, n: usize) -> bool {
        if !matches!(self.over, Over::No) {
            return false;
        }
        if self.start > 0
            && (self.start == self.end || self.bytes.len() - self.start < n || self.end == self.bytes.len())
        {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() < n.max(SIZE) {
            self.bytes.resize(n.max(SIZE), 0);
        }
        loop {
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.over = Over::Clean,
                Ok(got) => {
                    self.end += got.min(self.bytes.len() - self.end);
                    return true;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => self.over = Over::Failed(e),
            }
            return false;
        }
    }
}
