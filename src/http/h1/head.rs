//! Heads: collected line by line, parsed by `httparse` if they are well formed and by a lenient splitter if
//! not.

use super::start_line::{malformed_request_line, request_line, status_line};
use super::{
    BARE_CR, BARE_LF, BLANK_LINES, FIELD_LINE, MAX_HEAD, OBS_FOLD, SPACE_BEFORE_COLON, START_LINE, TRAILER_FIELD,
    VERSION,
};
use crate::http::event::{Fields, RequestHead, ResponseHead, Side, Transfer, Version};
use crate::oddity::{Kind, excerpt};
use crate::time::Timestamp;
use std::ops::Range;

/// Fields about framing, routing and content that must not come after the body (RFC 9110 section 6.5.1).
const NO_TRAILER: [&[u8]; 6] =
    [b"content-length", b"transfer-encoding", b"host", b"trailer", b"content-encoding", b"content-type"];

/// A head or trailer section while its bytes arrive.
#[derive(Debug, Default)]
pub(super) struct HeadBuf {
    raw: Vec<u8>,
    line_start: usize,
    lines: usize,
    bare_lf: bool,
    blank: u32,
    first_at: Timestamp,
}

/// State of a head after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collected {
    /// All bytes are consumed and the head is not complete.
    More,
    /// The first line is complete; the caller may inspect it.
    FirstLine,
    /// The empty line has come.
    Complete,
    /// Over the limit.
    TooLong,
}

impl HeadBuf {
    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.raw.capacity()
    }

    /// A head that was collected before.
    pub(super) fn of(raw: &[u8], first_at: Timestamp) -> HeadBuf {
        let lines = memchr::memchr_iter(b'\n', raw).count();
        HeadBuf { raw: raw.to_vec(), lines, first_at, ..HeadBuf::default() }
    }

    /// Consumes bytes up to the next state to report. Skips empty lines before the first line if `start_line`
    /// is expected.
    pub(super) fn take(&mut self, bytes: &[u8], at: Timestamp, start_line: bool) -> (usize, Collected) {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            if self.raw.is_empty() {
                self.first_at = at;
            }
            let Some(lf) = memchr::memchr(b'\n', rest) else {
                self.raw.extend_from_slice(rest);
                used = bytes.len();
                break;
            };
            self.raw.extend_from_slice(&rest[..=lf]);
            used += lf + 1;
            let line = &self.raw[self.line_start..];
            let blank = matches!(line, b"\n" | b"\r\n");
            if blank && start_line && self.lines == 0 {
                self.raw.clear();
                self.blank += 1;
                continue;
            }
            self.bare_lf |= !line.ends_with(b"\r\n");
            self.line_start = self.raw.len();
            if blank {
                return (used, Collected::Complete);
            }
            self.lines += 1;
            if start_line && self.lines == 1 {
                return (used, Collected::FirstLine);
            }
            if self.raw.len() > MAX_HEAD {
                return (used, Collected::TooLong);
            }
        }
        (used, if self.raw.len() > MAX_HEAD { Collected::TooLong } else { Collected::More })
    }

    /// Some bytes of a head are here, not only empty lines.
    pub(super) fn is_open(&self) -> bool {
        !matches!(&self.raw[..], b"" | b"\r")
    }

    /// The bytes so far.
    pub(super) fn seen(&self) -> &[u8] {
        &self.raw
    }

    /// The complete lines of a head whose end never came; `None` if there is none.
    pub(super) fn whole_lines(&self) -> Option<HeadBuf> {
        let raw = self.raw.get(..self.line_start).filter(|raw| !raw.is_empty())?.to_vec();
        Some(HeadBuf { raw, lines: self.lines, bare_lf: self.bare_lf, first_at: self.first_at, ..HeadBuf::default() })
    }

    /// The first line is complete and starts a message of this side.
    pub(super) fn starts(&self, side: Side) -> bool {
        let line = self.raw.trim_ascii_end();
        match side {
            Side::Response => {
                line.get(..5).is_some_and(|v| v.eq_ignore_ascii_case(b"HTTP/")) && status_line(line).is_some()
            }
            Side::Request => request_line(line).is_some(),
        }
    }

    /// The first line is complete and is meant as a request line, although it breaks the grammar: without a
    /// version, as in HTTP/0.9, without a target, or with a version that is none. `fresh`: nothing came before it
    /// on the connection, so that the method may be any.
    pub(super) fn means_request(&self, fresh: bool) -> bool {
        malformed_request_line(self.raw.trim_ascii_end(), fresh).is_some()
    }

    /// The method of a request whose head is not complete.
    pub(super) fn method(&self) -> Option<String> {
        let line = self.raw.get(..line_end(&self.raw, 0))?.trim_ascii_end();
        let method = match request_line(line) {
            Some((method, ..)) => method,
            None => malformed_request_line(line, true)?.0,
        };
        Some(self.text(&method))
    }

    /// The whole of a request of HTTP/0.9: one line without a version (RFC 1945 section 4.1, Simple-Request).
    pub(super) fn is_simple_request(&self) -> bool {
        let line = self.raw.trim_ascii_end();
        self.lines == 1
            && self.line_start == self.raw.len()
            && request_line(line).is_none()
            && malformed_request_line(line, false)
                .is_some_and(|(m, _, version)| &line[m] == b"GET" && version.is_empty())
    }

    /// The trailer section; `None` if it has no field.
    pub(super) fn into_trailers(self, odd: &mut dyn FnMut(Kind, String)) -> Option<Fields> {
        self.say_line_ends(odd);
        if self.lines == 0 {
            return None;
        }
        let list = field_lines(&self.raw, 0, odd);
        let fields = Fields::new(self.raw, list);
        for (name, _) in fields.iter().filter(|(name, _)| NO_TRAILER.iter().any(|n| name.eq_ignore_ascii_case(n))) {
            odd(TRAILER_FIELD, excerpt(name));
        }
        Some(fields)
    }

    /// A request head, its body length not decided yet. `None` if it can't be understood at all.
    pub(super) fn into_request(self, odd: &mut dyn FnMut(Kind, String)) -> Option<RequestHead> {
        self.say_line_ends(odd);
        if self.blank > 1 {
            odd(BLANK_LINES, format!("{} empty lines", self.blank));
        }
        let (method, target, version, list) = match well_formed_request(&self.raw) {
            Some(found) => found,
            None => {
                let end = line_end(&self.raw, 0);
                let line = self.raw[..end].trim_ascii_end();
                let Some((method, target, version)) = request_line(line) else {
                    return self.into_malformed_request(end, odd);
                };
                let (method, target) = (self.text(&method), self.text(&target));
                let version = self.version(&version, odd);
                // The grammar allows one space between three words, each of visible characters.
                if self.raw[..end].trim_ascii_end() != format!("{method} {target} HTTP/1.{}", minor(version)).as_bytes()
                    || !method.bytes().all(is_token)
                    || !target.bytes().all(|b| b > b' ' && b != 0x7f)
                {
                    odd(START_LINE, excerpt(&self.raw[..end]));
                }
                (method, target, version, field_lines(&self.raw, end, odd))
            }
        };
        let fields = Fields::new(self.raw, list);
        let authority = fields.text("host");
        let transfer = Transfer::None;
        Some(RequestHead {
            first_at: self.first_at,
            method,
            target,
            version,
            scheme: None,
            authority,
            transfer,
            h2_stream: None,
            fields,
        })
    }

    /// A request whose first line, up to `end`, is no request line.
    fn into_malformed_request(self, end: usize, odd: &mut dyn FnMut(Kind, String)) -> Option<RequestHead> {
        let line = self.raw[..end].trim_ascii_end();
        let (method, target, version) = malformed_request_line(line, true)?;
        let found = excerpt(&self.raw[..end]);
        let (found, version) = match version.is_empty() {
            true => (format!("{found}: a request without a version is one of HTTP/0.9"), Version::H10),
            false => (found, Version::H11),
        };
        odd(START_LINE, found);
        let (method, target) = (self.text(&method), self.text(&target));
        let list = field_lines(&self.raw, end, odd);
        let fields = Fields::new(self.raw, list);
        let authority = fields.text("host");
        Some(RequestHead {
            first_at: self.first_at,
            method,
            target,
            version,
            scheme: None,
            authority,
            transfer: Transfer::None,
            h2_stream: None,
            fields,
        })
    }

    /// A response head, its body length not decided yet. `None` if it can't be understood at all.
    pub(super) fn into_response(self, odd: &mut dyn FnMut(Kind, String)) -> Option<ResponseHead> {
        self.say_line_ends(odd);
        if self.blank > 0 {
            odd(BLANK_LINES, format!("{} empty lines", self.blank));
        }
        let (version, status, reason, list) = match well_formed_response(&self.raw) {
            Some(found) => found,
            None => {
                let end = line_end(&self.raw, 0);
                let (version, status, reason) = status_line(self.raw[..end].trim_ascii_end())?;
                let version = self.version(&version, odd);
                let reason = self.raw.get(reason).unwrap_or_default().to_vec();
                let plain = format!("HTTP/1.{} {status:03}", minor(version));
                let rest = self.raw[..end].trim_ascii_end().strip_prefix(plain.as_bytes());
                let fine =
                    |rest: &[u8]| rest.is_empty() || (rest[0] == b' ' && rest[1..].iter().all(|b| is_field_vchar(*b)));
                if status > 999 || !rest.is_some_and(fine) {
                    odd(START_LINE, excerpt(&self.raw[..end]));
                }
                (version, status, reason, field_lines(&self.raw, end, odd))
            }
        };
        let fields = Fields::new(self.raw, list);
        Some(ResponseHead {
            first_at: self.first_at,
            status,
            reason,
            version,
            transfer: Transfer::None,
            h2_stream: None,
            fields,
        })
    }

    fn say_line_ends(&self, odd: &mut dyn FnMut(Kind, String)) {
        if self.bare_lf {
            odd(BARE_LF, excerpt(&self.raw));
        }
    }

    fn text(&self, range: &Range<usize>) -> String {
        String::from_utf8_lossy(self.raw.get(range.clone()).unwrap_or_default()).into_owned()
    }

    fn version(&self, range: &Range<usize>, odd: &mut dyn FnMut(Kind, String)) -> Version {
        match self.raw.get(range.clone()).unwrap_or_default() {
            b"HTTP/1.1" => Version::H11,
            b"HTTP/1.0" => Version::H10,
            other => {
                odd(VERSION, excerpt(other));
                if other.eq_ignore_ascii_case(b"HTTP/1.0") { Version::H10 } else { Version::H11 }
            }
        }
    }
}

type FieldRanges = Vec<(Range<u32>, Range<u32>)>;

fn well_formed_request(raw: &[u8]) -> Option<(String, String, Version, FieldRanges)> {
    with_headers(raw, |headers| {
        let mut request = httparse::Request::new(headers);
        let end = request.parse(raw)?;
        let version = version_of(request.version);
        Ok((
            end,
            (request.method.unwrap_or_default().to_owned(), request.path.unwrap_or_default().to_owned(), version),
            ranges(raw, request.headers),
        ))
    })
    .map(|((method, target, version), list)| (method, target, version, list))
}

fn well_formed_response(raw: &[u8]) -> Option<(Version, u16, Vec<u8>, FieldRanges)> {
    with_headers(raw, |headers| {
        let mut response = httparse::Response::new(headers);
        let end = response.parse(raw)?;
        let version = version_of(response.version);
        Ok((end, (version, response.code.unwrap_or_default()), ranges(raw, response.headers)))
    })
    .map(|((version, status), list)| {
        // Taken from the line itself: httparse drops reason phrases outside ASCII.
        let line = raw[..line_end(raw, 0)].trim_ascii_end();
        (version, status, line.get(13..).unwrap_or_default().to_vec(), list)
    })
}

/// Runs `parse` with space for all fields of the head; only complete heads count.
fn with_headers<'b, T>(
    raw: &'b [u8],
    parse: impl Fn(&mut [httparse::Header<'b>]) -> Result<(httparse::Status<usize>, T, FieldRanges), httparse::Error>,
) -> Option<(T, FieldRanges)> {
    let mut few = [httparse::EMPTY_HEADER; 64];
    let parsed = match parse(&mut few) {
        Err(httparse::Error::TooManyHeaders) => {
            let lines = memchr::memchr_iter(b'\n', raw).count();
            parse(&mut vec![httparse::EMPTY_HEADER; lines])
        }
        parsed => parsed,
    };
    match parsed {
        Ok((httparse::Status::Complete(end), found, list)) if end == raw.len() => Some((found, list)),
        _ => None,
    }
}

fn version_of(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::H10 } else { Version::H11 }
}

fn minor(version: Version) -> u8 {
    u8::from(version != Version::H10)
}

/// Ranges of the parsed names and values in `raw`.
fn ranges(raw: &[u8], headers: &[httparse::Header<'_>]) -> FieldRanges {
    let base = raw.as_ptr() as usize;
    let range = |part: &[u8]| {
        let start = (part.as_ptr() as usize).wrapping_sub(base) as u32;
        start..start.saturating_add(part.len() as u32)
    };
    // An empty value may point elsewhere; its range is put after the name.
    headers
        .iter()
        .map(|h| {
            let name = range(h.name.as_bytes());
            let value = if h.value.is_empty() { name.end..name.end } else { range(h.value) };
            (name, value)
        })
        .collect()
}

/// Index after the line that begins at `from`.
fn line_end(raw: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', raw.get(from..).unwrap_or_default()).map_or(raw.len(), |lf| from + lf + 1)
}

/// Fields of the lines from `at` to the empty line, whatever they look like.
fn field_lines(raw: &[u8], mut at: usize, odd: &mut dyn FnMut(Kind, String)) -> FieldRanges {
    let mut list: FieldRanges = Vec::new();
    while at < raw.len() {
        let end = line_end(raw, at);
        let line = raw[at..end].strip_suffix(b"\n").unwrap_or(&raw[at..end]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let start = at;
        at = end;
        if line.is_empty() {
            continue;
        }
        if line.contains(&b'\r') {
            odd(BARE_CR, excerpt(line));
        }
        if matches!(line[0], b' ' | b'\t') {
            let text = line.trim_ascii_end();
            match list.last_mut() {
                Some((_, value)) => {
                    odd(OBS_FOLD, excerpt(line));
                    if !text.is_empty() {
                        let whole = value.start as usize..start + text.len();
                        let lead = raw[whole.clone()].len() - raw[whole.clone()].trim_ascii_start().len();
                        *value = (whole.start + lead) as u32..whole.end as u32;
                    }
                }
                None => odd(FIELD_LINE, excerpt(line)),
            }
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            odd(FIELD_LINE, excerpt(line));
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        let value = line[colon + 1..].trim_ascii();
        if name.len() < colon {
            odd(SPACE_BEFORE_COLON, excerpt(line));
        }
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) || !value.iter().all(|b| is_field_vchar(*b)) {
            odd(FIELD_LINE, excerpt(line));
        }
        if !name.is_empty() {
            let lead = line[colon + 1..].len() - line[colon + 1..].trim_ascii_start().len();
            let value_start = if value.is_empty() { colon + 1 } else { colon + 1 + lead };
            let range = |from: usize, len: usize| (start + from) as u32..(start + from + len) as u32;
            list.push((range(0, name.len()), range(value_start, value.len())));
        }
    }
    list
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// What a field value may hold: visible characters, spaces, tabs, obs-text.
pub(super) fn is_field_vchar(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}
