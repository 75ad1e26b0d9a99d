//! Requests on a connection whose heads must be edited: reverse mode and absolute-form. Bodies pass unchanged; they
//! are measured only to find the next head.
//!
//! ```text
//!   Head ──whole──▶ Body(n) ──n bytes──▶ Head         Head ──Upgrade──▶ Opaque (for ever)
//!     └────────────▶ Chunks ──last one──▶ Head
//! ```

use super::answers::Answers;
use super::chunks::Chunks;
use super::head::{self, Edit, Head, Length, Parsed, Search, Wants};
use super::target::{Authority, Scheme, Upstream};

/// Where the requests of this connection go, and how their heads are edited.
#[derive(Debug)]
pub(super) enum Rewrite {
    /// Everything to this server (reverse mode).
    To(Upstream),
    /// Absolute-form: the target loses its authority.
    Origin,
    /// Absolute-form stays, because the next proxy needs it; with these credentials.
    Keep { credentials: Option<String> },
}

/// What to do with the bytes that the client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Pass these on.
    Pass(Vec<u8>),
    /// Not enough yet.
    More,
    /// The next head names another server.
    Turn,
    /// This can't be passed on.
    Refuse(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    Chunks(Chunks),
    Opaque,
}

/// Edits the heads in a client's stream.
#[derive(Debug)]
pub(super) struct Editor {
    rewrite: Rewrite,
    state: State,
    /// The server of this connection's current requests (absolute-form).
    now_at: Option<(Scheme, Authority)>,
    /// The client's bytes that are not processed yet.
    input: Vec<u8>,
    /// How far `input` was searched for the end of a head.
    search: Search,
    /// `input` may hold something that can be processed.
    fresh: bool,
    /// Requests whose end another reader may see elsewhere are refused.
    strict: bool,
    /// The answers that this server still owes.
    answers: Answers,
}

impl Editor {
    /// `input`: bytes that were already read.
    pub(super) fn new(rewrite: Rewrite, now_at: Option<(Scheme, Authority)>, input: Vec<u8>) -> Editor {
        let fresh = !input.is_empty();
        let search = Search::default();
        Editor { rewrite, state: State::Head, now_at, input, search, fresh, strict: false, answers: Answers::default() }
    }

    /// Refuses requests whose end another reader may see elsewhere, if `strict`.
    pub(super) fn strict(self, strict: bool) -> Editor {
        Editor { strict, ..self }
    }

    /// Input is left that must be processed before more is read.
    pub(super) fn has_input(&self) -> bool {
        self.fresh
    }

    /// The server sent these bytes.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        if self.now_at.is_some() {
            self.answers.said(bytes);
        }
    }

    /// The server owes no answer, so [`Step::Turn`] loses none.
    pub(super) fn may_turn(&self) -> bool {
        self.answers.are_whole()
    }

    /// The server of the next request, after [`Step::Turn`]; `rewrite` says how heads for that server are edited.
    pub(super) fn turn(&mut self, rewrite: impl Fn(Scheme, &Authority) -> Rewrite) -> Option<(Scheme, Authority)> {
        let Parsed::Whole(Head { wants: Wants::Absolute { scheme, authority, .. }, .. }) = head::parse(&self.input)
        else {
            return None;
        };
        self.rewrite = rewrite(scheme, &authority);
        self.search = Search::default();
        self.now_at = Some((scheme, authority));
        self.answers = Answers::default();
        self.fresh = true;
        self.now_at.clone()
    }

    /// The next bytes of the client; empty to continue with the bytes in `input`.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Step {
        self.input.extend_from_slice(bytes);
        let mut out = Vec::new();
        while !self.input.is_empty() {
            let used = match self.state {
                State::Opaque => self.input.len(),
                State::Body(left) => {
                    let n = left.min(self.input.len() as u64);
                    self.state = if left > n { State::Body(left - n) } else { State::Head };
                    n as usize
                }
                State::Chunks(chunks) => match chunks.walk(&self.input) {
                    Ok((used, left)) => {
                        self.state = left.map_or(State::Head, State::Chunks);
                        used
                    }
                    Err(why) => return Step::Refuse(why),
                },
                State::Head => match self.head(&mut out) {
                    Ok(()) => continue,
                    // What came before the head that can't be passed on is passed on first.
                    Err(_) if !out.is_empty() => break,
                    Err(step) => {
                        self.fresh = false;
                        return step;
                    }
                },
            };
            out.extend(self.input.drain(..used));
        }
        self.fresh = !self.input.is_empty() && !out.is_empty();
        if out.is_empty() { Step::More } else { Step::Pass(out) }
    }

    /// Edits the head at the front, or says why that is not possible.
    fn head(&mut self, out: &mut Vec<u8>) -> Result<(), Step> {
        let head = match self.search.parse(&self.input) {
            Parsed::More => return Err(Step::More),
            Parsed::Not(why) => {
                // What comes before it is passed on first, and then these bytes are looked at again.
                self.search = Search::default();
                return Err(Step::Refuse(why));
            }
            Parsed::Whole(head) => head,
        };
        // Whatever becomes of this head: the next search begins at a front.
        self.search = Search::default();
        if let Some(why) = head.ambiguous.filter(|_| self.strict) {
            return Err(Step::Refuse(why));
        }
        let bytes = &self.input[..head.len];
        match (&self.rewrite, &head.wants) {
            (_, Wants::Tunnel(_)) => {
                return Err(Step::Refuse("CONNECT after another request on the same connection is not supported"));
            }
            (Rewrite::To(upstream), wants) => {
                let target = match wants {
                    Wants::Absolute { origin, .. } => upstream.path_to(origin),
                    _ => upstream.path_to(&target_of(bytes)),
                };
                let host = upstream.authority.host_field(upstream.scheme);
                out.extend(head::edited(bytes, &Edit { target: Some(&target), host: Some(&host), credentials: None }));
            }
            (_, Wants::Origin) => return Err(Step::Refuse(ORIGIN)),
            (rewrite, Wants::Absolute { scheme, authority, origin }) => {
                if self.now_at.as_ref() != Some(&(*scheme, authority.clone())) {
                    return Err(Step::Turn);
                }
                let edit = match rewrite {
                    Rewrite::Keep { credentials } => Edit { credentials: credentials.as_deref(), ..Edit::default() },
                    _ => Edit { target: Some(origin), ..Edit::default() },
                };
                out.extend(head::edited(bytes, &edit));
            }
        }
        self.input.drain(..head.len);
        if self.now_at.is_some() {
            self.answers.asked(&head.method);
        }
        self.state = match head.length {
            _ if head.upgrade => State::Opaque,
            Length::Bytes(0) => State::Head,
            Length::Bytes(n) => State::Body(n),
            Length::Chunked => State::Chunks(Chunks::default()),
        };
        Ok(())
    }
}

/// What of a client's bytes, in these pieces, a reverse proxy passes on, and why it refuses the rest, if it does.
pub fn passed_on<'p>(
    upstream: Upstream,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    strict: bool,
) -> (Vec<u8>, Option<&'static str>) {
    let mut editor = Editor::new(Rewrite::To(upstream), None, Vec::new()).strict(strict);
    let mut out = Vec::new();
    for piece in pieces {
        let mut step = editor.push(piece);
        loop {
            match step {
                Step::Pass(bytes) => out.extend(bytes),
                Step::Refuse(why) => return (out, Some(why)),
                Step::More | Step::Turn => break,
            }
            if !editor.has_input() {
                break;
            }
            step = editor.push(b"");
        }
    }
    (out, None)
}

/// The answer to a request in origin-form that came to the proxy.
pub(super) const ORIGIN: &str =
    "this is a proxy: set it as such (HTTPS_PROXY), or start it with --upstream URL to replace one server";

fn target_of(head: &[u8]) -> String {
    let line = head::without_empty_lines(head).split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    let target = line.split(|&b| b == b' ').nth(1).unwrap_or(b"/");
    String::from_utf8_lossy(target).into_owned()
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Everything that is passed on when `text` comes in pieces of `size`.
    fn pass(editor: &mut Editor, text: &[u8], size: usize) -> (Vec<u8>, Option<Step>) {
        let mut out = Vec::new();
        for piece in text.chunks(size) {
            let mut step = editor.push(piece);
            loop {
                match step {
                    Step::Pass(bytes) => out.extend(bytes),
                    Step::More => break,
                    other => return (out, Some(other)),
                }
                if !editor.has_input() {
                    break;
                }
                step = editor.push(&[]);
            }
        }
        (out, None)
    }

    #[test]
    fn a_head_after_an_empty_line_is_edited_too() {
        let upstream = || Rewrite::To(Upstream::parse("http://u:8000/base").unwrap());
        for before in ["\n", "\r\n", "\r\n\r\n"] {
            for (target, wanted) in [("http://h/a?b", "/base/a?b"), ("/a?b", "/base/a?b")] {
                let sent = format!("{before}GET {target} HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n");
                let mut editor = Editor::new(upstream(), None, Vec::new());
                let (out, step) = pass(&mut editor, sent.as_bytes(), 4096);
                let wanted = format!("GET {wanted} HTTP/1.1\r\nHost: u:8000\r\nX: y\r\n\r\n");
                assert_eq!((String::from_utf8(out).unwrap(), step), (wanted, None), "{before:?}");
            }
        }
    }

    /// What is no request is refused also if it comes in one piece with what goes before it.
    #[test]
    fn what_follows_a_body_and_is_no_request_is_refused() {
        let sent = b"POST http://h/ HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\x01\x02 no head\r\n\r\n";
        for size in [1, 7, 4096] {
            let mut editor = Editor::new(Rewrite::Origin, at("h"), Vec::new());
            let (out, step) = pass(&mut editor, sent, size);
            assert!(out.ends_with(b"\r\n\r\n{}"), "{size}");
            assert_eq!(step, Some(Step::Refuse("this is not an HTTP request")), "{size}");
        }
    }

    fn at(host: &str) -> Option<(Scheme, Authority)> {
        Some((Scheme::Http, Authority::parse(host, 80).unwrap()))
    }

    #[test]
    fn heads_are_edited_and_bodies_are_not() {
        let sent = b"POST http://h/a HTTP/1.1\r\nContent-Length: 21\r\n\r\nGET http://h/x HTTP/1\
            POST http://h/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=GET http://\r\nabc\r\n0\r\nT: \
            v\r\n\r\nGET http://h/c HTTP/1.1\r\n\r\n";
        let wanted = b"POST /a HTTP/1.1\r\nContent-Length: 21\r\n\r\nGET http://h/x HTTP/1\
            POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=GET http://\r\nabc\r\n0\r\nT: v\r\n\r\nGET /c \
            HTTP/1.1\r\n\r\n";
        for size in [1, 2, 7, 4096] {
            let (out, stop) = pass(&mut Editor::new(Rewrite::Origin, at("h"), Vec::new()), sent, size);
            assert_eq!(
                (String::from_utf8_lossy(&out), stop),
                (String::from_utf8_lossy(wanted), None),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn another_host_is_a_turn() {
        let mut editor = Editor::new(Rewrite::Origin, at("h"), Vec::new());
        let (out, stop) = pass(&mut editor, b"GET http://h/a HTTP/1.1\r\n\r\nGET http://i/b HTTP/1.1\r\n\r\n", 4096);
        assert_eq!((out.as_slice(), stop), (b"GET /a HTTP/1.1\r\n\r\n".as_slice(), Some(Step::Turn)));
        assert_eq!(editor.turn(|_, _| Rewrite::Origin), at("i"));
        assert_eq!(editor.push(&[]), Step::Pass(b"GET /b HTTP/1.1\r\n\r\n".to_vec()));
    }

    #[test]
    fn reverse_sets_host_and_path() {
        let upstream = Upstream::parse("https://api.example.com/base/").unwrap();
        let mut editor =
            Editor::new(Rewrite::To(upstream), None, b"GET /v1/x?y HTTP/1.1\r\nHost: localhost:1\r\n\r\n".to_vec());
        assert!(editor.has_input());
        let Step::Pass(out) = editor.push(&[]) else { panic!() };
        assert_eq!(String::from_utf8_lossy(&out), "GET /base/v1/x?y HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    }

    #[test]
    fn strict_refuses_what_is_ambiguous() {
        let sent = b"POST http://h/a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let step = |strict| pass(&mut Editor::new(Rewrite::Origin, at("h"), Vec::new()).strict(strict), sent, 4096).1;
        assert_eq!(step(false), None);
        assert!(matches!(step(true), Some(Step::Refuse(why)) if why.contains("Transfer-Encoding")));
    }

    #[test]
    fn behind_an_upgrade_nothing_is_read() {
        let mut editor = Editor::new(Rewrite::Origin, at("h"), Vec::new());
        let sent = b"GET http://h/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x02hi";
        assert_eq!(pass(&mut editor, sent, 3).0, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x02hi");
    }
}
