//! Length of a body: RFC 9112 section 6.3, applied leniently.

use super::{CONTENT_LENGTH, CONTENT_LENGTHS, TE_AND_CL, TRANSFER_ENCODING};
use crate::http::event::{Fields, Transfer, Version};
use crate::oddity::{Kind, excerpt};

/// What kind of request it was, for the body of its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Asked {
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: a 2xx response opens a tunnel.
    Connect,
    /// Any other request, or one that was not seen.
    #[default]
    Other,
}

impl Asked {
    pub(super) fn by(method: &str) -> Self {
        match method {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        }
    }
}

/// Of a request.
pub(super) fn request(fields: &Fields, version: Version, odd: &mut dyn FnMut(Kind, String)) -> Transfer {
    match declared(fields, version, odd) {
        Declared::Chunked => Transfer::Chunked,
        Declared::Length(n) => Transfer::Length(n),
        // A server can't know where this ends and should refuse it; the bytes allow "until close".
        Declared::OtherCoding => Transfer::Close,
        Declared::Nothing | Declared::BadLength => Transfer::None,
    }
}

/// Of a response with this status to this request.
pub(super) fn response(
    fields: &Fields,
    version: Version,
    status: u16,
    asked: Asked,
    odd: &mut dyn FnMut(Kind, String),
) -> Transfer {
    let declared = declared(fields, version, odd);
    match (status, asked) {
        (100..=199 | 204 | 304, _) | (_, Asked::Head) | (200..=299, Asked::Connect) => return Transfer::None,
        _ => {}
    }
    match declared {
        Declared::Chunked => Transfer::Chunked,
        Declared::Length(n) => Transfer::Length(n),
        Declared::OtherCoding | Declared::Nothing | Declared::BadLength => Transfer::Close,
    }
}

enum Declared {
    Chunked,
    /// A last transfer coding that does not delimit the body.
    OtherCoding,
    Length(u64),
    BadLength,
    Nothing,
}

fn declared(fields: &Fields, version: Version, odd: &mut dyn FnMut(Kind, String)) -> Declared {
    let has_length = fields.all("content-length").next().is_some();
    match last_coding(fields, version, odd) {
        Some(found) => {
            if has_length {
                odd(TE_AND_CL, "both Transfer-Encoding and Content-Length".to_owned());
            }
            found
        }
        None => content_length(fields, odd),
    }
}

/// `identity` was a coding once (RFC 2616) and is ignored.
fn last_coding(fields: &Fields, version: Version, odd: &mut dyn FnMut(Kind, String)) -> Option<Declared> {
    let mut present = false;
    let (mut codings, mut chunked, mut last_is_chunked) = (0u32, 0u32, false);
    let mut seen = Vec::new();
    for value in fields.all("transfer-encoding") {
        present = true;
        if !seen.is_empty() {
            seen.extend_from_slice(b", ");
        }
        seen.extend_from_slice(&value[..value.len().min(100)]);
        for coding in value.split(|b| *b == b',').map(|c| c.trim_ascii()).filter(|c| !c.is_empty()) {
            let name = coding.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"identity") {
                last_is_chunked = false;
                continue;
            }
            codings = codings.saturating_add(1);
            last_is_chunked = name.eq_ignore_ascii_case(b"chunked");
            chunked = chunked.saturating_add(u32::from(last_is_chunked));
        }
    }
    if !present {
        return None;
    }
    if codings != 1 || !last_is_chunked || version < Version::H11 || !seen.trim_ascii().eq_ignore_ascii_case(b"chunked")
    {
        odd(TRANSFER_ENCODING, format!("{} in HTTP/{}", excerpt(&seen), version.as_str()));
    }
    match (codings, last_is_chunked, chunked) {
        (0, ..) => None,
        (_, true, _) => Some(Declared::Chunked),
        _ => Some(Declared::OtherCoding),
    }
}

fn content_length(fields: &Fields, odd: &mut dyn FnMut(Kind, String)) -> Declared {
    let mut first: Option<u64> = None;
    let mut bad = false;
    for value in fields.all("content-length") {
        for part in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            match (decimal(part), first) {
                (Some(n), None) => first = Some(n),
                (Some(n), Some(m)) if n == m => {}
                (Some(n), Some(m)) => odd(CONTENT_LENGTHS, format!("{m}, then {n}")),
                (None, _) => {
                    bad = true;
                    odd(CONTENT_LENGTH, excerpt(value));
                }
            }
        }
    }
    match (first, bad) {
        (Some(n), _) => Declared::Length(n),
        (None, true) => Declared::BadLength,
        (None, false) => Declared::Nothing,
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        let (mut raw, mut ranges) = (Vec::new(), Vec::new());
        for (name, value) in list {
            let at = raw.len() as u32;
            raw.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            let (n, v) = (name.len() as u32, value.len() as u32);
            ranges.push((at..at + n, at + n + 2..at + n + 2 + v));
        }
        Fields::new(raw, ranges)
    }

    fn read(list: &[(&str, &str)], status: u16, asked: Asked) -> (Transfer, Vec<&'static str>) {
        let mut odd = Vec::new();
        let transfer = response(&fields(list), Version::H11, status, asked, &mut |kind, _| odd.push(kind.0));
        (transfer, odd)
    }

    #[test]
    fn rfc_9112_section_6_3() {
        const CL: (&str, &str) = ("Content-Length", "5");
        const TE: (&str, &str) = ("Transfer-Encoding", "chunked");
        assert_eq!(read(&[CL], 200, Asked::Head), (Transfer::None, vec![]));
        assert_eq!(read(&[CL], 304, Asked::Other), (Transfer::None, vec![]));
        assert_eq!(read(&[TE], 204, Asked::Other), (Transfer::None, vec![]));
        assert_eq!(read(&[CL], 200, Asked::Connect), (Transfer::None, vec![]));
        assert_eq!(read(&[CL], 407, Asked::Connect), (Transfer::Length(5), vec![]));
        assert_eq!(read(&[TE, CL], 200, Asked::Other), (Transfer::Chunked, vec!["h1.te-and-cl"]));
        assert_eq!(
            read(&[("Transfer-Encoding", "gzip")], 200, Asked::Other),
            (Transfer::Close, vec!["h1.transfer-encoding"])
        );
        assert_eq!(
            read(&[("Transfer-Encoding", "gzip, chunked")], 200, Asked::Other),
            (Transfer::Chunked, vec!["h1.transfer-encoding"])
        );
        let both = [TE, ("Transfer-Encoding", "identity")];
        assert_eq!(read(&both, 200, Asked::Other), (Transfer::Close, vec!["h1.transfer-encoding"]));
        let before = [("Transfer-Encoding", "identity"), TE];
        assert_eq!(read(&before, 200, Asked::Other), (Transfer::Chunked, vec!["h1.transfer-encoding"]));
        assert_eq!(read(&[CL, CL], 200, Asked::Other), (Transfer::Length(5), vec![]));
        assert_eq!(read(&[("Content-Length", "5, 5")], 200, Asked::Other), (Transfer::Length(5), vec![]));
        assert_eq!(
            read(&[CL, ("Content-Length", "6")], 200, Asked::Other),
            (Transfer::Length(5), vec!["h1.content-lengths"])
        );
        assert_eq!(read(&[("Content-Length", "+5")], 200, Asked::Other), (Transfer::Close, vec!["h1.content-length"]));
        assert_eq!(
            read(&[("content-length", "99999999999999999999")], 200, Asked::Other),
            (Transfer::Close, vec!["h1.content-length"])
        );
        assert_eq!(read(&[], 200, Asked::Other), (Transfer::Close, vec![]));
    }
}
