//! From text to a transcript. Errors give the author of a fixture the line, what is wrong with it, and what
//! to write instead.

use super::escape::unescape;
use super::{Event, START, Transcript, What, h2, message};
use crate::conn::{Direction, End};
use crate::oddity::Kind;
use crate::time::{Span, Timestamp};
use std::fmt;

/// Why a text is not a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; write {}", self.line, self.what, self.instead)
    }
}

impl std::error::Error for WireError {}

/// Whether a text begins as a transcript does: its first line that is neither empty nor a comment is one of a
/// transcript.
pub fn begins(text: &str) -> bool {
    let first = without_mark(text).lines().find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| Parser::default().line(line).is_ok())
}

/// A transcript from its text. A byte order mark before it is skipped.
pub fn parse(text: &str) -> Result<Transcript, WireError> {
    let text = without_mark(text);
    let mut parser = Parser::default();
    for (n, line) in text.lines().enumerate() {
        parser.line(line).map_err(|(what, instead)| WireError { line: n + 1, what, instead: instead.into() })?;
    }
    Ok(parser.finish())
}

/// Some editors put a byte order mark before a text.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// What is wrong with a line, and what to write instead.
pub(super) type Wrong = (String, &'static str);

const DIRECTIVES: &str = "!join, !syn, !gap < N, !tcp < WHAT, !fin <, !rst >, !idle <, !end, !end < or !stay";
const LINES: &str = "`> text`, `>| text`, `>chunk text`, `>last`, `>json {…}`, `>h2 FRAME …`, `>aws NAME {…}`, `>grpc \
    text` (or the same with <), \
                     `@ +20ms`, `!fin <`, or `# comment`";

#[derive(Debug)]
struct Parser {
    now: Timestamp,
    events: Vec<Event>,
    delivery: Vec<u8>,
    delivery_dir: Direction,
    ended: [bool; 2],
    /// Ends are not implied: a reset ended both directions, or the text has `!stay`.
    no_fin: bool,
    stayed: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Parser {
            now: START,
            events: Vec::new(),
            delivery: Vec::new(),
            delivery_dir: Direction::ToServer,
            ended: [false; 2],
            no_fin: false,
            stayed: false,
        }
    }
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), Wrong> {
        if line.ends_with(char::is_whitespace) {
            return Err((
                "white space at the end of the line, which editors remove".into(),
                "\\x20 for a space that counts, `>` or `<` alone for an empty line",
            ));
        }
        let Some(sigil) = line.chars().next() else {
            self.deliver();
            return Ok(());
        };
        let rest = &line[sigil.len_utf8()..];
        match sigil {
            '#' => Ok(()),
            '@' => {
                self.deliver();
                self.now = moved(self.now, rest)?;
                Ok(())
            }
            '!' => {
                self.deliver();
                self.directive(rest)
            }
            '>' => self.bytes(Direction::ToServer, rest),
            '<' => self.bytes(Direction::ToClient, rest),
            _ => Err((format!("a line that begins with {sigil:?}"), LINES)),
        }
    }

    /// A line after its `>` or `<`.
    fn bytes(&mut self, dir: Direction, rest: &str) -> Result<(), Wrong> {
        let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let bytes = match word {
            "" => [&unescape(text)?[..], b"\r\n"].concat(),
            "|" => unescape(text)?,
            "last" if text.is_empty() => b"0\r\n\r\n".to_vec(),
            "last" => [b"0\r\n", &unescape(text)?[..], b"\r\n\r\n"].concat(),
            "json" => {
                let data = unescape(text)?;
                let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", data.len());
                [head.as_bytes(), &data].concat()
            }
            "h2" => h2::bytes(text)?,
            word if message::is_one(word) => message::bytes(word, text)?,
            _ => match word.strip_prefix("chunk") {
                Some(inside) if inside.starts_with('/') => chunk("", &message::bytes(&inside[1..], text)?)?,
                Some(extension) if extension.is_empty() || extension.starts_with(';') => {
                    chunk(extension, &unescape(text)?)?
                }
                _ => return Err((format!("{word:?} after the arrow"), LINES)),
            },
        };
        if !self.delivery.is_empty() && self.delivery_dir != dir {
            self.deliver();
        }
        self.may_go_on(dir)?;
        self.delivery_dir = dir;
        self.delivery.extend_from_slice(&bytes);
        Ok(())
    }

    /// A directive after its `!`.
    fn directive(&mut self, rest: &str) -> Result<(), Wrong> {
        let mut words = rest.split_ascii_whitespace();
        match (words.next().unwrap_or(""), words.next(), words.next(), words.next()) {
            (word @ ("join" | "syn"), None, ..) => {
                if !self.events.is_empty() {
                    return Err((
                        format!("!{word} after something else"),
                        "it as the first line that is neither comment nor time",
                    ));
                }
                self.open(word == "join");
            }
            ("gap", Some(dir), Some(len), None) => {
                let len = len.parse::<u64>().ok().filter(|n| *n > 0);
                let len =
                    len.ok_or_else(|| ("a gap without a length".to_owned(), "a number of bytes, as in `!gap < 120`"))?;
                let dir = direction(dir)?;
                self.may_go_on(dir)?;
                self.push(dir, What::Gap(len));
            }
            ("tcp", Some(dir), Some(what), None) if what.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {
                self.push(direction(dir)?, What::Odd(Kind::named(&format!("tcp.{what}"))));
            }
            ("fin", Some(dir), None, _) => self.end(direction(dir)?, End::Fin)?,
            ("rst", Some(dir), None, _) => {
                self.end(direction(dir)?, End::Reset)?;
                self.no_fin = true;
            }
            ("idle", Some(dir), None, _) => self.end(direction(dir)?, End::Idle)?,
            ("end", Some(dir), None, _) => self.end(direction(dir)?, End::Capture)?,
            ("end", None, ..) => self.end_rest(End::Capture),
            ("stay", None, ..) => {
                self.open(false);
                self.no_fin = true;
                self.stayed = true;
            }
            _ => return Err((format!("unknown directive !{rest}"), DIRECTIVES)),
        }
        Ok(())
    }

    /// The current delivery is complete.
    fn deliver(&mut self) {
        if !self.delivery.is_empty() {
            let bytes = std::mem::take(&mut self.delivery);
            self.push(self.delivery_dir, What::Data(bytes));
        }
    }

    fn push(&mut self, dir: Direction, what: What) {
        self.open(false);
        self.events.push(Event { at: self.now, dir, what });
    }

    fn open(&mut self, joined: bool) {
        if self.events.is_empty() {
            self.events.push(Event { at: self.now, dir: Direction::ToServer, what: What::Open { joined } });
        }
    }

    fn end(&mut self, dir: Direction, end: End) -> Result<(), Wrong> {
        self.may_go_on(dir)?;
        self.ended[dir.index()] = true;
        self.push(dir, What::End(end));
        Ok(())
    }

    /// Every direction that has no end yet; the server's first, as after a complete answer.
    fn end_rest(&mut self, end: End) {
        for dir in [Direction::ToClient, Direction::ToServer] {
            if !std::mem::replace(&mut self.ended[dir.index()], true) {
                self.push(dir, What::End(end));
            }
        }
    }

    fn may_go_on(&self, dir: Direction) -> Result<(), Wrong> {
        if self.stayed {
            return Err(("something after !stay".into(), "!stay as the last line"));
        }
        match self.ended[dir.index()] {
            true => Err(("something after the end of this direction".into(), "the end after it")),
            false => Ok(()),
        }
    }

    fn finish(mut self) -> Transcript {
        self.deliver();
        if !self.no_fin && !self.events.is_empty() {
            self.end_rest(End::Fin);
        }
        Transcript { events: self.events }
    }
}

/// One HTTP/1.1 chunk (RFC 9112 section 7.1) with this extension.
fn chunk(extension: &str, data: &[u8]) -> Result<Vec<u8>, Wrong> {
    if data.is_empty() {
        return Err(("a chunk without data, which would be the last one".into(), "`<last`"));
    }
    let size = format!("{:x}", data.len());
    Ok([size.as_bytes(), &unescape(extension)?, b"\r\n", data, b"\r\n"].concat())
}

fn direction(word: &str) -> Result<Direction, Wrong> {
    match word {
        ">" => Ok(Direction::ToServer),
        "<" => Ok(Direction::ToClient),
        other => {
            Err((format!("{other:?} is not a direction"), "< for what the server sent, > for what the client sent"))
        }
    }
}

/// A time after its `@`: a step or an instant.
fn moved(now: Timestamp, rest: &str) -> Result<Timestamp, Wrong> {
    let word = rest.trim();
    let wrong = || {
        (
            format!("{word:?} is not a time"),
            "a step such as `+20ms` (s, ms, us, ns; whole numbers) or an instant such as `2026-01-01T00:00:00Z`",
        )
    };
    let (sign, step) = match word.split_at_checked(1) {
        Some(("+", step)) => (1, step),
        Some(("-", step)) => (-1, step),
        _ => {
            let instant = chrono::DateTime::parse_from_rfc3339(word).ok().and_then(|t| t.timestamp_nanos_opt());
            return instant.map(Timestamp).ok_or_else(wrong);
        }
    };
    let digits = step.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &step[digits.len()..] {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        _ => return Err(wrong()),
    };
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let nanos =
        Some(digits).filter(|_| all_digits).and_then(|d| d.parse::<i64>().ok()).and_then(|n| n.checked_mul(unit));
    Ok(now.plus(Span(sign * nanos.ok_or_else(wrong)?)))
}
