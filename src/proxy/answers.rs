//! The answers that a server still owes, if requests for different servers share the client's connection: the next
//! server's answer may not begin before.
//!
//! ```text
//!   Head ──whole──▶ Body(n) ──n bytes──▶ Head        Head ──neither length nor chunks, 101, or no head at all──▶
//!   ToTheEnd
//!     └───────────▶ Chunks ──last one──▶ Head
//! ```

use super::chunks::Chunks;
use super::head::{MAX_HEAD, Search};
use std::collections::VecDeque;

/// Most fields of an answer's head.
const MAX_FIELDS: usize = 256;

/// The answers of one server, followed to their ends.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// One entry for each request without an answer, the oldest first: whether it was a HEAD.
    owed: VecDeque<bool>,
    state: State,
    /// The bytes of a head that is not whole.
    head: Vec<u8>,
    /// How far `head` was searched for its end.
    search: Search,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Body(u64),
    Chunks(Chunks),
    /// Only the end of the connection ends the body.
    ToTheEnd,
}

impl Answers {
    /// A request has gone to the server.
    pub(super) fn asked(&mut self, method: &str) {
        self.owed.push_back(method == "HEAD");
    }

    /// Every request has its whole answer.
    pub(super) fn are_whole(&self) -> bool {
        self.owed.is_empty() && self.state == State::Head && self.head.is_empty()
    }

    /// The server's next bytes.
    pub(super) fn said(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match self.state {
                State::ToTheEnd => return,
                State::Body(left) => {
                    let n = left.min(bytes.len() as u64);
                    self.state = if left > n { State::Body(left - n) } else { State::Head };
                    n as usize
                }
                State::Chunks(chunks) => match chunks.walk(bytes) {
                    Ok((used, left)) => {
                        self.state = left.map_or(State::Head, State::Chunks);
                        used
                    }
                    Err(_) => return self.state = State::ToTheEnd,
                },
                State::Head => {
                    let before = self.head.len();
                    self.head.extend_from_slice(bytes);
                    if !self.search.is_due(&self.head) {
                        return;
                    }
                    let Some((len, next)) = after_head(&self.head, self.owed.front() == Some(&true)) else { return };
                    self.head.clear();
                    self.search = Search::default();
                    match next {
                        // An interim answer: the answer itself follows.
                        None => {}
                        Some(state) => {
                            self.owed.pop_front();
                            self.state = state;
                        }
                    }
                    len.saturating_sub(before)
                }
            };
            bytes = &bytes[used..];
        }
    }
}

/// Length of the head at the front and what follows it (RFC 9112 section 6.3); none: not whole yet.
fn after_head(bytes: &[u8], to_head: bool) -> Option<(usize, Option<State>)> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => return None,
        _ => return Some((bytes.len(), Some(State::ToTheEnd))),
    };
    let field = |name: &str| response.headers.iter().rev().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    let coded = field("transfer-encoding").map(|v| v.trim_ascii_end().to_ascii_lowercase());
    let length = field("content-length").map(|v| std::str::from_utf8(v).ok().and_then(|v| v.trim().parse().ok()));
    let next = match (response.code, coded, length) {
        (Some(101), ..) => Some(State::ToTheEnd),
        (Some(100..200), ..) => None,
        (Some(204 | 304), ..) => Some(State::Head),
        _ if to_head => Some(State::Head),
        (_, Some(coding), _) if coding.ends_with(b"chunked") => Some(State::Chunks(Chunks::default())),
        (_, None, Some(Some(0))) => Some(State::Head),
        (_, None, Some(Some(n))) => Some(State::Body(n)),
        _ => Some(State::ToTheEnd),
    };
    Some((len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of bytes of `text` after which every request is answered; the rest must not change that.
    fn whole_after(methods: &[&str], text: &[u8], size: usize) -> Option<usize> {
        let mut answers = Answers::default();
        methods.iter().for_each(|m| answers.asked(m));
        let mut first = None;
        for (n, piece) in text.chunks(size).enumerate() {
            answers.said(piece);
            match answers.are_whole() {
                true => first = first.or(Some((n * size + piece.len()).min(text.len()))),
                false => first = None,
            }
        }
        first
    }

    #[test]
    fn ends_of_answers() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n".as_slice();
        let length = b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        let interim =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let to_head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        for (methods, text) in [
            (&["GET"][..], chunked.to_vec()),
            (&["POST"], length.to_vec()),
            (&["PUT"], interim.to_vec()),
            (&["HEAD"], to_head.to_vec()),
            (&["HEAD", "GET", "GET"], [to_head.as_slice(), chunked, length].concat()),
        ] {
            for size in [1, 2, 7, 4096] {
                assert_eq!(whole_after(methods, &text, size), Some(text.len()), "{methods:?} in pieces of {size}");
            }
            assert_eq!(whole_after(&[methods, &["GET"]].concat(), &text, 4096), None, "one more is owed");
        }
    }

    /// Lines may end in LF alone, one of them or all.
    #[test]
    fn a_head_ends_with_any_empty_line() {
        for head in ["HTTP/1.1 200 OK\nContent-Length: 2\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\n"] {
            let text = [head, "{}"].concat();
            for size in [1, 2, 3, 4096] {
                assert_eq!(whole_after(&["GET"], text.as_bytes(), size), Some(text.len()), "{head:?} in {size}");
                let more = [&text, "HTTP/1.1 204 No\r\n\r\n"].concat();
                assert_eq!(whole_after(&["GET", "GET"], more.as_bytes(), size), Some(more.len()), "{head:?} in {size}");
            }
        }
    }

    #[test]
    fn some_have_no_end_but_the_connections() {
        for text in [
            "HTTP/1.0 200 OK\r\n\r\nabc",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "no head at all\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        ] {
            assert_eq!(whole_after(&["GET"], text.as_bytes(), 4096), None, "{text}");
        }
    }
}
