//! One block of an event stream: its state, and the effect of a blank line.

use super::line::{Field, line_separator};
use super::{
    BLANK_WITH_ID, BLOCK_WITHOUT_DATA, EMPTY_DATA, INVALID_UTF8, MERGED_EVENTS, MULTIPLE_DATA_LINES,
    RAW_LINE_SEPARATOR, Seen, Sse, Sync,
};
use crate::framing::carry::{self, MAX_RECORD};
use crate::framing::split::is_value;
use crate::framing::{Framed, Record, Sink, TOO_LONG};
use crate::oddity::excerpt;
use crate::time::Timestamp;
use std::borrow::Cow;

/// Longest document outside of fields that is kept.
const MAX_STRAY: usize = 64 << 10;

/// State of the current block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// A line of it was seen.
    pub(super) open: bool,
    pub(super) start: u64,
    pub(super) first_at: Timestamp,
    /// First field, comments skipped.
    pub(super) first: Option<Field>,
    /// The data so far, from `from` on (an unfinished line is taken over with its name). Unused while the
    /// only value is in the piece.
    pub(super) data: Vec<u8>,
    pub(super) from: usize,
    pub(super) data_lines: u64,
    /// Lines that are no fields, from one on that may begin a JSON document: what a server wrote without `data:`.
    pub(super) stray: Vec<u8>,
    /// Longer than the limit.
    pub(super) over: bool,
    /// Bytes that may be invalid UTF-8 or line separators were in the pieces.
    pub(super) suspect: bool,
}

impl Block {
    /// A line without a field name, in a block without data so far.
    pub(super) fn keep_stray(&mut self, line: &[u8]) {
        let begins = || matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
        if self.data_lines == 0 && (!self.stray.is_empty() || begins()) {
            let room = MAX_STRAY.saturating_sub(self.stray.len());
            self.stray.extend_from_slice(&line[..line.len().min(room)]);
            self.stray.push(b'\n');
            self.stray.truncate(MAX_STRAY);
        }
    }
}

impl Sse {
    /// A blank line: dispatches the event, if there is any.
    pub(super) fn blank(&mut self, single: Option<&[u8]>, seen: Seen, end: u64, sink: &mut Sink<'_>) {
        match self.sync {
            // The end of a line that began in the gap, or the blank line itself: the next line decides.
            Sync::Behind => return,
            Sync::Lost => self.sync = Sync::Held,
            Sync::Start | Sync::Held => {}
        }
        self.stray(seen.at, sink);
        if self.block.over {
            let found = format!("an event of more than {MAX_RECORD} bytes");
            self.odd(TOO_LONG, seen.at, self.block.start, found, sink);
        } else if self.block.data_lines > 0 {
            let joined = self.block.data.get(self.block.from..).unwrap_or_default();
            self.dispatch(single.unwrap_or(joined), seen, end, sink);
            self.opening = self.block.first;
            self.n += 1;
        } else if self.block.first.is_some() {
            let found = if self.event.is_empty() { Cow::Borrowed("") } else { format!("event {}", self.event).into() };
            self.odd(BLOCK_WITHOUT_DATA, seen.at, self.block.start, found, sink);
        } else if !self.id.is_empty() {
            self.odd(BLANK_WITH_ID, seen.at, self.line_start, "a blank line after an id, no event", sink);
        }
        self.reset();
    }

    fn dispatch(&self, data: &[u8], seen: Seen, end: u64, sink: &mut Sink<'_>) {
        let (block, at) = (&self.block, seen.at);
        let mut text = Cow::Borrowed(data);
        if block.data_lines > 1 {
            self.odd(MULTIPLE_DATA_LINES, at, block.start, format!("{} data lines", block.data_lines), sink);
            self.merged(data, at, sink);
        }
        if data.is_empty() {
            self.odd(EMPTY_DATA, at, block.start, "", sink);
        }
        if block.suspect {
            if let Some(i) = line_separator(data) {
                self.odd(RAW_LINE_SEPARATOR, at, block.start, excerpt(data.get(i..).unwrap_or_default()), sink);
            }
            if let Cow::Owned(repaired) = String::from_utf8_lossy(data) {
                self.odd(INVALID_UTF8, at, block.start, excerpt(data), sink);
                text = Cow::Owned(repaired.into_bytes());
            }
        }
        sink(Framed::Record(Record {
            n: self.n,
            at,
            first_at: block.first_at,
            frame: seen.frame,
            start: block.start,
            end,
            data: &text,
            event: &self.event,
            id: &self.id,
            exception: false,
        }));
    }

    /// Reports the document outside of fields, if the block has one.
    pub(super) fn stray(&mut self, at: Timestamp, sink: &mut Sink<'_>) {
        if !self.block.stray.is_empty() {
            let text = std::mem::take(&mut self.block.stray);
            sink(Framed::Stray { at, text: &text });
        }
    }

    /// Resets the block for the next one. The id is kept.
    pub(super) fn reset(&mut self) {
        let mut data = std::mem::take(&mut self.block.data);
        carry::clear(&mut data);
        self.block = Block { data, ..Block::default() };
        self.event.clear();
    }

    /// Reports an oddity if each line of this data is its own payload: they should be several events.
    pub(super) fn merged(&self, data: &[u8], at: Timestamp, sink: &mut Sink<'_>) {
        let lines = || data.split(|b| *b == b'\n');
        let payload = |line: &[u8]| line == b"[DONE]" || line.first() == Some(&b'{') && is_value(line);
        if lines().nth(1).is_some() && lines().all(payload) {
            self.odd(MERGED_EVENTS, at, self.block.start, format!("{} payloads in one event", lines().count()), sink);
        }
    }
}
