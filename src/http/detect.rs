//! What a connection speaks, and which end is the client: decided by the first bytes of a direction, or by
//! the first delivery that starts a message.

use super::backlog::{Backlog, Item};
use super::h1::resync::Boundaries;
use crate::conn::Direction;
use crate::conn::Stamp;

/// The HTTP/2 connection preface (RFC 9113 section 3.4), used to distinguish HTTP/2 from HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Signature of the PROXY protocol, version 2.
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// A first line longer than this is not a request line, unless its method is a known one.
const FIRST_LINE: usize = 8 * 1024;
/// First bytes whose line begins as a request does and does not end as one are kept up to this many: the response
/// may show that they were a malformed request.
const DOUBT: usize = 256 * 1024;
/// Methods that are accepted before the end of the line is seen (RFC 9110 section 9.3, RFC 5789, the most
/// common ones of WebDAV, RFC 10008).
pub(super) const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"PROPFIND",
    b"SEARCH",
    b"QUERY",
];

/// What the bytes have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// HTTP/1.x; `client` sends the requests.
    Http1 { client: Direction },
    /// HTTP/2; `client` sent the preface.
    Http2 { client: Direction },
    /// TLS records; `client` sent the ClientHello.
    Tls { client: Direction },
}

/// A connection whose protocol is open.
///
/// ```text
///   Start ──first bytes tell──▶ Verdict
///     │ they tell nothing                ▲
///     ▼                                  │ a delivery starts a message, or (joined) chunk framing is proven
///   Middle ──────────────────────────────┘
/// ```
#[derive(Debug, Default)]
pub(super) struct Detect {
    ways: [Way; 2],
    order: u64,
    /// The start of the connection was not captured: it is worth looking for chunk framing.
    joined: bool,
    /// The first bytes are neither HTTP nor TLS; only a delivery that starts a message changes that.
    other: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    backlog: Backlog,
    at: At,
    boundaries: Boundaries,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// All bytes are kept and may still start a message.
    #[default]
    Start,
    /// In the middle of a message or of an unknown protocol.
    Middle,
}

impl Detect {
    /// `joined`: the start of the connection was not captured.
    pub(super) fn new(joined: bool) -> Self {
        let at = if joined { At::Middle } else { At::Start };
        let way = || Way { at, ..Way::default() };
        Detect { ways: [way(), way()], joined, ..Detect::default() }
    }

    /// The start of the connection is missing.
    pub(super) fn joined(&self) -> bool {
        self.joined
    }

    /// Bytes have arrived and match no known protocol.
    pub(super) fn other(&self) -> bool {
        self.other
    }

    /// Swaps the directions: client and server were confused so far.
    pub(super) fn flip(&mut self) {
        self.ways.swap(0, 1);
    }

    /// One more item of a direction; it is kept until the verdict.
    pub(super) fn push(&mut self, dir: Direction, stamp: Stamp, item: Item<'_>) -> Option<Verdict> {
        let (order, joined) = (self.order, self.joined);
        self.order += 1;
        let way = &mut self.ways[dir.index()];
        way.backlog.push(order, stamp, item);
        let verdict = match item {
            Item::Data(bytes) => match way.at {
                At::Start => way.start(dir, bytes),
                At::Middle => way.middle(dir, bytes, joined),
            },
            Item::Gap(_) => {
                way.at = At::Middle;
                None
            }
            Item::End(_) => None,
        };
        if verdict.is_some() {
            return verdict;
        }
        way.backlog.trim();
        if !joined && self.ways.iter().any(|w| w.at == At::Middle && w.backlog.held() > 0) {
            self.give_up();
        }
        self.other |= self.ways.iter().any(|w| w.backlog.evicted());
        None
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        let way = |way: &Way| way.backlog.memory() + way.boundaries.held();
        size_of::<Detect>() + way(&self.ways[0]) + way(&self.ways[1])
    }

    /// Everything that was kept, by direction.
    pub(super) fn into_held(self) -> [Backlog; 2] {
        self.ways.map(|w| w.backlog)
    }

    fn give_up(&mut self) {
        self.other = true;
        for way in &mut self.ways {
            if way.at == At::Middle {
                way.backlog = Backlog::default();
            }
        }
    }
}

impl Way {
    fn start(&mut self, dir: Direction, delivery: &[u8]) -> Option<Verdict> {
        let (bytes, _) = self.backlog.visible(self.backlog.start(), usize::MAX);
        let proxy = proxy_header(bytes);
        let first = first_bytes(&bytes[proxy..]);
        let sealed = tls(dir, &bytes[proxy..]);
        self.backlog.skip_to(proxy as u64);
        match first {
            First::Request => Some(Verdict::Http1 { client: dir }),
            First::Status => Some(Verdict::Http1 { client: dir.other() }),
            First::Preface => Some(Verdict::Http2 { client: dir }),
            First::Tls => Some(sealed),
            First::Open => None,
            First::Nothing => {
                self.at = At::Middle;
                self.middle(dir, delivery, false)
            }
        }
    }

    fn middle(&mut self, dir: Direction, delivery: &[u8], joined: bool) -> Option<Verdict> {
        if starts_status(delivery) {
            return Some(Verdict::Http1 { client: dir.other() });
        }
        if delivery.starts_with(&PREFACE[..14]) {
            return Some(Verdict::Http2 { client: dir });
        }
        if starts_request(delivery) {
            return Some(Verdict::Http1 { client: dir });
        }
        if joined && is_tls_record(delivery) {
            return Some(Verdict::Tls { client: Direction::ToServer }); // the guess of the lower layers is kept
        }
        if joined && super::h2::frame::looks_like_frames(delivery) {
            return Some(Verdict::Http2 { client: Direction::ToServer }); // the first head decides
        }
        (joined && self.boundaries.search(&self.backlog).is_some()).then_some(Verdict::Http1 { client: dir.other() })
    }
}

/// What the first bytes of a direction are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Request,
    Status,
    Preface,
    Tls,
    /// Too few bytes to decide.
    Open,
    Nothing,
}

fn first_bytes(bytes: &[u8]) -> First {
    if opens_proxy_header(bytes) {
        return First::Open;
    }
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &bytes[blank..];
    match bytes {
        [] => return First::Open,
        [0x16] => return First::Open,
        [0x16, 3, ..] => return First::Tls,
        _ => {}
    }
    if bytes.starts_with(&PREFACE[..14]) {
        return First::Preface;
    }
    if PREFACE.starts_with(bytes) || (bytes.len() <= 5 && b"HTTP/"[..bytes.len()].eq_ignore_ascii_case(bytes)) {
        return First::Open;
    }
    if bytes[..5.min(bytes.len())].eq_ignore_ascii_case(b"HTTP/") {
        return if bytes[5].is_ascii_digit() { First::Status } else { First::Nothing };
    }
    let method = bytes.iter().take_while(|b| b.is_ascii_graphic()).count();
    if method == 0 || method > 64 {
        return First::Nothing;
    }
    match bytes.get(method) {
        None => return First::Open,
        Some(b' ' | b'\t') => {}
        Some(b'\r' | b'\n') if METHODS.contains(&&bytes[..method]) && bytes.len() < DOUBT => return First::Open,
        Some(_) => return First::Nothing,
    }
    if METHODS.contains(&&bytes[..method]) {
        match bytes.get(method + 1) {
            None => return First::Open,
            Some(b'/' | b'*') => return First::Request,
            Some(_) => {}
        }
    }
    match memchr::memchr(b'\n', &bytes[..bytes.len().min(FIRST_LINE)]) {
        Some(lf) if names_http(&bytes[..lf]) => First::Request,
        Some(lf) if METHODS.contains(&&bytes[..method]) && !names_other(&bytes[..lf]) && bytes.len() < DOUBT => {
            First::Open
        }
        Some(_) => First::Nothing,
        None if bytes.len() >= FIRST_LINE => First::Nothing,
        None => First::Open,
    }
}

/// Length of the complete header that a proxy puts before the first request (PROXY protocol of HAProxy,
/// versions 1 and 2); 0 if there is none.
fn proxy_header(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"PROXY ") {
        return memchr::memchr(b'\n', &bytes[..bytes.len().min(107)]).map_or(0, |lf| lf + 1);
    }
    match bytes.strip_prefix(PROXY_2) {
        Some([_, _, hi, lo, ..]) => {
            let len = PROXY_2.len() + 4 + usize::from(u16::from_be_bytes([*hi, *lo]));
            if len <= bytes.len() { len } else { 0 }
        }
        _ => 0,
    }
}

/// An incomplete header of the PROXY protocol, either version.
fn opens_proxy_header(bytes: &[u8]) -> bool {
    let signature = PROXY_2.len().min(bytes.len());
    (bytes.len() < 107 && bytes.starts_with(b"PROXY ") && !bytes.contains(&b'\n'))
        || bytes[..signature] == PROXY_2[..signature]
}

/// The line ends with ` HTTP/` and a digit.
fn names_http(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let word = line.iter().rposition(u8::is_ascii_whitespace).map_or(&b""[..], |at| &line[at + 1..]);
    word.len() > 5 && word[..5].eq_ignore_ascii_case(b"HTTP/") && word[5].is_ascii_digit()
}

/// The line ends with the name and version of another protocol, as in `SIP/2.0` and `RTSP/1.0`.
fn names_other(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let word = line.iter().rposition(u8::is_ascii_whitespace).map_or(&b""[..], |at| &line[at + 1..]);
    let Some(slash) = memchr::memchr(b'/', word) else { return false };
    let (name, version) = (&word[..slash], &word[slash + 1..]);
    let letters = !name.is_empty() && name.iter().all(u8::is_ascii_uppercase) && !name.starts_with(b"HTTP");
    letters && version.first().is_some_and(u8::is_ascii_digit)
}

/// This delivery in the middle of a connection starts a response.
pub(super) fn starts_status(delivery: &[u8]) -> bool {
    let Some(rest) = delivery.strip_prefix(b"HTTP/1.") else { return false };
    match rest {
        [] | [b'0' | b'1'] => true,
        [b'0' | b'1', b' ', code @ ..] => code.iter().take(3).all(u8::is_ascii_digit),
        _ => false,
    }
}

/// This delivery in the middle of a connection starts a request. Stricter than at the start, because body
/// bytes may look like anything.
pub(super) fn starts_request(delivery: &[u8]) -> bool {
    let method = delivery.iter().take(25).take_while(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_')).count();
    if !(3..=24).contains(&method) || delivery.get(method) != Some(&b' ') {
        return false;
    }
    let known = METHODS.contains(&&delivery[..method]);
    let target = match delivery.get(method + 1) {
        Some(b'/' | b'*') => true,
        Some(b'h' | b'H') => delivery[method + 1..].iter().zip(b"http").all(|(a, b)| a.eq_ignore_ascii_case(b)),
        Some(_) => delivery.starts_with(b"CONNECT"),
        None => known,
    };
    target
        && match memchr::memchr(b'\n', delivery) {
            Some(lf) => names_http(&delivery[..lf]),
            None => known,
        }
}

/// Which end of a TLS connection is the client: a ServerHello comes from the server.
fn tls(dir: Direction, bytes: &[u8]) -> Verdict {
    Verdict::Tls { client: if bytes.get(5) == Some(&2) { dir.other() } else { dir } }
}

/// The delivery starts with the header of a TLS record (RFC 8446 section 5.1) of a plausible length.
fn is_tls_record(delivery: &[u8]) -> bool {
    matches!(delivery, [0x14..=0x17, 3, 0..=4, hi, lo, ..] if (1..=18_432).contains(&u16::from_be_bytes([*hi, *lo])))
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;
    use Direction::{ToClient, ToServer};

    fn verdict(joined: bool, items: &[(Direction, &[u8])]) -> Option<Verdict> {
        let mut detect = Detect::new(joined);
        items.iter().find_map(|(dir, bytes)| detect.push(*dir, Stamp::default(), Item::Data(bytes)))
    }

    #[test]
    fn first_bytes_tell() {
        assert_eq!(verdict(false, &[(ToServer, b"GET / HTTP/1.1\r\n")]), Some(Verdict::Http1 { client: ToServer }));
        assert_eq!(
            verdict(false, &[(ToServer, b"\r\nBREW coffee HTTP/1.0\r\n")]),
            Some(Verdict::Http1 { client: ToServer })
        );
        assert_eq!(verdict(false, &[(ToServer, b"HTTP/1.1 200")]), Some(Verdict::Http1 { client: ToClient }));
        for first in [&b"POST /"[..], b"QUERY /"] {
            assert_eq!(verdict(false, &[(ToClient, first)]), Some(Verdict::Http1 { client: ToClient }));
        }
        assert_eq!(
            verdict(false, &[(ToServer, b"PRI * HT"), (ToServer, b"TP/2.0\r\n")]),
            Some(Verdict::Http2 { client: ToServer })
        );
        assert_eq!(
            verdict(false, &[(ToServer, &[0x16]), (ToServer, &[3, 1, 2])]),
            Some(Verdict::Tls { client: ToServer })
        );
        assert_eq!(verdict(false, &[(ToClient, b"220 mail.example.com ESMTP\r\n")]), None);
        assert_eq!(verdict(false, &[(ToServer, b"OPTIONS sip:a SIP/2.0\r\n")]), None);
        assert_eq!(verdict(false, &[(ToServer, b"SSH-2.0-x\r\n")]), None);
    }

    #[test]
    fn one_byte_at_a_time() {
        let line = b"POST /v1/chat/completions HTTP/1.1\r\n";
        let pieces: Vec<_> = line.chunks(1).map(|b| (ToServer, b)).collect();
        assert_eq!(verdict(false, &pieces), Some(Verdict::Http1 { client: ToServer }));
    }

    #[test]
    fn proxy_headers_are_no_part_of_http() {
        let v2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcdGET / HTTP/1.1\r\n";
        for whole in [b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n", v2] {
            let pieces: Vec<_> = whole.chunks(1).map(|b| (ToServer, b)).collect();
            for deliveries in [&pieces[..], &[(ToServer, whole)]] {
                let mut detect = Detect::new(false);
                let mut items = deliveries.iter();
                assert!(
                    items.any(|(dir, bytes)| detect.push(*dir, Stamp::default(), Item::Data(bytes)).is_some()),
                    "{}",
                    whole.escape_ascii()
                );
                let [client, _] = detect.into_held();
                let Some((_, _, Item::Data(bytes))) = client.from(0).next() else { panic!("nothing held") };
                assert!(bytes.starts_with(b"G"));
            }
        }
        assert_eq!(verdict(false, &[(ToServer, b"PROXY nonsense\r\nmore nonsense\r\n")]), None);
    }

    #[test]
    fn http_behind_another_protocol_is_found() {
        let socks: &[u8] = &[5, 1, 0];
        let items: [(Direction, &[u8]); 3] =
            [(ToServer, socks), (ToClient, &[5, 0]), (ToServer, b"GET / HTTP/1.1\r\n\r\n")];
        assert_eq!(verdict(false, &items), Some(Verdict::Http1 { client: ToServer }));
    }

    #[test]
    fn joined_connections_are_told_by_chunks_or_heads() {
        assert_eq!(verdict(true, &[(ToClient, b"tent\r\n4\r\nabcd\r\n")]), Some(Verdict::Http1 { client: ToServer }));
        assert_eq!(verdict(true, &[(ToServer, b"4\r\nabcd\r\n")]), Some(Verdict::Http1 { client: ToClient }));
        assert_eq!(
            verdict(true, &[(ToClient, b"whatever"), (ToServer, b"GET / HTTP/1.1\r\n")]),
            Some(Verdict::Http1 { client: ToServer })
        );
        assert_eq!(verdict(true, &[(ToClient, &[0x17, 3, 3, 1, 0, 9])]), Some(Verdict::Tls { client: ToServer }));
        assert_eq!(verdict(true, &[(ToClient, b"nothing known")]), None);
    }
}
