//! Event streams as real parsers read them: the standard's algorithm with each parser's deviations as data.
//!
//! Transfer boundaries don't matter to these parsers, so the body is read in one run.

use memchr::memchr2;
use std::borrow::Cow;
use std::ops::ControlFlow;

/// One dispatched event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Event<'b> {
    /// The value of `event:`, if the event had one.
    pub(super) name: Option<Cow<'b, str>>,
    /// The data lines, joined with LF; none if the event had no such line. One line is a slice of the body.
    pub(super) data: Option<Cow<'b, str>>,
}

/// What a parser returns: an event, or why it gave up.
pub(super) type Said<'b> = Result<Event<'b>, String>;
/// Takes what the parser returns; a break ends the reading.
pub(super) type Take<'t, 'b> = dyn FnMut(Said<'b>) -> ControlFlow<()> + 't;

/// One parser: how it differs from the standard, point by point.
#[derive(Debug)]
pub(super) struct Sse {
    /// What separates events before lines are read.
    pub(super) split: Split,
    /// What happens to bytes that are not UTF-8.
    pub(super) utf8: Utf8,
    /// Where a byte order mark is removed.
    pub(super) mark: Mark,
    /// How field and value are separated.
    pub(super) colon: Colon,
    /// What a blank line dispatches.
    pub(super) blank: Blank,
    /// A CR at the very end is a line end at once, or only when it is known what follows.
    pub(super) last_cr: LastCr,
    /// What the end of a complete body does with an event that no blank line ended.
    pub(super) rest: Rest,
}

/// Separators that a parser looks for in the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Split {
    /// None: lines are read as they come.
    Lines,
    /// Lines are held back until one of these is seen, or the body is over.
    Held(&'static [&'static [u8]]),
    /// The bytes between two of these are one event, whatever blank lines they contain.
    Blocks(&'static [&'static [u8]]),
}

/// What happens to invalid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Utf8 {
    /// It becomes U+FFFD, as the standard says.
    Replaced,
    /// It is an exception.
    Raises,
}

/// What happens to a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is removed from the start of the stream, as the standard says.
    OffStream,
    /// It is removed from every line.
    OffLines,
    /// It stays, and makes the field name after it unknown.
    Stays,
    /// At the start of the stream it crashes the program.
    Crashes,
}

/// How field and value are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colon {
    /// One space after the colon is dropped; a line without a colon is a field without a value.
    Standard,
    /// One space after the colon is dropped; a line without a colon is not a field.
    Needed,
    /// All white space after the colon is dropped; a line without a colon is not a field.
    Trimming,
}

/// What is dispatched at a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// A block that had a data line (the standard).
    Data,
    /// A block that had a data line or a non-empty `event`.
    DataOrName,
    /// A block that had a data line, a non-empty `event`, a `retry`; and any block once an `id` was seen.
    AnyField,
    /// Every blank line.
    Always,
}

/// What a CR does at the end of the bytes that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastCr {
    /// It ends its line.
    Ends,
    /// It waits for an LF that may follow, for ever if nothing comes.
    Waits,
}

/// What happens to the current event when the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It is lost, as the standard says.
    Lost,
    /// It is dispatched.
    Dispatched,
}

/// WHATWG HTML, section 9.2.6.
pub(super) const STANDARD: Sse = Sse {
    split: Split::Lines,
    utf8: Utf8::Replaced,
    mark: Mark::OffStream,
    colon: Colon::Standard,
    blank: Blank::Data,
    last_cr: LastCr::Ends,
    rest: Rest::Lost,
};

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Sse {
    /// Two LF end an event.
    pub(super) fn ends_at_blank_lines(&self) -> bool {
        match self.split {
            Split::Lines => true,
            Split::Held(by) | Split::Blocks(by) => by.contains(&&b"\n\n"[..]),
        }
    }

    /// All events of a body. `complete`: its end was reached, so the parser's own end comes too.
    pub(super) fn read<'b>(&self, body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        if self.mark == Mark::Crashes && body.starts_with(BOM) {
            return take(Err("a byte order mark crashes the parser".into()));
        }
        let body = if self.mark == Mark::OffStream { body.strip_prefix(BOM).unwrap_or(body) } else { body };
        let mut block = Block { sse: self, event: Event::default(), id: false, retry: false };
        match self.split {
            Split::Lines => block.lines(body, complete, take),
            Split::Held(separators) => {
                let held = if complete {
                    body.len()
                } else {
                    Parts { rest: body, separators }.map(|(part, gap)| part.len() + gap).sum()
                };
                block.lines(&body[..held], complete, take)
            }
            Split::Blocks(separators) => {
                let mut read = 0;
                for (part, gap) in (Parts { rest: body, separators }) {
                    read += part.len() + gap;
                    block.whole(part, take)?;
                }
                if complete && self.rest == Rest::Dispatched {
                    block.whole(&body[read..], take)
                } else {
                    ControlFlow::Continue(())
                }
            }
        }
    }
}

/// The bytes before each separator, and the separator's length; the bytes after the last separator are left.
pub(super) struct Parts<'b> {
    pub(super) rest: &'b [u8],
    pub(super) separators: &'static [&'static [u8]],
}

impl<'b> Iterator for Parts<'b> {
    type Item = (&'b [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let mut from = 0;
        loop {
            let at = from + memchr2(b'\n', b'\r', &self.rest[from..])?;
            if let Some(s) = self.separators.iter().find(|s| self.rest[at..].starts_with(s)) {
                let part = &self.rest[..at];
                self.rest = &self.rest[at + s.len()..];
                return Some((part, s.len()));
            }
            from = at + 1;
        }
    }
}

/// The current block.
struct Block<'s, 'b> {
    sse: &'s Sse,
    event: Event<'b>,
    /// An `id` was seen in this block or an earlier one.
    id: bool,
    retry: bool,
}

impl<'b> Block<'_, 'b> {
    fn lines(&mut self, body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        let mut rest = body;
        if self.sse.last_cr == LastCr::Waits {
            rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        }
        while let Some(at) = memchr2(b'\n', b'\r', rest) {
            let line = &rest[..at];
            rest = &rest[at + 1 + usize::from(rest[at..].starts_with(b"\r\n"))..];
            self.line(line, take)?;
        }
        if complete && self.sse.rest == Rest::Dispatched {
            self.line(rest, take)?;
            self.blank(take)?;
        } else if complete && self.sse.utf8 == Utf8::Raises && std::str::from_utf8(rest).is_err() {
            // The rest is decoded too before it is lost.
            return take(Err("bytes that are not UTF-8".into()));
        }
        ControlFlow::Continue(())
    }

    /// A whole block: its blank lines mean nothing, its end dispatches.
    fn whole(&mut self, bytes: &'b [u8], take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            if at > 0 {
                self.line(&rest[..at], take)?;
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.blank(take)
    }

    fn line(&mut self, line: &'b [u8], take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        let line = if self.sse.mark == Mark::OffLines { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.blank(take);
        }
        match std::str::from_utf8(line) {
            Ok(text) => self.field(text, &|value| Cow::Borrowed(value)),
            Err(_) if self.sse.utf8 == Utf8::Replaced => {
                self.field(&String::from_utf8_lossy(line), &|value| Cow::Owned(value.to_owned()));
            }
            Err(_) => {
                take(Err("bytes that are not UTF-8".into()))?;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// A line. `keep` makes a value outlive it.
    fn field<'l>(&mut self, line: &'l str, keep: &dyn Fn(&'l str) -> Cow<'b, str>) {
        let (name, value) = match line.split_once(':') {
            Some(("", _)) => return,
            Some((name, value)) if self.sse.colon == Colon::Trimming => (name, value.trim_start()),
            Some((name, value)) => (name, value.strip_prefix(' ').unwrap_or(value)),
            None if self.sse.colon == Colon::Standard => (line, ""),
            None => return,
        };
        match name {
            "data" => match &mut self.event.data {
                // Parsers that check for earlier data take an empty first line for none.
                Some(data) if data.is_empty() && self.sse.colon != Colon::Standard => *data = keep(value),
                Some(data) => {
                    let data = data.to_mut();
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(keep(value)),
            },
            "event" => self.event.name = Some(keep(value)),
            "id" => self.id |= !value.is_empty() && !value.contains('\0'),
            "retry" => self.retry |= value.trim().parse::<i64>().is_ok(),
            _ => {}
        }
    }

    fn blank(&mut self, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        let event = std::mem::take(&mut self.event);
        let retry = std::mem::take(&mut self.retry);
        let named = event.name.as_ref().is_some_and(|n| !n.is_empty());
        let due = match self.sse.blank {
            Blank::Data => event.data.is_some(),
            Blank::DataOrName => event.data.is_some() || named,
            Blank::AnyField => event.data.is_some() || named || retry || self.id,
            Blank::Always => true,
        };
        if due {
            return take(Ok(event));
        }
        // Parsers that check the name keep one that is not enough to dispatch: an empty name applies to what follows.
        if matches!(self.sse.blank, Blank::DataOrName | Blank::AnyField) {
            self.event.name = event.name;
        }
        ControlFlow::Continue(())
    }
}
