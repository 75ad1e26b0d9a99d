//! Frames that carry no message: RST_STREAM, SETTINGS, WINDOW_UPDATE, GOAWAY. Window state is kept to
//! distinguish a flow-control stall from a silent model.

use super::ends::cut_by;
use super::frame::Head;
use super::stream::{Progress, Window};
use super::{Conn, FLOW_CONTROL_STALL, GOAWAY, Here, RESET, STALL, Sink};
use crate::conn::Direction;
use crate::http::event::{EndSignal, HttpWhat};
use crate::oddity::Oddity;
use crate::time::{Span, Timestamp};

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

/// The last GOAWAY.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoAway {
    /// Direction of its sender.
    pub(super) dir: Direction,
    /// Highest stream of the other end that the sender still processes.
    pub(super) last: u32,
    pub(super) code: u32,
    /// When it came.
    pub(super) at: Timestamp,
}

impl GoAway {
    /// Nothing more will come on this stream: it is above the last one, or the connection failed.
    pub(super) fn gives_up(self, stream: u32) -> bool {
        let opened_by_other = stream % 2 == u32::from(self.dir == Direction::ToClient);
        self.code != 0 || (opened_by_other && stream > self.last)
    }
}

fn name(dir: Direction) -> &'static str {
    match dir {
        Direction::ToServer => "client",
        Direction::ToClient => "server",
    }
}

impl Conn {
    pub(super) fn reset(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let code = payload.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
        let who = name(here.dir);
        self.odd(here, head.stream, RESET, format!("RST_STREAM by the {who}, code {code}"), sink);
        for dir in [Direction::ToServer, Direction::ToClient] {
            self.message_end(Here { dir, ..here }, head.stream, cut_by(here.dir), EndSignal::RstStream(code), sink);
        }
    }

    /// SETTINGS of the client limit what the server may send. The field blocks themselves state the size of
    /// the header table.
    pub(super) fn settings(&mut self, here: Here, payload: &[u8], sink: &mut Sink<'_>) {
        if here.dir != Direction::ToServer {
            return;
        }
        for entry in payload.chunks_exact(6).filter(|entry| entry[..2] == INITIAL_WINDOW_SIZE) {
            let value = i64::from(u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]));
            let change = value - self.initial_window;
            self.initial_window = value;
            if !self.follows_windows() {
                continue;
            }
            // The change applies to open streams too (section 6.9.2).
            let opened: Vec<(u32, Span)> =
                self.streams.iter_mut().filter_map(|(id, s)| Some((*id, s.window.grow(change, here.at)?))).collect();
            for (id, shut) in opened {
                self.stalled(here, id, shut, sink);
            }
        }
    }

    pub(super) fn window_update(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let Some(n) = payload.first_chunk::<4>().map(|b| i64::from(u32::from_be_bytes(*b) & 0x7fff_ffff)) else {
            return;
        };
        if here.dir != Direction::ToServer {
            return;
        }
        if head.stream == 0 {
            if let Some(shut) = self.window.grow(n, here.at).filter(|shut| *shut >= STALL)
                && self.follows_windows()
            {
                let open: Vec<u32> = self.streams.keys().copied().collect();
                open.into_iter().for_each(|id| self.stalled(here, id, shut, sink));
            }
        } else if let Some(shut) = self.streams.get_mut(&head.stream).and_then(|s| s.window.grow(n, here.at)) {
            self.stalled(here, head.stream, shut, sink);
        }
    }

    /// A change that concerns the windows of all open streams may be followed. If it costs too much, window sizes are
    /// unknown from here on.
    fn follows_windows(&mut self) -> bool {
        self.window_lost = self.window_lost || !self.effort.spend(self.streams.len());
        !self.window_lost
    }

    /// A window opened again after `shut`. If frames of the client are missing, window sizes are unknown and
    /// nothing is reported.
    fn stalled(&mut self, here: Here, id: u32, shut: Span, sink: &mut Sink<'_>) {
        let open = self.streams.get(&id).is_some_and(|s| s.progress(Direction::ToClient) == Progress::Open);
        if shut >= STALL && open && !self.window_lost {
            let found = format!("flow-control window shut for {shut}");
            let oddity = Oddity::new(FLOW_CONTROL_STALL, here.at, found).span(shut);
            self.say(Here { dir: Direction::ToClient, ..here }, id, HttpWhat::Oddity(oddity), sink);
        }
    }

    /// The answer is cut while a window is shut: the client that stopped it had blocked it.
    pub(super) fn still_shut(&mut self, here: Here, id: u32, sink: &mut Sink<'_>) {
        let windows = [Some(self.window), self.streams.get(&id).map(|s| s.window)];
        if let Some(since) = windows.into_iter().flatten().filter_map(Window::shut_since).min() {
            self.stalled(here, id, here.at.since(since), sink);
        }
    }

    /// Streams opened by the other end above the last one named will not be processed (section 6.8).
    pub(super) fn goaway(&mut self, here: Here, payload: &[u8], sink: &mut Sink<'_>) {
        let word = |at: usize| payload.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let (Some(last), Some(code)) = (word(0).map(|n| n & 0x7fff_ffff), word(4)) else { return };
        let goaway = GoAway { dir: here.dir, last, code, at: here.at };
        self.goaway = Some(goaway);
        if !self.effort.spend(self.streams.len()) {
            return;
        }
        let hit: Vec<u32> = self.streams.keys().copied().filter(|id| goaway.gives_up(*id)).collect();
        for id in hit {
            self.given_up(here, id, goaway, sink);
        }
    }

    /// A stream that is opened after the GOAWAY which gives it up.
    pub(super) fn after_goaway(&mut self, here: Here, id: u32, sink: &mut Sink<'_>) {
        if let Some(goaway) = self.goaway.filter(|g| g.gives_up(id)) {
            self.given_up(Here { at: goaway.at, ..here }, id, goaway, sink);
        }
    }

    fn given_up(&mut self, here: Here, id: u32, GoAway { dir, last, code, .. }: GoAway, sink: &mut Sink<'_>) {
        let who = name(dir);
        self.odd(here, id, GOAWAY, format!("GOAWAY by the {who}: last stream {last}, code {code}"), sink);
    }
}
