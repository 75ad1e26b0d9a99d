//! The chunked transfer coding (RFC 9112 section 7.1), one step at a time; bytes are borrowed from the
//! delivery.

use super::head::{Collected, HeadBuf};
use super::{BARE_LF, CHUNK_END, CHUNK_LINE, CHUNK_SIZE, HEAD_TOO_LONG};
use crate::conn::UNKNOWN_GAP;
use crate::http::event::Fields;
use crate::oddity::{Kind, excerpt};
use crate::time::Timestamp;

/// Longest chunk-size line, extensions included.
const MAX_LINE: usize = 16 * 1024;

/// ```text
///            ┌──────────── CRLF ─────────────┐
///            ▼                               │
///   ──▶ Size ──line, size > 0──▶ Data ──▶ DataEnd
///        └─────line, size = 0──▶ Trailers ──empty line──▶ (done)
/// ```
#[derive(Debug)]
enum State {
    /// Inside a chunk-size line. `line` buffers a size line that is split over deliveries; `Step::Start`
    /// borrows it.
    Size,
    /// Inside chunk data.
    Data { left: u64 },
    /// Before the line end after chunk data.
    DataEnd { cr: bool },
    /// After the last chunk.
    Trailers(HeadBuf),
}

/// One chunked body.
#[derive(Debug)]
pub(super) struct Dechunk {
    state: State,
    line: Vec<u8>,
    body: u64,
}

/// What a step found.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// Nothing to report yet; all bytes are consumed.
    More,
    /// A chunk begins.
    Start { len: u64, line: &'a [u8] },
    /// Chunk data, not empty.
    Data(&'a [u8]),
    /// A chunk is complete.
    End,
    /// The message is complete.
    Done(Option<Fields>),
    /// From here on the beginning of the next chunk is unknown.
    Lost,
    /// Nothing that follows can be read.
    Broken,
}

/// What a gap did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hole {
    /// The gap is inside chunks: number of body bytes, and whether a chunk is complete after it.
    Inside { bytes: u64, ends_chunk: bool },
    /// The zero chunk was seen and the gap is after it; `exact` if the next message starts right after the
    /// gap.
    AfterLast { exact: bool },
    /// The framing is lost.
    Lost,
}

impl Dechunk {
    /// Before the first size line.
    pub(super) fn new() -> Self {
        Dechunk { state: State::Size, line: Vec::new(), body: 0 }
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.line.capacity()
    }

    /// Body bytes so far, including those of gaps.
    pub(super) fn offset(&self) -> u64 {
        self.body
    }

    /// Consumes bytes up to the next step.
    pub(super) fn step<'a>(
        &'a mut self,
        bytes: &'a [u8],
        at: Timestamp,
        odd: &mut dyn FnMut(Kind, String),
    ) -> (usize, Step<'a>) {
        match &mut self.state {
            State::Size => self.size(bytes, odd),
            State::Data { left } => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= n as u64;
                self.body = self.body.saturating_add(n as u64);
                if *left == 0 {
                    self.state = State::DataEnd { cr: false };
                }
                (n, Step::Data(&bytes[..n]))
            }
            State::DataEnd { cr } => match (bytes.first(), *cr) {
                (Some(b'\r'), false) => {
                    *cr = true;
                    (1, Step::More)
                }
                (Some(b'\n'), cr) => {
                    if !cr {
                        odd(BARE_LF, "after chunk data".to_owned());
                    }
                    self.next_line();
                    (1, Step::End)
                }
                _ => {
                    odd(CHUNK_END, excerpt(&bytes[..bytes.len().min(20)]));
                    (0, Step::Lost)
                }
            },
            State::Trailers(head) => {
                let (used, collected) = head.take(bytes, at, false);
                match collected {
                    Collected::More | Collected::FirstLine => (used, Step::More),
                    Collected::Complete => (used, Step::Done(std::mem::take(head).into_trailers(odd))),
                    Collected::TooLong => {
                        odd(HEAD_TOO_LONG, "trailer section".to_owned());
                        (used, Step::Broken)
                    }
                }
            }
        }
    }

    /// `len` bytes of the wire are missing here.
    pub(super) fn gap(&mut self, len: u64) -> Hole {
        let (data, line_end) = match &self.state {
            State::Trailers(head) => return Hole::AfterLast { exact: head.seen().is_empty() && len == 2 },
            _ if len == UNKNOWN_GAP => return Hole::Lost,
            State::Data { left } => (*left, 2),
            State::DataEnd { cr } => (0, if *cr { 1 } else { 2 }),
            State::Size => return Hole::Lost,
        };
        let behind = len.saturating_sub(data);
        if behind > line_end {
            return Hole::Lost;
        }
        let bytes = len.min(data);
        self.body = self.body.saturating_add(bytes);
        self.state = match behind {
            0 if bytes < data => State::Data { left: data - bytes },
            0 => State::DataEnd { cr: line_end == 1 },
            n if n == line_end => State::Size,
            _ => State::DataEnd { cr: true },
        };
        let ends_chunk = matches!(self.state, State::Size);
        if ends_chunk {
            self.next_line();
        }
        Hole::Inside { bytes, ends_chunk }
    }

    fn next_line(&mut self) {
        self.state = State::Size;
        self.line.clear();
    }

    fn size<'a>(&'a mut self, bytes: &'a [u8], odd: &mut dyn FnMut(Kind, String)) -> (usize, Step<'a>) {
        let Some(lf) = memchr::memchr(b'\n', bytes) else {
            self.line.extend_from_slice(bytes);
            if self.line.len() > MAX_LINE {
                odd(CHUNK_SIZE, format!("a line of over {MAX_LINE} bytes: {}", excerpt(&self.line[..80])));
                return (bytes.len(), Step::Broken);
            }
            return (bytes.len(), Step::More);
        };
        let used = lf + 1;
        let line = if self.line.is_empty() {
            &bytes[..used]
        } else {
            self.line.extend_from_slice(&bytes[..used]);
            &self.line[..]
        };
        let bare = !line.ends_with(b"\r\n");
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if bare {
            odd(BARE_LF, format!("chunk-size line {}", excerpt(text)));
        }
        let Some((len, fine)) = parse_size(text) else {
            odd(CHUNK_SIZE, excerpt(text));
            return (used, Step::Broken);
        };
        if !fine {
            odd(CHUNK_LINE, excerpt(text));
        }
        if len == 0 {
            self.state = State::Trailers(HeadBuf::default());
            return (used, Step::More);
        }
        self.state = State::Data { left: len };
        let plain = text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && text.first() != Some(&b'0');
        (used, Step::Start { len, line: if plain { b"" } else { text } })
    }
}

/// Size of a line without its end, and whether the line follows the grammar: 1*HEXDIG, then extensions after
/// `;`.
fn parse_size(line: &[u8]) -> Option<(u64, bool)> {
    let text = skip_blanks(line);
    let digits = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 {
        return None;
    }
    let mut size = 0u64;
    for b in &text[..digits] {
        let digit = (*b as char).to_digit(16)?;
        size = size.checked_mul(16)?.checked_add(u64::from(digit))?;
    }
    let rest = &text[digits..];
    let extension = skip_blanks(rest);
    match extension.first() {
        None => Some((size, rest.is_empty() && digits == line.len())),
        Some(b';') => Some((size, text.len() == line.len() && extensions_are_fine(extension))),
        Some(_) => None,
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS value ] )` of RFC 9112 section 7.1.1.
fn extensions_are_fine(mut rest: &[u8]) -> bool {
    let token =
        |text: &[u8]| text.iter().take_while(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b)).count();
    loop {
        rest = skip_blanks(rest);
        let Some(after) = rest.strip_prefix(b";") else { return rest.is_empty() };
        rest = skip_blanks(after);
        let name = token(rest);
        if name == 0 {
            return false;
        }
        rest = skip_blanks(&rest[name..]);
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = skip_blanks(value);
        rest = match value.strip_prefix(b"\"") {
            Some(quoted) => match quoted_end(quoted) {
                Some(end) => &quoted[end..],
                None => return false,
            },
            None => match token(value) {
                0 => return false,
                n => &value[n..],
            },
        };
    }
}

/// BWS: spaces and tabs, no line ends.
fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    &text[blanks..]
}

/// Index after the closing quote.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (n, b) in text.iter().enumerate() {
        match (b, escaped) {
            (_, true) => escaped = false,
            (b'\\', false) => escaped = true,
            (b'"', false) => return Some(n + 1),
            (b, false) if *b != b'\t' && (*b < b' ' || *b == 0x7f) => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size(b"1a"), Some((26, true)));
        assert_eq!(parse_size(b"000"), Some((0, true)));
        assert_eq!(parse_size(b"A;x;y=z;q=\"a;\\\"b\""), Some((10, true)));
        assert_eq!(parse_size(b"5 "), Some((5, false)));
        assert_eq!(parse_size(b" 5"), Some((5, false)));
        assert_eq!(parse_size(b"5;"), Some((5, false)));
        assert_eq!(parse_size(b"5 ; a = b"), Some((5, true)));
        assert_eq!(parse_size(b"ffffffffffffffff"), Some((u64::MAX, true)));
        for bad in [&b""[..], b"-5", b"0x5", b"5x", b"10000000000000000", b"5\r", b"5\r;a", b";a=b", b"xyz"] {
            assert_eq!(parse_size(bad), None, "{}", excerpt(bad));
        }
    }

    #[test]
    fn holes_by_where_they_end() {
        let inside = |bytes, ends_chunk| Hole::Inside { bytes, ends_chunk };
        let table = [
            (4, inside(4, false)),
            (5, inside(5, false)),
            (6, inside(5, false)),
            (7, inside(5, true)),
            (8, Hole::Lost),
        ];
        for (len, expected) in table {
            let mut body = Dechunk { state: State::Data { left: 5 }, line: Vec::new(), body: 0 };
            assert_eq!(body.gap(len), expected, "{len}");
        }
        assert_eq!(Dechunk::new().gap(1), Hole::Lost);
        let mut body = Dechunk { state: State::DataEnd { cr: true }, line: Vec::new(), body: 0 };
        assert_eq!(body.gap(1), inside(0, true));
    }
}
