//! Reads one client: its bytes become requests, and each request gets its answer.

use super::super::matching::{Asked, Found};
use super::super::script::Script;
use super::bodies::{Body, Room};
use super::link::Link;
use super::{Served, Shared, socket};
use crate::conn::{ByteEvent, ConnId, Direction, End, Endpoints, What};
use crate::http::event::{HttpEvent, HttpWhat, MessageEnd, RequestHead, Side};
use crate::http::{Conn, Speaks};
use crate::time::{Span, Timestamp};
use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes that may come before a request's head is whole. The reader of captures gives up a longer one.
const MAX_HEAD: usize = 512 << 10;
/// Time in which a client must send its first byte, and the rest of a head that it has begun. Between requests it may
/// be silent.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// A request that is being received.
struct Coming {
    head: RequestHead,
    body: Body,
}

/// Serves one connection until the client has closed it and every request is answered.
pub(super) fn serve(socket: TcpStream, buffer: &mut [u8], shared: &Arc<Shared>) {
    let (Ok(client), Ok(server)) = (socket.peer_addr(), socket.local_addr()) else { return };
    let _ = socket.set_nodelay(true);
    let _ = socket.set_read_timeout(Some(HEAD_WITHIN));
    let link = Arc::new(Link::new(socket));
    let mut reading = Reading {
        shared,
        link: &link,
        http: Conn::new(false),
        early: Vec::new(),
        coming: HashMap::new(),
        http2: false,
        first: true,
        unread: 0,
    };
    reading.event(0, What::Open { endpoints: Endpoints { client, server }, joined: false });
    loop {
        match socket::receive(&link.socket, buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && !reading.is_late() => {}
            Ok((0, at)) => {
                reading.event(at, What::End(End::Fin));
                break;
            }
            Ok((n, at)) => {
                if !reading.bytes(at, &buffer[..n]) {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    shared.cut.fetch_add(link.cut_frames(), Ordering::Relaxed);
}

struct Reading<'s> {
    shared: &'s Arc<Shared>,
    link: &'s Arc<Link>,
    http: Conn,
    /// Bytes received before the protocol is known.
    early: Vec<u8>,
    coming: HashMap<u64, Coming>,
    http2: bool,
    /// No bytes were received yet.
    first: bool,
    /// Bytes since the last one that belonged to a whole head or a body.
    unread: usize,
}

impl Reading<'_> {
    /// Takes received bytes; false if the connection must be closed.
    fn bytes(&mut self, at: i64, bytes: &[u8]) -> bool {
        const HANDSHAKE: u8 = 22;
        if std::mem::take(&mut self.first) && bytes.first() == Some(&HANDSHAKE) {
            match &self.shared.seal {
                Some(seal) => self.link.seal_with(seal()),
                None => {
                    (self.shared.tell)(&Served::Failed("a client speaks TLS, and there is no certificate for it"));
                    return false;
                }
            }
        }
        let mut plain = Vec::new();
        if let Err(e) = self.link.open(bytes, &mut plain) {
            (self.shared.tell)(&Served::Failed(&format!("TLS: {e}")));
            return false;
        }
        if plain.is_empty() {
            return true;
        }
        if !self.http2 && self.early.len() < 64 {
            self.early.extend_from_slice(&plain);
        }
        // As soon as HTTP/2 is recognised, the first bytes are read for its limits.
        if self.http2 {
            self.later(self.link.steer(&plain));
        }
        // The reader of captures separates the requests.
        self.unread += plain.len();
        self.event(at, What::Data(&plain));
        if self.unread > MAX_HEAD && !self.http2 {
            self.link
                .say(b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            (self.shared.tell)(&Served::Failed("the head of a request is too long"));
            return false;
        }
        if self.http.speaks() == Speaks::Other {
            (self.shared.tell)(&Served::Failed("a client speaks neither HTTP/1 nor HTTP/2"));
            return false;
        }
        true
    }

    /// The client is silent in the middle of a head, or has never spoken.
    fn is_late(&self) -> bool {
        let late = self.first || (self.unread > 0 && !self.http2 && self.coming.is_empty());
        if late && !self.first {
            self.link.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        late
    }

    fn event(&mut self, at: i64, what: What<'_>) {
        let event = ByteEvent { at: Timestamp(at), frame: 0, conn: ConnId(0), dir: Direction::ToServer, what };
        let mut whole = Vec::new();
        let Reading { http, coming, link, unread, shared, .. } = self;
        http.push(&event, &mut |e: HttpEvent<'_>| {
            *unread = 0;
            request(e, coming, link, &shared.room, &mut whole);
        });
        if !self.http2 && self.http.speaks() == Speaks::Http2 {
            self.http2 = true;
            self.link.speak_http2();
            let early = std::mem::take(&mut self.early);
            self.later(self.link.steer(&early));
        }
        whole.into_iter().for_each(|c| self.answer(at, c));
    }

    fn answer(&self, at: i64, coming: Coming) {
        let Coming { head, body } = coming;
        let (method, target) = (head.method.clone(), head.target.clone());
        let Some(body) = body.whole() else {
            (self.shared.tell)(&Served::Failed("the body of a request is longer than any that was recorded"));
            let why = r#"{"error":{"message":"sniff replay: the body is longer than any that was recorded"}}"#;
            if let Some(script) = Script::of_text(413, "Content Too Large", "application/json", why) {
                let at_once = |recorded: &[Span]| vec![at; recorded.len()];
                self.later(self.link.answer(head.h2_stream, Arc::new(script.into()), at_once));
            }
            return;
        };
        let asked = Asked { method, target, body };
        let found = self.shared.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner).find(&asked);
        let (recording, n) = match found {
            Found::Answer(recording, n) => {
                (self.shared.tell)(&Served::Answered {
                    asked: &asked,
                    id: recording.script.id,
                    h2: head.h2_stream.is_some(),
                });
                (recording, Some(n))
            }
            Found::Nothing(why) => {
                (self.shared.tell)(&Served::Unmatched { asked: &asked, why: &why });
                self.shared.unmatched.fetch_add(1, Ordering::Relaxed);
                match Script::of_text(404, "Not Found", "application/json", &why) {
                    Some(script) => (Arc::new(script.into()), None),
                    None => return,
                }
            }
        };
        let pace = &self.shared.pace;
        let times = |recorded: &[Span]| match n {
            Some(n) => pace.times(recorded, n).iter().map(|s| at.saturating_add(s.0)).collect(),
            None => vec![at; recorded.len()],
        };
        self.later(self.link.answer(head.h2_stream, recording, times));
    }

    fn later(&self, due: Option<i64>) {
        if let Some(due) = due {
            self.shared.pacer.now_or_at(due, self.link);
        }
    }
}

/// Assembles requests.
fn request(
    event: HttpEvent<'_>,
    coming: &mut HashMap<u64, Coming>,
    link: &Link,
    room: &Arc<Room>,
    whole: &mut Vec<Coming>,
) {
    if event.side != Side::Request {
        return;
    }
    match event.what {
        HttpWhat::Request(head) => {
            let expects = head.fields.all("expect").any(|v| v.eq_ignore_ascii_case(b"100-continue"));
            if expects && head.h2_stream.is_none() {
                link.say(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            coming.insert(event.exchange, Coming { head: *head, body: Body::new(room) });
        }
        HttpWhat::Data(bytes) => {
            if let Some(c) = coming.get_mut(&event.exchange) {
                c.body.push(bytes);
            }
        }
        HttpWhat::End(MessageEnd::Complete, _) => whole.extend(coming.remove(&event.exchange)),
        HttpWhat::End(..) => drop(coming.remove(&event.exchange)),
        _ => {}
    }
}
