//! How a client gets from body bytes to events: a parser of event streams, or one of the simple loops that many
//! programs contain.

use super::sse::{Blank, Event, Rest, Sse, Take};
use super::stream::Stream;
use std::borrow::Cow;
use std::ops::ControlFlow;

/// From bytes to events.
#[derive(Debug)]
pub(super) enum Framing {
    /// A parser of event streams.
    Sse(Sse),
    /// A loop over lines or blocks that looks for a prefix.
    Loop(Loop),
    /// The client's own function.
    Own(Own),
}

/// Arguments: the body, whether it is complete, where events go.
pub(super) type Own = for<'b> fn(&'b [u8], bool, &mut Take<'_, 'b>) -> ControlFlow<()>;

/// `for line in body.split(…): if line.startswith("data: "): …`
#[derive(Debug)]
pub(super) struct Loop {
    /// Where it cuts.
    pub(super) cut: Cut,
    /// What a line must begin with; the rest of it is the data.
    pub(super) prefix: &'static str,
    /// What happens to lines without the prefix.
    pub(super) others: Others,
    /// Each transfer unit is read separately, as if no line ever spanned two.
    pub(super) by_unit: bool,
    /// What happens to the rest at the end of a complete body.
    pub(super) rest: Rest,
    /// It fails after more than this many lines without data in a row.
    pub(super) patience: Option<u32>,
    /// Invalid UTF-8 raises.
    pub(super) strict: bool,
    /// A byte order mark at the start is removed.
    pub(super) unmarks: bool,
}

/// Where a loop cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// At LF.
    Lf,
    /// At LF, CR, CRLF.
    Lines,
    /// At everything that Python's `str.splitlines` takes for a line end.
    Unicode,
    /// At two LF.
    DoubleLf,
}

/// What happens to lines without the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They are skipped.
    Skipped,
    /// They are data too, unless blank or a comment.
    Data,
}

/// Bytes that one read of a socket can bring at most; a longer unit comes in several reads.
const READ: usize = 64 << 10;

impl Framing {
    /// All events of what was delivered. `complete`: the body's end was reached.
    pub(super) fn read<'b>(&self, stream: &Stream, body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) {
        let _ = match self {
            Framing::Sse(sse) => sse.read(body, complete, take),
            Framing::Loop(l) => l.read(stream, body, complete, take),
            Framing::Own(read) => read(body, complete, take),
        };
    }
}

/// The payloads of a body in which each event is one line `data: …` and a blank line, and nothing else occurs that
/// parsers read differently: no CR, no byte order mark, no invalid UTF-8, no line end of Unicode, no space before a
/// payload, nothing behind the last blank line. None if the body is of another kind.
pub(super) fn plain(body: &[u8]) -> Option<Vec<&str>> {
    // What Unicode or Python take for a line end, or `trim` for a space, begins with one of these bytes.
    let odd = |b: &u8| matches!(b, 0..=0x09 | 0x0b..=0x1f | 0xc2 | 0xe1 | 0xe2 | 0xe3 | 0xef);
    let text = std::str::from_utf8(body).ok()?;
    if body.iter().any(odd) && text.chars().any(|c| c != '\n' && (c.is_whitespace() && c != ' ' || is_mark(c))) {
        return None;
    }
    let events = text.strip_suffix("\n\n")?.split("\n\n");
    events.map(|e| e.strip_prefix("data: ").filter(|p| !p.starts_with(' ') && !p.contains('\n'))).collect()
}

fn is_mark(c: char) -> bool {
    c == '\u{feff}' || c.is_control()
}

/// What a parser makes of a plain body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfPlain {
    /// The payloads.
    Payloads,
    /// The payloads with the space before each.
    Spaced,
    /// It has to be read.
    Unknown,
}

impl Framing {
    /// What it makes of a body that is [`plain`].
    pub(super) fn of_plain(&self) -> OfPlain {
        match self {
            // The end of the body would dispatch once more.
            Framing::Sse(Sse { blank: Blank::Always, rest: Rest::Dispatched, .. }) => OfPlain::Unknown,
            Framing::Sse(sse) if sse.ends_at_blank_lines() => OfPlain::Payloads,
            Framing::Loop(l) if !l.by_unit && l.patience.is_none_or(|lines| lines > 0) => match l.prefix {
                "data: " => OfPlain::Payloads,
                "data:" => OfPlain::Spaced,
                _ => OfPlain::Unknown,
            },
            Framing::Sse(_) | Framing::Loop(_) | Framing::Own(_) => OfPlain::Unknown,
        }
    }
}

impl Loop {
    fn read<'b>(&self, stream: &Stream, body: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        if self.by_unit {
            for unit in &stream.units {
                for read in body.get(unit.clone()).unwrap_or_default().chunks(READ) {
                    // One decoder reads them all: a byte order mark that begins a later read is text.
                    let unmarks = self.unmarks && unit.start == 0;
                    Loop { unmarks, ..*self }.run(read, true, take)?;
                }
            }
            return ControlFlow::Continue(());
        }
        self.run(body, complete, take)
    }

    fn run<'b>(&self, bytes: &'b [u8], complete: bool, take: &mut Take<'_, 'b>) -> ControlFlow<()> {
        // Strict readers decode line by line: they still read what is before the bad bytes.
        let (text, broken) = match std::str::from_utf8(bytes) {
            Err(e) if self.strict => (String::from_utf8_lossy(&bytes[..e.valid_up_to()]), true),
            Ok(text) => (Cow::Borrowed(text), false),
            Err(_) => (String::from_utf8_lossy(bytes), false),
        };
        match text {
            Cow::Borrowed(text) => self.pieces(text, (broken, complete), &|data| Cow::Borrowed(data), take),
            Cow::Owned(text) => self.pieces(&text, (broken, complete), &|data| Cow::Owned(data.to_owned()), take),
        }
    }

    /// The pieces of a text. `keep` makes one outlive it.
    fn pieces<'l, 'b>(
        &self,
        text: &'l str,
        (broken, complete): (bool, bool),
        keep: &dyn Fn(&'l str) -> Cow<'b, str>,
        take: &mut Take<'_, 'b>,
    ) -> ControlFlow<()> {
        let text = if self.unmarks { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let mut pieces = Pieces { cut: self.cut, text, start: 0 };
        let mut idle = 0;
        for piece in pieces.by_ref() {
            idle = if piece.starts_with(self.prefix) { 0 } else { idle + 1 };
            if self.patience.is_some_and(|p| idle > p) {
                return take(Err(format!("more than {} lines without data", idle - 1)));
            }
            self.data(piece).map_or(ControlFlow::Continue(()), |data| take(Ok(event(keep(data)))))?;
        }
        if broken {
            return take(Err("bytes that are not UTF-8".into()));
        }
        let rest = &text[pieces.start..];
        match self.data(rest).filter(|_| complete && self.rest == Rest::Dispatched && !rest.is_empty()) {
            Some(data) => take(Ok(event(keep(data)))),
            None => ControlFlow::Continue(()),
        }
    }

    /// The data of a piece; none if it is skipped.
    fn data<'l>(&self, piece: &'l str) -> Option<&'l str> {
        match (piece.strip_prefix(self.prefix), self.others) {
            (Some(data), _) => Some(data),
            (None, Others::Data) if !piece.trim().is_empty() && !piece.starts_with(':') => Some(piece),
            _ => None,
        }
    }
}

fn event(data: Cow<'_, str>) -> Event<'_> {
    Event { name: None, data: Some(data) }
}

/// The text before each cut; the text after the last cut is left at `start`.
struct Pieces<'t> {
    cut: Cut,
    text: &'t str,
    start: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let (at, len) = self.cut.find(self.text, self.start)?;
        let piece = &self.text[self.start..at];
        self.start = at + len;
        Some(piece)
    }
}

impl Cut {
    /// The next place where it cuts, and how many bytes go with it.
    fn find(self, text: &str, from: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        let end = |at: usize| if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
        match self {
            Cut::Lf => Some((from + memchr::memchr(b'\n', &bytes[from..])?, 1)),
            Cut::DoubleLf => Some((from + text[from..].find("\n\n")?, 2)),
            Cut::Lines => {
                let at = from + memchr::memchr2(b'\n', b'\r', &bytes[from..])?;
                Some((at, end(at)))
            }
            Cut::Unicode => {
                const ENDS: [char; 10] =
                    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
                let at = from + text[from..].find(ENDS)?;
                Some((at, text[at..].chars().next().map_or(1, char::len_utf8).max(end(at))))
            }
        }
    }
}
