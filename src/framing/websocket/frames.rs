//! One direction of a WebSocket: frames to messages.

use super::head::{Head, Kind as Frame, Partial};
use super::inflate::{Fault, Inflate};
use super::{AFTER_CLOSE, BROKEN, CONTROL, FRAGMENTS, MASK, Opcode, RESERVED, Sender, TRUNCATED, deflate};
use crate::framing::carry::{Carry, MAX_RECORD};
use crate::framing::{Framed, Framer, Placed, Record, Sink, TOO_LONG, carry, lost};
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;

/// Bytes of memory of an inflater: its window and its tables.
const INFLATE: usize = 48 << 10;

/// Payload of a control frame (RFC 6455 section 5.5).
const MAX_CONTROL: u64 = 125;

/// ```text
/// Head ─last byte─▶ Payload ─last byte─▶ Head
///  └─gap─▶ Lost ◀─gap beyond its end─┘
/// ```
#[derive(Debug)]
enum State {
    Head(Partial),
    Payload {
        head: Head,
        goes: Goes,
        /// Number of its bytes seen.
        seen: u64,
    },
    /// Nothing marks the beginning of a frame: reading can't resume.
    Lost,
}

/// Destination of a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    Message,
    Control(Opcode),
    Nowhere,
}

/// A message whose last fragment has not come.
#[derive(Debug, Clone, Copy)]
struct Open {
    opcode: Opcode,
    compressed: bool,
    start: u64,
    first_at: Timestamp,
    /// It is not kept.
    dropped: bool,
}

/// Cutter of one direction.
#[derive(Debug)]
pub(in crate::framing) struct Frames {
    sender: Sender,
    state: State,
    open: Option<Open>,
    message: Carry,
    control: Vec<u8>,
    inflate: Option<Inflate>,
    inflated: Vec<u8>,
    /// Bytes that a message may inflate to, and whether one did not fit.
    room: usize,
    short: bool,
    /// Time and place of the first byte of the current frame.
    frame_at: (Timestamp, u64),
    closed: bool,
    n: u64,
}

/// End of the current frame: time, packet, offset after it.
#[derive(Debug, Clone, Copy)]
struct Here {
    at: Timestamp,
    frame: u64,
    end: u64,
}

impl Frames {
    /// What this end sends after a 101 whose `Sec-WebSocket-Extensions` has this value.
    pub(in crate::framing) fn new(sender: Sender, extensions: Option<&str>) -> Self {
        Frames {
            sender,
            state: State::Head(Partial::default()),
            open: None,
            message: Carry::default(),
            control: Vec::new(),
            inflate: deflate(sender, extensions).map(Inflate::new),
            inflated: Vec::new(),
            room: usize::MAX,
            short: false,
            frame_at: (Timestamp::default(), 0),
            closed: false,
            n: 0,
        }
    }

    /// A head is complete.
    fn begin(&mut self, head: Head, here: Here, sink: &mut Sink<'_>) {
        if head.mask.is_some() != (self.sender == Sender::Client) {
            self.odd(MASK, here.at, if head.mask.is_some() { "masked" } else { "not masked" }, sink);
        }
        if self.closed {
            self.odd(AFTER_CLOSE, here.at, format!("{:?} of {} bytes", head.kind, head.len), sink);
        }
        let goes = self.destination(&head, here.at, sink);
        self.state = State::Payload { head, goes, seen: 0 };
        if head.len == 0 {
            self.end(here, sink);
        }
    }

    fn destination(&mut self, head: &Head, at: Timestamp, sink: &mut Sink<'_>) -> Goes {
        let begins = matches!(head.kind, Frame::Of(_)) && !head.kind.is_control();
        let squeezed = head.rsv1 && begins && self.inflate.is_some();
        if head.rsv || (head.rsv1 && !squeezed) {
            self.odd(RESERVED, at, "a reserved bit", sink);
        }
        match head.kind {
            Frame::Unknown(opcode) => {
                self.odd(RESERVED, at, format!("opcode {opcode}"), sink);
                Goes::Nowhere
            }
            Frame::Of(opcode) if head.kind.is_control() => {
                if !head.fin || head.len > MAX_CONTROL {
                    self.odd(
                        CONTROL,
                        at,
                        format!("{opcode:?} of {} bytes{}", head.len, if head.fin { "" } else { ", fragmented" }),
                        sink,
                    );
                }
                if head.len > MAX_CONTROL { Goes::Nowhere } else { Goes::Control(opcode) }
            }
            Frame::Of(opcode) => {
                if self.open.is_some() {
                    self.odd(FRAGMENTS, at, "a message begins inside another", sink);
                    self.drop_message();
                    self.close();
                }
                let (first_at, start) = self.frame_at;
                self.open = Some(Open { opcode, compressed: squeezed, start, first_at, dropped: false });
                Goes::Message
            }
            Frame::Continuation if self.open.is_some() => Goes::Message,
            Frame::Continuation => {
                self.odd(FRAGMENTS, at, "a continuation without a beginning", sink);
                Goes::Nowhere
            }
        }
    }

    fn keep(&mut self, goes: Goes, mask: Option<[u8; 4]>, from: u64, bytes: &[u8], at: Timestamp, sink: &mut Sink<'_>) {
        let kept = matches!(self.open, Some(Open { dropped: false, .. }));
        if goes == Goes::Nowhere || (goes == Goes::Message && !kept) {
            return;
        }
        if goes == Goes::Message && self.message.len() + bytes.len() > MAX_RECORD {
            self.drop_message();
            return self.odd(TOO_LONG, at, format!("over {MAX_RECORD} bytes"), sink);
        }
        let plain: Vec<u8>;
        let bytes = match mask {
            None => bytes,
            Some(mask) => {
                let key = mask.iter().cycle().skip((from % 4) as usize);
                plain = bytes.iter().zip(key).map(|(byte, key)| byte ^ key).collect();
                &plain
            }
        };
        match goes {
            Goes::Control(_) => self.control.extend_from_slice(bytes),
            _ => self.message.keep(bytes),
        }
    }

    /// The frame is complete.
    fn end(&mut self, here: Here, sink: &mut Sink<'_>) {
        let State::Payload { head, goes, .. } = std::mem::replace(&mut self.state, State::Head(Partial::default()))
        else {
            return;
        };
        match (goes, self.open) {
            (Goes::Control(opcode), _) => {
                let (at, start, payload) = (here.at, self.frame_at.1, self.control.as_slice());
                if opcode == Opcode::Close {
                    self.closed = true;
                    sink(Framed::Closed { at, offset: start, said: payload });
                } else {
                    sink(Framed::Comment { at, start, text: payload });
                }
                self.control.clear();
            }
            (Goes::Message, Some(open)) if head.fin => {
                if !open.dropped {
                    self.say(open, here, sink);
                }
                self.close();
            }
            _ => {}
        }
    }

    /// The message is complete.
    fn say(&mut self, open: Open, here: Here, sink: &mut Sink<'_>) {
        let Open { opcode, compressed, start, first_at, .. } = open;
        let Here { at, frame, end } = here;
        let data = match self.inflate.as_mut().filter(|_| compressed) {
            None => self.message.bytes(),
            Some(inflate) => {
                self.inflated.clear();
                match inflate.message(self.message.bytes(), &mut self.inflated, self.room) {
                    Ok(()) => &self.inflated,
                    Err(Fault::Broken) => return self.odd(BROKEN, at, format!("{} bytes", self.message.len()), sink),
                    Err(Fault::NoRoom) => {
                        self.short = true;
                        return;
                    }
                    Err(Fault::TooLong) => return self.odd(TOO_LONG, at, format!("over {MAX_RECORD} bytes"), sink),
                }
            }
        };
        let event = if opcode == Opcode::Binary { "binary" } else { "" };
        let n = self.n;
        self.n += 1;
        sink(Framed::Record(Record { n, at, first_at, frame, start, end, data, event, ..Record::default() }));
    }

    /// Drops the current message.
    fn drop_message(&mut self) {
        self.message.clear();
        let Some(open) = &mut self.open else { return };
        open.dropped = true;
        if let Some(inflate) = self.inflate.as_mut().filter(|_| open.compressed) {
            inflate.lose();
        }
    }

    /// The message is over.
    fn close(&mut self) {
        self.open = None;
        self.message.clear();
        carry::clear(&mut self.inflated);
    }

    fn odd(&self, kind: Kind, at: Timestamp, found: impl Into<std::borrow::Cow<'static, str>>, sink: &mut Sink<'_>) {
        sink(Framed::Oddity(Oddity::new(kind, at, found).offset(self.frame_at.1).record(self.n)));
    }
}

impl Framer for Frames {
    fn held(&self) -> usize {
        self.message.held() + self.inflated.capacity() + self.inflate.as_ref().map_or(0, |_| INFLATE)
    }

    fn allow(&mut self, bytes: usize) {
        self.room = bytes;
    }

    fn is_short(&self) -> bool {
        self.short
    }

    fn push(&mut self, piece: Placed<'_>, sink: &mut Sink<'_>) {
        let (at, frame) = (piece.at, piece.frame);
        let mut i = 0;
        while let Some(&first) = piece.bytes.get(i) {
            match &mut self.state {
                State::Lost => return,
                State::Head(partial) => {
                    if partial.is_empty() {
                        self.frame_at = (at, piece.pos(i));
                    }
                    let head = partial.push(first);
                    i += 1;
                    if let Some(head) = head {
                        self.begin(head, Here { at, frame, end: piece.pos(i) }, sink);
                    }
                }
                State::Payload { head, goes, seen } => {
                    let left = usize::try_from(head.len - *seen).unwrap_or(usize::MAX);
                    let rest = piece.bytes.get(i..).unwrap_or_default();
                    let now = rest.get(..left).unwrap_or(rest);
                    let (mask, from, goes) = (head.mask, *seen, *goes);
                    *seen += now.len() as u64;
                    let whole = *seen == head.len;
                    i += now.len();
                    self.keep(goes, mask, from, now, at, sink);
                    if whole {
                        self.end(Here { at, frame, end: piece.pos(i) }, sink);
                    }
                }
            }
        }
    }

    /// If the gap is inside the current frame, the frame's end is known and only its payload is lost.
    fn gap(&mut self, at: Timestamp, offset: u64, len: Option<u64>, sink: &mut Sink<'_>) {
        if len == Some(0) || matches!(self.state, State::Lost) {
            return;
        }
        sink(Framed::Oddity(lost(at, offset, len, self.message.len()).record(self.n)));
        match (&mut self.state, len) {
            (State::Payload { head, goes, seen }, Some(len)) if len <= head.len - *seen => {
                *seen += len;
                let whole = *seen == head.len;
                match *goes {
                    Goes::Message => self.drop_message(),
                    _ => *goes = Goes::Nowhere,
                }
                self.control.clear();
                if whole {
                    self.end(Here { at, frame: 0, end: offset.saturating_add(len) }, sink);
                }
            }
            _ => {
                self.drop_message();
                self.state = State::Lost;
            }
        }
    }

    fn finish(&mut self, at: Timestamp, _: u64, _: bool, sink: &mut Sink<'_>) {
        let found = match &self.state {
            State::Lost => return,
            State::Head(partial) if partial.is_empty() && self.open.is_none() => return,
            State::Head(partial) if partial.is_empty() => "the last fragment is missing".to_owned(),
            State::Head(partial) => format!("{} bytes of a frame's head", partial.have()),
            State::Payload { head, seen, .. } => format!("{seen} of {} bytes of a frame", head.len),
        };
        self.odd(TRUNCATED, at, found, sink);
        self.state = State::Lost;
    }
}
