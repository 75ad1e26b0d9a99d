//! An exchange that became a WebSocket: its bodies are what both ends send after the heads, its records are
//! the server's messages.

use super::Config;
use super::intake::Intake;
use super::reading::Reading;
use super::work::Work;
use crate::conn::Stamp;
use crate::exchange::WebSocket;
use crate::framing::websocket::{Sender, close_code};
use crate::framing::{Framed, Stream};
use crate::http::event::{EndSignal, HttpWhat, MessageEnd, Side};
use crate::time::Timestamp;

/// A Close frame without a code (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// What the client sends.
pub(super) struct Socket {
    stream: Stream,
    found: WebSocket,
    over: bool,
}

impl Work {
    /// Begin at the response head, which came at `at`.
    pub(super) fn open_socket(&mut self, extensions: Option<&str>, at: Timestamp, config: &Config) {
        let found = WebSocket { opened_at: at, ..WebSocket::default() };
        self.socket = Some(Socket { stream: Stream::websocket(Sender::Client, extensions), found, over: false });
        if let Some(request) = &mut self.request {
            request.intake = Intake::new(None, config.contents);
        }
        if let Some(response) = &mut self.response {
            response.reading = Reading::websocket(extensions, config.contents);
        }
    }

    pub(super) fn on_socket(&mut self, side: Side, stamp: Stamp, what: HttpWhat<'_>, config: &Config) {
        match (side, what) {
            (Side::Request, what) => self.client_says(stamp, &what),
            (Side::Response, HttpWhat::End(how, told)) => {
                let (how, told) = self.told_by_frames(how, told);
                self.ended = Some((how, told, stamp));
                self.response(stamp, HttpWhat::End(how, told), config);
            }
            (Side::Response, what) => self.response(stamp, what, config),
        }
    }

    /// What was found, once the exchange is over.
    pub(super) fn close_socket(&mut self, stamp: Stamp) {
        self.client_says(stamp, &HttpWhat::End(MessageEnd::CutByCapture, EndSignal::CaptureEnd));
        self.exchange.websocket = self.socket.take().map(|socket| Box::new(socket.found));
    }

    /// The server's Close frame completes what it sends, however the connection ends. Only a Close frame of
    /// the client means that the client needed no more.
    fn told_by_frames(&mut self, how: MessageEnd, told: EndSignal) -> (MessageEnd, EndSignal) {
        let Some(socket) = &mut self.socket else { return (how, told) };
        let word = self.response.as_mut().and_then(|r| r.reading.found().last_word.as_deref());
        socket.found.server_close = word.map(code);
        match (socket.found.server_close, socket.found.client_close) {
            (Some(_), _) => (MessageEnd::Complete, EndSignal::CloseFrame),
            (None, Some(_)) => (MessageEnd::CutByClient, EndSignal::CloseFrame),
            (None, None) => (how, told),
        }
    }

    fn client_says(&mut self, stamp: Stamp, what: &HttpWhat<'_>) {
        let Work { exchange, request: Some(request), response, socket: Some(socket), .. } = self else { return };
        let Socket { stream, found, over } = socket;
        if *over {
            return;
        }
        let mut reading = response.as_mut().map(|r| &mut r.reading);
        let mut odd = Vec::new();
        let mut hear = |framed: Framed<'_>| match framed {
            Framed::Record(message) => {
                found.client_messages += 1;
                if found.asks.len() < WebSocket::MAX_ASKS && reading.as_mut().is_none_or(|r| r.asks(&message)) {
                    found.asks.push(message.at);
                }
            }
            Framed::Closed { said, .. } => found.client_close = found.client_close.or(Some(code(said))),
            Framed::Oddity(oddity) => odd.push(oddity),
            _ => {}
        };
        match what {
            HttpWhat::UnitStart { len, line } => request.intake.unit_start(*len, line),
            HttpWhat::Data(bytes) => {
                request.intake.data(stamp, bytes, &mut exchange.oddities, &mut |piece| stream.push(piece, &mut hear))
            }
            HttpWhat::UnitEnd => request.intake.unit_end(stamp),
            HttpWhat::Gap(len) => {
                exchange.gap = true;
                request.intake.gap(stamp, *len, &mut exchange.oddities);
                stream.gap(stamp.at, *len, &mut hear);
            }
            HttpWhat::End(how, _) => {
                *over = true;
                request.end.get_or_insert(*how);
                stream.finish(stamp.at, true, &mut hear);
                request.intake.finish(stamp, &mut exchange.oddities);
            }
            _ => {}
        }
        odd.into_iter().for_each(|oddity| exchange.oddities.push(oddity));
    }
}

fn code(payload: &[u8]) -> u16 {
    close_code(payload).unwrap_or(NO_CODE)
}
