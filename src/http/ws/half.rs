//! One direction: frames to messages.

use super::head::{Head, Kind as Frame, Partial};
use super::inflate::{Fault, Inflate};
use super::{BROKEN, CONTROL, FRAGMENTS, Heard, LOST, MASK, MAX_MESSAGE, Message, Opcode, RESERVED, TOO_LONG, TRUNCATED};
use crate::conn::Direction;
use crate::oddity::{Kind, Oddity};
use crate::time::Timestamp;

/// Payload of a control frame (RFC 6455 section 5.5).
const MAX_CONTROL: u64 = 125;
/// A buffer larger than this is given back after use.
const KEEP_CAPACITY: usize = 1 << 20;

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
        /// Bytes of it seen.
        seen: u64,
    },
    /// Nothing marks the beginning of a frame: no way back.
    Lost,
}

/// Where a frame's payload goes.
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
    first_at: Timestamp,
    /// It can't be kept.
    dropped: bool,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Half {
    dir: Direction,
    state: State,
    open: Option<Open>,
    message: Vec<u8>,
    control: Vec<u8>,
    inflate: Option<Inflate>,
    inflated: Vec<u8>,
    /// Time and place of the first byte of the frame at hand.
    frame_at: (Timestamp, u64),
    /// Bytes seen.
    offset: u64,
}

type Sink<'s> = dyn FnMut(Heard<'_>) + 's;

impl Half {
    /// `deflate`: agreed on, with or without context takeover.
    pub(super) fn new(dir: Direction, deflate: Option<bool>) -> Self {
        Half {
            dir,
            state: State::Head(Partial::default()),
            open: None,
            message: Vec::new(),
            control: Vec::new(),
            inflate: deflate.map(Inflate::new),
            inflated: Vec::new(),
            frame_at: (Timestamp::default(), 0),
            offset: 0,
        }
    }

    pub(super) fn push(&mut self, at: Timestamp, frame: u64, bytes: &[u8], sink: &mut Sink<'_>) {
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            match &mut self.state {
                State::Lost => return,
                State::Head(partial) => {
                    if partial.is_empty() {
                        self.frame_at = (at, self.offset);
                    }
                    let head = partial.push(first);
                    self.offset += 1;
                    rest = behind;
                    if let Some(head) = head {
                        self.begin(head, at, frame, sink);
                    }
                }
                State::Payload { head, goes, seen } => {
                    let left = usize::try_from(head.len - *seen).unwrap_or(usize::MAX);
                    let (now, behind) = rest.split_at(left.min(rest.len()));
                    let (mask, from, goes) = (head.mask, *seen, *goes);
                    *seen += now.len() as u64;
                    let whole = *seen == head.len;
                    self.offset += now.len() as u64;
                    rest = behind;
                    self.keep(goes, mask, from, now, at, sink);
                    if whole {
                        self.end(at, frame, sink);
                    }
                }
            }
        }
    }

    pub(super) fn gap(&mut self, at: Timestamp, len: u64, sink: &mut Sink<'_>) {
        if len == 0 || matches!(self.state, State::Lost) {
            return;
        }
        self.odd(LOST, at, format!("{len} bytes missing"), sink);
        self.offset = self.offset.saturating_add(len);
        match &mut self.state {
            // The frame's end is known: only what it carries is lost.
            State::Payload { head, goes, seen } if len < head.len - *seen => {
                *seen += len;
                if *goes == Goes::Message {
                    self.drop_message();
                } else {
                    *goes = Goes::Nowhere;
                }
            }
            _ => {
                self.drop_message();
                self.state = State::Lost;
            }
        }
    }

    pub(super) fn finish(&mut self, at: Timestamp, sink: &mut Sink<'_>) {
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

    /// A head is there.
    fn begin(&mut self, head: Head, at: Timestamp, frame: u64, sink: &mut Sink<'_>) {
        if head.mask.is_some() != (self.dir == Direction::ToServer) {
            self.odd(MASK, at, if head.mask.is_some() { "masked" } else { "not masked" }.to_owned(), sink);
        }
        let goes = self.destination(&head, at, sink);
        self.state = State::Payload { head, goes, seen: 0 };
        if head.len == 0 {
            self.end(at, frame, sink);
        }
    }

    fn destination(&mut self, head: &Head, at: Timestamp, sink: &mut Sink<'_>) -> Goes {
        let begins = matches!(head.kind, Frame::Of(_)) && !head.kind.is_control();
        let squeezed = head.rsv1 && begins && self.inflate.is_some();
        if head.rsv || (head.rsv1 && !squeezed) {
            self.odd(RESERVED, at, "a reserved bit".to_owned(), sink);
        }
        match head.kind {
            Frame::Unknown(opcode) => {
                self.odd(RESERVED, at, format!("opcode {opcode}"), sink);
                Goes::Nowhere
            }
            Frame::Of(opcode) if head.kind.is_control() => {
                if !head.fin || head.len > MAX_CONTROL {
                    self.odd(CONTROL, at, format!("{opcode:?} of {} bytes{}", head.len, if head.fin { "" } else { ", fragmented" }), sink);
                }
                if head.len > MAX_CONTROL { Goes::Nowhere } else { Goes::Control(opcode) }
            }
            Frame::Of(opcode) => {
                if self.open.is_some() {
                    self.odd(FRAGMENTS, at, "a message begins within another".to_owned(), sink);
                    self.drop_message();
                    self.close();
                }
                self.open = Some(Open { opcode, compressed: squeezed, first_at: self.frame_at.0, dropped: false });
                Goes::Message
            }
            Frame::Continuation if self.open.is_some() => Goes::Message,
            Frame::Continuation => {
                self.odd(FRAGMENTS, at, "a continuation of nothing".to_owned(), sink);
                Goes::Nowhere
            }
        }
    }

    fn keep(&mut self, goes: Goes, mask: Option<[u8; 4]>, from: u64, bytes: &[u8], at: Timestamp, sink: &mut Sink<'_>) {
        let buf = match (goes, &self.open) {
            (Goes::Message, Some(Open { dropped: false, .. })) if self.message.len() + bytes.len() > MAX_MESSAGE => {
                self.drop_message();
                return self.odd(TOO_LONG, at, format!("over {MAX_MESSAGE} bytes"), sink);
            }
            (Goes::Message, Some(Open { dropped: false, .. })) => &mut self.message,
            (Goes::Control(_), _) => &mut self.control,
            _ => return,
        };
        match mask {
            None => buf.extend_from_slice(bytes),
            Some(mask) => buf.extend(bytes.iter().zip(mask.iter().cycle().skip((from % 4) as usize)).map(|(byte, mask)| byte ^ mask)),
        }
    }

    /// The frame is all there.
    fn end(&mut self, at: Timestamp, frame: u64, sink: &mut Sink<'_>) {
        let State::Payload { head, goes, .. } = std::mem::replace(&mut self.state, State::Head(Partial::default())) else { return };
        let dir = self.dir;
        match (goes, self.open) {
            (Goes::Control(opcode), _) => {
                let (first_at, payload) = (self.frame_at.0, self.control.as_slice());
                sink(Heard::Message(Message { dir, opcode, at, frame, first_at, compressed: false, payload }));
                self.control.clear();
            }
            (Goes::Message, Some(open)) if head.fin => {
                if !open.dropped {
                    self.say(open, at, frame, sink);
                }
                self.close();
            }
            _ => {}
        }
    }

    /// The message is all there.
    fn say(&mut self, open: Open, at: Timestamp, frame: u64, sink: &mut Sink<'_>) {
        let Open { opcode, compressed, first_at, .. } = open;
        let payload = match self.inflate.as_mut().filter(|_| compressed) {
            None => &self.message,
            Some(inflate) => {
                self.inflated.clear();
                match inflate.message(&self.message, &mut self.inflated) {
                    Ok(()) => &self.inflated,
                    Err(Fault::Broken) => return self.odd(BROKEN, at, format!("{} bytes", self.message.len()), sink),
                    Err(Fault::TooLong) => return self.odd(TOO_LONG, at, format!("over {MAX_MESSAGE} bytes"), sink),
                }
            }
        };
        sink(Heard::Message(Message { dir: self.dir, opcode, at, frame, first_at, compressed, payload }));
    }

    /// Of the message at hand nothing is kept.
    fn drop_message(&mut self) {
        self.message = Vec::new();
        let Some(open) = &mut self.open else { return };
        open.dropped = true;
        if let Some(inflate) = self.inflate.as_mut().filter(|_| open.compressed) {
            inflate.lose();
        }
    }

    /// The message is over.
    fn close(&mut self) {
        self.open = None;
        for buf in [&mut self.message, &mut self.inflated] {
            buf.clear();
            buf.shrink_to(KEEP_CAPACITY);
        }
    }

    fn odd(&self, kind: Kind, at: Timestamp, found: String, sink: &mut Sink<'_>) {
        sink(Heard::Oddity(Oddity::new(kind, at, found).offset(self.frame_at.1)));
    }
}
