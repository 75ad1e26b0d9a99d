//! Frames that steer instead of carrying messages: RST_STREAM, SETTINGS, WINDOW_UPDATE, GOAWAY. Window state is kept so that a
//! flow-control stall is told from a silent model.

use super::frame::Head;
use super::stream::Progress;
use super::{Conn, GOAWAY, Here, RESET, STALL, Sink, WINDOW_SHUT};
use crate::conn::Direction;
use crate::http::event::MessageEnd;
use crate::time::Span;

impl Conn {
    pub(super) fn reset(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let code = payload.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
        let (who, how) = match here.dir {
            Direction::ToServer => ("client", MessageEnd::CutByClient),
            Direction::ToClient => ("server", MessageEnd::CutByServer),
        };
        if !self.streams.contains_key(&head.stream) {
            return;
        }
        self.odd(here, head.stream, RESET, format!("RST_STREAM by the {who}, code {code}"), sink);
        for dir in [Direction::ToServer, Direction::ToClient] {
            self.message_end(Here { dir, ..here }, head.stream, how, sink);
        }
    }

    pub(super) fn settings(&mut self, here: Here, payload: &[u8], sink: &mut Sink<'_>) {
        for entry in payload.chunks_exact(6) {
            let value = i64::from(u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]));
            // SETTINGS_INITIAL_WINDOW_SIZE of the client bounds what the server may send (section 6.9.2).
            if entry[..2] == [0, 4] && here.dir == Direction::ToServer {
                let change = value - self.initial_window;
                self.initial_window = value;
                let opened: Vec<(u32, Span)> =
                    self.streams.iter_mut().filter_map(|(id, s)| Some((*id, s.window.grow(change, here.at)?))).collect();
                for (id, shut) in opened {
                    self.stalled(here, id, shut, sink);
                }
            }
        }
    }

    pub(super) fn window_update(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let Some(n) = payload.first_chunk::<4>().map(|b| i64::from(u32::from_be_bytes(*b) & 0x7fff_ffff)) else { return };
        if here.dir != Direction::ToServer {
            return;
        }
        if head.stream == 0 {
            if let Some(shut) = self.window.grow(n, here.at) {
                let open: Vec<u32> = self.streams.iter().filter(|(_, s)| s.response == Progress::Open).map(|(id, _)| *id).collect();
                open.into_iter().for_each(|id| self.stalled(here, id, shut, sink));
            }
        } else if let Some(shut) = self.streams.get_mut(&head.stream).and_then(|s| s.window.grow(n, here.at)) {
            self.stalled(here, head.stream, shut, sink);
        }
    }

    pub(super) fn stalled(&mut self, here: Here, id: u32, shut: Span, sink: &mut Sink<'_>) {
        if shut >= STALL {
            let here = Here { dir: Direction::ToClient, ..here };
            self.odd(here, id, WINDOW_SHUT, format!("flow-control window shut for {shut}"), sink);
        }
    }

    pub(super) fn goaway(&mut self, here: Here, payload: &[u8], sink: &mut Sink<'_>) {
        let word = |at: usize| payload.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let (Some(last), Some(code)) = (word(0), word(4)) else { return };
        let refused: Vec<u32> = self.streams.keys().copied().filter(|id| *id > last & 0x7fff_ffff).collect();
        for id in refused {
            self.odd(here, id, GOAWAY, format!("GOAWAY: last stream {last}, code {code}"), sink);
        }
    }
}
