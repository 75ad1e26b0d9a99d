//! An exchange that became a WebSocket: its bodies are what both ends send after the heads, its records are
//! the server's messages. Here are the client's messages and the end.

use super::intake::Intake;
use super::work::Work;
use crate::conn::Stamp;
use crate::exchange::ending::Party;
use crate::exchange::{Close, Exchange, WebSocket};
use crate::framing::websocket::{Sender, close_code};
use crate::framing::{Framed, Record, Stream};
use crate::http::event::{EndSignal, HttpWhat, MessageEnd};
use crate::oddity::Oddity;
use crate::time::Timestamp;

/// A Close frame without a code (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// What was found, and the client's frames.
pub(super) struct Socket {
    client: Client,
    found: WebSocket,
    /// The client's Close frame: its time and what it says.
    client_closed: Option<(Timestamp, Close)>,
}

/// What the client does.
///
/// ```text
/// Sending ──its direction, or the exchange, ends──► Over
/// ```
enum Client {
    /// Its frames are read.
    Sending(Box<Stream>),
    /// What comes after its end is ignored.
    Over,
}

impl Socket {
    /// Begin at the response head, which came at `at`.
    pub(super) fn new(extensions: Option<&str>, at: Timestamp) -> Self {
        let client = Client::Sending(Box::new(Stream::websocket(Sender::Client, extensions)));
        Socket { client, found: WebSocket { opened_at: at, ..WebSocket::default() }, client_closed: None }
    }

    /// What follows may make this hold this many bytes more.
    pub(super) fn allow(&mut self, bytes: usize) {
        if let Client::Sending(stream) = &mut self.client {
            stream.allow(bytes);
        }
    }

    /// More was needed than that.
    pub(super) fn is_short(&self) -> bool {
        matches!(&self.client, Client::Sending(stream) if stream.is_short())
    }

    /// Bytes of memory in use, about.
    pub(super) fn held(&self) -> usize {
        let stream = if let Client::Sending(stream) = &self.client { size_of::<Stream>() + stream.held() } else { 0 };
        stream + self.found.asks.len() * size_of::<Timestamp>()
    }

    /// What was found, once the exchange is over.
    pub(super) fn into_found(self) -> WebSocket {
        self.found
    }

    /// How the response ends, if the messages end with `how` and `told`, and the server's Close frame said
    /// `said` at that time. This frame completes what the server sends, however the connection ends. Only a
    /// Close frame of the client means that the client needed no more.
    pub(super) fn server_ends(
        &mut self,
        said: Option<(Timestamp, &[u8])>,
        how: MessageEnd,
        told: EndSignal,
    ) -> (MessageEnd, EndSignal) {
        self.found.server_close = said.map(|(_, said)| code(said));
        let server = said.map(|(at, said)| (at, close(Party::Server, said)));
        self.found.close = [self.client_closed.clone(), server].into_iter().flatten().min_by_key(|c| c.0).map(|c| c.1);
        match (self.found.server_close, self.found.client_close) {
            (Some(_), _) => (MessageEnd::Complete, EndSignal::CloseFrame),
            (None, Some(_)) => (MessageEnd::CutByClient, EndSignal::CloseFrame),
            (None, None) => (how, told),
        }
    }

    /// What the client sends. `asks` tells of a message whether it asks for an answer.
    pub(super) fn client_sends(
        &mut self,
        stamp: Stamp,
        what: &HttpWhat<'_>,
        intake: &mut Intake,
        exchange: &mut Exchange,
        asks: &mut dyn FnMut(&Record<'_>) -> bool,
    ) {
        let Socket { client, found, client_closed } = self;
        let Client::Sending(stream) = client else { return };
        let mut odd = Vec::new();
        let mut hear = |framed: Framed<'_>| match framed {
            Framed::Record(message) => {
                found.client_messages += 1;
                if found.asks.len() < WebSocket::MAX_ASKS && asks(&message) {
                    found.asks.push(message.at);
                }
            }
            Framed::Closed { at, said, .. } => {
                found.client_close = found.client_close.or(Some(code(said)));
                client_closed.get_or_insert_with(|| (at, close(Party::Client, said)));
            }
            // The numbers of records are those of the server's messages.
            Framed::Oddity(oddity) => odd.push(Oddity { record: None, ..oddity }),
            _ => {}
        };
        match what {
            HttpWhat::UnitStart { len, line } => intake.unit_start(*len, line),
            HttpWhat::Data(bytes) => {
                intake.data(stamp, bytes, &mut exchange.oddities, &mut |piece, _| stream.push(piece, &mut hear))
            }
            HttpWhat::UnitEnd => intake.unit_end(stamp),
            HttpWhat::Gap(len) => {
                exchange.gap = true;
                intake.gap(stamp, *len, &mut exchange.oddities);
                stream.gap(stamp.at, *len, &mut hear);
            }
            HttpWhat::End(..) => {
                stream.finish(stamp.at, true, &mut hear);
                intake.finish(stamp, &mut exchange.oddities);
                *client = Client::Over;
            }
            _ => {}
        }
        odd.into_iter().for_each(|oddity| exchange.oddities.push(oddity));
    }
}

impl Work {
    /// What the client sends on a WebSocket, which may add `room` bytes to what is held.
    pub(super) fn client_sends(&mut self, stamp: Stamp, what: &HttpWhat<'_>, room: usize) {
        let Work { exchange, request: Some(request), response, socket: Some(socket), over, .. } = self else { return };
        if let HttpWhat::End(how, _) = what {
            request.end.get_or_insert(*how);
        }
        let mut asks = |message: &Record<'_>| response.as_mut().is_none_or(|r| r.reading.asks(message));
        socket.allow(room);
        socket.client_sends(stamp, what, &mut request.intake, exchange, &mut asks);
        *over |= socket.is_short();
    }
}

fn close(by: Party, payload: &[u8]) -> Close {
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
    Close { by, code: code(payload), reason }
}

fn code(payload: &[u8]) -> u16 {
    close_code(payload).unwrap_or(NO_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Endpoints;
    use crate::exchange::ending::Ending;
    use crate::oddity::Oddities;

    /// A Close frame of the client, masked with zeros, with code 1000.
    const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
    /// A text message of the client, masked with zeros.
    const HELLO: &[u8] = b"\x81\x82\0\0\0\0hi";

    fn sent(all: &[HttpWhat<'_>]) -> Socket {
        let mut socket = Socket::new(None, Timestamp(1));
        let mut intake = Intake::new(None, true);
        let addr = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        let mut exchange = Exchange {
            id: crate::exchange::ExchangeId(0),
            conn: crate::conn::ConnId(0),
            endpoints: Endpoints { client: addr, server: addr },
            tls: None,
            request: None,
            response: None,
            websocket: None,
            ending: Ending::default(),
            oddities: Oddities::default(),
            gap: false,
        };
        for (frame, what) in (0..).zip(all) {
            let stamp = Stamp { at: Timestamp(10), frame };
            socket.client_sends(stamp, what, &mut intake, &mut exchange, &mut |_| true);
        }
        socket
    }

    #[test]
    fn nothing_is_read_after_the_end() {
        let end = || HttpWhat::End(MessageEnd::Complete, EndSignal::Fin);
        let found =
            sent(&[HttpWhat::Data(HELLO), end(), HttpWhat::Data(HELLO), HttpWhat::Data(CLOSE), end()]).into_found();
        assert_eq!((found.client_messages, found.asks, found.client_close), (1, vec![Timestamp(10)], None));
    }

    #[test]
    fn close_frames_decide_how_it_ended() {
        let cut = (MessageEnd::CutByServer, EndSignal::Reset);
        let ends = |client: &[u8], said: Option<&[u8]>| {
            sent(&[HttpWhat::Data(client)]).server_ends(said.map(|said| (Timestamp(20), said)), cut.0, cut.1)
        };
        assert_eq!(ends(HELLO, None), cut);
        assert_eq!(ends(CLOSE, None), (MessageEnd::CutByClient, EndSignal::CloseFrame));
        for client in [HELLO, CLOSE] {
            assert_eq!(ends(client, Some(&b""[..])), (MessageEnd::Complete, EndSignal::CloseFrame));
        }
    }
}
