//! What a proxy must know of a request's head: its server, its credentials, the length of its body; and the edited
//! head.

use super::target::{Authority, Scheme};

/// Length of the longest head that is read, in bytes.
pub(super) const MAX_HEAD: usize = 256 << 10;
/// Maximum of fields in a head.
const MAX_FIELDS: usize = 256;

/// What the client asks the proxy to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wants {
    /// `CONNECT host:port`
    Tunnel(Authority),
    /// `GET http://host/…`: the server, and the target in origin-form.
    Absolute { scheme: Scheme, authority: Authority, origin: String },
    /// `GET /…`: a request as to a server.
    Origin,
}

/// How a request's body ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// After this many bytes.
    Bytes(u64),
    /// With its last chunk.
    Chunked,
}

/// One parsed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length in bytes, the empty line included.
    pub(super) len: usize,
    pub(super) method: String,
    pub(super) wants: Wants,
    pub(super) length: Length,
    /// Why another reader may find another end of the body (RFC 9112 section 11.2), if it may.
    pub(super) ambiguous: Option<&'static str>,
    /// The request asks for another protocol on this connection.
    pub(super) upgrade: bool,
    /// `Proxy-Authorization`
    pub(super) credentials: Option<Vec<u8>>,
}

/// Result of reading a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Whole(Head),
    More,
    /// Not a request; the text says what is wrong.
    Not(&'static str),
}

/// Waits for a whole head. Each byte is searched once, and the head is parsed once, however small the pieces are in
/// which it comes: a first look says early that something is no request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// Number of bytes that were searched for the empty line.
    searched: usize,
}

impl Search {
    /// Reads the request's head at the front of `bytes`, which has grown at its end since the last call.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Parsed {
        match self.is_due(bytes) {
            true => parse(bytes),
            false => Parsed::More,
        }
    }

    /// Parsing `bytes` can tell more than the last time.
    pub(super) fn is_due(&mut self, bytes: &[u8]) -> bool {
        // An empty line may begin in the bytes before; each line may end in LF alone (RFC 9112 section 2.2).
        let from = self.searched.saturating_sub(2);
        let new = bytes.get(from..).unwrap_or_default();
        let ended = new.windows(2).any(|w| w == b"\n\n") || new.windows(3).any(|w| w == b"\n\r\n");
        let first = self.searched == 0;
        self.searched = bytes.len();
        ended || first || bytes.len() > MAX_HEAD
    }
}

/// Reads the head at the front of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let len = match request.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() > MAX_HEAD => {
            return Parsed::Not("the request's head is too long");
        }
        Ok(httparse::Status::Partial) => return Parsed::More,
        Err(httparse::Error::TooManyHeaders) => return Parsed::Not("the request has too many fields"),
        Err(_) => return Parsed::Not("this is not an HTTP request"),
    };
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Parsed::Not("this is not an HTTP request");
    };
    let field = |name: &str| request.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    let Some(wants) = wants(method, target) else { return Parsed::Not("the request's target names no host") };
    let (length, ambiguous) = match length(request.headers) {
        Ok(told) => told,
        Err(why) => return Parsed::Not(why),
    };
    Parsed::Whole(Head {
        len,
        method: method.into(),
        wants,
        length,
        ambiguous,
        upgrade: field("upgrade").is_some(),
        credentials: field("proxy-authorization").map(<[u8]>::to_vec),
    })
}

/// How the body ends, and why another reader may see that differently.
///
/// # Errors
/// It cannot be told where the body ends; the text says why.
fn length(fields: &[httparse::Header<'_>]) -> Result<(Length, Option<&'static str>), &'static str> {
    let values = |name: &str| {
        let named = fields.iter().filter(move |h| h.name.eq_ignore_ascii_case(name));
        named.flat_map(|h| h.value.split(|&b| b == b',')).map(<[u8]>::trim_ascii).collect::<Vec<_>>()
    };
    let (codings, lengths) = (values("transfer-encoding"), values("content-length"));
    let chunked = |c: &&[u8]| c.eq_ignore_ascii_case(b"chunked");
    if let Some(last) = codings.last() {
        if !chunked(last) {
            return Err("the request's transfer coding is not known");
        }
        let ambiguous = match (lengths.is_empty(), codings.iter().filter(|c| chunked(c)).count()) {
            (false, _) => Some("the request has both Transfer-Encoding and Content-Length"),
            (true, 2..) => Some("the request names the chunked coding twice"),
            _ => None,
        };
        return Ok((Length::Chunked, ambiguous));
    }
    let Some(first) = lengths.first() else { return Ok((Length::Bytes(0), None)) };
    let number = std::str::from_utf8(first).ok().and_then(|n| n.parse().ok());
    let n = number.ok_or("the request's Content-Length is not a number")?;
    let ambiguous = match lengths.iter().any(|l| l != first) {
        _ if !first.iter().all(u8::is_ascii_digit) => Some("the request's Content-Length is not only digits"),
        true => Some("the request has several Content-Length values"),
        false => None,
    };
    Ok((Length::Bytes(n), ambiguous))
}

fn wants(method: &str, target: &str) -> Option<Wants> {
    if method == "CONNECT" {
        return Authority::parse(target, 443).map(Wants::Tunnel);
    }
    let Some((scheme, rest)) = target.split_once("://") else { return Some(Wants::Origin) };
    let scheme = Scheme::parse(scheme)?;
    let split = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(Wants::Absolute {
        scheme,
        authority: Authority::parse(authority, scheme.port())?,
        origin: format!("{slash}{path}"),
    })
}

/// The changes to a head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Edit<'e> {
    /// Another target.
    pub(super) target: Option<&'e str>,
    /// Another `Host`.
    pub(super) host: Option<&'e str>,
    /// A `Proxy-Authorization` for the next proxy.
    pub(super) credentials: Option<&'e str>,
}

/// The head with these changes, and without the fields for this proxy. All else is unchanged: order, case, spaces.
pub(super) fn edited(head: &[u8], edit: &Edit<'_>) -> Vec<u8> {
    let head = without_empty_lines(head);
    let mut out = Vec::with_capacity(head.len() + 128);
    for (n, line) in head.split_inclusive(|&b| b == b'\n').enumerate() {
        if n == 0 {
            start_line(line, edit.target, &mut out);
            continue;
        }
        let name = line.split(|&b| b == b':').next().unwrap_or_default();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("proxy-authorization") || is("proxy-connection") {
            continue;
        }
        match edit.host.filter(|_| is("host")) {
            Some(host) => {
                out.extend_from_slice(name);
                out.extend_from_slice(format!(": {host}\r\n").as_bytes());
            }
            None if line == b"\r\n" || line == b"\n" => {
                if let Some(credentials) = edit.credentials {
                    out.extend_from_slice(format!("Proxy-Authorization: {credentials}\r\n").as_bytes());
                }
                out.extend_from_slice(line);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// A head without the empty lines that a client may send before it (RFC 9112 section 2.2).
pub(super) fn without_empty_lines(head: &[u8]) -> &[u8] {
    let empty = head.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    &head[empty..]
}

fn start_line(line: &[u8], target: Option<&str>, out: &mut Vec<u8>) {
    let first = line.iter().position(|&b| b == b' ');
    let last = line.iter().rposition(|&b| b == b' ');
    match (target, first, last) {
        (Some(target), Some(first), Some(last)) if first < last => {
            out.extend_from_slice(&line[..=first]);
            out.extend_from_slice(target.as_bytes());
            out.extend_from_slice(&line[last..]);
        }
        _ => out.extend_from_slice(line),
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Head {
        match parse(text.as_bytes()) {
            Parsed::Whole(head) => head,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn forms_of_targets() {
        let tunnel = |text: &str| Wants::Tunnel(Authority::parse(text, 443).unwrap_or_else(|| panic!("{text}")));
        assert_eq!(whole("CONNECT api.example.com:8443 HTTP/1.1\r\n\r\n").wants, tunnel("api.example.com:8443"));
        assert_eq!(whole("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n").wants, tunnel("[2001:db8::1]:443"));
        let Wants::Absolute { authority, origin, .. } = whole("GET http://u:p@h:81?x=1 HTTP/1.1\r\n\r\n").wants else {
            panic!()
        };
        assert_eq!((authority.to_string().as_str(), origin.as_str()), ("h:81", "/?x=1"));
        assert_eq!(whole("POST /v1/x HTTP/1.1\r\nHost: a\r\n\r\n").wants, Wants::Origin);
        assert!(matches!(parse(b"\x16\x03\x01\x02\x00\x01"), Parsed::Not(_)));
        assert!(matches!(parse(b"GET / HT"), Parsed::More));
    }

    #[test]
    fn bodies_and_credentials() {
        let head = whole("POST / HTTP/1.1\r\nContent-Length: 12\r\nProxy-Authorization: Basic eA==\r\n\r\n");
        assert_eq!((head.length, head.credentials.as_deref()), (Length::Bytes(12), Some(b"Basic eA==".as_slice())));
        assert_eq!(whole("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n").length, Length::Chunked);
        assert!(matches!(parse(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), Parsed::Not(_)));
    }

    /// RFC 9112 section 6.3: what a reader may take in two ways.
    #[test]
    fn ambiguous_lengths() {
        for (fields, length, ambiguous) in [
            ("Content-Length: 5\r\nContent-Length: 5", Length::Bytes(5), false),
            ("Content-Length: 5, 5", Length::Bytes(5), false),
            ("Content-Length: 5\r\nContent-Length: 6", Length::Bytes(5), true),
            ("Content-Length: 5, 6", Length::Bytes(5), true),
            ("Content-Length: +5", Length::Bytes(5), true),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", Length::Chunked, true),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Length::Chunked, true),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked", Length::Chunked, false),
        ] {
            let head = whole(&format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n"));
            assert_eq!((head.length, head.ambiguous.is_some()), (length, ambiguous), "{fields}");
        }
        for fields in ["Transfer-Encoding: xchunked\r\nContent-Length: 5", "Transfer-Encoding: chunked, identity"] {
            let text = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            assert!(matches!(parse(text.as_bytes()), Parsed::Not(_)), "{fields}");
        }
    }

    /// Byte by byte, a head is parsed at its first byte and at its last one.
    #[test]
    fn a_head_in_small_pieces_is_parsed_once() {
        for text in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n"] {
            let mut search = Search::default();
            let due: Vec<usize> = (1..=text.len()).filter(|&n| search.is_due(&text.as_bytes()[..n])).collect();
            assert_eq!(due, [1, text.len()], "{text:?}");
        }
        let long = vec![b'a'; MAX_HEAD + 1];
        assert!(matches!(Search { searched: MAX_HEAD }.parse(&long), Parsed::Not(_)));
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let head = b"GET http://h/a?b HTTP/1.1\r\nhOsT:h\r\nX:  y \r\nProxy-Connection: \
            keep-alive\r\nProxy-Authorization: Basic x\r\n\r\n";
        let edit = Edit { target: Some("/a?b"), host: None, credentials: None };
        assert_eq!(edited(head, &edit), b"GET /a?b HTTP/1.1\r\nhOsT:h\r\nX:  y \r\n\r\n");
        let edit = Edit { target: None, host: Some("api.example.com"), credentials: Some("Basic z") };
        let wanted =
            "GET http://h/a?b HTTP/1.1\r\nhOsT: api.example.com\r\nX:  y \r\nProxy-Authorization: Basic z\r\n\r\n";
        assert_eq!(edited(head, &edit), wanted.as_bytes());
    }
}
