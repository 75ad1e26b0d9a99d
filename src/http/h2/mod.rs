//! HTTP/2 (RFC 9113) as a passive reader sees it: frames of both directions become the same events as HTTP/1.
//!
//! A connection joined in the middle is read from the first bytes that make frames; header table entries from before
//! are marked unknown.

pub(crate) mod frame;
mod block;
mod body;
mod control;
mod effort;
mod ends;
mod head;
mod hpack;
mod role_guess;
mod stream;

use super::event::{HttpEvent, HttpWhat, Side};
use super::in_order;
use crate::conn::{ByteEvent, Direction, End, What};
use crate::oddity::{Kind, Oddity};
use crate::time::{Span, Timestamp};
use block::Pending;
use frame::{Head, Reader, Step, flag, kind};
use role_guess::RoleGuess;
use std::collections::{BTreeMap, VecDeque};
use stream::{Progress, Stream, Window};

/// A header table entry from before the capture was used.
pub const UNKNOWN_ENTRY: Kind = Kind("h2.unknown-table-entry");
/// A field block could not be read to its end.
pub const BAD_BLOCK: Kind = Kind("h2.bad-field-block");
/// The server could not send for lack of window (the span says how long): the client's flow control, not the
/// server's silence.
pub const FLOW_CONTROL_STALL: Kind = Kind("h2.flow-control-stall");
/// RST_STREAM with its code and sender.
pub const RESET: Kind = Kind("h2.rst-stream");
/// GOAWAY that does not cover this stream.
pub const GOAWAY: Kind = Kind("h2.goaway");
/// Bytes that are not a frame, or a frame of impossible size.
pub const BAD_FRAME: Kind = Kind("h2.bad-frame");

/// A window that was shut for less is not reported.
const STALL: Span = Span::from_millis(1);
/// Longest field block, in bytes (RFC 9113 section 10.5.1 leaves the limit to the reader).
const MAX_BLOCK: usize = 1 << 20;
const DEFAULT_WINDOW: i64 = 65_535;
/// Bytes of memory of an entry of a map, beyond its value.
const NODE: usize = 16;

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Index by direction.
    readers: [Reader; 2],
    hpack: [hpack::Decoder; 2],
    /// Field block being collected, per direction.
    blocks: [Option<Pending>; 2],
    /// Time of the first byte of the current frame, per direction.
    begun: [Timestamp; 2],
    streams: BTreeMap<u32, Stream>,
    /// Streams that ended last: late frames on them open nothing.
    closed: VecDeque<u32>,
    /// Highest client-opened stream so far.
    highest: u32,
    /// The capture lacks frames, before its beginning or in a gap: streams and heads may be unknown.
    partial: bool,
    /// The capture lacks frames of the client: window sizes are unknown.
    window_lost: bool,
    next: u64,
    window: Window,
    initial_window: i64,
    effort: effort::Effort,
    /// The direction that ended first, and how.
    first_end: Option<(Direction, End)>,
    goaway: Option<control::GoAway>,
    flipped: bool,
    /// Joined under way, and it is not known yet which end is the client.
    role_guess: Option<Box<RoleGuess>>,
}

/// Direction, time and packet of an event, for the helpers.
#[derive(Clone, Copy)]
struct Here {
    at: Timestamp,
    frame: u64,
    dir: Direction,
}

type Sink<'s> = dyn FnMut(HttpEvent<'_>) + 's;

/// A field block from `name: value` lines as [`crate::http::event::Fields::raw`] has them.
pub(super) fn block_of_lines(raw: &[u8], first_at: Timestamp) -> head::Block {
    head::Block::of_lines(raw, first_at)
}

impl Conn {
    /// `joined`: the beginning was not seen. `next`: number of the next exchange of the connection.
    pub(crate) fn new(joined: bool, next: u64) -> Self {
        Conn {
            readers: [Reader::new(true, joined), Reader::new(false, joined)],
            hpack: [hpack::Decoder::new(joined), hpack::Decoder::new(joined)],
            blocks: [None, None],
            begun: [Timestamp::default(); 2],
            streams: BTreeMap::new(),
            closed: VecDeque::new(),
            highest: 0,
            partial: joined,
            window_lost: joined,
            next,
            window: Window::new(DEFAULT_WINDOW),
            initial_window: DEFAULT_WINDOW,
            effort: effort::Effort::default(),
            first_end: None,
            goaway: None,
            flipped: false,
            role_guess: joined.then(|| Box::new(RoleGuess::new())),
        }
    }

    /// After `Upgrade: h2c`: stream 1 answers the HTTP/1.1 request of this exchange (RFC 7540 section 3.2).
    pub(crate) fn upgraded(exchange: u64) -> Self {
        let mut conn = Conn::new(false, exchange + 1);
        let mut stream = Stream::new(exchange, DEFAULT_WINDOW);
        stream.end(Direction::ToServer);
        conn.highest = 1;
        conn.streams.insert(1, stream);
        conn
    }

    /// Bytes of memory in use, about.
    pub(crate) fn held(&self) -> usize {
        let blocks = self.blocks.iter().flatten().map(Pending::held).sum::<usize>();
        let readers = self.readers.iter().map(Reader::held).sum::<usize>();
        let tables = self.hpack.iter().map(hpack::Decoder::held).sum::<usize>();
        let streams = self.streams.len() * (size_of::<Stream>() + NODE) + self.closed.len() * size_of::<u32>();
        let guess = self.role_guess.as_ref().map_or(0, |guess| guess.held());
        size_of::<Conn>() + blocks + readers + tables + streams + guess
    }

    /// Joined under way, and the guess which end is the client was wrong.
    pub(crate) fn flipped(&self) -> bool {
        self.flipped
    }

    pub(crate) fn push(&mut self, event: &ByteEvent<'_>, sink: &mut Sink<'_>) {
        if let Some(role_guess) = &mut self.role_guess {
            let Some(to_server) = role_guess.push(event) else { return };
            self.flipped = to_server == Direction::ToClient;
            let backlogs = self.role_guess.take().map(|role_guess| role_guess.into_backlogs()).unwrap_or_default();
            in_order(&backlogs, |dir, stamp, item| {
                let what = item.event(dir, stamp);
                self.push(&what, sink);
            });
            if !matches!(event.what, What::Closed(_)) {
                return; // the backlog contains this event
            }
        }
        let dir = if self.flipped { event.dir.other() } else { event.dir };
        let here = Here { at: event.at, frame: event.frame, dir };
        match &event.what {
            What::Data(bytes) => self.read(here, |reader, step| reader.push(bytes, step), sink),
            What::Gap(len) => self.read(here, |reader, step| reader.gap(*len, step), sink),
            What::End(how) => self.end(here, *how, sink),
            What::Closed(_) => self.close(here, sink),
            What::Open { .. } | What::Flip | What::Tls(_) | What::Oddity(_) => {}
        }
    }

    fn read(&mut self, here: Here, f: impl FnOnce(&mut Reader, &mut dyn FnMut(Step<'_>)), sink: &mut Sink<'_>) {
        let mut reader = std::mem::take(&mut self.readers[here.dir.index()]);
        f(&mut reader, &mut |step| self.step(here, step, sink));
        self.readers[here.dir.index()] = reader;
    }

    fn step(&mut self, here: Here, step: Step<'_>, sink: &mut Sink<'_>) {
        match step {
            Step::Begin => {
                self.begun[here.dir.index()] = here.at;
                self.effort.earn();
            }
            Step::DataStart(head, len) => self.unit(here, head, len, sink),
            Step::Data(head, bytes) => self.say(here, head.stream, HttpWhat::Data(bytes), sink),
            Step::DataGap(head, len) => self.say(here, head.stream, HttpWhat::Gap(Some(len)), sink),
            Step::DataEnd(head) => self.unit_end(here, head, sink),
            Step::Frame(head, payload) => self.frame(here, head, payload, sink),
            Step::Skipped(head, why) => self.skipped(here, head, why, sink),
            Step::Lost => self.lost(here, sink),
        }
    }

    fn frame(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        match head.kind {
            kind::HEADERS => self.headers(here, head, payload, sink),
            kind::PUSH_PROMISE => self.push_promise(here, head, payload, sink),
            kind::CONTINUATION => self.continuation(here, head, payload, sink),
            kind::RST_STREAM => self.reset(here, head, payload, sink),
            kind::SETTINGS if !head.has(flag::ACK) => self.settings(here, payload, sink),
            kind::WINDOW_UPDATE => self.window_update(here, head, payload, sink),
            kind::GOAWAY => self.goaway(here, payload, sink),
            _ => {}
        }
    }

    /// The stream with this identifier, open or (`open_new`) new; `None` for frames on a stream that is over.
    fn stream(&mut self, id: u32, here: Here, open_new: bool, sink: &mut Sink<'_>) -> Option<&mut Stream> {
        if !self.streams.contains_key(&id) {
            let late = self.closed.contains(&id) || (!self.partial && id <= self.highest && id % 2 == 1);
            if id == 0 || late || !open_new {
                return None;
            }
            self.make_room(here, sink);
            self.highest = self.highest.max(if id % 2 == 1 { id } else { 0 });
            self.streams.insert(id, Stream::new(self.next, self.initial_window));
            self.next += 1;
            self.after_goaway(here, id, sink);
        }
        self.streams.get_mut(&id)
    }

    /// Emits an event of an open message.
    fn say(&mut self, here: Here, id: u32, what: HttpWhat<'_>, sink: &mut Sink<'_>) {
        let Some(stream) = self.streams.get(&id).filter(|s| s.progress(here.dir) != Progress::Ended) else { return };
        sink(HttpEvent { at: here.at, frame: here.frame, exchange: stream.number, side: Side::from(here.dir), what });
    }

    fn odd(
        &mut self,
        here: Here,
        id: u32,
        kind: Kind,
        found: impl Into<std::borrow::Cow<'static, str>>,
        sink: &mut Sink<'_>,
    ) {
        if let Some(stream) = self.streams.get(&id) {
            let what = HttpWhat::Oddity(Oddity::new(kind, here.at, found));
            sink(HttpEvent {
                at: here.at,
                frame: here.frame,
                exchange: stream.number,
                side: Side::from(here.dir),
                what,
            });
        }
    }
}

#[cfg(test)]
mod tests;
