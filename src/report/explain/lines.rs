//! A sample as lines for a reader: what was sent, by which side, and what happened between.

use crate::conn::Direction;
use crate::wire;

/// One line of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The side that sent it.
    pub(super) who: Who,
    /// The text; bytes that are not text are the escapes of `.wire`.
    pub(super) text: String,
    /// For a line of a body: the offset of its first byte in the body.
    pub(super) offset: Option<u64>,
}

/// The origin of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The client: part of the request.
    Client,
    /// The server: the head of the response.
    Head,
    /// The server: a line of the response's body.
    Body,
    /// Neither side: a remark about what happens.
    Note,
}

impl Line {
    /// Whether both lines have the same text and side, at any place.
    pub(super) fn says_the_same(&self, other: &Line) -> bool {
        (self.who, &self.text) == (other.who, &other.text)
    }
}

/// The lines of a transcript.
pub(super) fn of(sample: &str) -> Vec<Line> {
    let mut out = Lines::default();
    for line in sample.lines() {
        out.wire(line);
    }
    out.flush();
    out.lines
}

#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
    /// A line of the body that has not ended yet.
    open: String,
    /// Number of bytes of the body so far, and the offset at which the open line began.
    bytes: u64,
    began: u64,
}

impl Lines {
    fn wire(&mut self, line: &str) {
        let Some(sigil) = line.chars().next() else { return };
        let rest = &line[sigil.len_utf8()..];
        match sigil {
            '#' => self.note(rest.trim()),
            '@' => self.later(rest.trim()),
            '!' => self.happens(rest),
            '>' | '<' => self.sent(sigil, rest),
            _ => {}
        }
    }

    fn sent(&mut self, sigil: char, rest: &str) {
        let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let message = word.strip_prefix("chunk/").unwrap_or(word);
        match (sigil, word) {
            (_, "h2") => self.frame(sigil, text),
            ('<', _) if message.starts_with("aws") || message.starts_with("grpc") => self.message(message, text),
            ('>', _) if is_binary(text) => self.say(Who::Client, &letters(text)),
            ('>', _) => self.say(Who::Client, text),
            ('<', "") => self.say(Who::Head, text),
            ('<', "last") if text.is_empty() => self.note("the body ends"),
            ('<', "last") => self.note(&format!("the body ends, with the trailer {text}")),
            ('<', "json") => self.say(Who::Body, text),
            _ => self.body(text),
        }
    }

    /// A frame of HTTP/2: its content, or the effect that it has.
    fn frame(&mut self, sigil: char, frame: &str) {
        let mut words = frame.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, _stream, text) = (word(), word(), word());
        let (kind, message) = kind.split_once('/').map_or((kind, None), |(kind, message)| (kind, Some(message)));
        let (who, side) = if sigil == '>' { ("the client", Who::Client) } else { ("the server", Who::Head) };
        match (kind.split('+').next().unwrap_or_default(), message) {
            ("headers" | "continuation", _) => text.split(" | ").for_each(|field| self.say(side, field)),
            ("data", _) if sigil == '>' => self.say(side, text),
            ("data", Some(message)) => self.message(message, text),
            ("data", None) => self.body(text),
            ("rst", _) => self.note(&format!("{who} resets the stream: {text}")),
            ("goaway", _) => self.note(&format!("{who} goes away: {text}")),
            ("window_update", _) => self.note(&format!("{who} opens the window by {text} bytes")),
            // Preface and settings are not part of the answer.
            _ => {}
        }
    }

    /// A message that has its own length: one line, even if the bytes before it did not end their line.
    fn message(&mut self, word: &str, text: &str) {
        self.flush();
        let what = match word {
            "aws+exception" => "exception ",
            "aws+bad-crc" => "with a wrong checksum: ",
            _ => "",
        };
        self.open = format!("{what}{}", letters(text));
        let bytes = wire::parse(&format!("<{word} {text}"));
        self.bytes += bytes.map_or(0, |t| t.bytes(Direction::ToClient));
        self.end_line();
    }

    /// Bytes of the body: the escape `
    /// ` ends a line, unless the bytes are not text.
    fn body(&mut self, text: &str) {
        if is_binary(text) {
            self.bytes += wire_len(text);
            return self.open.push_str(&letters(text));
        }
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let token = &rest[..escape_len(rest).unwrap_or(c.len_utf8())];
            rest = &rest[token.len()..];
            self.bytes += wire_len(token);
            match token {
                "\\n" => self.end_line(),
                "\\\\" => self.open.push('\\'),
                other => self.open.push_str(other),
            }
        }
    }

    fn end_line(&mut self) {
        let (text, offset) = (std::mem::take(&mut self.open), Some(self.began));
        self.lines.push(Line { who: Who::Body, text, offset });
        self.began = self.bytes;
    }

    fn say(&mut self, who: Who, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.lines.push(Line { who, text: text.to_owned(), offset: None });
        }
    }

    fn note(&mut self, text: &str) {
        self.flush();
        self.lines.push(Line { who: Who::Note, text: text.to_owned(), offset: None });
    }

    /// A pause that is long enough to be mentioned.
    fn later(&mut self, by: &str) {
        let Some(by) = by.strip_prefix('+') else { return };
        let whole = by.strip_suffix('s').filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let millis = by.strip_suffix("ms").and_then(|n| n.parse::<u64>().ok()).filter(|n| *n >= 250);
        if let Some(seconds) = whole {
            self.note(&format!("{seconds} s later"));
        } else if let Some(millis) = millis {
            self.note(&format!("{millis} ms later"));
        }
    }

    fn happens(&mut self, what: &str) {
        let words = match what {
            "fin <" => "the server closes the connection",
            "rst <" => "the server resets the connection",
            "fin >" => "the client closes the connection",
            "rst >" => "the client resets the connection",
            "end" | "end <" => "the capture ends",
            "join" => "the capture begins here",
            _ => match what.strip_prefix("gap < ") {
                Some(n) => return self.note(&format!("{n} bytes were not captured")),
                None => return,
            },
        };
        self.note(words);
    }

    /// A line without line end is a line nevertheless.
    fn flush(&mut self) {
        if !self.open.is_empty() {
            self.end_line();
        }
    }
}

/// Whether these are frames of a binary framing, recognised by the zeros in their lengths.
fn is_binary(text: &str) -> bool {
    text.matches("\\0").count() > 2
}

/// The readable part of bytes: a dot replaces each run of bytes that are not letters.
fn letters(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let shown = match c {
            '\\' => {
                match chars.next() {
                    Some('x') => drop(chars.by_ref().take(2).count()),
                    Some('u') => drop(chars.by_ref().take_while(|c| *c != '}').count()),
                    _ => {}
                }
                '·'
            }
            c => c,
        };
        if shown != '·' || !out.ends_with('·') {
            out.push(shown);
        }
    }
    out
}

/// Length of the escape with which the text begins.
fn escape_len(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('\\')?;
    Some(match behind.chars().next()? {
        'x' => 4.min(text.len()),
        'u' => text.find('}').map_or(text.len(), |at| at + 1),
        c => 1 + c.len_utf8(),
    })
}

/// Number of bytes that a `.wire` text represents.
fn wire_len(text: &str) -> u64 {
    let (mut rest, mut bytes) = (text, 0);
    while let Some(c) = rest.chars().next() {
        let (taken, len) = match escape_len(rest) {
            Some(n) if rest.starts_with("\\u") => (n, 3),
            Some(n) => (n, 1),
            None => (c.len_utf8(), c.len_utf8()),
        };
        rest = &rest[taken..];
        bytes += len as u64;
    }
    bytes
}
