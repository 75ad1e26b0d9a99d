//! HTTP/2 (RFC 9113) as a listener sees it: frames of both directions become the same events as HTTP/1.
//!
//! A connection joined in the middle is read from the first bytes that make frames; header table entries from before are marked unknown.

pub(crate) mod frame;
mod control;
mod head;
mod hpack;
mod stream;

use super::event::{HttpEvent, HttpWhat, MessageEnd, Side};
use crate::conn::{ByteEvent, Direction, End, What};
use crate::oddity::{Kind, Oddity};
use crate::time::{Span, Timestamp};
use frame::{Head, Reader, Step, flag, kind};
use head::Block;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use stream::{Progress, Stream, Window};

/// A header table entry from before the capture was used.
pub const UNKNOWN_ENTRY: Kind = Kind("h2.unknown-table-entry");
/// A field block could not be read to its end.
pub const BAD_BLOCK: Kind = Kind("h2.bad-field-block");
/// The server could not send for lack of window: the client's flow control, not the server's silence.
pub const WINDOW_SHUT: Kind = Kind("h2.window-shut");
/// RST_STREAM with its code and sender.
pub const RESET: Kind = Kind("h2.rst-stream");
/// GOAWAY that does not cover this stream.
pub const GOAWAY: Kind = Kind("h2.goaway");
/// Bytes that make no frame, or a frame of impossible size.
pub const BAD_FRAME: Kind = Kind("h2.bad-frame");

/// A window that was shut for less is not worth a word.
const STALL: Span = Span::from_millis(1);
/// Field block fragments that are joined (RFC 9113 section 10.5.1 leaves the limit to the reader).
const MAX_BLOCK: usize = 1 << 20;
/// Identifiers of ended streams that are remembered.
const CLOSED_KEPT: usize = 256;
const DEFAULT_WINDOW: i64 = 65_535;

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Index by direction.
    readers: [Reader; 2],
    hpack: [hpack::Decoder; 2],
    /// Field block being collected, per direction: stream, END_STREAM, time of its first byte, promised stream.
    blocks: [Option<Pending>; 2],
    begun: [Timestamp; 2],
    streams: HashMap<u32, Stream>,
    /// The last ones that ended: late frames on them open nothing.
    closed: VecDeque<u32>,
    /// Highest client-opened stream so far.
    highest: u32,
    joined: bool,
    next: u64,
    window: Window,
    initial_window: i64,
    /// Who closed first, with how.
    first_end: Option<(Direction, End)>,
    flipped: bool,
}

#[derive(Debug)]
struct Pending {
    stream: u32,
    promised: Option<u32>,
    end_stream: bool,
    first_at: Timestamp,
    bytes: Vec<u8>,
}

/// Where an event stands, for the helpers.
#[derive(Clone, Copy)]
struct Here {
    at: Timestamp,
    frame: u64,
    dir: Direction,
}

type Sink<'s> = dyn FnMut(HttpEvent<'_>) + 's;

impl Conn {
    /// `joined`: the beginning was not seen. `next`: number of the next exchange of the connection.
    pub(crate) fn new(joined: bool, next: u64) -> Self {
        Conn {
            readers: [Reader::new(true, joined), Reader::new(false, joined)],
            hpack: [hpack::Decoder::new(joined), hpack::Decoder::new(joined)],
            blocks: [None, None],
            begun: [Timestamp::default(); 2],
            streams: HashMap::new(),
            closed: VecDeque::new(),
            highest: 0,
            joined,
            next,
            window: Window::new(DEFAULT_WINDOW),
            initial_window: DEFAULT_WINDOW,
            first_end: None,
            flipped: false,
        }
    }

    /// After `Upgrade: h2c`: stream 1 answers the HTTP/1.1 request of this exchange (RFC 7540 section 3.2).
    pub(crate) fn upgraded(exchange: u64) -> Self {
        let mut conn = Conn::new(false, exchange + 1);
        let mut stream = Stream::new(exchange, DEFAULT_WINDOW);
        stream.request = Progress::Ended;
        conn.streams.insert(1, stream);
        conn
    }

    /// Joined in the middle, and the guess of who is the client was wrong.
    pub(crate) fn flipped(&self) -> bool {
        self.flipped
    }

    pub(crate) fn push(&mut self, event: &ByteEvent<'_>, sink: &mut Sink<'_>) {
        let dir = if self.flipped { event.dir.other() } else { event.dir };
        let here = Here { at: event.at, frame: event.frame, dir };
        match &event.what {
            What::Data(bytes) => self.bytes(here, bytes, sink),
            What::Gap(len) => self.gap(here, *len, sink),
            What::End(how) => self.end(here, *how, sink),
            What::Closed(_) => self.close(here, sink),
            What::Open { .. } | What::Flip | What::Oddity(_) => {}
        }
    }

    fn bytes(&mut self, here: Here, bytes: &[u8], sink: &mut Sink<'_>) {
        let i = here.dir.index();
        let before = self.flipped;
        let mut reader = std::mem::replace(&mut self.readers[i], Reader::new(false, false));
        reader.push(bytes, &mut |step| {
            // A flip in the middle of a delivery changes the meaning of what follows.
            let dir = if self.flipped == before { here.dir } else { here.dir.other() };
            self.step(Here { dir, ..here }, step, sink);
        });
        self.readers[if self.flipped == before { i } else { 1 - i }] = reader;
    }

    fn step(&mut self, here: Here, step: Step<'_>, sink: &mut Sink<'_>) {
        match step {
            Step::Begin => self.begun[here.dir.index()] = here.at,
            Step::DataStart(head, len) => self.unit(here, head, len, sink),
            Step::Data(head, bytes) => self.say(here, head.stream, HttpWhat::Data(bytes), sink),
            Step::DataEnd(head) => self.unit_end(here, head, sink),
            Step::Frame(head, payload) => self.frame(here, head, payload, sink),
            Step::Skipped(head) => {
                if matches!(head.kind, kind::HEADERS | kind::CONTINUATION | kind::PUSH_PROMISE) {
                    self.hpack[here.dir.index()].lost_block();
                }
                self.odd(here, head.stream, BAD_FRAME, format!("frame type {} of {} bytes", head.kind, head.len), sink);
            }
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

    fn headers(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let fragment = unpad(head, payload).and_then(|p| if head.has(flag::PRIORITY) { p.get(5..) } else { Some(p) });
        self.start_block(here, head, None, fragment.unwrap_or_default(), sink);
    }

    fn push_promise(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let Some((id, fragment)) = unpad(head, payload).and_then(|p| p.split_first_chunk::<4>()) else { return };
        let promised = u32::from_be_bytes(*id) & 0x7fff_ffff;
        self.start_block(here, head, Some(promised), fragment, sink);
    }

    fn start_block(&mut self, here: Here, head: Head, promised: Option<u32>, fragment: &[u8], sink: &mut Sink<'_>) {
        let i = here.dir.index();
        let end_stream = head.kind == kind::HEADERS && head.has(flag::END_STREAM);
        let first_at = self.begun[i];
        self.blocks[i] = Some(Pending { stream: head.stream, promised, end_stream, first_at, bytes: fragment.to_vec() });
        self.finish_block(here, head, sink);
    }

    fn continuation(&mut self, here: Here, head: Head, payload: &[u8], sink: &mut Sink<'_>) {
        let i = here.dir.index();
        match &mut self.blocks[i] {
            Some(block) if block.stream == head.stream && block.bytes.len() + payload.len() <= MAX_BLOCK => {
                block.bytes.extend_from_slice(payload);
                self.finish_block(here, head, sink);
            }
            _ => {
                self.blocks[i] = None;
                self.hpack[i].lost_block();
                self.odd(here, head.stream, BAD_FRAME, "CONTINUATION without its HEADERS, or too long", sink);
            }
        }
    }

    fn finish_block(&mut self, here: Here, head: Head, sink: &mut Sink<'_>) {
        let i = here.dir.index();
        if !head.has(flag::END_HEADERS) {
            return;
        }
        let Some(pending) = self.blocks[i].take() else { return };
        let (fields, broken) = self.hpack[i].decode(&pending.bytes);
        let block = Block { fields, first_at: pending.first_at };
        if broken.is_some() {
            self.hpack[i].lost_block();
        }
        let from_client = match (block.is_request(), block.is_response()) {
            _ if pending.promised.is_some() => true,
            (true, false) => true,
            (false, true) => false,
            _ => here.dir == Direction::ToServer,
        };
        if pending.promised.is_none() && from_client != (here.dir == Direction::ToServer) && self.streams.is_empty() {
            self.flip();
        }
        let id = pending.promised.unwrap_or(pending.stream);
        self.head(Here { dir: direction(from_client), ..here }, id, &block, pending.end_stream || pending.promised.is_some(), sink);
        if block.has_unknown() {
            self.odd(here, id, UNKNOWN_ENTRY, "header fields from before the capture", sink);
        }
        if let Some(broken) = broken {
            self.odd(here, id, BAD_BLOCK, format!("{} at byte {} of the field block", broken.what, broken.offset), sink);
        }
    }

    /// A head or a trailer section.
    fn head(&mut self, here: Here, id: u32, block: &Block, ended: bool, sink: &mut Sink<'_>) {
        let Some(stream) = self.stream(id) else { return };
        let from_client = here.dir == Direction::ToServer;
        let progress = if from_client { &mut stream.request } else { &mut stream.response };
        let what = match (*progress, from_client) {
            (Progress::Waiting, true) => {
                *progress = Progress::Open;
                HttpWhat::Request(Box::new(block.request(id, ended)))
            }
            (Progress::Waiting, false) => {
                let head = block.response(id, ended);
                if !head.is_interim() {
                    *progress = Progress::Open;
                }
                HttpWhat::Response(Box::new(head))
            }
            _ => HttpWhat::Trailers(block.list()),
        };
        self.say(here, id, what, sink);
        if ended {
            self.message_end(here, id, MessageEnd::Complete, sink);
        }
    }

    fn unit(&mut self, here: Here, head: Head, len: u64, sink: &mut Sink<'_>) {
        if self.stream(head.stream).is_none() {
            return;
        }
        self.say(here, head.stream, HttpWhat::UnitStart { len, line: b"" }, sink);
        if here.dir == Direction::ToClient {
            self.window.spend(head.len, here.at);
            if let Some(stream) = self.streams.get_mut(&head.stream) {
                stream.window.spend(head.len, here.at);
            }
        }
    }

    fn unit_end(&mut self, here: Here, head: Head, sink: &mut Sink<'_>) {
        self.say(here, head.stream, HttpWhat::UnitEnd, sink);
        if head.has(flag::END_STREAM) {
            self.message_end(here, head.stream, MessageEnd::Complete, sink);
        }
    }

    fn message_end(&mut self, here: Here, id: u32, how: MessageEnd, sink: &mut Sink<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let progress = if here.dir == Direction::ToServer { &mut stream.request } else { &mut stream.response };
        if *progress == Progress::Ended {
            return;
        }
        *progress = Progress::Ended;
        let event = HttpEvent { at: here.at, frame: here.frame, exchange: stream.number, side: side(here.dir), what: HttpWhat::End(how) };
        sink(event);
        if stream.is_over() {
            self.streams.remove(&id);
            self.closed.push_back(id);
            if self.closed.len() > CLOSED_KEPT {
                self.closed.pop_front();
            }
        }
    }

    fn gap(&mut self, here: Here, len: u64, sink: &mut Sink<'_>) {
        let i = here.dir.index();
        if let Some(head) = self.readers[i].gap(len) {
            self.say(here, head.stream, HttpWhat::Gap(Some(len)), sink);
            return;
        }
        self.blocks[i] = None;
        self.hpack[i].lost_block();
        let open: Vec<u32> = self.streams.keys().copied().collect();
        for id in open {
            let ended = self.streams.get(&id).is_none_or(|s| match here.dir {
                Direction::ToServer => s.request == Progress::Ended,
                Direction::ToClient => s.response != Progress::Open,
            });
            if !ended {
                self.say(here, id, HttpWhat::Gap(None), sink);
            }
        }
    }

    fn end(&mut self, here: Here, how: End, sink: &mut Sink<'_>) {
        self.first_end.get_or_insert((here.dir, how));
        if here.dir == Direction::ToClient || how != End::Fin {
            self.close(here, sink);
        }
    }

    /// The connection is over: what is open was cut by whoever closed first.
    fn close(&mut self, here: Here, sink: &mut Sink<'_>) {
        let how = match self.first_end {
            Some((Direction::ToServer, End::Fin | End::Reset)) => MessageEnd::CutByClient,
            Some((Direction::ToClient, End::Fin | End::Reset)) => MessageEnd::CutByServer,
            _ => MessageEnd::CutByCapture,
        };
        let mut open: Vec<u32> = self.streams.keys().copied().collect();
        open.sort_unstable();
        for id in open {
            for dir in [Direction::ToServer, Direction::ToClient] {
                let waiting = self.streams.get(&id).is_some_and(|s| dir == Direction::ToClient && s.response == Progress::Waiting);
                if !waiting {
                    self.message_end(Here { dir, ..here }, id, how, sink);
                }
            }
        }
        self.streams.clear();
    }

    /// Client and server are the other way round: nothing was said yet, so only the readers' state changes sides.
    fn flip(&mut self) {
        self.flipped = !self.flipped;
        self.readers.swap(0, 1);
        self.hpack.swap(0, 1);
        self.blocks.swap(0, 1);
        self.begun.swap(0, 1);
    }

    /// The stream with this identifier, new or open; `None` for frames on one that is over.
    fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        let Conn { streams, closed, next, initial_window, highest, joined, .. } = self;
        match streams.entry(id) {
            Entry::Occupied(open) => Some(open.into_mut()),
            Entry::Vacant(_) if id == 0 || closed.contains(&id) || (!*joined && id <= *highest && id % 2 == 1) => None,
            Entry::Vacant(new) => {
                *highest = (*highest).max(if id % 2 == 1 { id } else { 0 });
                *next += 1;
                Some(new.insert(Stream::new(*next - 1, *initial_window)))
            }
        }
    }

    fn say(&mut self, here: Here, id: u32, what: HttpWhat<'_>, sink: &mut Sink<'_>) {
        let Some(exchange) = self.stream(id).map(|s| s.number) else { return };
        sink(HttpEvent { at: here.at, frame: here.frame, exchange, side: side(here.dir), what });
    }

    fn odd(&mut self, here: Here, id: u32, kind: Kind, found: impl Into<std::borrow::Cow<'static, str>>, sink: &mut Sink<'_>) {
        if let Some(stream) = self.streams.get(&id) {
            let what = HttpWhat::Oddity(Oddity::new(kind, here.at, found));
            sink(HttpEvent { at: here.at, frame: here.frame, exchange: stream.number, side: side(here.dir), what });
        }
    }
}

/// Payload without the pad length octet and the padding; `None` where the padding is longer than the payload.
fn unpad(head: Head, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(flag::PADDED) {
        return Some(payload);
    }
    let (pad, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*pad))?)
}

fn side(dir: Direction) -> Side {
    match dir {
        Direction::ToServer => Side::Request,
        Direction::ToClient => Side::Response,
    }
}

fn direction(from_client: bool) -> Direction {
    if from_client { Direction::ToServer } else { Direction::ToClient }
}
